//! `/approvals`: what waits for a second admin, and what became of it. A request is made by the act itself
//! ([`crate::four_eyes`]).

pub(crate) mod decide;
pub(crate) mod list;

use audit_control::Approval;
use audit_event::Timestamp;
use serde::Serialize;

use crate::four_eyes;

/// A request as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ApprovalView {
    pub id: String,
    /// What is to be done.
    pub act: String,
    /// With what.
    pub parameters: String,
    /// Both, as people say it.
    pub title: String,
    pub state: &'static str,
    pub requested_by: PartyView,
    pub requested: Timestamp,
    pub expires: Timestamp,
    pub decided_by: Option<PartyView>,
    pub decided: Option<Timestamp>,
    pub note: Option<String>,
    pub used: Option<Timestamp>,
}

/// Somebody who asked or decided.
#[derive(Debug, Serialize)]
pub(crate) struct PartyView {
    pub id: String,
    pub name: String,
}

impl ApprovalView {
    pub fn new(approval: Approval) -> Self {
        let (decided_by, decided) = approval.decided.clone().unzip();
        let party = |party: audit_control::Party| PartyView { id: party.id, name: party.name };
        Self {
            title: four_eyes::title_of(&approval),
            id: approval.id,
            act: approval.action,
            parameters: approval.parameters,
            state: approval.state.as_str(),
            requested_by: party(approval.requester),
            requested: approval.requested,
            expires: approval.expires,
            decided_by: decided_by.map(party),
            decided,
            note: approval.note,
            used: approval.used,
        }
    }

    /// Whether it can still be decided.
    pub fn is_pending(&self) -> bool {
        self.state == "pending"
    }
}
