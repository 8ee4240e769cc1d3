//! Finds a few values in JSON that arrives in pieces, in constant memory.
//!
//! A [`Finder`] names the places it looks for; everything else is passed over without being kept: a string of a gigabyte
//! costs no memory, nor does deep nesting. Documents may follow one another (newline-delimited JSON). What is not JSON is
//! never an error here; it only gives nothing, or nothing more.

use std::borrow::Cow;

use memchr::memchr2;

/// A place in a document that a [`Finder`] knows, by a number of its own.
pub(in crate::sources::openwebui) type Place = u8;

/// The top of each document.
pub(in crate::sources::openwebui) const ROOT: Place = 0;
/// Everywhere that nobody looks for.
pub(in crate::sources::openwebui) const NOWHERE: Place = u8::MAX;

/// Longest key that can be known, and longest text that is handed over whole, in bytes as written.
const MAX_TEXT: usize = 4096;
/// How deep a known place may be.
const MAX_DEPTH: usize = 10;

/// Knows places, and hears what stands there.
pub(in crate::sources::openwebui) trait Finder {
    /// The place of a member of the object at `of`.
    fn member(&self, of: Place, key: &str) -> Place;
    /// The place of the items of the array at `of`.
    fn item(&self, of: Place) -> Place;
    /// A value at a known place.
    fn found(&mut self, at: Place, value: Value<'_>, span: Span);
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sources::openwebui) enum Value<'a> {
    /// An object begins.
    Object,
    /// An array begins.
    Array,
    /// The object or array that began last at this place ends.
    End {
        /// Whether nothing was in it.
        is_empty: bool,
    },
    /// A string, unescaped.
    Text {
        /// Its beginning, or all of it.
        text: Cow<'a, str>,
        /// Whether it was longer than is kept.
        is_cut: bool,
    },
    /// A number, `true`, `false`, `null`, or something that is not JSON.
    Literal(&'a [u8]),
}

/// From which byte (of everything fed) to before which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sources::openwebui) struct Span {
    pub start: u64,
    pub end: u64,
}

