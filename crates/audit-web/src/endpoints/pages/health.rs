//! `GET /audit/health`: whether events come, are kept and are found, and what to do where not.

mod room;
mod sources;

use askama::Template;
use audit_event::Timestamp;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::tz::TimeZone;

use super::frame::Frame;
use super::{rendered, time};
use crate::checks::{self, Finding, Level};
use crate::figures::{ago, bytes, count};
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;
use crate::surroundings::Status;
use room::Room;
use sources::Line;

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    zone: TimeZone,
    now: Timestamp,
    started: Timestamp,
    findings: Vec<Finding>,
    sources: Vec<Line>,
    followers: Vec<Follower>,
    queues: Vec<(&'static str, String, &'static str)>,
    room: Room,
}

/// What consumes events.
struct Follower {
    name: &'static str,
    about: &'static str,
    lag: u64,
    state: String,
}

/// Answers with the page. The platform is asked: this takes as long as its answer.
pub(crate) async fn handle(State(state): State<AppState>, frame: Frame, reader: Reader) -> Result<Response> {
    let (mut findings, status) = checks::all(&state, &reader).await?;
    // What is wrong comes first.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let is_whole = !reader.is_limited();
    let page = state.ask(move |state, budget| {
        Ok(HealthPage {
            zone: frame.time_zone(),
            now: state.now(),
            started: state.started(),
            findings,
            sources: sources::lines(state, &status, &reader, budget)?,
            followers: followers(state, &status),
            queues: queues(state, &status),
            room: Room::of(state, budget)?,
            frame,
        })
    });
    let mut page = page.await?;
    if is_whole {
        state.silence().keep(page.silent(), state.now());
        page.frame.silent = page.silent();
    }
    Ok(rendered(StatusCode::OK, &page.frame, &page))
}

fn followers(state: &AppState, status: &Status) -> Vec<Follower> {
    let index = state.index().status();
    let state_of_index = match (&index.failing, &index.rebuilt) {
        (Some(failing), _) => format!("fails for {} s", failing.elapsed.as_secs()),
        (None, Some(_)) if index.lag > 0 => "being made anew".to_owned(),
        _ => format!(
            "{} of {} events can be found",
            count(index.searchable),
            count(state.ledger().size().get())
        ),
    };
    let tails = state.config().max_streams.saturating_sub(state.streams().available_permits());
    let mut followers = vec![
        Follower {
            name: "Index",
            about: "search, statistics, exports",
            lag: index.lag,
            state: state_of_index,
        },
        Follower {
            name: "Live tails",
            about: "readers who watch events as they come",
            lag: 0,
            state: format!("{tails} open"),
        },
    ];
    if let Some(file) = status.sources.as_ref().and_then(|sources| sources.audit_file.as_ref()) {
        followers.push(Follower {
            name: "Audit file",
            about: "Open WebUI's audit.log, as far as it was read",
            lag: 0,
            state: format!("{} to go", bytes(file.lag_bytes)),
        });
    }
    followers
}

/// What waits, and for what.
fn queues(state: &AppState, status: &Status) -> Vec<(&'static str, String, &'static str)> {
    let stats = state.ledger().stats();
    let jobs = |workers: usize| format!("{} waiting", count(workers as u64));
    let mut queues = vec![
        ("Recording", format!("{} waiting", bytes(stats.queued_bytes)), "batches on their way to the disk"),
        ("Uploads", jobs(state.encoders().queued()), "requests with many events"),
        ("Questions", jobs(state.queries().queued()), "lists, counts, statistics, pages"),
        ("Exports", jobs(state.exports().queued()), "answers that take long"),
    ];
    if let Some(recorder) = &status.gateways.recorder {
        let found = format!(
            "{} waiting, {} in the journal, {} dropped",
            count(recorder.waiting),
            count(recorder.journalled),
            count(recorder.dropped)
        );
        queues.push(("Gateway", found, "what passed and is to be recorded"));
    }
    if let Some(sources) = &status.sources {
        queues.push(("Sightings", format!("{} held", count(sources.held)), "wait for the gateway's own"));
    }
    queues
}

impl HealthPage {
    /// The worst that there is to say; a source that brings no events is as bad as a bad check.
    fn worst(&self) -> Level {
        let worst = self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
        if self.silent() > 0 { Level::Bad } else { worst }
    }

    /// Sources that have fallen silent.
    fn silent(&self) -> usize {
        self.sources.iter().filter(|source| source.is_silent).count()
    }

    /// Findings of this level.
    fn number_of(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    fn time(&self, time: &Timestamp) -> String {
        time::in_full(&time.to_string(), &self.zone)
    }

    fn ago(&self, time: &Timestamp) -> String {
        ago(*time, self.now)
    }

    /// A finding's level in a word.
    fn word(&self, level: Level) -> &'static str {
        match level {
            Level::Good => "good",
            Level::Warning => "look",
            Level::Bad => "bad",
        }
    }

    /// The mark that it is shown with.
    fn mark(&self, level: Level) -> &'static str {
        match level {
            Level::Good => "success",
            Level::Warning => "warning",
            Level::Bad => "failure",
        }
    }
}
