//! The conversation with the provider, step by step.

use std::fmt;
use std::sync::Arc;

use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::attempt::{Attempt, Seal};
use super::claims::{self, Identity};
use super::discovery::Metadata;
use super::keys::{Keys, Verdict};
use super::settings::{Settings, SettingsError};
use super::token::Token;
use super::{Fetch, Refusal};

const SECOND: i64 = 1_000_000;
/// So long the provider's word about its endpoints holds; then it is asked again.
const ASK_AGAIN_AFTER: i64 = 60 * 60 * SECOND;
/// So long it is left alone after it did not answer.
const LEAVE_ALONE: i64 = 5 * SECOND;

/// An identity provider that people sign in with. Clones share what is known of it.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
    seal: Seal,
    /// One asks, the others wait for the answer.
    asking: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    known: Option<Arc<Known>>,
    /// When it did not answer.
    failed: Option<(Timestamp, String)>,
}

/// What the provider said of itself.
struct Known {
    metadata: Metadata,
    keys: Keys,
    since: Timestamp,
}

/// A sign-in that begins.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// What it brings back.
    pub cookie: String,
}

/// What comes back in the address.
#[derive(Debug, Default)]
pub(crate) struct Returned<'r> {
    pub code: &'r str,
    pub state: &'r str,
    pub error: &'r str,
    pub issuer: Option<&'r str>,
}

/// A sign-in that ended well.
pub(crate) struct Done {
    pub identity: Identity,
    /// What tells the provider who signs out. A secret.
    pub id_token: Zeroizing<String>,
    /// Where to go on.
    pub next: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

impl Provider {
    /// Takes what is needed; asks nobody yet. `key` seals what browsers carry: random, of this process.
    ///
    /// # Errors
    /// When the settings cannot be right.
    pub fn build(settings: Settings, fetch: Arc<dyn Fetch>, key: &[u8; 32]) -> Result<Self, SettingsError> {
        settings.check()?;
        let (seal, asking, memory) = (Seal::new(key), tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { settings, fetch, seal, asking, memory })))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Begins a sign-in that goes on to `next`.
    ///
    /// # Errors
    /// [`Refusal::NoAnswer`].
    pub(crate) async fn begin(&self, next: &str, now: Timestamp) -> Result<Begun, Refusal> {
        let settings = &self.0.settings;
        let known = self.known(now).await?;
        let attempt = Attempt::begin(next, now).map_err(|error| Refusal::NoAnswer(error.to_string()))?;
        let cookie = self.0.seal.seal(&attempt).map_err(|error| Refusal::NoAnswer(error.to_string()))?;
        let scope = std::iter::once("openid").chain(settings.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let location = with_query(
            &known.metadata.authorization_endpoint,
            &[
                ("response_type", "code"),
                ("client_id", &settings.client_id),
                ("redirect_uri", &settings.redirect_uri()),
                ("scope", &scope),
                ("state", &attempt.state),
                ("nonce", &attempt.nonce),
                ("code_challenge", &attempt.challenge()),
                ("code_challenge_method", "S256"),
            ],
        );
        Ok(Begun { location, cookie })
    }

    /// Ends a sign-in: `cookie` is what [`Provider::begin`] gave this browser.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) async fn finish(
        &self,
        returned: &Returned<'_>,
        cookie: Option<&str>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let attempt = cookie.and_then(|cookie| self.0.seal.open(cookie, now)).ok_or(Refusal::NoAttempt)?;
        if !bool::from(attempt.state.as_bytes().ct_eq(returned.state.as_bytes())) {
            return Err(Refusal::WrongState);
        }
        let known = self.known(now).await?;
        let must_say = known.metadata.authorization_response_iss_parameter_supported;
        if returned.issuer.map_or(must_say, |issuer| issuer != self.0.settings.issuer) {
            return Err(Refusal::WrongProvider);
        }
        if !returned.error.is_empty() {
            return Err(Refusal::Declined(code_of(returned.error)));
        }
        let tokens = self.redeem(&known.metadata, returned.code, &attempt.verifier).await?;
        let mut claims = self.believe(&known, &tokens.id_token, &attempt.nonce, now).await?;
        if let Some(access) = &tokens.access_token {
            self.complete(&mut claims, &known.metadata, access).await?;
        }
        let identity = Identity::of(&claims, &self.0.settings)?;
        Ok(Done { identity, id_token: Zeroizing::new(tokens.id_token), next: attempt.next })
    }

