//! `GET /stats`: counts and sums, over time and by field.

use std::io::Write as _;

use audit_query::filter::{Field, FieldKind};
use audit_query::question::{
    Answers as _, Bucket, Group, GroupKey, Key, Measure, NumberField, Table, Value as Measured,
};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Uri};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::activity::Searched;
use crate::encoding::Encoding;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;

/// Parameters besides those that choose events.
const OWN: &[&str] = &["by", "interval", "sum", "limit"];
const MAX_KEYS: usize = 3;
const DEFAULT_ROWS: usize = 10_000;
const MAX_ROWS: usize = 100_000;

const INTERVALS: [(&str, Bucket); 4] =
    [("hour", Bucket::Hour), ("day", Bucket::Day), ("week", Bucket::Week), ("month", Bucket::Month)];
const SUMS: [(&str, NumberField); 5] = [
    ("input_tokens", NumberField::InputTokens),
    ("output_tokens", NumberField::OutputTokens),
    ("total_tokens", NumberField::TotalTokens),
    ("cost_usd", NumberField::CostUsd),
    ("latency_ms", NumberField::LatencyMs),
];

/// Answers with a table.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response> {
    let which = question::parse_without(
        &reader,
        &uri,
        OWN,
        &["page_token", "format", "fields", "order", "count", "bom"],
    )?;
    let shape = Shape::of(&reader, &uri, &which.tz)?;
    let encoding = Encoding::accepted(&headers);
    let subject = format!("{} by {}", question::describe(&which), shape.names.join(","));
    let group = Group {
        filter: which.filter,
        range: which.range,
        keys: shape.keys,
        measures: shape.measures,
        limit: shape.limit,
        snapshot: None,
    };
    let (json, encoding, rows) = state
        .ask(move |state, budget| {
            let table = state.index().group(&group, budget)?;
            let json = write(&table, &shape.names, &shape.sums);
            let encoding = encoding.for_length(json.len());
            Ok((encoding.pack(json).map_err(Problem::internal)?, encoding, table.rows.len()))
        })
        .await?;

    Searched::new(subject, rows as u64).note(state.activity(), reader.visitor());

    let mut response = json.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    encoding.mark(headers);
    Ok(response)
}

/// What the table looks like.
struct Shape {
    keys: Vec<GroupKey>,
    /// One for each key.
    names: Vec<String>,
    /// The count, then the sums.
    measures: Vec<Measure>,
    /// One for each sum.
    sums: Vec<&'static str>,
    limit: usize,
}

impl Shape {
    fn of(reader: &Reader, uri: &Uri, tz: &TimeZone) -> Result<Self> {
        let params = Params::any(uri.query());
        let mut shape = Self {
            keys: Vec::new(),
            names: Vec::new(),
            measures: vec![Measure::Count],
            sums: Vec::new(),
            limit: row_limit(&params)?,
        };
        if let Some(interval) = params.one("interval")? {
            shape.push_interval(interval, tz)?;
        }
        for name in params.all("by").flat_map(|list| list.split(',')).map(str::trim) {
            shape.push_key(reader, name, tz)?;
        }
        for name in params.all("sum").flat_map(|list| list.split(',')).map(str::trim) {
            shape.push_sum(reader, name)?;
        }
        if shape.keys.len() > MAX_KEYS {
            return Err(Problem::invalid_parameter(
                "by",
                format!("at most {MAX_KEYS} keys, interval included"),
            ));
        }
        Ok(shape)
    }

    fn push_interval(&mut self, name: &str, tz: &TimeZone) -> Result<()> {
        let Some((name, bucket)) = INTERVALS.iter().find(|(word, _)| *word == name) else {
            return Err(Problem::invalid_parameter("interval", "is hour, day, week or month"));
        };
        self.keys.push(GroupKey::Time { bucket: *bucket, tz: tz.clone() });
        self.names.push((*name).to_owned());
        Ok(())
    }

