//! Numbers and strings as people read them, on pages and in terminals.

use audit_event::Timestamp;

use crate::locale;

/// `text` with everything that could steer a terminal written out: an event's strings come from strangers.
#[must_use]
pub fn printable(text: &str) -> String {
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

/// `1234567` as `1,234,567`; on a page as its reader writes it.
#[must_use]
pub fn count(number: u64) -> String {
    locale::grouped(number)
}

/// A number of bytes, such as `4.6 GB` (powers of ten).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(number: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let value = number as f64;
    match units.iter().find(|(size, _)| value >= *size) {
        Some((size, unit)) if value / size >= 100.0 => format!("{:.0} {unit}", value / size),
        Some((size, unit)) => format!("{} {unit}", locale::decimals(&format!("{:.1}", value / size))),
        None => format!("{number} B"),
    }
}

/// How long ago that was, in words.
#[must_use]
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_micros().saturating_sub(time.as_micros()).max(0) / 1_000_000;
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
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
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("Ada \u{1b}[31m\u{202e}\n"), "Ada \\u{1b}[31m\\u{202e}\\n");
        assert_eq!(printable("Müller"), "Müller");
    }
}
