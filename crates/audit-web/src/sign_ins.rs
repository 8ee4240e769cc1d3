//! People who signed in to the pages: their sessions, and how often one may try.
//!
//! What they signed in with (an access token, the identity provider, the emergency password) is looked at once and not
//! kept. What remains is a session in memory, known to the browser by 256 random bits of which only the SHA-256 is here,
//! and bound to what it began with ([`Holder`]): a token that expires or is revoked ends its sessions. A restart ends
//! them all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{Extensions, HeaderMap, HeaderValue};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::front::Via;

mod attempts;
mod holder;

pub(crate) use attempts::Attempts;
pub(crate) use holder::{EMERGENCY_ID, Guest, Holder, emergency_caller, emergency_user};

/// The cookie that holds a session's id.
const COOKIE_NAME: &str = "secureai_audit_session";
/// Where the cookie goes, and nowhere else: an application that we stand in front of never sees it.
const COOKIE_PATHS: [&str; 2] = ["/audit", crate::router::PREFIXES[0]];

const SECOND: i64 = 1_000_000;
/// No session is older.
const OLDEST: i64 = 24 * 60 * 60 * SECOND;
/// An id this old is replaced by another at the next page.
const ROTATE_AFTER: i64 = 15 * 60 * SECOND;
/// So long the replaced id is still good: requests that were on their way, other tabs.
const ROTATION_GRACE: i64 = 60 * SECOND;
/// Sessions at once; beyond it the one longest unused ends.
const MOST: usize = 1_024;

/// One person's session.
#[derive(Debug)]
pub(crate) struct SignIn {
    holder: Holder,
    /// Names the session in events; of no use to anybody who reads it there.
    session_id: String,
    form_key: String,
    began: Timestamp,
    /// How old it may become, and how long it may be unused.
    life: (i64, i64),
    used: AtomicI64,
    /// When its newest id was given out.
    renewed: AtomicI64,
    has_ended: AtomicBool,
}

impl SignIn {
    /// What it began with.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// What names it in events.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// What every form of this session's pages carries: a page of somebody else cannot know it.
    pub fn form_key(&self) -> &str {
        &self.form_key
    }

    /// Whether it still counts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        let (now, began) = (now.as_micros(), self.began.as_micros());
        !self.has_ended.load(Ordering::Acquire)
            && now - began < self.life.0
            && now - self.used.load(Ordering::Relaxed) < self.life.1
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now.as_micros() - self.renewed.load(Ordering::Relaxed) >= ROTATE_AFTER
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    by_id: Mutex<HashMap<Id, Known>>,
    /// Who may try to sign in, and when.
    pub attempts: Attempts,
}

/// SHA-256 of the id in the cookie.
type Id = [u8; 32];

#[derive(Debug, Clone)]
struct Known {
    sign_in: Arc<SignIn>,
    /// From when on the id is no longer good; it was replaced.
    until: Option<i64>,
}

