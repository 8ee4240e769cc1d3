//! What a form of a page sends.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::frame::Frame;
use super::refused;
use crate::body::too_large;
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// No form of ours is longer, in bytes.
const LONGEST: usize = 16 << 10;

/// The fields of a form, `application/x-www-form-urlencoded`.
pub(crate) struct Form(Vec<(String, String)>);

/// The answer to a form that was not sent from a page that this reader was given.
pub(super) fn not_theirs() -> Problem {
    let detail = "this form is of another session: open the page again and send it there";
    Problem::new(Code::PermissionRequired, detail)
}

impl Form {
    /// Reads a request's body; what breaks off has no fields.
    async fn read(body: Body) -> Result<Self> {
        let bytes = match Limited::new(body, LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large(LONGEST)),
            Err(_) => return Ok(Self(Vec::new())),
        };
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// All values of a field.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A field's value; empty when it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

impl FromRequest<AppState> for Form {
    /// The page that says why it is not read.
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> std::result::Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Ok(frame) = Frame::from_request_parts(&mut parts, state).await;
        Self::read(body).await.map_err(|problem| refused(&frame, &problem))
    }
}
