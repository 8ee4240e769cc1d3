//! What the ledger did not take when the process ends: to the journal, or on a full disk to the reserve.

use super::journal::Journal;

/// Bytes of events that one record of the journal gets, and at most one event more.
const KEPT_AT_ONCE: usize = 512 << 10;

/// Room of the reserve that events leave to the counts of those that are lost; some forty ends on a full disk.
const FOR_COUNTS: usize = 32 << 10;

/// Keeps events for the next start.
pub(super) struct LastWords<'j> {
    journal: &'j Journal,
    /// For the journal, which has taken all before.
    lines: Vec<u8>,
    /// For the reserve, once the journal has refused.
    reserved: Option<Vec<u8>>,
    lost: u64,
}

impl<'j> LastWords<'j> {
    pub(super) fn new(journal: &'j Journal) -> Self {
        Self { journal, lines: Vec::new(), reserved: None, lost: 0 }
    }

    /// Keeps an event, by its JSON; one that cannot be encoded is lost.
    pub(super) fn keep(&mut self, event: Option<&[u8]>) {
        let Some(event) = event else {
            self.lost += 1;
            return;
        };
        if self.reserved.is_some() {
            return self.reserve(event);
        }
        self.lines.extend_from_slice(event);
        self.lines.push(b'\n');
        if self.lines.len() > KEPT_AT_ONCE {
            self.hand_over();
        }
    }

    /// Events that could not be kept, of all that were given.
    pub(super) fn lost(&mut self) -> u64 {
        self.hand_over();
        self.lost
    }

    /// Keeps what says how many are lost, and ends.
    pub(super) fn end(mut self, counts: &[Vec<u8>]) {
        self.hand_over();
        let counts: Vec<u8> = counts.iter().flat_map(|count| count.iter().chain(b"\n")).copied().collect();
        let mut rest = self.reserved.take().unwrap_or_default();
        let is_kept = rest.is_empty() && (counts.is_empty() || self.journal.keep(None, &counts).is_ok());
        if is_kept {
            return;
        }
        rest.extend(counts);
        match self.journal.keep_in_reserve(&rest) {
            Ok(()) => tracing::warn!(
                events.lost = self.lost,
                "the journal does not take what the ledger did not: the reserve has as much as it holds"
            ),
            Err(error) => tracing::error!(
                error.message = %error,
                "what the gateway saw last is neither in the ledger nor in the journal nor in the reserve"
            ),
        }
    }

    fn hand_over(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return;
        }
        if let Err(error) = self.journal.keep(None, &lines) {
            tracing::error!(error.message = %error, "the journal does not take what the ledger did not");
            self.reserved.get_or_insert_default();
            for event in lines.split(|byte| *byte == b'\n').filter(|event| !event.is_empty()) {
                self.reserve(event);
            }
        }
    }

    fn reserve(&mut self, event: &[u8]) {
        let reserved = self.reserved.get_or_insert_default();
        if reserved.len() + event.len() + 1 + FOR_COUNTS > self.journal.reserve_room() {
            self.lost += 1;
            return;
        }
        reserved.extend_from_slice(event);
        reserved.push(b'\n');
    }
}
