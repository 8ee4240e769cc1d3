//! Requests that a second admin has to approve before the first may act.
//!
//! ```text
//!  ask ──► pending ──approve──► approved ──use──► used
//!             ├─────refuse────► refused      └─time─► expired
//!             ├────withdraw───► withdrawn
//!             └──────time─────► expired
//! ```
//!
//! An approval is for one action with exactly these parameters, for whoever asked, once, until it expires. What the
//! actions are, and which of them need this, is decided by the caller.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use audit_event::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::step::Step;
use crate::store::Control;
use crate::{Error, Result};

const COLUMNS: &str = "id, action, parameters, requester, requester_name, requested, expires, state, decider, \
                       decider_name, decided, note, used, hands";

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided yet.
    Pending,
    /// The requester may act now.
    Approved,
    /// Another admin said no.
    Refused,
    /// The requester does not want it any more.
    Withdrawn,
    /// The time was over before it was decided, or used.
    Expired,
    /// The requester has acted.
    Used,
}

impl ApprovalState {
    const ALL: [Self; 6] =
        [Self::Pending, Self::Approved, Self::Refused, Self::Withdrawn, Self::Expired, Self::Used];

    /// The state's name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Used => "used",
        }
    }

    /// Whether anything can still come of it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApprovalState {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(())
    }
}

/// Somebody who asks or decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// A token's id, or a person's of the platform.
    pub id: String,
    /// What they are called.
    pub name: String,
}

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// `apr_` and twelve hexadecimal digits.
    pub id: String,
    /// What is to be done.
    pub action: String,
    /// With what; equal for equal acts.
    pub parameters: String,
    /// Who wants to.
    pub requester: Party,
    /// When it was asked for.
    pub requested: Timestamp,
    /// From when on it is over, approved or not.
    pub expires: Timestamp,
    /// What became of it.
    pub state: ApprovalState,
    /// Who decided, and when.
    pub decided: Option<(Party, Timestamp)>,
    /// What the decider wrote.
    pub note: Option<String>,
    /// When it was acted upon.
    pub used: Option<Timestamp>,
    /// Who may have asked ([`Control::hands`]): whoever may be one of these is not a second person.
    pub hands: BTreeSet<String>,
}

/// How an admin decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The requester may act.
    Approve,
    /// They may not.
    Refuse,
    /// The requester takes it back; for the requester alone.
    Withdraw,
}

/// What asking led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A request was made.
    New(Approval),
    /// The same was asked for before and is not decided yet.
    Pending(Approval),
    /// It was approved: the approval is used up now, go ahead.
    Cleared(Approval),
}

impl Control {
    /// Asks whether `requester`, who is in these `hands`, may do `action` with `parameters` at `now`: uses up an approval if
    /// there is one, else makes a request that is good until `expires`, unless the same is pending already.
    ///
    /// # Errors
    /// [`Error::Randomness`] and [`Error::Sqlite`].
    pub fn ask_approval(
        &self,
        action: &str,
        parameters: &str,
        requester: &Party,
        hands: &BTreeSet<String>,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Asked> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let open = step
            .query_row(
                &format!(
                    "SELECT {COLUMNS} FROM approvals WHERE action = ?1 AND parameters = ?2 AND requester = ?3
                     AND state IN ('pending', 'approved') AND expires > ?4 ORDER BY state = 'approved' DESC LIMIT 1"
                ),
                params![action, parameters, requester.id, now.as_micros()],
                approval_of_row,
            )
            .optional()?;
        let asked = match open {
            Some(approval) if approval.state == ApprovalState::Approved => {
                Asked::Cleared(set_used(&step, &approval.id, now)?)
            }
            Some(approval) => Asked::Pending(note_hands(&step, &approval, hands)?),
            None => {
                let made = insert(&step, action, parameters, requester, now, expires)?;
                Asked::New(note_hands(&step, &made, hands)?)
            }
        };
        step.keep()?;
        Ok(asked)
    }

