//! What a body says that is too long to be kept: the members that a row names, found while it passes.
//!
//! Without it, a long member before the one that matters would hide what was done.

use serde_json::{Map, Value as Json};

use super::{MAX_VALUES, MemberPath};
use crate::sources::openwebui::completions::scan::{Finder, NOWHERE, Place, ROOT, Scanner, Span, Value};

/// Looks for members in a body that comes in pieces. Holds the values that it found, a bounded number, and nothing else
/// of the body.
#[derive(Debug)]
pub struct GistReader {
    scanner: Scanner,
    found: Found,
    /// Whether the body begins as JSON does; `None` before its first byte.
    is_json: Option<bool>,
}

impl GistReader {
    /// Looks for the values of some members, and whether others have one; `None` when there are too many.
    pub(in crate::sources::openwebui) fn of(values: &[&MemberPath], presences: &[&str]) -> Option<Self> {
        let mut found = Found { steps: vec![Step::default()], values: Vec::new() };
        for path in values {
            let last = path.iter().fold(0, |at, name| found.step(at, name));
            found.steps[last].wanted = Wanted::Value;
        }
        for name in presences {
            let step = found.step(0, name);
            if found.steps[step].wanted == Wanted::Nothing {
                found.steps[step].wanted = Wanted::Presence;
            }
        }
        let fits = (2..=MAX_STEPS).contains(&found.steps.len());
        fits.then(|| Self { scanner: Scanner::default(), found, is_json: None })
    }

    /// The next piece of the body.
    pub fn feed(&mut self, piece: &[u8]) {
        if self.is_json.is_none() {
            let first = piece.iter().find(|byte| !byte.is_ascii_whitespace());
            self.is_json = first.map(|first| matches!(first, b'{' | b'['));
        }
        if self.is_json == Some(true) {
            self.scanner.feed(piece, &mut self.found);
        }
    }

    /// A document with the members that were found, and no others; empty when there were none.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.scanner.end(&mut self.found);
        let document = self.found.document();
        if document.is_empty() { Vec::new() } else { Json::Object(document).to_string().into_bytes() }
    }
}

/// Each step takes two places, of which there are 254 below [`NOWHERE`].
const MAX_STEPS: usize = 127;

#[derive(Debug)]
struct Found {
    /// The names on the ways to what is wanted; the first one is the top.
    steps: Vec<Step>,
    values: Vec<FoundValue>,
}

#[derive(Debug)]
struct FoundValue {
    step: usize,
    value: Json,
    /// The step whose array has gone on to its next thing since: members with the same name in there are others.
    left_by: Option<usize>,
}

#[derive(Debug, Default)]
struct Step {
    parent: usize,
    name: Box<str>,
    wanted: Wanted,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    #[default]
    Nothing,
    Value,
    /// Only whether there is something: the value may be a secret.
    Presence,
}

impl Found {
    fn find(&self, parent: usize, name: &str) -> Option<usize> {
        (1..self.steps.len()).find(|at| self.steps[*at].parent == parent && *self.steps[*at].name == *name)
    }

    fn step(&mut self, parent: usize, name: &str) -> usize {
        self.find(parent, name).unwrap_or_else(|| {
            self.steps.push(Step { parent, name: name.into(), wanted: Wanted::Nothing });
            self.steps.len() - 1
        })
    }

    fn is_below(&self, mut step: usize, top: usize) -> bool {
        while step != top && step != 0 {
            step = self.steps[step].parent;
        }
        step == top
    }

    fn take(&mut self, step: usize, value: Json) {
        let is_something = !matches!(&value, Json::Null) && value.as_str() != Some("");
        let value = match self.steps[step].wanted {
            Wanted::Presence if is_something && !self.has(step) => Json::Bool(true),
            Wanted::Value => value,
            _ => return,
        };
        if self.values.len() < MAX_VALUES {
            self.values.push(FoundValue { step, value, left_by: None });
        }
    }

    fn has(&self, step: usize) -> bool {
        self.values.iter().any(|found| found.step == step)
    }

    /// Of two members with one name in one object the last counts.
    fn forget(&mut self, step: usize) {
        let mut values = std::mem::take(&mut self.values);
        values.retain(|found| {
            let is_in_another =
                found.left_by.is_some_and(|array| array != step && self.is_below(step, array));
            is_in_another || !self.is_below(found.step, step)
        });
        self.values = values;
    }

    /// The next thing of an array begins: what was found in those before stays.
    fn leave_items(&mut self, array: usize) {
        let mut values = std::mem::take(&mut self.values);
        for found in values.iter_mut().filter(|found| found.step != array && self.is_below(found.step, array))
        {
            if found.left_by.is_none_or(|inner| self.is_below(inner, array)) {
                found.left_by = Some(array);
            }
        }
        self.values = values;
    }

    fn document(&self) -> Map<String, Json> {
        self.within(0)
    }

