//! What a server says of its gateways and sources.

use audit_event::Timestamp;

use super::{Finding, bad, good, warning};
use crate::figures::{ago, bytes, count};
use crate::surroundings::{AuditFile, Provider, Recorder, SourcesStatus, Status, Upstream};

/// The Open WebUI that the table of routes was made for.
const VERSION: &str = "0.12.4";
/// The versions that have its routes.
const SERIES: &str = "0.12.";
/// How far clocks may be apart, in milliseconds; answers tell whole seconds.
const CLOSE_MS: u64 = 2_000;
/// Bytes of the audit file that may wait for a moment.
const USUAL_LAG: u64 = 1 << 20;

/// Emergency access that is on is an open window.
pub(super) fn emergency(is_on: bool) -> Option<Finding> {
    let advice = "`break-glass off` when it is not needed: whoever knows the password may do everything";
    is_on.then(|| warning("emergency access", "is on", advice))
}

/// What there is to say of them.
pub(super) fn findings(status: &Status) -> Vec<Finding> {
    let gateways = &status.gateways;
    let mut findings: Vec<Finding> = emergency(status.break_glass).into_iter().collect();
    if let Some(upstream) = &gateways.upstream {
        findings.push(platform(upstream));
        findings.extend(clocks(upstream));
    }
    findings.extend(gateways.recorder.as_ref().map(recorder));
    findings.extend(gateways.models.iter().map(provider));
    if let Some(sources) = &status.sources {
        findings.extend(sources.audit_file.as_ref().map(|file| audit_file(file, status.now)));
        findings.extend(webhook_clock(sources));
        if sources.refused > 0 {
            findings.push(warning(
                "sources",
                format!(
                    "{} events of webhooks or the audit file could not be recorded",
                    count(sources.refused)
                ),
                "see the server's log",
            ));
        }
    }
    findings
}

/// Whether Open WebUI answers, and as the version that we know.
fn platform(upstream: &Upstream) -> Finding {
    const SUBJECT: &str = "Open WebUI";
    let url = &upstream.url;
    if let Some(error) = &upstream.error {
        let advice = "start it, or correct gateway.upstream; until then users get 502, and nothing is recorded but that";
        return bad(SUBJECT, format!("{url} does not answer: {error}"), advice);
    }
    match upstream.version.as_deref() {
        None => warning(
            SUBJECT,
            format!("{url} answers, but not as Open WebUI does"),
            "gateway.upstream must be the address of Open WebUI itself",
        ),
        Some(version) if version.starts_with(SERIES) => {
            good(SUBJECT, format!("{version} at {url}, {} ms", upstream.took_ms))
        }
        Some(version) => warning(
            SUBJECT,
            format!("{} at {url}", crate::figures::printable(version)),
            format!(
                "the table of routes was made for {VERSION}: what other versions added or moved is recorded as api.request; see docs/ROUTES.md"
            ),
        ),
    }
}

fn clocks(upstream: &Upstream) -> Option<Finding> {
    let ahead = upstream.clock_ahead_ms?;
    let apart = ahead.unsigned_abs();
    if apart <= CLOSE_MS {
        return Some(good("clocks", "Open WebUI's and ours agree to the second or two"));
    }
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let found = format!("Open WebUI's is {} s {which} ours", count(apart / 1_000));
    let advice = "keep both with NTP: sightings of one fact are matched by their times (sources.clock_window_ms), and `reconcile` compares them";
    Some(warning("clocks", found, advice))
}

fn recorder(recorder: &Recorder) -> Finding {
    let found = format!(
        "{} in the queue, {} in the journal, {} dropped since the start",
        count(recorder.waiting),
        count(recorder.journalled),
        count(recorder.dropped)
    );
    if recorder.dropped > 0 {
        let advice = "the queue was full: the disk is too slow or was full; each loss is an event, ledger.events_dropped";
        return warning("gateway's queue", found, advice);
    }
    good("gateway's queue", found)
}

fn provider(provider: &Provider) -> Finding {
    const SUBJECT: &str = "model gateway";
    let Provider { name, calls, with_usage, without_usage, failed, unproven } = provider;
    let found = format!(
        "{name}: {} calls since the start, {} with tokens, {} without, {} failed, {} for whom is not proven",
        count(*calls),
        count(*with_usage),
        count(*without_usage),
        count(*failed),
        count(*unproven)
    );
    if *without_usage > 0 {
        let advice = "the provider tells no usage for them: set ask_for_usage = true for it if it is off; some providers send none when they stream";
        return warning(SUBJECT, found, advice);
    }
    if *unproven > 0 {
        let advice = "Open WebUI must send its user headers (ENABLE_FORWARD_USER_INFO_HEADERS=true), from a network in models.callers or with models.secret";
        return warning(SUBJECT, found, advice);
    }
    if *failed > 0 && *with_usage == 0 {
        return warning(SUBJECT, found, "every call failed: are the provider's address and key right?");
    }
    good(SUBJECT, found)
}

