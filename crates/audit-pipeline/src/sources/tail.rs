//! Open WebUI's audit file, followed as it grows.
//!
//! A thread of its own looks at the file a few times a second. What it reads goes to the
//! [`Sightings`](super::openwebui::sightings); only when that says that it is durable is the position saved. So after a
//! crash some lines are read again, none is left out, and each is recognised by its id. While the ledger does not take
//! events the file waits, and is asked again ever more seldom.

mod file;
mod position;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use audit_event::{Actor, ActorType, Clock, Event, Json, Outcome, Source, Target, Timestamp};
use parking_lot::{Condvar, Mutex};
use sha2::{Digest as _, Sha256};

use self::file::{Chunk, GrowingFile};
use self::position::Position;
use super::openwebui::audit_file;
use super::openwebui::sightings::{Error, Sightings};
use super::openwebui::table::RouteTable;
use crate::Intake;

/// The first and the longest wait when the ledger does not take events or the file cannot be read.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Which file to follow.
#[derive(Clone)]
pub struct Config {
    /// The file; it need not be there yet.
    pub path: PathBuf,
    /// Where the position is saved.
    pub position: PathBuf,
    /// How often to look for more.
    pub poll: Duration,
    /// The table of the gateway in front of Open WebUI, if there is one. The file has every request that may change
    /// something: of those that the gateway's table leaves out, only refusals are taken.
    pub table: Option<Arc<RouteTable>>,
}

impl Config {
    /// Looks four times a second.
    #[must_use]
    pub const fn new(path: PathBuf, position: PathBuf) -> Self {
        Self { path, position, poll: Duration::from_millis(250), table: None }
    }
}

/// Figures for health and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// Whether it was found.
    pub is_open: bool,
    /// Bytes of it that were taken.
    pub offset: u64,
    /// Bytes that were not yet.
    pub lag_bytes: u64,
    /// Lines taken since the start.
    pub lines: u64,
    /// Lines since the start that are no entries of an audit file, or too long to be read.
    pub skipped: u64,
    /// When a line was last taken.
    pub last_line: Option<Timestamp>,
    /// New files that took its place, since the start.
    pub rotations: u64,
    /// How often it was cut to nothing, since the start.
    pub truncations: u64,
    /// Whether the file that was read before the start was gone.
    pub lost_file: bool,
    /// What keeps it from going on, if anything does.
    pub last_error: Option<String>,
}

