//! CSV: RFC 4180, with cells that no spreadsheet takes for a formula.
//!
//! - the first line holds the columns' names, lines end with CR LF, text is UTF-8
//! - a cell is quoted when it holds a comma, a quotation mark or a line break; a missing value is an empty cell
//! - lists are joined with `;`; `targets`, `changes` and `details` are JSON
//! - a text cell that begins with `=`, `+`, `-`, `@`, tab or CR gets a `'` in front, since spreadsheets would
//!   compute it (OWASP, "CSV Injection")

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
            Cell::Text(text) => write_text(text.as_bytes(), out),
            Cell::Address(address) => write_number(address, out),
            Cell::Time(time) => time.write_to(out),
            Cell::Whole(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
            Cell::Fraction(number) => write_number(number, out),
            Cell::Json(text) => write_text(text.as_bytes(), out),
            Cell::Texts(texts) => self.write_joined(texts.iter().map(|text| &**text), out),
            Cell::Marks(marks) => self.write_joined(mark_names(*marks), out),
            Cell::Targets(targets) => {
                self.scratch.clear();
                json::write_targets(targets, &mut self.scratch);
                write_text(&self.scratch, out);
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
        write_text(&self.scratch, out);
    }
}

fn write_number(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    let is_formula = matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
    let is_quoted = memchr3(b',', b'"', b'\n', text).is_some() || memchr(b'\r', text).is_some();
    if is_quoted {
        out.push(b'"');
    }
    if is_formula {
        out.push(b'\'');
    }
    if is_quoted {
        write_doubling_quotes(text, out);
        out.push(b'"');
    } else {
        out.extend_from_slice(text);
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
        write_text(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_the_rfc_asks_for_it() {
        assert_eq!(cell("plain text; with: marks"), "plain text; with: marks");
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
        assert_eq!(cell("\tx"), "'\tx");
        assert_eq!(cell("\r=1"), "\"'\r=1\"");
        assert_eq!(cell("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        assert_eq!(cell("a=b"), "a=b");
    }
}
