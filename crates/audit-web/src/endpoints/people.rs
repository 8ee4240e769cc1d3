//! `GET /people` and `GET /people/{person}`: who was seen, with what they did in a time, held against the accounts of the
//! platform.

pub(crate) mod asked;
pub(crate) mod columns;
pub(crate) mod listing;
pub(crate) mod named;
pub(crate) mod one;
pub(crate) mod portrait;
pub(crate) mod seen;
mod written;

use audit_control::Permission;
use audit_query::filter::{Field, Filter};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Uri};

use crate::activity::Searched;
use crate::encoding::Encoding;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

use asked::{Asked, Format};
use listing::Listing;
use seen::Allowed;

/// Where the list is for programs.
pub(crate) const PATH: &str = "/api/v1/auditlog/people";

/// Answers with a page of a list, as JSON; as CSV with all of it.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response> {
    let asked = Asked::of(&reader, &uri, PATH, None, state.now())?;
    let allowed = Allowed::of(&reader)?;
    let listing = listing::list(&state, &headers, &allowed, &asked).await?;
    note(&state, &reader, &asked, listing.people.len());
    match asked.format {
        Format::Json => Ok(answer(&headers, "application/json", written::json(&listing, &asked, &allowed))?),
        Format::Csv => {
            let sheet = written::csv(&listing, asked.list, &allowed);
            let mut response = answer(&headers, "text/csv; charset=utf-8; header=present", sheet)?;
            let name = format!("attachment; filename=\"{}\"", asked.list.file_name());
            if let Ok(name) = HeaderValue::try_from(name) {
                response.headers_mut().insert(CONTENT_DISPOSITION, name);
            }
            Ok(response)
        }
    }
}

/// Puts on record who looked for whom, and how many they found.
pub(crate) fn note(state: &AppState, reader: &Reader, asked: &Asked, results: usize) {
    let mut subject = format!("people {}", asked.list.name());
    if !asked.find.is_empty() {
        subject.push_str(&format!(" {:?}", asked.find));
    }
    if !asked.is_of_all_time() {
        subject.push_str(&format!(" from {} to {}", asked.range.from, asked.range.to));
    }
    Searched::new(subject, results as u64).note(state.activity(), reader.visitor());
}

fn answer(headers: &HeaderMap, kind: &'static str, body: Vec<u8>) -> Result<Response> {
    let encoding = Encoding::accepted(headers).for_length(body.len());
    let mut response = encoding.pack(body).map_err(Problem::internal)?.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    encoding.mark(headers);
    Ok(response)
}

impl Allowed {
    /// What this reader may ask.
    ///
    /// # Errors
    /// When they may not ask who did something at all.
    pub fn of(reader: &Reader) -> Result<Self> {
        for field in [Field::ActorId, Field::ActorEmail, Field::ActorName] {
            reader.may_use(field)?;
        }
        Ok(Self {
            within: reader.within(Filter::All),
            is_limited: reader.is_limited(),
            org: !reader.is_withheld(Field::Department),
            usage: !reader.is_withheld(Field::TotalTokens),
            client: !reader.is_withheld(Field::Ip),
            target: !reader.is_withheld(Field::TargetId),
            events: reader.may(Permission::EventsRead),
        })
    }
}

impl Listing {
    /// The stable word for what is known of accounts.
    pub fn roster_state(&self) -> &'static str {
        match &self.told {
            Ok(accounts) if accounts.is_whole() => "whole",
            Ok(_) => "partial",
            Err(none) => none.as_str(),
        }
    }
}
