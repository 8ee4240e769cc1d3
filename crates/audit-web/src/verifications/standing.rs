//! What speaks against trusting the last verdicts as they stand.

use audit_control::VerificationState;

use super::promised;
use crate::figures::ago;
use crate::problem::Result;
use crate::state::AppState;

/// Reasons not to take the last full verification's verdicts for the present, a sentence each. Blocks.
///
/// # Errors
/// When the control database cannot be asked.
pub(crate) fn doubts(state: &AppState) -> Result<Vec<String>> {
    let control = state.control();
    let last = control.last_full_verification()?;
    let mut doubts = Vec::new();
    if let Some(broken) = promised::broken(state)? {
        doubts.push(format!("{}: {broken}", broken.what()));
    }
    let newer = control.verifications()?.into_iter();
    let failed = newer
        .take_while(|check| last.as_ref().is_none_or(|last| check.id > last.id))
        .find(|check| check.state == VerificationState::Failed);
    if let Some(check) = failed {
        let (when, why) = (ago(check.started, state.now()), check.error.unwrap_or_default());
        doubts.push(format!("A verification begun {when} could not be made: {why}"));
    }
    if let (Some(last), Some(every)) = (last, state.config().verify_every) {
        let age = state.now().as_micros().saturating_sub(last.started.as_micros());
        if u128::try_from(age).is_ok_and(|age| age > 2 * every.as_micros()) {
            let (when, hours) = (ago(last.started, state.now()), every.as_secs() / 3_600);
            doubts
                .push(format!("The last one that came to its end began {when}; one is due every {hours} h"));
        }
    }
    Ok(doubts)
}
