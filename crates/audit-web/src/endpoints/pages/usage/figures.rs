//! What is counted, and the questions that count it.

use std::collections::HashMap;

use audit_query::filter::{Field, Filter};
use audit_query::question::{
    Answers, Bucket, Budget, Group, GroupKey, Key, Measure, NumberField, Table, TableRow, TimeRange, Value,
};
use jiff::tz::TimeZone;

use super::view::{By, What};
use crate::endpoints::pages::chart::SERIES;
use crate::endpoints::pages::units::Units;
use crate::problem::{Problem, Result};

/// The action of a model call.
pub(super) use crate::endpoints::people::seen::MODEL_CALL as CALL;
/// Groups that are told apart at all; the rest is in the others.
const GROUPS: usize = 2_000;
/// Groups over time: spans times series. Spans may lie in all the years that there are.
const CELLS: usize = 1_000_000;

/// What some calls amount to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Amounts {
    pub calls: u64,
    pub input: u64,
    pub output: u64,
    /// US dollars of those calls that have a cost.
    pub cost: f64,
    /// Calls that have one.
    pub priced: u64,
    /// Milliseconds of those calls that were timed.
    latency: f64,
    timed: u64,
    /// Chats that called a model.
    pub chats: u64,
}

impl Amounts {
    fn of(row: &TableRow) -> Self {
        let whole = |at: usize| match row.values.get(at) {
            Some(Value::Whole(number)) => *number,
            _ => 0,
        };
        let fraction = |at: usize| row.values.get(at).map_or(0.0, Value::as_f64);
        Self {
            calls: whole(1),
            input: whole(2),
            output: whole(3),
            cost: fraction(4),
            priced: whole(5),
            latency: fraction(6),
            timed: whole(7),
            chats: whole(8).saturating_sub(whole(9)),
        }
    }

    /// So many calls of which nothing else is known.
    #[cfg(test)]
    pub fn of_calls(calls: u64) -> Self {
        Self { calls, ..Self::default() }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.input += other.input;
        self.output += other.output;
        self.cost += other.cost;
        self.priced += other.priced;
        self.latency += other.latency;
        self.timed += other.timed;
        self.chats += other.chats;
    }

    /// Calls whose cost nobody knows.
    pub fn unpriced(&self) -> u64 {
        self.calls.saturating_sub(self.priced)
    }

    /// The amount as a picture shows it; `None` where it is not known, which is not zero.
    #[expect(clippy::cast_precision_loss, reason = "for pictures and averages")]
    pub fn of_what(&self, what: What) -> Option<f64> {
        match what {
            What::Tokens => Some((self.input + self.output) as f64),
            What::Input => Some(self.input as f64),
            What::Output => Some(self.output as f64),
            What::Cost => (self.priced > 0 || self.calls == 0).then_some(self.cost),
            What::Calls => Some(self.calls as f64),
            What::Conversations => Some(self.chats as f64),
            What::Latency => (self.timed > 0).then(|| self.latency / self.timed as f64),
        }
    }
}

/// Which calls are counted how.
pub(super) struct Asked<'a, A> {
    pub index: &'a A,
    pub budget: &'a Budget,
    /// The reader's events that fulfil the page's filters.
    pub filter: Filter,
    pub what: What,
    pub by: By,
    /// How many groups are shown by name.
    pub top: usize,
    pub bucket: Bucket,
    pub zone: TimeZone,
    /// The time that is drawn, with both ends.
    pub span: TimeRange,
    /// Which events exist for all that is asked, so that parts and total agree.
    pub snapshot: u64,
    /// Whether the reader may ask which chat a call was of.
    pub knows_chats: bool,
}

/// All that the page shows.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub total: Amounts,
    /// The same of the time before, if it is known which that is.
    pub before: Option<Amounts>,
    /// The largest first.
    pub top: Vec<Row>,
    /// All others together, and how many they are.
    pub rest: Option<(Row, u64)>,
    /// The series of the chart over time: the first of the largest.
    pub series: Vec<Row>,
    /// The bars of the charts.
    pub units: Option<Units>,
    /// Amounts by series (the others last) and place among the units.
    pub over_time: HashMap<(usize, usize), Amounts>,
    /// Amounts of all series by place among the units.
    pub by_span: HashMap<usize, Amounts>,
    pub has_rest_over_time: bool,
}