    /// Where somebody signs out of the provider too, if it offers that (RP-Initiated Logout 1.0).
    pub(crate) fn sign_out(&self, id_token: &str) -> Option<String> {
        let known = self.remembered()?;
        let settings = &self.0.settings;
        let parameters = [
            ("id_token_hint", id_token),
            ("client_id", settings.client_id.as_str()),
            ("post_logout_redirect_uri", &settings.signed_out_uri()),
        ];
        Some(with_query(known.metadata.end_session_endpoint.as_deref()?, &parameters))
    }

    /// The origin of that address: a form of our pages leads there.
    pub(crate) fn sign_out_origin(&self) -> Option<String> {
        let known = self.remembered()?;
        let address: Uri = known.metadata.end_session_endpoint.as_deref()?.parse().ok()?;
        Some(format!("{}://{}", address.scheme_str()?, address.authority()?))
    }

    fn remembered(&self) -> Option<Arc<Known>> {
        self.0.memory.lock().known.clone()
    }

    /// What the provider says of itself, asked at most once an hour. While it does not answer, what it said before holds.
    async fn known(&self, now: Timestamp) -> Result<Arc<Known>, Refusal> {
        if let Some(known) = self.fresh(now)? {
            return Ok(known);
        }
        let _turn = self.0.asking.lock().await;
        if let Some(known) = self.fresh(now)? {
            return Ok(known);
        }
        let asked = self.ask(now).await;
        let mut memory = self.0.memory.lock();
        match asked {
            Ok(known) => {
                memory.failed = None;
                Ok(Arc::clone(memory.known.insert(Arc::new(known))))
            }
            Err(why) => {
                memory.failed = Some((now, why.clone()));
                memory.known.clone().ok_or(Refusal::NoAnswer(why))
            }
        }
    }

