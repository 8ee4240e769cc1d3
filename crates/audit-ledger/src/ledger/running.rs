//! The ledger's threads: how they begin and end, and what happens when one of them panics.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use crate::checkpointer;
use crate::config::Drive;
use crate::core::Core;
use crate::error::{Error, IoContext as _};
use crate::sealer;
use crate::sequencer::{self, Sequencer};

/// The ledger's threads; ends them when the last handle is dropped.
pub(super) struct Running {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Running {
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, threads: Mutex::default() }
    }

    /// Starts the threads, or gets ready to be driven by the caller.
    pub fn start(&self, mut sequencer: Sequencer) -> Result<(), Error> {
        let core = &self.core;
        if core.config.drive == Drive::Caller {
            sequencer.remember(core)?;
            *core.sequencer.lock() = Some(sequencer);
            return Ok(());
        }
        self.spawn("ledger-sequencer", move |core| sequencer::run(core, sequencer))?;
        self.spawn("ledger-sealer", sealer::run)?;
        self.spawn("ledger-checkpointer", checkpointer::run)?;
        core.seal_signal.raise();
        Ok(())
    }

    fn spawn(&self, name: &str, work: impl FnOnce(&Core) + Send + 'static) -> Result<(), Error> {
        let core = Arc::clone(&self.core);
        let guarded = move || {
            let _told = PoisonOnPanic::new(&core);
            work(&core);
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(guarded);
        self.threads.lock().push(thread.context("start a thread for", self.core.store.files.root())?);
        Ok(())
    }

    /// Ends the ledger; does nothing the second time.
    pub fn end(&self) -> Result<(), Error> {
        let mut threads = self.threads.lock();
        let core = &self.core;
        let Some(lock) = core.lock.lock().take() else { return Ok(()) };
        core.queue.refuse(Error::Closed);
        core.seal_signal.stop();
        // The checkpointer leaves when the log is closed, which is when the sequencer is done.
        let mut rest = threads.drain(..);
        if let Some(sequencer) = rest.next() {
            join(sequencer);
        }
        // Something is left only if this is the sequencer's thread itself.
        while core.queue.wait() && sequencer::commit_waiting(core) {}
        // A producer that commits by itself has the lock until it is done; the next one finds nothing.
        let sequencer = core.sequencer.lock().take();
        let published = checkpointer::publish(core);
        if let Some(sequencer) = sequencer {
            sequencer.save_window(core);
        }
        core.progress.close();
        rest.for_each(join);
        drop(lock);
        tracing::info!(ledger.size = core.store.size(), "closed the ledger");
        published.map(|_| ())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(error = %error, "cannot publish the last checkpoint");
        }
    }
}

/// Waits for a thread to end, unless it is this one: the last handle may be dropped by what the sequencer calls.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        // If it panicked, the ledger has been poisoned.
        drop(thread.join());
    }
}

/// Stops the ledger when a thread panics while it works for it: what it was doing is half done.
pub(super) struct PoisonOnPanic<'a> {
    core: &'a Core,
    /// A producer may append while its own panic unwinds.
    panicked_before: bool,
}

impl<'a> PoisonOnPanic<'a> {
    pub fn new(core: &'a Core) -> Self {
        Self { core, panicked_before: thread::panicking() }
    }
}

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() && !self.panicked_before {
            self.core.poison_with("a thread of the ledger panicked");
        }
    }
}
