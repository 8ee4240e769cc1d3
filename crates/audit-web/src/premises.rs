//! Where everything is on the disk, and what the binary alone can look at there.

use std::path::PathBuf;
use std::sync::Arc;

use audit_tlog::Verifier;

use crate::checks::Finding;

/// The data directory, as the pages on integrity and health need to know it.
#[derive(Clone)]
pub struct Premises {
    /// The data directory.
    pub root: PathBuf,
    /// The ledger's directory in it.
    pub ledger: PathBuf,
    /// The index's directory in it.
    pub index: PathBuf,
    /// Where exports wait for whoever asked for them.
    pub exports: PathBuf,
    /// Free bytes below which recording stops.
    pub reserve_bytes: u64,
    /// Keys that checkpoints may be signed by, the present one first.
    pub keys: Vec<Verifier>,
    /// Looks at configuration, keys, clock and disk: what the binary knows. Blocks for a moment.
    pub look: Arc<dyn Fn() -> Vec<Finding> + Send + Sync>,
}
