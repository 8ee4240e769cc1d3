//! Parquet index over the ledger: filters, questions, answers, exports.
