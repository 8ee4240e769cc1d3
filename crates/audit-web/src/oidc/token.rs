//! What an ID token must say (OpenID Connect Core 1.0, section 3.1.3.7).

use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::settings::Settings;
use crate::sessions::is_id_of_ours;

/// A token in its parts, not yet believed.
pub(super) struct Token<'t> {
    pub head: Head,
    /// What the signature is over.
    pub signed: &'t [u8],
    pub signature: Vec<u8>,
    claims: Vec<u8>,
}

/// Its head.
#[derive(Deserialize)]
pub(super) struct Head {
    pub alg: String,
    pub kid: Option<String>,
    /// Extensions that must be understood; we understand none.
    crit: Option<Value>,
}

impl<'t> Token<'t> {
    /// Takes a compact token (RFC 7515, section 3.1) apart.
    pub fn read(text: &'t str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let head: Head = serde_json::from_slice(&decode(head)?).ok()?;
        if head.crit.is_some() {
            return None;
        }
        Some(Self { head, signed: signed.as_bytes(), signature: decode(signature)?, claims: decode(claims)? })
    }

    /// Its claims, if they are meant for us, of this sign-in and of now. The signature is somebody else's to check, and
    /// before.
    ///
    /// # Errors
    /// Which of them does not hold.
    pub fn claims(
        &self,
        settings: &Settings,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, &'static str> {
        let claims: Map<String, Value> =
            serde_json::from_slice(&self.claims).map_err(|_| "its statement cannot be read")?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&settings.issuer) {
            return Err("it was issued by somebody else");
        }
        check_audience(&claims, &settings.client_id)?;
        check_times(&claims, settings, now)?;
        let is_of_this = text("nonce").is_some_and(|own| own.as_bytes().ct_eq(nonce.as_bytes()).into());
        if !is_of_this {
            return Err("it belongs to another sign-in");
        }
        // OpenID Connect Core 1.0, section 2.
        let subject = text("sub").unwrap_or_default();
        if !(1..=255).contains(&subject.len())
            || !subject.chars().any(|c| !c.is_whitespace() && !c.is_control())
        {
            return Err("it names nobody");
        }
        if is_id_of_ours(subject) {
            return Err("it names its person by an id that means somebody else here");
        }
        Ok(claims)
    }
}

fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), &'static str> {
    const NOT_FOR_US: &str = "it is meant for somebody else";
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audience.contains(&client_id) {
        return Err(NOT_FOR_US);
    }
    let party = claims.get("azp").map(|party| party.as_str());
    match party {
        Some(party) if party != Some(client_id) => Err(NOT_FOR_US),
        None if audience.len() > 1 => Err(NOT_FOR_US),
        _ => Ok(()),
    }
}

fn check_times(claims: &Map<String, Value>, settings: &Settings, now: Timestamp) -> Result<(), &'static str> {
    let second = |name: &str| {
        let value = claims.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(whole))
    };
    let skew = i64::try_from(settings.clock_skew.as_secs()).unwrap_or(i64::MAX);
    let now = now.as_micros().div_euclid(1_000_000);
    match second("exp") {
        Some(exp) if exp > now.saturating_sub(skew) => {}
        _ => return Err("its time is over; the clocks may be apart"),
    }
    let latest = now.saturating_add(skew);
    if second("iat").is_none_or(|iat| iat > latest) || second("nbf").is_some_and(|nbf| nbf > latest) {
        return Err("its time has not come; the clocks may be apart");
    }
    Ok(())
}

/// RFC 7519 allows fractions of seconds.
#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest whole number there is")]
fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}
