//! Parquet index over the ledger: filters, questions, answers, exports.

mod error;
pub mod filter;
pub mod page_token;
pub mod question;

pub use error::Error;
