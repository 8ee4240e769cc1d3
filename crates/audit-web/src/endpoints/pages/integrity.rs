//! `GET /audit/integrity`: whether what is recorded is whole and unaltered, and what is known to be missing.

mod gaps;

use askama::Template;
use audit_control::KeptCheckpoint;
use audit_event::Timestamp;
use audit_query::question::Budget;
use audit_tlog::Note;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::tz::TimeZone;

use super::chart::Sparkline;
use super::form::{self, Form};
use super::frame::Frame;
use super::{grouped, refused, rendered, see, time};
use crate::endpoints::verifications::View as Check;
use crate::figures::{count, printable};
use crate::locale::decimals;
use crate::problem::{Code, Result};
use crate::reader::Reader;
use crate::router::PREFIXES;
use crate::state::AppState;
use crate::verifications;
use crate::visitor::Visitor;
use gaps::Gap;

const HERE: &str = "/audit/integrity";
/// Checks that are listed at once; the others are behind a click.
const LISTED: usize = 10;
/// Checkpoints that the chart and its table show at most.
const POINTS: usize = 200;

#[derive(Template)]
#[template(path = "integrity.html")]
struct IntegrityPage {
    frame: Frame,
    zone: TimeZone,
    /// Events recorded.
    size: u64,
    checkpoint: Option<Head>,
    running: Option<Check>,
    last: Option<Check>,
    /// What speaks against its verdicts.
    doubts: Vec<String>,
    next: Option<Timestamp>,
    checks: Vec<Check>,
    points: Vec<KeptCheckpoint>,
    gaps: Vec<Gap>,
    api: &'static str,
}

/// The newest checkpoint.
struct Head {
    origin: String,
    size: u64,
    root: String,
    /// About when it was signed.
    signed: Option<Timestamp>,
    /// Name and id of the key that signed it.
    keys: Vec<(String, String)>,
    note: String,
}

/// Answers with the page.
pub(crate) async fn handle(State(state): State<AppState>, frame: Frame, reader: Reader) -> Result<Response> {
    let page = state.ask(move |state, budget| show(state, frame, &reader, budget)).await?;
    Ok(rendered(StatusCode::OK, &page.frame, &page))
}

/// Begins a check, and comes back to the page; where one runs already, that is shown.
pub(crate) async fn verify(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    form: Form,
) -> Result<Response> {
    if !frame.is_own_form(&form) {
        return Ok(refused(&frame, &form::not_theirs()));
    }
    let begun = state.work(move |state| verifications::start(state, Some(&visitor)).map(drop));
    Ok(match begun.await {
        Err(problem) if problem.code() != Code::VerificationRunning => refused(&frame, &problem),
        _ => see(HERE),
    })
}

/// Breaks a check off, and comes back to the page.
pub(crate) async fn cancel(
    State(state): State<AppState>,
    frame: Frame,
    visitor: Visitor,
    form: Form,
) -> Response {
    if frame.is_own_form(&form)
        && let Ok(id) = form.get("id").parse()
    {
        // One that has ended meanwhile needs no breaking off.
        let _ = state.verifications().cancel(id, &visitor);
    }
    see(HERE)
}

fn show(state: &AppState, frame: Frame, reader: &Reader, budget: &Budget) -> Result<IntegrityPage> {
    let control = state.control();
    let zone = frame.time_zone();
    let mut checks: Vec<Check> =
        control.verifications()?.into_iter().map(|check| Check::new(check, state)).collect();
    let running = checks.iter().position(Check::is_running).map(|at| checks.remove(at));
    let last = control.last_full_verification()?.map(|check| Check::new(check, state));
    let mut points = control.checkpoints(u32::MAX)?;
    points.reverse();
    let points = thinned(points);
    Ok(IntegrityPage {
        zone,
        size: state.ledger().size().get(),
        checkpoint: Head::of(state),
        running,
        last,
        doubts: verifications::doubts(state)?,
        next: verifications::next(state)?,
        checks,
        points,
        gaps: gaps::find(state, reader, budget)?,
        api: PREFIXES[0],
        frame,
    })
}

