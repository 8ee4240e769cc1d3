//! `GET /audit/looks`: who looked at the audit log, at what, and how much of it.
//!
//! The page has no data of its own: it is a list of events like any other, of the actions in [`crate::looks`].

mod row;

use askama::Template;
use audit_event::{Source, Timestamp};
use audit_query::filter::{Field, Filter};
use audit_query::params::Request as Question;
use audit_query::question::{Answers as _, Budget, Group, GroupKey, Key, Measure, Value};
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::Serializer;
use http::{StatusCode, Uri};

use super::events::view::View;
use super::frame::Frame;
use crate::activity::Searched;
use crate::endpoints::events::place::Place;
use crate::looks;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;
use row::Look;

const PATH: &str = "/audit/looks";
/// The parameter that names a kind of looks.
const KIND: &str = "kind";
/// The kind of what is verified by itself, which is shown only when it is asked for.
const SCHEDULED: &str = "scheduled";
/// Looks of a page.
const ROWS: usize = 50;
/// People to choose from.
const PEOPLE: usize = 12;

#[derive(Template)]
#[template(path = "looks.html")]
struct LooksPage {
    frame: Frame,
    view: View,
    wrong: Option<String>,
    shown: Shown,
}

/// What was found.
#[derive(Default)]
struct Shown {
    looks: Vec<Look>,
    total: u64,
    kinds: Vec<Choice>,
    people: Vec<Choice>,
    older: Option<String>,
    /// The same events for programs.
    csv: String,
    events: String,
}

/// One value to choose.
struct Choice {
    name: String,
    count: u64,
    is_chosen: bool,
    href: String,
}

/// Answers with the page.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    reader: Reader,
) -> Result<Response> {
    let (status, page) = match show(&state, &frame, &uri, &reader).await {
        Ok((view, shown)) => (StatusCode::OK, LooksPage { frame, view, wrong: None, shown }),
        Err(problem) if problem.code().status().is_client_error() => {
            let empty = Uri::from_static(PATH);
            let view = View::of(&reader, &empty, frame.zone.as_ref(), state.now())?.at_page(PATH);
            let wrong = Some(problem.detail().to_owned());
            (problem.code().status(), LooksPage { frame, view, wrong, shown: Shown::default() })
        }
        Err(problem) => return Ok(super::refused(&frame, &problem)),
    };
    Ok(super::rendered(status, &page.frame, &page))
}

async fn show(state: &AppState, frame: &Frame, uri: &Uri, reader: &Reader) -> Result<(View, Shown)> {
    let view = View::of(reader, uri, frame.zone.as_ref(), state.now())?.at_page(PATH);
    let question = asked(&view)?;
    let place = Place::of(state, &question)?;
    let filter = question::describe(&question);
    let (view, shown) = state
        .ask(move |state, budget| {
            let shown = find(state, &view, &question, place, budget)?;
            Ok((view, shown))
        })
        .await?;
    let searched = Searched::new(filter, shown.looks.len() as u64).known_by(view.without(&[]).href());
    searched.note(state.activity(), reader.visitor());
    Ok((view, shown))
}

/// The looks that the address asks for, as conditions on events. What the server verified by itself, and found sound, are
/// no looks of anybody: these are asked for by name.
fn asked(view: &View) -> Result<Question> {
    let by_itself = Filter::all_of(vec![
        Filter::of_field(Field::Action, "audit.verified").map_err(Problem::internal)?,
        Filter::of_field(Field::ActorType, "system").map_err(Problem::internal)?,
    ]);
    let (by_itself, actions) = match view.first(KIND) {
        Some(SCHEDULED) => (by_itself, vec!["audit.verified"]),
        kind => (by_itself.negate(), of_kind(kind)?),
    };
    let mut question = view.question_about(&[KIND], "action", &actions)?;
    // What others sent under these names is not what we saw.
    let own = Filter::first_hand(Source::Internal);
    question.filter = Filter::all_of(vec![own, by_itself, question.filter]);
    Ok(question)
}

/// The actions of a kind, or of all.
fn of_kind(kind: Option<&str>) -> Result<Vec<&'static str>> {
    Ok(match kind {
        Some(name) => {
            let kind = looks::ALL.iter().find(|kind| kind.name == name).ok_or_else(|| {
                let known: Vec<_> = looks::ALL.iter().map(|kind| kind.name).chain([SCHEDULED]).collect();
                Problem::invalid_parameter(KIND, format!("is one of {}", known.join(", ")))
            })?;
            kind.actions.clone()
        }
        None => looks::ALL.iter().flat_map(|kind| kind.actions.iter().copied()).collect(),
    })
}

