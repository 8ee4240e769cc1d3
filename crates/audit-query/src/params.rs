//! Questions as query parameters: `from`, `to`, `user`, `event_type`, `q` and the rest.
//!
//! A pure function over (name, value) pairs, so that the HTTP API and the command line read the same words the
//! same way. Every error names its parameter. What is not understood is refused: a mistyped parameter that was
//! skipped would answer with more than was asked for.

use crate::calendar;
use crate::export::{Columns, Format};
use crate::filter::{Field, FieldKind, Filter, FilterError};
use crate::page_token::QuestionDigest;
use crate::question::{Count, List, Order, PageKey, Scan, TimeRange};
use audit_event::{Timestamp, taxonomy};
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

/// The most events one page can have.
pub const MAX_LIMIT: usize = 10_000;

/// What the parameters ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which events: all filter parameters and `q` together, in plain form.
    pub filter: Filter,
    /// From which time: `from` and `to`.
    pub range: TimeRange,
    /// In which order: `order`, newest first by default.
    pub order: Order,
    /// `limit`; none asks for all.
    pub limit: Option<usize>,
    /// `page_token`, unopened.
    pub page_token: Option<String>,
    /// `format`.
    pub format: Option<Format>,
    /// `fields`.
    pub fields: Option<Columns>,
    /// `count`: whether to say how many there are in all.
    pub count: Option<bool>,
    /// `bom`: whether a CSV begins with a byte-order mark.
    pub bom: bool,
    /// `tz`, UTC by default.
    pub tz: TimeZone,
}

/// A parameter that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {problem}")]
pub struct ParamError {
    /// The parameter's name, as it was given.
    pub parameter: String,
    /// What is wrong with it.
    pub problem: ParamProblem,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ParamProblem {
    #[error("there is no such parameter{}", did_you_mean(*.nearest))]
    Unknown { nearest: Option<&'static str> },
    #[error("is given more than once")]
    Repeated,
    #[error("is empty: give it a value or leave it away")]
    Empty,
    #[error("is neither a date such as 2026-03-01 nor a time such as 2026-03-01T08:00:00Z")]
    NotATime,
    #[error("is after to: nothing can be between them")]
    FromAfterTo,
    #[error("is no time zone: give a name such as Europe/Berlin, or an offset such as +02:00")]
    NotAZone,
    #[error("is no number from 1 to {MAX_LIMIT}; without a limit everything streams")]
    NotALimit,
    #[error("is not one of {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    #[error("{0}")]
    Columns(String),
    #[error("{0}")]
    Query(FilterError),
}

impl ParamProblem {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ParamProblem::Unknown { .. } => "unknown_parameter",
            ParamProblem::Repeated => "repeated_parameter",
            ParamProblem::Empty => "empty_parameter",
            ParamProblem::NotATime => "invalid_time",
            ParamProblem::FromAfterTo => "from_after_to",
            ParamProblem::NotAZone => "invalid_time_zone",
            ParamProblem::NotALimit => "invalid_limit",
            ParamProblem::NotOneOf(_) => "invalid_choice",
            ParamProblem::Columns(_) => "invalid_fields",
            ParamProblem::Query(_) => "invalid_filter",
        }
    }
}

/// The parameters that are not fields of the filter.
const OWN: &[&str] =
    &["from", "to", "tz", "q", "order", "limit", "page_token", "format", "fields", "count", "bom"];

const ORDERS: &[&str] = &["newest_first", "oldest_first"];
const TRUTHS: &[&str] = &["true", "false"];

