//! What happened around an event.

use audit_event::Timestamp;
use audit_query::params::Request as Question;
use audit_query::question::{Answers as _, Budget, List, Order, RowRef};
use form_urlencoded::Serializer;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::events::row::{self, Row};
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;

/// Events of each kind before the one that is shown, and after it.
const BESIDE: usize = 3;
const HOUR: i64 = 3_600 * 1_000_000;

/// Events that share something with the one that is shown.
#[derive(Debug)]
pub(crate) struct Related {
    pub title: &'static str,
    /// Those next to it in time, the latest first, and itself.
    pub rows: Vec<Row>,
    /// The index of the one that is shown.
    pub index: u64,
    /// The address of all of them.
    pub href: String,
}

/// Of the same session, on the same target, by the same actor within the hour.
///
/// # Errors
/// When the index or the ledger cannot answer.
pub(crate) fn of(
    state: &AppState,
    reader: &Reader,
    event: &Value,
    index: u64,
    zone: &TimeZone,
    budget: &Budget,
) -> Result<Vec<Related>> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(time) = text("/time").and_then(|time| Timestamp::parse_rfc3339(time).ok()) else {
        return Ok(Vec::new());
    };
    let here = RowRef { time, index };
    let mut kinds: Vec<(&'static str, Vec<(&str, String)>)> = Vec::new();
    if let Some(session) = text("/session_id") {
        kinds.push(("In the same session", vec![("session", session.to_owned())]));
    }
    if let Some(target) = text("/target/id") {
        kinds.push(("On the same target", vec![("target.id", target.to_owned())]));
    }
    let actor = text("/actor/id").map(|id| ("actor.id", id));
    if let Some((name, id)) = actor.or(text("/actor/email").map(|email| ("actor.email", email))) {
        let at = |by: i64| Timestamp::from_micros(time.as_micros().saturating_add(by)).to_string();
        let bounds = vec![(name, id.to_owned()), ("from", at(-HOUR)), ("to", at(HOUR))];
        kinds.push(("By the same person within the hour", bounds));
    }
    let mut related = Vec::new();
    for (title, pairs) in kinds {
        // A value that no filter takes has no events to show; nor has one that is withheld.
        let Ok(question) =
            question::of_pairs(reader, pairs.iter().map(|(name, value)| (*name, value.as_str())), None)
        else {
            continue;
        };
        let page = around(state, &question, here, budget)?;
        if page.len() > 1 {
            let query = Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let rows = row::read(state, reader, &page, zone)?;
            related.push(Related { title, rows, index, href: format!("/audit?{query}") });
        }
    }
    Ok(related)
}

/// The events next to one, the latest first, with it among them.
fn around(state: &AppState, question: &Question, here: RowRef, budget: &Budget) -> Result<Vec<RowRef>> {
    let beside = |order: Order| {
        let list = List { order, ..question.list(BESIDE, Some(here), None) };
        Ok::<_, Problem>(state.index().list(&list, budget)?.rows)
    };
    let mut rows = beside(Order::OldestFirst)?;
    rows.reverse();
    rows.push(here);
    rows.extend(beside(Order::NewestFirst)?);
    Ok(rows)
}