/// The state between two pieces.
#[derive(Debug, Default)]
pub(in crate::sources::openwebui) struct Scanner {
    within: Within,
    /// Objects and arrays at known places, the outermost first.
    open: Vec<Open>,
    /// How deep in a value that nobody looks for.
    skipped: u32,
    /// The part of a string or literal that came with earlier pieces.
    kept: Vec<u8>,
    /// Where the string or literal began.
    start: u64,
    /// Bytes fed before this piece.
    offset: u64,
    /// Documents that ended.
    documents: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Within {
    #[default]
    Structure,
    String {
        role: Role,
        after_backslash: bool,
        is_cut: bool,
    },
    Literal {
        at: Place,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Text(Place),
}

#[derive(Debug, Clone, Copy)]
struct Open {
    place: Place,
    is_object: bool,
    is_empty: bool,
    /// The place of what comes next.
    next: Place,
    expects_key: bool,
}

impl Scanner {
    /// Looks at the next piece.
    pub(in crate::sources::openwebui) fn feed(&mut self, piece: &[u8], finder: &mut impl Finder) {
        let mut at = 0;
        while at < piece.len() {
            at = match self.within {
                Within::Structure => self.structure(piece, at, finder),
                Within::String { role, after_backslash, is_cut } => {
                    self.string(piece, at, (role, after_backslash, is_cut), finder)
                }
                Within::Literal { at: place } => self.literal(piece, at, place, finder),
            };
        }
        self.offset += piece.len() as u64;
    }

    /// Nothing more comes of the document: a literal at its very end is one.
    pub(in crate::sources::openwebui) fn end(&mut self, finder: &mut impl Finder) {
        if let Within::Literal { at } = self.within {
            self.literal_ended(at, self.offset, finder);
        }
    }

    /// Forgets where it is; the next byte begins a document.
    pub(in crate::sources::openwebui) fn restart(&mut self) {
        self.within = Within::Structure;
        self.open.clear();
        self.skipped = 0;
        self.kept.clear();
    }

    /// As [`Self::restart`], but the next value is the one at `place`.
    pub(in crate::sources::openwebui) fn restart_within(&mut self, place: Place) {
        self.restart();
        let inside =
            Open { place: NOWHERE, is_object: true, is_empty: false, next: place, expects_key: false };
        self.open.push(inside);
    }

    /// Whether the bytes so far are whole documents.
    pub(in crate::sources::openwebui) fn is_between_documents(&self) -> bool {
        self.open.is_empty() && self.skipped == 0 && self.within == Within::Structure
    }

    /// How many documents ended.
    pub(in crate::sources::openwebui) fn documents(&self) -> u64 {
        self.documents
    }

    /// Memory held between pieces, in bytes.
    #[cfg(test)]
    pub(in crate::sources::openwebui) fn held(&self) -> usize {
        self.kept.capacity() + self.open.capacity() * size_of::<Open>()
    }

    fn position(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    /// The place of the value that begins now.
    fn here(&self, finder: &impl Finder) -> Place {
        match self.open.last() {
            _ if self.skipped > 0 => NOWHERE,
            None => ROOT,
            Some(open) if open.is_object => open.next,
            Some(open) => finder.item(open.place),
        }
    }

    fn structure(&mut self, piece: &[u8], at: usize, finder: &mut impl Finder) -> usize {
        let byte = piece[at];
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' | b'[' => self.begin(byte == b'{', at, finder),
            b'}' | b']' => self.close(at, finder),
            b',' => {
                if let Some(open) = self.open.last_mut().filter(|_| self.skipped == 0) {
                    open.expects_key = open.is_object;
                    open.next = NOWHERE;
                }
            }
            b':' => {
                if let Some(open) = self.open.last_mut().filter(|_| self.skipped == 0) {
                    open.expects_key = false;
                }
            }
            b'"' => {
                let expects_key = self.open.last().is_some_and(|open| open.expects_key);
                let role =
                    if self.skipped == 0 && expects_key { Role::Key } else { Role::Text(self.here(finder)) };
                self.not_empty();
                self.start = self.position(at);
                self.within = Within::String { role, after_backslash: false, is_cut: false };
            }
            _ => {
                let place = self.here(finder);
                self.not_empty();
                self.start = self.position(at);
                self.within = Within::Literal { at: place };
                return at;
            }
        }
        at + 1
    }

    fn not_empty(&mut self) {
        if let Some(open) = self.open.last_mut().filter(|_| self.skipped == 0) {
            open.is_empty = false;
        }
    }

    fn begin(&mut self, is_object: bool, at: usize, finder: &mut impl Finder) {
        let place = self.here(finder);
        self.not_empty();
        if place == NOWHERE || self.open.len() >= MAX_DEPTH {
            self.skipped += 1;
            return;
        }
        let position = self.position(at);
        let value = if is_object { Value::Object } else { Value::Array };
        finder.found(place, value, Span { start: position, end: position + 1 });
        self.open.push(Open { place, is_object, is_empty: true, next: NOWHERE, expects_key: is_object });
    }

    fn close(&mut self, at: usize, finder: &mut impl Finder) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(open) = self.open.pop() {
            let position = self.position(at);
            let end = Value::End { is_empty: open.is_empty };
            finder.found(open.place, end, Span { start: position, end: position + 1 });
        }
        if self.open.is_empty() && self.skipped == 0 {
            self.documents += 1;
        }
    }

    fn string(
        &mut self,
        piece: &[u8],
        from: usize,
        (role, after_backslash, is_cut): (Role, bool, bool),
        finder: &mut impl Finder,
    ) -> usize {
        let mut at = from + usize::from(after_backslash);
        let end = loop {
            match memchr2(b'"', b'\\', piece.get(at..).unwrap_or_default()) {
                Some(found) if piece[at + found] == b'\\' => at += found + 2,
                Some(found) => break Some(at + found),
                None => break None,
            }
        };
        let part = &piece[from..end.unwrap_or(piece.len())];
        let is_wanted = role != Role::Text(NOWHERE);
        let Some(end) = end else {
            let is_cut = is_wanted && self.keep(part) || is_cut;
            self.within = Within::String { role, after_backslash: at > piece.len(), is_cut };
            return piece.len();
        };
        if is_wanted && self.kept.is_empty() && !is_cut {
            let room = part.len().min(MAX_TEXT);
            self.string_ended(role, &part[..room], room < part.len(), end, finder);
        } else if is_wanted {
            let is_cut = self.keep(part) || is_cut;
            let kept = std::mem::take(&mut self.kept);
            self.string_ended(role, &kept, is_cut, end, finder);
            self.kept = kept;
            self.kept.clear();
        }
        self.within = Within::Structure;
        end + 1
    }

    /// Keeps a part for later; whether some of it had no room.
    fn keep(&mut self, part: &[u8]) -> bool {
        let room = part.len().min(MAX_TEXT - self.kept.len().min(MAX_TEXT));
        self.kept.extend_from_slice(&part[..room]);
        room < part.len()
    }

    fn string_ended(&mut self, role: Role, raw: &[u8], is_cut: bool, at: usize, finder: &mut impl Finder) {
        match role {
            Role::Key => {
                let Some(open) = self.open.last_mut() else { return };
                open.next = if is_cut { NOWHERE } else { finder.member(open.place, &unescaped(raw)) };
                open.expects_key = false;
            }
            Role::Text(place) => {
                let span = Span { start: self.start, end: self.position(at) + 1 };
                finder.found(place, Value::Text { text: unescaped(raw), is_cut }, span);
            }
        }
    }

    fn literal(&mut self, piece: &[u8], from: usize, place: Place, finder: &mut impl Finder) -> usize {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[' | 0..=b' ');
        let end = piece[from..].iter().position(ends).map(|found| from + found);
        let part = &piece[from..end.unwrap_or(piece.len())];
        if place != NOWHERE {
            self.keep(part);
        }
        let Some(end) = end else { return piece.len() };
        self.literal_ended(place, self.position(end), finder);
        // A control character that is no white space ends a literal and is none itself.
        if matches!(piece[end], 0..=b' ') { end + 1 } else { end }
    }

    fn literal_ended(&mut self, place: Place, end: u64, finder: &mut impl Finder) {
        if place != NOWHERE {
            let kept = std::mem::take(&mut self.kept);
            finder.found(place, Value::Literal(&kept), Span { start: self.start, end });
            self.kept = kept;
            self.kept.clear();
        }
        self.within = Within::Structure;
        if self.open.is_empty() && self.skipped == 0 {
            self.documents += 1;
        }
    }
}

/// The text that a JSON string's inside stands for. One that was cut within an escape loses that; what is not UTF-8, and
/// a surrogate without its other half, which Python takes, becomes the replacement character.
fn unescaped(raw: &[u8]) -> Cow<'_, str> {
    let raw = String::from_utf8_lossy(raw);
    if !raw.contains('\\') {
        return raw;
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.as_ref();
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let Some((length, character)) = escaped(escape) else { return Cow::Owned(text) };
        text.push(character);
        rest = &escape[length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of an escape, of which the backslash is left out, and its length; `None` when the escape is cut.
fn escaped(escape: &str) -> Option<(usize, char)> {
    let first = escape.chars().next()?;
    let character = match first {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let high = unit(&escape[1..])?;
            let after = &escape[5..];
            if !(0xD800..0xDC00).contains(&high) {
                return Some((5, char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
            // Of a text that is cut, the other half may be missing.
            let is_cut = "\\u".starts_with(after);
            return match after.strip_prefix("\\u").map(unit) {
                Some(Some(low @ 0xDC00..0xE000)) => {
                    let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    Some((11, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)))
                }
                Some(None) => None,
                None if is_cut => None,
                _ => Some((5, char::REPLACEMENT_CHARACTER)),
            };
        }
        other => other,
    };
    Some((first.len_utf8(), character))
}

/// Four hexadecimal digits.
fn unit(digits: &str) -> Option<u32> {
    let digits = digits.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
