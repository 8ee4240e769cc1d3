//! Numbers of payment cards.

use std::ops::Range;

/// Shorter runs of digits are not looked at: 13-digit cards are no longer issued, 13-digit article numbers
/// (EAN) and times in milliseconds are everywhere.
pub(super) const MIN_DIGITS: usize = 14;
const MAX_DIGITS: usize = 19;

/// Digits grouped as on a card or not at all, of an issuer's range, with Luhn's check digit.
pub(super) fn numbers(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let is_start = bytes[at].is_ascii_digit() && (at == 0 || !is_card_neighbour(bytes[at - 1]));
        if is_start && let Some(end) = card_end(bytes, at) {
            found.push(at..end);
            at = end;
        } else {
            at += 1;
        }
    }
}

/// Bytes that join a run of digits to something longer: an id, an amount, a part number.
fn is_card_neighbour(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'#' | b'@')
        || byte >= 0x80
}

fn card_end(bytes: &[u8], start: usize) -> Option<usize> {
    const GROUPINGS: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
    let grouped = GROUPINGS.iter().find_map(|grouping| grouped_digits(bytes, start, grouping));
    let (digits, end) = grouped.or_else(|| {
        let len = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        (MIN_DIGITS..=MAX_DIGITS).contains(&len).then(|| (bytes[start..start + len].to_vec(), start + len))
    })?;
    let is_whole = bytes.get(end).is_none_or(|&b| {
        !is_card_neighbour(b) || (b == b'.' && !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric))
    });
    (is_whole && is_issued(&digits) && passes_luhn(&digits)).then_some(end)
}

/// Digits in groups of these lengths, each but the last followed by the same space or dash.
fn grouped_digits(bytes: &[u8], start: usize, grouping: &[usize]) -> Option<(Vec<u8>, usize)> {
    let separator = *bytes.get(start + grouping[0])?;
    if !matches!(separator, b' ' | b'-') {
        return None;
    }
    let mut digits = Vec::with_capacity(MAX_DIGITS);
    let mut at = start;
    for (index, &len) in grouping.iter().enumerate() {
        if index > 0 {
            (bytes.get(at) == Some(&separator)).then_some(())?;
            at += 1;
        }
        let group = bytes.get(at..at + len).filter(|group| group.iter().all(u8::is_ascii_digit))?;
        digits.extend_from_slice(group);
        at += len;
    }
    (!bytes.get(at).is_some_and(u8::is_ascii_digit)).then_some((digits, at))
}

/// The issuers' ranges and lengths (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, JCB,
/// Diners, UnionPay, Maestro.
fn is_issued(digits: &[u8]) -> bool {
    let leading =
        |count: usize| digits[..count].iter().fold(0u32, |value, b| value * 10 + u32::from(b - b'0'));
    match digits.len() {
        14 => matches!(leading(3), 300..=305 | 309 | 360..=369 | 380..=399),
        15 => matches!(leading(2), 34 | 37),
        16 => {
            digits[0] == b'4'
                || matches!(leading(2), 51..=55 | 62 | 65)
                || matches!(leading(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(leading(3), 644..=649)
        }
        17..=19 => {
            matches!(leading(2), 62 | 65)
                || matches!(leading(4), 6011)
                || (digits.len() == 19 && digits[0] == b'4')
        }
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0');
            match place % 2 {
                0 => value,
                _ => value * 2 - if value > 4 { 9 } else { 0 },
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
