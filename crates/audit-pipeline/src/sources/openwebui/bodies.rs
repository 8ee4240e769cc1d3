//! The few members of a request's or answer's body that an event may use.
//!
//! Bodies hold provider keys, file contents and conversations in plain text, so they are never copied: only the members
//! that a row of the table names are read, and everything else is skipped. A body may be cut short (Open WebUI's audit
//! file cuts at `MAX_BODY_LOG_SIZE`, the gateway keeps the beginning only); what came before the cut counts.

mod outcome;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
    top: Vec<(String, bool)>,
    /// The body is just `false`: how Open WebUI says that nothing was done.
    is_false: bool,
}

impl Members {
    /// Reads what it can; a body that is cut short, or no JSON at all, is not an error.
    pub(super) fn read(body: &[u8], wanted: &[&MemberPath]) -> Self {
        let mut members = Self::default();
        let body = body.trim_ascii_start();
        if matches!(body.first(), Some(b'{' | b'[')) {
            let mut json = serde_json::Deserializer::from_slice(body);
            let wanted = wanted.iter().map(|path| (*path, 0)).collect();
            let walk = Walk { members: &mut members, wanted, depth: 0 };
            let _cut_short = walk.deserialize(&mut json).is_err();
        }
        members.is_false = body.trim_ascii_end() == b"false";
        members
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
        self.top.iter().any(|(name, _)| name == member)
    }

    /// Whether the member of that name at the top has a value.
    pub(super) fn sets(&self, member: &str) -> bool {
        self.top.iter().any(|(name, is_set)| name == member && *is_set)
    }

    /// Whether the member of that name is the only one at the top.
    pub(super) fn has_only(&self, member: &str) -> bool {
        matches!(self.top.as_slice(), [(name, _)] if name == member)
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
            if path.len() == *behind && self.members.found.len() < MAX_VALUES {
                self.members.found.push(((*path).clone(), value.clone()));
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
        while let Some(name) = map.next_key::<String>()? {
            let leads_here =
                |(path, behind): &&(&MemberPath, usize)| path.get(*behind).is_some_and(|n| **n == *name);
            let below = wanted.iter().filter(leads_here).map(|(path, behind)| (*path, behind + 1)).collect();
            // Named before its value is read: a body that is cut within it still has the member.
            let place = (depth == 0).then(|| {
                members.top.push((clipped(&name, MAX_TEXT_BYTES).to_owned(), true));
                members.top.len() - 1
            });
            let value = map.next_value_seed(Walk { members, wanted: below, depth: depth + 1 })?;
            if let Some(top) = place.and_then(|place| members.top.get_mut(place)) {
                top.1 = value == Seen::Something;
            }
            seen = Seen::Something;
        }
        Ok(seen)
    }
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

    #[test]
    fn a_flood_of_values_and_depth_is_bounded() {
        let many = format!("[{}]", vec!["\"x\""; 5000].join(","));
        let whole: MemberPath = Box::new([]);
        assert_eq!(Members::read(many.as_bytes(), &[&whole]).found.len(), MAX_VALUES);
        assert_eq!(read(&"[".repeat(100_000), &["id"]), []);
        assert_eq!(read(&format!(r#"{{"id":"{}"}}"#, "ä".repeat(4000)), &["id"]).len(), 1);
    }
}
