//! `GET /session`: who the caller is to us. Pages that only some may see ask it before they offer a way in.

use std::sync::Arc;

use audit_control::{Caller, Permissions};
use axum::Json;
use axum::extract::Extension;
use serde::Serialize;

/// The caller.
#[derive(Serialize)]
pub(crate) struct Session {
    id: String,
    name: String,
    role: String,
    permissions: Permissions,
}

/// Answers with the caller.
pub(crate) async fn handle(Extension(caller): Extension<Arc<Caller>>) -> Json<Session> {
    Json(Session {
        id: caller.id.clone(),
        name: caller.name.clone(),
        role: caller.role.clone(),
        permissions: caller.permissions,
    })
}
