//! CSV: RFC 4180, with cells that no spreadsheet takes for a formula.
//!
//! - the first line holds the columns' names, lines end with CR LF, text is UTF-8
//! - a cell is quoted when it holds a comma, a semicolon, a tab, a quotation mark or a line break; a missing value is an
//!   empty cell
//! - lists are joined with `;`; `targets`, `changes` and `details` are JSON
//! - a text cell that begins with `=`, `+`, `-`, `@`, tab or CR gets a `'` in front, since spreadsheets would
//!   compute it (OWASP, "CSV Injection"); so does what follows a semicolon, a tab or a line break inside of a cell, since
//!   where the list separator is not a comma a spreadsheet begins a cell there. In a cell of JSON, which must stay JSON,
//!   the character is written as `\\u` and its number instead

use super::columns::{Cell, Columns, mark_names};
use super::json;
use audit_event::Fields;
use memchr::{memchr, memchr3};
use std::io::Write as _;

/// What makes Excel read the file as UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Writes the line of names.
pub(crate) fn write_header(columns: &Columns, out: &mut Vec<u8>) {
    for (at, name) in columns.names().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes events as lines; holds what is needed in between.
#[derive(Default)]
pub(crate) struct LineWriter {
    scratch: Vec<u8>,
}

impl LineWriter {
    pub(crate) fn write(&mut self, columns: &Columns, index: u64, event: &Fields<'_>, out: &mut Vec<u8>) {
        for (at, column) in columns.as_slice().iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.write_cell(&column.cell(index, event), out);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn write_cell(&mut self, cell: &Cell<'_>, out: &mut Vec<u8>) {
        match cell {
            Cell::Missing => {}
            Cell::Text(text) => write_text(text, out),
            Cell::Address(address) => write_number(address, out),
            Cell::Time(time) => time.write_to(out),
            Cell::Whole(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
            Cell::Fraction(number) => write_number(number, out),
            Cell::Json(text) => write_json(text, out),
            Cell::Texts(texts) => self.write_joined(texts.iter().map(|text| &**text), out),
            Cell::Marks(marks) => self.write_joined(mark_names(*marks), out),
            Cell::Targets(targets) => {
                self.scratch.clear();
                json::write_targets(targets, &mut self.scratch);
                write_json(&String::from_utf8_lossy(&self.scratch), out);
            }
        }
    }

    fn write_joined<'t>(&mut self, texts: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
        self.scratch.clear();
        for text in texts {
            if !self.scratch.is_empty() {
                self.scratch.push(b';');
            }
            self.scratch.extend_from_slice(text.as_bytes());
        }
        write_text(&String::from_utf8_lossy(&self.scratch), out);
    }
}

fn write_number(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// Writes text as a CSV cell in which no spreadsheet finds a formula.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_guarded(text.as_bytes(), |formula, out| out.extend_from_slice(&[b'\'', formula]), out);
}

/// The same for JSON, which stays JSON.
fn write_json(text: &str, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let escaped = |formula: u8, out: &mut Vec<u8>| drop(write!(out, "\\u{formula:04x}"));
    write_guarded(text.as_bytes(), escaped, out);
}

fn write_guarded(text: &[u8], disarmed: impl Fn(u8, &mut Vec<u8>), out: &mut Vec<u8>) {
    let is_split = memchr3(b';', b'\n', b'\r', text).is_some() || memchr(b'\t', text).is_some();
    let is_quoted = is_split || memchr(b',', text).is_some() || memchr(b'"', text).is_some();
    if is_quoted {
        out.push(b'"');
    }
    if matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')) {
        out.push(b'\'');
    }
    if is_split {
        write_disarmed(text, disarmed, out);
    } else if is_quoted {
        write_doubling_quotes(text, out);
    } else {
        out.extend_from_slice(text);
    }
    if is_quoted {
        out.push(b'"');
    }
}

/// With `disarmed` in the place of what would begin a formula after a separator.
fn write_disarmed(text: &[u8], disarmed: impl Fn(u8, &mut Vec<u8>), out: &mut Vec<u8>) {
    let mut begins = false;
    for &byte in text {
        match byte {
            b'=' | b'+' | b'-' | b'@' if begins => disarmed(byte, out),
            b'"' => out.extend_from_slice(b"\"\""),
            _ => out.push(byte),
        }
        begins = matches!(byte, b';' | b'\t' | b'\r' | b'\n');
    }
}

fn write_doubling_quotes(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr(b'"', text) {
        out.extend_from_slice(&text[..=at]);
        out.push(b'"');
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut out = Vec::new();
        write_text(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_the_rfc_asks_for_it() {
        assert_eq!(cell("plain text, with: marks"), "\"plain text, with: marks\"");
        assert_eq!(cell("plain text with: marks"), "plain text with: marks");
        assert_eq!(cell("a;b"), "\"a;b\"");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
        assert_eq!(cell("\"\""), "\"\"\"\"\"\"");
    }

    #[test]
    fn nothing_is_taken_for_a_formula() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("+49 30 1234"), "'+49 30 1234");
        assert_eq!(cell("-2"), "'-2");
        assert_eq!(cell("@sum"), "'@sum");
        assert_eq!(cell("\tx"), "\"'\tx\"");
        assert_eq!(cell("\r=1"), "\"'\r'=1\"");
        assert_eq!(cell("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        assert_eq!(cell("a=b"), "a=b");
    }

    #[test]
    fn nor_is_what_a_spreadsheet_with_other_separators_splits_off() {
        assert_eq!(cell("a;=1+1"), "\"a;'=1+1\"");
        assert_eq!(cell("x\r\n=1;+2\t-3;@4"), "\"x\r\n'=1;'+2\t'-3;'@4\"");
        assert_eq!(cell("a; b;c=d"), "\"a; b;c=d\"");
        assert_eq!(cell(";=HYPERLINK(\"http://x\")"), "\";'=HYPERLINK(\"\"http://x\"\")\"");
    }

    #[test]
    fn json_stays_what_it_was() {
        let told = r#"{"a":"x;=1+1","b":";-2","c":["@;@"]}"#;
        let mut out = Vec::new();
        write_json(told, &mut out);
        let cell = String::from_utf8(out).unwrap();
        assert!(!cell.contains(";=") && !cell.contains(";-") && !cell.contains(";@"), "{cell}");
        let json = cell.trim_matches('"').replace("\"\"", "\"");
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(value(&json), value(told));
    }
}
