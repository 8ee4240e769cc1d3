//! Four eyes: what one admin may not do alone.
//!
//! Every act that needs a second admin passes through one function, [`cleared`]: the first call makes a request, another
//! admin approves it, the same call by the same person then goes through, once. The acts to come (erasure, lifting a hold,
//! shortening retention) are a row in [`Act`] and a call of [`cleared`] before they are done.
//!
//! This binds those who come through the API. Whoever may open the data directory on the machine can do without; that is
//! why every act is recorded, with whose approval or that it was done at the console.

use std::time::Duration;

use audit_control::{
    Approval, Asked, Caller, Control, Decision, Party, Permission, Permissions, RoleRights, Token,
};
use audit_event::{Event, Json, Outcome, Source, Target, Timestamp};
use serde_json::json;

use crate::activity::{self, success};
use crate::in_process::InProcess;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::sign_ins::EMERGENCY_ID;
use crate::state::AppState;

/// What needs a second admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Revoking the last token that may administer.
    RevokeLastAdmin,
    /// Giving a source of events another secret: the sender's events are refused until it is told.
    ChangeSource,
    /// Removing a source of events.
    RemoveSource,
}

/// When an act needs a second admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Eyes {
    /// Where there is more than one admin.
    #[default]
    Auto,
    /// Always; where there is one admin alone, nobody can do it.
    Four,
    /// Never.
    Two,
}

/// Which acts need a second admin, and how long requests are good.
#[derive(Debug, Clone, Copy)]
pub struct Approvals {
    /// From the request to the act.
    pub expire: Duration,
    /// For [`Act::RevokeLastAdmin`].
    pub revoke_last_admin: Eyes,
    /// For [`Act::ChangeSource`].
    pub change_source: Eyes,
    /// For [`Act::RemoveSource`].
    pub remove_source: Eyes,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            expire: Duration::from_secs(24 * 60 * 60),
            revoke_last_admin: Eyes::Auto,
            change_source: Eyes::Auto,
            remove_source: Eyes::Auto,
        }
    }
}

impl Approvals {
    fn of(&self, act: Act) -> Eyes {
        match act {
            Act::RevokeLastAdmin => self.revoke_last_admin,
            Act::ChangeSource => self.change_source,
            Act::RemoveSource => self.remove_source,
        }
    }
}

impl Act {
    const ALL: [Self; 3] = [Self::RevokeLastAdmin, Self::ChangeSource, Self::RemoveSource];

    /// The act's name in the API and in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RevokeLastAdmin => "tokens.revoke_last_admin",
            Self::ChangeSource => "sources.change",
            Self::RemoveSource => "sources.remove",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::RevokeLastAdmin => "revoke the last admin token",
            Self::ChangeSource => "give another secret to the source",
            Self::RemoveSource => "remove the source",
        }
    }
}

/// What an act is called by people, with what it is done to.
pub(crate) fn title_of(approval: &Approval) -> String {
    let act = Act::ALL.into_iter().find(|act| act.as_str() == approval.action);
    format!("{} {}", act.map_or(approval.action.as_str(), |act| act.title()), approval.parameters)
}

/// Lets an act go on, or makes a request for it. Blocks; what it does is on record when it returns.
///
/// `parameters` says what the act is done to, equal for equal acts. An approval is used up by this call, whether or not
/// the act then succeeds.
///
/// # Errors
/// [`Code::ApprovalRequired`] with the request, when another admin has to approve it first.
pub(crate) fn cleared(state: &AppState, reader: &Reader, act: Act, parameters: &str) -> Result<()> {
    let is_console = reader.caller().id == InProcess::CALLER_ID;
    let needs_two = match state.config().approvals.of(act) {
        Eyes::Two => false,
        Eyes::Four => true,
        Eyes::Auto => admins(state)? + lately_revoked(state)? > 1,
    };
    if is_console || !needs_two {
        return Ok(());
    }
    expire(state)?;
    let now = state.now();
    let lasting = i64::try_from(state.config().approvals.expire.as_micros()).unwrap_or(i64::MAX);
    let expires = Timestamp::from_micros(now.as_micros().saturating_add(lasting));
    let asked = activity::change(state, |control| {
        let asked = control.ask_approval(act.as_str(), parameters, &party(reader), now, expires)?;
        let told = |action, approval| Some(about(reader.visitor().did(action), approval));
        let event = match &asked {
            Asked::Cleared(approval) => told("audit.approval_used", approval),
            Asked::New(approval) => told("audit.approval_requested", approval),
            Asked::Pending(_) => None,
        };
        Ok((asked, event))
    })?;
    match asked {
        Asked::Cleared(_) => Ok(()),
        Asked::New(approval) | Asked::Pending(approval) => Err(required(&approval)),
    }
}

/// Decides a request. Blocks; the decision is on record when it returns.
///
/// # Errors
/// [`Code::NoSuchApproval`], [`Code::OwnRequest`], [`Code::ApprovalOver`]; [`Code::PermissionRequired`] for an approval by
/// what whoever asked could have made since: a token made or rotated, or a role changed, after the request; and by the
/// emergency password, which is nobody's own.
pub(crate) fn decide(
    state: &AppState,
    reader: &Reader,
    id: &str,
    decision: Decision,
    note: Option<&str>,
) -> Result<Approval> {
    expire(state)?;
    let control = state.access().control();
    let request = control.approval(id)?;
    let is_own = request.requester.id == reader.caller().id;
    if decision == Decision::Approve && !is_own {
        check_second_person(control, reader, &request)?;
    }
    let action = match decision {
        Decision::Approve => "audit.approval_granted",
        Decision::Refuse => "audit.approval_refused",
        Decision::Withdraw => "audit.approval_withdrawn",
    };
    activity::change(state, |control| {
        let decided = control.decide_approval(id, &party(reader), decision, note, state.now())?;
        let event = about(reader.visitor().did(action), &decided);
        Ok((decided, event))
    })
}

