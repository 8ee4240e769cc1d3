//! JSON: events as the ledger holds them, or with chosen fields only.

use super::columns::{Cell, Column, Columns, mark_names};
use audit_event::{Fields, TargetFields};
use std::io::Write as _;

/// Writes the chosen fields of an event, nested as in the whole event. They come in the order of the columns'
/// table, in which the fields of one object stand side by side.
pub(crate) fn write_chosen(columns: &Columns, index: u64, event: &Fields<'_>, out: &mut Vec<u8>) {
    let mut chosen = columns.as_slice().to_vec();
    chosen.sort_unstable();
    let mut open: Option<&str> = None;
    out.push(b'{');
    for column in chosen {
        let cell = column.cell(index, event);
        if matches!(cell, Cell::Missing) {
            continue;
        }
        open = write_key(column, open, out);
        write_value(&cell, out);
    }
    if open.is_some() {
        out.push(b'}');
    }
    out.push(b'}');
}

/// Writes the way to a value: closes the object left open if the value is not in it, opens its own.
fn write_key(column: Column, open: Option<&'static str>, out: &mut Vec<u8>) -> Option<&'static str> {
    let (object, key) = match column.path() {
        [object, key] => (Some(*object), *key),
        path => (None, path[0]),
    };
    if open.is_some() && open != object {
        out.push(b'}');
    }
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    if let Some(object) = object.filter(|_| open != object) {
        write_text(object, out);
        out.extend_from_slice(b":{");
    }
    write_text(key, out);
    out.push(b':');
    object
}

fn write_value(cell: &Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Missing => out.extend_from_slice(b"null"),
        Cell::Text(text) => write_text(text, out),
        Cell::Address(address) => write_quoted(address, out),
        Cell::Time(time) => write_quoted(time, out),
        Cell::Whole(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Cell::Fraction(number) => write_display(number, out),
        Cell::Texts(texts) => write_texts(texts.iter().map(|text| &**text), out),
        Cell::Marks(marks) => write_texts(mark_names(*marks), out),
        Cell::Json(text) => out.extend_from_slice(text.as_bytes()),
        Cell::Targets(targets) => write_targets(targets, out),
    }
}

fn write_texts<'t>(texts: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, text) in texts.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(text, out);
    }
    out.push(b']');
}

/// Writes `targets` as it stands in the event: keys in canonical order.
pub(crate) fn write_targets(targets: &[TargetFields<'_>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, target) in targets.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{" } else { b"{" });
        for (key, value) in [("id", &target.id), ("name", &target.name), ("type", &target.kind)] {
            let Some(value) = value else { continue };
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            write_text(key, out);
            out.push(b':');
            write_text(value, out);
        }
        out.push(b'}');
    }
    out.push(b']');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, and every str is a JSON string.
    let _ = serde_json::to_writer(out, text);
}

fn write_quoted(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    out.push(b'"');
    write_display(value, out);
    out.push(b'"');
}

fn write_display(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}
