//! What the ledger needs from outside: files, time, keys, and what entries mean.

use std::sync::Arc;

use audit_tlog::Signer;

use crate::disk::Disk;

/// Appends an entry's leaf data to the buffer. Pure; the same bytes give the same leaf data for ever.
pub type LeafFn = fn(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry>;

/// Appends an entry's idempotency key to the buffer. Pure.
pub type KeyFn = fn(entry: &[u8], key: &mut Vec<u8>) -> Result<(), BadEntry>;

/// Whether an entry offered again under a key has the content of the one recorded under it, as far as that can be
/// told. Pure.
pub type SameFn = fn(recorded: &[u8], offered: &[u8]) -> bool;

/// The bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry")]
pub struct BadEntry;

/// Microseconds since the Unix epoch, UTC.
pub type ClockFn = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What the ledger needs from outside.
#[derive(Clone)]
pub struct Environment {
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: ClockFn,
    /// Signs checkpoints.
    pub signer: Arc<Signer>,
    /// Keys that the stored checkpoint may be signed by besides the signer's own: those used before.
    pub former_keys: Vec<audit_tlog::Verifier>,
    /// Leaf data of an entry.
    pub leaf_fn: LeafFn,
    /// Idempotency key of an entry.
    pub key_fn: KeyFn,
    /// Whether a repeated entry is the one recorded.
    pub same_fn: SameFn,
}
