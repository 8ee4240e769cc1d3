//! The answers as JSON and CSV.

use std::io::Write as _;

use audit_event::Timestamp;
use audit_query::export::write_csv_text;
use serde_json::{Map, Value, json};

use super::asked::{Asked, List};
use super::columns::{COLUMNS, Cell, Column};
use super::listing::{Listing, Told};
use super::portrait::Portrait;
use super::seen::{Allowed, Person, Standing};
use crate::roster::NoRoster;

/// The columns of a list that the reader may see, with their names.
fn columns(list: List, allowed: &Allowed) -> Vec<(&'static str, Column)> {
    if list == List::Tried {
        return vec![
            ("name_tried", Column::Email),
            ("failed_sign_ins", Column::FailedSignIns),
            ("first_tried", Column::FirstActivity),
            ("last_tried", Column::LastActivity),
        ];
    }
    let is_seen = |column: &Column| match column {
        Column::Role | Column::Department => allowed.org,
        Column::Tokens => allowed.usage,
        _ => true,
    };
    COLUMNS.into_iter().filter(|(_, column)| is_seen(column)).collect()
}

/// A page of a list.
pub(super) fn json(listing: &Listing, asked: &Asked, allowed: &Allowed) -> Vec<u8> {
    let columns = columns(asked.list, allowed);
    let people: Vec<Value> =
        listing.page(asked).iter().map(|one| person(one, &columns, asked.list == List::Tried)).collect();
    let counts = listing.counts;
    document(&json!({
        "list": asked.list.name(),
        "people": people,
        "total": listing.people.len(),
        "page": asked.page,
        "pages": listing.pages(asked),
        "counts": { "people": counts.people, "tried": counts.tried, "idle": counts.idle, "gone": counts.gone },
        "roster": roster(listing.roster_state(), &listing.told),
        "left_out": listing.left_out,
        "tree_size": listing.snapshot,
    }))
}

/// One person.
pub(super) fn portrait(portrait: &Portrait, told: &Told, allowed: &Allowed) -> Vec<u8> {
    let columns = columns(List::People, allowed);
    let models = portrait.models.iter().map(|model| {
        json!({ "model": model.name, "calls": model.calls, "tokens": model.tokens, "cost_usd": model.cost_usd })
    });
    let addresses = portrait.addresses.iter().map(|address| {
        json!({
            "ip": address.ip,
            "events": address.events,
            "failed_sign_ins": address.failed_sign_ins,
            "first": address.first.map(|time| time.to_string()),
            "last": address.last.map(|time| time.to_string()),
            "new": address.is_new,
        })
    });
    let state = told
        .as_ref()
        .map_or_else(|none| none.as_str(), |all| if all.is_whole() { "whole" } else { "partial" });
    let mut answer = json!({
        "person": person(&portrait.person, &columns, false),
        "emails": portrait.person.emails,
        "first_ever": portrait.ever.0.map(|time| time.to_string()),
        "last_ever": portrait.ever.1.map(|time| time.to_string()),
        "hours": hours(portrait),
        "events": portrait.timeline.iter().map(|row| row.index).collect::<Vec<_>>(),
        "roster": roster(state, told),
        "tree_size": portrait.snapshot,
    });
    if allowed.usage {
        answer["models"] = models.collect();
    }
    if allowed.client {
        answer["addresses"] = addresses.collect();
    }
    document(&answer)
}

/// Events of each hour in which there were any.
fn hours(portrait: &Portrait) -> Vec<Value> {
    let mut hours: std::collections::BTreeMap<Timestamp, u64> = std::collections::BTreeMap::new();
    for (hour, _, events) in &portrait.hours {
        *hours.entry(*hour).or_default() += events;
    }
    hours.into_iter().map(|(hour, events)| json!({ "hour": hour.to_string(), "events": events })).collect()
}

fn person(person: &Person, columns: &[(&'static str, Column)], is_name: bool) -> Value {
    let cells = columns.iter().map(|(name, column)| {
        let value = match column.cell(person) {
            Cell::Text(text) => Value::from(text),
            Cell::Time(time) => Value::from(time.map(|time| time.to_string())),
            Cell::Number(number) => Value::from(number),
        };
        ((*name).to_owned(), value)
    });
    let mut object: Map<String, Value> = cells.collect();
    if !is_name {
        object.insert("key".to_owned(), Value::from(person.key.as_str()));
        object.insert("account".to_owned(), account(&person.account));
    }
    Value::Object(object)
}

fn account(standing: &Standing) -> Value {
    match standing {
        Standing::Unknown => json!({ "state": "unknown" }),
        Standing::HasNone => json!({ "state": "none" }),
        Standing::Has { role, last_active } => {
            json!({ "state": "exists", "role": role, "last_active": last_active.map(|time| time.to_string()) })
        }
    }
}

fn roster(state: &str, told: &Told) -> Value {
    match told {
        Ok(accounts) => json!({ "state": state, "accounts": accounts.total }),
        Err(none) => json!({ "state": state, "advice": NoRoster::advice(*none) }),
    }
}

fn document(value: &Value) -> Vec<u8> {
    let mut json = value.to_string().into_bytes();
    json.push(b'\n');
    json
}

/// All of a list: RFC 4180, with cells that no spreadsheet takes for a formula, as the events' CSV.
pub(super) fn csv(listing: &Listing, list: List, allowed: &Allowed) -> Vec<u8> {
    let columns = columns(list, allowed);
    let names = columns.iter().map(|(name, _)| *name).chain((list != List::Tried).then_some("account"));
    let mut sheet = names.collect::<Vec<_>>().join(",").into_bytes();
    sheet.extend_from_slice(b"\r\n");
    for person in &listing.people {
        for (at, (_, column)) in columns.iter().enumerate() {
            if at > 0 {
                sheet.push(b',');
            }
            match column.cell(person) {
                Cell::Text(text) => write_csv_text(text.unwrap_or_default(), &mut sheet),
                Cell::Time(Some(time)) => time.write_to(&mut sheet),
                Cell::Time(None) => {}
                // Writing to a Vec cannot fail.
                Cell::Number(number) => drop(write!(sheet, "{number}")),
            }
        }
        if list != List::Tried {
            sheet.push(b',');
            write_csv_text(
                match &person.account {
                    Standing::Unknown => "",
                    Standing::HasNone => "none",
                    Standing::Has { role, .. } => role,
                },
                &mut sheet,
            );
        }
        sheet.extend_from_slice(b"\r\n");
    }
    sheet
}
