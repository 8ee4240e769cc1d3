//! What an export is asked to hold, and by whom: from a request to a row and back.

use audit_control::{Export as Stored, ExportState};
use audit_event::{Event, Group, GroupSet, Timestamp};
use audit_query::Filter;
use audit_query::export::{Columns, Export, Format};
use audit_query::params::Request as Question;
use audit_query::question::{Count, List, Order, TimeRange};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;

/// Characters of a name.
const NAME_CHARS: usize = 100;
/// Threads that read and render one export, besides its own.
const RENDER_THREADS: usize = 1;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// The caller's id.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// What they may see, in words; empty for all.
    pub sees: String,
    /// `audit.exported`, done by them.
    pub did: Event<'static>,
    /// The same as JSON, for later.
    pub author: String,
}

/// An export as asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    name: String,
    format: Format,
    columns: Option<Columns>,
    /// What was asked for.
    filter: Filter,
    /// What the asker may see of it.
    scope: Filter,
    withheld: GroupSet,
    range: TimeRange,
    order: Order,
    bom: bool,
}

/// A [`Wish`] in its row.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Names of groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<String>,
    from: i64,
    to: i64,
    oldest_first: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<String>,
    #[serde(default)]
    bom: bool,
}

impl Wish {
    /// Of what a reader asks, under that name or one that says the days.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] for a name that is none; [`Code::InvalidFilter`] for a filter too long to be kept;
    /// [`Code::FieldWithheld`] for one that asks about what the reader does not see.
    pub fn new(question: &Question, name: Option<&str>, reader: &Reader) -> Result<Self> {
        reader.check(&question.filter)?;
        let filter = question.filter.clone().simplify();
        // What cannot be read again could not be gone on with.
        if Filter::parse(&filter.to_string()).is_ok_and(|again| again.simplify() == filter) {
            let name = match name.map(str::trim).filter(|name| !name.is_empty()) {
                Some(name) => checked_name(name)?,
                None => default_name(question.range, &question.tz),
            };
            return Ok(Self {
                name,
                format: question.format.unwrap_or_default(),
                columns: question.fields.clone(),
                filter,
                scope: reader.scope().clone().simplify(),
                withheld: reader.withheld(),
                range: question.range,
                order: question.order,
                bom: question.bom,
            });
        }
        Err(Problem::new(Code::InvalidFilter, "the filter is too long to be kept; make it shorter"))
    }

    /// The wish that a row holds.
    ///
    /// # Errors
    /// [`Code::Internal`] when the row was not written by us.
    pub fn of_row(export: &Stored) -> Result<Self> {
        let row: Row = serde_json::from_str(&export.question).map_err(Problem::internal)?;
        let columns = row.fields.as_deref().map(Columns::parse).transpose().map_err(Problem::internal)?;
        Ok(Self {
            name: export.name.clone(),
            format: Format::from_name(&export.format)
                .ok_or_else(|| Problem::internal("an export of no format we have"))?,
            columns,
            filter: filter(&row.filter)?,
            scope: row.scope.as_deref().map_or(Ok(Filter::All), filter)?,
            withheld: groups(&row.withheld)?,
            range: TimeRange { from: Timestamp::from_micros(row.from), to: Timestamp::from_micros(row.to) },
            order: if row.oldest_first { Order::OldestFirst } else { Order::NewestFirst },
            bom: row.bom,
        })
    }

