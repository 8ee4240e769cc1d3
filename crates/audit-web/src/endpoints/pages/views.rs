//! `/audit/views`: the forms that keep, change and delete views, and a lasting address for each.

use axum::extract::State;
use axum::response::Response;

use super::form::{self, Form};
use super::frame::Frame;
use super::{refused, see};
use crate::params::PathPart;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;
use crate::views::{self, Listed, Wish};

/// `GET /audit/views/{view}`: goes to the events page with what the view asks now.
pub(crate) async fn open(
    State(state): State<AppState>,
    frame: Frame,
    PathPart(id): PathPart,
    reader: Reader,
) -> Response {
    match state.work(move |state| views::one(state, &reader, &id)).await {
        Ok(view) => see(&view.address),
        Err(problem) => refused(&frame, &problem),
    }
}

/// `POST /audit/views`: what a form of the events page wants, then back to the page.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    form: Form,
) -> Response {
    if !frame.is_own_form(&form) {
        return refused(&frame, &form::not_theirs());
    }
    match state.work(move |state| act(state, &reader, &form)).await {
        Ok(Some(view)) => see(&view.address),
        Ok(None) => see("/audit"),
        Err(problem) => refused(&frame, &problem),
    }
}

/// The view to go on with, if there is one.
fn act(state: &AppState, reader: &Reader, form: &Form) -> Result<Option<Listed>> {
    let given = |name: &str| Some(form.get(name).to_owned());
    let id = form.get("view");
    match form.get("do") {
        "save" => {
            let shared = Some(form.get("shared") == "yes");
            views::save(state, reader, &Wish { name: given("name"), query: given("query"), shared }).map(Some)
        }
        "update" => {
            let wish = Wish { query: given("query"), ..Wish::default() };
            views::change(state, reader, id, &wish).map(Some)
        }
        "rename" => {
            let wish = Wish { name: given("name"), ..Wish::default() };
            views::change(state, reader, id, &wish).map(Some)
        }
        what @ ("share" | "unshare") => {
            let wish = Wish { shared: Some(what == "share"), ..Wish::default() };
            views::change(state, reader, id, &wish).map(Some)
        }
        "delete" => views::delete(state, reader, id).map(|_| None),
        _ => {
            Err(Problem::new(Code::InvalidDocument, "do: is save, update, rename, share, unshare or delete"))
        }
    }
}
