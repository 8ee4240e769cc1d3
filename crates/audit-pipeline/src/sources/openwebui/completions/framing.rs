//! Whole JSON, JSON lines or server-sent events: told apart by the first byte.

use super::EventEnd;
use super::fields::{Fields, USAGE};
use super::scan::Scanner;

/// How the answer is put together, and how far it is read.
#[derive(Debug, Default)]
pub(super) struct Framing {
    form: Form,
    scanner: Scanner,
}

#[derive(Debug, Default)]
enum Form {
    /// Nothing but white space so far.
    #[default]
    Unknown,
    /// One document, or one a line.
    Json,
    /// Behind a gap in a document: its `usage` is looked for.
    JsonTail(Search),
    /// Behind a gap in JSON lines: the next line is waited for.
    NextLine,
    Events(Lines),
}

/// Server-sent events: <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>.
#[derive(Debug, Default)]
struct Lines {
    within: Line,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    /// The event under way has bytes that are no line end.
    has_begun: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Line {
    /// In the field's name, of which so many bytes are those of `data`.
    Name(u8),
    /// Behind `data:`, before the optional space.
    #[default]
    Fresh,
    BeforeValue,
    Value,
    /// A line that is not looked at.
    Other,
}

const DATA: &[u8; 4] = b"data";

impl Framing {
    pub(super) fn feed(&mut self, piece: &[u8], fields: &mut Fields, ended: &mut dyn FnMut(EventEnd)) {
        let mut piece = piece;
        let mut before = 0;
        if let Form::Unknown = self.form {
            let is_blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf);
            let Some(first) = piece.iter().position(|byte| !is_blank(byte)) else { return };
            self.form = match piece[first] {
                b'{' | b'[' => Form::Json,
                _ => Form::Events(Lines::default()),
            };
            (before, piece) = (first, &piece[first..]);
        }
        match &mut self.form {
            Form::Unknown => {}
            Form::Json => self.scanner.feed(piece, fields),
            Form::JsonTail(search) => {
                if let Some(rest) = search.find(piece) {
                    self.scanner.restart_within(USAGE);
                    self.form = Form::Json;
                    self.scanner.feed(&piece[rest..], fields);
                }
            }
            Form::NextLine => {
                if let Some(end) = memchr::memchr(b'\n', piece) {
                    self.scanner.restart();
                    self.form = Form::Json;
                    self.scanner.feed(&piece[end..], fields);
                }
            }
            Form::Events(lines) => lines.feed(piece, &mut self.scanner, fields, &mut |end| {
                ended(EventEnd { at: end.at + before, ..end });
            }),
        }
    }

    pub(super) fn gap(&mut self) {
        self.form = match std::mem::take(&mut self.form) {
            Form::Unknown => Form::Unknown,
            Form::Json if self.scanner.documents() > 0 => Form::NextLine,
            Form::Json | Form::JsonTail(_) => Form::JsonTail(Search::default()),
            Form::NextLine => Form::NextLine,
            Form::Events(_) => {
                self.scanner.restart();
                Form::Events(Lines { within: Line::Other, ..Lines::default() })
            }
        };
    }

    pub(super) fn end(&mut self, fields: &mut Fields) {
        self.scanner.end(fields);
    }

    pub(super) fn is_stream(&self) -> bool {
        match self.form {
            Form::Events(_) | Form::NextLine => true,
            Form::Json => self.scanner.documents() > 1,
            Form::Unknown | Form::JsonTail(_) => false,
        }
    }

    /// Memory held between pieces, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.scanner.held()
    }

    pub(super) fn is_ended(&self, fields: &Fields) -> bool {
        match self.form {
            // Some providers end a stream without `[DONE]`; then the reason to finish is the last word.
            Form::Events(_) => fields.is_last || fields.finish.is_some(),
            Form::Json => {
                self.scanner.is_between_documents() && fields.has_object && fields.done != Some(false)
            }
            Form::Unknown | Form::NextLine | Form::JsonTail(_) => false,
        }
    }
}

impl Lines {
    fn feed(
        &mut self,
        piece: &[u8],
        scanner: &mut Scanner,
        fields: &mut Fields,
        ended: &mut dyn FnMut(EventEnd),
    ) {
        let mut at = 0;
        while at < piece.len() {
            let byte = piece[at];
            if self.after_return {
                self.after_return = false;
                if byte == b'\n' {
                    at += 1;
                    continue;
                }
            }
            match (self.within, byte) {
                (_, b'\n' | b'\r') => {
                    at += 1;
                    self.after_return = byte == b'\r';
                    // A line feed that follows at once belongs to the line, and to the event that it ends.
                    if self.after_return && piece.get(at) == Some(&b'\n') {
                        self.after_return = false;
                        at += 1;
                    }
                    self.line_ended(at, scanner, fields, ended);
                }
                (Line::Fresh, _) => {
                    self.has_begun = true;
                    self.within = if byte == DATA[0] { Line::Name(1) } else { Line::Other };
                    at += 1;
                }
                (Line::Name(matched), _) => {
                    self.within = match (DATA.get(usize::from(matched)), byte) {
                        (Some(wanted), _) if *wanted == byte => Line::Name(matched + 1),
                        (None, b':') => Line::BeforeValue,
                        _ => Line::Other,
                    };
                    at += 1;
                }
                (Line::BeforeValue, _) => {
                    self.within = Line::Value;
                    at += usize::from(byte == b' ');
                }
                (Line::Value, _) => {
                    let rest = &piece[at..];
                    let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    scanner.feed(&rest[..end], fields);
                    at += end;
                }
                (Line::Other, _) => {
                    let rest = &piece[at..];
                    at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
            }
        }
    }

    fn line_ended(
        &mut self,
        at: usize,
        scanner: &mut Scanner,
        fields: &mut Fields,
        ended: &mut dyn FnMut(EventEnd),
    ) {
        match self.within {
            Line::Fresh => {
                // A blank line ends the event; a document that is not whole by then never will be.
                scanner.end(fields);
                scanner.restart();
                let event = std::mem::take(&mut fields.event);
                if std::mem::take(&mut self.has_begun) {
                    let is_bare_usage = event.has_empty_choices && event.has_usage;
                    ended(EventEnd { at, is_bare_usage });
                }
            }
            // The line end is white space within the data.
            Line::Value => scanner.feed(b"\n", fields),
            _ => {}
        }
        self.within = Line::Fresh;
    }
}

/// Looks for a `usage` member in the middle of a document. Within a string its quotes would have backslashes before them.
#[derive(Debug, Default)]
struct Search {
    /// How many bytes of the pattern were matched.
    matched: usize,
    after_backslash: bool,
}

const USAGE_KEY: &[u8; 7] = b"\"usage\"";

impl Search {
    /// Where the value (with the colon before it) begins, once it is found.
    fn find(&mut self, piece: &[u8]) -> Option<usize> {
        for (at, &byte) in piece.iter().enumerate() {
            let is_first = byte == USAGE_KEY[0] && !self.after_backslash;
            if self.matched == USAGE_KEY.len() {
                match byte {
                    b':' => return Some(at),
                    b' ' | b'\t' | b'\r' | b'\n' => continue,
                    _ => self.matched = usize::from(is_first),
                }
            } else if byte == USAGE_KEY[self.matched] && (self.matched > 0 || is_first) {
                self.matched += 1;
            } else {
                self.matched = usize::from(is_first);
            }
            self.after_backslash = byte == b'\\' && !self.after_backslash;
        }
        None
    }
}