    /// The row of an export that begins now.
    ///
    /// # Errors
    /// [`Code::Internal`] when the system gives no random bytes.
    pub fn to_export(&self, asker: &Asker, (tree_size, total): (u64, u64), now: Timestamp) -> Result<Stored> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(Problem::internal)?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = format!("exp_{digits}");
        let row = Row {
            filter: self.filter.to_string(),
            scope: Some(&self.scope).filter(|scope| **scope != Filter::All).map(ToString::to_string),
            withheld: names(self.withheld),
            from: self.range.from.as_micros(),
            to: self.range.to.as_micros(),
            oldest_first: self.order == Order::OldestFirst,
            fields: self.fields(),
            bom: self.bom,
        };
        Ok(Stored {
            event_id: format!("{id}.end"),
            id,
            name: self.name.clone(),
            state: ExportState::Queued,
            format: self.format.name().to_owned(),
            owner: asker.id.clone(),
            owner_name: asker.name.clone(),
            scope: asker.sees.clone(),
            author: asker.author.clone(),
            question: serde_json::to_string(&row).map_err(Problem::internal)?,
            tree_size,
            total,
            created: now,
            ended: None,
            rows: 0,
            bytes: 0,
            position: None,
            sha256: None,
            ends: None,
            reason: None,
            recorded: false,
        })
    }

    /// The export that makes the file.
    pub fn export(&self) -> Export {
        Export {
            format: self.format,
            columns: self.columns.clone(),
            filter: self.visible(),
            range: self.range,
            order: self.order,
            bom: self.bom,
            withheld: self.withheld,
            threads: RENDER_THREADS,
        }
    }

    /// What was asked for, as far as the asker may see it.
    fn visible(&self) -> Filter {
        Filter::all_of(vec![self.scope.clone(), self.filter.clone().looking_past(self.withheld)])
    }

    /// How many events there are at that size.
    pub fn count(&self, tree_size: u64) -> Count {
        Count { filter: self.visible(), range: self.range, snapshot: Some(tree_size) }
    }

    /// The first events in that order.
    pub fn first(&self, limit: usize, order: Order, tree_size: u64) -> List {
        List {
            filter: self.visible(),
            range: self.range,
            order,
            limit,
            after: None,
            snapshot: Some(tree_size),
            count: false,
        }
    }

    /// What the file is called, without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// In which order.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The chosen columns by name, if any were chosen.
    pub fn fields(&self) -> Option<String> {
        self.columns.as_ref().map(|columns| columns.names().collect::<Vec<_>>().join(","))
    }

    /// The filter in the query language; `*` for all.
    pub fn filter(&self) -> String {
        self.filter.to_string()
    }

    /// From when to when, where there is an end.
    pub fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let TimeRange { from, to } = self.range;
        (Some(from).filter(|from| *from > Timestamp::MIN), Some(to).filter(|to| *to < Timestamp::MAX))
    }
}

/// What a reader sees, in words; empty for all.
pub(crate) fn seen_by(reader: &Reader) -> String {
    let scope = Some(reader.scope()).filter(|scope| **scope != Filter::All).map(ToString::to_string);
    let withheld = names(reader.withheld());
    let without = (!withheld.is_empty()).then(|| format!("without {}", withheld.join(", ")));
    scope.into_iter().chain(without).collect::<Vec<_>>().join(" ")
}

fn names(groups: GroupSet) -> Vec<String> {
    Group::ALL
        .iter()
        .filter(|group| groups.contains(**group))
        .map(|group| group.as_str().to_owned())
        .collect()
}

fn groups(names: &[String]) -> Result<GroupSet> {
    let mut groups = GroupSet::EMPTY;
    for name in names {
        groups.insert(name.parse().map_err(Problem::internal)?);
    }
    Ok(groups)
}

fn filter(text: &str) -> Result<Filter> {
    Filter::parse(text).map(Filter::simplify).map_err(Problem::internal)
}

/// The name of a finished export's file.
pub(crate) fn file_name(export: &Stored) -> String {
    format!("{}.{}", export.name, export.format)
}

/// A name for a file, without its ending.
///
/// # Errors
/// [`Code::InvalidParameter`] for what is none.
pub(crate) fn checked_name(name: &str) -> Result<String> {
    let is_bad = |c: char| is_unseen(c) || matches!(c, '/' | '\\' | '"' | ':' | '*' | '?' | '<' | '>' | '|');
    if name.chars().count() <= NAME_CHARS && !name.contains(is_bad) && !name.starts_with('.') {
        return Ok(name.to_owned());
    }
    let advice = format!(
        "names a file: at most {NAME_CHARS} characters, none of / \\ \" : * ? < > | and none that is invisible, no dot in front"
    );
    Err(Problem::invalid_parameter("name", advice))
}

/// Whether a character shows nothing by itself: control characters, and those that join or turn what is beside them
/// (Unicode's format characters of general use), with which a file could look as if its name ended otherwise.
fn is_unseen(c: char) -> bool {
    let is_format = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
    c.is_control() || is_format || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// A name that says the days of the range in a time zone, where it has any.
pub(crate) fn default_name(range: TimeRange, zone: &TimeZone) -> String {
    let day = |time: Timestamp| {
        let local = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?.to_zoned(zone.clone());
        Some(local.date().to_string())
    };
    let from = Some(range.from).filter(|from| *from > Timestamp::MIN).and_then(day);
    // The range ends before `to`.
    let last = Timestamp::from_micros(range.to.as_micros().saturating_sub(1));
    let to = Some(last).filter(|_| range.to < Timestamp::MAX).and_then(day);
    let days: String = [from, to].into_iter().flatten().map(|day| format!("-{day}")).collect();
    format!("audit-export{days}")
}

#[cfg(test)]
mod tests;
