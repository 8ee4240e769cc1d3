//! From the bytes of a page or section to the columns of [`crate::columns`].
//!
//! The bytes have the right checksum; should they make no sense all the same, the answer is `None`.

use crate::columns::{Codes, IdForm, Ids, Numbers, Strings, Texts};
use crate::encoding::{delta, hybrid, split, varint};
use crate::rows::{Indices, ValueCounts};
use std::cell::RefCell;
use zstd::bulk::Decompressor;

/// The most bytes that a section may have once decompressed.
pub(super) const MAX_SECTION_BYTES: usize = 64 << 20;

/// At most `capacity` bytes.
pub(super) fn decompress(bytes: &[u8], capacity: usize) -> Option<Vec<u8>> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
    }
    let bound = Decompressor::upper_bound(bytes).map_or(capacity, |bound| bound.min(capacity));
    DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress(bytes, bound).ok())
}

pub(super) fn times(mut page: &[u8], rows: usize) -> Option<Vec<i64>> {
    delta::decode(&mut page, rows).filter(|times| times.len() == rows)
}

pub(super) fn indices(page: &[u8], rows: usize) -> Option<Indices> {
    let indices = times(page, rows)?;
    let first = *indices.first()?;
    let is_run = indices.iter().zip(first..).all(|(index, expected)| *index == expected);
    Some(match is_run {
        true => Indices::From(first.cast_unsigned()),
        false => Indices::Each(indices.into_iter().map(i64::cast_unsigned).collect()),
    })
}

/// Which rows have a value.
enum Levels {
    All,
    None,
    Some(Vec<u64>, usize),
}

impl Levels {
    fn present(&self, rows: usize) -> usize {
        match self {
            Levels::All => rows,
            Levels::None => 0,
            Levels::Some(_, present) => *present,
        }
    }

    /// The bitmap as columns keep it.
    fn into_valid(self, rows: usize) -> Option<Vec<u64>> {
        match self {
            Levels::All => None,
            Levels::None => Some(vec![0; rows.div_ceil(64)]),
            Levels::Some(words, _) => Some(words),
        }
    }

    /// Calls `visit` for each row with whether it has a value.
    fn for_each(&self, rows: usize, mut visit: impl FnMut(bool)) {
        match self {
            Levels::All => (0..rows).for_each(|_| visit(true)),
            Levels::None => (0..rows).for_each(|_| visit(false)),
            Levels::Some(words, _) => (0..rows).for_each(|row| visit(words[row / 64] >> (row % 64) & 1 == 1)),
        }
    }
}

/// Takes the definition levels from the front of a page.
fn levels(page: &[u8], rows: usize) -> Option<(Levels, &[u8])> {
    let (length, rest) = page.split_first_chunk::<4>()?;
    let (encoded, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let mut words = vec![0_u64; rows.div_ceil(64)];
    let (mut row, mut present) = (0, 0);
    hybrid::decode(encoded, 1, rows, |level, times| {
        if level == 1 {
            (row..row + times).for_each(|row| words[row / 64] |= 1 << (row % 64));
            present += times;
        }
        row += times;
    })?;
    let levels = match present {
        0 => Levels::None,
        _ if present == rows => Levels::All,
        _ => Levels::Some(words, present),
    };
    Some((levels, values))
}

pub(super) fn codes(page: &[u8], rows: usize) -> Option<Codes> {
    let (levels, values) = levels(page, rows)?;
    let present = levels.present(rows);
    if present == 0 {
        return Some(Codes::Same(0, rows));
    }
    let (width, values) = values.split_first()?;
    let width = u32::from(*width);
    // One more than what is stored, for "absent" is 0.
    Some(
        match width {
            0..8 | 33.. => return None,
            8..16 => {
                Codes::U16(spread_codes(values, width, &levels, rows, |code| u16::try_from(code + 1).ok())?)
            }
            _ => Codes::U32(spread_codes(values, width, &levels, rows, |code| code.checked_add(1))?),
        }
        .narrowed(),
    )
}

fn spread_codes<T: Copy + Default>(
    values: &[u8],
    width: u32,
    levels: &Levels,
    rows: usize,
    convert: impl Fn(u32) -> Option<T>,
) -> Option<Vec<T>> {
    let present = levels.present(rows);
    let mut codes: Vec<T> = Vec::with_capacity(rows);
    hybrid::decode(values, width, present, |code, times| {
        let code = convert(code).unwrap_or_default();
        if times == 1 { codes.push(code) } else { codes.extend(std::iter::repeat_n(code, times)) }
    })?;
    if present == rows {
        return Some(codes);
    }
    Some(spread(levels, rows, codes.into_iter()))
}

/// The values of a dictionary page.
pub(super) fn dictionary(mut page: &[u8], values: usize, is_integer: bool) -> Option<Strings> {
    let mut strings = Strings::default();
    for _ in 0..values {
        let (word, rest) = page.split_first_chunk::<4>()?;
        if is_integer {
            strings.push(&i32::from_le_bytes(*word).to_string());
            page = rest;
        } else {
            let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*word) as usize)?;
            strings.push(std::str::from_utf8(value).ok()?);
            page = rest;
        }
    }
    Some(strings)
}

