//! What Open WebUI says that there is, read from the lists of its API (0.12.4).
//!
//! Pure: [`List`] says what to ask for, [`read_page`] reads the answers; who sends the requests is elsewhere.
//! [`compare`] holds the lists against the log.

mod claims;
mod compare;

use std::fmt::{self, Write as _};

use audit_event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::claims::{CREATING, Claims, DELETING, SIGN_INS, Told, first_sign_in_range};
pub use self::compare::{Comparison, Range, Tally, UnknownObject, compare};

/// A kind of objects whose creation times Open WebUI tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// People.
    User,
    /// Their chats.
    Chat,
    /// Uploaded files.
    File,
    /// Knowledge bases.
    Knowledge,
    /// Groups of people.
    Group,
}

impl Kind {
    /// All of them, in the order in which they are read: chats are listed by their owner.
    pub const ALL: [Self; 5] = [Self::User, Self::Chat, Self::File, Self::Knowledge, Self::Group];

    /// The name, which is also the type of an event's target.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Chat => "chat",
            Self::File => "file",
            Self::Knowledge => "knowledge",
            Self::Group => "group",
        }
    }

    /// What several of them are called.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Chat => "chats",
            Self::File => "files",
            Self::Knowledge => "knowledge bases",
            Self::Group => "groups",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What Open WebUI has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// What people call it; a chat's title stays out, it is content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is: the user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was made, to the second; of an imported chat, when the original was.
    pub created_at: Timestamp,
}

/// A list of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// All objects of a kind that is listed as a whole. Not for [`Kind::Chat`].
    Of(Kind),
    /// The chats of the user with this id, archived ones included.
    ChatsOf(String),
}

impl List {
    /// What it lists.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Of(kind) => *kind,
            Self::ChatsOf(_) => Kind::Chat,
        }
    }

    /// Path and query of a page, counted from 1. Oldest first where that can be asked for, so that what is made
    /// meanwhile moves nothing.
    #[must_use]
    pub fn target(&self, page: u32) -> String {
        const OLDEST_FIRST: &str = "order_by=created_at&direction=asc";
        match self {
            Self::Of(Kind::User) => format!("/api/v1/users/?page={page}&{OLDEST_FIRST}"),
            Self::Of(Kind::File) => format!("/api/v1/files/?page={page}&content=false"),
            Self::Of(Kind::Knowledge) => format!("/api/v1/knowledge/?page={page}"),
            Self::Of(Kind::Group | Kind::Chat) => "/api/v1/groups/".to_owned(),
            Self::ChatsOf(user) => {
                format!("/api/v1/chats/list/user/{}?page={page}&{OLDEST_FIRST}", segment(user))
            }
        }
    }

    /// Whether there is but one page.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Of(Kind::Group))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What is on it; an empty one is behind the last.
    pub objects: Vec<Object>,
    /// How many objects the whole list has, where it says so.
    pub total: Option<u64>,
}

/// An answer that is no page of the list.
#[derive(Debug, thiserror::Error)]
pub enum NotAPage {
    /// Not JSON. Open WebUI answers unknown paths with its web page.
    #[error("the answer is no JSON: is this Open WebUI's own address?")]
    Json(#[source] serde_json::Error),
    /// JSON of another shape: another version.
    #[error("the answer has another shape than that of Open WebUI 0.12.4")]
    Shape,
}

/// Reads a page.
///
/// # Errors
/// [`NotAPage`].
pub fn read_page(list: &List, body: &[u8]) -> Result<Page, NotAPage> {
    let answer: Value = serde_json::from_slice(body).map_err(NotAPage::Json)?;
    let (items, total) = match &answer {
        Value::Array(items) => (items, None),
        Value::Object(members) => {
            let items = members.get("users").or_else(|| members.get("items")).and_then(Value::as_array);
            (items.ok_or(NotAPage::Shape)?, members.get("total").and_then(Value::as_u64))
        }
        _ => return Err(NotAPage::Shape),
    };
    let objects: Option<Vec<Object>> = items.iter().map(|item| object(list, item)).collect();
    Ok(Page { objects: objects.ok_or(NotAPage::Shape)?, total })
}

fn object(list: &List, item: &Value) -> Option<Object> {
    let item = Item::deserialize(item).ok()?;
    let name = match list.kind() {
        Kind::User => item.email.or(item.name),
        Kind::File => item.filename,
        Kind::Knowledge | Kind::Group => item.name,
        Kind::Chat => None,
    };
    let owner = match list {
        List::ChatsOf(user) => Some(user.clone()),
        List::Of(Kind::User) => None,
        List::Of(_) => item.user_id,
    };
    Some(Object { kind: list.kind(), id: item.id, name, owner, created_at: moment(item.created_at)? })
}

/// What the lists have in common.
#[derive(Deserialize)]
struct Item {
    id: String,
    created_at: i64,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    filename: Option<String>,
}

/// An id as one segment of a path (RFC 3986, section 3.3).
fn segment(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A Unix time in seconds or, in tables of older versions, milliseconds or nanoseconds.
pub(super) fn moment(number: i64) -> Option<Timestamp> {
    let micros = match number.unsigned_abs() {
        0..100_000_000_000 => number.checked_mul(1_000_000)?,
        100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000)?,
        100_000_000_000_000..100_000_000_000_000_000 => number,
        _ => number / 1_000,
    };
    Some(Timestamp::from_micros(micros))
}

#[cfg(test)]
mod tests;
