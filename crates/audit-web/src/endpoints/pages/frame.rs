//! What surrounds every page: who reads it, in which theme and time zone.

use std::convert::Infallible;
use std::sync::Arc;

use audit_control::{Caller, Permission, Permissions};
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Uri};
use jiff::tz::TimeZone;

use super::assets;
use crate::encoding::Encoding;
use crate::sign_ins;
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
    /// `light`, `dark`, or `auto`.
    pub theme: &'static str,
    /// Address of this page, to come back to.
    pub here: String,
    /// Whether there is a platform to go back to, and to sign in to.
    pub has_platform: bool,
    /// The reader's time zone, as far as known.
    pub zone: Option<TimeZone>,
    /// Where scripts and style sheet are.
    pub assets: &'static str,
    /// How the page may travel.
    pub encoding: Encoding,
}

impl Frame {
    /// For somebody of whom nothing is known yet but their request.
    pub fn of(headers: &HeaderMap, uri: &Uri, state: &AppState) -> Self {
        let zone = sign_ins::cookie(headers, ZONE_COOKIE).filter(|name| name.len() < 64);
        Self {
            reader: None,
            permissions: Permissions::NONE,
            form_key: state.sign_ins().find(headers, state.now()).map(|found| found.form_key().to_owned()),
            theme: theme_of(sign_ins::cookie(headers, THEME_COOKIE).unwrap_or_default()),
            here: uri.path_and_query().map_or_else(|| "/audit".to_owned(), ToString::to_string),
            has_platform: state.sessions().is_some(),
            zone: zone.and_then(|name| TimeZone::get(&name.replace("%2F", "/")).ok()),
            assets: assets::folder(),
            encoding: Encoding::accepted(headers),
        }
    }

    /// For whom the gate has let in.
    fn inside(self, caller: Option<&Arc<Caller>>) -> Self {
        let permissions = caller.map_or(Permissions::NONE, |caller| caller.permissions);
        Self { reader: caller.map(|caller| (caller.name.clone(), caller.role.clone())), permissions, ..self }
    }

    /// Whether the reader may do this: what they may not, no page offers.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// The themes one can choose, with their names.
    pub fn themes(&self) -> [(&'static str, &'static str); 3] {
        [("auto", "System"), ("light", "Light"), ("dark", "Dark")]
    }
}

/// One of the themes we have.
pub(crate) fn theme_of(name: &str) -> &'static str {
    ["light", "dark"].into_iter().find(|theme| *theme == name).unwrap_or("auto")
}

impl FromRequestParts<AppState> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let frame = Self::of(&parts.headers, &parts.uri, state);
        Ok(frame.inside(parts.extensions.get()))
    }
}
