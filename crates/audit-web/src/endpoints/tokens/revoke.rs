//! `DELETE /tokens/{name or id}`: the token is refused from the next request on.

use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use super::{TokenView, about_token};
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::state::AppState;
use crate::visitor::Visitor;

/// Revokes a live token.
///
/// The order is: revoke in the database, refuse in memory, record. A crash after the first step leaves the token
/// revoked and that it was unrecorded; the other way round a recorded revocation might not have happened.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    visitor: Visitor,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let worker = state.clone();
    let token = state
        .queries()
        .run(move || {
            let access = worker.access();
            let revoked = access.control().revoke_token(&name, worker.now());
            // Whatever comes of the one, the other is done too: a retry that finds the token revoked already still
            // makes this process refuse it.
            let refused = access.reload();
            let token = revoked?;
            worker.activity().record(about_token(visitor.did("audit.token_revoked"), &token));
            refused.map(|()| token)
        })
        .await??;
    Ok(Json(json!({ "token": TokenView::new(&token, state.now()) })))
}