/// At most so many of them as a chart can show; the last one is always among them.
fn thinned(points: Vec<KeptCheckpoint>) -> Vec<KeptCheckpoint> {
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(at, _)| at.is_multiple_of(step) || *at == last)
        .map(|(_, point)| point)
        .collect()
}

impl Head {
    fn of(state: &AppState) -> Option<Self> {
        let bytes = state.ledger().checkpoint();
        let note = Note::parse(&bytes).ok()?;
        let mut lines = note.text().lines();
        let origin = lines.next()?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let root = lines.next()?.to_owned();
        let keys = note.signatures().iter().map(|by| (by.name().to_string(), by.id().to_string()));
        let keys = keys.collect();
        let modified =
            std::fs::metadata(state.premises().ledger.join("checkpoint")).and_then(|file| file.modified());
        let since_1970 = modified.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let micros = since_1970.and_then(|since| i64::try_from(since.as_micros()).ok());
        let note = String::from_utf8_lossy(&bytes).into_owned();
        Some(Self { origin, size, root, signed: micros.map(Timestamp::from_micros), keys, note })
    }
}

impl IntegrityPage {
    /// The newest checks, and the others.
    fn listed(&self) -> [&[Check]; 2] {
        let (listed, others) = self.checks.split_at(self.checks.len().min(LISTED));
        [listed, others]
    }

    /// How the ledger grew between two checkpoints.
    fn growth(&self, (first, last): &(&KeptCheckpoint, &KeptCheckpoint)) -> Sparkline {
        let points: Vec<_> = self.points.iter().map(|point| (point.time.as_micros(), point.size)).collect();
        let title = format!("Events over time, from {} to {}", grouped(first.size), grouped(last.size));
        Sparkline::steps(title, &points)
    }

    fn time(&self, time: &Timestamp) -> String {
        time::in_full(&time.to_string(), &self.zone)
    }

    /// Events recorded after those that the check covered.
    fn since(&self, entries: &u64) -> u64 {
        self.size.saturating_sub(*entries)
    }

    fn who(&self, check: &Check) -> String {
        check.by.as_ref().map_or_else(|| "the schedule".to_owned(), |by| printable(&by.name))
    }

    /// The first and the last checkpoint, where there are two.
    fn ends(&self) -> Option<(&KeptCheckpoint, &KeptCheckpoint)> {
        let (first, others) = self.points.split_first()?;
        Some((first, others.last()?))
    }

    fn lasting(&self, seconds: &f64) -> String {
        lasting(*seconds)
    }

    /// So many events a second.
    fn a_second(&self, rate: &f64) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, not negative")]
        let whole = rate.max(0.0) as u64;
        format!("{} events/s", count(whole))
    }
}

/// So many seconds in words.
fn lasting(seconds: f64) -> String {
    if seconds < 90.0 {
        return format!("{} s", decimals(&format!("{seconds:.1}")));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole seconds, and not negative"
    )]
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..7_200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_well() {
        let read = [0.04, 12.34, 100.0, 7_260.0].map(lasting);
        assert_eq!(read, ["0.0 s", "12.3 s", "1 min 40 s", "2 h 1 min"]);
    }

    #[test]
    fn a_chart_shows_no_more_points_than_it_can_and_always_the_last() {
        let points = |number: u64| {
            let point = |size| KeptCheckpoint { size, time: Timestamp::from_micros(0), note: String::new() };
            thinned((1..=number).map(point).collect())
        };
        assert_eq!(points(3).len(), 3);
        let many = points(8_784);
        assert!(many.len() <= POINTS + 1);
        assert_eq!((many[0].size, many[many.len() - 1].size), (1, 8_784));
        assert!(points(0).is_empty());
    }
}
