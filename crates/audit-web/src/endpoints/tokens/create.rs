//! `POST /tokens`: make a token. The answer holds its text, which is shown this once.

use audit_control::Expiry;
use audit_event::Timestamp;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode, Uri};
use ipnet::IpNet;
use serde_json::json;

use super::TokenView;
use super::acts::{self, Wish};
use crate::endpoints::document::{Document, invalid};
use crate::params::Params;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// The longest life in days: a century. Who wants more says `never`.
const MAX_DAYS: u32 = 36_525;
const FIELDS: &[&str] = &["name", "role", "expires", "expires_in_days", "scope", "networks"];

/// Makes a token.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let document = Document::read(&state, &headers, body, FIELDS).await?;
    let wish = wish(&document)?;
    let (token, secret) = state.work(move |state| acts::create(state, &reader, &wish)).await?;
    let answer = json!({ "token": TokenView::new(&token, state.now()), "secret": secret.reveal() });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn wish(document: &Document) -> Result<Wish> {
    Ok(Wish {
        name: document.required("name")?.to_owned(),
        role: document.required("role")?.to_owned(),
        expiry: expiry(document)?,
        scope: document.text("scope")?.map(str::to_owned),
        networks: document.texts("networks")?.into_iter().map(network).collect::<Result<_>>()?,
    })
}

/// A network, or an address alone.
///
/// # Errors
/// When it is neither.
pub(crate) fn network(text: &str) -> Result<IpNet> {
    let text = text.trim();
    let alone = text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    alone.or_else(|| text.parse().ok()).ok_or_else(|| {
        invalid("networks", format!("{text:?} is no network such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7"))
    })
}

fn expiry(document: &Document) -> Result<Expiry> {
    match (document.text("expires")?, document.number("expires_in_days", 1..=MAX_DAYS)?) {
        (None, None) => Ok(Expiry::Default),
        (None, Some(days)) => Ok(Expiry::Days(days)),
        (Some("never"), None) => Ok(Expiry::Never),
        (Some(time), None) => Timestamp::parse_rfc3339(time)
            .map(Expiry::At)
            .map_err(|error| invalid("expires", format!("{error}, or never"))),
        (Some(_), Some(_)) => Err(invalid("expires", "give either this or expires_in_days, not both")),
    }
}
