//! The crate through its public API: published vectors, and a naive tree as oracle.

mod checkpoints;
mod format_document;
mod naive;
mod notes;
mod oracle;
mod proof_files;
mod published_proofs;
mod strictness;
mod subsets;
mod tiles;

use proptest::test_runner::{Config, RngSeed};

/// The same `cases` in every run.
fn deterministic(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(6962), failure_persistence: None, ..Config::default() }
}
