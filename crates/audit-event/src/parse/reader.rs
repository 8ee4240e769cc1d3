//! Reading JSON (RFC 8259) from a line in memory, borrowing every string that has no escapes.

use std::borrow::Cow;

use crate::canonical::{compare_keys, exact_integer, plain_len};
use crate::error::{ErrorKind, Refusal, refusal};
use crate::json::Json;
use crate::limits;

/// A place in a line.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, Refusal>;

impl<'a> Reader<'a> {
    pub fn new(json: &'a [u8]) -> Result<Reader<'a>> {
        match std::str::from_utf8(json) {
            Ok(text) => Ok(Reader { text, at: 0, depth: 0 }),
            Err(error) => Err(refusal(
                "",
                ErrorKind::InvalidUtf8,
                format!("is not UTF-8 at byte {}: send it encoded as UTF-8", error.valid_up_to()),
            )),
        }
    }

    /// Requires that nothing but white space is left.
    pub fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed("has bytes after its end: send one JSON object")),
        }
    }

    /// Reads an object, calling `member` with each key to read the value. Its errors get the key as their
    /// field.
    #[inline]
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &Cow<'a, str>) -> Result<()>) -> Result<()> {
        if self.peek() != Some(b'{') {
            return Err(self.wrong_type("a JSON object"));
        }
        self.at += 1;
        if self.next_is(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.malformed("is not valid JSON: a key in quotes should follow"));
            }
            let key = self.quoted()?;
            if !self.next_is(b':') {
                return Err(self.malformed("is not valid JSON: `:` should follow a key"));
            }
            member(self, &key).map_err(|error| error.within(&key))?;
            if self.next_is(b'}') {
                return Ok(());
            }
            if !self.next_is(b',') {
                return Err(self.malformed("is not valid JSON: `,` or `}` should follow a value"));
            }
        }
    }

    /// Reads an array, calling `item` with each index to read the value.
    pub fn array(&mut self, mut item: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        if self.peek() != Some(b'[') {
            return Err(self.wrong_type("a JSON array"));
        }
        self.at += 1;
        if self.next_is(b']') {
            return Ok(());
        }
        for index in 0.. {
            item(self, index).map_err(|error| error.within_item(index))?;
            if self.next_is(b']') {
                break;
            }
            if !self.next_is(b',') {
                return Err(self.malformed("is not valid JSON: `,` or `]` should follow a value"));
            }
        }
        Ok(())
    }

    /// Reads `null` if it stands here. Optional fields may be null, which is the same as leaving them out.
    #[inline]
    pub fn null(&mut self) -> bool {
        let is_null = self.peek() == Some(b'n') && self.rest().starts_with(b"null");
        if is_null {
            self.at += 4;
        }
        is_null
    }

    #[inline]
    pub fn string(&mut self) -> Result<Cow<'a, str>> {
        if self.peek() == Some(b'"') { self.quoted() } else { Err(self.wrong_type("a string")) }
    }

    /// A number that is a non-negative integer.
    pub fn unsigned(&mut self) -> Result<u64> {
        let number = self.number()?;
        exact_integer(number)
            .and_then(|integer| u64::try_from(integer).ok())
            .ok_or_else(|| refusal("", ErrorKind::InvalidValue, "must be a whole number from 0 to 2^53 - 1"))
    }

    pub fn number(&mut self) -> Result<f64> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else { return Err(self.wrong_type("a number")) };
        let bytes = self.rest();
        let len = number_len(bytes).ok_or_else(|| self.malformed("is not valid JSON: a malformed number"))?;
        let literal = &self.text[self.at..self.at + len];
        let number = parse_number(literal)?;
        self.at += len;
        Ok(number)
    }

    pub fn value(&mut self) -> Result<Json<'a>> {
        match self.peek() {
            Some(b'"') => Ok(Json::String(self.quoted()?)),
            Some(b'{') => self.nested(Self::object_value),
            Some(b'[') => self.nested(Self::array_value),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(self.number()?)),
            _ => self.literal(),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Json<'a>>) -> Result<Json<'a>> {
        if self.depth == limits::DEPTH {
            let advice = format!("is nested deeper than {} levels: flatten it", limits::DEPTH);
            return Err(refusal("", ErrorKind::TooLong, advice));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object_value(&mut self) -> Result<Json<'a>> {
        let mut members = Vec::new();
        self.object(|reader, key| {
            members.push((key.clone(), reader.value()?));
            Ok(())
        })?;
        sort_members(&mut members)?;
        Ok(Json::Object(members))
    }

    fn array_value(&mut self) -> Result<Json<'a>> {
        let mut items = Vec::new();
        self.array(|reader, _| {
            items.push(reader.value()?);
            Ok(())
        })?;
        Ok(Json::Array(items))
    }

    fn literal(&mut self) -> Result<Json<'a>> {
        let literals = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (text, value) in literals {
            if self.rest().starts_with(text.as_bytes()) {
                self.at += text.len();
                return Ok(value);
            }
        }
        Err(self.malformed("is not valid JSON: a value should follow"))
    }

    /// The string whose opening quote stands here.
    #[inline]
    fn quoted(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at + 1;
        let end = plain_len(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        self.quoted_with_escapes(start, end).map(Cow::Owned)
    }

    #[cold]
    fn quoted_with_escapes(&mut self, start: usize, mut special: usize) -> Result<String> {
        let bytes = self.text.as_bytes();
        let mut unescaped = String::new();
        let mut plain_from = start;
        loop {
            unescaped.push_str(&self.text[plain_from..special]);
            self.at = special;
            match bytes.get(special) {
                Some(b'"') => break,
                Some(b'\\') => plain_from = special + self.escape(&mut unescaped)?,
                Some(_) => return Err(self.malformed("has a control character in a string: escape it")),
                None => return Err(self.malformed("is cut short inside a string: send it whole")),
            }
            special = plain_len(bytes, plain_from);
        }
        self.at = special + 1;
        Ok(unescaped)
    }

    /// Appends what the escape that stands here means, and tells its length.
    fn escape(&self, unescaped: &mut String) -> Result<usize> {
        let character = match self.rest().get(1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(unescaped),
            _ => return Err(self.malformed("has an unknown escape in a string")),
        };
        unescaped.push(character);
        Ok(2)
    }

    fn unicode_escape(&self, unescaped: &mut String) -> Result<usize> {
        let lone = || self.malformed("has half of a surrogate pair in a string: send whole characters");
        let unit = self.hex4(2)?;
        let (code, len) = match unit {
            0xD800..0xDC00 if self.rest().get(6..8) == Some(b"\\u") => match self.hex4(8)? {
                low @ 0xDC00..0xE000 => (0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12),
                _ => return Err(lone()),
            },
            _ => (unit, 6),
        };
        unescaped.push(char::from_u32(code).ok_or_else(lone)?);
        Ok(len)
    }

    fn hex4(&self, offset: usize) -> Result<u32> {
        let digits = self.rest().get(offset..offset + 4).unwrap_or_default();
        let value =
            digits.iter().try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?));
        match value {
            Some(value) if digits.len() == 4 => Ok(value),
            _ => Err(self.malformed("has a malformed \\u escape in a string")),
        }
    }

    /// The next byte that is not white space.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn next_is(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    #[cold]
    fn malformed(&self, advice: &str) -> Refusal {
        refusal("", ErrorKind::MalformedJson, format!("{advice} (byte {})", self.at))
    }

    /// The error for a value that is not what belongs here. Where nothing that could be a value stands, the
    /// JSON itself is at fault.
    #[cold]
    fn wrong_type(&mut self, wanted: &str) -> Refusal {
        let found = match self.peek() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't') if self.rest().starts_with(b"true") => "true",
            Some(b'f') if self.rest().starts_with(b"false") => "false",
            Some(b'n') if self.rest().starts_with(b"null") => "null",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(_) => return self.malformed("is not valid JSON: a value should follow"),
            None => return self.malformed("is cut short: send it whole"),
        };
        refusal("", ErrorKind::WrongType, format!("must be {wanted}, not {found}"))
    }
}

