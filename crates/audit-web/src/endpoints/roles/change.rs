//! `POST /roles`, `PUT /roles/{role}` and `DELETE /roles/{role}`.

use audit_control::RoleView;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::{change, create, remove, rights};
use crate::endpoints::document::Document;
use crate::params::{Params, PathPart};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// Makes a role.
pub(crate) async fn post(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<(StatusCode, Json<Value>)> {
    Params::parse(uri.query(), &[])?;
    let known = &["name", "permissions", "scope", "withheld"];
    let document = Document::read(&state, &headers, body, known).await?;
    let (name, rights) = (document.required("name")?.to_owned(), rights(&document)?);
    let role = state.work(move |state| create(state, &reader, &name, &rights)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "role": RoleView::of_custom(&role) }))))
}

/// Gives a role other rights, all of them at once.
pub(crate) async fn put(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    headers: HeaderMap,
    reader: Reader,
    body: Body,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let document = Document::read(&state, &headers, body, &["permissions", "scope", "withheld"]).await?;
    let rights = rights(&document)?;
    let role = state.work(move |state| change(state, &reader, &name, &rights)).await?;
    Ok(Json(json!({ "role": RoleView::of_custom(&role) })))
}

/// Removes a role.
pub(crate) async fn delete(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    reader: Reader,
) -> Result<Json<Value>> {
    Params::parse(uri.query(), &[])?;
    let role = state.work(move |state| remove(state, &reader, &name)).await?;
    Ok(Json(json!({ "role": RoleView::of_custom(&role) })))
}
