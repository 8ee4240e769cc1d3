//! Audit events: the model, the canonical form, and the commitment that the Merkle tree sees.
//!
//! An [`Event`] is what a source produces. The [`Encoder`] validates it, removes secrets, completes it
//! and turns it into an *entry*: the canonical bytes (RFC 8785) of seven groups, plus the [`LeafData`]
//! that commits to them. An [`Entry`] reads those bytes back, [`Fields`] gives the index and the CSV
//! writer typed access without building JSON. `docs/FORMAT.md` specifies every byte.
//!
//! This crate does no I/O, starts no thread and logs nothing. Time and randomness are arguments
//! ([`Clock`], [`EncodeParams::seed`]), so that encoding is a pure function and an auditor can verify an
//! export with this crate and `audit-tlog` alone.

mod canonical;
mod commitment;
pub mod disclosure;
mod encode;
mod entry;
pub mod erase;
mod error;
mod event;
mod fields;
mod groups;
mod json;
pub mod limits;
mod opening;
mod parse;
pub mod secrets;
mod sender;
pub mod taxonomy;
mod time;
mod validate;
mod vocabulary;

pub use commitment::{Digest, GroupSalt, GroupSalts, LeafData, Seed};
pub use encode::{EncodeParams, Encoded, Encoder, uuid_v7};
pub use entry::{Entry, GroupState, entry_id, leaf_data};
pub use error::{DecodeError, ErrorKind, EventError};
pub use event::{Actor, Change, Client, Event, Http, Model, Org, Target, Usage};
pub use fields::{Fields, TargetFields};
pub use json::Json;
pub use opening::{Opening, OpeningError};
pub use sender::Sender;
pub use time::{Clock, ManualClock, Timestamp, TimestampError};
pub use vocabulary::{
    ActorType, Capture, Category, Group, GroupSet, Mark, Marks, Outcome, Severity, Source, UnknownName,
};
