//! The requests that tell whose a credential is, and what their answers mean.
//!
//! Facts of Open WebUI 0.12.4:
//!
//! - `GET /api/v1/auths/` answers a person's session of any role, `pending` included. It refuses API keys and sessions
//!   of Open WebUI's own making with 403. (It also sets the cookie anew: its answer must not reach a client.)
//! - `GET /api/v1/users/user/status` answers keys and sessions alike with the caller's own record, from the role `user`
//!   on. 403 when the setting "user status" is off, when keys are off for all or for the owner, or when keys are
//!   restricted to other paths; a key that does not exist is refused with 401 before all that.
//! - `GET /api/v1/calendars/` ends with a virtual calendar that is the caller's own, where automations are on. Other
//!   calendars in it may be other people's, shared with the caller.
//! - `GET /api/v1/users/{id}/info` names anybody, to anybody signed in.
//! - `GET /api/v1/users/groups` answers the caller's own groups, an admin's too. (`/api/v1/groups/` would show an admin
//!   all groups.)

use serde::Deserialize;

use super::{Claims, Credential};
use crate::sources::openwebui::caller::{CredentialKind, Person, Refusal};

/// Where the caller's own groups are.
pub const GROUPS_PATH: &str = "/api/v1/users/groups";

const SESSION_PATH: &str = "/api/v1/auths/";
const STATUS_PATH: &str = "/api/v1/users/user/status";
const CALENDARS_PATH: &str = "/api/v1/calendars/";
const OWN_CALENDAR: &str = "__scheduled_tasks__";

/// Open WebUI's words for "not for your role", where it answers 401 to a good credential.
const NOT_FOR_YOUR_ROLE: &str = "You do not have permission to access this resource";
/// Its words for keys that are switched off.
const KEYS_ARE_OFF: &str = "Use of API key is not enabled";

/// Asking whose a credential is: a path to get with it, then the next, until it is known or cannot be.
#[derive(Debug)]
pub struct Inquiry {
    step: Step,
}

#[derive(Debug)]
enum Step {
    Session,
    Status,
    Calendars,
    Info(String),
}

/// What an answer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Ask again, at the inquiry's new path.
    Further,
    /// This person, groups not known yet.
    Known(Person),
    /// Open WebUI does not accept it.
    Refused(Refusal),
    /// It is good, but nothing tells whose it is.
    Nameless,
    /// Open WebUI has no answer now.
    NoAnswer,
}

impl Inquiry {
    /// The way to ask about a session or key.
    #[must_use]
    pub fn of(credential: &Credential, claims: Option<&Claims>) -> Self {
        let is_key = credential.kind() == CredentialKind::ApiKey;
        let is_servers_own = claims.is_some_and(|claims| !claims.is_human());
        Self { step: if is_key || is_servers_own { Step::Status } else { Step::Session } }
    }

    /// The path to get with the credential.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.step {
            Step::Session => SESSION_PATH.to_owned(),
            Step::Status => STATUS_PATH.to_owned(),
            Step::Calendars => CALENDARS_PATH.to_owned(),
            Step::Info(id) => format!("/api/v1/users/{id}/info"),
        }
    }

    /// Takes in the answer to that path.
    pub fn answer(&mut self, status: u16, body: &[u8]) -> Progress {
        match status {
            200 => self.told(body),
            401 if detail_begins(body, NOT_FOR_YOUR_ROLE) => Progress::Nameless,
            401 => Progress::Refused(Refusal::Invalid),
            403 if detail_begins(body, KEYS_ARE_OFF) => Progress::Refused(Refusal::KeysDisabled),
            403 | 404 => self.turn(),
            _ => Progress::NoAnswer,
        }
    }

    fn told(&mut self, body: &[u8]) -> Progress {
        if matches!(self.step, Step::Calendars) {
            let Some(id) = own_calendar(body) else { return Progress::Nameless };
            self.step = Step::Info(id);
            return Progress::Further;
        }
        let Some(person) = person(body) else { return self.turn() };
        match &self.step {
            Step::Info(id) if *id != person.id => Progress::Nameless,
            _ => Progress::Known(person),
        }
    }

    /// Nothing came of this path: to the next one.
    fn turn(&mut self) -> Progress {
        self.step = match self.step {
            Step::Session => Step::Status,
            Step::Status => Step::Calendars,
            Step::Calendars | Step::Info(_) => return Progress::Nameless,
        };
        Progress::Further
    }
}

/// A person in an answer: a session's, a user's own record, or that of a sign-in.
#[must_use]
pub fn person(body: &[u8]) -> Option<Person> {
    #[derive(Deserialize)]
    struct Answer {
        id: String,
        name: Option<String>,
        email: Option<String>,
        role: Option<String>,
    }
    let Answer { id, name, email, role } = serde_json::from_slice(body).ok()?;
    // An id goes into paths that are asked for.
    let is_fit = is_id(&id) && (email.is_some() || role.is_some());
    is_fit.then(|| Person { id, name, email, role, ..Person::default() })
}

/// The names of groups in the answer of [`GROUPS_PATH`], sorted.
#[must_use]
pub fn groups(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Group {
        name: String,
    }
    let groups: Vec<Group> = serde_json::from_slice(body).ok()?;
    let mut names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    names.sort_unstable();
    Some(names)
}

/// The owner of the one calendar that nobody can share.
fn own_calendar(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Calendar {
        id: String,
        user_id: String,
    }
    let calendars: Vec<Calendar> = serde_json::from_slice(body).ok()?;
    let own = calendars.into_iter().find(|calendar| calendar.id == OWN_CALENDAR)?;
    is_id(&own.user_id).then_some(own.user_id)
}

/// Open WebUI's ids of users: UUIDs, but whatever a migration brought is taken too if a path can hold it.
pub(in crate::sources::openwebui) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain) && text != "." && text != ".."
}

fn detail_begins(body: &[u8], words: &str) -> bool {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    serde_json::from_slice::<Problem>(body).is_ok_and(|problem| problem.detail.starts_with(words))
}

#[cfg(test)]
mod tests;