    fn push_key(&mut self, reader: &Reader, name: &str, tz: &TimeZone) -> Result<()> {
        if INTERVALS.iter().any(|(word, _)| *word == name) {
            return self.push_interval(name, tz);
        }
        let field = Field::named(name).filter(|field| can_group_by(*field)).ok_or_else(|| {
            let several = match Field::named(name).map(|field| (field.kind(), field)) {
                Some((FieldKind::Several, Field::User)) => "; say actor.email, actor.name or actor.id",
                Some((FieldKind::Several, Field::Target)) => "; say target.type, target.id or target.name",
                _ => "",
            };
            let keys: Vec<_> = Field::all().filter(|field| can_group_by(*field)).map(Field::name).collect();
            let advice = format!(
                "{name:?} is nothing to group by{several}; what is: hour, day, week, month, {}",
                keys.join(", ")
            );
            Problem::invalid_parameter("by", advice)
        })?;
        reader.may_use(field)?;
        self.keys.push(GroupKey::Field(field));
        self.names.push(name.to_owned());
        Ok(())
    }

    fn push_sum(&mut self, reader: &Reader, name: &str) -> Result<()> {
        let Some((name, field)) = SUMS.iter().find(|(word, _)| *word == name) else {
            let known: Vec<_> = SUMS.iter().map(|(word, _)| *word).collect();
            return Err(Problem::invalid_parameter("sum", format!("is one or more of {}", known.join(", "))));
        };
        reader.may_use(asked_as(*field))?;
        self.measures.push(Measure::Sum(*field));
        self.sums.push(name);
        Ok(())
    }
}

/// The number as filters know it.
fn asked_as(number: NumberField) -> Field {
    match number {
        NumberField::InputTokens => Field::InputTokens,
        NumberField::OutputTokens => Field::OutputTokens,
        NumberField::TotalTokens => Field::TotalTokens,
        NumberField::CostUsd => Field::CostUsd,
        NumberField::LatencyMs => Field::LatencyMs,
    }
}

/// What [`GroupKey::Field`] takes.
fn can_group_by(field: Field) -> bool {
    field == Field::HttpStatus || !matches!(field.kind(), FieldKind::Number | FieldKind::Several)
}

fn row_limit(params: &Params<'_>) -> Result<usize> {
    let limit = params.parsed::<usize>("limit")?.unwrap_or(DEFAULT_ROWS);
    if (1..=MAX_ROWS).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid_parameter("limit", format!("is a number from 1 to {MAX_ROWS}")))
}

/// One object a row: its keys and its measures by their names, in the order asked for.
///
/// Written by hand: a year by day and category has thousands of rows, and a generic document of them would take
/// longer to build than the answer to find.
fn write(table: &Table, names: &[String], sums: &[&str]) -> Vec<u8> {
    let measures: Vec<_> = std::iter::once("count").chain(sums.iter().copied()).collect();
    let members: Vec<Vec<u8>> =
        names.iter().map(String::as_str).chain(measures.iter().copied()).map(member).collect();
    let mut json = Vec::with_capacity(256 + table.rows.len() * (48 + members.len() * 32));
    let _ = write!(json, "{{\"keys\":{},\"measures\":{},\"rows\":[", json!(names), json!(measures));
    for (at, row) in table.rows.iter().enumerate() {
        json.extend_from_slice(if at == 0 { b"{" } else { b",{" });
        let (keys, values) = members.split_at(names.len());
        for (member, key) in keys.iter().zip(&row.keys) {
            json.extend_from_slice(member);
            write_key(key, &mut json);
            json.push(b',');
        }
        for (member, value) in values.iter().zip(&row.values) {
            json.extend_from_slice(member);
            let _ = match value {
                Measured::Whole(number) => write!(json, "{number},"),
                Measured::Fraction(number) => write!(json, "{},", Value::from(*number)),
                // Neither is asked for.
                Measured::Event(_) | Measured::Text(_) => write!(json, "null,"),
            };
        }
        // There is at least the count, so that the last byte is a comma.
        json.pop();
        json.push(b'}');
    }
    let _ = writeln!(json, "],\"left_out\":{},\"tree_size\":{}}}", table.left_out, table.snapshot);
    json
}

/// A member's name as it stands in every row.
fn member(name: &str) -> Vec<u8> {
    format!("{}:", Value::from(name)).into_bytes()
}

fn write_key(key: &Key, json: &mut Vec<u8>) {
    match key {
        Key::Missing => json.extend_from_slice(b"null"),
        Key::Text(text) => {
            let _ = write!(json, "{}", Value::from(text.as_str()));
        }
        Key::Time(time) => {
            json.push(b'"');
            time.write_to(json);
            json.push(b'"');
        }
    }
}
