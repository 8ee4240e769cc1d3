//! `GET /audit/suggestions`: what a field of a form, or the search box, can be completed with, from what was recorded.
//!
//! Every half-typed word asks: the looks of one session at one field are one on record, which tells of the last.

use audit_query::filter::{Field, Filter};
use audit_query::question::{Answers as _, Budget, Group, GroupKey, Key, Measure, TimeRange};
use axum::extract::State;
use http::Uri;
use serde::Serialize;

use crate::activity::Searched;
use crate::endpoints::people::named::{Named, named};
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// Suggestions at a time: fewer are all there are.
const MOST: usize = 10;
/// The field that is anybody's name, address or id.
const USER: &str = "user";

/// The answer.
#[derive(Serialize)]
pub(crate) struct Suggestions {
    values: Vec<Suggestion>,
    /// Whether there are no others.
    whole: bool,
}

#[derive(Serialize)]
struct Suggestion {
    value: String,
    /// What else it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Answers with what begins with `text`; for `user`, with whoever has its words in name, address or id.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    reader: Reader,
) -> Result<axum::Json<Suggestions>> {
    let params = Params::parse(uri.query(), &[&["field", "text"]])?;
    let field = params.one("field")?.unwrap_or(USER).to_owned();
    let text = params.one("text")?.unwrap_or_default().replace('*', " ").trim().to_owned();
    let asked = match field.as_str() {
        USER => None,
        name => {
            let known = Field::named(name);
            Some(known.ok_or_else(|| Problem::invalid_parameter("field", "is a field's name, or user"))?)
        }
    };
    let fields = asked.map_or(vec![Field::ActorName, Field::ActorEmail, Field::ActorId], |field| vec![field]);
    fields.into_iter().try_for_each(|field| reader.may_use(field))?;
    let subject = if text.is_empty() { format!("{field}:*") } else { format!("{field}:{text}*") };
    let within = reader.within(Filter::All);
    let values = state.ask(move |state, budget| match asked {
        None => {
            let found = named(state.index(), within, &text, MOST, budget)?;
            Ok(found.into_iter().map(|Named { value, name, .. }| Suggestion { value, name }).collect())
        }
        Some(field) => beginning(state, within, field, &text, budget),
    });
    let values = values.await?;
    let searched = Searched::new(subject, values.len() as u64).known_by(format!("suggestions of {field}"));
    searched.note(state.activity(), reader.visitor());
    Ok(axum::Json(Suggestions { whole: values.len() < MOST, values }))
}

/// The most frequent values of a field that begin so.
fn beginning(
    state: &AppState,
    within: Filter,
    field: Field,
    text: &str,
    budget: &Budget,
) -> Result<Vec<Suggestion>> {
    let begins = match text {
        "" => Filter::All,
        text => match Filter::of_field(field, &format!("{text}*")) {
            Ok(filter) => filter,
            // No value of this field begins so.
            Err(_) => return Ok(Vec::new()),
        },
    };
    let group = Group {
        filter: Filter::all_of(vec![within, begins]),
        range: TimeRange::ALL,
        keys: vec![GroupKey::Field(field)],
        measures: vec![Measure::Count],
        limit: MOST,
        snapshot: None,
    };
    let rows = state.index().group(&group, budget)?.rows.into_iter();
    Ok(rows
        .filter_map(|row| match row.keys.into_iter().next() {
            Some(Key::Text(value)) if !value.is_empty() => Some(Suggestion { value, name: None }),
            _ => None,
        })
        .collect())
}