/// Sorts an object's members into canonical order and refuses doubled keys.
fn sort_members(members: &mut [(Cow<'_, str>, Json<'_>)]) -> Result<()> {
    if !members.is_sorted_by(|(a, _), (b, _)| compare_keys(a, b).is_lt()) {
        members.sort_by(|(a, _), (b, _)| compare_keys(a, b));
    }
    match members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            Err(refusal(&*pair[0].0, ErrorKind::DuplicateField, "stands there twice: send it once"))
        }
    }
}

/// How long the number that these bytes start with is, by RFC 8259's grammar.
fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits_from =
        |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut len = usize::from(bytes.first() == Some(&b'-'));
    let integer_digits = digits_from(len);
    if integer_digits == 0 || (integer_digits > 1 && bytes[len] == b'0') {
        return None;
    }
    len += integer_digits;
    if bytes.get(len) == Some(&b'.') {
        let digits = digits_from(len + 1);
        (digits > 0).then_some(())?;
        len += 1 + digits;
    }
    if let Some(b'e' | b'E') = bytes.get(len) {
        let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
        let digits = digits_from(len + 1 + sign);
        (digits > 0).then_some(())?;
        len += 1 + sign + digits;
    }
    Some(len)
}

/// The double that a literal means. An integer whose digits would not come out again is refused rather than
/// altered.
fn parse_number(literal: &str) -> Result<f64> {
    const ALWAYS_EXACT_DIGITS: usize = 15;
    let magnitude = literal.strip_prefix('-').unwrap_or(literal);
    let is_integer = magnitude.bytes().all(|b| b.is_ascii_digit());
    if is_integer && magnitude.len() <= ALWAYS_EXACT_DIGITS {
        return Ok(small_integer(literal, magnitude));
    }
    let number: f64 = literal.parse().unwrap_or(f64::INFINITY);
    if number.is_finite() && (!is_integer || ryu_js::Buffer::new().format_finite(number) == literal) {
        return Ok(number);
    }
    let shown: String = literal.chars().take(40).collect();
    let advice =
        format!("has the number {shown}, which JSON numbers cannot hold exactly: send it as a string");
    Err(refusal("", ErrorKind::NumberRange, advice))
}

#[expect(clippy::cast_precision_loss, reason = "at most 15 digits")]
fn small_integer(literal: &str, magnitude: &str) -> f64 {
    let value = magnitude.bytes().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0')) as f64;
    if literal.len() > magnitude.len() { -value } else { value }
}
