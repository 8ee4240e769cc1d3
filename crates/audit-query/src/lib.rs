//! Parquet index over the ledger: filters, questions, answers, exports.

mod answers;
mod cache;
mod calendar;
mod columns;
mod encoding;
mod entries;
mod error;
pub mod export;
mod failures;
mod files;
pub mod filter;
mod index;
mod indexer;
mod manifest;
mod memory;
#[doc(hidden)]
pub mod naive;
pub mod page_token;
pub mod params;
mod partition;
mod predicate;
pub mod question;
mod rows;
mod store;
mod words;

pub use entries::{Entries, Identity};
pub use error::Error;
pub use filter::Filter;
pub use index::{Config, Failing, Index, Rebuilt, Status};
