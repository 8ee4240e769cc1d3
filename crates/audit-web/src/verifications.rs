//! Checks of the whole ledger while the server goes on recording: one at a time, in a thread of its own.
//!
//! A check reads every byte again and computes every hash again; it shares no code with the writer. It must not be in
//! the way of recording: its thread has a low priority ([`NICENESS`]), and while events are recorded it rests as long
//! as it works. How it ended is an event, and is remembered in the control database.

pub(crate) mod promised;
mod standing;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use audit_control::{KeptCheckpoint, Verdicts, VerificationOutcome, VerificationState};
use audit_event::{Actor, ActorType, Event, Json, Outcome, Source, Timestamp};
use audit_ledger::disk::RealDisk;
use audit_ledger::fsck::{self, Question, Verdict, fsck};
use audit_pipeline::intake::leaf_of_entry;
use parking_lot::Mutex;

use crate::problem::{Code, Problem, Result};
use crate::state::AppState;
use crate::visitor::Visitor;
pub(crate) use standing::doubts;

/// What is added to the thread's niceness: beside a busy thread of usual priority it gets about a tenth of a core.
const NICENESS: i32 = 10;
/// Longest rest at once: a check must end when it is broken off.
const LONGEST_REST: Duration = Duration::from_millis(250);
/// How often it is looked whether a check is due.
const TICK: Duration = Duration::from_secs(60);
/// The first look; the start itself has enough to do.
const FIRST_TICK: Duration = Duration::from_secs(5);
/// A checkpoint is kept this often, if there is another.
const KEEP_CHECKPOINT_EVERY: i64 = 60 * 60 * 1_000_000;

/// The check that runs, if one does.
#[derive(Default)]
pub(crate) struct Verifications {
    running: Mutex<Option<Arc<Running>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Tests keep a check from going on.
    #[cfg(test)]
    is_held: AtomicBool,
    /// Tests let a check panic.
    #[cfg(test)]
    panics: AtomicBool,
}

/// A check under way.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its number.
    pub id: u64,
    done: AtomicU64,
    total: AtomicU64,
    ends: AtomicBool,
    /// Whether it ends because the server does.
    is_server_ending: AtomicBool,
    /// Who broke it off, as the event about it.
    cancelled: Mutex<Option<Event<'static>>>,
}

impl Running {
    /// Events checked, and events there are to check.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

/// Begins a check; of the schedule where nobody asks for it.
///
/// # Errors
/// [`Code::VerificationRunning`]; when the control database or the system refuses.
pub(crate) fn start(state: &AppState, asker: Option<&Visitor>) -> Result<Arc<Running>> {
    let verifications = state.verifications();
    let mut running = verifications.running.lock();
    if let Some(other) = &*running {
        return Err(already(other.id));
    }
    let by = asker.map(|visitor| (visitor.key().into_owned(), visitor.name().unwrap_or_default().to_owned()));
    let by = by.as_ref().map(|(id, name)| (id.as_str(), name.as_str()));
    let id = state.control().begin_verification(by, state.now())?;
    let begun = Arc::new(Running {
        id,
        done: AtomicU64::new(0),
        total: AtomicU64::new(state.ledger().checkpoint_size().get()),
        ends: AtomicBool::new(false),
        is_server_ending: AtomicBool::new(false),
        cancelled: Mutex::default(),
    });
    let event = asker.map_or_else(of_the_schedule, |visitor| visitor.did("audit.verified"));
    let (worker, check) = (state.clone(), Arc::clone(&begun));
    let thread = std::thread::Builder::new().name("audit-verify".to_owned());
    let thread = thread.spawn(move || run(&worker, &check, event)).map_err(Problem::internal)?;
    // The one before has ended, or nobody would have come this far.
    drop(verifications.thread.lock().replace(thread));
    *running = Some(Arc::clone(&begun));
    Ok(begun)
}

impl Verifications {
    /// The check that runs.
    pub fn running(&self) -> Option<Arc<Running>> {
        self.running.lock().clone()
    }

    /// Breaks a check off, on behalf of a visitor. It ends within a fraction of a second.
    ///
    /// # Errors
    /// [`Code::VerificationOver`] when it does not run.
    pub fn cancel(&self, id: u64, visitor: &Visitor) -> Result<()> {
        let Some(running) = self.running().filter(|running| running.id == id) else {
            let detail = format!("the verification {id} does not run any more");
            return Err(Problem::new(Code::VerificationOver, detail));
        };
        running.cancelled.lock().get_or_insert_with(|| visitor.did("audit.verification_cancelled"));
        running.ends.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends what runs, because the server ends. Blocks for a fraction of a second.
    pub fn finish(&self) {
        if let Some(running) = self.running() {
            running.is_server_ending.store(true, Ordering::Release);
            running.ends.store(true, Ordering::Release);
        }
        self.wait();
    }

    /// Keeps the next check from going on, until it is released.
    #[cfg(test)]
    pub fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::Release);
    }

    /// Lets the next checks panic.
    #[cfg(test)]
    pub fn panic(&self) {
        self.panics.store(true, Ordering::Release);
    }