impl Request {
    /// Reads (name, value) pairs, percent-decoded, in any order.
    ///
    /// Any field of the filter is a parameter too, by its name or an alias: `user`, `event_type`, `action`,
    /// `outcome`, `ip`, `target`, `model`, `department`, ... Repeating one means *or*; different ones mean
    /// *and*. Names in `others` are parameters that the caller reads itself.
    ///
    /// `now` lets times be relative to it: `-24h` (units m, h, d, w), `today`, `yesterday`, `now`. Lists over
    /// HTTP leave it out, so that the pages of a list all speak of the same time.
    ///
    /// # Errors
    /// [`ParamError`] for the first parameter that makes no sense.
    pub fn parse<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        others: &[&str],
        now: Option<Timestamp>,
    ) -> Result<Request, ParamError> {
        let mut given = Given::default();
        for (name, value) in pairs {
            if !others.contains(&name) {
                given.take(name, value)?;
            }
        }
        let tz = given.own("tz", time_zone)?.unwrap_or(TimeZone::UTC);
        let range = given.range(&tz, now)?;
        Ok(Request {
            filter: given.filter()?,
            range,
            order: given.own("order", order)?.unwrap_or_default(),
            limit: given.own("limit", limit)?,
            page_token: given.own("page_token", |text| Ok(text.to_owned()))?,
            format: given
                .own("format", |text| Format::from_name(text).ok_or(ParamProblem::NotOneOf(Format::NAMES)))?,
            fields: given.own("fields", |text| {
                Columns::parse(text).map_err(|e| ParamProblem::Columns(e.to_string()))
            })?,
            count: given.own("count", truth)?,
            bom: given.own("bom", truth)?.unwrap_or(false),
            tz,
        })
    }

    /// What a page token of this request is bound to.
    #[must_use]
    pub fn digest(&self) -> QuestionDigest {
        QuestionDigest::of(&self.filter, self.range, self.order)
    }

    /// The list of a page of `limit` events after `after`.
    #[must_use]
    pub fn list(&self, limit: usize, after: Option<PageKey>, snapshot: Option<u64>) -> List {
        let (filter, range, order) = (self.filter.clone(), self.range, self.order);
        List { filter, range, order, limit, after, snapshot, count: self.count.unwrap_or(false) }
    }

    /// The count of all that matches.
    #[must_use]
    pub fn total(&self) -> Count {
        Count { filter: self.filter.clone(), range: self.range, snapshot: None }
    }

    /// The scan of all that matches.
    #[must_use]
    pub fn scan(&self) -> Scan {
        let (filter, range, order) = (self.filter.clone(), self.range, self.order);
        Scan { filter, range, order, after: None, snapshot: None }
    }
}

/// The parameters as they were given, sorted out.
#[derive(Default)]
struct Given<'a> {
    own: Vec<(&'a str, &'a str)>,
    fields: Vec<(Field, &'a str, &'a str)>,
}

impl<'a> Given<'a> {
    fn take(&mut self, name: &'a str, value: &'a str) -> Result<(), ParamError> {
        let fails = |problem| Err(ParamError { parameter: name.to_owned(), problem });
        if value.trim().is_empty() {
            return fails(ParamProblem::Empty);
        }
        if OWN.contains(&name) {
            if self.own.iter().any(|(other, _)| *other == name) {
                return fails(ParamProblem::Repeated);
            }
            self.own.push((name, value.trim()));
            return Ok(());
        }
        match Field::named(name) {
            Some(field) => {
                self.fields.push((field, name, value.trim()));
                Ok(())
            }
            None => fails(ParamProblem::Unknown { nearest: nearest_parameter(name) }),
        }
    }

    /// Reads one of our own parameters, if it was given.
    fn own<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, ParamProblem>,
    ) -> Result<Option<T>, ParamError> {
        let Some((_, text)) = self.own.iter().find(|(given, _)| *given == name) else { return Ok(None) };
        read(text).map(Some).map_err(|problem| ParamError { parameter: name.to_owned(), problem })
    }

    fn range(&self, tz: &TimeZone, now: Option<Timestamp>) -> Result<TimeRange, ParamError> {
        let from = self.own("from", |text| moment(text, tz, now))?.map(|span| span.from);
        let to = self.own("to", |text| moment(text, tz, now))?;
        let range =
            TimeRange { from: from.unwrap_or(Timestamp::MIN), to: to.map_or(Timestamp::MAX, |span| span.to) };
        // A day that `to` names ends where the next begins: from there on is after it. An instant is not after itself.
        let begins_after =
            |span: TimeRange| range.from > span.to || (range.from == span.to && !span.is_empty());
        if to.is_some_and(begins_after) {
            return Err(ParamError { parameter: "from".to_owned(), problem: ParamProblem::FromAfterTo });
        }
        Ok(range)
    }

    fn filter(&self) -> Result<Filter, ParamError> {
        let mut parts = Vec::new();
        for field in Field::all() {
            let mut alternatives = Vec::new();
            for (_, name, value) in self.fields.iter().filter(|(other, ..)| *other == field) {
                let test = field_parameter(field, value);
                alternatives
                    .push(test.map_err(|problem| ParamError { parameter: (*name).to_owned(), problem })?);
            }
            if !alternatives.is_empty() {
                parts.push(Filter::any_of(alternatives));
            }
        }
        parts.extend(self.own("q", |text| Filter::parse(text).map_err(ParamProblem::Query))?);
        Ok(Filter::all_of(parts))
    }
}