    /// Arrays are walked through: what is in their things stands as if it were in one.
    fn within(&self, parent: usize) -> Map<String, Json> {
        let steps = (1..self.steps.len()).filter(|at| self.steps[*at].parent == parent);
        let member = |at: usize| {
            let mut values =
                self.values.iter().filter(|found| found.step == at).map(|found| found.value.clone());
            let value = match (values.next(), values.next()) {
                (None, _) => Json::Object(Some(self.within(at)).filter(|below| !below.is_empty())?),
                (Some(value), None) => value,
                (Some(first), Some(second)) => {
                    Json::Array([first, second].into_iter().chain(values).collect())
                }
            };
            Some((self.steps[at].name.to_string(), value))
        };
        steps.filter_map(member).collect()
    }
}

/// The places of a step: where a member of its name stands, and the things of an array that stands there.
fn place_of(step: usize) -> Place {
    u8::try_from(step * 2).unwrap_or(NOWHERE)
}

impl Finder for Found {
    fn member(&self, of: Place, key: &str) -> Place {
        self.find(usize::from(of / 2), key).map_or(NOWHERE, place_of)
    }

    fn item(&self, of: Place) -> Place {
        of | 1
    }

    fn found(&mut self, at: Place, value: Value<'_>, _: Span) {
        let step = usize::from(at / 2);
        let is_item = at & 1 == 1;
        match value {
            Value::Object if is_item => self.leave_items(step),
            Value::End { .. } => {}
            _ if !is_item && at != ROOT => self.forget(step),
            _ => {}
        }
        match value {
            Value::Text { text, .. } => self.take(step, Json::String(text.into_owned())),
            Value::Literal(raw) => self.take(step, serde_json::from_slice(raw).unwrap_or(Json::Null)),
            Value::End { is_empty: false } if self.steps[step].wanted == Wanted::Presence => {
                self.take(step, Json::Bool(true));
            }
            Value::Object | Value::Array | Value::End { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gist(body: &str, values: &[&str], presences: &[&str]) -> String {
        let paths: Vec<MemberPath> =
            values.iter().map(|path| path.split('.').map(Into::into).collect()).collect();
        let mut reader = GistReader::of(&paths.iter().collect::<Vec<_>>(), presences).unwrap();
        body.as_bytes().chunks(5).for_each(|piece| reader.feed(piece));
        String::from_utf8(reader.finish()).unwrap()
    }

    #[test]
    fn what_is_wanted_is_found_behind_any_length() {
        let pad = "A".repeat(100_000);
        let body = format!(r#" {{"pad":"{pad}","role":"admin","n":7,"on":true,"pad":[{{"role":"x"}}]}}"#);
        assert_eq!(gist(&body, &["role", "n", "on", "absent"], &[]), r#"{"n":7,"on":true,"role":"admin"}"#);
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        assert_eq!(gist(r#"{"id":"harmless","id":"victim"}"#, &["id"], &[]), r#"{"id":"victim"}"#);
        assert_eq!(gist(r#"{"id":"harmless","id":{"x":1}}"#, &["id"], &[]), "");
        assert_eq!(gist(r#"{"m":{"id":"a"},"x":"b","m":{}}"#, &["m.id", "x"], &[]), r#"{"x":"b"}"#);
        assert_eq!(
            gist(r#"{"m":[{"id":"a","id":"b"},{"id":"c"}]}"#, &["m.id"], &[]),
            r#"{"m":{"id":["b","c"]}}"#
        );
        assert_eq!(
            gist(r#"{"m":[{"id":"a"},{"id":"b"}],"m":[{"id":"c"}]}"#, &["m.id"], &[]),
            r#"{"m":{"id":"c"}}"#
        );
    }

    #[test]
    fn arrays_are_walked_through() {
        let body = r#"{"models":[{"id":"a","x":{"id":"no"}},{"id":"b"}],"user_ids":["1",["2"]]}"#;
        assert_eq!(
            gist(body, &["models.id", "user_ids"], &[]),
            r#"{"models":{"id":["a","b"]},"user_ids":["1","2"]}"#
        );
    }

    #[test]
    fn of_a_password_only_that_it_is_there() {
        assert_eq!(gist(r#"{"password":"secret-word"}"#, &[], &["password"]), r#"{"password":true}"#);
        assert_eq!(gist(r#"{"list":[1],"password":""}"#, &[], &["password", "list"]), r#"{"list":true}"#);
    }

    #[test]
    fn what_is_no_json_gives_nothing_and_values_are_bounded() {
        assert_eq!(gist("--boundary {\"id\":1}", &["id"], &[]), "");
        let many = format!(r#"{{"id":[{}]}}"#, vec!["1"; 5 * MAX_VALUES].join(","));
        assert_eq!(gist(&many, &["id"], &[]).matches('1').count(), MAX_VALUES);
    }
}
