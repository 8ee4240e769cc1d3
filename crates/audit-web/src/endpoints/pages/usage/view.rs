//! The state of the page: that of the events' page, and what is shown of them. All of it is in the address.

use std::borrow::Borrow;

use audit_event::Timestamp;
use audit_query::filter::{Field, Filter, Test};
use audit_query::question::TimeRange;
use form_urlencoded::Serializer;
use http::Uri;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use super::figures::CALL;
use crate::endpoints::pages::chart::Unit;
use crate::endpoints::pages::events::view::View;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::reader::Reader;

/// The page's own parameters.
const OWN: [&str; 4] = ["show", "by", "top", "table"];
/// What is shown if nothing is said about the time.
const DEFAULT_RANGE: &str = "30d";
/// How many groups are shown by name.
pub(super) const TOPS: [usize; 3] = [10, 25, 50];

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Tokens,
    Input,
    Output,
    Cost,
    Calls,
    Conversations,
    Latency,
}

impl What {
    pub const ALL: [Self; 7] = [
        Self::Tokens,
        Self::Input,
        Self::Output,
        Self::Cost,
        Self::Calls,
        Self::Conversations,
        Self::Latency,
    ];

    /// In the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Input => "input",
            Self::Output => "output",
            Self::Cost => "cost",
            Self::Calls => "calls",
            Self::Conversations => "conversations",
            Self::Latency => "latency",
        }
    }

    /// On the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens",
            Self::Input => "Input tokens",
            Self::Output => "Output tokens",
            Self::Cost => "Cost",
            Self::Calls => "Calls",
            Self::Conversations => "Conversations",
            Self::Latency => "Average latency",
        }
    }

    pub fn unit(self) -> Unit {
        match self {
            Self::Tokens | Self::Input | Self::Output => Unit::Things("token", "tokens"),
            Self::Cost => Unit::Dollars,
            Self::Calls => Unit::Things("call", "calls"),
            Self::Conversations => Unit::Things("conversation", "conversations"),
            Self::Latency => Unit::Milliseconds,
        }
    }
}

/// What the calls are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Department,
    User,
    Model,
}

impl By {
    pub const ALL: [Self; 3] = [Self::Department, Self::User, Self::Model];

    /// In the address, and as a parameter of the events' page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::User => "user",
            Self::Model => "model",
        }
    }

    /// On the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Department => "Department",
            Self::User => "User",
            Self::Model => "Model",
        }
    }

    pub fn field(self) -> Field {
        match self {
            Self::Department => Field::Department,
            Self::User => Field::ActorEmail,
            Self::Model => Field::Model,
        }
    }

    /// What the calls without one are called.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Department => "No department",
            Self::User => "No e-mail address",
            Self::Model => "No model named",
        }
    }

    /// The filter of the calls with this value, or without any.
    pub fn is(self, value: Option<&str>) -> Result<Filter> {
        let field = self.field();
        Ok(match value {
            Some(value) => Filter::Test(Test::Equals { field, value: value.to_owned() }),
            None => Filter::Test(Test::Exists(field)).negate(),
        })
    }
}

/// What the address says.
#[derive(Debug, Clone)]
pub(super) struct UsageView {
    /// Which events.
    pub events: View,
    pub what: What,
    pub by: By,
    pub top: usize,
}

