//! Strict parsing of events: every byte is accounted for, every error names its field.

mod model;
mod reader;

use std::borrow::Cow;

use crate::error::Refusal;
use crate::event::Event;
use crate::json::Json;
use crate::time::Timestamp;

use reader::Reader;

/// What one JSON object said.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub event: Event<'a>,
    /// `recorded_at`, when it stood there (an entry being checked, or a line of an export).
    pub recorded_at: Option<Timestamp>,
}

/// Parses one event; lengths are not checked yet.
pub(crate) fn event(json: &[u8]) -> Result<Parsed<'_>, Refusal> {
    let mut reader = Reader::new(json)?;
    let parsed = model::event(&mut reader)?;
    reader.end()?;
    Ok(parsed)
}

/// Parses the bytes of one group of an event, of which only the core has an action.
pub(crate) fn group(json: &[u8]) -> Result<Parsed<'_>, Refusal> {
    let mut reader = Reader::new(json)?;
    let parsed = model::members(&mut reader)?;
    reader.end()?;
    Ok(parsed)
}

/// Parses a JSON string.
pub(crate) fn string(json: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let mut reader = Reader::new(json)?;
    let text = reader.string()?;
    reader.end()?;
    Ok(text)
}

/// Parses any JSON value.
pub(crate) fn value(json: &[u8]) -> Result<Json<'_>, Refusal> {
    let mut reader = Reader::new(json)?;
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests;
