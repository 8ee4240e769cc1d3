//! Ctrl-C and SIGTERM: the first asks to end in order, the second ends at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// The exit status of a process that a second signal ended, as shells give it for an interrupt.
const CUT_SHORT: i32 = 130;

/// Whether somebody asked to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    changed: watch::Receiver<bool>,
}

impl Interrupt {
    /// Begins to listen for signals.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (interrupts, terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let asked = Arc::new(AtomicBool::new(false));
        let (sender, changed) = watch::channel(false);
        tokio::spawn(watch_signals(interrupts, terminations, Arc::clone(&asked), sender));
        Ok(Self { asked, changed })
    }

    /// Whether a signal has come.
    pub(crate) fn is_set(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits for a signal.
    pub(crate) async fn wait(&mut self) {
        // The sender lives as long as the runtime: an error means that it ends anyway.
        let _ = self.changed.wait_for(|asked| *asked).await;
    }
}

async fn watch_signals(
    mut interrupts: Signal,
    mut terminations: Signal,
    asked: Arc<AtomicBool>,
    changed: watch::Sender<bool>,
) {
    next(&mut interrupts, &mut terminations).await;
    asked.store(true, Ordering::Relaxed);
    changed.send_replace(true);
    next(&mut interrupts, &mut terminations).await;
    end_now();
}

async fn next(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}

/// Ends without draining: what was acknowledged is durable, the next start recovers the rest.
#[expect(clippy::disallowed_methods, reason = "asked for twice; there is nothing left to wait for")]
fn end_now() {
    std::process::exit(CUT_SHORT);
}
