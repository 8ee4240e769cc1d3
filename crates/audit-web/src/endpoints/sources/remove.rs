//! `DELETE /sources/openwebui/{name}`: the source is refused from the next request on.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{SourceView, about_source, change, take_up};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::state::AppState;
use crate::visitor::Visitor;

/// Removes a source. Its events stay.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    visitor: Visitor,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let source = change(&state, move |state| {
        let removed = state.access().control().remove_source(&name);
        // Whatever comes of the one, the other is done too: a retry that finds it removed already still makes this
        // process refuse it.
        let taken_up = take_up(state);
        let source = removed?;
        state.activity().record(about_source(visitor.did("source.removed"), &source.name));
        taken_up.map(|()| source)
    })
    .await?;
    Ok(Json(json!({ "source": SourceView::new(&source, state.sources().arrivals(&source.name)) })))
}
