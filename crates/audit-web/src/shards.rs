//! One runtime for each core, among which connections are dealt out.
//!
//! In a runtime of many threads each wakes another as soon as there is more than one thing to do, and the other takes
//! half of it over. Where a request is a few microseconds of work between two system calls, as one that passes through
//! the gateway is, waking and taking over cost as much as the work. A connection that stays in one thread, with the
//! upstream connections that it uses, needs neither.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};

/// Runtimes of one thread each. Clones share them; they end when [`Shards::end`] is called.
#[derive(Clone)]
pub struct Shards(Arc<Inner>);

struct Inner {
    runtimes: Vec<Runtime>,
    next: AtomicUsize,
}

impl Shards {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let start = |_| {
            // Not a runtime of the current thread: that one could not step aside for work that blocks.
            Builder::new_multi_thread().worker_threads(1).thread_name("connections").enable_all().build()
        };
        let runtimes = (0..count.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Inner { runtimes, next: AtomicUsize::new(0) })))
    }

    /// Runs a task in the runtime whose turn it is.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.runtimes[turn % self.0.runtimes.len()].spawn(task);
    }

    /// Ends the threads once the last clone is gone, without waiting for what still runs in them.
    pub fn end(self) {
        if let Some(inner) = Arc::into_inner(self.0) {
            inner.runtimes.into_iter().for_each(Runtime::shutdown_background);
        }
    }
}
