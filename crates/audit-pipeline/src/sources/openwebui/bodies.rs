//! The few members of a request's or answer's body that an event may use.
//!
//! Bodies hold provider keys, file contents and conversations in plain text, so they are never copied: only the members
//! that a row of the table names are read, and everything else is skipped. A body may be cut short (Open WebUI's audit
//! file cuts at `MAX_BODY_LOG_SIZE`, the gateway keeps the beginning only); what came before the cut counts.

mod gist;
mod outcome;
mod python;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

pub use gist::GistReader;
pub(super) use outcome::{Answer, completion_answer};

/// Most values that are taken from one body.
const MAX_VALUES: usize = 1000;
/// Longer texts are cut; nothing that is read as a name or an id is longer.
const MAX_TEXT_BYTES: usize = 1024;
/// Deeper bodies are not read further; `serde_json` itself stops at 128.
const MAX_DEPTH: usize = 64;

/// Where a member stands: names that lead into objects. Arrays are walked through.
pub(super) type MemberPath = Box<[Box<str>]>;

/// A value that was wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Switch(bool),
    Number(f64),
}

impl Value {
    /// As an id or a name: a number in its decimal form.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Self::Number(number) => Some(number.to_string()),
            Self::Switch(_) => None,
        }
    }
}

/// What was found of the members that were wanted.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Members {
    found: Vec<(MemberPath, Value)>,
    /// The names of all members at the top, known or not, and whether each has a value: neither `null` nor empty.
    top: BTreeMap<String, bool>,
    /// The body is just `false`: how Open WebUI says that nothing was done.
    is_false: bool,
    /// Why the body was not read to its end.
    unread: Option<Unread>,
}

/// Why a body was not read to its end: what was found of it may not be what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// The bytes are no text, in no encoding that JSON may have.
    Encoding,
    /// It is no JSON, or only the beginning of it.
    Malformed,
    /// It holds more than is kept.
    TooLong,
}

impl Members {
    /// Reads what it can; a body that is cut short, or no JSON at all, is not an error.
    pub(super) fn read(body: &[u8], wanted: &[&MemberPath]) -> Self {
        let mut members = Self::default();
        let body = body.trim_ascii_start();
        let mut json = serde_json::Deserializer::from_slice(body);
        let is_read = if matches!(body.first(), Some(b'{' | b'[')) {
            let wanted = wanted.iter().map(|path| (*path, 0)).collect();
            Walk { members: &mut members, wanted, depth: 0 }.deserialize(&mut json).is_ok()
        } else {
            body.is_empty() || IgnoredAny::deserialize(&mut json).is_ok()
        };
        if !is_read || json.end().is_err() {
            members.unread = Some(Unread::Malformed);
        }
        members.is_false = body.trim_ascii_end() == b"false";
        members
    }

    /// Reads a request's body as Open WebUI does, which takes more for JSON than others.
    pub(super) fn of_request(body: &[u8], wanted: &[&MemberPath]) -> Self {
        let members = Self::read(body, wanted);
        if members.unread != Some(Unread::Malformed) {
            return members;
        }
        let plain = python::plain(body);
        let mut members = Self::read(plain.json.as_bytes(), wanted);
        if !plain.is_text {
            members.unread = Some(Unread::Encoding);
        }
        members
    }

    /// Why the body was not read to its end, if it was not.
    pub(super) const fn unread(&self) -> Option<Unread> {
        self.unread
    }

    /// The first value of that member.
    pub(super) fn first(&self, path: &MemberPath) -> Option<&Value> {
        self.found.iter().find(|(found, _)| found == path).map(|(_, value)| value)
    }

    /// All values of that member.
    pub(super) fn all<'m>(&'m self, path: &'m MemberPath) -> impl Iterator<Item = &'m Value> {
        self.found.iter().filter(move |(found, _)| found == path).map(|(_, value)| value)
    }

    /// The first of several values that is on or off.
    pub(super) fn switch(&self, path: &MemberPath) -> Option<bool> {
        self.all(path).find_map(|value| if let Value::Switch(on) = value { Some(*on) } else { None })
    }

    /// Whether there is a member of that name at the top, empty or not.
    #[cfg(test)]
    pub(super) fn has(&self, member: &str) -> bool {
        self.top.contains_key(member)
    }

    /// Whether the member of that name at the top has a value.
    pub(super) fn sets(&self, member: &str) -> bool {
        self.top.get(member).copied().unwrap_or(false)
    }

    /// Whether the member of that name is the only one at the top.
    pub(super) fn has_only(&self, member: &str) -> bool {
        self.top.len() == 1 && self.top.contains_key(member)
    }

    /// Whether the whole body was `false`.
    pub(super) const fn is_false(&self) -> bool {
        self.is_false
    }
}

/// Reads one value: takes it when it is wanted, goes into it when something below is, and skips it otherwise.
struct Walk<'m, 'w> {
    members: &'m mut Members,
    /// The paths that lead here, each with how many of its names are behind.
    wanted: Vec<(&'w MemberPath, usize)>,
    depth: usize,
}

/// What a value was, apart from what was taken of it.
#[derive(PartialEq, Eq)]
enum Seen {
    Empty,
    Something,
}

impl Walk<'_, '_> {
    fn number(mut self, number: f64) -> Seen {
        self.take(&Value::Number(number));
        Seen::Something
    }

