//! `GET /audit`: the newest events, page by page, narrowed by the query box.

use askama::Template;
use audit_event::{Entry, Event, Json, Outcome};
use audit_query::page_token::PageToken;
use audit_query::question::{Answers as _, Budget, Page};
use audit_tlog::LeafIndex;
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::byte_serialize;
use http::{StatusCode, Uri};

use super::frame::Frame;
use crate::activity::success;
use crate::params::Params;
use crate::problem::Result;
use crate::question;
use crate::router::PREFIXES;
use crate::state::AppState;
use crate::visitor::Visitor;

/// Rows of a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    query: String,
    problem: Option<String>,
    rows: Vec<Row>,
    /// Address of the next page, if there is one.
    older: Option<String>,
    /// Whether this is not the first page.
    is_continued: bool,
    recorded: u64,
    api: &'static str,
}

/// One event as a line of the list.
struct Row {
    id: String,
    /// RFC 3339, UTC.
    time: String,
    who: String,
    email: String,
    what: String,
    action: String,
    outcome: Outcome,
    ip: String,
}

impl Row {
    /// `2026-11-20 14:03:27`; the fractions are in the element's own attribute.
    fn shown_time(&self) -> String {
        self.time.replace('T', " ").chars().take(19).collect()
    }
}

/// Answers with the page. A query that cannot be understood is shown with what is wrong about it, above no events.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    visitor: Visitor,
) -> Result<Response> {
    let query = Params::any(uri.query()).one("q")?.unwrap_or_default().to_owned();
    let (status, page) = match list(&state, &frame, &uri, &query, &visitor).await {
        Ok(page) => (StatusCode::OK, page),
        Err(problem) if problem.code().status().is_client_error() => (
            problem.code().status(),
            EventsPage { problem: Some(problem.detail().to_owned()), ..empty(&state, frame.clone(), query) },
        ),
        Err(problem) => return Ok(super::refused(&frame, &problem)),
    };
    Ok(super::rendered(status, &frame, &page))
}

async fn list(
    state: &AppState,
    frame: &Frame,
    uri: &Uri,
    query: &str,
    visitor: &Visitor,
) -> Result<EventsPage> {
    let question = question::parse(uri, &[])?;
    let position = super::super::events::list::open_page_token(state, &question)?;
    let subject = question::describe(&question);
    let (worker, budget) = (state.clone(), Budget::of(state.config().query_timeout));
    let is_continued = position.is_some();
    let (rows, next) = state
        .queries()
        .query(budget, move |budget| {
            let (after, snapshot) = position.map_or((None, None), |at| (Some(at.after), Some(at.snapshot)));
            let page = worker.index().list(&question.list(ROWS, after, snapshot), budget)?;
            let token = page.next.map(|after| {
                let token = PageToken { after, snapshot: page.snapshot, issued: worker.now() };
                token.seal(question.digest(), worker.page_key())
            });
            Ok((rows(&worker, &page)?, token))
        })
        .await?;
    let results = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let details = [("filter", Json::from(subject.clone())), ("results", Json::from(results))];
    let event = Event { details: Some(Json::object(details)), ..success(visitor.did("audit.searched")) };
    state.activity().note(event, &visitor.key(), &subject);
    let older = next.map(|token| format!("/audit?q={}&page_token={}", encoded(query), encoded(&token)));
    Ok(EventsPage { rows, older, is_continued, ..empty(state, frame.clone(), query.to_owned()) })
}

fn empty(state: &AppState, frame: Frame, query: String) -> EventsPage {
    EventsPage {
        frame,
        query,
        problem: None,
        rows: Vec::new(),
        older: None,
        is_continued: false,
        recorded: state.ledger().size().get(),
        api: PREFIXES[0],
    }
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn rows(state: &AppState, page: &Page) -> Result<Vec<Row>> {
    let (reader, unreadable) = (state.ledger().reader(), state.unreadable());
    let read = |index: u64| {
        let entry = reader.get(LeafIndex::new(index)).map_err(|error| unreadable.ledger_problem(error))?;
        let mut json = Vec::new();
        Entry::decode(&entry).map_err(|error| unreadable.decode_problem(error))?.write_json(&mut json);
        Ok(row(&json, index))
    };
    page.rows.iter().map(|row| read(row.index)).collect()
}

/// What can be shown of an event; groups that were erased leave their places empty.
fn row(json: &[u8], index: u64) -> Row {
    let event: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
    let text = |pointer: &str| {
        event.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let (name, email) = (text("/actor/name"), text("/actor/email"));
    let names = [name.clone(), email.clone(), text("/actor/id"), text("/actor/type")];
    Row {
        who: names.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        email: if name.is_empty() { String::new() } else { email },
        id: match text("/id") {
            id if id.is_empty() => index.to_string(),
            id => id,
        },
        time: text("/time"),
        what: match text("/message") {
            message if message.is_empty() => text("/action"),
            message => message,
        },
        action: text("/action"),
        outcome: text("/outcome").parse().unwrap_or(Outcome::Unknown),
        ip: text("/client/ip"),
    }
}
