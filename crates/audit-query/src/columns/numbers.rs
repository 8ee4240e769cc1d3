//! Numbers of one page.

use super::texts::{is_valid, push_valid};

/// The numbers of a page's rows; a row may have none.
#[derive(Debug, Clone)]
pub(crate) enum Numbers {
    /// So many rows, none with a number.
    Absent(usize),
    Whole(Vec<u64>, Option<Vec<u64>>),
    Fraction(Vec<f64>, Option<Vec<u64>>),
}

impl Numbers {
    pub(crate) fn len(&self) -> usize {
        match self {
            Numbers::Absent(rows) => *rows,
            Numbers::Whole(values, _) => values.len(),
            Numbers::Fraction(values, _) => values.len(),
        }
    }

    pub(crate) fn whole(&self, row: usize) -> Option<u64> {
        match self {
            Numbers::Whole(values, valid) => is_valid(valid.as_deref(), row).then(|| values[row]),
            _ => None,
        }
    }

    /// The number, rounded to a double if it is a whole one beyond 2^53.
    #[expect(clippy::cast_precision_loss, reason = "comparisons are defined on doubles")]
    pub(crate) fn fraction(&self, row: usize) -> Option<f64> {
        match self {
            Numbers::Absent(_) => None,
            Numbers::Whole(values, valid) => is_valid(valid.as_deref(), row).then(|| values[row] as f64),
            Numbers::Fraction(values, valid) => is_valid(valid.as_deref(), row).then(|| values[row]),
        }
    }

    pub(crate) fn push_whole(&mut self, value: Option<u64>) {
        match self {
            Numbers::Whole(values, valid) => {
                push_valid(valid, values.len(), value.is_some());
                values.push(value.unwrap_or(0));
            }
            Numbers::Absent(rows) if value.is_none() => *rows += 1,
            _ => {
                let rows = self.len();
                *self = Numbers::Whole(vec![0; rows], none_valid(rows));
                self.push_whole(value);
            }
        }
    }

    pub(crate) fn push_fraction(&mut self, value: Option<f64>) {
        match self {
            Numbers::Fraction(values, valid) => {
                push_valid(valid, values.len(), value.is_some());
                values.push(value.unwrap_or(0.0));
            }
            Numbers::Absent(rows) if value.is_none() => *rows += 1,
            _ => {
                let rows = self.len();
                *self = Numbers::Fraction(vec![0.0; rows], none_valid(rows));
                self.push_fraction(value);
            }
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let bitmap = |valid: &Option<Vec<u64>>| valid.as_ref().map_or(0, |words| words.capacity() * 8);
        match self {
            Numbers::Absent(_) => 0,
            Numbers::Whole(values, valid) => values.capacity() * 8 + bitmap(valid),
            Numbers::Fraction(values, valid) => values.capacity() * 8 + bitmap(valid),
        }
    }
}

/// The bitmap of `rows` rows without a value; `None` (all have one) for no rows at all.
fn none_valid(rows: usize) -> Option<Vec<u64>> {
    (rows > 0).then(|| vec![0; rows.div_ceil(64)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_whatever_comes_first() {
        for first in [0, 1, 64, 100] {
            let mut whole = Numbers::Absent(0);
            let mut fraction = Numbers::Absent(0);
            let value = |row: usize| (row >= first && !row.is_multiple_of(3)).then_some(row);
            for row in 0..200 {
                whole.push_whole(value(row).map(|v| v as u64));
                fraction.push_fraction(value(row).map(|v| v as f64));
            }
            for row in 0..200 {
                assert_eq!(whole.whole(row), value(row).map(|v| v as u64));
                assert_eq!(fraction.fraction(row), value(row).map(|v| v as f64));
                assert_eq!(whole.fraction(row), fraction.fraction(row));
            }
        }
    }
}
