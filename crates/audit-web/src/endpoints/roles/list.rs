//! `GET /roles`: the roles, built-in ones first, and all permissions there are.

use audit_control::{Control, Permission, Role, RoleView};
use axum::Json;
use axum::extract::State;
use http::Uri;
use serde_json::{Value, json};

use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;

/// Lists them.
pub(crate) async fn handle(State(state): State<AppState>, uri: Uri) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let roles = state.work(|state| Ok(views(state.access().control())?)).await?;
    let permissions: Vec<_> =
        Permission::ALL.iter().map(|one| json!({ "name": one, "about": one.about() })).collect();
    Ok(Json(json!({ "roles": roles, "permissions": permissions })))
}

/// Every role, built-in ones first. Blocks.
///
/// # Errors
/// When the control database cannot be read.
pub(crate) fn views(control: &Control) -> audit_control::Result<Vec<RoleView>> {
    let built_in = Role::ALL.into_iter().map(RoleView::of_built_in);
    Ok(built_in.chain(control.roles()?.iter().map(RoleView::of_custom)).collect())
}
