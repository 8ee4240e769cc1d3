//! `DELETE /tokens/{name or id}`: the token is refused from the next request on.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{TokenView, about_token};
use crate::four_eyes::{self, Act};
use crate::params::{Params, PathPart};
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// Revokes a live token.
///
/// The order is: revoke in the database, refuse in memory, record. A crash after the first step leaves the token
/// revoked and that it was unrecorded; the other way round a recorded revocation might not have happened.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let worker = state.clone();
    let token = state
        .queries()
        .run(move || {
            let access = worker.access();
            if let Some(last) = four_eyes::last_admin(&worker)?.filter(|last| last.is_called(&name)) {
                four_eyes::cleared(&worker, &reader, Act::RevokeLastAdmin, &last.id)?;
            }
            let revoked = access.control().revoke_token(&name, worker.now());
            // Whatever comes of the one, the other is done too: a retry that finds the token revoked already still
            // makes this process refuse it.
            let refused = access.reload();
            let token = revoked?;
            worker.activity().record(about_token(reader.visitor().did("audit.token_revoked"), &token));
            refused.map(|()| token).map_err(Problem::from)
        })
        .await??;
    Ok(Json(json!({ "token": TokenView::new(&token, state.now()) })))
}
