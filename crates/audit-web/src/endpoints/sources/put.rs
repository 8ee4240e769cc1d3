//! `PUT /sources/openwebui/{name}`: makes a source, or renews its secret.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::{StatusCode, Uri};
use serde_json::json;

use super::{SourceView, about_source, take_up};
use crate::activity;
use crate::four_eyes::{self, Act};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;

/// Makes or renews a source. The answer has the secret, which is not shown again; a former one is good for ten minutes
/// more, so that no event is refused while the sender is told.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    reader: Reader,
) -> Result<Response> {
    Params::parse(uri.query(), &[])?;
    let (source, secret, is_new) = state
        .work(move |state| {
            if state.access().control().sources()?.iter().any(|source| source.name == name) {
                four_eyes::cleared(state, &reader, Act::ChangeSource, &name)?;
            }
            let put = activity::change(state, |control| {
                let (source, secret, is_new) = control.put_source(&name, state.now())?;
                let action = if is_new { "source.added" } else { "source.changed" };
                let event = about_source(reader.visitor().did(action), &source.name);
                Ok(((source, secret, is_new), event))
            })?;
            take_up(state)?;
            Ok(put)
        })
        .await?;
    let answer = json!({
        "source": SourceView::new(&source, state.sources().arrivals(&source.name)),
        "secret": secret.reveal(),
        "path": format!("{}/sources/openwebui/{}", PREFIXES[0], source.name),
    });
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