/// That whoever approves is somebody whom the requester has not made since.
fn check_second_person(control: &Control, reader: &Reader, request: &Approval) -> Result<()> {
    let (caller, requester) = (reader.caller(), request.requester.id.as_str());
    let is_late = |time: Timestamp| time >= request.requested;
    let tokens = control.tokens()?;
    let token = tokens.iter().find(|token| token.id == caller.id);
    let asking = tokens.iter().find(|token| token.id == requester);
    let was_shown_to =
        |token: Option<&Token>, id: &str| token.is_some_and(|token| token.shown_to.as_deref() == Some(id));
    let roles = control.roles()?;
    let role = roles.iter().find(|role| role.name == caller.role);
    let detail = if caller.id == EMERGENCY_ID {
        "the emergency password cannot approve: it is nobody's own, and whoever asked may know it"
    } else if token.is_some_and(|token| is_late(token.created)) {
        "a token made after the request cannot approve it: whoever asked could have made the token"
    } else if token.and_then(|token| token.rotated).is_some_and(is_late) {
        "a token rotated after the request cannot approve it: whoever asked could have rotated the token"
    } else if was_shown_to(token, requester) || was_shown_to(asking, &caller.id) {
        "one of the two tokens was made or rotated with the other, so that one person may hold both: somebody else has to \
         approve it"
    } else if role.is_some_and(|role| is_late(role.changed)) {
        "a role changed after the request cannot approve it: whoever asked could have changed the role"
    } else {
        return Ok(());
    };
    Err(Problem::lacking(Permission::ApprovalsDecide, detail))
}

/// Ends what is over, and records that it is. Blocks.
///
/// # Errors
/// When the control database cannot be written.
pub(crate) fn expire(state: &AppState) -> Result<()> {
    for approval in state.access().control().expire_approvals(state.now())? {
        let event = about(Event::new("audit.approval_expired", Source::Internal), &approval);
        let message = format!("The request to {} expired before it was acted upon", title_of(&approval));
        state.activity().record(Event {
            outcome: Outcome::Failure,
            reason: Some("expired".into()),
            message: Some(message.into()),
            ..event
        });
    }
    Ok(())
}

/// How many admins there are: the live tokens that may decide, and the platform's administrators as one, as are those whom
/// the identity provider may name, since nobody here knows how many they are.
pub(crate) fn admins(state: &AppState) -> Result<usize> {
    let may_decide = |role: &str| {
        let caller = state.access().with_role("", "", role);
        caller.is_some_and(|caller| caller.may(Permission::ApprovalsDecide))
    };
    let may_come = state.provider().is_some_and(|provider| provider.settings().role_names().any(may_decide));
    let deciders = live_tokens(state, |caller| caller.may(Permission::ApprovalsDecide))?;
    Ok(deciders.len() + usize::from(state.sessions().is_some()) + usize::from(may_come))
}

/// Admins whose tokens were revoked so lately that they could still have decided: whoever revokes the others first is not
/// alone for that.
fn lately_revoked(state: &AppState) -> Result<usize> {
    let lasting = i64::try_from(state.config().approvals.expire.as_micros()).unwrap_or(i64::MAX);
    let since = state.now().as_micros().saturating_sub(lasting);
    let tokens = state.access().control().tokens()?;
    let lately =
        tokens.iter().filter(|token| token.revoked.is_some_and(|revoked| revoked.as_micros() > since));
    let decided = lately.filter(|token| {
        let caller = state.access().with_role(&token.id, &token.name, &token.role);
        caller.is_some_and(|caller| caller.may(Permission::ApprovalsDecide))
    });
    Ok(decided.count())
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

fn party(reader: &Reader) -> Party {
    Party { id: reader.caller().id.clone(), name: reader.caller().name.clone() }
}

fn required(approval: &Approval) -> Problem {
    let detail = format!(
        "another admin has to approve this before {}: the request {} waits at /audit/approvals; repeat this call when it \
         is approved",
        approval.expires, approval.id
    );
    Problem::new(Code::ApprovalRequired, detail)
        .with("approval", json!({ "id": approval.id, "expires": approval.expires.to_string() }))
}

/// Completes an event about a request.
fn about(event: Event<'static>, approval: &Approval) -> Event<'static> {
    let mut details = vec![
        ("act", Json::from(approval.action.clone())),
        ("parameters", Json::from(approval.parameters.clone())),
        ("requested_by", Json::from(approval.requester.id.clone())),
        ("requested", Json::from(approval.requested.to_string())),
        ("expires", Json::from(approval.expires.to_string())),
    ];
    if let Some((decider, at)) = &approval.decided {
        details.push(("decided_by", Json::from(decider.id.clone())));
        details.push(("decided", Json::from(at.to_string())));
    }
    if let Some(note) = &approval.note {
        details.push(("note", Json::from(note.clone())));
    }
    Event {
        target: Some(Target {
            kind: Some("approval".into()),
            id: Some(approval.id.clone().into()),
            name: Some(title_of(approval).into()),
        }),
        details: Some(Json::object(details)),
        ..success(event)
    }
}
