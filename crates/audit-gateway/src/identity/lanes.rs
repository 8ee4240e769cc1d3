//! Ways to a question, so that nobody's questions wait behind a flood of others.
//!
//! Anybody can send credentials that nobody ever issued, and each of them costs a question of ours, since only Open WebUI
//! can tell. So questions about credentials that were good before have a way of their own, which forged ones never
//! come to; and of those never seen before, sessions and API keys do not wait for each other.

use audit_pipeline::sources::openwebui::caller::CredentialKind;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// For credentials that were accepted before, or that Open WebUI just gave out.
    Known,
    /// For sessions never seen before.
    NewSession,
    /// For API keys never seen before.
    NewKey,
}

/// How many questions are asked at one time; together no flood of our own on Open WebUI.
const ASKING: [usize; 3] = [16, 8, 8];
/// How many credentials are asked about or wait for it; beyond it callers are unproven at once.
const FLIGHTS: [usize; 3] = [1_024, 512, 512];

impl Lane {
    /// The way of a credential never seen before.
    pub(super) fn of_new(kind: CredentialKind) -> Self {
        if kind == CredentialKind::ApiKey { Self::NewKey } else { Self::NewSession }
    }

    const fn index(self) -> usize {
        match self {
            Self::Known => 0,
            Self::NewSession => 1,
            Self::NewKey => 2,
        }
    }
}

/// Turns to ask.
pub(super) struct Turns([Semaphore; 3]);

impl Turns {
    pub(super) fn new() -> Self {
        Self(ASKING.map(Semaphore::new))
    }

    /// Waits for a turn.
    pub(super) async fn take(&self, lane: Lane) -> Option<SemaphorePermit<'_>> {
        self.0[lane.index()].acquire().await.ok()
    }
}

/// How many are under way.
#[derive(Debug, Default)]
pub(super) struct Traffic([usize; 3]);

impl Traffic {
    /// Counts one more, if there is room.
    pub(super) fn enter(&mut self, lane: Lane) -> bool {
        let under_way = &mut self.0[lane.index()];
        let has_room = *under_way < FLIGHTS[lane.index()];
        *under_way += usize::from(has_room);
        has_room
    }

    /// Counts one less.
    pub(super) fn leave(&mut self, lane: Lane) {
        let under_way = &mut self.0[lane.index()];
        *under_way = under_way.saturating_sub(1);
    }
}