impl SignIns {
    /// Begins a session; gives the id for its cookie, which nobody knew before. `session_id` names it in events.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn begin(
        &self,
        holder: Holder,
        session_id: String,
        now: Timestamp,
    ) -> Result<String, getrandom::Error> {
        let (text, id) = new_id()?;
        let (oldest, idle) = holder.life();
        let micros = |life: Duration| i64::try_from(life.as_micros()).unwrap_or(OLDEST).min(OLDEST);
        let sign_in = Arc::new(SignIn {
            holder,
            session_id,
            life: (micros(oldest), micros(idle)),
            form_key: new_id()?.0,
            began: now,
            used: AtomicI64::new(now.as_micros()),
            renewed: AtomicI64::new(now.as_micros()),
            has_ended: AtomicBool::new(false),
        });
        let mut by_id = self.by_id.lock();
        by_id.retain(|_, known| known.is_good(now));
        if by_id.len() >= MOST {
            let oldest = by_id.iter().min_by_key(|(_, known)| known.sign_in.used.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                by_id.remove(&oldest);
            }
        }
        by_id.insert(id, Known { sign_in, until: None });
        Ok(text)
    }

    /// The live session of a request's cookie, which thereby counts as used.
    pub fn find(&self, headers: &HeaderMap, now: Timestamp) -> Option<Arc<SignIn>> {
        let id = digest(presented(headers)?);
        let known = self.by_id.lock().get(&id).filter(|known| known.is_good(now)).cloned()?;
        known.sign_in.used.fetch_max(now.as_micros(), Ordering::Relaxed);
        Some(known.sign_in)
    }

    /// Since when emergency access is in use, if it is. `set_at`: when its password was set.
    pub fn emergency_since(&self, set_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let set_at = set_at?;
        let by_id = self.by_id.lock();
        let live = by_id.values().map(|known| &known.sign_in).filter(|sign_in| sign_in.is_alive(now));
        let emergencies =
            live.filter(|sign_in| matches!(sign_in.holder, Holder::Emergency(at) if at == set_at));
        emergencies.map(|sign_in| sign_in.began).min()
    }

    /// Another id for a session whose present one has been about for long; `None` while it has not.
    pub fn renew(&self, headers: &HeaderMap, now: Timestamp) -> Option<String> {
        let old = digest(presented(headers)?);
        let mut by_id = self.by_id.lock();
        let known = by_id.get_mut(&old).filter(|known| known.until.is_none() && known.is_good(now))?;
        if !known.sign_in.is_due(now) {
            return None;
        }
        let (text, id) = new_id().ok()?;
        known.until = Some(now.as_micros() + ROTATION_GRACE);
        known.sign_in.renewed.store(now.as_micros(), Ordering::Relaxed);
        let renewed = Known { sign_in: Arc::clone(&known.sign_in), until: None };
        by_id.insert(id, renewed);
        Some(text)
    }

    /// Ends a session, whichever of its ids are about.
    pub fn end(&self, sign_in: &SignIn) {
        sign_in.has_ended.store(true, Ordering::Release);
        self.by_id.lock().retain(|_, known| !known.sign_in.has_ended.load(Ordering::Acquire));
    }
}

impl Known {
    fn is_good(&self, now: Timestamp) -> bool {
        self.sign_in.is_alive(now) && self.until.is_none_or(|until| now.as_micros() < until)
    }
}

/// The cookies that carry `id`, as values of `Set-Cookie`. `is_private`: whether the connection is encrypted.
pub(crate) fn cookies(id: &str, is_private: bool) -> Vec<HeaderValue> {
    lines(id, OLDEST / SECOND, is_private)
}

/// What makes the browser forget the session.
pub(crate) fn cookies_of_nobody() -> Vec<HeaderValue> {
    lines("", 0, false)
}

fn lines(id: &str, life: i64, is_private: bool) -> Vec<HeaderValue> {
    let secure = if is_private { "; Secure" } else { "" };
    let line = |path: &str| {
        format!("{COOKIE_NAME}={id}; Path={path}; Max-Age={life}; HttpOnly; SameSite=Strict{secure}")
    };
    COOKIE_PATHS.iter().filter_map(|path| HeaderValue::try_from(line(path)).ok()).collect()
}

/// Whether the reader's connection is encrypted: to us, or to a proxy before us that says so. Who lies about it keeps
/// their own browser from sending the cookie, and no more.
pub(crate) fn is_private(extensions: &Extensions, headers: &HeaderMap) -> bool {
    let says_so = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    says_so || extensions.get::<Via>().is_some_and(|via| via.is_tls)
}

/// The value of a request's cookie of that name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE_NAME)
}

/// 128 random bits, as 32 hexadecimal digits: a name for a session in events.
///
/// # Errors
/// When the system gives no random bytes.
pub(crate) fn random_id() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn new_id() -> Result<(String, Id), getrandom::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let text = URL_SAFE_NO_PAD.encode(random);
    let id = digest(&text);
    Ok((text, id))
}

fn digest(text: &str) -> Id {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests;
