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
//!
//! ```
//! use audit_tlog::{Checkpoint, Error, Frontier, LeafIndex, Signer, TlogProof, inclusion_proof, leaf_hash};
//! # use audit_tlog::{Hash, HashReader, NodeId, note::KeyName, tile::perfect_root};
//! # struct Leaves(Vec<Hash>);
//! # impl HashReader for Leaves {
//! #     type Error = Error;
//! #     fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, Error> {
//! #         let range = |node: &NodeId| (node.index as usize) << node.level..(node.index as usize + 1) << node.level;
//! #         nodes.iter().map(|node| perfect_root(&self.0[range(node)])).collect()
//! #     }
//! # }
//! # let signer = Signer::from_seed(KeyName::new("example.com/audit")?, &[7; 32]);
//! // The log: three leaves, a signed checkpoint, and the proof that the second is among them.
//! let leaves = Leaves(["a", "b", "c"].map(|data| leaf_hash(data.as_bytes())).to_vec());
//! let mut frontier = Frontier::new();
//! leaves.0.iter().for_each(|leaf| frontier.push(*leaf));
//! let checkpoint = Checkpoint::new("example.com/audit", frontier.size(), frontier.root())?;
//! let index = LeafIndex::new(1);
//! let inclusion = inclusion_proof(index, frontier.size(), &leaves)?;
//! let file = TlogProof { extra: None, index, inclusion, checkpoint: checkpoint.sign(&signer) }.to_string();
//!
//! // The auditor: has the file, the leaf's data and the verifier key.
//! let key = signer.verifier().to_string().parse()?;
//! let proof = TlogProof::parse(file.as_bytes())?;
//! assert!(proof.verify(b"b", "example.com/audit", std::slice::from_ref(&key)).is_ok());
//! assert!(proof.verify(b"B", "example.com/audit", &[key]).is_err());
//! # Ok::<(), Error>(())
//! ```

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
mod subset;
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
pub use subset::{root_from_subset, subset_proof};
pub use tile::{BundleId, TileHashes, TileId, TilePath, TileReader};
