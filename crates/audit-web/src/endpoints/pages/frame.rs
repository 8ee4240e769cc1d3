//! What surrounds every page: who reads it, in which theme and time zone.

use std::convert::Infallible;
use std::sync::Arc;

use audit_control::{Caller, Permission, Permissions};
use audit_event::Timestamp;
use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderMap, Uri};
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::assets;
use super::form::Form;
use crate::encoding::Encoding;
use crate::oidc::Provider;
use crate::sessions::PlatformUser;
use crate::sign_ins::{self, Holder};
use crate::silence;
use crate::state::AppState;

/// The cookie with the reader's choice of colours.
pub(crate) const THEME_COOKIE: &str = "secureai_audit_theme";
/// The cookie with the reader's time zone, set by a script.
const ZONE_COOKIE: &str = "secureai_audit_zone";

/// A page's surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Name and role of the reader, if they may read.
    pub reader: Option<(String, String)>,
    /// What the reader may do.
    permissions: Permissions,
    /// For the forms of somebody who signed in here; they can sign out, too.
    pub form_key: Option<String>,
    /// What every form of this reader's pages carries, and a page of somebody else cannot know.
    pub key: String,
    /// `light`, `dark`, or `auto`.
    pub theme: &'static str,
    /// Address of this page, to come back to.
    pub here: String,
    /// Whether there is a platform to go back to, and to sign in to.
    pub has_platform: bool,
    /// What the identity provider is called, where people can sign in with one.
    pub provider: Option<String>,
    /// Where a form of this page may lead besides to us.
    pub form_target: Option<String>,
    /// Since when emergency access is in use, if it is.
    pub emergency: Option<String>,
    /// The reader's time zone, as far as known.
    pub zone: Option<TimeZone>,
    /// Where scripts and style sheet are.
    pub assets: &'static str,
    /// How the page may travel.
    pub encoding: Encoding,
    /// Sources known to have fallen silent, for those who may see that.
    pub silent: usize,
}

impl Frame {
    /// For somebody of whom nothing is known yet but their request.
    pub fn of(headers: &HeaderMap, uri: &Uri, state: &AppState) -> Self {
        let now = state.now();
        let session = state.sign_ins().find(headers, now);
        let is_guest = session.as_ref().is_some_and(|found| matches!(found.holder(), Holder::Guest(_)));
        let emergency = state.sign_ins().emergency_since(state.emergency().since(), now);
        let zone = sign_ins::cookie(headers, ZONE_COOKIE).filter(|name| name.len() < 64);
        Self {
            reader: None,
            permissions: Permissions::NONE,
            form_key: session.map(|found| found.form_key().to_owned()),
            key: String::new(),
            theme: theme_of(sign_ins::cookie(headers, THEME_COOKIE).unwrap_or_default()),
            here: uri.path_and_query().map_or_else(|| "/audit".to_owned(), ToString::to_string),
            has_platform: state.sessions().is_some(),
            provider: state.provider().map(|provider| provider.settings().name.clone()),
            form_target: state.provider().filter(|_| is_guest).and_then(Provider::sign_out_origin),
            emergency: emergency.map(to_the_minute),
            zone: zone.and_then(|name| TimeZone::get(&name.replace("%2F", "/")).ok()),
            assets: assets::folder(),
            encoding: Encoding::accepted(headers),
            silent: 0,
        }
    }

    /// For somebody whom the gate knows.
    pub fn inside(self, caller: Option<&Arc<Caller>>) -> Self {
        let permissions = caller.map_or(Permissions::NONE, |caller| caller.permissions);
        Self { reader: caller.map(|caller| (caller.name.clone(), caller.role.clone())), permissions, ..self }
    }

    /// Whether the reader may do this: what they may not, no page offers.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// What the mark beside Health says.
    pub fn silent_sources(&self) -> String {
        if self.silent == 1 {
            "1 source is silent".to_owned()
        } else {
            format!("{} sources are silent", self.silent)
        }
    }

    /// The zone in which times and days are drawn.
    pub fn time_zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or(TimeZone::UTC)
    }

    /// Its name.
    pub fn zone_name(&self) -> &str {
        self.zone.as_ref().and_then(TimeZone::iana_name).unwrap_or("UTC")
    }

    /// Whether a form was sent from a page that this reader was given.
    pub fn is_own_form(&self, form: &Form) -> bool {
        let (given, own) = (form.get("key").as_bytes(), self.key.as_bytes());
        !own.is_empty() && Sha256::digest(given) == Sha256::digest(own)
    }

    /// The themes one can choose, with their names.
    pub fn themes(&self) -> [(&'static str, &'static str); 3] {
        [("auto", "System"), ("light", "Light"), ("dark", "Dark")]
    }
}

/// `2026-03-20 12:00 UTC`.
fn to_the_minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}

/// One of the themes we have.
pub(crate) fn theme_of(name: &str) -> &'static str {
    ["light", "dark"].into_iter().find(|theme| *theme == name).unwrap_or("auto")
}

/// The form key of somebody who did not sign in here, but to the platform: derived, so that it needs no memory.
fn key_of(state: &AppState, caller: &Caller, user: Option<&Arc<PlatformUser>>) -> String {
    let session = user.and_then(|user| user.session_id.as_deref()).unwrap_or_default();
    let mut digest = Sha256::new_with_prefix(b"secureai-audit/v1/form-key\0");
    digest.update(state.page_key());
    for part in [caller.id.as_str(), session] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

impl FromRequestParts<AppState> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let frame = Self::of(&parts.headers, &parts.uri, state).inside(parts.extensions.get());
        let caller = parts.extensions.get::<Arc<Caller>>();
        let user = parts.extensions.get::<Arc<PlatformUser>>();
        let key = frame.form_key.clone().or_else(|| caller.map(|caller| key_of(state, caller, user)));
        let sees_all = caller.is_some_and(|caller| caller.scopes.is_empty() && caller.withheld.is_empty());
        let silent = if sees_all && frame.may(Permission::HealthRead) { silence::known(state) } else { 0 };
        Ok(Self { key: key.unwrap_or_default(), silent, ..frame })
    }
}
