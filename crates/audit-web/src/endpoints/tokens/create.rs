//! `POST /tokens`: make a token. The answer holds its text, which is shown this once.

use audit_control::{Expiry, NewToken, Role};
use audit_event::Timestamp;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::{TokenView, about_token};
use crate::body;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;
use crate::visitor::Visitor;

const MAX_BODY_BYTES: usize = 16 << 10;
/// The longest life in days: a century. Who wants more says `never`.
const MAX_DAYS: u32 = 36_525;
const FIELDS: &[&str] = &["name", "role", "expires", "expires_in_days"];

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
    let wish = Wish::read(&bytes)?;
    let worker = state.clone();
    let (token, secret) = state
        .queries()
        .run(move || {
            let access = worker.access();
            let new = NewToken { name: &wish.name, role: wish.role, expiry: wish.expiry };
            let (token, secret) = access.control().create_token(&new, worker.now())?;
            worker.activity().record(about_token(visitor.did("audit.token_created"), &token));
            access.reload()?;
            Ok::<_, audit_control::Error>((token, secret))
        })
        .await??;
    let answer = json!({ "token": TokenView::new(&token, state.now()), "secret": secret.reveal() });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// What the body says.
#[derive(Debug)]
struct Wish {
    name: String,
    role: Role,
    expiry: Expiry,
}

impl Wish {
    /// Reads the body field by field, so that what is wrong is said in the reader's words.
    fn read(body: &[u8]) -> Result<Self> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(invalid("the body", "must be a JSON object with name and role"));
        };
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(invalid(unknown, format!("there is no such field; known are {}", FIELDS.join(", "))));
        }
        let missing = |name| invalid(name, "is missing");
        Ok(Self {
            name: text(&fields, "name")?.ok_or_else(|| missing("name"))?.to_owned(),
            role: text(&fields, "role")?.ok_or_else(|| missing("role"))?.parse()?,
            expiry: expiry(&fields)?,
        })
    }
}

fn expiry(fields: &Map<String, Value>) -> Result<Expiry> {
    match (text(fields, "expires")?, given(fields, "expires_in_days")) {
        (None, None) => Ok(Expiry::Default),
        (None, Some(days)) => days
            .as_u64()
            .and_then(|days| u32::try_from(days).ok())
            .filter(|days| (1..=MAX_DAYS).contains(days))
            .map(Expiry::Days)
            .ok_or_else(|| {
                let allowed =
                    format!("must be a whole number from 1 to {MAX_DAYS} (or give \"expires\": \"never\")");
                invalid("expires_in_days", allowed)
            }),
        (Some("never"), None) => Ok(Expiry::Never),
        (Some(time), None) => Timestamp::parse_rfc3339(time)
            .map(Expiry::At)
            .map_err(|error| invalid("expires", format!("{error}, or never"))),
        (Some(_), Some(_)) => Err(invalid("expires", "give either this or expires_in_days, not both")),
    }
}

/// A field's value; `null` counts as absent.
fn given<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<Option<&'f str>> {
    match given(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(name, "must be a text in quotes")),
    }
}

fn invalid(field: &str, advice: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InvalidDocument, format!("{field}: {advice}")).with("field", field)
}
