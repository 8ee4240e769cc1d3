//! The Parquet encodings of a page's values, and their inverses.
//!
//! The index writes and reads its pages itself: it has the dictionary codes already, and it wants one page as
//! codes, not as strings. The file around the pages is written by the `parquet` crate, which in the tests also
//! reads everything back. Specification: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.
//!
//! Decoders take bytes whose checksum was right; they answer `None` rather than panic should the bytes make no
//! sense all the same.

pub(crate) mod delta;
pub(crate) mod hybrid;
pub(crate) mod split;
pub(crate) mod varint;

/// Bits that `value` needs.
pub(crate) fn bit_width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends numbers of `width` bits each, lowest bits first (little-endian bit packing).
fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut pending, mut bits) = (0_u128, 0);
    for value in values {
        pending |= u128::from(value) << bits;
        bits += width;
        while bits >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(pending.to_le_bytes()[0]);
    }
}

/// Calls `visit` with `count` numbers of `width` bits each, at most 56, from the start of `packed`.
#[inline]
fn unpack(packed: &[u8], width: u32, count: usize, mut visit: impl FnMut(u64)) -> Option<()> {
    debug_assert!(width <= 56);
    let needed = (count * width as usize).div_ceil(8);
    let packed = packed.get(..needed)?;
    let mask = (1_u64 << width) - 1;
    let width = width as usize;
    // Eight bytes at once as long as they are there, then byte by byte.
    let whole =
        if packed.len() < 8 || width == 0 { 0 } else { ((packed.len() - 8) * 8 / width + 1).min(count) };
    for at in 0..whole {
        let bit = at * width;
        let start = bit / 8;
        let word = u64::from_le_bytes(packed[start..start + 8].try_into().ok()?);
        visit(word >> (bit % 8) & mask);
    }
    for at in whole..count {
        let bit = at * width;
        let word = packed[bit / 8..].iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        visit(word >> (bit % 8) & mask);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_numbers_come_back() {
        for width in 0..=56 {
            for count in [0, 1, 7, 8, 9, 100] {
                let mask = (1_u64 << width) - 1;
                let values: Vec<u64> =
                    (0..count as u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask).collect();
                let mut packed = Vec::new();
                pack(values.iter().copied(), width, &mut packed);
                let mut unpacked = Vec::new();
                unpack(&packed, width, count, |value| unpacked.push(value)).expect("complete");
                assert_eq!(unpacked, values, "width {width}");
            }
        }
    }

    #[test]
    fn too_few_bytes_are_noticed() {
        assert_eq!(unpack(&[0; 3], 13, 2, |_| {}), None);
    }
}
