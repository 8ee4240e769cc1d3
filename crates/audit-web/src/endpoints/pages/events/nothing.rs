//! Why a list is empty, and what would fill it.

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers as _, Budget};

use super::view::View;
use crate::endpoints::people::named::named;
use crate::problem::{Problem, Result};
use crate::pulse;
use crate::state::AppState;

/// More conditions than this are not tried one by one.
const TRIED: usize = 6;
/// Most people that may have been meant.
const MEANT: usize = 6;
/// The parameter that asks for somebody.
const USER: &str = "user";

/// The explanation.
#[derive(Debug)]
pub(crate) struct Nothing {
    /// Events in all.
    pub recorded: u64,
    /// When the newest event happened, RFC 3339.
    pub newest: Option<String>,
    /// Whether anything but our own doings is among them.
    pub is_fed: bool,
    pub is_continued: bool,
    /// Sources that have fallen silent within the time that is shown, and since when, RFC 3339.
    pub silent: Vec<(String, String)>,
    /// Who may have been meant by a name that nobody has, with how many events, and their address.
    pub meant: Vec<(String, u64, String)>,
    /// What to change, how many events that shows, and its address.
    pub ways: Vec<(String, u64, String)>,
}

impl Nothing {
    /// Tries what is a little wider.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn explain(state: &AppState, view: &View, budget: &Budget) -> Result<Self> {
        let index = state.index();
        let count = |view: &View| Ok::<_, Problem>(index.count(&view.question()?.total(), budget)?);
        let mut wider: Vec<(String, View)> = Vec::new();
        if view.is_bounded() {
            wider.push(("At any time".to_owned(), view.of_all_time()));
        }
        let filters: Vec<_> = view.filters().collect();
        if filters.len() > 1 {
            for (name, value) in filters.iter().take(TRIED) {
                wider.push((format!("Without {}", condition(name, value)), view.toggled(name, value)));
            }
        }
        if view.is_filtered() {
            wider.push(("Without any filter".to_owned(), view.without_filters()));
        }
        let mut ways = Vec::new();
        for (way, view) in wider {
            let found = count(&view)?;
            if found > 0 {
                ways.push((way, found, view.href()));
            }
        }
        let all =
            View::of(view.reader(), &http::Uri::from_static("/audit"), None, state.now())?.question()?;
        let newest = index.list(&all.list(1, None, None), budget)?;
        // Whoever sees a part learns nothing of the rest.
        let recorded = if view.reader().is_limited() {
            index.count(&all.total(), budget)?
        } else {
            state.ledger().size().get()
        };
        let foreign = Filter::of_field(Field::Source, "internal").map_err(Problem::internal)?.negate();
        let mut fed = all.list(1, None, None);
        fed.filter = Filter::all_of(vec![fed.filter, foreign]);
        let is_fed = !index.list(&fed, budget)?.rows.is_empty();
        Ok(Self {
            recorded,
            is_fed,
            newest: newest.rows.first().map(|row| row.time.to_string()),
            is_continued: view.is_continued(),
            silent: silent(state, view, budget)?,
            meant: meant(state, view, budget)?,
            ways,
        })
    }
}

/// A source that was active and has sent nothing since a moment before or within the time that is shown explains why
/// nothing is there. Whoever sees a part only is not told of the whole.
fn silent(state: &AppState, view: &View, budget: &Budget) -> Result<Vec<(String, String)>> {
    if view.reader().is_limited() {
        return Ok(Vec::new());
    }
    let range = view.question()?.range;
    let explains = |since: Timestamp| since < range.to && range.to > range.from;
    let silent = pulse::silent(state, budget)?.into_iter().filter(|(_, since)| explains(*since));
    Ok(silent.map(|(source, since)| (source.replace('_', " "), since.to_string())).collect())
}

/// Those who have the words of the one name that is asked for in theirs, with their events of this view.
fn meant(state: &AppState, view: &View, budget: &Budget) -> Result<Vec<(String, u64, String)>> {
    let names: Vec<_> = view.filters().filter(|(name, _)| *name == USER).collect();
    let [(_, asked)] = names.as_slice() else { return Ok(Vec::new()) };
    let is_hidden = |field| view.reader().is_withheld(field);
    if asked.contains('*') || [Field::ActorName, Field::ActorEmail, Field::ActorId].into_iter().any(is_hidden)
    {
        return Ok(Vec::new());
    }
    let mut meant = Vec::new();
    for one in named(state.index(), view.reader().within(Filter::All), asked, MEANT, budget)? {
        let theirs = view.with(USER, &one.value);
        let count = state.index().count(&theirs.question()?.total(), budget)?;
        if count > 0 {
            meant.push((one.name.unwrap_or(one.value), count, theirs.href()));
        }
    }
    Ok(meant)
}

fn condition(name: &str, value: &str) -> String {
    match name {
        "q" => format!("“{value}”"),
        "event_type" => value.replace('_', " "),
        _ => format!("{}: {value}", name.replace(['_', '.'], " ")),
    }
}
