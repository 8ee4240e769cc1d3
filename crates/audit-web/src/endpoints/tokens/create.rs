//! `POST /tokens`: make a token. The answer holds its text, which is shown this once.

use audit_control::{Expiry, NewToken, Role};
use audit_event::Timestamp;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use super::{TokenView, about_token};
use crate::body;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;
use crate::visitor::Visitor;

const MAX_BODY_BYTES: usize = 16 << 10;

/// What the body says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
    role: String,
    /// RFC 3339, or `never`.
    expires: Option<String>,
    /// Instead of `expires`.
    expires_in_days: Option<u32>,
}

/// Makes a token.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
    body: Body,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    body::require_json(&headers)?;
    let bytes = body::collect(body, MAX_BODY_BYTES, state.config().body_timeout).await?;
    let wish: Wish = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(Code::InvalidDocument, format!("the body: {error}")))?;
    let role: Role = wish.role.parse()?;
    let expiry = wish.expiry()?;
    let worker = state.clone();
    let (token, secret) = state
        .queries()
        .run(move || {
            let access = worker.access();
            let new = NewToken { name: &wish.name, role, expiry };
            let (token, secret) = access.control().create_token(&new, worker.now())?;
            worker.activity().record(about_token(visitor.did("audit.token_created"), &token));
            access.reload()?;
            Ok::<_, audit_control::Error>((token, secret))
        })
        .await??;
    let answer = json!({ "token": TokenView::new(&token, state.now()), "secret": secret.reveal() });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

impl Wish {
    fn expiry(&self) -> Result<Expiry> {
        match (self.expires.as_deref(), self.expires_in_days) {
            (None, None) => Ok(Expiry::Default),
            (None, Some(days)) => Ok(Expiry::Days(days)),
            (Some("never"), None) => Ok(Expiry::Never),
            (Some(time), None) => Timestamp::parse_rfc3339(time)
                .map(Expiry::At)
                .map_err(|error| Problem::new(Code::InvalidDocument, format!("expires: {error}, or never"))),
            (Some(_), Some(_)) => {
                Err(Problem::new(Code::InvalidDocument, "give either expires or expires_in_days, not both"))
            }
        }
    }
}
