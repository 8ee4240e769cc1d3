//! `/views`: questions that people keep under a name. Everyone has their own; some are shared with all.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod remove;

use axum::body::Body;
use http::HeaderMap;

use crate::endpoints::document::Document;
use crate::problem::Result;
use crate::state::AppState;
use crate::views::Wish;

const FIELDS: &[&str] = &["name", "query", "shared"];

/// What a request's body wants.
async fn wish(state: &AppState, headers: &HeaderMap, body: Body) -> Result<Wish> {
    let document = Document::read(state, headers, body, FIELDS).await?;
    let text = |name| document.text(name).map(|text| text.map(str::to_owned));
    Ok(Wish { name: text("name")?, query: text("query")?, shared: document.flag("shared")? })
}
