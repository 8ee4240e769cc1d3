//! Times as pages show them, before a script writes them as the reader is used to.

use audit_event::Timestamp;
use jiff::tz::TimeZone;

/// A time for a `<time>` element.
pub(crate) struct Time {
    /// RFC 3339, UTC.
    pub machine: String,
    /// In the reader's zone.
    pub local: String,
}

impl Time {
    /// In this zone.
    pub fn of(time: Timestamp, zone: &TimeZone) -> Self {
        let machine = time.to_string();
        Self { local: in_full(&machine, zone), machine }
    }
}

/// Date and time of day in a zone; of a time that cannot be read, the time as it is.
pub(crate) fn local(time: &str, zone: &TimeZone) -> (String, String) {
    match time.parse::<jiff::Timestamp>() {
        Ok(at) => {
            let at = at.to_zoned(zone.clone());
            (at.strftime("%-d %b %Y").to_string(), at.strftime("%H:%M:%S").to_string())
        }
        Err(_) => (time.to_owned(), String::new()),
    }
}

/// Both side by side.
pub(crate) fn in_full(time: &str, zone: &TimeZone) -> String {
    let (date, clock) = local(time, zone);
    format!("{date}, {clock}")
}

/// Both side by side, without seconds.
pub(crate) fn to_the_minute(time: Timestamp, zone: &TimeZone) -> String {
    let (date, clock) = local(&time.to_string(), zone);
    format!("{date}, {}", clock.get(..5).unwrap_or(&clock))
}
