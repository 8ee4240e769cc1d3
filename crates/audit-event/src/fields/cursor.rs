//! A walk along a group's canonical bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::canonical::plain_len;
use crate::error::DecodeError;
use crate::time::Timestamp;
use crate::vocabulary::Group;

/// A place in a group's text. Each method names the member that may come next: when it does, the cursor
/// moves behind it and its comma; when it does not, the member is absent and the cursor stays.
pub(crate) struct Cursor<'a> {
    group: Group,
    text: &'a str,
    at: usize,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Cursor<'a> {
    /// At the first member.
    pub fn new(group: Group, bytes: &'a [u8]) -> Result<Cursor<'a>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cursor { group, text, at: 1 }),
            Err(_) => Err(DecodeError::NotCanonical { group, problem: "it is not UTF-8" }),
        }
    }

    /// The id of a core group.
    pub fn id(&mut self) -> Result<Cow<'a, str>> {
        self.string("\"action\":")?;
        self.string("\"capture\":")?;
        self.string("\"category\":")?;
        self.required("\"id\":", Self::string)
    }

    /// Whether an object or array opens next.
    #[inline(always)]
    pub fn opens(&mut self, key: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(key.as_bytes());
        if found {
            self.at += key.len();
        }
        found
    }

    /// The end of an object.
    #[inline]
    pub fn closes(&mut self) -> Result<()> {
        self.closes_with(b'}')
    }

    /// The end of an array.
    pub fn closes_array(&mut self) -> Result<()> {
        self.closes_with(b']')
    }

    #[inline]
    fn closes_with(&mut self, bracket: u8) -> Result<()> {
        if self.text.as_bytes().get(self.at) != Some(&bracket) {
            return Err(self.not_canonical("it has unknown, doubled or misplaced members"));
        }
        self.at += 1;
        self.comma();
        Ok(())
    }

    /// Nothing but the closing brace is left.
    #[inline]
    pub fn end(&mut self) -> Result<()> {
        self.closes()?;
        match self.at == self.text.len() {
            true => Ok(()),
            false => Err(self.not_canonical("it has bytes after its end")),
        }
    }

    #[inline(always)]
    pub fn string(&mut self, key: &str) -> Result<Option<Cow<'a, str>>> {
        if !self.opens(key) {
            return Ok(None);
        }
        self.quoted().map(Some)
    }

    /// A member that has to be there.
    #[inline]
    pub fn required<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<Option<T>>,
    ) -> Result<T> {
        read(self, key)?.ok_or_else(|| self.not_canonical("a required member is missing"))
    }

    pub fn strings(&mut self, key: &str) -> Result<Vec<Cow<'a, str>>> {
        let mut strings = Vec::new();
        if self.opens(key) && self.opens("[") {
            while self.text.as_bytes().get(self.at) == Some(&b'"') {
                strings.push(self.quoted()?);
            }
            self.closes_array()?;
        }
        Ok(strings)
    }

    #[inline]
    pub fn named<T>(&mut self, key: &str, from_name: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        let Some(name) = self.string(key)? else { return Ok(None) };
        match from_name(&name) {
            Some(value) => Ok(Some(value)),
            None => Err(self.not_canonical("it has a name that no vocabulary knows")),
        }
    }

    #[inline]
    pub fn time(&mut self, key: &str) -> Result<Option<Timestamp>> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        match Timestamp::parse_canonical(text.as_bytes()) {
            Some(time) => Ok(Some(time)),
            None => Err(self.not_canonical("it has a malformed time")),
        }
    }

    #[inline]
    pub fn ip(&mut self, key: &str) -> Result<Option<IpAddr>> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        match text.parse() {
            Ok(ip) => Ok(Some(ip)),
            Err(_) => Err(self.not_canonical("it has a malformed address")),
        }
    }

    #[inline]
    pub fn integer(&mut self, key: &str) -> Result<Option<u64>> {
        self.parsed(key)
    }

    #[inline]
    pub fn number(&mut self, key: &str) -> Result<Option<f64>> {
        self.parsed(key)
    }

    #[inline]
    fn parsed<T: std::str::FromStr>(&mut self, key: &str) -> Result<Option<T>> {
        if !self.opens(key) {
            return Ok(None);
        }
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(|b| !matches!(b, b',' | b'}')).count();
        let Ok(value) = rest[..len].parse() else {
            return Err(self.not_canonical("it has a malformed number"));
        };
        self.at += len;
        self.comma();
        Ok(Some(value))
    }

    /// An array or object as it stands.
    pub fn raw(&mut self, key: &str) -> Result<Option<&'a str>> {
        if !self.opens(key) {
            return Ok(None);
        }
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'[' | b'{') => depth += 1,
                Some(b']' | b'}') if depth <= 1 => break,
                Some(b']' | b'}') => depth -= 1,
                Some(b'"') => {
                    self.at = self.string_end(self.at + 1)?;
                    continue;
                }
                Some(_) => {}
                None => return Err(self.not_canonical("it is cut short")),
            }
            self.at += 1;
        }
        self.at += 1;
        let raw = &self.text[start..self.at];
        self.comma();
        Ok(Some(raw))
    }

    /// Behind the closing quote of a string whose content starts here.
    fn string_end(&self, from: usize) -> Result<usize> {
        let bytes = self.text.as_bytes();
        let mut at = plain_len(bytes, from);
        while bytes.get(at) == Some(&b'\\') {
            at = plain_len(bytes, at + 2);
        }
        if bytes.get(at) == Some(&b'"') { Ok(at + 1) } else { Err(self.not_canonical("it is cut short")) }
    }

    #[inline]
    fn quoted(&mut self) -> Result<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(self.not_canonical("it has something other than a string"));
        }
        let start = self.at + 1;
        let end = plain_len(bytes, start);
        if bytes.get(end) != Some(&b'"') {
            return self.quoted_with_escapes();
        }
        self.at = end + 1;
        self.comma();
        Ok(Cow::Borrowed(&self.text[start..end]))
    }

    #[cold]
    fn quoted_with_escapes(&mut self) -> Result<Cow<'a, str>> {
        let end = self.string_end(self.at + 1)?;
        let text = crate::parse::string(&self.text.as_bytes()[self.at..end]);
        let text = text.map_err(|_| self.not_canonical("it has a malformed string"))?;
        self.at = end;
        self.comma();
        Ok(text)
    }

    #[inline]
    fn comma(&mut self) {
        self.at += usize::from(self.text.as_bytes().get(self.at) == Some(&b','));
    }

    #[cold]
    pub fn not_canonical(&self, problem: &'static str) -> DecodeError {
        DecodeError::NotCanonical { group: self.group, problem }
    }
}
