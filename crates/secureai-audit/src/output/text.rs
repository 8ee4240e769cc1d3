//! Numbers and strings as people read them.

/// `text` with everything that could steer a terminal written out: an event's strings come from strangers.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(steers) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if steers(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes, such as `4.6 GB` (powers of ten).
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(number: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let value = number as f64;
    match units.iter().find(|(size, _)| value >= *size) {
        Some((size, unit)) if value / size >= 100.0 => format!("{:.0} {unit}", value / size),
        Some((size, unit)) => format!("{:.1} {unit}", value / size),
        None => format!("{number} B"),
    }
}

/// So many things in so many seconds, as `1,234/s`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that is shown to whole numbers"
)]
pub(crate) fn rate(things: u64, seconds: f64) -> String {
    format!("{}/s", count((things as f64 / seconds.max(1e-9)).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([bytes(12), bytes(4_600_000_000), bytes(123_456)], ["12 B", "4.6 GB", "123 kB"]);
        assert_eq!(rate(1_000, 0.5), "2,000/s");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("Ada \u{1b}[31m\u{202e}\n"), "Ada \\u{1b}[31m\\u{202e}\\n");
        assert_eq!(printable("Müller"), "Müller");
    }
}
