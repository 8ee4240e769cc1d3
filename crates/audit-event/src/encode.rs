//! From event to entry.

use std::sync::Arc;

use crate::commitment::LeafData;
use crate::error::EventError;
use crate::event::Event;
use crate::time::Timestamp;

/// What a batch of events shares.
#[derive(Debug, Clone)]
pub struct EncodeParams {
    /// 16 fresh random bytes for this batch: every salt in it, and every id filled in, derives from them.
    pub seed: [u8; 16],
    /// When we took the batch.
    pub recorded_at: Timestamp,
    /// `instance` of events that do not name one.
    pub instance: Option<Arc<str>>,
}

/// An event as the ledger takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The event's id: the ledger's idempotency key.
    pub id: Box<str>,
    /// The entry.
    pub bytes: Vec<u8>,
    /// What the tree commits to.
    pub leaf: LeafData,
    /// When it happened.
    pub time: Timestamp,
}

/// Turns events into entries; keeps its buffers from one event to the next.
pub struct Encoder {
    _params: EncodeParams,
}

impl Encoder {
    /// An encoder for one batch.
    #[must_use]
    pub fn new(params: EncodeParams) -> Encoder {
        Encoder { _params: params }
    }

    /// Starts another batch, keeping the buffers.
    pub fn begin(&mut self, params: EncodeParams) {
        self._params = params;
    }

    /// Encodes one event.
    ///
    /// # Errors
    /// When a field is missing, not allowed or too long.
    pub fn encode(&mut self, _event: &Event<'_>) -> Result<Encoded, EventError> {
        todo!()
    }

    /// Parses and encodes one event.
    ///
    /// # Errors
    /// As [`Event::parse`] and [`Encoder::encode`].
    pub fn encode_json(&mut self, _line: &[u8]) -> Result<Encoded, EventError> {
        todo!()
    }
}
