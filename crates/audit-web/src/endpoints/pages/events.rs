//! `GET /audit`: what has been going on, newest first, to be narrowed with a click or a word.

mod bar;
pub(crate) mod columns;
mod facets;
pub(crate) mod histogram;
mod nothing;
pub(crate) mod row;
pub(crate) mod view;

use std::time::Duration;

use askama::Template;
use audit_control::Permission;
use audit_event::{Category, Event, Json, Timestamp, limits};
use audit_query::Filter;
use audit_query::page_token::PageToken;
use audit_query::params::Request as Question;
use audit_query::question::{Answers, Budget, Count, List, Order, TimeRange};
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::frame::Frame;
use crate::activity::success;
use crate::problem::{Code, Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;
use bar::Bar;
use columns::{COLUMNS, Columns};
use facets::Facets;
use histogram::Histogram;
use nothing::Nothing;
use row::Row;
use view::{PRESETS, View};

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
    fn presets(&self) -> &'static [(&'static str, &'static str)] {
        &PRESETS
    }

    /// The columns to choose from.
    fn columns(&self) -> &'static [(&'static str, &'static str)] {
        &COLUMNS
    }

    /// Whether the reader may share views with everybody.
    fn may_share(&self) -> bool {
        self.frame.may(Permission::SettingsChange)
    }

    /// The name of the zone that times are in.
    fn zone(&self) -> &str {
        self.view.zone().iana_name().unwrap_or("UTC")
    }

    /// A parameter's value for a field of a form.
    fn value(&self, name: &str) -> &str {
        self.view.first(name).unwrap_or_default()
    }

    /// The conditions that have no place of their own on the page, each with the address without it.
    fn chips(&self) -> Vec<(&str, &str, String)> {
        let placed = ["q", "event_type", "outcome"];
        let chips = self.view.filters().filter(|(name, _)| !placed.contains(name));
        chips.map(|(name, value)| (name, value, self.view.toggled(name, value).href())).collect()
    }

    /// The range in force when it is none of the presets.
    fn custom(&self) -> Option<String> {
        let question = self.view.question().ok()?;
        let bounded = ["from", "to"].iter().any(|name| self.view.first(name).is_some());
        let shown = |time: Timestamp| {
            let (date, clock) = row::local(&time.to_string(), self.view.zone());
            format!("{date}, {}", clock.get(..5).unwrap_or(&clock))
        };
        let TimeRange { from, to } = question.range;
        bounded.then(|| match (from > Timestamp::MIN, to < Timestamp::MAX) {
            (true, true) => format!("{} – {}", shown(from), shown(to)),
            (true, false) => format!("since {}", shown(from)),
            _ => format!("until {}", shown(to)),
        })
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
            let wrong = Some(Wrong::of(&problem, view.first("q").unwrap_or_default()));
            (problem.code().status(), EventsPage { frame, view, wrong, shown: Shown::default() })
        }
        Err(problem) => return Ok(super::refused(&frame, &problem)),
    };
    Ok(super::rendered(status, &page.frame, &page))
}

impl Wrong {
    fn of(problem: &Problem, query: &str) -> Self {
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
        Self { detail: super::sentence(detail), pieces }
    }
}

async fn show(state: &AppState, frame: &Frame, uri: &Uri, reader: &Reader) -> Result<(View, Shown)> {
    let view = View::of(reader, uri, frame.zone.as_ref(), state.now())?;
    let (question, columns) = (view.question()?, view.columns()?);
    let position = super::super::events::list::open_page_token(state, &question)?;
    let subject = question::describe(&question);
    let (worker, budget) = (state.clone(), Budget::of(state.config().query_timeout));
    let (view, shown) = state
        .queries()
        .query(budget, move |budget| {
            let mut shown = find(&worker, &view, &question, position, budget)?;
            shown.bar = Bar::of(&worker, &view)?;
            shown.columns = columns;
            for row in &mut shown.rows {
                row.columns = columns;
            }
            Ok((view, shown))
        })
        .await?;
    let results = u32::try_from(shown.rows.len()).unwrap_or(u32::MAX);
    let details = [("filter", Json::from(subject)), ("results", Json::from(results)), matched(&shown)];
    let event =
        Event { details: Some(Json::object(details)), ..success(reader.visitor().did("audit.searched")) };
    // Times that count from now differ with every look; the address does not, and neither does it from page to page.
    state.activity().note(event, &reader.visitor().key(), &view.to_save());
    Ok((view, shown))
}

/// How many there are in all; where counting ended before all were counted, how many there are at least.
#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles; counts stay far below 2^53")]
fn matched(shown: &Shown) -> (&'static str, Json<'static>) {
    let name = if shown.counted_after.is_none() { "matched" } else { "matched_at_least" };
    (name, Json::Number(shown.histogram.total as f64))
}

fn find(
    state: &AppState,
    view: &View,
    question: &Question,
    position: Option<PageToken>,
    budget: &Budget,
) -> Result<Shown> {
    let index = state.index();
    let (after, snapshot) = position.map_or((None, None), |at| (Some(at.after), Some(at.snapshot)));
    let page = index.list(&question.list(ROWS, after, snapshot), budget)?;
    let older = page.next.map(|after| {
        let token = PageToken { after, snapshot: page.snapshot, issued: state.now() };
        view.older(&token.seal(question.digest(), state.page_key()))
    });
    let rows = row::read(state, view.reader(), &page.rows, view.zone())?;
    let span = span(index, view.reader(), question, view.at(), budget)?;
    let snapshot = Some(page.snapshot);
    let [categories, outcomes, actions] = Facets::questions(view, snapshot)?;
    let counted = [Histogram::question(view, question, span, snapshot), categories, outcomes, actions];
    let answers = index.groups(&counted, (!view.counts_all()).then_some(PATIENCE), budget)?;
    let (histogram, facets) =
        answers.tables.split_first().map_or_else(Default::default, |(by_time, by_value)| {
            (Histogram::of(view, span, question.range, by_time), Facets::of(view, by_value))
        });
    let nothing = if rows.is_empty() { Some(Nothing::explain(state, view, budget)?) } else { None };
    Ok(Shown {
        rows,
        older,
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

/// The time that bars are drawn for, with both ends: the question's own; where it has none, from the first event of the
/// last ten years to now. What lies before or after has a bar of its own.
pub(super) fn span(
    index: &impl Answers,
    reader: &Reader,
    question: &Question,
    now: Timestamp,
    budget: &Budget,
) -> Result<TimeRange> {
    let TimeRange { from, to } = question.range;
    let to = if to < Timestamp::MAX { to } else { view::after(now).max(from) };
    if from > Timestamp::MIN {
        return Ok(TimeRange { from, to });
    }
    // A single event of long ago must not make all others one bar.
    let from = Timestamp::from_micros(to.as_micros().saturating_sub(limits::PAST_MICROS)).max(Timestamp::MIN);
    let first = List {
        filter: reader.within(Filter::All),
        range: TimeRange { from, to },
        order: Order::OldestFirst,
        limit: 1,
        after: None,
        snapshot: None,
        count: false,
    };
    let first = index.list(&first, budget)?.rows.first().map_or(to, |row| row.time);
    Ok(TimeRange { from: first.min(to), to })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_not_complete_is_not_recorded_as_if_it_were() {
        let mut shown = Shown::default();
        assert_eq!(matched(&shown).0, "matched");
        shown.counted_after = Some("2026-03-01T00:00:00Z".to_owned());
        assert_eq!(matched(&shown).0, "matched_at_least");
    }
}
