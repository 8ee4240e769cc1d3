//! `POST /verifications`: the whole ledger is checked, in the background.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{StatusCode, Uri};

use crate::params::Params;
use crate::problem::Result;
use crate::router::PREFIXES;
use crate::state::AppState;
use crate::verifications;
use crate::visitor::Visitor;

/// Begins a check; 409 while another runs.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri, visitor: Visitor) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let view = state
        .work(move |state| {
            let begun = verifications::start(state, Some(&visitor))?;
            super::find(state, &begun.id.to_string())
        })
        .await?;
    let location = format!("{}/verifications/{}", PREFIXES[0], view.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(view)).into_response())
}
