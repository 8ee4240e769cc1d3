//! How many events each choice would show.

use audit_event::{Category, Outcome, taxonomy};
use audit_query::filter::Field;
use audit_query::question::{Answers, Budget, Group, GroupKey, Key, Measure, Value};

use super::view::View;
use crate::problem::Result;

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
    /// Counts for each choice as if nothing were chosen of its kind yet.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn of(view: &View, snapshot: Option<u64>, index: &impl Answers, budget: &Budget) -> Result<Self> {
        let count = |parameter: &'static str, field: Field, limit: usize| {
            let question = view.without(&[parameter]).question()?;
            let group = Group {
                filter: question.filter,
                range: question.range,
                keys: vec![GroupKey::Field(field)],
                measures: vec![Measure::Count],
                limit,
                snapshot,
            };
            let table = index.group(&group, budget)?;
            let rows =
                table.rows.into_iter().filter_map(|row| match (row.keys.first(), row.values.first()) {
                    (Some(Key::Text(text)), Some(Value::Whole(count))) => Some((text.clone(), *count)),
                    _ => None,
                });
            Ok::<Vec<(String, u64)>, crate::problem::Problem>(rows.collect())
        };
        let categories = count("event_type", Field::Category, Category::ALL.len())?;
        let outcomes = count("outcome", Field::Outcome, Outcome::ALL.len())?;
        let mut actions = count("action", Field::Action, ACTIONS)?;
        actions.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let named = |action: &str| taxonomy::lookup(action).map_or(action, |info| info.label).to_owned();
        Ok(Self {
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
        })
    }

    /// How many actions are chosen.
    pub fn chosen_actions(&self) -> usize {
        self.actions.iter().filter(|choice| choice.is_chosen).count()
    }
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
