//! `GET /session`: who the caller is to us, and what they may do. Everybody whom we know may ask, whatever their role;
//! pages that only some may see ask it before they offer a way in.

use std::sync::Arc;

use audit_control::{Caller, Permissions};
use axum::Json;
use axum::extract::Extension;
use serde::Serialize;

use crate::visitor::Visitor;

/// The caller.
#[derive(Serialize)]
pub(crate) struct Session {
    id: String,
    name: String,
    role: String,
    permissions: Permissions,
}

/// Answers with the caller.
pub(crate) async fn handle(visitor: Visitor, Extension(caller): Extension<Arc<Caller>>) -> Json<Session> {
    Json(Session {
        id: visitor.id().unwrap_or_default().to_owned(),
        name: caller.name.clone(),
        role: caller.role.clone(),
        permissions: caller.permissions,
    })
}
