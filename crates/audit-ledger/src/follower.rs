//! Followers: whatever consumes entries, at its own pace, from its own saved cursor.

use std::sync::Arc;

use audit_tlog::LeafIndex;

use crate::frame::Frame;

/// Consumes entries in order.
///
/// One loop drives every follower: it reads from the cursor on, applies frame by frame, and calls
/// [`idle`](Self::idle) when the follower has caught up.
pub trait Follower: Send {
    /// Its name, in metrics and logs.
    fn name(&self) -> &'static str;

    /// The first entry it has not consumed; asked once, at the start.
    fn cursor(&self) -> LeafIndex;

    /// Consumes the next entries. On an error the same frame is offered again after a pause.
    ///
    /// # Errors
    /// The follower's own; logged and shown in its [`FollowerStatus`].
    fn apply(&mut self, frame: &Frame) -> Result<(), FollowerError>;

    /// Called when there is nothing more to apply, after each run of frames and about once a second: the
    /// place to flush and to save the cursor.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn idle(&mut self) -> Result<(), FollowerError> {
        Ok(())
    }
}

/// A follower's own error.
pub type FollowerError = Box<dyn std::error::Error + Send + Sync>;

/// A running follower. Dropping it stops the follower and waits for it.
pub struct FollowerHandle {}

/// How far a follower is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerStatus {
    /// Its name.
    pub name: &'static str,
    /// The first entry it has not consumed.
    pub cursor: LeafIndex,
    /// Durable entries it has not consumed.
    pub lag: u64,
    /// What its last attempt failed with, until one succeeds.
    pub error: Option<Arc<str>>,
}

#[expect(clippy::todo, reason = "being written")]
impl FollowerHandle {
    /// How far it is.
    pub fn status(&self) -> FollowerStatus {
        todo!()
    }

    /// Stops it after the frame it is at, and waits.
    pub fn stop(self) {
        todo!()
    }
}