/// One value of a field's parameter. Commas separate alternatives where no value can contain one; `event_type`
/// also takes the name of an action.
fn field_parameter(field: Field, value: &str) -> Result<Filter, ParamProblem> {
    let names_an_action = field == Field::Category && taxonomy::lookup(value).is_some();
    let field = if names_an_action { Field::Action } else { field };
    let is_list = matches!(field.kind(), FieldKind::Name | FieldKind::Ip) || field == Field::Action;
    let values = if is_list { value.split(',').collect() } else { vec![value] };
    let tests: Result<Vec<_>, _> =
        values.into_iter().map(|one| Filter::of_field(field, one.trim())).collect();
    tests
        .map(Filter::any_of)
        .map_err(|message| ParamProblem::Query(FilterError { at: 0, len: value.len(), message }))
}

fn nearest_parameter(name: &str) -> Option<&'static str> {
    let fields = Field::all().flat_map(|field| field.aliases().iter().copied().chain([field.name()]));
    crate::filter::nearest(name, OWN.iter().copied().chain(fields))
}

fn did_you_mean(nearest: Option<&'static str>) -> String {
    nearest.map(|near| format!(": did you mean {near}?")).unwrap_or_default()
}

fn order(text: &str) -> Result<Order, ParamProblem> {
    match text {
        "newest_first" | "newest" | "desc" => Ok(Order::NewestFirst),
        "oldest_first" | "oldest" | "asc" => Ok(Order::OldestFirst),
        _ => Err(ParamProblem::NotOneOf(ORDERS)),
    }
}

fn limit(text: &str) -> Result<usize, ParamProblem> {
    text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or(ParamProblem::NotALimit)
}

fn truth(text: &str) -> Result<bool, ParamProblem> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(ParamProblem::NotOneOf(TRUTHS)),
    }
}

fn time_zone(text: &str) -> Result<TimeZone, ParamProblem> {
    if let Some(offset) = offset(text) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(text).map_err(|_| ParamProblem::NotAZone)
}

/// `+02:00` or `-05:30`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let in_range = (0..24).contains(&hours) && (0..60).contains(&minutes);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().filter(|_| in_range)
}

/// The span of time that a text names: an instant is a span of nothing, a day lasts from its midnight to the
/// next, a month from its first to the next. `from` is where the span begins and `to` where it ends, so that a
/// range includes the days it names.
///
/// # Errors
/// [`ParamProblem::NotATime`].
pub fn moment(text: &str, tz: &TimeZone, now: Option<Timestamp>) -> Result<TimeRange, ParamProblem> {
    let understood = absolute(text, tz).or_else(|| relative(text, tz, now?));
    understood.ok_or(ParamProblem::NotATime)
}

fn absolute(text: &str, tz: &TimeZone) -> Option<TimeRange> {
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        return Some(TimeRange { from: at, to: at });
    }
    if text.len() == 7 {
        let first: Date = format!("{text}-01").parse().ok()?;
        return days(first, first.last_of_month(), tz);
    }
    if text.len() == 10 {
        let date = text.parse().ok()?;
        return days(date, date, tz);
    }
    let local: DateTime = is_local_time(text).then(|| text.parse().ok())??;
    let at = calendar::at(local, tz)?;
    Some(TimeRange { from: at, to: at })
}

/// A date and a time of day without an offset; anything else that a lenient parser might accept is not meant.
fn is_local_time(text: &str) -> bool {
    text.len() >= 16
        && matches!(text.as_bytes()[10], b'T' | b' ')
        && text.bytes().all(|b| b.is_ascii_digit() || b"-:T .".contains(&b))
}

fn relative(text: &str, tz: &TimeZone, now: Timestamp) -> Option<TimeRange> {
    let today = calendar::instant(now.as_micros())?.to_zoned(tz.clone()).date();
    match text {
        "now" => return Some(TimeRange { from: now, to: now }),
        "today" => return days(today, today, tz),
        "yesterday" => return today.yesterday().ok().and_then(|yesterday| days(yesterday, yesterday, tz)),
        _ => {}
    }
    let (count, unit) = text.strip_prefix('-')?.split_at_checked(text.len().checked_sub(2)?)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let micros = count.parse::<u32>().ok().map(|count| i64::from(count) * seconds * 1_000_000)?;
    let at = Timestamp::from_micros(now.as_micros() - micros);
    Some(TimeRange { from: at, to: at })
}

/// From the beginning of one day to the end of another.
fn days(first: Date, last: Date, tz: &TimeZone) -> Option<TimeRange> {
    Some(TimeRange { from: calendar::begin(first, tz)?, to: calendar::end(last, tz)? })
}

#[cfg(test)]
mod tests;
