//! Events: list and export them, look at one, prove it, append more.

pub(crate) mod append;
pub(crate) mod export;
pub(crate) mod export_proof;
pub(crate) mod list;
pub(crate) mod one;
mod outlet;
pub(crate) mod place;
pub(crate) mod proof;
mod resume;
