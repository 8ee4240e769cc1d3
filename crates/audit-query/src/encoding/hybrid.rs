//! `RLE`: runs of one value and runs of bit-packed values, for dictionary codes and definition levels.

use super::{pack, unpack, varint};

/// Appends `values`, each of at most `width` bits: one run of equal values if they are, else one packed run.
///
/// Longer mixtures of runs would be smaller before compression, hardly after it, and slower to read.
pub(crate) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    if values.iter().all(|value| value == first) {
        varint::put((values.len() as u64) << 1, out);
        out.extend_from_slice(&first.to_le_bytes()[..(width as usize).div_ceil(8)]);
        return;
    }
    let groups = values.len().div_ceil(8);
    varint::put((groups as u64) << 1 | 1, out);
    if width == 8 {
        out.extend(values.iter().map(|value| value.to_le_bytes()[0]));
    } else {
        pack(values.iter().map(|value| u64::from(*value)), width, out);
    }
    // The last group is filled up to eight values.
    let packed = (values.len() * width as usize).div_ceil(8);
    out.resize(out.len() + groups * width as usize - packed, 0);
}

/// Calls `visit` with `count` values of `width` bits, run by run: a value and how often, or each by itself.
pub(crate) fn decode(
    mut bytes: &[u8],
    width: u32,
    count: usize,
    mut visit: impl FnMut(u32, usize),
) -> Option<()> {
    let mut left = count;
    while left > 0 {
        let header = varint::take(&mut bytes)?;
        let length = usize::try_from(header >> 1).ok()?;
        if header & 1 == 0 {
            let (value, rest) = bytes.split_at_checked((width as usize).div_ceil(8))?;
            bytes = rest;
            let value = value.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
            let run = length.min(left);
            if run == 0 {
                return None;
            }
            visit(value, run);
            left -= run;
        } else {
            let run = length.checked_mul(8)?.min(left);
            if run == 0 {
                return None;
            }
            if width == 8 {
                bytes.get(..run)?.iter().for_each(|value| visit(u32::from(*value), 1));
            } else {
                unpack(bytes, width, run, |value| visit(u32::try_from(value).unwrap_or(u32::MAX), 1))?;
            }
            bytes = bytes.get(length.checked_mul(width as usize)?..).unwrap_or(&[]);
            left -= run;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[u32], width: u32) {
        let mut bytes = Vec::new();
        encode(values, width, &mut bytes);
        let mut decoded = Vec::new();
        decode(&bytes, width, values.len(), |value, times| decoded.extend(std::iter::repeat_n(value, times)))
            .expect("complete");
        assert_eq!(decoded, values);
    }

    #[test]
    fn values_come_back() {
        check(&[], 8);
        check(&[5; 100], 8);
        check(&[1, 0, 1, 1], 1);
        check(&(0..77).collect::<Vec<_>>(), 8);
        check(&(0..4096).collect::<Vec<_>>(), 13);
        check(&[1 << 17, 0, 3], 18);
    }

    #[test]
    fn a_run_of_nothing_ends_decoding() {
        assert_eq!(decode(&[0, 0, 0, 0], 8, 4, |_, _| {}), None);
        assert_eq!(decode(&[1], 8, 4, |_, _| {}), None);
        assert_eq!(decode(&[], 8, 1, |_, _| {}), None);
    }
}
