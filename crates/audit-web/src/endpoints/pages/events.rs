//! `GET /audit`: what has been going on, newest first, to be narrowed with a click or a word.

mod bar;
pub(crate) mod columns;
mod facets;
pub(crate) mod histogram;
mod nothing;
pub(crate) mod row;
pub(crate) mod sought;
pub(crate) mod view;

use std::time::Duration;

use askama::Template;
use audit_control::Permission;
use audit_event::{Category, Timestamp, limits};
use audit_query::Filter;
use audit_query::params::Request as Question;
use audit_query::question::{Answers, Budget, Count, List, Order, TimeRange};
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::chart::Histogram;
use super::frame::Frame;
use super::units;
use crate::activity::Searched;
use crate::endpoints::events::place::Place;
use crate::problem::{Code, Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;
use bar::Bar;
use columns::{COLUMNS, Columns};
use facets::Facets;
use nothing::Nothing;
use row::Row;
use view::View;

/// Rows of a page.
const ROWS: usize = 50;
/// How long may be counted before the page is shown without the older events in its counts: those who look for a word
/// want the list.
const PATIENCE: Duration = Duration::from_millis(10);

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    view: View,
    wrong: Option<Wrong>,
    shown: Shown,
}

/// What is wrong with the address.
struct Wrong {
    detail: String,
    /// The query box's text before, at and after the word that is wrong.
    pieces: Option<[String; 3]>,
    /// What may have been meant, and the address that asks for it.
    meant: Option<(String, String)>,
    /// The address without what is wrong.
    without: String,
}

/// What was found.
#[derive(Default)]
struct Shown {
    rows: Vec<Row>,
    /// Address of the next page, if there is one.
    older: Option<String>,
    histogram: Histogram,
    facets: Facets,
    /// The views to choose from.
    bar: Bar,
    columns: Columns,
    /// The time after which all events are counted, RFC 3339; `None` if all are.
    counted_after: Option<String>,
    /// How many events of the filters lie in the future, and their address.
    future: Option<(u64, String)>,
    /// Why there is nothing.
    nothing: Option<Nothing>,
    /// The ledger's size that the list is of: those to come begin there.
    snapshot: u64,
    /// The same events for programs, and those to come.
    api: String,
    stream: String,
}

impl EventsPage {
    /// The columns to choose from.
    fn columns(&self) -> &'static [(&'static str, &'static str)] {
        &COLUMNS
    }

    /// Whether the reader may share views with everybody.
    fn may_share(&self) -> bool {
        self.frame.may(Permission::SettingsChange)
    }

    /// The conditions that have no place of their own on the page, each with the address without it.
    fn chips(&self) -> Vec<(&str, &str, String)> {
        let placed = ["q", "event_type", "outcome"];
        let chips = self.view.filters().filter(|(name, _)| !placed.contains(name));
        chips.map(|(name, value)| (name, value, self.view.toggled(name, value).href())).collect()
    }
}

/// Answers with the page. An address that cannot be understood is shown with what is wrong about it, above no events.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    reader: Reader,
) -> Result<Response> {
    let (status, page) = match show(&state, &frame, &uri, &reader).await {
        Ok((view, shown)) => (StatusCode::OK, EventsPage { frame, view, wrong: None, shown }),
        // The place in the list stands in the address, which is kept longer than a place is good for.
        Err(problem) if problem.code() == Code::InvalidPageToken => {
            let view = View::of(&reader, &uri, frame.zone.as_ref(), state.now())?;
            return Ok(super::see(&view.without(&[]).href()));
        }
        Err(problem) if problem.code().status().is_client_error() => {
            let view = View::of(&reader, &uri, frame.zone.as_ref(), state.now()).or_else(|_| {
                View::of(&reader, &Uri::from_static("/audit"), frame.zone.as_ref(), state.now())
            })?;
            let wrong = Some(Wrong::of(&problem, &view));
            let (bar, view) = match state.work(move |state| Ok((Bar::of(state, &view)?, view))).await {
                Ok(found) => found,
                Err(problem) => return Ok(super::refused(&frame, &problem)),
            };
            let shown = Shown { bar, ..Shown::default() };
            (problem.code().status(), EventsPage { frame, view, wrong, shown })
        }
        Err(problem) => return Ok(super::refused(&frame, &problem)),
    };
    Ok(super::rendered(status, &page.frame, &page))
}