    /// Decides a pending request.
    ///
    /// # Errors
    /// [`Error::NoSuchApproval`]; [`Error::OwnRequest`] when the requester approves or refuses and
    /// [`Error::NotTheRequester`] when somebody else withdraws; [`Error::ApprovalOver`] when it is not pending any more; [`Error::Sqlite`].
    pub fn decide_approval(
        &self,
        id: &str,
        decider: &Party,
        decision: Decision,
        note: Option<&str>,
        now: Timestamp,
    ) -> Result<Approval> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let approval = find(&step, id)?;
        let is_own = approval.requester.id == decider.id;
        match (is_own, decision) {
            (true, Decision::Approve | Decision::Refuse) => return Err(Error::OwnRequest),
            (false, Decision::Withdraw) => return Err(Error::NotTheRequester),
            _ => {}
        }
        if approval.state != ApprovalState::Pending {
            return Err(Error::ApprovalOver { state: approval.state });
        }
        if approval.expires <= now {
            return Err(Error::ApprovalOver { state: ApprovalState::Expired });
        }
        let state = match decision {
            Decision::Approve => ApprovalState::Approved,
            Decision::Refuse => ApprovalState::Refused,
            Decision::Withdraw => ApprovalState::Withdrawn,
        };
        let decided = step.query_row(
            &format!(
                "UPDATE approvals SET state = ?2, decider = ?3, decider_name = ?4, decided = ?5, note = ?6
                 WHERE id = ?1 RETURNING {COLUMNS}"
            ),
            params![id, state.as_str(), decider.id, decider.name, now.as_micros(), note],
            approval_of_row,
        )?;
        step.keep()?;
        Ok(decided)
    }

    /// The request of this id.
    ///
    /// # Errors
    /// [`Error::NoSuchApproval`]; [`Error::Sqlite`].
    pub fn approval(&self, id: &str) -> Result<Approval> {
        find(&self.lock(), id)
    }

    /// All requests, the newest first, `most` of them.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn approvals(&self, most: u32) -> Result<Vec<Approval>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM approvals ORDER BY requested DESC, id LIMIT ?1"
        ))?;
        let rows = statement.query_map([most], approval_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }

    /// Ends the approvals that were given by somebody who may no longer decide, as `may_decide` says, before they were acted
    /// upon, and gives them, once.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn void_approvals(&self, may_decide: impl Fn(&Party) -> bool) -> Result<Vec<Approval>> {
        let connection = self.lock();
        let step = Step::begin(&connection)?;
        let given = {
            let mut statement =
                step.prepare_cached(&format!("SELECT {COLUMNS} FROM approvals WHERE state = 'approved'"))?;
            let rows = statement.query_map([], approval_of_row)?;
            rows.collect::<std::result::Result<Vec<_>, _>>()?
        };
        let is_void =
            |approval: &Approval| approval.decided.as_ref().is_some_and(|(decider, _)| !may_decide(decider));
        let void = given.into_iter().filter(is_void).map(|approval| {
            let end = format!("UPDATE approvals SET state = 'expired' WHERE id = ?1 RETURNING {COLUMNS}");
            step.query_row(&end, [approval.id], approval_of_row)
        });
        let void = void.collect::<std::result::Result<_, _>>()?;
        step.keep()?;
        Ok(void)
    }

    /// Marks what is over at `now` and gives it, once.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn expire_approvals(&self, now: Timestamp) -> Result<Vec<Approval>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "UPDATE approvals SET state = 'expired' WHERE state IN ('pending', 'approved') AND expires <= ?1
             RETURNING {COLUMNS}"
        ))?;
        let rows = statement.query_map([now.as_micros()], approval_of_row)?;
        rows.collect::<std::result::Result<_, _>>().map_err(Error::from)
    }
}

fn find(connection: &Connection, id: &str) -> Result<Approval> {
    let found = connection
        .query_row(&format!("SELECT {COLUMNS} FROM approvals WHERE id = ?1"), [id], approval_of_row)
        .optional()?;
    found.ok_or_else(|| Error::NoSuchApproval { id: id.to_owned() })
}

fn insert(
    connection: &Connection,
    action: &str,
    parameters: &str,
    requester: &Party,
    now: Timestamp,
    expires: Timestamp,
) -> Result<Approval> {
    let id = crate::secret::random_id("apr_")?;
    let made = connection.query_row(
        &format!(
            "INSERT INTO approvals (id, action, parameters, requester, requester_name, requested, expires, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending') RETURNING {COLUMNS}"
        ),
        params![
            id,
            action,
            parameters,
            requester.id,
            requester.name,
            now.as_micros(),
            expires.as_micros()
        ],
        approval_of_row,
    )?;
    Ok(made)
}

/// Adds these to the hands that a request may have come from.
fn note_hands(connection: &Connection, approval: &Approval, hands: &BTreeSet<String>) -> Result<Approval> {
    let hands: BTreeSet<_> = approval.hands.iter().chain(hands).collect();
    let noted = connection.query_row(
        &format!("UPDATE approvals SET hands = ?2 WHERE id = ?1 RETURNING {COLUMNS}"),
        params![approval.id, serde_json::json!(hands).to_string()],
        approval_of_row,
    )?;
    Ok(noted)
}

fn set_used(connection: &Connection, id: &str, now: Timestamp) -> Result<Approval> {
    let used = connection.query_row(
        &format!("UPDATE approvals SET state = 'used', used = ?2 WHERE id = ?1 RETURNING {COLUMNS}"),
        params![id, now.as_micros()],
        approval_of_row,
    )?;
    Ok(used)
}

fn approval_of_row(row: &Row<'_>) -> rusqlite::Result<Approval> {
    let state: String = row.get(7)?;
    let state = state.parse().map_err(|()| {
        let why = format!("{state:?} is no state of an approval");
        rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, why.into())
    })?;
    let (decider, name): (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
    let decided: Option<i64> = row.get(10)?;
    let decider = decider.zip(name).map(|(id, name)| Party { id, name });
    let used: Option<i64> = row.get(12)?;
    let hands: String = row.get(13)?;
    let hands = serde_json::from_str(&hands).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(13, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Approval {
        id: row.get(0)?,
        action: row.get(1)?,
        parameters: row.get(2)?,
        requester: Party { id: row.get(3)?, name: row.get(4)? },
        requested: Timestamp::from_micros(row.get(5)?),
        expires: Timestamp::from_micros(row.get(6)?),
        state,
        decided: decider.zip(decided.map(Timestamp::from_micros)),
        note: row.get(11)?,
        used: used.map(Timestamp::from_micros),
        hands,
    })
}

#[cfg(test)]
mod tests;
