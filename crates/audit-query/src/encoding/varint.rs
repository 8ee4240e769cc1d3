//! Variable-length numbers: seven bits a byte, lowest first (unsigned LEB128), and zigzag for signed ones.

/// Appends `value`.
pub(crate) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number from the front of `bytes`.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a signed `value`.
pub(crate) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put((value << 1 ^ value >> 63).cast_unsigned(), out);
}

/// Takes a signed number from the front of `bytes`.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut bytes = Vec::new();
        let signed = [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN];
        let unsigned = [0, 127, 128, 300, u64::MAX];
        signed.iter().for_each(|value| put_signed(*value, &mut bytes));
        unsigned.iter().for_each(|value| put(*value, &mut bytes));
        let mut rest = bytes.as_slice();
        signed.iter().for_each(|value| assert_eq!(take_signed(&mut rest), Some(*value)));
        unsigned.iter().for_each(|value| assert_eq!(take(&mut rest), Some(*value)));
        assert_eq!(take(&mut rest), None);
        assert_eq!(take(&mut [0xFF; 11].as_slice()), None);
    }
}