/// A group.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// `None` for the calls without such a thing.
    pub key: Option<String>,
    pub now: Amounts,
    pub before: Option<Amounts>,
}

impl Figures {
    /// All that a series of the chart over time amounts to.
    pub fn sum_of(&self, series: usize) -> Amounts {
        let mut sum = Amounts::default();
        self.over_time.iter().filter(|((at, _), _)| *at == series).for_each(|(_, part)| sum.add(part));
        sum
    }
}

impl<A: Answers> Asked<'_, A> {
    /// Asks everything.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn ask(&self, range: TimeRange, before: Option<TimeRange>) -> Result<Figures> {
        let mut rows = self.groups(range)?;
        let known: HashMap<String, Amounts> = match before {
            Some(before) => self.groups(before)?.into_iter().map(|row| (folded(&row.key), row.now)).collect(),
            None => HashMap::new(),
        };
        for row in &mut rows {
            row.before = before.map(|_| known.get(&folded(&row.key)).copied().unwrap_or_default());
        }
        rows.sort_by(|a, b| self.rank(b).total_cmp(&self.rank(a)).then_with(|| a.key.cmp(&b.key)));
        let others = rows.len().saturating_sub(self.top) as u64;
        let top: Vec<Row> = rows.iter().take(self.top).cloned().collect();
        let rest = if others > 0 {
            let filter = self.without(&top)?;
            let now = self.sum(filter.clone(), range)?;
            let before = before.map(|before| self.sum(filter, before)).transpose()?;
            Some((Row { key: None, now, before }, others))
        } else {
            None
        };
        let mut figures = Figures {
            total: self.sum(Filter::All, range)?,
            before: before.map(|before| self.sum(Filter::All, before)).transpose()?,
            series: rows.iter().take(SERIES).cloned().collect(),
            has_rest_over_time: rows.len() > SERIES,
            top,
            rest,
            ..Figures::default()
        };
        self.ask_over_time(&mut figures, range)?;
        Ok(figures)
    }

    fn ask_over_time(&self, figures: &mut Figures, range: TimeRange) -> Result<()> {
        let time = GroupKey::Time { bucket: self.bucket, tz: self.zone.clone() };
        let rows = self.group(Filter::All, range, vec![time.clone()], CELLS)?.rows;
        let begin = |row: &TableRow| match row.keys.first() {
            Some(Key::Time(begin)) => Some(*begin),
            _ => None,
        };
        let units =
            Units::over(self.bucket, self.span, range, &self.zone, &rows.iter().filter_map(begin).collect());
        let place = |row: &TableRow| units.place(begin(row)?);
        for row in rows {
            if let Some(at) = place(&row) {
                figures.by_span.entry(at).or_default().add(&Amounts::of(&row));
            }
        }
        figures.units = Some(units.clone());
        if self.what == What::Latency {
            // Averages do not stand on top of each other.
            return Ok(());
        }
        let names: HashMap<String, usize> =
            figures.series.iter().enumerate().map(|(at, row)| (folded(&row.key), at)).collect();
        let chosen = self.one_of(&figures.series)?;
        let keys = vec![time.clone(), GroupKey::Field(self.by.field())];
        for row in self.group(chosen, range, keys, CELLS)?.rows {
            if let [_, key] = row.keys.as_slice()
                && let Some(at) = names.get(&folded(&text(key)))
                && let Some(span) = place(&row)
            {
                let cell = figures.over_time.entry((*at, span)).or_default();
                cell.add(&Amounts::of(&row));
            }
        }
        if figures.has_rest_over_time {
            let rest = figures.series.len();
            for row in self.group(self.without(&figures.series)?, range, vec![time], CELLS)?.rows {
                if let Some(span) = place(&row) {
                    figures.over_time.entry((rest, span)).or_default().add(&Amounts::of(&row));
                }
            }
        }
        Ok(())
    }

    fn rank(&self, row: &Row) -> f64 {
        row.now.of_what(self.what).unwrap_or(-1.0)
    }

    /// Groups that differ in letter case only are one, as they are for a filter.
    fn groups(&self, range: TimeRange) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = Vec::new();
        let mut places = HashMap::new();
        let keys = vec![GroupKey::Field(self.by.field())];
        for row in self.group(Filter::All, range, keys, GROUPS)?.rows {
            let Some(key) = row.keys.first().map(text) else { continue };
            let amounts = Amounts::of(&row);
            let place = *places.entry(folded(&key)).or_insert(rows.len());
            match rows.get_mut(place) {
                Some(known) => known.now.add(&amounts),
                None => rows.push(Row { key, now: amounts, before: None }),
            }
        }
        Ok(rows)
    }

    fn sum(&self, more: Filter, range: TimeRange) -> Result<Amounts> {
        Ok(self.group(more, range, Vec::new(), 1)?.rows.first().map(Amounts::of).unwrap_or_default())
    }

    fn group(&self, more: Filter, range: TimeRange, keys: Vec<GroupKey>, limit: usize) -> Result<Table> {
        let filter = Filter::all_of(vec![self.filter.clone(), test(Field::Action, CALL)?, more]);
        let measures = measures(self.what, self.knows_chats)?;
        Ok(self.index.group(
            &Group { filter, range, keys, measures, limit, snapshot: Some(self.snapshot) },
            self.budget,
        )?)
    }

    fn one_of(&self, rows: &[Row]) -> Result<Filter> {
        Ok(Filter::any_of(rows.iter().map(|row| self.by.is(row.key.as_deref())).collect::<Result<_>>()?))
    }

    fn without(&self, rows: &[Row]) -> Result<Filter> {
        Ok(self.one_of(rows)?.negate())
    }
}

