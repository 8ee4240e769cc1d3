//! The crate through its public API: published vectors, and a naive tree as oracle.

mod checkpoints;
mod format_document;
mod naive;
mod notes;
mod oracle;
mod proof_files;
mod published_proofs;
mod tiles;
