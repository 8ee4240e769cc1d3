//! What is asked about people: which time, which list, which of them, in which order, which page. All of it is in the
//! address, the same for the page and for programs.

use audit_event::Timestamp;
use audit_query::question::TimeRange;
use form_urlencoded::Serializer;
use http::Uri;
use jiff::tz::TimeZone;

use super::columns::Column;
use crate::endpoints::pages::events::view::View;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::reader::Reader;

/// Parameters about time; [`View`] reads them.
const TIME: [&str; 5] = ["range", "from", "to", "tz", "at"];
/// The others.
const OWN: [&str; 7] = ["list", "find", "sort", "order", "page", "limit", "format"];
/// Lines of a page, and the most of them.
pub(crate) const LINES: usize = 50;
const MOST_LINES: usize = 10_000;

/// The lists there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Who did something, or whose sign-in failed.
    People,
    /// Names tried at sign-in that belong to nobody.
    Tried,
    /// Accounts without activity.
    Idle,
    /// Activity without account.
    Gone,
}

impl List {
    /// With their names in the address.
    pub const ALL: [(&'static str, Self); 4] =
        [("people", Self::People), ("tried", Self::Tried), ("idle", Self::Idle), ("gone", Self::Gone)];

    /// Its name in the address.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, list)| *list == self).map_or("people", |(name, _)| name)
    }

    /// What a file of it is called.
    pub fn file_name(self) -> String {
        match self {
            Self::People => "people.csv".to_owned(),
            list => format!("people-{}.csv", list.name()),
        }
    }
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
}

/// The question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The time, as the events' page takes it.
    time: View,
    pub range: TimeRange,
    pub zone: TimeZone,
    pub list: List,
    /// Words that must be in a person's name, addresses, id, role or department.
    pub find: String,
    pub sort: Column,
    pub descending: bool,
    /// Counted from 1.
    pub page: usize,
    pub limit: usize,
    pub format: Format,
    /// All parameters but those of the place in the list.
    pairs: Vec<(String, String)>,
    path: &'static str,
}

impl Asked {
    /// Reads an address; `zone` is the reader's when the address names none, `path` where links lead.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn of(
        reader: &Reader,
        uri: &Uri,
        path: &'static str,
        zone: Option<&TimeZone>,
        now: Timestamp,
    ) -> Result<Self> {
        let params = Params::parse(uri.query(), &[&TIME, &OWN])?;
        let named = match params.one("tz")? {
            // An offset or a name that is none is refused with the time below.
            Some(name) => TimeZone::get(name).ok(),
            None => None,
        };
        let zone = named.as_ref().or(zone);
        let time = View::of(reader, &only(&params, &TIME)?, zone, now)?;
        let question = time.question()?;
        let list = params.word("list", &List::ALL)?.unwrap_or(List::People);
        let words = Column::words();
        let sort = params.word("sort", &words)?.unwrap_or(Column::of_list(list));
        let order = params.word("order", &[("asc", false), ("desc", true)])?;
        let format = params.word("format", &[("json", Format::Json), ("csv", Format::Csv)])?;
        let pairs = params.pairs().filter(|(name, value)| *name != "page" && !value.trim().is_empty());
        Ok(Self {
            range: question.range,
            zone: question.tz,
            list,
            find: params.one("find")?.unwrap_or_default().trim().to_owned(),
            sort,
            descending: order.unwrap_or(sort.is_descending()),
            page: number(&params, "page", usize::MAX)?.unwrap_or(1),
            limit: number(&params, "limit", MOST_LINES)?.unwrap_or(LINES),
            format: format.unwrap_or(Format::Json),
            pairs: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            path,
            time,
        })
    }

    /// The same between two instants.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Self {
        Self { range: TimeRange { from, to }, time: self.time.between(from, to), ..self.clone() }
    }

    /// When the range ends: now, where it does not end before.
    pub fn end(&self) -> Timestamp {
        self.range.to.min(self.time.at())
    }

    /// Whether everything that ever happened counts.
    pub fn is_of_all_time(&self) -> bool {
        self.range == TimeRange::ALL
    }

    /// The time as pages choose it.
    pub fn time(&self) -> &View {
        &self.time
    }

    /// The name of the zone in which days are meant.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// A parameter's value as it was given.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The address of this question with these parameters instead; an empty value takes a parameter away. It begins at
    /// the first page.
    pub fn with(&self, changes: &[(&str, &str)]) -> String {
        let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
        let kept = self.pairs.iter().filter(|(name, _)| !is_changed(name));
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let added = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(kept.chain(added)).finish();
        if query.is_empty() { self.path.to_owned() } else { format!("{}?{query}", self.path) }
    }

    /// The address of another page of this list. It speaks of the same time.
    pub fn on_page(&self, page: usize) -> String {
        let page = page.to_string();
        let at = self.time.at().to_string();
        match self.given("range") {
            Some(_) => self.with(&[("at", &at), ("page", &page)]),
            None => self.with(&[("page", &page)]),
        }
    }

    /// The same lines for programs, at `path`: all of them, with the time told exactly.
    pub fn of_api(&self, path: &str, format: &str) -> String {
        let mut query = Serializer::new(String::new());
        for name in ["list", "find", "sort", "order"] {
            query.extend_pairs(self.given(name).map(|value| (name, value)));
        }
        if self.range.from > Timestamp::MIN {
            query.append_pair("from", &self.range.from.to_string());
        }
        if self.range.to < Timestamp::MAX {
            query.append_pair("to", &self.range.to.to_string());
        }
        query.append_pair("format", format);
        format!("{path}?{}", query.finish())
    }

    /// What a form has to send along that asks for `own` itself.
    pub fn others(&self, own: &[&str]) -> Vec<(&str, &str)> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !own.contains(name) && *name != "at").collect()
    }

    /// The address of the list of events in the same time, with these filters.
    pub fn events(&self, filters: &[(&str, &str)]) -> String {
        let begun = self.time.without(&[]);
        filters.iter().fold(begun, |view, (name, value)| view.with(name, value)).href()
    }
}

/// An address with nothing but these parameters.
fn only(params: &Params<'_>, names: &[&str]) -> Result<Uri> {
    let kept = params.pairs().filter(|(name, _)| names.contains(name));
    let query = Serializer::new(String::new()).extend_pairs(kept).finish();
    Uri::try_from(format!("/audit?{query}")).map_err(Problem::internal)
}

fn number(params: &Params<'_>, name: &str, most: usize) -> Result<Option<usize>> {
    match params.parsed::<usize>(name)? {
        Some(number) if number == 0 || number > most => {
            Err(Problem::invalid_parameter(name, format!("is a number from 1 to {most}")))
        }
        number => Ok(number),
    }
}
