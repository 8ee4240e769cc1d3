//! A small JSON object that somebody sends, read field by field, so that what is wrong is said in their words.

use axum::body::Body;
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::body;
use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

const MAX_BODY_BYTES: usize = 16 << 10;

/// The object's members.
#[derive(Debug)]
pub(crate) struct Document(Map<String, Value>);

impl Document {
    /// Reads a request's body, which has no other members than `known`.
    ///
    /// # Errors
    /// [`Code::InvalidDocument`] with the member that is wrong, and what is wrong with the body as such.
    pub async fn read(state: &AppState, headers: &HeaderMap, body: Body, known: &[&str]) -> Result<Self> {
        body::require_json(headers)?;
        let bytes = body::collect(body, MAX_BODY_BYTES, state.config().body_timeout).await?;
        let Ok(Value::Object(members)) = serde_json::from_slice(&bytes) else {
            return Err(invalid("the body", format!("must be a JSON object with {}", known.join(", "))));
        };
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let advice = format!("there is no such field; known are {}", known.join(", "));
                Err(invalid(name, advice))
            }
            None => Ok(Self(members)),
        }
    }

    /// A member's value; `null` counts as absent.
    pub fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    ///
    /// # Errors
    /// [`Code::InvalidDocument`] when it is something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name, "must be a text in quotes")),
        }
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// [`Code::InvalidDocument`] when it is not.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.text(name)?.ok_or_else(|| invalid(name, "is missing"))
    }

    /// A list of texts; absent, the empty one.
    ///
    /// # Errors
    /// [`Code::InvalidDocument`] when it is something else.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>> {
        match self.given(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().ok_or_else(|| invalid(name, "must be a list of texts in quotes")))
                .collect(),
            Some(_) => Err(invalid(name, "must be a list of texts in quotes")),
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// [`Code::InvalidDocument`] when it is something else.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(invalid(name, "must be true or false")),
        }
    }

    /// A whole number within `range`.
    ///
    /// # Errors
    /// [`Code::InvalidDocument`] when it is something else.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(value) = self.given(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            invalid(name, format!("must be a whole number from {} to {}", range.start(), range.end()))
        })
    }
}

/// What is wrong with a member.
pub(crate) fn invalid(field: &str, advice: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InvalidDocument, format!("{field}: {advice}")).with("field", field)
}