    /// Waits until the check that was begun last has ended. Blocks.
    pub fn wait(&self) {
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that verifies the ledger panicked");
        }
    }
}

/// Begins a check whenever one is due, and keeps checkpoints; never ends.
pub(crate) async fn keep_schedule(state: &AppState) {
    let worker = state.clone();
    let begun = tokio::task::spawn_blocking(move || worker.control().interrupt_verifications(worker.now()));
    if let Ok(Err(error)) = begun.await {
        tracing::error!(error.message = %error, "earlier verifications cannot be closed");
    }
    let worker = state.clone();
    let compared = tokio::task::spawn_blocking(move || promised::tell(&worker)).await;
    if let Ok(Err(problem)) = compared {
        let detail = problem.detail();
        tracing::error!(error.message = detail, "the ledger cannot be compared with the checkpoints kept");
    }
    tokio::time::sleep(FIRST_TICK).await;
    loop {
        let worker = state.clone();
        let ticked = tokio::task::spawn_blocking(move || tick(&worker)).await;
        if let Ok(Err(problem)) = ticked {
            tracing::error!(error.message = problem.detail(), "no verification could be begun");
        }
        tokio::time::sleep(TICK).await;
    }
}

/// One look at the clock. Blocks.
///
/// # Errors
/// As [`start`], and when the control database cannot be asked.
pub(crate) fn tick(state: &AppState) -> Result<()> {
    let newest = state.control().checkpoints(1)?;
    let is_old =
        |kept: &KeptCheckpoint| state.now().as_micros() - kept.time.as_micros() >= KEEP_CHECKPOINT_EVERY;
    if newest.first().is_none_or(is_old) {
        keep_checkpoint(state)?;
    }
    if state.verifications().running().is_none() && next(state)?.is_some_and(|due| due <= state.now()) {
        start(state, None)?;
    }
    Ok(())
}

/// When the next check is due by itself; none where the schedule is off. Blocks.
///
/// # Errors
/// When the control database cannot be asked.
pub(crate) fn next(state: &AppState) -> Result<Option<Timestamp>> {
    let Some(every) = state.config().verify_every else { return Ok(None) };
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
    // What the server's end cut short does not count as a check; what somebody broke off does, or it would begin anew.
    let all = state.control().verifications()?;
    let last = all.iter().find(|check| check.state != VerificationState::Interrupted);
    let due = last
        .map_or(state.now(), |check| Timestamp::from_micros(check.started.as_micros().saturating_add(every)));
    Ok(Some(due))
}

/// Keeps the newest checkpoint beside the ledger's own, unless the ledger contradicts the largest that was kept: that
/// one must stay the one to compare with.
fn keep_checkpoint(state: &AppState) -> Result<()> {
    if promised::broken(state)?.is_some() {
        return Ok(());
    }
    let (size, note) = (state.ledger().checkpoint_size().get(), state.ledger().checkpoint());
    // The two are read one after the other: the note itself says what it covers.
    let note = String::from_utf8_lossy(&note).into_owned();
    let covers = note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(size);
    if covers > 0 {
        state.control().keep_checkpoint(&KeptCheckpoint { size: covers, time: state.now(), note })?;
    }
    Ok(())
}

fn already(id: u64) -> Problem {
    let detail = format!("the verification {id} runs; one is enough: wait for it, or break it off");
    Problem::new(Code::VerificationRunning, detail).with("id", id)
}

fn of_the_schedule() -> Event<'static> {
    of_ourselves("audit.verified")
}

fn of_ourselves(action: &'static str) -> Event<'static> {
    Event {
        actor: Some(Actor {
            kind: Some(ActorType::System),
            name: Some("secureai-audit".into()),
            ..Actor::default()
        }),
        ..Event::new(action, Source::Internal)
    }
}

/// Whatever happens, the check does not run any more when this is gone.
struct Ends<'a>(&'a AppState, u64);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.verifications().running.lock().take_if(|running| running.id == self.1);
    }
}

/// The check itself, in its thread.
fn run(state: &AppState, running: &Running, event: Event<'static>) {
    let _ends = Ends(state, running.id);
    // Without the low priority it is a check all the same.
    let _ = rustix::process::nice(NICENESS);
    #[cfg(test)]
    while state.verifications().is_held.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    let began = Instant::now();
    // It reads files that may be anything.
    let outcome = catch_unwind(AssertUnwindSafe(|| check(state, running))).unwrap_or_else(|_| {
        VerificationOutcome::Failed("the check itself failed; the server's log says where".to_owned())
    });
    if matches!(outcome, VerificationOutcome::Judged(_)) && keep_checkpoint(state).is_err() {
        tracing::error!("a checkpoint cannot be kept");
    }
    let event = told(event, running, &outcome, began.elapsed());
    if event.outcome != Outcome::Success {
        tracing::warn!(
            verification = running.id,
            outcome = event.outcome.as_str(),
            "a verification of the ledger ended"
        );
    }
    state.activity().record(event);
    // Whoever sees that it has ended may begin another.
    let mut slot = state.verifications().running.lock();
    if let Err(error) = state.control().end_verification(running.id, &outcome, state.now()) {
        tracing::error!(error.message = %error, "the result of a verification cannot be kept");
    }
    *slot = None;
}

