//! How many events each choice would show.

use audit_event::{Category, Outcome, taxonomy};
use audit_query::filter::Field;
use audit_query::question::{Group, GroupKey, Key, Measure, Table, TableRow, Value};

use super::view::View;
use crate::problem::{Problem, Result};

/// Actions to choose from.
const ACTIONS: usize = 40;

/// The choices.
#[derive(Debug, Default)]
pub(crate) struct Facets {
    /// The six categories.
    pub categories: Vec<Choice>,
    /// The outcomes.
    pub outcomes: Vec<Choice>,
    /// The most frequent actions.
    pub actions: Vec<Choice>,
}

/// One value to choose.
#[derive(Debug)]
pub(crate) struct Choice {
    /// The value in the address.
    pub value: String,
    /// On the page.
    pub name: String,
    pub count: u64,
    pub is_chosen: bool,
    /// The address with it, or without it when it is chosen.
    pub href: String,
}

impl Facets {
    /// What is asked to know the counts for each choice as if nothing were chosen of its kind yet, in the order in
    /// which [`Facets::of`] takes the answers.
    ///
    /// # Errors
    /// When the address cannot be understood.
    pub fn questions(view: &View, snapshot: Option<u64>) -> Result<[Group; 3]> {
        let count = |parameter: &'static str, field: Field, limit: usize| {
            let question = view.without(&[parameter]).question()?;
            Ok::<_, Problem>(Group {
                filter: question.filter,
                range: question.range,
                keys: vec![GroupKey::Field(field)],
                measures: vec![Measure::Count],
                limit,
                snapshot,
            })
        };
        Ok([
            count("event_type", Field::Category, Category::ALL.len())?,
            count("outcome", Field::Outcome, Outcome::ALL.len())?,
            count("action", Field::Action, ACTIONS)?,
        ])
    }

    /// The choices, with the answers to [`Facets::questions`].
    pub fn of(view: &View, answers: &[Table]) -> Self {
        let counted = |at: usize| answers.get(at).map_or_else(Vec::new, counts);
        let (categories, outcomes, mut actions) = (counted(0), counted(1), counted(2));
        actions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let named = |action: &str| taxonomy::lookup(action).map_or(action, |info| info.label).to_owned();
        Self {
            categories: Category::ALL
                .iter()
                .map(|of| choice(view, "event_type", of.as_str(), super::name_of_category(*of), &categories))
                .collect(),
            outcomes: Outcome::ALL
                .iter()
                .map(|of| choice(view, "outcome", of.as_str(), of.as_str(), &outcomes))
                .collect(),
            actions: actions
                .iter()
                .map(|(action, _)| choice(view, "action", action, &named(action), &actions))
                .collect(),
        }
    }

    /// How many actions are chosen.
    pub fn chosen_actions(&self) -> usize {
        self.actions.iter().filter(|choice| choice.is_chosen).count()
    }
}

/// The values that are counted, with their counts.
fn counts(table: &Table) -> Vec<(String, u64)> {
    let count = |row: &TableRow| match (row.keys.first(), row.values.first()) {
        (Some(Key::Text(text)), Some(Value::Whole(count))) => Some((text.clone(), *count)),
        _ => None,
    };
    table.rows.iter().filter_map(count).collect()
}

fn choice(view: &View, parameter: &str, value: &str, name: &str, counts: &[(String, u64)]) -> Choice {
    Choice {
        count: counts.iter().find(|(counted, _)| counted == value).map_or(0, |(_, count)| *count),
        is_chosen: view.is(parameter, value),
        href: view.toggled(parameter, value).href(),
        value: value.to_owned(),
        name: name.to_owned(),
    }
}
