//! Whoever is in the events, by a part of their name, address or id: for suggestions, and for those who mistyped one.

use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers, Budget, Group, GroupKey, Measure, TimeRange};

use super::seen::{text, whole};
use crate::problem::Result;

/// Combinations of id, address and name that are looked through.
const MOST_GROUPS: usize = 50_000;

/// Somebody, person or token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// What a filter finds them by: the address, else the name, else the id.
    pub value: String,
    /// The name, where that is another.
    pub name: Option<String>,
    pub events: u64,
}

/// Those among the events of `within` who have all the words in what names them, those with the most events first, and at
/// most `limit`. Blocks.
///
/// # Errors
/// When the index cannot answer.
pub(crate) fn named(
    index: &impl Answers,
    within: Filter,
    words: &str,
    limit: usize,
    budget: &Budget,
) -> Result<Vec<Named>> {
    let keys = [Field::ActorEmail, Field::ActorName, Field::ActorId];
    let group = Group {
        filter: within,
        range: TimeRange::ALL,
        keys: keys.into_iter().map(GroupKey::Field).collect(),
        measures: vec![Measure::Count],
        limit: MOST_GROUPS,
        snapshot: None,
    };
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<Named> = Vec::new();
    // The largest groups come first: somebody is called what they are called most often.
    for row in index.group(&group, budget)?.rows {
        let texts = [text(&row, 0), text(&row, 1), text(&row, 2)];
        let folded: String =
            texts.iter().flatten().map(|text| format!("{}\n", text.to_lowercase())).collect();
        if !words.iter().all(|word| folded.contains(word)) {
            continue;
        }
        let [email, name, id] = texts;
        let Some(value) = email.or_else(|| name.clone()).or(id) else { continue };
        let events = whole(&row, 0);
        match found.iter_mut().find(|known| known.value.eq_ignore_ascii_case(&value)) {
            Some(known) => known.events += events,
            None => found.push(Named { name: name.filter(|name| *name != value), value, events }),
        }
    }
    found.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    found.truncate(limit);
    Ok(found)
}
