//! From a request, a file or a year made up into the ledger, through the crate's public API.

mod damaged_input;
mod exchanges;
mod import;
mod intake;
mod one_fact;
mod recordings;
mod routes;
mod scene;
mod sign_ins;
mod store;
mod tail;