fn check(state: &AppState, running: &Running) -> VerificationOutcome {
    #[cfg(test)]
    assert!(!state.verifications().panics.load(Ordering::Acquire), "as the test wants");
    let premises = state.premises();
    let kept = match promised::largest(state) {
        Ok(kept) => kept.map(|(_, checkpoint)| checkpoint),
        Err(problem) => {
            return VerificationOutcome::Failed(format!("the checkpoints kept: {}", problem.detail()));
        }
    };
    let question = Question {
        dir: &premises.ledger,
        leaf_fn: leaf_of_entry,
        keys: &premises.keys,
        external: kept.as_ref(),
        threads: 1,
    };
    let pace = Pace::new(state);
    let report = fsck(&RealDisk, &question, &|done, total| {
        running.done.store(done, Ordering::Relaxed);
        running.total.store(total, Ordering::Relaxed);
        if running.ends.load(Ordering::Acquire) {
            return ControlFlow::Break(());
        }
        pace.rest();
        ControlFlow::Continue(())
    });
    let root = premises.root.display().to_string();
    // Where the data directory is concerns nobody who reads of it.
    let inside = |text: String| {
        let text = text.replace(&format!("{root}/"), "");
        text.strip_prefix("external checkpoint").map_or(text.clone(), |rest| format!("control.db{rest}"))
    };
    match report {
        Ok(report) => VerificationOutcome::Judged(Verdicts {
            entries: report.entries,
            checkpoint: report.checkpoint.as_ref().map(|checkpoint| checkpoint.size().get()),
            root: report.root.map(|root| root.to_string()),
            integrity: findings(&report.integrity).map(inside).collect(),
            completeness: findings(&report.completeness).map(inside).collect(),
        }),
        Err(audit_ledger::Error::Cancelled) if running.is_server_ending.load(Ordering::Acquire) => {
            VerificationOutcome::Interrupted
        }
        Err(audit_ledger::Error::Cancelled) => VerificationOutcome::Cancelled,
        Err(error) => VerificationOutcome::Failed(inside(error.to_string())),
    }
}

fn findings(verdict: &Verdict) -> impl Iterator<Item = String> {
    let found: &[fsck::Finding] = match verdict {
        Verdict::Sound => &[],
        Verdict::Broken(findings) => findings,
    };
    found.iter().map(ToString::to_string)
}

/// Lets recording go first.
struct Pace<'a> {
    state: &'a AppState,
    /// When the last rest ended, and commits until then.
    last: Mutex<(Instant, u64)>,
}

impl<'a> Pace<'a> {
    fn new(state: &'a AppState) -> Self {
        Self { state, last: Mutex::new((Instant::now(), state.ledger().stats().commits)) }
    }

    /// While events are recorded, as long a rest as the work before it took.
    fn rest(&self) {
        let mut last = self.last.lock();
        let commits = self.state.ledger().stats().commits;
        if commits != last.1 {
            std::thread::sleep(last.0.elapsed().min(LONGEST_REST));
        }
        *last = (Instant::now(), commits);
    }
}

/// The event of a check's end.
fn told(
    event: Event<'static>,
    running: &Running,
    outcome: &VerificationOutcome,
    took: Duration,
) -> Event<'static> {
    let mut details = vec![
        ("verification", Json::from(running.id)),
        ("seconds", Json::from(format!("{:.1}", took.as_secs_f64()))),
    ];
    let broken_off = |reason: &'static str, mut event: Event<'static>| {
        event.action = "audit.verification_cancelled".into();
        event.reason = Some(reason.into());
        event.outcome = Outcome::Failure;
        event
    };
    let mut event = match outcome {
        VerificationOutcome::Judged(found) => {
            details.push(("entries", Json::from(found.entries)));
            details.extend(found.checkpoint.map(|size| ("checkpoint", Json::from(size))));
            details.extend(found.root.clone().map(|root| ("root", Json::from(root))));
            let list = |findings: &[String]| {
                Json::Array(findings.iter().take(10).map(|finding| Json::from(finding.clone())).collect())
            };
            if found.is_sound() {
                Event { outcome: Outcome::Success, ..event }
            } else {
                details.push(("integrity", list(&found.integrity)));
                details.push(("completeness", list(&found.completeness)));
                failed(event, "not_sound")
            }
        }
        VerificationOutcome::Cancelled => {
            let by = running.cancelled.lock().take();
            broken_off("cancelled", by.unwrap_or(event))
        }
        VerificationOutcome::Interrupted => broken_off("server_stopped", event),
        VerificationOutcome::Failed(error) => {
            details.push(("error", Json::from(error.clone())));
            failed(event, "unreadable")
        }
    };
    event.details = Some(Json::object(details));
    event
}

fn failed(event: Event<'static>, reason: &'static str) -> Event<'static> {
    Event {
        action: "audit.verification_failed".into(),
        outcome: Outcome::Failure,
        reason: Some(reason.into()),
        ..event
    }
}
