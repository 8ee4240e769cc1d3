//! From the outside world into the ledger: the intake that every event passes, and the sources that feed it.
//!
//! - [`intake`]: validates, encodes, hashes and submits. Everything is recorded through it, our own events too.
//! - [`sources`]: what turns foreign records into events; all knowledge of Open WebUI is in one module there.
//! - [`import`]: reads whole files through a source; safe to repeat.
//! - [`demo`]: a made-up year of events to look at.
//!
//! This crate waits only for the disk, and only where it says so; it knows no async runtime. The caller brings the
//! ledger and the clock.

pub mod demo;
pub mod import;
pub mod intake;
pub mod prices;
pub mod sources;

pub use intake::Intake;
