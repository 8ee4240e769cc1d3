//! `DELETE /verifications/{id}`: a check of the whole ledger is broken off.

use axum::Json;
use axum::extract::State;
use http::{StatusCode, Uri};

use super::View;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::state::AppState;
use crate::visitor::Visitor;

/// Breaks it off; it ends within a fraction of a second. 409 when it has ended already.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(id): PathPart,
    visitor: Visitor,
) -> Result<(StatusCode, Json<View>)> {
    Params::parse(uri.query(), &[])?;
    let view = state
        .work(move |state| {
            let view = super::find(state, &id)?;
            state.verifications().cancel(view.id, &visitor)?;
            Ok(view)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}
