//! JSON values for the parts of an event that have no fixed shape.

use std::borrow::Cow;

use crate::canonical::{compare_keys, write_string, write_value};

/// A JSON value. Numbers are IEEE doubles, as RFC 8785 has them; the members of an object may stand in any
/// order and are sorted when written.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Finite.
    Number(f64),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object; keys are distinct.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// An object of these members; a later member of the same key replaces an earlier one.
    pub fn object<K: Into<Cow<'a, str>>, V: Into<Json<'a>>>(
        members: impl IntoIterator<Item = (K, V)>,
    ) -> Json<'a> {
        let mut object = Vec::new();
        for (key, value) in members {
            insert(&mut object, key.into(), value.into());
        }
        Json::Object(object)
    }

    /// The member of that key, when this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The string, when this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// As much of the value, from its start, as is written in at most `room` bytes of canonical form: an
    /// array's or object's first members, a string's first characters with `…` after them. `None` when not
    /// even the brackets fit.
    pub(crate) fn cut_to(self, room: usize) -> Option<Json<'a>> {
        if self.written_len() <= room {
            return Some(self);
        }
        match self {
            Json::String(text) => cut_string(&text, room),
            Json::Array(items) => {
                let mut kept = Vec::new();
                let mut room = room.checked_sub(BRACKETS)?;
                for item in items {
                    let len = item.written_len() + COMMA;
                    kept.extend(item.cut_to(room));
                    let Some(left) = room.checked_sub(len) else { break };
                    room = left;
                }
                Some(Json::Array(kept))
            }
            Json::Object(mut members) => {
                members.sort_by(|(a, _), (b, _)| compare_keys(a, b));
                let mut kept = Vec::new();
                let mut room = room.checked_sub(BRACKETS)?;
                for (key, value) in members {
                    let Some(value_room) = room.checked_sub(written_string_len(&key) + COLON + COMMA) else {
                        break;
                    };
                    let len = value.written_len();
                    kept.extend(value.cut_to(value_room).map(|value| (key, value)));
                    let Some(left) = value_room.checked_sub(len) else { break };
                    room = left;
                }
                Some(Json::Object(kept))
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => None,
        }
    }

    fn written_len(&self) -> usize {
        let mut written = Vec::new();
        write_value(&mut written, self);
        written.len()
    }
}

const BRACKETS: usize = 2;
const COMMA: usize = 1;
const COLON: usize = 1;

fn written_string_len(text: &str) -> usize {
    let mut written = Vec::new();
    write_string(&mut written, text);
    written.len()
}

fn cut_string<'a>(text: &str, room: usize) -> Option<Json<'a>> {
    const ELLIPSIS: char = '…';
    let mut room = room.checked_sub(2 + ELLIPSIS.len_utf8())?;
    let mut cut = String::new();
    for character in text.chars() {
        let len = written_string_len(character.encode_utf8(&mut [0; 4])) - 2;
        let Some(left) = room.checked_sub(len) else { break };
        room = left;
        cut.push(character);
    }
    cut.push(ELLIPSIS);
    Some(Json::from(cut))
}

fn insert<'a>(object: &mut Vec<(Cow<'a, str>, Json<'a>)>, key: Cow<'a, str>, value: Json<'a>) {
    match object.iter_mut().find(|(k, _)| *k == key) {
        Some(member) => member.1 = value,
        None => object.push((key, value)),
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Json::String(Cow::Borrowed(text))
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Json::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Json<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Json::String(text)
    }
}

impl From<bool> for Json<'_> {
    fn from(value: bool) -> Self {
        Json::Bool(value)
    }
}

impl From<u32> for Json<'_> {
    fn from(value: u32) -> Self {
        Json::Number(f64::from(value))
    }
}

impl From<i32> for Json<'_> {
    fn from(value: i32) -> Self {
        Json::Number(f64::from(value))
    }
}

/// A number where a double holds it exactly, else its decimal digits as a string: nothing is rounded.
impl From<u64> for Json<'_> {
    fn from(value: u64) -> Self {
        let number = value as f64;
        if value <= MAX_SAFE_INTEGER { Json::Number(number) } else { Json::from(value.to_string()) }
    }
}

/// A number where a double holds it exactly, else its decimal digits as a string: nothing is rounded.
impl From<i64> for Json<'_> {
    fn from(value: i64) -> Self {
        if value.unsigned_abs() <= MAX_SAFE_INTEGER {
            Json::Number(value as f64)
        } else {
            Json::from(value.to_string())
        }
    }
}

/// Not-a-number and infinities, which JSON does not have, become `null`.
impl From<f64> for Json<'_> {
    fn from(value: f64) -> Self {
        if value.is_finite() { Json::Number(value) } else { Json::Null }
    }
}

impl<'a, T: Into<Json<'a>>> From<Vec<T>> for Json<'a> {
    fn from(items: Vec<T>) -> Self {
        Json::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<'a, T: Into<Json<'a>>> From<Option<T>> for Json<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Json::Null, Into::into)
    }
}

impl From<serde_json::Value> for Json<'static> {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(value) => Json::Bool(value),
            serde_json::Value::Number(number) => from_number(&number),
            serde_json::Value::String(text) => Json::String(Cow::Owned(text)),
            serde_json::Value::Array(items) => Json::Array(items.into_iter().map(Json::from).collect()),
            serde_json::Value::Object(members) => {
                Json::Object(members.into_iter().map(|(k, v)| (Cow::Owned(k), Json::from(v))).collect())
            }
        }
    }
}

fn from_number(number: &serde_json::Number) -> Json<'static> {
    if let Some(value) = number.as_u64() {
        Json::from(value)
    } else if let Some(value) = number.as_i64() {
        Json::from(value)
    } else {
        number.as_f64().map_or(Json::Null, Json::from)
    }
}

/// The largest integer below which every integer is a double: 2^53 - 1.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