fn audit_file(file: &AuditFile, now: Timestamp) -> Finding {
    const SUBJECT: &str = "audit file";
    let path = &file.path;
    if let Some(error) = &file.last_error {
        return bad(SUBJECT, format!("{path}: {error}"), "may this server read it?");
    }
    if !file.is_open {
        let advice = "does Open WebUI write it? ENABLE_AUDIT_LOGS_FILE=true, AUDIT_LOG_LEVEL=METADATA, AUDIT_LOGS_FILE_PATH; and is it mounted here?";
        return bad(SUBJECT, format!("{path} is not there"), advice);
    }
    let last = file.last_line.map_or_else(|| "none since the start".to_owned(), |time| ago(time, now));
    let found =
        format!("{path}: at byte {}, {} to go, last line {last}", count(file.offset), bytes(file.lag_bytes));
    if file.lost_file {
        let advice = "it was replaced while this server was down, and the end of the old one is gone: `import` the old file if it was kept";
        return warning(SUBJECT, found, advice);
    }
    if file.skipped > 0 {
        let found = format!("{found}; {} lines could not be read", count(file.skipped));
        return warning(
            SUBJECT,
            found,
            "they are no lines of Open WebUI's audit file: does something else write it?",
        );
    }
    if file.lag_bytes > USUAL_LAG {
        return warning(
            SUBJECT,
            found,
            "it is read as fast as the ledger takes events: look again in a minute",
        );
    }
    good(SUBJECT, found)
}

/// Webhooks tell when something happened by Open WebUI's clock, in whole seconds.
fn webhook_clock(sources: &SourcesStatus) -> Option<Finding> {
    let delay = sources.webhook_delay_ms?;
    let is_early = delay < -(CLOSE_MS.cast_signed());
    is_early.then(|| {
        warning(
            "clocks",
            format!("the last webhook event came {} s before it happened", delay.unsigned_abs() / 1_000),
            "Open WebUI's clock is ahead of ours: keep both with NTP",
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::surroundings::Gateways;

    use super::*;
    use crate::checks::Level::{self, Bad, Good, Warning};

    fn status() -> Status {
        let now = Timestamp::from_micros(1_795_435_200_000_000);
        Status {
            version: String::new(),
            started: now,
            now,
            break_glass: false,
            gateways: Gateways::default(),
            sources: None,
        }
    }

    fn with_upstream(upstream: Upstream) -> Vec<(Level, String)> {
        let status =
            Status { gateways: Gateways { upstream: Some(upstream), ..Gateways::default() }, ..status() };
        said(&status)
    }

    fn said(status: &Status) -> Vec<(Level, String)> {
        findings(status).into_iter().map(|it| (it.level, format!("{}: {}", it.finding, it.advice))).collect()
    }

    fn upstream() -> Upstream {
        Upstream {
            url: "http://chat:8080".to_owned(),
            version: Some(VERSION.to_owned()),
            ..Upstream::default()
        }
    }

    #[test]
    fn no_gateway_has_nothing_wrong() {
        assert_eq!(said(&status()), []);
    }

    #[test]
    fn open_webui_is_looked_at() {
        let first = |upstream| with_upstream(upstream).remove(0);
        assert_eq!(first(upstream()).0, Good);
        let newer = first(Upstream { version: Some("0.13.0".to_owned()), ..upstream() });
        assert!(newer.0 == Warning && newer.1.contains("made for 0.12.4"), "{newer:?}");
        assert_eq!(first(Upstream { version: None, ..upstream() }).0, Warning);
        let down = first(Upstream { error: Some("refused".to_owned()), ..upstream() });
        assert!(down.0 == Bad && down.1.contains("gateway.upstream"), "{down:?}");
    }

    #[test]
    fn clocks_that_differ_are_told() {
        let apart = |ms| with_upstream(Upstream { clock_ahead_ms: Some(ms), ..upstream() }).remove(1);
        assert_eq!([apart(1_400).0, apart(-1_400).0], [Good; 2]);
        assert!(apart(61_000).1.contains("61 s ahead of ours"), "{:?}", apart(61_000));
        assert!(apart(-61_000).1.contains("61 s behind ours"));
    }

    #[test]
    fn dropped_events_are_told() {
        let of = |dropped| {
            let recorder = Some(Recorder { dropped, ..Recorder::default() });
            said(&Status { gateways: Gateways { recorder, ..Gateways::default() }, ..status() }).remove(0)
        };
        assert_eq!([of(0).0, of(3).0], [Good, Warning]);
    }

    #[test]
    fn a_provider_that_counts_nothing_says_what_to_set() {
        let of = |provider: Provider| {
            let provider = Provider { name: "local".to_owned(), calls: 5, ..provider };
            let gateways = Gateways { models: vec![provider], ..Gateways::default() };
            said(&Status { gateways, ..status() }).remove(0)
        };
        assert_eq!(of(Provider { with_usage: 5, ..Provider::default() }).0, Good);
        let silent = of(Provider { without_usage: 5, ..Provider::default() });
        assert!(silent.0 == Warning && silent.1.contains("ask_for_usage"), "{silent:?}");
        let unproven = of(Provider { with_usage: 5, unproven: 5, ..Provider::default() });
        assert!(unproven.1.contains("ENABLE_FORWARD_USER_INFO_HEADERS"), "{unproven:?}");
    }

    #[test]
    fn an_audit_file_that_is_not_there_is_bad() {
        let of = |file: AuditFile| {
            let sources = SourcesStatus { audit_file: Some(file), ..SourcesStatus::default() };
            said(&Status { sources: Some(sources), ..status() }).remove(0)
        };
        let open = AuditFile { is_open: true, offset: 10, ..AuditFile::default() };
        assert_eq!(of(open.clone()).0, Good);
        let missing = of(AuditFile::default());
        assert!(missing.0 == Bad && missing.1.contains("ENABLE_AUDIT_LOGS_FILE"), "{missing:?}");
        assert_eq!(of(AuditFile { lost_file: true, ..open.clone() }).0, Warning);
        assert_eq!(of(AuditFile { skipped: 2, ..open.clone() }).0, Warning);
        assert_eq!(of(AuditFile { last_error: Some("denied".to_owned()), ..open }).0, Bad);
    }
}