fn find(state: &AppState, view: &View, question: &Question, place: Place, budget: &Budget) -> Result<Shown> {
    let (page, next) = place.page(state, question, ROWS, budget)?;
    Ok(Shown {
        looks: row::read(state, view, &page.rows)?,
        total: state.index().count(&question.total(), budget)?,
        kinds: kinds(state, view, budget)?,
        people: people(state, view, budget)?,
        older: next.map(|token| view.older(&token)),
        csv: programs(view, question, PREFIXES[0], Some("csv")),
        events: programs(view, question, "/audit", None),
    })
}

/// How many looks of each kind there are in this time, by these people.
fn kinds(state: &AppState, view: &View, budget: &Budget) -> Result<Vec<Choice>> {
    let counts = counted(state, &asked(&view.without(&[KIND]))?, Field::Action, 200, budget)?;
    let choice = |kind: &looks::LookKind| {
        let of_kind = counts.iter().filter(|(action, _)| kind.actions.contains(&action.as_str()));
        let is_chosen = view.is(KIND, kind.name);
        let wide = view.without(&[KIND]);
        let href = if is_chosen { wide } else { wide.with(KIND, kind.name) }.href();
        Choice { name: kind.title.to_owned(), count: of_kind.map(|(_, count)| count).sum(), is_chosen, href }
    };
    let mut kinds: Vec<_> = looks::ALL.iter().map(choice).collect();
    let (wide, is_chosen) = (view.without(&[KIND]), view.is(KIND, SCHEDULED));
    let scheduled = wide.with(KIND, SCHEDULED);
    kinds.push(Choice {
        name: "Scheduled checks".to_owned(),
        count: state.index().count(&asked(&scheduled)?.total(), budget)?,
        is_chosen,
        href: if is_chosen { wide } else { scheduled }.href(),
    });
    Ok(kinds)
}

/// Who looked most in this time.
fn people(state: &AppState, view: &View, budget: &Budget) -> Result<Vec<Choice>> {
    let question = asked(&view.without(&["user"]))?;
    if view.reader().is_withheld(Field::ActorName) {
        return Ok(Vec::new());
    }
    let mut counts = counted(state, &question, Field::ActorName, PEOPLE, budget)?;
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let choice = |(name, count): (String, u64)| {
        let is_chosen = view.is("user", &name);
        let wide = view.without(&["user"]);
        let href = if is_chosen { wide } else { wide.with("user", &name) }.href();
        Choice { name, count, is_chosen, href }
    };
    Ok(counts.into_iter().map(choice).collect())
}

fn counted(
    state: &AppState,
    question: &Question,
    field: Field,
    limit: usize,
    budget: &Budget,
) -> Result<Vec<(String, u64)>> {
    let group = Group {
        filter: question.filter.clone(),
        range: question.range,
        keys: vec![GroupKey::Field(field)],
        measures: vec![Measure::Count],
        limit,
        snapshot: None,
    };
    let rows = state.index().group(&group, budget)?.rows.into_iter();
    let counted = rows.filter_map(|row| match (row.keys.first(), row.values.first()) {
        (Some(Key::Text(text)), Some(Value::Whole(count))) if !text.is_empty() => {
            Some((text.clone(), *count))
        }
        _ => None,
    });
    Ok(counted.collect())
}

/// The address at which others than this page give the same events.
fn programs(view: &View, question: &Question, path: &str, format: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    let kind = view.first(KIND);
    let kinds = looks::ALL.iter().filter(|known| kind.is_none_or(|name| name == known.name));
    for action in kinds.flat_map(|kind| &kind.actions) {
        query.append_pair("action", action);
    }
    let by_itself = "action:audit.verified actor.type:system";
    let more = match kind {
        Some(SCHEDULED) => format!("source:internal -sender:* {by_itself}"),
        _ => format!("source:internal -sender:* -({by_itself})"),
    };
    query
        .append_pair("q", &view.first("q").map_or_else(|| more.clone(), |asked| format!("({asked}) {more}")));
    query.extend_pairs(view.filters().filter(|(name, _)| ![KIND, "q"].contains(name)));
    if question.range.from > Timestamp::MIN {
        query.append_pair("from", &question.range.from.to_string());
    }
    if question.range.to < Timestamp::MAX {
        query.append_pair("to", &question.range.to.to_string());
    }
    query.extend_pairs(format.map(|format| ("format", format)));
    format!("{path}?{}", query.finish())
}
