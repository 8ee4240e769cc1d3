//! What can go wrong while answering a question.

/// Why a question has no answer; the variants differ in what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller gave up, or the server is stopping.
    #[error("the query was cancelled")]
    Cancelled,
    /// Ask for less, or allow more time.
    #[error("the query took longer than allowed: narrow the time range or the filter")]
    TimedOut,
    /// A file of the index is not what was written. It is being rebuilt from the ledger: ask again soon.
    #[error("the index file {file} is damaged and being rebuilt: ask again in a moment")]
    Damaged {
        /// The file's name in the index's directory.
        file: String,
    },
    /// The ledger cannot be read: an operator's case.
    #[error("cannot index: {0}")]
    Ledger(#[from] audit_ledger::Error),
    /// The storage failed under us: an operator's case.
    #[error("cannot read or write the index: {0}")]
    Io(#[from] std::io::Error),
    /// An entry holds no event that this version can read: an operator's case.
    #[error("entry {index} cannot be read: {source}")]
    Undecodable {
        /// The entry's index in the ledger.
        index: u64,
        /// What is wrong with it.
        source: audit_event::DecodeError,
    },
    /// The receiver of an export failed or went away.
    #[error("cannot write the export: {0}")]
    Output(#[source] std::io::Error),
    /// Begin the export again.
    #[error("an export in this format cannot be resumed: begin it again")]
    NotResumable,
    /// Export whole events as JSON or NDJSON.
    #[error(
        "only exports of whole events as JSON or NDJSON have a proof of every line: leave the fields out"
    )]
    NotProvable,
    /// A proof was asked for an export that would hold other events now.
    #[error(
        "the export has {exported} events, and there are {proved} now: it was erased from, or is of another question"
    )]
    OtherEvents {
        /// Events that the export has.
        exported: u64,
        /// Events that match now.
        proved: u64,
    },
    /// A Parquet file could not be written or read.
    #[error("cannot write or read Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Columns do not fit together: a defect.
    #[error("cannot put columns together: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
}
