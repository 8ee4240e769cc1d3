//! `GET /people/{person}`: one person, by id, e-mail address or name.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};

use super::asked::Asked;
use super::listing::{self, Told};
use super::portrait::Portrait;
use super::seen::Allowed;
use super::{answer, written};
use crate::activity::Searched;
use crate::params::{Params, PathPart};
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// Parameters that only the list has.
const OF_LISTS: [&str; 6] = ["list", "find", "sort", "order", "page", "limit"];

/// Answers with what is known of the person.
pub(crate) async fn handle(
    State(state): State<AppState>,
    PathPart(key): PathPart,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response> {
    let asked = asked(&reader, &uri, super::PATH, None, &state)?;
    let allowed = Allowed::of(&reader)?;
    let (portrait, told) = look(&state, &headers, &allowed, &asked, key).await?;
    note(&state, &reader, &asked, &portrait);
    answer(&headers, "application/json", written::portrait(&portrait, &told, &allowed))
}

/// Reads the address, which has nothing but a time.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn asked(
    reader: &Reader,
    uri: &Uri,
    path: &'static str,
    zone: Option<&jiff::tz::TimeZone>,
    state: &AppState,
) -> Result<Asked> {
    let params = Params::any(uri.query());
    if let Some((name, _)) = params.pairs().find(|(name, _)| OF_LISTS.contains(name) || *name == "format") {
        let detail = format!("the parameter {name:?} is for the list of people; leave it away");
        return Err(Problem::new(crate::problem::Code::UnknownParameter, detail).with("parameter", name));
    }
    Asked::of(reader, uri, path, zone, state.now())
}

/// Asks platform and index.
///
/// # Errors
/// As [`Portrait::ask`].
pub(crate) async fn look(
    state: &AppState,
    headers: &HeaderMap,
    allowed: &Allowed,
    asked: &Asked,
    key: String,
) -> Result<(Portrait, Told)> {
    let told = listing::roster(state, headers, allowed).await;
    let (allowed, asked) = (allowed.clone(), asked.clone());
    state
        .ask(move |state, budget| {
            let roster = told.as_deref().ok();
            let portrait = Portrait::ask(state.index(), &allowed, &asked, &key, roster, budget)?;
            Ok((portrait, told))
        })
        .await
}

/// Puts on record who looked at whom.
pub(crate) fn note(state: &AppState, reader: &Reader, asked: &Asked, portrait: &Portrait) {
    let key = &portrait.person.key;
    let mut subject = format!("person {key:?}");
    if !asked.is_of_all_time() {
        subject.push_str(&format!(" from {} to {}", asked.range.from, asked.range.to));
    }
    let person = &portrait.person;
    let name = person.name.as_deref().or(person.email.as_deref()).unwrap_or(key);
    Searched::new(subject, person.events).of_person(name).note(state.activity(), reader.visitor());
}
