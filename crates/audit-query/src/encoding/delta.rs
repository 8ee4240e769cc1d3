//! `DELTA_BINARY_PACKED`: whole numbers as packed differences; and `DELTA_LENGTH_BYTE_ARRAY`: all lengths, then
//! all bytes.

use super::{bit_width, pack, unpack, varint};

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// Appends `values`.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) {
    varint::put(BLOCK as u64, out);
    varint::put(MINIBLOCKS as u64, out);
    varint::put(values.len() as u64, out);
    varint::put_signed(values.first().copied().unwrap_or(0), out);
    let deltas: Vec<i64> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    for block in deltas.chunks(BLOCK) {
        let least = block.iter().copied().min().unwrap_or(0);
        varint::put_signed(least, out);
        let above = |delta: i64| delta.wrapping_sub(least).cast_unsigned();
        let mut widths = [0_u8; MINIBLOCKS];
        for (width, miniblock) in widths.iter_mut().zip(block.chunks(MINIBLOCK)) {
            let bits = miniblock.iter().map(|delta| bit_width(above(*delta))).max().unwrap_or(0);
            *width = u8::try_from(bits).unwrap_or(64);
        }
        out.extend_from_slice(&widths);
        for (width, miniblock) in widths.iter().zip(block.chunks(MINIBLOCK)) {
            let padding = std::iter::repeat_n(0, MINIBLOCK - miniblock.len());
            pack(miniblock.iter().map(|delta| above(*delta)).chain(padding), u32::from(*width), out);
        }
    }
}

/// Takes numbers from the front of `bytes`, at most `limit`.
pub(crate) fn decode(bytes: &mut &[u8], limit: usize) -> Option<Vec<i64>> {
    let block = usize::try_from(varint::take(bytes)?).ok()?;
    let miniblocks = usize::try_from(varint::take(bytes)?).ok()?;
    let count = usize::try_from(varint::take(bytes)?).ok()?;
    let mut last = varint::take_signed(bytes)?;
    if block != BLOCK || miniblocks != MINIBLOCKS || count > limit {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    if count > 0 {
        values.push(last);
    }
    while values.len() < count {
        let least = varint::take_signed(bytes)?;
        let (widths, rest) = bytes.split_first_chunk::<MINIBLOCKS>()?;
        *bytes = rest;
        for width in widths {
            let run = MINIBLOCK.min(count - values.len());
            if run == 0 {
                break;
            }
            let length = MINIBLOCK * usize::from(*width) / 8;
            let mut push = |above: u64| {
                last = last.wrapping_add(least).wrapping_add(above.cast_signed());
                values.push(last);
            };
            match width {
                0..=56 => unpack(bytes, u32::from(*width), run, push)?,
                57..=64 => unpack_wide(bytes.get(..length)?, u32::from(*width), run, &mut push),
                _ => return None,
            }
            *bytes = bytes.get(length..)?;
        }
    }
    Some(values)
}

/// As [`unpack`] for more than 56 bits; rare, so bit by bit will do.
fn unpack_wide(packed: &[u8], width: u32, count: usize, visit: &mut impl FnMut(u64)) {
    for at in 0..count {
        let first = at * width as usize;
        let bits = (0..width as usize)
            .map(|bit| u64::from(packed[(first + bit) / 8] >> ((first + bit) % 8) & 1) << bit);
        visit(bits.sum());
    }
}

/// Appends strings of these lengths, which end to end are `text`.
pub(crate) fn encode_strings(lengths: &[i64], text: &[u8], out: &mut Vec<u8>) {
    encode(lengths, out);
    out.extend_from_slice(text);
}

/// The lengths of at most `limit` strings and their text.
pub(crate) fn decode_strings(mut bytes: &[u8], limit: usize) -> Option<(Vec<i64>, &[u8])> {
    let lengths = decode(&mut bytes, limit)?;
    let total =
        lengths.iter().try_fold(0_usize, |sum, length| sum.checked_add(usize::try_from(*length).ok()?))?;
    (total == bytes.len()).then_some((lengths, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64]) {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        bytes.push(0xAA);
        let mut rest = bytes.as_slice();
        assert_eq!(decode(&mut rest, values.len()).as_deref(), Some(values));
        assert_eq!(rest, [0xAA], "exactly what was written is taken");
    }

    #[test]
    fn numbers_come_back() {
        check(&[]);
        check(&[7]);
        check(&(0..1000).collect::<Vec<_>>());
        check(&(0..300).map(|n| n * n * if n % 3 == 0 { -1 } else { 1 }).collect::<Vec<_>>());
        check(&[i64::MAX, i64::MIN, 0, -1, i64::MAX, i64::MAX, i64::MIN]);
        check(&(0..200).map(|n| (n << 57) ^ n).collect::<Vec<_>>());
    }

    #[test]
    fn strings_come_back() {
        let mut bytes = Vec::new();
        encode_strings(&[2, 0, 3], b"abcde", &mut bytes);
        assert_eq!(decode_strings(&bytes, 3), Some((vec![2, 0, 3], b"abcde".as_slice())));
        assert_eq!(decode_strings(&bytes[..bytes.len() - 1], 3), None);
    }
}