pub(super) fn texts(page: &[u8], rows: usize) -> Option<Texts> {
    let (levels, values) = levels(page, rows)?;
    let (lengths, text) = delta::decode_strings(values, rows)?;
    let text = String::from_utf8(text.to_vec()).ok()?;
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let (mut end, mut next) = (0_u32, lengths.into_iter());
    levels.for_each(rows, |present| {
        if present {
            end += next.next().and_then(|length| u32::try_from(length).ok()).unwrap_or(0);
        }
        offsets.push(end);
    });
    Some(Texts::new(Strings::from_parts(text, offsets)?, levels.into_valid(rows)))
}

/// One identifier of 16 bytes a row, zero for a row without; empty if no row has one.
pub(super) fn wide_ids(page: &[u8], rows: usize) -> Option<Vec<[u8; 16]>> {
    let (levels, values) = levels(page, rows)?;
    let present = levels.present(rows);
    let (ids, rest) = values.as_chunks::<16>();
    if ids.len() != present || !rest.is_empty() {
        return None;
    }
    Some(match present {
        0 => Vec::new(),
        _ if present == rows => ids.to_vec(),
        _ => {
            let mut next = ids.iter();
            let mut spread = Vec::with_capacity(rows);
            levels.for_each(rows, |present| {
                spread.push(if present { next.next().copied().unwrap_or_default() } else { [0; 16] });
            });
            spread
        }
    })
}

/// Puts an identifier column together from its three leaves.
pub(super) fn ids(forms: &Codes, wide: Vec<[u8; 16]>, texts: Texts) -> Ids {
    let forms: Vec<u8> = (0..forms.len()).map(|row| u8::try_from(forms.get(row)).unwrap_or(0)).collect();
    let has_texts = forms.contains(&(IdForm::Text as u8));
    Ids::new(forms, wide, has_texts.then_some(texts))
}

pub(super) fn whole_numbers(page: &[u8], rows: usize) -> Option<Numbers> {
    let (levels, mut values) = levels(page, rows)?;
    let present = levels.present(rows);
    if present == 0 {
        return Some(Numbers::Absent(rows));
    }
    let values = delta::decode(&mut values, rows).filter(|values| values.len() == present)?;
    let values = spread(&levels, rows, values.into_iter().map(i64::cast_unsigned));
    Some(Numbers::Whole(values, levels.into_valid(rows)))
}

pub(super) fn fractions(page: &[u8], rows: usize) -> Option<Numbers> {
    let (levels, values) = levels(page, rows)?;
    let present = levels.present(rows);
    if present == 0 {
        return Some(Numbers::Absent(rows));
    }
    let values = spread(&levels, rows, split::decode(values, present)?.into_iter());
    Some(Numbers::Fraction(values, levels.into_valid(rows)))
}

/// One value a row: the next of `values`, or the default for a row without.
fn spread<T: Copy + Default>(levels: &Levels, rows: usize, mut values: impl Iterator<Item = T>) -> Vec<T> {
    let mut spread = Vec::with_capacity(rows);
    levels.for_each(rows, |present| {
        spread.push(if present { values.next().unwrap_or_default() } else { T::default() });
    });
    spread
}

pub(super) fn value_counts(mut section: &[u8]) -> Option<ValueCounts> {
    let mut counts = Vec::new();
    while !section.is_empty() {
        counts.push(u32::try_from(varint::take(&mut section)?).ok()?);
    }
    Some(ValueCounts(counts))
}
