//! `BYTE_STREAM_SPLIT`: the first bytes of all doubles, then the second ones, and so on; it compresses well.

/// Appends `values`.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) {
    for byte in 0..8 {
        out.extend(values.iter().map(|value| value.to_le_bytes()[byte]));
    }
}

/// `count` values.
pub(crate) fn decode(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    if bytes.len() != count.checked_mul(8)? {
        return None;
    }
    let value = |at| f64::from_le_bytes(std::array::from_fn(|byte| bytes[byte * count + at]));
    Some((0..count).map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_come_back() {
        let values = [0.0, -1.5, 1e300, f64::MIN_POSITIVE, 774.0];
        let mut bytes = Vec::new();
        encode(&values, &mut bytes);
        assert_eq!(decode(&bytes, values.len()).as_deref(), Some(values.as_slice()));
        assert_eq!(decode(&bytes, 4), None);
    }
}
