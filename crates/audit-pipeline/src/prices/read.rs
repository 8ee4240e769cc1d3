//! The table as it stands in its file.

use audit_event::Timestamp;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::row::{Price, Row};

/// Why a price table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PriceError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, with the row's model, and what to do.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    price: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    model: String,
    provider: Option<String>,
    from: Option<Value>,
    until: Option<Value>,
    input: Option<Value>,
    output: Option<Value>,
    cached: Option<Value>,
    cache_write: Option<Value>,
    reasoning: Option<Value>,
}

/// Every row, none of them in another's way.
pub(super) fn rows(toml: &str) -> Result<Vec<Row>, PriceError> {
    let file: File = toml::from_str(toml).map_err(|error| PriceError {
        line: error.span().map_or(1, |span| line_at(toml, span.start)),
        message: error.message().lines().collect::<Vec<_>>().join(" "),
    })?;
    let mut rows: Vec<Row> = Vec::with_capacity(file.price.len());
    for entry in file.price {
        let line = line_at(toml, entry.span().start);
        let entry = entry.into_inner();
        let name = format!("the price of {:?}", entry.model);
        let row =
            entry.into_row(line).map_err(|why| PriceError { line, message: format!("{name}: {why}") })?;
        if let Some(other) = rows.iter().find(|other| other.conflicts(&row)) {
            let message = format!(
                "{name}: line {} has one for the same model, provider and days: give one of them `from` or `until`",
                other.line
            );
            return Err(PriceError { line, message });
        }
        rows.push(row);
    }
    Ok(rows)
}

impl Entry {
    fn into_row(self, line: usize) -> Result<Row, String> {
        if self.model.is_empty() {
            return Err("model is empty: name one, or `*` for all".to_owned());
        }
        let price = Price {
            input: amount("input", self.input.as_ref())?,
            output: amount("output", self.output.as_ref())?,
            cached: amount("cached", self.cached.as_ref())?,
            cache_write: amount("cache_write", self.cache_write.as_ref())?,
            reasoning: amount("reasoning", self.reasoning.as_ref())?,
        };
        if price.input.is_none() && price.output.is_none() {
            return Err("needs input or output, in US dollars per million tokens".to_owned());
        }
        let from = day("from", self.from.as_ref())?.unwrap_or(Timestamp::MIN);
        let until = day("until", self.until.as_ref())?.unwrap_or(Timestamp::MAX);
        if from >= until {
            return Err("until must be later than from; it is the first day without the price".to_owned());
        }
        Ok(Row { model: self.model, provider: self.provider, from, until, price, line })
    }
}

/// A date, written with quotes or without; the day begins in UTC.
fn day(key: &str, value: Option<&Value>) -> Result<Option<Timestamp>, String> {
    let text = match value {
        None => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Datetime(date)) => date.to_string(),
        Some(_) => String::new(),
    };
    Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))
        .map(Some)
        .map_err(|_| format!("{key} must be a date such as 2026-03-01"))
}

/// US dollars per million tokens, in millionths of a millionth of a dollar per token.
fn amount(key: &str, value: Option<&Value>) -> Result<Option<u64>, String> {
    let text = match value {
        None => return Ok(None),
        Some(Value::Integer(dollars)) => dollars.to_string(),
        // The shortest decimal that gives this double: what was written, for any price there is.
        Some(Value::Float(dollars)) => dollars.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => String::new(),
    };
    let advice =
        || format!("{key} must be US dollars per million tokens, such as 1.25, with at most six decimals");
    decimal(&text).map(Some).ok_or_else(advice)
}

/// A decimal number with at most six decimals, in millionths.
fn decimal(text: &str) -> Option<u64> {
    /// More than any price; keeps sums in range.
    const MOST: u64 = 1_000_000_000_000;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let millionths: u64 = format!("{fraction:0<6}").parse().ok()?;
    let sum = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(millionths)?;
    (sum <= MOST).then_some(sum)
}

fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
