//! `/views`: questions that people keep under a name. Everyone has their own; some are shared with all.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod remove;

use axum::body::Body;
use http::HeaderMap;
use serde_json::Value;

use crate::body;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;
use crate::views::Wish;

const MAX_BODY_BYTES: usize = 16 << 10;
const FIELDS: &[&str] = &["name", "query", "shared"];

/// What a request's body wants.
async fn wish(state: &AppState, headers: &HeaderMap, body: Body) -> Result<Wish> {
    body::require_json(headers)?;
    let bytes = body::collect(body, MAX_BODY_BYTES, state.config().body_timeout).await?;
    let Ok(Value::Object(fields)) = serde_json::from_slice(&bytes) else {
        return Err(invalid("the body", "must be a JSON object with name and query"));
    };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(invalid(unknown, &format!("there is no such field; known are {}", FIELDS.join(", "))));
    }
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(name, "must be a text in quotes")),
    };
    let shared = match fields.get("shared") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(shared)) => Some(*shared),
        Some(_) => return Err(invalid("shared", "must be true or false")),
    };
    Ok(Wish { name: text("name")?, query: text("query")?, shared })
}

fn invalid(field: &str, advice: &str) -> Problem {
    Problem::new(Code::InvalidDocument, format!("{field}: {advice}")).with("field", field)
}

/// Does something with views on a worker's thread.
async fn work<T: Send + 'static>(
    state: &AppState,
    reader: Reader,
    work: impl FnOnce(&AppState, &Reader) -> Result<T> + Send + 'static,
) -> Result<T> {
    let worker = state.clone();
    state.queries().run(move || work(&worker, &reader)).await?
}