/// A file that is being followed.
pub struct Tail {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    status: Mutex<Status>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

struct Worker {
    config: Config,
    file: GrowingFile,
    sightings: Sightings,
    intake: Intake,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

impl Tail {
    /// Starts following.
    ///
    /// # Errors
    /// When the saved position cannot be read, or the system gives no thread.
    pub fn start(
        config: Config,
        sightings: Sightings,
        intake: Intake,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let saved = Position::load(&config.position)?;
        let status = Status { path: config.path.clone(), ..Status::default() };
        let shared =
            Arc::new(Shared { status: Mutex::new(status), stopped: Mutex::new(false), stop: Condvar::new() });
        let file = GrowingFile::new(config.path.clone(), saved);
        let mut worker = Worker { config, file, sightings, intake, clock, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("audit-file".to_owned()).spawn(move || worker.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Figures for health and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.lock().clone()
    }

    /// Ends; what was taken is durable and the position saved.
    pub fn stop(&self) {
        *self.shared.stopped.lock() = true;
        self.shared.stop.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic was reported by the panic hook; the position is that of the last durable line.
            let _ = thread.join();
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Waits; true when it is time to end.
    fn wait(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.stop.wait_for(&mut stopped, time);
        }
        *stopped
    }
}

impl Worker {
    fn run(&mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let pause = match self.step() {
                Ok(true) => Duration::ZERO,
                Ok(false) => self.config.poll,
                Err(Stop::Closed) => return,
                Err(Stop::Trouble(error)) => {
                    self.shared.status.lock().last_error = Some(error);
                    wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                    wait
                }
            };
            if pause <= self.config.poll {
                wait = FIRST_WAIT;
                self.shared.status.lock().last_error = None;
            }
            if self.shared.wait(pause) {
                return;
            }
        }
    }

    /// Takes what there is; whether there was anything.
    fn step(&mut self) -> Result<bool, Stop> {
        let chunk = self.file.next();
        self.note_progress();
        let Some(chunk) = chunk? else { return Ok(false) };
        self.take(&chunk)?;
        if let Some(position) = self.file.taken(&chunk)? {
            position.save(&self.config.position)?;
        }
        self.note_progress();
        Ok(true)
    }

    fn take(&mut self, chunk: &Chunk) -> Result<(), Stop> {
        let mut events = Vec::new();
        let mut skipped = chunk.too_long;
        for line in chunk.lines() {
            match audit_file::read(line) {
                Ok(event) if !self.is_of_interest(&event) => {}
                Ok(mut event) => {
                    event.id.get_or_insert_with(|| id_of(line).into());
                    events.push(event);
                }
                Err(_) => skipped += 1,
            }
        }
        let lines = events.len() as u64;
        if lines > 0 {
            let receipt = self.sightings.take(events)?;
            skipped += receipt.refused;
        }
        let mut status = self.shared.status.lock();
        status.lines += lines;
        if lines > 0 {
            status.last_line = Some(self.clock.now());
        }
        drop(status);
        if skipped > 0 {
            self.tell_of_skipped(skipped, chunk.too_long);
        }
        Ok(())
    }

    fn is_of_interest(&self, event: &Event<'_>) -> bool {
        let Some(table) = self.config.table.as_ref().filter(|_| event.outcome != Outcome::Denied) else {
            return true;
        };
        let method = event.http.as_ref().and_then(|http| http.method.as_deref()?.parse().ok());
        let path = event.http.as_ref().and_then(|http| http.path.as_deref());
        // A line of token usage has no request.
        method.zip(path).is_none_or(|(method, path)| table.plan(&method, path).is_recorded)
    }

    /// A line that cannot be read may have been somebody's deed: that there was one is on the record. `too_long` of the
    /// lines were too long.
    fn tell_of_skipped(&self, skipped: u64, too_long: u64) {
        self.shared.status.lock().skipped += skipped;
        let mut event = Event::new("source.lines_skipped", Source::Internal);
        event.outcome = Outcome::Failure;
        event.actor = Some(Actor {
            kind: Some(ActorType::System),
            name: Some("secureai-audit".into()),
            ..Actor::default()
        });
        let offset = self.file.progress().map_or(0, |(offset, _)| offset);
        let name = self.config.path.display().to_string();
        event.message = Some(format!("{skipped} lines of {name} could not be read").into());
        event.target = Some(Target {
            kind: Some("source".into()),
            id: Some("audit_file".into()),
            name: Some(name.into()),
        });
        let mut details = vec![("lines", skipped), ("from_byte", offset)];
        details.extend((too_long > 0).then_some(("too_long", too_long)));
        event.details = Some(Json::object(details));
        // The count stays in the status when the ledger does not take it now.
        let _ = self.intake.record_internal(event);
    }

    fn note_progress(&self) {
        let progress = self.file.progress();
        let counts = self.file.counts;
        let mut status = self.shared.status.lock();
        status.is_open = progress.is_some();
        let (offset, length) = progress.unwrap_or_default();
        status.offset = offset;
        status.lag_bytes = length.saturating_sub(offset);
        status.rotations = counts.rotations;
        status.truncations = counts.truncations;
        status.lost_file = counts.lost_files > 0;
    }
}

enum Stop {
    Closed,
    Trouble(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Trouble(error.to_string())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Closed => Self::Closed,
            other => Self::Trouble(other.to_string()),
        }
    }
}

/// The id of a line that has none: the same line always has the same.
fn id_of(line: &[u8]) -> String {
    let hash = Sha256::digest(line);
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("line-{hex}")
}
