//! The tamper-evident part of the ledger, as values: Merkle tree, tiles, checkpoints and proofs.
//!
//! - **Tree**: SHA-256 Merkle tree of RFC 6962 (the same in RFC 9162): [`leaf_hash`], [`node_hash`], the
//!   growing edge as a [`Frontier`], proofs through a [`HashReader`] ([`InclusionProof`],
//!   [`ConsistencyProof`]).
//! - **C2SP formats**: tiles and entry bundles (`c2sp.org/tlog-tiles`, [`tile`]), signed notes
//!   (`c2sp.org/signed-note`, [`note`]), [`Checkpoint`]s (`c2sp.org/tlog-checkpoint`), cosignatures of
//!   witnesses (`c2sp.org/tlog-cosignature`) and proof files (`c2sp.org/tlog-proof`, [`TlogProof`]).
//!
//! Nothing here reads a file, a clock or a random source, and nothing knows what an entry means: together
//! with `audit-event` this crate is all that an auditor needs to verify offline.

mod bundle;
mod checkpoint;
mod error;
mod frontier;
mod hash;
mod node;
pub mod note;
mod position;
mod proof;
mod proof_file;
mod text;
pub mod tile;

pub use bundle::{decode_bundle, push_bundle_entry};
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use error::{Error, Flaw, Format};
pub use frontier::Frontier;
pub use hash::{Hash, leaf_hash, node_hash};
pub use node::{HashReader, NodeId};
pub use note::{Note, Signer, Verifier};
pub use position::{LeafIndex, TreeSize};
pub use proof::{
    ConsistencyProof, InclusionProof, consistency_proof, inclusion_proof, verify_consistency,
    verify_inclusion,
};
pub use proof_file::TlogProof;
pub use tile::{BundleId, TileHashes, TileId, TilePath, TileReader};
