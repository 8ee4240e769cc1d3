//! Parquet index over the ledger: filters, questions, answers, exports.

mod entries;
mod error;
pub mod filter;
mod index;
pub mod page_token;
pub mod question;

pub use entries::Entries;
pub use error::Error;
pub use index::{Config, Index, Status};
