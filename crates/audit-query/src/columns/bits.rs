//! A set of rows of one page.

use super::PAGE_ROWS;

const WORDS: usize = PAGE_ROWS / 64;

/// One bit for each row of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bits([u64; WORDS]);

impl Bits {
    pub(crate) const NONE: Bits = Bits([0; WORDS]);

    /// The rows below `rows`.
    pub(crate) fn first(rows: usize) -> Bits {
        Bits::between(0, rows)
    }

    /// The rows from `start` up to, not including, `end`.
    pub(crate) fn between(start: usize, end: usize) -> Bits {
        Bits::from_words(|word| {
            let base = word * 64;
            let below = |at: usize| match at.saturating_sub(base) {
                0 => 0,
                n if n >= 64 => u64::MAX,
                n => (1 << n) - 1,
            };
            below(end) & !below(start)
        })
    }

    /// The rows of which `accepts` is true.
    #[inline]
    pub(crate) fn from_fn(rows: usize, mut accepts: impl FnMut(usize) -> bool) -> Bits {
        debug_assert!(rows <= PAGE_ROWS);
        let mut bits = Bits::NONE;
        for (word, chunk) in bits.0.iter_mut().enumerate().take(rows.div_ceil(64)) {
            let base = word * 64;
            for at in 0..64.min(rows - base) {
                *chunk |= u64::from(accepts(base + at)) << at;
            }
        }
        bits
    }

    /// The rows whose value `accepts` is true of.
    #[inline]
    pub(crate) fn from_slice<T: Copy>(values: &[T], accepts: impl Fn(T) -> bool) -> Bits {
        debug_assert!(values.len() <= PAGE_ROWS);
        let mut bits = Bits::NONE;
        let (whole, rest) = values.as_chunks::<64>();
        for (word, chunk) in bits.0.iter_mut().zip(whole) {
            // One byte a value, which the compiler does several at once, then eight bytes to eight bits.
            let mut flags = [0_u8; 64];
            for (flag, value) in flags.iter_mut().zip(chunk) {
                *flag = u8::from(accepts(*value));
            }
            *word = gather(&flags);
        }
        if let Some(word) = bits.0.get_mut(whole.len()) {
            for (at, value) in rest.iter().enumerate() {
                *word |= u64::from(accepts(*value)) << at;
            }
        }
        bits
    }

    /// Those of `self` of which `accepts` is true; only they are asked.
    #[inline]
    pub(crate) fn retain(self, mut accepts: impl FnMut(usize) -> bool) -> Bits {
        let mut kept = Bits::NONE;
        for row in self.iter() {
            if accepts(row) {
                kept.insert(row);
            }
        }
        kept
    }

    fn from_words(word: impl FnMut(usize) -> u64) -> Bits {
        Bits(std::array::from_fn(word))
    }

    pub(crate) fn insert(&mut self, row: usize) {
        self.0[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 1
    }

    pub(crate) fn and(self, other: Bits) -> Bits {
        Bits::from_words(|at| self.0[at] & other.0[at])
    }

    pub(crate) fn or(self, other: Bits) -> Bits {
        Bits::from_words(|at| self.0[at] | other.0[at])
    }

    pub(crate) fn without(self, other: Bits) -> Bits {
        Bits::from_words(|at| self.0[at] & !other.0[at])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let row = at * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                Some(row)
            })
        })
    }
}

impl Bits {
    /// The rows, descending.
    pub(crate) fn iter_back(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().rev().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let highest = 63 - (rest != 0).then(|| rest.leading_zeros() as usize)?;
                rest &= !(1 << highest);
                Some(at * 64 + highest)
            })
        })
    }
}

/// The lowest bits of 64 bytes that are 0 or 1.
#[inline]
fn gather(flags: &[u8; 64]) -> u64 {
    // The product's highest byte collects the lowest bit of each of eight bytes; no two terms meet in one bit.
    const COLLECT: u64 = 0x0102_0408_1020_4080;
    let eight = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes).wrapping_mul(COLLECT) >> 56;
    let (groups, _) = flags.as_chunks::<8>();
    groups.iter().enumerate().fold(0, |word, (at, bytes)| word | eight(bytes) << (8 * at))
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_its_rows() {
        for (start, end) in [(0, 0), (0, 1), (63, 65), (64, 128), (1, 4096), (5, 3)] {
            let expected: Vec<usize> = (start..end).collect();
            assert_eq!(Bits::between(start, end).iter().collect::<Vec<_>>(), expected);
            let back: Vec<usize> = Bits::between(start, end).iter_back().collect();
            assert_eq!(back.into_iter().rev().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_ways_to_fill_agree() {
        let values: Vec<u16> = (0..1000).collect();
        let odd = Bits::from_slice(&values, |v| v % 2 == 1);
        assert_eq!(odd, Bits::from_fn(1000, |row| row % 2 == 1));
        assert_eq!(odd, Bits::first(1000).retain(|row| row % 2 == 1));
        assert_eq!(odd.count(), 500);
        assert_eq!(Bits::first(1000).without(odd).or(odd), Bits::first(1000));
        assert!(odd.and(Bits::first(1000).without(odd)).is_empty());
    }
}
