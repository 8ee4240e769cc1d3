//! Idle connections, the one used last first.
//!
//! A connection goes on in the runtime in which it was opened, since that one hears of its bytes: were it used in
//! another, each answer would wake a thread of the first to tell one of the second.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::link::Link;

/// Connections that wait for the next request.
#[expect(
    clippy::vec_box,
    reason = "a connection is large, and moves from the list to its user and back as it is"
)]
pub(super) struct Pool {
    idle: Mutex<Vec<Box<Link>>>,
    keep_alive: Duration,
    max_idle: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle.lock().len()).finish_non_exhaustive()
    }
}

impl Pool {
    pub fn new(keep_alive: Duration, max_idle: usize) -> Self {
        Self { idle: Mutex::default(), keep_alive, max_idle }
    }

    /// A connection that can take a request now, if one is kept.
    pub async fn take(&self) -> Option<Box<Link>> {
        loop {
            let mut link = self.pop()?;
            if poll_fn(|cx| Poll::Ready(link.poll_is_ready(cx))).await {
                return Some(link);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub fn put(&self, mut link: Box<Link>) {
        let now = Instant::now();
        link.idle_since = now;
        let surplus = {
            let mut idle = self.idle.lock();
            let fresh = idle.partition_point(|old| now - old.idle_since > self.keep_alive);
            let surplus: Vec<_> = idle.drain(..fresh).collect();
            if idle.len() < self.max_idle {
                idle.push(link);
            }
            surplus
        };
        // Closing sockets takes time that others shall not wait for.
        drop(surplus);
    }

    fn pop(&self) -> Option<Box<Link>> {
        let here = Handle::current().id();
        let link = {
            let mut idle = self.idle.lock();
            let last = idle.iter().rposition(|link| link.home == here)?;
            idle.remove(last)
        };
        (link.idle_since.elapsed() <= self.keep_alive).then_some(link)
    }
}
