//! `GET /`: events in a range. With `limit` a page of them, without it all of them as a stream ([`super::export`]).

use std::fmt::Write as _;

use audit_control::Permission;
use audit_event::Entry;
use audit_query::export::{Export, Format, Origin, Position};
use audit_query::params::Request as Question;
use audit_query::question::{Budget, Page, RowRef};
use audit_tlog::LeafIndex;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::export::{self, TREE_SIZE_HEADER};
use super::place::Place;
use super::resume::{self, Resume};
use crate::activity::Searched;
use crate::encoding::Encoding;
use crate::exports::checked_name;
use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;

/// The token of the next page, for formats that have no place for it.
const NEXT_PAGE_HEADER: HeaderName = HeaderName::from_static("audit-next-page-token");
/// What a page has when a token continues a list without saying how many.
const DEFAULT_LIMIT: usize = 50;

/// Answers with a page or starts an export.
pub(crate) async fn handle(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response> {
    let question = question::parse(&reader, &uri, &[resume::PARAMETERS, &[export::NAME]].concat())?;
    let resume = Resume::parse(&uri, &question)?;
    let asks_for_page = question.limit.is_some() || question.page_token.is_some();
    if asks_for_page {
        return page(state, question, &headers, reader).await;
    }
    reader.need(Permission::EventsExport)?;
    if question.count.is_some() {
        let detail =
            "count: tells the total of a list; give a limit too (an export says at its end how many it has)";
        return Err(Problem::new(Code::InvalidParameter, detail).with("parameter", "count"));
    }
    let name = Params::any(uri.query()).one(export::NAME)?.map(checked_name).transpose()?;
    let asked = export::Asked { question, resume, name };
    export::answer(state, asked, &headers, reader, method == Method::HEAD).await
}

async fn page(state: AppState, question: Question, headers: &HeaderMap, reader: Reader) -> Result<Response> {
    let limit = question.limit.unwrap_or(DEFAULT_LIMIT);
    let place = Place::of(&state, &question)?;
    let subject = question::describe(&question);
    let format = question.format.unwrap_or_default();
    let encoding = export::encoding_for(format, headers);
    let disposition = export::disposition(&question, format)?;
    let asking = reader.clone();
    let answer = state
        .ask(move |state, budget| {
            let (page, next) = place.page(state, &question, limit, budget)?;
            let written = write(state, &asking, &question, &page, next.as_deref(), budget)?;
            let encoding = encoding.for_length(written.len());
            Ok(PageAnswer {
                body: encoding.pack(written).map_err(Problem::internal)?,
                encoding,
                next,
                results: page.rows.len(),
                snapshot: page.snapshot,
            })
        })
        .await?;

    Searched::new(subject, answer.results as u64).note(state.activity(), reader.visitor());

    let mut response = answer.body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(TREE_SIZE_HEADER, HeaderValue::from(answer.snapshot));
    if format != Format::Json {
        headers.insert(CONTENT_DISPOSITION, disposition);
        if let Some(next) = answer.next {
            headers.insert(NEXT_PAGE_HEADER, HeaderValue::try_from(next).map_err(Problem::internal)?);
        }
    }
    answer.encoding.mark(headers);
    Ok(response)
}

/// A page on its way out.
struct PageAnswer {
    body: Vec<u8>,
    encoding: Encoding,
    next: Option<String>,
    results: usize,
    snapshot: u64,
}

/// The page in the format asked for.
fn write(
    state: &AppState,
    reader: &Reader,
    question: &Question,
    page: &Page,
    next: Option<&str>,
    budget: &Budget,
) -> Result<Vec<u8>> {
    match (question.format.unwrap_or_default(), &question.fields) {
        (Format::Json, None) => {
            let mut json = Vec::with_capacity(256 + page.rows.len() * 1_100);
            json.extend_from_slice(b"{\"events\":[");
            write_events(state, reader, &page.rows, &mut json)?;
            finish_envelope(page, next, &mut json);
            Ok(json)
        }
        (Format::Json, Some(_)) => {
            let lines = render(state, reader, question, Format::Ndjson, page, budget)?;
            let mut json = Vec::with_capacity(256 + lines.len());
            json.extend_from_slice(b"{\"events\":[");
            // A line break inside a JSON string is escaped, so each of these ends an event.
            json.extend(lines.trim_ascii_end().iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }));
            finish_envelope(page, next, &mut json);
            Ok(json)
        }
        (format, _) => render(state, reader, question, format, page, budget),
    }
}

/// The events' recorded bytes side by side; nothing is parsed.
fn write_events(state: &AppState, asking: &Reader, rows: &[RowRef], json: &mut Vec<u8>) -> Result<()> {
    let (reader, unreadable) = (state.ledger().reader(), state.unreadable());
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        let entry =
            reader.get(LeafIndex::new(row.index)).map_err(|error| unreadable.ledger_problem(error))?;
        let entry = Entry::decode(&entry).map_err(|error| unreadable.decode_problem(error))?;
        asking.shown(&entry).write_json(json);
    }
    Ok(())
}

/// What follows the events.
fn finish_envelope(page: &Page, next: Option<&str>, json: &mut Vec<u8>) {
    let mut rest = String::with_capacity(256 + page.rows.len() * 10);
    rest.push_str("],\"indices\":[");
    for (at, row) in page.rows.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(rest, "{comma}{}", row.index);
    }
    let _ = match next {
        None => write!(rest, "],\"next_page_token\":null"),
        Some(token) => write!(rest, "],\"next_page_token\":\"{token}\""),
    };
    if let Some(total) = page.total {
        let _ = write!(rest, ",\"total\":{total}");
    }
    let _ = writeln!(rest, ",\"tree_size\":{}}}", page.snapshot);
    json.extend_from_slice(rest.as_bytes());
}

/// The page written by the export writers.
fn render(
    state: &AppState,
    reader: &Reader,
    question: &Question,
    format: Format,
    page: &Page,
    budget: &Budget,
) -> Result<Vec<u8>> {
    let export = Export {
        columns: question.fields.clone(),
        order: question.order,
        bom: question.bom,
        withheld: reader.withheld(),
        threads: 1,
        ..Export::all(format)
    };
    let origin = Origin { answers: page, entries: state.ledger() };
    let start = Position { snapshot: Some(page.snapshot), ..Position::default() };
    let mut out = Vec::new();
    let written = export.run(origin, budget, start, &mut out, &mut |_| {});
    written.map_err(|error| state.unreadable().query_problem(error))?;
    Ok(out)
}
