//! One file per endpoint: what it takes, how it answers.

pub(crate) mod approvals;
pub(crate) mod break_glass;
pub(crate) mod checkpoints;
pub(crate) mod checks;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod fallback;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod ready;
pub(crate) mod roles;
pub(crate) mod session;
pub(crate) mod sources;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod tlog;
pub(crate) mod tokens;
pub(crate) mod verifications;
pub(crate) mod views;
