//! A filter compiled for one partition or chunk of memory.
//!
//! Compiling looks each test up in the dictionaries once; after that rows are judged by their codes. What
//! [`Filter::matches`] says of an event, a predicate says of its row; `tests/oracle.rs` compares the two.

mod compile;
mod words;

use crate::Error;
use crate::columns::{ABSENT, Bits, CodeColumn, IdColumn, NumberColumn, Numbers};
use crate::filter::Test;
use crate::partition::PageSet;
use crate::rows::{Rows, row_count};
use words::WordFinder;

pub(crate) use compile::{compile, listed_targets};

/// Which rows of a [`Rows`] a filter accepts.
#[derive(Debug, Clone)]
pub(crate) enum Predicate {
    Everything,
    Nothing,
    /// The column has this code.
    Code(CodeColumn, u32),
    /// The column has one of the codes that are `true` here.
    Codes(CodeColumn, Vec<bool>),
    /// The identifier is this one; it can only be in these pages.
    Id(IdColumn, String, PageSet),
    /// There is an identifier, and as written it fulfils the test, if there is one.
    IdFulfils(IdColumn, Option<Test>),
    /// The number fulfils the test, or is there at all.
    Number(NumberSource, Option<Test>),
    /// The message fulfils the test, or is there at all.
    Message(Option<Test>),
    /// The message has the words; it can only be in these pages.
    Words(Box<WordFinder>, PageSet),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
}

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberSource {
    Column(NumberColumn),
    /// Input and output tokens together; absent when both are.
    TotalTokens,
}