    fn fresh(&self, now: Timestamp) -> Result<Option<Arc<Known>>, Refusal> {
        let memory = self.0.memory.lock();
        let age = |since: Timestamp| now.as_micros() - since.as_micros();
        let just_failed = memory.failed.as_ref().filter(|(at, _)| age(*at) < LEAVE_ALONE);
        match (&memory.known, just_failed) {
            (Some(known), failed) if failed.is_some() || age(known.since) < ASK_AGAIN_AFTER => {
                Ok(Some(Arc::clone(known)))
            }
            (None, Some((_, why))) => Err(Refusal::NoAnswer(why.clone())),
            _ => Ok(None),
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<Known, String> {
        let issuer = &self.0.settings.issuer;
        let document = self.get(&Metadata::address(issuer), None).await?;
        let metadata = Metadata::read(&document, issuer)?;
        let keys = self.keys(&metadata).await?;
        Ok(Known { metadata, keys, since: now })
    }

    async fn keys(&self, metadata: &Metadata) -> Result<Keys, String> {
        let keys = self.get(&metadata.jwks_uri, None).await?;
        Keys::read(&keys).ok_or_else(|| "its keys cannot be read".to_owned())
    }

    /// Gives the code for tokens (RFC 6749, section 4.1.3).
    async fn redeem(&self, metadata: &Metadata, code: &str, verifier: &str) -> Result<Tokens, Refusal> {
        let request = self.token_request(metadata, code, verifier);
        let request = request.map_err(|error| Refusal::NoAnswer(error.to_string()))?;
        let answer = self.0.fetch.fetch(request).await.map_err(Refusal::NoAnswer)?;
        if answer.status() == StatusCode::OK {
            let unreadable = |_| Refusal::NoAnswer("its tokens cannot be read".to_owned());
            return serde_json::from_slice(answer.body()).map_err(unreadable);
        }
        Err(refused_code(&answer))
    }

    fn token_request(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Request<Bytes>, http::Error> {
        let settings = &self.0.settings;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", code);
        form.append_pair("redirect_uri", &settings.redirect_uri()).append_pair("code_verifier", verifier);
        let mut request = Request::post(&metadata.token_endpoint).header(ACCEPT, "application/json");
        match &settings.client_secret {
            Some(secret) if !metadata.takes_secret_in_body() => {
                request = request.header(AUTHORIZATION, basic(&settings.client_id, secret));
            }
            secret => {
                form.append_pair("client_id", &settings.client_id);
                form.extend_pairs(secret.iter().map(|secret| ("client_secret", secret)));
            }
        }
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(Bytes::from(form.finish()))
    }

    /// The claims of an ID token that is signed, and meant for us, now and here. New keys are looked for once.
    async fn believe(
        &self,
        known: &Arc<Known>,
        id_token: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let token = Token::read(id_token).ok_or(Refusal::NotBelieved("its statement cannot be read"))?;
        let verdict = |keys: &Keys| {
            keys.verify(token.head.kid.as_deref(), &token.head.alg, token.signed, &token.signature)
        };
        let mut found = verdict(&known.keys);
        if found == Verdict::UnknownKey {
            let keys = self.keys(&known.metadata).await.map_err(Refusal::NoAnswer)?;
            found = verdict(&keys);
            let renewed = Known { metadata: known.metadata.clone(), keys, since: known.since };
            self.0.memory.lock().known = Some(Arc::new(renewed));
        }
        match found {
            Verdict::Good => token.claims(&self.0.settings, nonce, now).map_err(Refusal::NotBelieved),
            Verdict::Bad => Err(Refusal::NotBelieved("its signature does not hold")),
            Verdict::UnknownKey => Err(Refusal::NotBelieved("none of its keys made the signature")),
            Verdict::UnfitAlgorithm => {
                Err(Refusal::NotBelieved("it is signed in a way that is not believed"))
            }
        }
    }

    /// Adds what the ID token leaves to the endpoint about users (OpenID Connect Core 1.0, section 5.3). What the token
    /// says counts.
    async fn complete(
        &self,
        claims: &mut Map<String, Value>,
        metadata: &Metadata,
        access_token: &str,
    ) -> Result<(), Refusal> {
        let Some(address) = &metadata.userinfo_endpoint else { return Ok(()) };
        if !claims::lacks_something(claims, &self.0.settings) {
            return Ok(());
        }
        let answer = self.get(address, Some(access_token)).await.map_err(Refusal::NoAnswer)?;
        let told: Map<String, Value> = serde_json::from_slice(&answer)
            .map_err(|_| Refusal::NoAnswer("what it says of the person cannot be read".to_owned()))?;
        if told.get("sub") != claims.get("sub") {
            return Err(Refusal::NotBelieved("it speaks of somebody else"));
        }
        for (name, value) in told {
            claims.entry(name).or_insert(value);
        }
        Ok(())
    }

    async fn get(&self, address: &str, access_token: Option<&str>) -> Result<Bytes, String> {
        let mut request = Request::get(address).header(ACCEPT, "application/json");
        if let Some(token) = access_token {
            request = request.header(AUTHORIZATION, secret_header(&format!("Bearer {token}"))?);
        }
        let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer = self.0.fetch.fetch(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(format!("it answers {}", status.as_u16())),
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// Client and secret, each encoded as in a form (RFC 6749, section 2.3.1).
fn basic(client_id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encoded(client_id), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        .unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

fn secret_header(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(text).map_err(|_| "its token cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why a code was not taken (RFC 6749, section 5.2).
fn refused_code(answer: &Response<Bytes>) -> Refusal {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    match body.get("error").and_then(Value::as_str) {
        Some("invalid_grant") => Refusal::StaleCode,
        error => {
            let error = code_of(error.unwrap_or_default());
            Refusal::NoAnswer(format!("its token endpoint answers {} {error}", answer.status().as_u16()))
        }
    }
}

/// An error code, if it reads like one: it is shown and recorded.
fn code_of(text: &str) -> String {
    let is_code = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_code { text.to_owned() } else { "no reason given".to_owned() }
}

/// An address with more parameters.
fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let separator = if address.contains('?') { '&' } else { '?' };
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{address}{separator}{query}")
}
