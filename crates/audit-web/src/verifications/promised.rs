//! The ledger against the largest checkpoint that the control database holds.
//!
//! An older copy of the ledger is whole in itself: nothing in it tells that there was more. The checkpoints kept beside
//! it do, as long as they are not put back along with it; against that only a checkpoint kept elsewhere helps.

use std::fmt;

use audit_control::KeptCheckpoint;
use audit_event::{Json, Outcome, Timestamp};
use audit_tlog::{Checkpoint, Note};

use super::of_ourselves;
use crate::figures::count;
use crate::problem::Result;
use crate::state::AppState;

/// So many of the largest are tried before it is given up to find one that a known key has signed.
const TRIED: u32 = 100;

/// A checkpoint that was kept and that the ledger contradicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Events that it covers.
    pub size: u64,
    /// When it was kept.
    pub kept: Timestamp,
    root: String,
    /// Events that there are now.
    found: u64,
}

impl Broken {
    /// In a few words.
    pub fn what(&self) -> &'static str {
        if self.found < self.size { "The log was larger before" } else { "The log was another one before" }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, size) = (self.kept, count(self.size));
        write!(f, "a checkpoint kept at {kept} covers {size} events (root {}), ", self.root)?;
        if self.found < self.size {
            write!(f, "and there are {} now", count(self.found))
        } else {
            write!(f, "and the first {size} of the {} now are others", count(self.found))
        }
    }
}

/// The largest checkpoint kept that a known key has signed. Blocks.
///
/// # Errors
/// When the control database cannot be asked.
pub(crate) fn largest(state: &AppState) -> Result<Option<(KeptCheckpoint, Checkpoint)>> {
    let kept = state.control().checkpoints(TRIED)?;
    Ok(kept.into_iter().find_map(|kept| {
        let checkpoint = signed(state, &kept)?;
        Some((kept, checkpoint))
    }))
}

fn signed(state: &AppState, kept: &KeptCheckpoint) -> Option<Checkpoint> {
    let note = Note::parse(kept.note.as_bytes()).ok()?;
    let origin = note.text().lines().next()?.to_owned();
    Checkpoint::from_note(note, &origin, &state.premises().keys).ok().map(|signed| signed.checkpoint)
}

/// What is wrong with the ledger as a whole: it has fewer events than that checkpoint covers, or others. Costs a few
/// reads; where they fail, a verification says why.
///
/// # Errors
/// When the control database cannot be asked.
pub(crate) fn broken(state: &AppState) -> Result<Option<Broken>> {
    let Some((kept, checkpoint)) = largest(state)? else { return Ok(None) };
    let (size, found) = (checkpoint.size().get(), state.ledger().size().get());
    let root = || state.ledger().reader().root(size);
    let holds = size <= found && root().map_or(true, |root| root == *checkpoint.root());
    let root = checkpoint.root().to_string();
    Ok((!holds).then_some(Broken { size, kept: kept.time, root, found }))
}

/// Records it as a failed verification, if so. Blocks.
///
/// # Errors
/// When the control database cannot be asked.
pub(crate) fn tell(state: &AppState) -> Result<()> {
    let Some(broken) = broken(state)? else { return Ok(()) };
    tracing::error!(
        kept = broken.size,
        found = broken.found,
        "the ledger is not the one of the last checkpoint"
    );
    let mut event = of_ourselves("audit.verification_failed");
    event.outcome = Outcome::Failure;
    event.reason = Some("put_back".into());
    event.message = Some(format!("{}: {broken}", broken.what()).into());
    event.details = Some(Json::object([
        ("checkpoint", Json::from(broken.size)),
        ("root", Json::from(broken.root.clone())),
        ("entries", Json::from(broken.found)),
    ]));
    state.activity().record(event);
    Ok(())
}
