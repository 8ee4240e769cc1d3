//! Whether two who act are two people, as far as that can be known.

use std::collections::BTreeSet;

use audit_control::{Approval, Permission};
use audit_event::Timestamp;

use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::sign_ins::EMERGENCY_ID;
use crate::state::AppState;

/// In whose hands what the reader came with may be: of a token, all who were shown its secret or led to that
/// ([`audit_control::Control::hands`]); of a person, they themselves, by id and by address of mail, since the platform and the
/// identity provider each know them by another id.
///
/// # Errors
/// When the control database cannot be read.
pub(crate) fn hands_of(state: &AppState, reader: &Reader) -> Result<BTreeSet<String>> {
    let mut hands = state.access().control().hands(&reader.caller().id, state.now())?;
    let mail = reader.visitor().email().map(|email| format!("mail:{}", email.trim().to_lowercase()));
    hands.extend(mail);
    Ok(hands)
}

/// Whether everybody may hold it: who knows the emergency password, nobody can tell.
pub(super) fn is_everybodys(hands: &BTreeSet<String>) -> bool {
    hands.contains(EMERGENCY_ID)
}

/// That whoever approves is somebody whom the requester has not made since, and is not.
///
/// # Errors
/// [`crate::problem::Code::PermissionRequired`].
pub(super) fn check(state: &AppState, reader: &Reader, request: &Approval) -> Result<()> {
    let (control, caller) = (state.access().control(), reader.caller());
    let is_late = |time: Timestamp| time >= request.requested;
    let tokens = control.tokens()?;
    let token = tokens.iter().find(|token| token.id == caller.id);
    let roles = control.roles()?;
    let role = roles.iter().find(|role| role.name == caller.role);
    let approver = hands_of(state, reader)?;
    // Who may have asked, and who may act upon it.
    let asking: BTreeSet<_> =
        control.hands(&request.requester.id, state.now())?.union(&request.hands).cloned().collect();
    let detail = if is_everybodys(&approver) {
        "the emergency password cannot approve, nor can a token made with it: it is nobody's own, and whoever asked may \
         know it"
    } else if is_everybodys(&asking) {
        "what was asked for with the emergency password, or a token made with it, cannot be approved: it is nobody's own, \
         and you may know it"
    } else if token.is_some_and(|token| is_late(token.created)) {
        "a token made after the request cannot approve it: whoever asked could have made the token"
    } else if token.and_then(|token| token.rotated).is_some_and(is_late) {
        "a token rotated after the request cannot approve it: whoever asked could have rotated the token"
    } else if !approver.is_disjoint(&asking) {
        "both may be one person: one of the two tokens was made or rotated with the other, or both with a third, or by \
         whoever asked, or both accounts have one address; somebody else has to approve it, with a token that was made at \
         the console or an account of their own"
    } else if role.is_some_and(|role| is_late(role.changed)) {
        "a role changed after the request cannot approve it: whoever asked could have changed the role"
    } else {
        return Ok(());
    };
    Err(Problem::lacking(Permission::ApprovalsDecide, detail))
}
