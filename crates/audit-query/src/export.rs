//! Exports: all events of a question, written out in constant memory.
//!
//! An [`Export`] is a value: which events, in which order, in which [`Format`], with which [`Columns`]. Running
//! it walks the answers in order, reads the entries from the ledger and writes as it goes, decoding on threads
//! of its own and writing on the caller's. `docs/QUERY.md` describes the files.

mod columns;
mod csv;
mod json;
mod parquet;
mod proof;
mod rows;
mod run;

pub use columns::{Column, Columns, ColumnsError};
pub use csv::write_text as write_csv_text;
pub use proof::{ProvedExport, TITLE as PROOF_TITLE, VerifyError, verify_export};
pub use rows::RowSource;
pub use run::{Export, Origin, Position};

/// How the events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// One document, `{"events":[...],"count":...}`.
    #[default]
    Json,
    /// One event a line.
    Ndjson,
    /// RFC 4180, a header line and one line an event.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Every format's name.
    pub const NAMES: &[&str] = &["json", "ndjson", "csv", "parquet"];

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Format> {
        Some(match name {
            "json" => Format::Json,
            "ndjson" | "jsonl" => Format::Ndjson,
            "csv" => Format::Csv,
            "parquet" => Format::Parquet,
            _ => return None,
        })
    }

    /// The name, which is also the file name's ending.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
        }
    }

    /// The media type for HTTP.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether an export that was broken off can go on where it ended.
    #[must_use]
    pub fn is_resumable(self) -> bool {
        self != Format::Parquet
    }
}
