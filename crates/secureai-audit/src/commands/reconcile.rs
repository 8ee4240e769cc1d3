//! `reconcile`: what Open WebUI has, against what the log tells. Names what is missing on either side, and records the
//! result.

mod lists;
mod log;
mod report;

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use audit_event::{Clock, Timestamp};
use audit_gateway::upstream;
use audit_pipeline::sources::openwebui::inventory::{Comparison, Kind, Range, compare};
use audit_query::params;

use self::lists::Inventory;
use super::{Context, UsageError};
use crate::{
    api::Api,
    cli::{ObjectKind, ReconcileArgs},
    clock::SystemClock,
    filters::{age_micros, zone},
    interrupt::Interrupt,
    platform::Platform,
};

/// What was compared, and what came of it.
struct Outcome {
    upstream: String,
    range: Range,
    comparison: Comparison,
    /// Kinds that were asked for and could not be read, and why.
    unread: Vec<(Kind, String)>,
    /// What makes the result doubtful, though something could be read.
    doubts: Vec<String>,
}

impl Outcome {
    /// Whether everything asked for could be compared, and agrees.
    fn is_complete(&self) -> bool {
        self.unread.is_empty() && self.comparison.values().all(|tally| tally.agrees())
    }
}

/// Compares, prints and records.
pub(crate) async fn run(context: &Context, args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    let zone = zone(args.tz.as_deref())?;
    let range = range(args, &zone, SystemClock.now())?;
    let token = token(args)?;
    let platform = platform(context, args)?;
    let mut interrupt = Interrupt::listen()?;
    let api = context.api()?;
    let kinds = kinds(args);
    let done = tokio::select! {
        done = reconcile(&platform, &token, &api, &kinds, range) => done,
        () = interrupt.wait() => Err(anyhow::anyhow!("stopped before the end: nothing was compared")),
    };
    let finished = match done {
        Ok(outcome) => {
            let printed = report::print(context, args, &outcome, &zone);
            let recorded = report::record(&api, context, &outcome).await;
            printed.and(recorded).map(|()| outcome.is_complete())
        }
        Err(error) => Err(error),
    };
    api.close().await?;
    Ok(if finished? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn reconcile(
    platform: &Platform,
    token: &str,
    api: &Api,
    kinds: &[Kind],
    range: Range,
) -> anyhow::Result<Outcome> {
    let Inventory { objects, unread, doubts } = lists::read(platform, token, kinds).await?;
    let compared: Vec<Kind> =
        kinds.iter().copied().filter(|kind| unread.iter().all(|(unread, _)| unread != kind)).collect();
    let mut claims = log::claims(api, range).await?;
    let users = compared.contains(&Kind::User);
    if users {
        log::first_sign_ins(api, &objects, range, &mut claims).await?;
    }
    let comparison = compare(&compared, &objects, &claims, range);
    Ok(Outcome { upstream: platform.url().to_owned(), range, comparison, unread, doubts })
}

/// The kinds to compare.
fn kinds(args: &ReconcileArgs) -> Vec<Kind> {
    if args.only.is_empty() {
        return Kind::ALL.to_vec();
    }
    Kind::ALL.into_iter().filter(|kind| args.only.iter().any(|only| only.kind() == *kind)).collect()
}

impl ObjectKind {
    fn kind(self) -> Kind {
        match self {
            Self::Users => Kind::User,
            Self::Chats => Kind::Chat,
            Self::Files => Kind::File,
            Self::Knowledge => Kind::Knowledge,
            Self::Groups => Kind::Group,
        }
    }
}

/// The span of time that the flags name; up to now without `--to`.
fn range(args: &ReconcileArgs, zone: &jiff::tz::TimeZone, now: Timestamp) -> anyhow::Result<Range> {
    let moment = |flag: &str, text: &str| {
        if let Some(age) = age_micros(text) {
            let at = Timestamp::from_micros(now.as_micros().saturating_sub(age));
            return Ok(params_range(at));
        }
        params::moment(text, zone, Some(now))
            .map_err(|problem| UsageError::new(format!("{flag} {text}: {problem}")))
    };
    let from = moment("--from", &args.from)?.from;
    let to = match &args.to {
        Some(text) => {
            let span = moment("--to", text)?;
            // A day's end is the first moment of the next.
            if span.to > span.from { Timestamp::from_micros(span.to.as_micros() - 1) } else { span.to }
        }
        None => now,
    };
    if from > to {
        return Err(UsageError::new("--from is later than --to").into());
    }
    Ok(Range { from, to })
}

fn params_range(at: Timestamp) -> audit_query::question::TimeRange {
    audit_query::question::TimeRange { from: at, to: at }
}

/// The Open WebUI of `--upstream`, or of the configuration.
fn platform(context: &Context, args: &ReconcileArgs) -> anyhow::Result<Platform> {
    let configured = context.config()?.config.gateway;
    let upstream = match &args.upstream {
        Some(url) => upstream::Config { ca_file: configured.upstream_ca_file, ..upstream::Config::new(url) },
        None => configured.upstream().ok_or_else(|| {
            UsageError::new("--upstream http://HOST:PORT is missing: where does Open WebUI itself listen?")
        })?,
    };
    Platform::build(&upstream).map_err(|error| UsageError::new(format!("--upstream: {error:#}")).into())
}

/// Open WebUI's token.
fn token(args: &ReconcileArgs) -> anyhow::Result<String> {
    let token = match (&args.token_file, &args.token) {
        (Some(file), _) => read_token(file)?,
        (None, Some(token)) => token.clone(),
        (None, None) => {
            return Err(UsageError::new(
                "--token is missing: a session token or API key of one of Open WebUI's administrators, also in OPENWEBUI_TOKEN or --token-file FILE",
            )
            .into());
        }
    };
    let token = token.trim().to_owned();
    if token.is_empty() {
        bail!("Open WebUI's token is empty");
    }
    Ok(token)
}

fn read_token(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: Option<&str>) -> anyhow::Result<(String, String)> {
        let args =
            ReconcileArgs { from: from.to_owned(), to: to.map(str::to_owned), ..ReconcileArgs::default() };
        let now = Timestamp::parse_rfc3339("2026-03-10T12:00:00Z").unwrap();
        let range = range(&args, &jiff::tz::TimeZone::UTC, now)?;
        Ok((range.from.to_string(), range.to.to_string()))
    }

    #[test]
    fn days_are_whole_and_ages_count_back() {
        let day = span("2026-03-01", Some("2026-03-02")).unwrap();
        assert_eq!(day, ("2026-03-01T00:00:00.000000Z".into(), "2026-03-02T23:59:59.999999Z".into()));
        let week = span("7d", None).unwrap();
        assert_eq!(week, ("2026-03-03T12:00:00.000000Z".into(), "2026-03-10T12:00:00.000000Z".into()));
    }

    #[test]
    fn what_is_no_span_of_time_is_refused() {
        for (from, to) in [("soon", None), ("2026-03-02", Some("2026-03-01")), ("1h", Some("2h"))] {
            assert!(span(from, to).unwrap_err().is::<UsageError>(), "{from}");
        }
    }
}
