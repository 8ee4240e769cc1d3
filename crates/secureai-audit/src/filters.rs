//! Filter flags as query parameters of the API.

use anyhow::Context as _;
use audit_event::{Clock, Timestamp};

use crate::{
    api::Query,
    cli::{FilterArgs, Order},
    clock::SystemClock,
    commands::UsageError,
};

impl FilterArgs {
    /// The parameters that these flags stand for. Ages (`7d`) become times here: all pages of a list must speak of
    /// the same time.
    pub(crate) fn to_query(&self) -> anyhow::Result<Query> {
        self.to_query_at(SystemClock.now())
    }

    /// [`Self::to_query`], with ages counted back from `now`.
    pub(crate) fn to_query_at(&self, now: Timestamp) -> anyhow::Result<Query> {
        self.query_with(|flag, text| moment(flag, text, now))
    }

    /// The flags as they were typed, to recognise the same command when it is given again.
    pub(crate) fn as_typed(&self) -> anyhow::Result<String> {
        Ok(self.query_with(|_, text| Ok(text.to_owned()))?.suffix())
    }

    fn query_with(&self, time: impl Fn(&str, &str) -> anyhow::Result<String>) -> anyhow::Result<Query> {
        let mut query = Query::default();
        query.add_some("q", self.terms_and_query());
        query.add_some("from", self.from.as_deref().map(|text| time("--from", text)).transpose()?);
        query.add_some("to", self.to.as_deref().map(|text| time("--to", text)).transpose()?);
        query.add_some("user", self.user.as_deref());
        for category in &self.event_type {
            query.add("event_type", category);
        }
        query.add_some("action", self.action.as_deref());
        query.add_some("outcome", self.outcome.as_deref());
        query.add_some("ip", self.ip.as_deref());
        query.add_some("target", self.target.as_deref());
        query.add_some("model", self.model.as_deref());
        query.add_some("tz", self.tz.as_deref());
        Ok(query)
    }

    /// The query text: positional words and `--query` together. A word that the shell has freed of its quotes and
    /// that holds a space gets them back.
    fn terms_and_query(&self) -> Option<String> {
        let mut parts: Vec<String> = match self.terms.as_slice() {
            [whole] => vec![whole.clone()],
            several => several.iter().map(|term| quoted(term)).collect(),
        };
        parts.extend(self.query.clone());
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl Order {
    /// The parameter's value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Desc => "desc",
            Self::Asc => "asc",
        }
    }
}

fn quoted(term: &str) -> String {
    let is_words = term.contains(' ') && !term.contains(['"', ':', '(', ')']);
    if is_words { format!("\"{term}\"") } else { term.to_owned() }
}

/// A time as the API takes it: ages are counted back from `now`, everything else is left to the API.
fn moment(flag: &str, text: &str, now: Timestamp) -> anyhow::Result<String> {
    match age_micros(text) {
        Some(micros) => Ok(Timestamp::from_micros(now.as_micros().saturating_sub(micros)).to_string()),
        None if text == "now" => Ok(now.to_string()),
        None if text.starts_with('-') => {
            Err(UsageError::new(format!("{flag} {text}: an age is written 30m, 24h, 7d or 4w")).into())
        }
        None => Ok(text.to_owned()),
    }
}

/// `30m`, `24h`, `7d`, `4w`, with or without a minus, in microseconds.
pub(crate) fn age_micros(text: &str) -> Option<i64> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let unit = text.chars().last()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    number.checked_mul(seconds)?.checked_mul(1_000_000).filter(|micros| *micros >= 0)
}

/// A time in a time zone, as tables show it: `2026-03-01 14:05:09`.
pub(crate) fn local_time(text: &str, zone: &jiff::tz::TimeZone) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// The time zone of `--tz`; UTC without.
pub(crate) fn zone(name: Option<&str>) -> anyhow::Result<jiff::tz::TimeZone> {
    match name {
        None => Ok(jiff::tz::TimeZone::UTC),
        Some(name) if name.starts_with(['+', '-']) => {
            let offset = jiff::fmt::temporal::DateTimeParser::new()
                .parse_time_zone(name)
                .with_context(|| format!("--tz {name} is no offset such as +02:00"))?;
            Ok(offset)
        }
        Some(name) => jiff::tz::TimeZone::get(name).map_err(|_| {
            UsageError::new(format!("--tz {name} is no time zone such as Europe/Berlin")).into()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix(args: &FilterArgs) -> String {
        args.to_query().unwrap().suffix()
    }

    #[test]
    fn flags_become_parameters_of_the_same_name() {
        let args = FilterArgs {
            user: Some("ada@example.com".to_owned()),
            event_type: vec!["file".to_owned(), "system".to_owned()],
            from: Some("2026-03-01".to_owned()),
            ip: Some("10.0.0.0/8".to_owned()),
            ..FilterArgs::default()
        };
        assert_eq!(
            suffix(&args),
            "?from=2026-03-01&user=ada%40example.com&event_type=file&event_type=system&ip=10.0.0.0%2F8"
        );
        assert_eq!(suffix(&FilterArgs::default()), "");
    }

    #[test]
    fn several_words_are_one_query_and_phrases_keep_their_quotes() {
        let terms =
            ["action:auth.login_failed", "brake rotor", "-outcome:success"].map(str::to_owned).to_vec();
        let args = FilterArgs { terms, query: Some("x".to_owned()), ..FilterArgs::default() };
        let whole = args.terms_and_query().unwrap();
        assert_eq!(whole, "action:auth.login_failed \"brake rotor\" -outcome:success x");
        let one = FilterArgs { terms: vec!["brake rotor".to_owned()], ..FilterArgs::default() };
        assert_eq!(one.terms_and_query().unwrap(), "brake rotor");
    }

    #[test]
    fn ages_count_back_from_now() {
        let now = Timestamp::parse_rfc3339("2026-03-10T12:00:00Z").unwrap();
        assert_eq!(moment("--from", "24h", now).unwrap(), "2026-03-09T12:00:00.000000Z");
        assert_eq!(moment("--from", "-7d", now).unwrap(), "2026-03-03T12:00:00.000000Z");
        assert_eq!(moment("--from", "2026-03-01", now).unwrap(), "2026-03-01");
        assert!(moment("--from", "-7y", now).unwrap_err().is::<UsageError>());
    }

    #[test]
    fn times_are_shown_in_the_zone_asked_for() {
        let shown = |zone_name| local_time("2026-07-01T12:00:00.000000Z", &zone(zone_name).unwrap());
        assert_eq!(shown(None), "2026-07-01 12:00:00");
        assert_eq!(shown(Some("Europe/Berlin")), "2026-07-01 14:00:00");
        assert_eq!(shown(Some("+05:30")), "2026-07-01 17:30:00");
        assert!(zone(Some("Mars/Olympus")).is_err());
    }
}
