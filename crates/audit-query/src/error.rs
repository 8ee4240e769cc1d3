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
    /// The storage failed under us: an operator's case.
    #[error("cannot read or write the index: {0}")]
    Io(#[from] std::io::Error),
}
