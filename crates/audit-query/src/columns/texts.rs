//! Free text of one page.

use super::Strings;

/// The texts of a page's rows; a row may have none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// One string a row, empty for a row without.
    strings: Strings,
    /// One bit a row that has a text; `None` when all have.
    valid: Option<Vec<u64>>,
}

impl Texts {
    /// `valid` has a bit for each row that has a text; `None` when all have.
    pub(crate) fn new(strings: Strings, valid: Option<Vec<u64>>) -> Texts {
        Texts { strings, valid }
    }

    pub(crate) fn len(&self) -> usize {
        self.strings.len()
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        is_valid(self.valid.as_deref(), row).then(|| self.strings.get(row))
    }

    /// One string a row, empty for a row without.
    pub(crate) fn strings(&self) -> &Strings {
        &self.strings
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        let row = self.strings.len();
        self.strings.push(text.unwrap_or(""));
        push_valid(&mut self.valid, row, text.is_some());
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.strings.heap_bytes() + self.valid.as_ref().map_or(0, |words| words.capacity() * 8)
    }
}

/// Whether `row` has a value.
pub(super) fn is_valid(valid: Option<&[u64]>, row: usize) -> bool {
    valid.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1)
}

/// Notes whether the new last `row` has a value; the bitmap comes into being with the first that has none.
pub(super) fn push_valid(valid: &mut Option<Vec<u64>>, row: usize, present: bool) {
    if valid.is_none() {
        if present {
            return;
        }
        let mut words = vec![u64::MAX; row / 64];
        words.push((1 << (row % 64)) - 1);
        *valid = Some(words);
        return;
    }
    let Some(words) = valid else { return };
    if row / 64 == words.len() {
        words.push(0);
    }
    words[row / 64] |= u64::from(present) << (row % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_differ() {
        for gap in [0, 1, 63, 64, 65, 130] {
            let mut texts = Texts::default();
            for row in 0..200 {
                texts.push(match row {
                    _ if row == gap => None,
                    _ if row % 7 == 0 => Some(""),
                    _ => Some("text"),
                });
            }
            for row in 0..200 {
                let expected = if row % 7 == 0 { "" } else { "text" };
                assert_eq!(texts.get(row), (row != gap).then_some(expected), "gap {gap}, row {row}");
            }
        }
    }
}
