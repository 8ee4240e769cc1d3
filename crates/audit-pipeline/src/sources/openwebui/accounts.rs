//! Who has an account, read from the list of Open WebUI that costs least (0.12.4).
//!
//! `GET /api/v1/users/search` answers everybody signed in with pages of 30 accounts, without the pictures and settings
//! that the administrator's list has, and reads no more of the database than a page. (`/api/v1/users/all` would make
//! Open WebUI load every account with its picture at once.) Without words to look for it finds all accounts.
//!
//! Pure: [`target`] says what to ask for, [`read_page`] reads the answers.

use audit_event::Timestamp;
use serde::Deserialize;

use super::inventory::{NotAPage, moment};

/// Accounts of a page.
pub const PAGE: u32 = 30;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Open WebUI's id, which events have as `actor.id`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// `admin`, `user` or `pending`: the last one may not do anything yet.
    pub role: String,
    /// When Open WebUI last heard of it, to some minutes; `None` where it does not say.
    pub last_active: Option<Timestamp>,
}

/// A page of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What is on it; an empty one is behind the last.
    pub accounts: Vec<Account>,
    /// How many accounts there are in all.
    pub total: u64,
}

/// Path and query of a page, counted from 1. Oldest first, so that accounts made meanwhile move no other.
#[must_use]
pub fn target(page: u32) -> String {
    format!("/api/v1/users/search?page={page}&order_by=created_at&direction=asc")
}

/// Reads a page.
///
/// # Errors
/// [`NotAPage`].
pub fn read_page(body: &[u8]) -> Result<Page, NotAPage> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| if error.is_data() { NotAPage::Shape } else { NotAPage::Json(error) })?;
    let accounts = answer.users.into_iter().map(|item| Account {
        last_active: item.last_active_at.filter(|number| *number > 0).and_then(moment),
        id: item.id,
        name: item.name,
        email: item.email,
        role: item.role,
    });
    Ok(Page { accounts: accounts.collect(), total: answer.total })
}

#[derive(Deserialize)]
struct Answer {
    users: Vec<Item>,
    total: u64,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    name: String,
    email: String,
    role: String,
    #[serde(default)]
    last_active_at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a real 0.12.4 answered.
    const RECORDED: &str = r#"{"users":[
        {"status_emoji":null,"status_message":null,"status_expires_at":null,"id":"5fb6e9b4-95ac-4c6c-b1b0-b1e2fd1ca1e2",
         "name":"Ada","email":"ada@example.test","role":"admin","bio":null,"last_active_at":1795434000,"timezone":null,
         "groups":[],"is_active":false},
        {"status_emoji":null,"status_message":null,"status_expires_at":null,"id":"u-ben","name":"Ben",
         "email":"ben@example.test","role":"pending","bio":null,"last_active_at":0,"timezone":null,"groups":[],
         "is_active":false}],"total":2}"#;

    #[test]
    fn a_recorded_page_is_read() {
        let page = read_page(RECORDED.as_bytes()).unwrap();
        assert_eq!(page.total, 2);
        let [ada, ben] = page.accounts.as_slice() else { panic!("{page:?}") };
        assert_eq!((ada.name.as_str(), ada.role.as_str()), ("Ada", "admin"));
        assert_eq!(ada.last_active, Some(Timestamp::from_micros(1_795_434_000_000_000)));
        assert_eq!((ben.email.as_str(), ben.last_active), ("ben@example.test", None));
    }

    #[test]
    fn what_an_older_version_leaves_out_is_unknown() {
        let body = br#"{"users":[{"id":"u","name":"Ada","email":"a@x","role":"user"}],"total":1}"#;
        assert_eq!(read_page(body).unwrap().accounts[0].last_active, None);
    }

    #[test]
    fn other_answers_are_no_page() {
        assert!(matches!(read_page(b"<!doctype html>"), Err(NotAPage::Json(_))));
        assert!(matches!(read_page(br#"{"detail":"Not found"}"#), Err(NotAPage::Shape)));
        assert!(matches!(read_page(b"[]"), Err(NotAPage::Shape)));
    }

    #[test]
    fn pages_are_asked_for_oldest_first() {
        assert_eq!(target(2), "/api/v1/users/search?page=2&order_by=created_at&direction=asc");
    }
}
