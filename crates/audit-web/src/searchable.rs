//! What is recorded becomes searchable a moment later: whoever must miss nothing waits for that.

use std::time::Duration;

use audit_query::question::Answers as _;

use crate::problem::{Code, Problem, Result};
use crate::state::AppState;

/// How long an export waits. In ordinary running it is a fraction of a second; after a start the index may have to read
/// hundreds of thousands of events again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ledger's size up to which everything can be found, with all that is recorded now. Blocks.
///
/// # Errors
/// [`Code::Busy`] when the index needs longer: an export that silently left out the newest events would be no evidence.
pub(crate) fn size(state: &AppState) -> Result<u64> {
    reaches(state, state.ledger().size().get())?;
    Ok(state.index().snapshot())
}

/// Waits until all entries below `size` can be found. Blocks.
///
/// # Errors
/// [`Code::Busy`] when the index needs longer.
pub(crate) fn reaches(state: &AppState, size: u64) -> Result<()> {
    if state.index().wait_for(size, PATIENCE) {
        return Ok(());
    }
    let detail = "the index is still catching up with what is recorded; try again shortly";
    Err(Problem::new(Code::Busy, detail).retry_after_ms(2_000))
}