impl Wrong {
    fn of(problem: &Problem, view: &View) -> Self {
        let query = view.first("q").unwrap_or_default();
        let number = |name: &str| {
            let at = problem.member("at").and_then(|at| at.get(name)).and_then(serde_json::Value::as_u64);
            at.and_then(|at| usize::try_from(at).ok())
        };
        let is_about_query = problem.member("parameter").is_some_and(|name| name == "q");
        let pieces = number("offset").zip(number("length")).filter(|_| is_about_query);
        let pieces = pieces.and_then(|(at, length)| {
            let word = query.get(at..at + length)?;
            Some([query[..at].to_owned(), word.to_owned(), query[at + length..].to_owned()])
        });
        let detail = problem.detail();
        let detail = if is_about_query { detail.strip_prefix("q: ").unwrap_or(detail) } else { detail };
        let meant = pieces.as_ref().and_then(|[before, word, after]| {
            // The problem says it to programs in the same words.
            let (_, near) = detail.split_once("did you mean `")?;
            let (near, _) = near.split_once('`')?;
            // Of `field:value` only one is wrong.
            let corrected = match word.split_once([':', '=']) {
                Some((name, _)) if detail.contains(&format!("`{name}`")) => word.replacen(name, near, 1),
                _ => near.to_owned(),
            };
            let query = format!("{before}{corrected}{after}");
            Some((near.to_owned(), view.with("q", &query).href()))
        });
        let parameter = problem.member("parameter").and_then(|name| name.as_str());
        let without = parameter.map_or_else(|| view.without_filters(), |name| view.without(&[name])).href();
        Self { detail: super::sentence(detail), pieces, meant, without }
    }
}

async fn show(state: &AppState, frame: &Frame, uri: &Uri, reader: &Reader) -> Result<(View, Shown)> {
    let view = View::of(reader, uri, frame.zone.as_ref(), state.now())?;
    let (question, columns) = (view.question()?, view.columns()?);
    let place = Place::of(state, &question)?;
    let filter = question::describe(&question);
    let (view, shown) = state
        .ask(move |state, budget| {
            let mut shown = find(state, &view, &question, place, budget)?;
            shown.bar = Bar::of(state, &view)?;
            shown.columns = columns;
            for row in &mut shown.rows {
                row.columns = columns;
            }
            Ok((view, shown))
        })
        .await?;
    // The address is the same from page to page.
    let searched = Searched::new(filter, shown.rows.len() as u64).known_by(view.to_save());
    let searched = searched.matched(shown.histogram.total, shown.counted_after.is_none());
    searched.note(state.activity(), reader.visitor());
    Ok((view, shown))
}

fn find(state: &AppState, view: &View, question: &Question, place: Place, budget: &Budget) -> Result<Shown> {
    let index = state.index();
    let (page, next) = place.page(state, question, ROWS, budget)?;
    let rows = row::read(state, view.reader(), &page.rows, view.zone())?;
    let span = units::span(question.range, view.at(), |past| first_in(index, view.reader(), past, budget))?;
    let snapshot = Some(page.snapshot);
    let [categories, outcomes, actions] = Facets::questions(view, snapshot)?;
    let counted = [histogram::question(view, question, span, snapshot), categories, outcomes, actions];
    let answers = index.groups(&counted, (!view.counts_all()).then_some(PATIENCE), budget)?;
    let (histogram, facets) =
        answers.tables.split_first().map_or_else(Default::default, |(by_time, by_value)| {
            (histogram::draw(view, span, question.range, by_time), Facets::of(view, by_value))
        });
    let nothing = if rows.is_empty() { Some(Nothing::explain(state, view, budget)?) } else { None };
    Ok(Shown {
        rows,
        older: next.map(|token| view.older(&token)),
        histogram,
        facets,
        counted_after: answers.complete_after.map(|time| time.to_string()),
        future: future(index, view, question, snapshot, budget)?,
        nothing,
        snapshot: page.snapshot,
        api: view.of_api(question),
        stream: view.of_stream(),
        ..Shown::default()
    })
}

/// Events of a view that ends now, or never, which claim to be of later: their sources' clocks are wrong, or somebody wants
/// to stand at the top of the list. Of those that are ahead by less than what is marked nothing is said.
fn future(
    index: &impl Answers,
    view: &View,
    question: &Question,
    snapshot: Option<u64>,
    budget: &Budget,
) -> Result<Option<(u64, String)>> {
    if view.is_continued() || !view.ends_now() {
        return Ok(None);
    }
    let from = Timestamp::from_micros(view.at().as_micros().saturating_add(limits::FUTURE_MICROS));
    let range = TimeRange { from, to: Timestamp::MAX };
    let count = index.count(&Count { filter: question.filter.clone(), range, snapshot }, budget)?;
    Ok((count > 0).then(|| (count, view.since(from).href())))
}

/// When the first event in a time happened that the reader may see.
pub(super) fn first_in(
    index: &impl Answers,
    reader: &Reader,
    range: TimeRange,
    budget: &Budget,
) -> Result<Option<Timestamp>> {
    let first = List {
        filter: reader.within(Filter::All),
        range,
        order: Order::OldestFirst,
        limit: 1,
        after: None,
        snapshot: None,
        count: false,
    };
    Ok(index.list(&first, budget)?.rows.first().map(|row| row.time))
}

/// What a category is called on the pages.
pub(crate) fn name_of_category(category: Category) -> &'static str {
    match category {
        Category::Authentication => "Authentication",
        Category::Conversation => "Conversation",
        Category::File => "File",
        Category::ModelUsage => "Model usage",
        Category::Administration => "Administration",
        Category::System => "System",
    }
}