impl UsageView {
    /// Reads an address. What the reader may not ask by is not chosen unless they ask for it.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn of(reader: &Reader, uri: &Uri, zone: Option<&TimeZone>, now: Timestamp) -> Result<Self> {
        let params = Params::any(uri.query());
        let what =
            choice(&params, "show", What::ALL.map(What::as_str))?.map_or(What::Tokens, |at| What::ALL[at]);
        let by = choice(&params, "by", By::ALL.map(By::as_str))?.map(|at| By::ALL[at]);
        let open = By::ALL.into_iter().find(|by| !reader.is_withheld(by.field())).unwrap_or(By::Model);
        let top = params.parsed::<usize>("top")?.unwrap_or(TOPS[0]);
        if !TOPS.contains(&top) {
            return Err(Problem::invalid_parameter("top", "is 10, 25 or 50"));
        }
        let events = View::of(reader, &of_events(&params)?, zone, now)?;
        Ok(Self { events, what, by: by.unwrap_or(open), top })
    }

    /// The address of the page with these events.
    pub fn at(&self, events: impl Borrow<View>) -> String {
        self.address("/audit/usage", events.borrow(), None)
    }

    /// The address of one of the page's tables as CSV.
    pub fn csv(&self, table: &str) -> String {
        self.address("/audit/usage.csv", &self.events, Some(table))
    }

    pub fn showing(&self, what: What) -> String {
        Self { what, ..self.clone() }.at(&self.events)
    }

    pub fn put_together_by(&self, by: By) -> String {
        Self { by, ..self.clone() }.at(&self.events)
    }

    pub fn with_top(&self, top: usize) -> String {
        Self { top, ..self.clone() }.at(&self.events)
    }

    fn address(&self, path: &str, events: &View, table: Option<&str>) -> String {
        let href = events.without(&[]).href();
        let mut query = Serializer::new(href.split_once('?').map_or_else(String::new, |(_, q)| q.to_owned()));
        if !events.is_bounded() {
            query.append_pair("range", "all");
        }
        query.extend_pairs(self.own());
        query.extend_pairs(table.map(|table| ("table", table)));
        format!("{path}?{}", query.finish())
    }

    /// The page's own parameters, for forms.
    pub fn own(&self) -> [(&'static str, String); 3] {
        [
            ("show", self.what.as_str().to_owned()),
            ("by", self.by.as_str().to_owned()),
            ("top", self.top.to_string()),
        ]
    }

    /// The address of the calls that the page counts.
    pub fn calls(&self) -> View {
        // One that is chosen already holds as well.
        if self.events.first("action").is_none() {
            return self.events.with("action", CALL);
        }
        let call = Test::Equals { field: Field::Action, value: CALL.to_owned() };
        narrowed(&self.events, &Filter::Test(call))
    }

    /// The address of a group's calls, in a span of time.
    pub fn of_group(&self, key: Option<&str>, span: Option<TimeRange>) -> Result<String> {
        let view = self.within(span);
        Ok(match key {
            Some(key) => view.with(self.by.as_str(), key).href(),
            None => narrowed(&view, &self.by.is(None)?).href(),
        })
    }

    /// The address of the calls that are in none of these groups.
    pub fn of_rest<'a>(
        &self,
        keys: impl Iterator<Item = Option<&'a str>>,
        span: Option<TimeRange>,
    ) -> Result<String> {
        let one_of = Filter::any_of(keys.map(|key| self.by.is(key)).collect::<Result<_>>()?);
        Ok(narrowed(&self.within(span), &one_of.negate()).href())
    }

    /// The address of the calls that have no cost.
    pub fn of_unpriced(&self) -> String {
        narrowed(&self.calls(), &Filter::Test(Test::Exists(Field::CostUsd)).negate()).href()
    }

    /// The calls in a span of time.
    pub fn within(&self, span: Option<TimeRange>) -> View {
        match span {
            Some(span) => self.calls().between(span.from, span.to),
            None => self.calls(),
        }
    }

    /// The time before that is comparable: the same part of the day, month or span before.
    pub fn before(&self, span: TimeRange) -> Option<TimeRange> {
        if !self.events.is_bounded() {
            return None;
        }
        let length = span.to.as_micros().saturating_sub(span.from.as_micros());
        let from = jiff::Timestamp::from_microsecond(span.from.as_micros()).ok()?;
        let local = from.to_zoned(self.events.zone().clone());
        let earlier = match self.events.preset() {
            Some("today") => local.checked_sub(1.day()).ok()?.timestamp(),
            Some("this-month" | "last-month") => local.checked_sub(1.month()).ok()?.timestamp(),
            _ => jiff::Timestamp::from_microsecond(span.from.as_micros().checked_sub(length)?).ok()?,
        };
        let earlier = earlier.as_microsecond();
        let to = match self.events.preset() {
            // Months differ in length: all of the one before.
            Some("last-month") => span.from.as_micros(),
            _ => earlier.checked_add(length)?.min(span.from.as_micros()),
        };
        Some(TimeRange { from: Timestamp::from_micros(earlier), to: Timestamp::from_micros(to) })
    }
}

fn choice<const N: usize>(params: &Params<'_>, name: &str, choices: [&str; N]) -> Result<Option<usize>> {
    let Some(given) = params.one(name)? else { return Ok(None) };
    match choices.iter().position(|choice| *choice == given) {
        Some(at) => Ok(Some(at)),
        None => Err(Problem::invalid_parameter(name, format!("is one of {}", choices.join(", ")))),
    }
}

/// The address of the events' page that shows what this one counts.
fn of_events(params: &Params<'_>) -> Result<Uri> {
    let mut query = Serializer::new(String::new());
    let mut is_bounded = false;
    for (name, value) in
        params.pairs().filter(|(name, value)| !OWN.contains(name) && !value.trim().is_empty())
    {
        is_bounded |= ["range", "from", "to"].contains(&name);
        if (name, value) != ("range", "all") {
            query.append_pair(name, value);
        }
    }
    if !is_bounded {
        query.append_pair("range", DEFAULT_RANGE);
    }
    Uri::try_from(format!("/audit?{}", query.finish())).map_err(Problem::internal)
}

/// The view with one more condition in its query box.
fn narrowed(view: &View, condition: &Filter) -> View {
    match view.first("q") {
        Some(query) => view.with("q", &format!("({query}) {condition}")),
        None => view.with("q", &condition.to_string()),
    }
}
