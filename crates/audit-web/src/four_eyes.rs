//! Four eyes: what one admin may not do alone.
//!
//! Every act that needs a second admin passes through one function, [`cleared`]: the first call makes a request, another
//! admin approves it, the same call by the same person then goes through, once. The acts to come (erasure, lifting a hold,
//! shortening retention) are a row in [`Act`] and a call of [`cleared`] before they are done.
//!
//! This binds those who come through the API. Whoever may open the data directory on the machine can do without; that is
//! why every act is recorded, with whose approval or that it was done at the console.

use std::time::Duration;

use audit_control::{Approval, Asked, Decision, Party, Permission};
use audit_event::{Event, Json, Outcome, Source, Target, Timestamp};
use serde_json::json;

use crate::activity::{self, success};
use crate::in_process::InProcess;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

mod admins;
mod second;

pub(crate) use admins::{admins, last_admin, leaves_an_admin};
pub(crate) use second::hands_of;

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
/// [`Code::ApprovalRequired`] with the request, when another admin has to approve it first; [`Code::PermissionRequired`] for
/// whoever came with the emergency password, for whom nobody can.
pub(crate) fn cleared(state: &AppState, reader: &Reader, act: Act, parameters: &str) -> Result<()> {
    let is_console = reader.caller().id == InProcess::CALLER_ID;
    let needs_two = match state.config().approvals.of(act) {
        Eyes::Two => false,
        Eyes::Four => true,
        Eyes::Auto => admins::admins_lately(state)? > 1,
    };
    if is_console || !needs_two {
        return Ok(());
    }
    let hands = hands_of(state, reader)?;
    if second::is_everybodys(&hands) {
        let detail = "this needs a second admin, and who asks with the emergency password, or a token made with it, may be \
                      any of them: sign in as yourself, or do it at the machine";
        return Err(Problem::lacking(Permission::ApprovalsDecide, detail));
    }
    expire(state)?;
    let now = state.now();
    let lasting = i64::try_from(state.config().approvals.expire.as_micros()).unwrap_or(i64::MAX);
    let expires = Timestamp::from_micros(now.as_micros().saturating_add(lasting));
    let asked = activity::change(state, |control| {
        let asked = control.ask_approval(act.as_str(), parameters, &party(reader), &hands, now, expires)?;
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
/// what whoever asked may hold or could have made since: a token or account that may be theirs, a token made or rotated, or
/// a role changed, after the request; and by the emergency password, which is nobody's own.
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
        second::check(state, reader, &request)?;
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

/// Ends what is over, and what was approved by a token that may no longer decide, and records that it is. Blocks.
///
/// # Errors
/// When the control database cannot be written.
pub(crate) fn expire(state: &AppState) -> Result<()> {
    let (access, now) = (state.access(), state.now());
    // Of people, only who asks here now is known to be what they are.
    let may_decide = |decider: &Party| {
        let token = access.by_id(&decider.id, now);
        !decider.id.starts_with("tok_") || token.is_ok_and(|token| token.may(Permission::ApprovalsDecide))
    };
    let expired = access.control().expire_approvals(now)?;
    let void = access.control().void_approvals(may_decide)?;
    let told = |approvals: &[Approval], reason: &'static str, what: &str| {
        for approval in approvals {
            let event = about(Event::new("audit.approval_expired", Source::Internal), approval);
            state.activity().record(Event {
                outcome: Outcome::Failure,
                reason: Some(reason.into()),
                message: Some(format!("The request to {} {what}", title_of(approval)).into()),
                ..event
            });
        }
    };
    told(&expired, "expired", "expired before it was acted upon");
    told(&void, "approver_gone", "ended: whoever approved it may no longer do so");
    Ok(())
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
