//! The filter: which events a question is about.
//!
//! One typed value, built from the query box ([`Filter::parse`]) or from query parameters
//! ([`crate::params`]), and used unchanged by lists, counts, exports, access scopes, alerts and sinks.
//! [`Filter::matches`] is the definition of what a filter means; whatever answers questions faster (the
//! index) must agree with it, row by row, and the tests compare the two.
//!
//! This module leaves reading an index to others: it knows events, not columns on disk. For those who
//! compile a filter to predicates, [`Field::leaves`], [`Test::accepts_text`], [`Test::accepts_number`] and
//! [`Test::accepts_ip`] give the meaning of a test on one stored value.

mod display;
mod field;
mod first_hand;
mod matching;
mod parse;
mod phrase;
mod value;
mod withheld;

pub use field::{Field, FieldKind};
pub use parse::FilterError;
pub use phrase::{Literal, Phrase, tokens};
pub(crate) use value::nearest;

use ipnet::IpNet;

/// Which events. `Display` writes it in the query box's language and [`Filter::parse`] reads that back.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Filter {
    /// Every event.
    #[default]
    All,
    /// Events that every part accepts; `And` of nothing is [`Filter::All`].
    And(Vec<Filter>),
    /// Events that at least one part accepts; `Or` of nothing accepts nothing.
    Or(Vec<Filter>),
    /// Events that the inner filter does not accept, those without the field included.
    Not(Box<Filter>),
    /// One condition on one event.
    Test(Test),
}

/// One condition. An event that lacks the field never fulfils it.
///
/// Where a field has several values (groups, the targets of a bulk action) one of them is enough.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The field has exactly this value; letter case counts only where [`Field::folds_case`] says so.
    Equals {
        /// Where to look.
        field: Field,
        /// What must be there.
        value: String,
    },
    /// The field's value begins with this one, letter case as for `Equals`.
    Prefix {
        /// Where to look.
        field: Field,
        /// How the value must begin.
        value: String,
    },
    /// The client's address lies in this network (a single address is a network of one).
    Ip(IpNet),
    /// The number compares so with `value`.
    Number {
        /// One of the numeric fields.
        field: Field,
        /// The comparison, with the event's number on its left side.
        cmp: Cmp,
        /// The number on its right side; finite.
        value: f64,
    },
    /// The words occur side by side in one text: in `within`, or without it in any of [`Field::TEXT`].
    ///
    /// Without `within` a phrase that [`Phrase::literal`] recognises also matches identifiers and addresses.
    Words {
        /// The one text field to look in.
        within: Option<Field>,
        /// What to look for.
        phrase: Phrase,
    },
    /// The field is present.
    Exists(Field),
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// Equal.
    Eq,
    /// Less than.
    Lt,
    /// At most.
    Le,
    /// Greater than.
    Gt,
    /// At least.
    Ge,
}

impl Cmp {
    /// Whether `left` compares so with `right`.
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Cmp::Eq => left == right,
            Cmp::Lt => left < right,
            Cmp::Le => left <= right,
            Cmp::Gt => left > right,
            Cmp::Ge => left >= right,
        }
    }
}

impl Filter {
    /// The filter of the events that all of `parts` accept.
    #[must_use]
    pub fn all_of(parts: Vec<Filter>) -> Filter {
        Filter::And(parts).simplify()
    }

    /// The filter of the events that one of `parts` accepts.
    #[must_use]
    pub fn any_of(parts: Vec<Filter>) -> Filter {
        Filter::Or(parts).simplify()
    }

    /// The filter of the events that `self` does not accept.
    #[must_use]
    pub fn negate(self) -> Filter {
        Filter::Not(Box::new(self)).simplify()
    }

    /// The filter that accepts no event.
    #[must_use]
    pub fn nothing() -> Filter {
        Filter::Not(Box::new(Filter::All))
    }

    /// The test of one field as a query parameter gives it: `value`, `begin*`, `*`, `>=1000`, `500..599`.
    ///
    /// # Errors
    /// A sentence that says which values the field can have.
    pub fn of_field(field: Field, text: &str) -> Result<Filter, String> {
        value::of_parameter(field, text)
    }

    /// The same meaning in its plainest form: nested `And` and `Or` are flattened, parts that change nothing
    /// are gone, and "nothing" is always `Not(All)`. Two filters with the same plain form are the same question.
    #[must_use]
    pub fn simplify(self) -> Filter {
        match self {
            Filter::All | Filter::Test(_) => self,
            Filter::Not(inner) => match inner.simplify() {
                Filter::Not(twice) => *twice,
                inner => Filter::Not(Box::new(inner)),
            },
            Filter::And(parts) => simplify_and(parts),
            Filter::Or(parts) => simplify_or(parts),
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Filter::Not(inner) if **inner == Filter::All)
    }
}

fn simplify_and(parts: Vec<Filter>) -> Filter {
    let mut plain = Vec::with_capacity(parts.len());
    for part in parts {
        match part.simplify() {
            Filter::All => {}
            Filter::And(inner) => plain.extend(inner),
            part if part.is_nothing() => return part,
            part => plain.push(part),
        }
    }
    match plain.len() {
        0 => Filter::All,
        1 => plain.remove(0),
        _ => Filter::And(plain),
    }
}

fn simplify_or(parts: Vec<Filter>) -> Filter {
    let mut plain = Vec::with_capacity(parts.len());
    for part in parts {
        match part.simplify() {
            Filter::All => return Filter::All,
            Filter::Or(inner) => plain.extend(inner),
            part if part.is_nothing() => {}
            part => plain.push(part),
        }
    }
    match plain.len() {
        0 => Filter::nothing(),
        1 => plain.remove(0),
        _ => Filter::Or(plain),
    }
}

impl From<Test> for Filter {
    fn from(test: Test) -> Filter {
        Filter::Test(test)
    }
}

#[cfg(test)]
mod tests;
