//! The state of the events page: which events, and where in the list. All of it is in the address.

use audit_event::Timestamp;
use audit_query::params::Request as Question;
use audit_query::question::TimeRange;
use form_urlencoded::{Serializer, byte_serialize};
use http::Uri;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

use super::columns::Columns;
use crate::endpoints::pages::time::{Time, to_the_minute};
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::router::PREFIXES;

/// The parameter that names a preset.
const RANGE: &str = "range";
/// The parameter with the time from which a preset counts: later pages speak of the same time as the first.
const AT: &str = "at";
/// The parameter that says which saved view is open; what it asks stands in the address beside it.
const VIEW: &str = "view";
/// The parameter that chooses columns.
const COLUMNS: &str = "columns";
/// Parameters that say how events are shown, not which.
const LOOK: [&str; 2] = [VIEW, COLUMNS];
/// The parameter that asks for complete counts, however long they take.
const COUNTS: &str = "counts";
/// Parameters that say where in the list one is and how it is counted; a changed filter begins at the top.
const PLACE: [&str; 3] = [AT, "page_token", COUNTS];
/// Parameters about time.
const TIME: [&str; 4] = [RANGE, "from", "to", "tz"];

/// Ranges to choose with one click: name in the address, and on the page.
const PRESETS: [(&str, &str); 7] = [
    ("today", "Today"),
    ("24h", "24 hours"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("this-month", "This month"),
    ("last-month", "Last month"),
];

/// What the address says.
#[derive(Debug, Clone)]
pub(crate) struct View {
    reader: Reader,
    /// The page's path.
    path: &'static str,
    pairs: Vec<(String, String)>,
    at: Timestamp,
    zone: TimeZone,
}

impl View {
    /// Reads an address. Empty parameters, which a form sends for what was left blank, do not count.
    pub fn of(reader: &Reader, uri: &Uri, zone: Option<&TimeZone>, now: Timestamp) -> Result<Self> {
        let params = Params::any(uri.query());
        let pairs = params.pairs().filter(|(_, value)| !value.trim().is_empty());
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        let at = match params.one(AT)? {
            Some(at) => Timestamp::parse_rfc3339(at)
                .map_err(|_| Problem::invalid_parameter(AT, "is a time such as 2026-03-01T08:00:00Z"))?,
            None => now,
        };
        let zone = zone.cloned().unwrap_or(TimeZone::UTC);
        Ok(Self { reader: reader.clone(), path: "/audit", pairs, at, zone })
    }

    /// The same on another page.
    pub fn at_page(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// Which events the view shows: those that its address speaks of and its reader may see.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn question(&self) -> Result<Question> {
        self.question_about(&[], "", &[])
    }

    /// [`View::question`] of a page that has parameters of its own, and asks for one of these values of a field besides.
    ///
    /// # Errors
    /// As [`View::question`].
    pub fn question_about(&self, own: &[&str], field: &str, values: &[&str]) -> Result<Question> {
        let is_no_condition =
            |name: &str| [RANGE, AT, COUNTS].contains(&name) || LOOK.contains(&name) || own.contains(&name);
        let asked = self.pairs.iter().filter(|(name, _)| !is_no_condition(name)).cloned();
        let besides = values.iter().map(|value| (field.to_owned(), (*value).to_owned()));
        let mut pairs: Vec<(String, String)> = asked.chain(besides).collect();
        if let Some(range) = self.preset() {
            let (from, to) = self.bounds(range)?;
            pairs.push(("from".to_owned(), from));
            pairs.extend(to.map(|to| ("to".to_owned(), to)));
        }
        if !self.has("tz")
            && let Some(name) = self.zone.iana_name()
        {
            pairs.push(("tz".to_owned(), name.to_owned()));
        }
        let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        question::of_pairs(&self.reader, pairs, Some(self.at))
    }

    /// From when to when a preset lasts, as parameters.
    fn bounds(&self, preset: &str) -> Result<(String, Option<String>)> {
        let now = jiff::Timestamp::from_microsecond(self.at.as_micros()).map_err(Problem::internal)?;
        let today = now.to_zoned(self.zone.clone()).date();
        // What claims to be of later would stand above everything else.
        let to_now = Some(after(self.at).to_string());
        let month = |date: jiff::civil::Date| date.strftime("%Y-%m").to_string();
        Ok(match preset {
            "today" => ("today".to_owned(), to_now),
            "24h" | "7d" | "30d" | "90d" => (format!("-{preset}"), to_now),
            "this-month" => (month(today), to_now),
            "last-month" => {
                let last = month(today.first_of_month().saturating_sub(1.day()));
                (last.clone(), Some(last))
            }
            _ => {
                let names: Vec<_> = PRESETS.iter().map(|(name, _)| *name).collect();
                return Err(Problem::invalid_parameter(RANGE, format!("is one of {}", names.join(", "))));
            }
        })
    }

    /// The columns to show.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn columns(&self) -> Result<Columns> {
        let chosen = self.pairs.iter().filter(|(name, _)| name == COLUMNS);
        Columns::parse(chosen.map(|(_, value)| value.as_str()))
    }

    /// The saved view that is open.
    pub fn named(&self) -> Option<&str> {
        self.first(VIEW)
    }

    /// What a saved view keeps of this: all but the place in the list.
    pub fn to_save(&self) -> String {
        let top = self.without(&[VIEW]);
        Serializer::new(String::new()).extend_pairs(&top.pairs).finish()
    }

    /// The preset in force.
    pub fn preset(&self) -> Option<&str> {
        self.first(RANGE)
    }

    /// A parameter's first value.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Whether the parameter has this value among its values.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.pairs.iter().any(|(key, given)| key == name && given == value)
    }

    /// Whether anything is asked for but a time.
    pub fn is_filtered(&self) -> bool {
        self.filters().next().is_some()
    }

    /// A parameter's value for a field of a form.
    pub fn value(&self, name: &str) -> &str {
        self.first(name).unwrap_or_default()
    }

    /// The range in force when it is none of the presets.
    pub fn custom(&self) -> Option<String> {
        if !self.has("from") && !self.has("to") {
            return None;
        }
        let TimeRange { from, to } = self.question().ok()?.range;
        let shown = |time| to_the_minute(time, &self.zone);
        Some(match (from > Timestamp::MIN, to < Timestamp::MAX) {
            (true, true) => format!("{} – {}", shown(from), shown(to)),
            (true, false) => format!("since {}", shown(from)),
            _ => format!("until {}", shown(to)),
        })
    }

    /// The filter in the query box's language, and the ends of its time, for a reader of a printed page.
    pub fn described(&self) -> (String, Option<Time>, Option<Time>) {
        let Ok(question) = self.question() else { return ("*".to_owned(), None, None) };
        let TimeRange { from, to } = question.range;
        let time = |time| Time::of(time, &self.zone);
        let from = Some(from).filter(|from| *from > Timestamp::MIN).map(time);
        let to = Some(to).filter(|to| *to < Timestamp::MAX).map(time);
        (question.filter.to_string(), from, to)
    }

    /// When the page was made.
    pub fn made(&self) -> Time {
        Time::of(self.at, &self.zone)
    }

    /// Where a range of one's own begins and ends, for the fields of a form whose times are in `zone`.
    pub fn ends(&self, zone: &str) -> (Option<String>, Option<String>) {
        let (Ok(question), Ok(zone)) = (self.question(), TimeZone::get(zone)) else { return (None, None) };
        let local = |time: Timestamp| {
            let time = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?.to_zoned(zone.clone());
            Some(time.strftime("%Y-%m-%dT%H:%M").to_string())
        };
        let TimeRange { from, to } = question.range;
        let from = Some(from).filter(|from| self.is_bounded() && *from > Timestamp::MIN).and_then(local);
        (from, Some(to).filter(|to| self.has("to") && *to < Timestamp::MAX).and_then(local))
    }

    /// Whether there is any bound on the time.
    pub fn is_bounded(&self) -> bool {
        [RANGE, "from", "to"].iter().any(|name| self.has(name))
    }

    /// Whether this is not the top of the list.
    pub fn is_continued(&self) -> bool {
        self.has("page_token")
    }

    /// The conditions, without time and place.
    pub fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let is_condition = |name: &str| {
            !PLACE.contains(&name) && !TIME.contains(&name) && !LOOK.contains(&name) && name != "order"
        };
        pairs.filter(move |(name, _)| is_condition(name))
    }

    /// What a form has to send along that asks for `own` itself.
    pub fn others(&self, own: &[&str]) -> Vec<(&str, &str)> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !PLACE.contains(name) && !own.contains(name)).collect()
    }

    /// This view from its top, without these parameters.
    pub fn without(&self, names: &[&str]) -> Self {
        let mut view = self.clone();
        view.pairs.retain(|(name, _)| !names.contains(&name.as_str()) && !PLACE.contains(&name.as_str()));
        view
    }

    /// This view from its top, with the parameter's values replaced by this one.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut view = self.without(&[name]);
        view.pairs.push((name.to_owned(), value.to_owned()));
        view
    }

    /// This view from its top, with this value among the parameter's or, if it was, not any more.
    pub fn toggled(&self, name: &str, value: &str) -> Self {
        let mut view = self.without(&[]);
        view.pairs.retain(|(key, given)| !(key == name && given == value));
        if view.pairs.len() == self.without(&[]).pairs.len() {
            view.pairs.push((name.to_owned(), value.to_owned()));
        }
        view
    }

    /// This view from its top, without a bound on the time.
    pub fn of_all_time(&self) -> Self {
        self.without(&TIME)
    }

    /// This view from its top, in this preset's time.
    pub fn in_preset(&self, preset: &str) -> Self {
        self.of_all_time().with(RANGE, preset)
    }

    /// Whether it shows what there is until now: it has no end, or a preset's.
    pub fn ends_now(&self) -> bool {
        !self.has("to") && self.preset() != Some("last-month")
    }

    /// This view from its top, from an instant on.
    pub fn since(&self, from: Timestamp) -> Self {
        self.of_all_time().with("from", &short(from))
    }

    /// This view from its top, between two instants.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Self {
        self.of_all_time().with("from", &short(from)).with("to", &short(to))
    }

    /// This view from its top, with nothing asked for but the time.
    pub fn without_filters(&self) -> Self {
        let names: Vec<String> = self.filters().map(|(name, _)| name.to_owned()).collect();
        self.without(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// This view with everything counted.
    pub fn counted(&self) -> Self {
        let mut view = self.clone();
        view.pairs.retain(|(name, _)| name != COUNTS);
        view.pairs.push((COUNTS.to_owned(), "all".to_owned()));
        view
    }

    /// Whether everything is to be counted, however long it takes.
    pub fn counts_all(&self) -> bool {
        self.is(COUNTS, "all")
    }

    /// Its address.
    pub fn href(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.pairs);
        address(self.path, &query.finish())
    }

    /// The address of the page that this token stands for.
    pub fn older(&self, token: &str) -> String {
        let mut top = self.without(&[]);
        if top.preset().is_some() {
            top.pairs.push((AT.to_owned(), self.at.to_string()));
        }
        let href = top.href();
        let joint = if href.contains('?') { '&' } else { '?' };
        format!("{href}{joint}page_token={}", byte_serialize(token.as_bytes()).collect::<String>())
    }

    /// The address of the interface for programs that gives the same events, and those yet to come.
    pub fn of_api(&self, question: &Question) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.filters());
        if question.range.from > Timestamp::MIN {
            query.append_pair("from", &question.range.from.to_string());
        }
        if question.range.to < Timestamp::MAX {
            query.append_pair("to", &question.range.to.to_string());
        }
        // Files are named by the reader's days.
        if let Some(zone) = question.tz.iana_name().filter(|zone| *zone != "UTC") {
            query.append_pair("tz", zone);
        }
        address(PREFIXES[0], &query.finish())
    }

    /// The address of the stream of those yet to come.
    pub fn of_stream(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.filters());
        address(&format!("{}/stream", PREFIXES[0]), &query.finish())
    }

    /// Whose view it is.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The ranges to choose with one click.
    pub fn presets(&self) -> &'static [(&'static str, &'static str)] {
        &PRESETS
    }

    /// The time zone in which days are meant.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The time from which presets count.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

fn address(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The first instant that is later.
pub(crate) fn after(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().saturating_add(1)).min(Timestamp::MAX)
}

/// Without fractions of a second that are zero.
fn short(time: Timestamp) -> String {
    time.to_string().replace(".000000Z", "Z")
}

#[cfg(test)]
mod tests;
