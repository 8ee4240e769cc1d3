//! `/audit/approvals`: what waits for a second admin.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::form::{self, Form};
use super::frame::Frame;
use super::time::to_the_minute;
use super::{refused, rendered, see};
use crate::endpoints::approvals::{ApprovalView, decide, list};
use crate::problem::{Code, Problem};
use crate::reader::Reader;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    /// The reader's id: nobody decides their own requests.
    me: String,
    waiting: Vec<ApprovalView>,
    decided: Vec<ApprovalView>,
}

impl ApprovalsPage {
    /// A time as the reader's clock shows it.
    fn shown(&self, time: &audit_event::Timestamp) -> String {
        to_the_minute(*time, &self.frame.time_zone())
    }
}

/// `GET`: the requests.
pub(crate) async fn handle(State(state): State<AppState>, frame: Frame, reader: Reader) -> Response {
    match list::all(&state).await {
        Ok(all) => {
            let (waiting, decided) = all.into_iter().partition(ApprovalView::is_pending);
            let page = ApprovalsPage { me: reader.caller().id.clone(), frame, waiting, decided };
            rendered(StatusCode::OK, &page.frame, &page)
        }
        Err(problem) => refused(&frame, &problem),
    }
}

/// `POST`: a decision, then back to the page.
pub(crate) async fn decide(
    State(state): State<AppState>,
    frame: Frame,
    reader: Reader,
    form: Form,
) -> Response {
    if !frame.is_own_form(&form) {
        return refused(&frame, &form::not_theirs());
    }
    let Some(decision) = decide::decision_of(form.get("decision")) else {
        return refused(
            &frame,
            &Problem::new(Code::InvalidDocument, "decision: is approve, refuse or withdraw"),
        );
    };
    let (id, note) = (form.get("approval").to_owned(), Some(form.get("note").to_owned()));
    match decide::run(&state, reader, id, decision, note).await {
        Ok(_) => see("/audit/approvals"),
        Err(problem) => refused(&frame, &problem),
    }
}