/// The first one decides which groups are kept; the others are read by [`Amounts::of`].
fn measures(what: What, knows_chats: bool) -> Result<Vec<Measure>> {
    use NumberField as N;
    let chat = test(Field::TargetType, "chat")?;
    let both = Filter::all_of(vec![chat.clone(), test(Field::TargetType, "model")?]);
    // A call's targets are its chat, or its model and its chat: of the second kind the model is counted, too.
    let chats = || Measure::Distinct(Field::TargetId).when(chat.clone());
    let mut measures = vec![
        match what {
            What::Tokens => Measure::Sum(N::TotalTokens),
            What::Input => Measure::Sum(N::InputTokens),
            What::Output => Measure::Sum(N::OutputTokens),
            What::Cost => Measure::Sum(N::CostUsd),
            What::Conversations if knows_chats => chats(),
            What::Calls | What::Conversations | What::Latency => Measure::Count,
        },
        Measure::Count,
        Measure::Sum(N::InputTokens),
        Measure::Sum(N::OutputTokens),
        Measure::Sum(N::CostUsd),
        Measure::Count.when(test(Field::CostUsd, "*")?),
        Measure::Sum(N::LatencyMs),
        Measure::Count.when(test(Field::LatencyMs, "*")?),
    ];
    if knows_chats {
        measures.push(chats());
        measures.push(Measure::Distinct(Field::Model).when(both));
    }
    Ok(measures)
}

pub(super) fn test(field: Field, value: &str) -> Result<Filter> {
    Filter::of_field(field, value).map_err(Problem::internal)
}

fn text(key: &Key) -> Option<String> {
    match key {
        Key::Text(text) => Some(text.clone()),
        Key::Missing | Key::Time(_) => None,
    }
}

/// Letter case apart; what is missing has a key that no text has.
fn folded(key: &Option<String>) -> String {
    key.as_ref().map_or_else(|| "\0".to_owned(), |key| key.to_lowercase())
}
