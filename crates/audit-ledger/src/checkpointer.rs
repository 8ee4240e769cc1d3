//! Checkpoints: signed, stored durably, then shown; at most one in a given time, and one at the end.

use std::sync::Arc;
use std::time::Duration;

use audit_tlog::{Checkpoint, TreeSize};
use parking_lot::{Mutex, RwLock};

use crate::core::Core;
use crate::error::Error;
use crate::files::{leaves_durability_unknown, replace_file};

/// The newest published checkpoint.
pub(crate) struct Checkpoints {
    /// Held while one is made, so that they are stored in the order of their sizes.
    publishing: Mutex<()>,
    published: RwLock<Published>,
}

#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) size: TreeSize,
    pub(crate) note: Arc<[u8]>,
}

impl Checkpoints {
    pub(crate) const fn new(published: Published) -> Self {
        Self { publishing: Mutex::new(()), published: RwLock::new(published) }
    }

    pub(crate) fn newest(&self) -> Published {
        self.published.read().clone()
    }
}

/// Signs and publishes a checkpoint of all durable entries, unless there is one already or the ledger has
/// stopped.
///
/// Its tree is durable, so it is consistent with every one before. Died before it was stored: nobody has
/// seen it. Died after: it is found when opening, and what is there continues it.
pub(crate) fn publish(core: &Core) -> Result<Arc<[u8]>, Error> {
    let _in_order = core.checkpoints.publishing.lock();
    let newest = core.checkpoints.newest();
    let frontier = core.progress.frontier();
    if frontier.size() == newest.size || core.is_poisoned() {
        return Ok(newest.note);
    }
    let checkpoint = Checkpoint::new(&core.config.origin, frontier.size(), frontier.root())?;
    let note: Arc<[u8]> = checkpoint.sign(&core.environment.signer).to_string().into_bytes().into();
    let stored = replace_file(&*core.store.disk, &core.store.files.checkpoint(), &note);
    stored.inspect_err(|error| {
        if leaves_durability_unknown(error) {
            core.poison(error);
        }
    })?;
    *core.checkpoints.published.write() = Published { size: frontier.size(), note: Arc::clone(&note) };
    Ok(note)
}

/// The checkpointer's thread: until the ledger closes.
pub(crate) fn run(core: &Core) {
    let interval = Duration::from_millis(core.config.checkpoint_interval_ms);
    let mut failing = false;
    loop {
        let published = core.checkpoints.newest().size;
        core.progress.wait_beyond(published, Duration::from_secs(60), || false);
        if core.progress.is_closed() {
            return;
        }
        match publish(core) {
            Ok(_) => failing = false,
            Err(error) if !failing => {
                tracing::error!(error = %error, "cannot publish a checkpoint");
                failing = true;
            }
            Err(_) => {}
        }
        if core.progress.sleep(interval) {
            return;
        }
    }
}
