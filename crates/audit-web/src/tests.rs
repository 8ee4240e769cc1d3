//! The API as its clients see it: HTTP in, HTTP out, in one process over a real ledger and index.

mod access;
mod app;
mod append;
mod disk_full;
mod export;
mod exports;
mod front;
mod listing;
mod openapi;
mod operations;
mod origins;
mod pages;
mod people;
mod proof;
mod reading_is_recorded;
mod resume;
mod sessions;
mod socket;
mod sources;
mod stats;
mod status;
mod stream;
mod tlog;
mod tokens;
mod verifications;
