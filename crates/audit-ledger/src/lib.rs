//! Durable, tamper-evident, append-only store of opaque entries.
//!
//! A [`Ledger`] takes batches of entries and says where they are once they are durable. It never looks
//! inside an entry: two pure functions tell it an entry's leaf data, which the Merkle tree commits to, and
//! its idempotency key. Everything else that happens to an entry is a [`Follower`]'s business.
//!
//! - **Appending**: a producer prepares a batch in its own thread ([`BatchBuilder`]: leaf hashes, frames
//!   compressed once); one sequencer drops duplicates, places, writes and syncs. All that waits while one
//!   sync runs goes into the next one.
//! - **Files**: the WAL, then sealed segments; `docs/FORMAT.md` specifies both. A torn tail of the WAL is cut
//!   off and reported, damage anywhere else is refused and reported.
//! - **Tree**: RFC 6962 through `audit-tlog`; signed checkpoints, tiles and proofs.
//! - **Checking**: [`fsck`](fsck::fsck) reads everything again and shares no code with the writer.
//!
//! All disk access goes through [`disk::Disk`], so that a simulated one can lose, tear and alter what a real
//! one might.

mod batch;
mod checkpointer;
mod config;
mod core;
mod dictionary;
pub mod disk;
mod error;
mod files;
mod follower;
mod frame;
pub mod fsck;
mod ledger;
mod open;
mod queue;
mod reader;
mod recent;
mod replace;
mod sealer;
mod segment;
mod sequencer;
mod store;
mod wal;
mod window;

pub use batch::{Appended, BatchBuilder, NewEntry, Placement, PreparedBatch};
pub use config::{Config, Drive, Window};
pub use error::{Contradiction, Damage, Error, ErrorKind, Flaw};
pub use follower::{Follower, FollowerError, FollowerHandle, FollowerStatus};
pub use frame::{FRAME_ENTRIES, Frame};
pub use ledger::{
    BadEntry, ClockFn, Environment, Health, KeyFn, LeafFn, Ledger, OnDone, Recovery, SameFn, Stats, TornTail,
};
pub use reader::{Direction, Reader, Scan};
