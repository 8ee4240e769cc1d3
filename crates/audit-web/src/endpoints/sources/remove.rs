//! `DELETE /sources/openwebui/{name}`: the source is refused from the next request on.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{SourceView, about_source, take_up};
use crate::activity;
use crate::four_eyes::{self, Act};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Removes a source. Its events stay.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let source = state
        .work(move |state| {
            if state.access().control().sources()?.iter().any(|source| source.name == name) {
                four_eyes::cleared(state, &reader, Act::RemoveSource, &name)?;
            }
            let removed = activity::change(state, |control| {
                let source = control.remove_source(&name)?;
                let event = about_source(reader.visitor().did("source.removed"), &source.name);
                Ok((source, event))
            });
            // Whatever comes of the one, the other is done too: a retry that finds it removed already still makes this
            // process refuse it.
            take_up(state)?;
            removed
        })
        .await?;
    Ok(Json(json!({ "source": SourceView::new(&source, state.sources().arrivals(&source.name)) })))
}
