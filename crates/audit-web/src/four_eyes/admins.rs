//! Who the admins are, and how many.

use audit_control::{Caller, Permission, Permissions, RoleRights, rights_of};
use audit_event::Timestamp;

use crate::in_process::InProcess;
use crate::problem::Result;
use crate::reader::Reader;
use crate::state::AppState;

/// How many admins there are: the live tokens that may decide, and the platform's administrators as one, as are those whom
/// the identity provider may name, since nobody here knows how many they are.
///
/// # Errors
/// When the control database cannot be read.
pub(crate) fn admins(state: &AppState) -> Result<usize> {
    admins_since(state, state.now())
}

/// How many there were at some time since a request's lifetime ago: whoever takes from the others what they are, by revoking
/// their tokens, changing or removing their role, or waiting until they expire, is not alone for that.
///
/// # Errors
/// When the control database cannot be read.
pub(super) fn admins_lately(state: &AppState) -> Result<usize> {
    let lasting = i64::try_from(state.config().approvals.expire.as_micros()).unwrap_or(i64::MAX);
    admins_since(state, Timestamp::from_micros(state.now().as_micros().saturating_sub(lasting)))
}

fn admins_since(state: &AppState, since: Timestamp) -> Result<usize> {
    let control = state.access().control();
    let (tokens, roles, former) = (control.tokens()?, control.roles()?, control.former_deciders()?);
    // Until when a role let its bearers decide; none: it never did.
    let until = |role: &str| match rights_of(role, &roles) {
        Some(rights) if rights.permissions.contains(Permission::ApprovalsDecide) => Some(Timestamp::MAX),
        _ => former.get(role).copied(),
    };
    let decided = tokens.iter().filter(|token| {
        let ends = [
            until(&token.role),
            token.revoked.or(Some(Timestamp::MAX)),
            token.expires.or(Some(Timestamp::MAX)),
        ];
        ends.into_iter().min().flatten().is_some_and(|end| end > since)
    });
    let may_come = state.provider().is_some_and(|provider| {
        provider.settings().role_names().any(|role| until(role).is_some_and(|end| end > since))
    });
    Ok(decided.count() + usize::from(state.sessions().is_some()) + usize::from(may_come))
}

/// A token that may do what an admin does.
pub(crate) struct AdminToken {
    pub id: String,
    name: String,
}

impl AdminToken {
    /// Whether this is its name or its id.
    pub fn is_called(&self, name_or_id: &str) -> bool {
        [&self.id, &self.name].into_iter().any(|called| called == name_or_id)
    }
}

/// The one live token that may manage tokens and roles and sees everything, where there is no other: one that may only
/// decide about requests could not make another. Blocks.
///
/// # Errors
/// When the control database cannot be read.
pub(crate) fn last_admin(state: &AppState) -> Result<Option<AdminToken>> {
    let rights = Permissions::of(&[Permission::TokensManage, Permission::RolesManage]);
    let mut admins = live_tokens(state, |caller| caller.may_give(rights))?;
    let last = admins.pop();
    Ok(last.filter(|_| admins.is_empty()))
}

/// That a role's new rights leave somebody who may manage tokens and roles and sees everything. At the console, where one
/// can make another, everything may be changed. Blocks.
///
/// # Errors
/// [`crate::problem::Code::LastAdmin`].
pub(crate) fn leaves_an_admin(
    state: &AppState,
    reader: &Reader,
    role: &str,
    rights: &RoleRights,
) -> Result<()> {
    let managing = Permissions::of(&[Permission::TokensManage, Permission::RolesManage]);
    let still = Caller::with_rights("", "", role, rights.clone()).may_give(managing);
    if still || reader.caller().id == InProcess::CALLER_ID {
        return Ok(());
    }
    let admins = live_tokens(state, |caller| caller.may_give(managing))?;
    let others = live_tokens(state, |caller| caller.may_give(managing) && caller.role != role)?;
    match admins.first() {
        Some(last) if others.is_empty() => {
            Err(audit_control::Error::LastAdmin { name: last.name.clone() }.into())
        }
        _ => Ok(()),
    }
}

fn live_tokens(state: &AppState, may: impl Fn(&Caller) -> bool) -> Result<Vec<AdminToken>> {
    let (now, access) = (state.now(), state.access());
    let tokens = access.control().tokens()?.into_iter().filter(|token| token.is_live(now));
    let admins = tokens.filter(|token| access.by_id(&token.id, now).is_ok_and(|caller| may(&caller)));
    Ok(admins.map(|token| AdminToken { id: token.id, name: token.name }).collect())
}
