//! The HTTP API.
//!
//! [`AppState::build`] takes what the binary has opened, [`serve`] answers on a socket the binary has bound. The whole
//! surface is in `router.rs`, each route with the role it asks for; `endpoints/` has one file per route. Handlers
//! translate: what a query means is decided by `audit-query`, what an event may be by `audit-event`.
//!
//! Threads: the runtime's threads only move bytes. Queries, exports and the encoding of uploads run on worker threads
//! with bounded queues ([`Config::query_threads`] and its siblings), and appending waits for the ledger's own thread
//! through a callback.

mod access;
mod activity;
mod body;
mod break_glass;
mod certificate;
pub mod checks;
mod config;
mod encoding;
mod endpoints;
mod exports;
pub mod figures;
mod four_eyes;
mod front;
mod gate;
mod guesses;
mod headers;
mod in_process;
mod limits;
mod locale;
mod looks;
mod metrics;
pub mod oidc;
mod origins;
mod pace;
mod params;
mod places;
mod premises;
pub mod problem;
mod pulse;
mod question;
mod reader;
pub mod roster;
mod router;
mod searchable;
mod server;
mod sessions;
mod shards;
mod sign_ins;
mod silence;
mod sources;
mod stall;
mod state;
pub mod surroundings;
mod territory;
mod tls;
mod unreadable;
mod verifications;
mod views;
mod visitor;
mod workers;

pub use activity::record_or_keep;
pub use config::Config;
pub use exports::ExportFiles;
pub use four_eyes::{Act, Approvals, Eyes};
pub use front::{Answering, Front, FrontBody, RequestBody, Via};
pub use in_process::InProcess;
pub use limits::Limits;
pub use origins::Origins;
pub use pace::Pace;
pub use premises::Premises;
pub use roster::Roster;
pub use server::{Around, PeerAddr, serve};
pub use sessions::{Pending, PlatformUser, Sessions};
pub use shards::Shards;
pub use sources::Receiving;
pub use stall::SteadyBody;
pub use state::{AppState, BuildError, Parts};
pub use surroundings::Surroundings;
pub use tls::{Tls, TlsError};

#[cfg(test)]
mod tests;
