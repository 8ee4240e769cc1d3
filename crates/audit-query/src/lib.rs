//! Parquet index over the ledger: filters, questions, answers, exports.

mod entries;
mod error;
pub mod export;
pub mod filter;
mod index;
#[doc(hidden)]
pub mod naive;
pub mod page_token;
pub mod params;
pub mod question;

pub use entries::Entries;
pub use error::Error;
pub use filter::Filter;
pub use index::{Config, Index, Status};