    fn take(&mut self, value: &Value) {
        for (path, behind) in &self.wanted {
            if path.len() != *behind {
                continue;
            }
            if self.members.found.len() < MAX_VALUES {
                self.members.found.push(((*path).clone(), value.clone()));
            } else {
                self.members.unread = Some(Unread::TooLong);
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(D::Error::custom("too deep"));
        }
        if self.wanted.is_empty() && self.depth > 1 {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Seen::Something);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<Seen, E> {
        if self.wanted.is_empty() {
            return Ok(if text.is_empty() { Seen::Empty } else { Seen::Something });
        }
        self.take(&Value::Text(clipped(text, MAX_TEXT_BYTES).to_owned()));
        Ok(if text.is_empty() { Seen::Empty } else { Seen::Something })
    }

    fn visit_bool<E>(mut self, on: bool) -> Result<Seen, E> {
        self.take(&Value::Switch(on));
        Ok(Seen::Something)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Seen, E> {
        Ok(self.number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen, E> {
        Ok(self.number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Seen, E> {
        Ok(self.number(number))
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Empty)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen, A::Error> {
        let Walk { members, wanted, depth } = self;
        let mut seen = Seen::Empty;
        while items.next_element_seed(Walk { members, wanted: wanted.clone(), depth: depth + 1 })?.is_some() {
            seen = Seen::Something;
        }
        Ok(seen)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let Walk { members, wanted, depth } = self;
        let mut seen = Seen::Empty;
        let mut own = Own::default();
        while let Some(name) = map.next_key::<String>()? {
            let leads_here =
                |(path, behind): &&(&MemberPath, usize)| path.get(*behind).is_some_and(|n| **n == *name);
            let below: Vec<_> =
                wanted.iter().filter(leads_here).map(|(path, behind)| (*path, behind + 1)).collect();
            if !below.is_empty() {
                own.forget(&name, &mut members.found);
            }
            // Named before its value is read: a body that is cut within it still has the member.
            let top = (depth == 0).then(|| clipped(&name, MAX_TEXT_BYTES).to_owned());
            members.top.extend(top.clone().map(|name| (name, true)));
            let (start, is_wanted) = (members.found.len(), !below.is_empty());
            let value = map.next_value_seed(Walk { members, wanted: below, depth: depth + 1 })?;
            members.top.extend(top.map(|name| (name, value == Seen::Something)));
            if is_wanted {
                own.0.push((name, start..members.found.len()));
            }
            seen = Seen::Something;
        }
        Ok(seen)
    }
}

/// What one object's own members gave, by name: few, since only the wanted ones are here.
#[derive(Default)]
struct Own(Vec<(String, Range<usize>)>);

impl Own {
    /// A member of that name comes again: as in Python, the last one counts, and nothing of the one before.
    fn forget(&mut self, name: &str, found: &mut Vec<(MemberPath, Value)>) {
        let Some(place) = self.0.iter().position(|(known, _)| known == name) else { return };
        let (_, gone) = self.0.remove(place);
        found.drain(gone.clone());
        for (_, range) in &mut self.0[place..] {
            *range = range.start - gone.len()..range.end - gone.len();
        }
    }
}

/// A request's body as JSON, read as Open WebUI does; `None` when it is none.
pub(super) fn request_json(body: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(body).ok().or_else(|| serde_json::from_str(&python::plain(body).json).ok())
}

/// The beginning of a text, at most that many bytes, no character cut in two.
pub(super) fn clipped(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dotted: &str) -> MemberPath {
        dotted.split('.').map(Into::into).collect()
    }

    fn read(body: &str, wanted: &[&str]) -> Vec<(String, Value)> {
        let paths: Vec<_> = wanted.iter().map(|wanted| path(wanted)).collect();
        let members = Members::read(body.as_bytes(), &paths.iter().collect::<Vec<_>>());
        members.found.into_iter().map(|(path, value)| (path.join("."), value)).collect()
    }

    fn text(path: &str, text: &str) -> (String, Value) {
        (path.to_owned(), Value::Text(text.to_owned()))
    }

    #[test]
    fn wanted_members_are_read_and_others_skipped() {
        let body = r#"{"id":"m-1","api_key":"sk-secret","meta":{"name":"inner","size":7},"name":"Model","is_active":false}"#;
        let found = read(body, &["id", "name", "meta.size", "is_active"]);
        assert_eq!(
            found,
            [
                text("id", "m-1"),
                ("meta.size".to_owned(), Value::Number(7.0)),
                text("name", "Model"),
                ("is_active".to_owned(), Value::Switch(false))
            ]
        );
    }

    #[test]
    fn arrays_are_walked_through() {
        assert_eq!(
            read(r#"{"user_ids":["a","b"]}"#, &["user_ids"]),
            [text("user_ids", "a"), text("user_ids", "b")]
        );
        assert_eq!(
            read(r#"[{"id":"1","x":{"id":"no"}},{"id":"2"}]"#, &["id"]),
            [text("id", "1"), text("id", "2")]
        );
        assert_eq!(read(r#"{"files":[{"id":"1"},[{"id":"2"}]]}"#, &["files.id"]).len(), 2);
    }

    #[test]
    fn a_body_cut_short_gives_what_came_before_the_cut() {
        let body = r#"{"id":"f-1","filename":"plan.md","data":{"content":"very lo"#;
        assert_eq!(read(body, &["id", "filename"]), [text("id", "f-1"), text("filename", "plan.md")]);
        assert!(Members::read(body.as_bytes(), &[]).has("data"));
    }

    #[test]
    fn a_member_without_a_value_is_there_but_sets_nothing() {
        let members = Members::read(br#"{"password":"","role":"admin","name":null,"list":[],"n":0}"#, &[]);
        let sets =
            ["password", "role", "name", "list", "n"].map(|name| (members.has(name), members.sets(name)));
        assert_eq!(sets, [(true, false), (true, true), (true, false), (true, false), (true, true)]);
        assert!(Members::read(br#"{"role":"admin"}"#, &[]).has_only("role"));
    }

    #[test]
    fn what_is_no_object_gives_nothing() {
        for body in ["", "true", "--boundary\r\nid: 1", "\u{fffd}", "{", "["] {
            assert_eq!(read(body, &["id"]), [], "{body}");
        }
        assert!(Members::read(b" false\n", &[]).is_false());
        assert!(!Members::read(b"{\"false\":false}", &[]).is_false());
    }

    fn of_request(body: &[u8], wanted: &str) -> (Vec<Value>, Option<Unread>) {
        let members = Members::of_request(body, &[&path(wanted)]);
        (members.found.into_iter().map(|(_, value)| value).collect(), members.unread)
    }

    fn victim() -> Vec<Value> {
        vec![Value::Text("victim".to_owned())]
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let check = |body: &str, wanted: &[&str], expected: &[(String, Value)]| {
            assert_eq!(read(body, wanted), expected, "{body}");
        };
        check(r#"{"id":"harmless","id":"victim"}"#, &["id"], &[text("id", "victim")]);
        check(r#"{"id":"harmless","\u0069d":"victim"}"#, &["id"], &[text("id", "victim")]);
        check(r#"{"id":"harmless","id":null}"#, &["id"], &[]);
        check(
            r#"{"m":{"id":"a"},"x":"b","m":{"n":"c"}}"#,
            &["m.id", "x", "m.n"],
            &[text("x", "b"), text("m.n", "c")],
        );
        check(r#"{"a":"1","b":"2","a":"3","b":"4"}"#, &["a", "b"], &[text("a", "3"), text("b", "4")]);
        check(r#"[{"id":"1"},{"id":"x","id":"2"}]"#, &["id"], &[text("id", "1"), text("id", "2")]);
        let members = Members::read(br#"{"password":"x","password":""}"#, &[]);
        assert!(members.has_only("password") && !members.sets("password"));
    }

    #[test]
    fn a_request_that_only_python_understands_is_read() {
        let deep = format!(r#"{{"x":{}1{},"id":"victim"}}"#, "[".repeat(500), "]".repeat(500));
        let wide: Vec<u8> = r#"{"id":"victim"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let others = [
            r#"{"x":NaN,"id":"victim"}"#,
            r#"{"x":1e999,"id":"victim"}"#,
            r#"{"x":"\ud800","id":"victim"}"#,
            r#"{"\udc00":0,"id":"victim"}"#,
            "\u{feff}{\"id\":\"victim\"}",
            &deep,
        ];
        for body in others.into_iter().map(str::as_bytes).chain([wide.as_slice()]) {
            assert_eq!(of_request(body, "id"), (victim(), None), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_not_read_to_its_end_says_so() {
        for (body, unread) in [
            (&b""[..], None),
            (b" {\"id\":1} ", None),
            (b"null", None),
            (b"{\"id\":", Some(Unread::Malformed)),
            (b"{\"id\":1} x", Some(Unread::Malformed)),
            (b"id=1", Some(Unread::Malformed)),
            (b"\xff\xfe\x00", Some(Unread::Encoding)),
            (b"\x1f\x8b\x08\x01\x02\x03", Some(Unread::Encoding)),
        ] {
            assert_eq!(of_request(body, "id").1, unread, "{}", String::from_utf8_lossy(body));
        }
        let many = format!(r#"{{"id":[{}]}}"#, vec!["1"; MAX_VALUES + 1].join(","));
        assert_eq!(of_request(many.as_bytes(), "id").1, Some(Unread::TooLong));
    }

    #[test]
    fn a_flood_of_values_and_depth_is_bounded() {
        let many = format!("[{}]", vec!["\"x\""; 5000].join(","));
        let whole: MemberPath = Box::new([]);
        assert_eq!(Members::read(many.as_bytes(), &[&whole]).found.len(), MAX_VALUES);
        assert_eq!(read(&"[".repeat(100_000), &["id"]), []);
        assert_eq!(read(&format!(r#"{{"id":"{}"}}"#, "ä".repeat(4000)), &["id"]).len(), 1);
    }
}