impl Predicate {
    /// All of `parts`, the cheaper ones first.
    pub(crate) fn all_of(parts: impl IntoIterator<Item = Predicate>) -> Predicate {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Predicate::Everything => {}
                Predicate::Nothing => return Predicate::Nothing,
                Predicate::And(inner) => kept.extend(inner),
                part => kept.push(part),
            }
        }
        kept.sort_by_key(Predicate::cost);
        match kept.len() {
            0 => Predicate::Everything,
            1 => kept.remove(0),
            _ => Predicate::And(kept),
        }
    }

    /// At least one of `parts`, the cheaper ones first.
    fn any_of(parts: impl IntoIterator<Item = Predicate>) -> Predicate {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Predicate::Nothing => {}
                Predicate::Everything => return Predicate::Everything,
                Predicate::Or(inner) => kept.extend(inner),
                part => kept.push(part),
            }
        }
        kept.sort_by_key(Predicate::cost);
        match kept.len() {
            0 => Predicate::Nothing,
            1 => kept.remove(0),
            _ => Predicate::Or(kept),
        }
    }

    fn negated(self) -> Predicate {
        match self {
            Predicate::Everything => Predicate::Nothing,
            Predicate::Nothing => Predicate::Everything,
            Predicate::Not(inner) => *inner,
            other => Predicate::Not(Box::new(other)),
        }
    }

    /// The rows that have a value in the column.
    fn present(column: CodeColumn) -> Predicate {
        Predicate::Code(column, ABSENT).negated()
    }

    /// How much a row costs, roughly: whole numbers compare faster than text.
    fn cost(&self) -> u32 {
        match self {
            Predicate::Everything | Predicate::Nothing => 0,
            Predicate::Code(..) => 1,
            Predicate::Codes(..) => 2,
            Predicate::Number(..) => 3,
            Predicate::Id(..) => 4,
            Predicate::IdFulfils(..) => 20,
            Predicate::Message(_) | Predicate::Words(..) => 40,
            Predicate::And(parts) | Predicate::Or(parts) => parts.iter().map(Predicate::cost).sum(),
            Predicate::Not(inner) => inner.cost(),
        }
    }

    /// The pages that may hold an accepted row.
    pub(crate) fn pages(&self) -> PageSet {
        match self {
            Predicate::Nothing => 0,
            Predicate::Id(_, _, pages) | Predicate::Words(_, pages) => *pages,
            Predicate::And(parts) => parts.iter().fold(PageSet::MAX, |pages, part| pages & part.pages()),
            Predicate::Or(parts) => parts.iter().fold(0, |pages, part| pages | part.pages()),
            _ => PageSet::MAX,
        }
    }

    /// Those rows of `page` within `asked` that the predicate accepts.
    pub(crate) fn accepted(&self, rows: &dyn Rows, page: usize, asked: Bits) -> Result<Bits, Error> {
        if asked.is_empty() || self.pages() >> page & 1 == 0 {
            return Ok(Bits::NONE);
        }
        let accepted = match self {
            Predicate::Everything => asked,
            Predicate::Nothing => Bits::NONE,
            Predicate::Code(column, code) => rows.codes(*column, page)?.equal(*code).and(asked),
            Predicate::Codes(column, accepted) => rows.codes(*column, page)?.within(accepted).and(asked),
            Predicate::Id(column, id, _) => rows.ids(*column, page)?.equal(id).and(asked),
            Predicate::IdFulfils(column, test) => {
                let ids = rows.ids(*column, page)?;
                let asked = ids.present().and(asked);
                match test {
                    Some(test) => asked.retain(|row| {
                        ids.write(row).is_some_and(|id| test.accepts_text(column.field(), &id))
                    }),
                    None => asked,
                }
            }
            Predicate::Number(source, test) => source.accepted(test.as_ref(), rows, page, asked)?,
            Predicate::Message(test) => {
                let messages = rows.messages(page)?;
                asked.retain(|row| {
                    let accepts = |text| {
                        test.as_ref()
                            .is_none_or(|test| test.accepts_text(crate::filter::Field::Message, text))
                    };
                    messages.get(row).is_some_and(accepts)
                })
            }
            Predicate::Words(finder, _) => {
                let messages = rows.messages(page)?;
                finder.rows(&messages, asked)
            }
            Predicate::And(parts) => {
                let mut left = asked;
                for part in parts {
                    left = part.accepted(rows, page, left)?;
                }
                left
            }
            Predicate::Or(parts) => {
                let mut accepted = Bits::NONE;
                for part in parts {
                    accepted = accepted.or(part.accepted(rows, page, asked.without(accepted))?);
                }
                accepted
            }
            Predicate::Not(inner) => asked.without(inner.accepted(rows, page, asked)?),
        };
        Ok(accepted)
    }

    /// How many of all rows are accepted, if that can be told without looking at them.
    pub(crate) fn known_count(&self, rows: &dyn Rows) -> Result<Option<u64>, Error> {
        let counted = |column: CodeColumn, accepts: &dyn Fn(usize) -> bool| {
            let counts = rows.value_counts(column)?;
            Ok(counts.map(|counts| {
                let fitting = counts.0.iter().enumerate().filter(|(code, _)| accepts(*code));
                fitting.map(|(_, count)| u64::from(*count)).sum()
            }))
        };
        match self {
            Predicate::Everything => Ok(Some(row_count(rows))),
            Predicate::Nothing => Ok(Some(0)),
            Predicate::Code(column, code) => counted(*column, &|at| at == *code as usize),
            Predicate::Codes(column, accepted) => {
                counted(*column, &|code| accepted.get(code).copied().unwrap_or(false))
            }
            Predicate::Not(inner) => Ok(inner.known_count(rows)?.map(|count| row_count(rows) - count)),
            _ => Ok(None),
        }
    }
}

impl NumberSource {
    fn accepted(self, test: Option<&Test>, rows: &dyn Rows, page: usize, asked: Bits) -> Result<Bits, Error> {
        let accepts = |number: f64| test.is_none_or(|test| test.accepts_number(number));
        match self {
            NumberSource::Column(column) => {
                let numbers = rows.numbers(column, page)?;
                Ok(asked.retain(|row| numbers.fraction(row).is_some_and(accepts)))
            }
            NumberSource::TotalTokens => {
                let input = rows.numbers(NumberColumn::InputTokens, page)?;
                let output = rows.numbers(NumberColumn::OutputTokens, page)?;
                Ok(asked.retain(|row| total_tokens(&input, &output, row).is_some_and(accepts)))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "comparisons are defined on doubles")]
fn total_tokens(input: &Numbers, output: &Numbers, row: usize) -> Option<f64> {
    match (input.whole(row), output.whole(row)) {
        (None, None) => None,
        (input, output) => Some((input.unwrap_or(0) + output.unwrap_or(0)) as f64),
    }
}
