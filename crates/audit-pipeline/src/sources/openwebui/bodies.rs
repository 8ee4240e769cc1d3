//! The few members of a request's or answer's body that an event may use.
//!
//! Bodies in the audit file hold provider keys, file contents and conversations in plain text, so they are never
//! copied: only the members named here are read, and everything else is skipped. Open WebUI cuts bodies at
//! `MAX_BODY_LOG_SIZE`; what came before the cut counts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What was found of the members we know. Only the top level of an object counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The names of all members seen, known or not.
    pub(super) members: Vec<String>,
    pub(super) id: Option<String>,
    /// `name`, `title` or `filename`, whichever stands first.
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) role: Option<String>,
    pub(super) chat_id: Option<String>,
    pub(super) file_id: Option<String>,
    pub(super) collection_names: Vec<String>,
    /// Boolean members, such as `is_active`.
    pub(super) switches: Vec<(String, bool)>,
}

impl Named {
    /// Reads what it can; a body that is cut short, or no JSON object at all, is not an error.
    pub(super) fn read(body: Option<&str>) -> Self {
        let mut named = Self::default();
        if let Some(body) = body.filter(|body| body.trim_start().starts_with('{')) {
            let mut json = serde_json::Deserializer::from_str(body);
            let _cut_short = Object(&mut named).deserialize(&mut json).is_err();
        }
        named
    }

    pub(super) fn switch(&self, member: &str) -> Option<bool> {
        self.switches.iter().find(|(name, _)| name == member).map(|(_, on)| *on)
    }

    pub(super) fn has(&self, member: &str) -> bool {
        self.members.iter().any(|name| name == member)
    }

    fn take(&mut self, member: &str, value: Value) {
        match (member, value) {
            ("id", Value::Text(text)) => self.id = Some(text),
            ("name" | "title" | "filename", Value::Text(text)) => {
                self.name.get_or_insert(text);
            }
            ("email", Value::Text(text)) => self.email = Some(text),
            ("role", Value::Text(text)) => self.role = Some(text),
            ("chat_id", Value::Text(text)) => self.chat_id = Some(text),
            ("file_id", Value::Text(text)) => self.file_id = Some(text),
            ("collection_names", Value::Texts(texts)) => self.collection_names = texts,
            (_, Value::Switch(on)) => self.switches.push((member.to_owned(), on)),
            _ => {}
        }
    }
}

const TEXT_MEMBERS: &[&str] =
    &["id", "name", "title", "filename", "email", "role", "chat_id", "file_id", "collection_names"];

/// Fills a [`Named`] member by member, so that what was read before an error stays.
struct Object<'n>(&'n mut Named);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_key::<String>()? {
            let wanted = TEXT_MEMBERS.contains(&member.as_str());
            self.0.members.push(member.clone());
            let value = map.next_value_seed(AnyValue { keep_text: wanted })?;
            self.0.take(&member, value);
        }
        Ok(())
    }
}

enum Value {
    Text(String),
    Texts(Vec<String>),
    Switch(bool),
    Other,
}

/// Reads any value, keeping booleans, and texts only where they are wanted.
#[derive(Clone, Copy)]
struct AnyValue {
    keep_text: bool,
}

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(if self.keep_text { Value::Text(text.to_owned()) } else { Value::Other })
    }

    fn visit_bool<E>(self, on: bool) -> Result<Value, E> {
        Ok(Value::Switch(on))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            if let Value::Text(text) = item {
                texts.push(text);
            }
        }
        Ok(Value::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

/// How a model call ended, as far as its answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Complete,
    Failed,
    /// A web UI chat, whose answer comes later by another way, or an answer that was cut or not recorded.
    Unknown,
}

/// Looks at the answer of a model call that had a good status.
pub(super) fn completion_answer(body: Option<&str>) -> Answer {
    match body.map(str::trim) {
        Some(stream) if stream.starts_with("data:") || stream.starts_with("event:") => {
            streamed_answer(stream)
        }
        Some(object) if object.starts_with('{') => {
            let named = Named::read(Some(object));
            let is_answer = ["choices", "content", "output", "message", "response"];
            if named.has("error") {
                Answer::Failed
            } else if !named.has("task_ids") && is_answer.iter().any(|member| named.has(member)) {
                Answer::Complete
            } else {
                Answer::Unknown
            }
        }
        _ => Answer::Unknown,
    }
}

/// A provider that breaks off leaves the status at 200 and an `error` object before `[DONE]`.
fn streamed_answer(stream: &str) -> Answer {
    let mut chunks = stream.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start);
    let is_error = |chunk: &str| Named::read(Some(chunk)).has("error");
    if chunks.clone().any(is_error) {
        Answer::Failed
    } else if chunks.any(|chunk| chunk == "[DONE]" || chunk.contains("\"message_stop\"")) {
        Answer::Complete
    } else {
        Answer::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_members_are_read_and_others_skipped() {
        let named = Named::read(Some(
            r#"{"id":"m-1","api_key":"sk-secret","meta":{"name":"inner"},"name":"Model","is_active":false,"collection_names":["a","b"]}"#,
        ));
        assert_eq!(named.id.as_deref(), Some("m-1"));
        assert_eq!(named.name.as_deref(), Some("Model"));
        assert_eq!(named.switch("is_active"), Some(false));
        assert_eq!(named.collection_names, ["a", "b"]);
        assert!(!format!("{named:?}").contains("sk-secret"));
    }

    #[test]
    fn a_body_cut_short_gives_what_came_before_the_cut() {
        let named = Named::read(Some(r#"{"id":"f-1","filename":"plan.md","data":{"content":"very lo"#));
        assert_eq!(named.id.as_deref(), Some("f-1"));
        assert_eq!(named.name.as_deref(), Some("plan.md"));
    }

    #[test]
    fn what_is_not_an_object_gives_nothing() {
        for body in [None, Some(""), Some("true"), Some("--boundary\r\nid: 1"), Some("[1]")] {
            assert_eq!(Named::read(body), Named::default());
        }
    }

    #[test]
    fn the_answer_tells_how_a_model_call_ended() {
        let check = |body: &str, expected| assert_eq!(completion_answer(Some(body)), expected, "{body}");
        check(r#"{"id":"x","choices":[{"index":0}]}"#, Answer::Complete);
        check(r#"{"status":true,"task_ids":["t"],"chat_id":"c"}"#, Answer::Unknown);
        check(r#"{"error":{"message":"no"}}"#, Answer::Failed);
        check("data: {\"choices\":[]}\n\ndata: [DONE]\n\n", Answer::Complete);
        check("data: {\"choices\":[]}\n\ndata: {\"error\":{\"code\":1}}\n\ndata: [DONE]\n\n", Answer::Failed);
        check("data: {\"choices\":[]}\n\ndata: {\"choi", Answer::Unknown);
        assert_eq!(completion_answer(None), Answer::Unknown);
    }
}
