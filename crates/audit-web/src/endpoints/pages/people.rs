//! `GET /audit/users`: everyone seen, held against the accounts of the platform.

pub(crate) mod heat;
pub(crate) mod person;

use askama::Template;
use audit_event::Timestamp;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};

use super::frame::Frame;
use super::time::Time;
use crate::endpoints::people::asked::{Asked, List};
use crate::endpoints::people::columns::Column;
use crate::endpoints::people::listing::{self, Listing};
use crate::endpoints::people::seen::{Allowed, CONVERSATIONS, MODEL_CALL, Person, Standing};
use crate::endpoints::people::{self};
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::roster::NoRoster;
use crate::state::AppState;

/// Where the page is.
pub(crate) const PATH: &str = "/audit/users";

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    asked: Asked,
    listing: Listing,
    allowed: Allowed,
    tabs: Vec<Tab>,
    headings: Vec<Heading>,
}

/// One of the lists.
struct Tab {
    name: &'static str,
    /// Unknown without a roster.
    count: Option<u64>,
    href: String,
    is_open: bool,
}

/// A heading of the table, with the links that sort by what is below it.
struct Heading {
    class: &'static str,
    links: Vec<Sort>,
}

struct Sort {
    title: &'static str,
    href: String,
    /// `ascending` or `descending` where the list is sorted by it.
    order: Option<&'static str>,
}

/// Answers with the page.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Response {
    match show(&state, frame.clone(), &uri, &headers, &reader).await {
        Ok(page) => super::rendered(StatusCode::OK, &page.frame, &page),
        Err(problem) => super::refused(&frame, &problem),
    }
}

async fn show(
    state: &AppState,
    frame: Frame,
    uri: &Uri,
    headers: &HeaderMap,
    reader: &Reader,
) -> Result<PeoplePage> {
    let uri = without_blanks(uri)?;
    let asked = Asked::of(reader, &uri, PATH, frame.zone.as_ref(), state.now())?;
    let allowed = Allowed::of(reader)?;
    let listing = listing::list(state, headers, &allowed, &asked).await?;
    people::note(state, reader, &asked, listing.people.len());
    Ok(PeoplePage {
        tabs: tabs(&asked, &listing),
        headings: headings(&asked, &allowed),
        frame,
        asked,
        listing,
        allowed,
    })
}

/// An address without the parameters that a form sends for what was left blank.
pub(super) fn without_blanks(uri: &Uri) -> Result<Uri> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept = pairs.filter(|(_, value)| !value.trim().is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    Uri::try_from(format!("{}?{query}", uri.path())).map_err(Problem::internal)
}

fn tabs(asked: &Asked, listing: &Listing) -> Vec<Tab> {
    let counts = listing.counts;
    let tab = |list: List, name, count| Tab {
        name,
        count,
        href: asked.with(&[
            ("list", if list == List::People { "" } else { list.name() }),
            ("sort", ""),
            ("order", ""),
        ]),
        is_open: asked.list == list,
    };
    vec![
        tab(List::People, "Everyone seen", Some(counts.people)),
        tab(List::Tried, "Unknown names", Some(counts.tried)),
        tab(List::Idle, "Account without activity", counts.idle),
        tab(List::Gone, "Activity without account", counts.gone),
    ]
}

fn headings(asked: &Asked, allowed: &Allowed) -> Vec<Heading> {
    use Column as C;
    let sort = |title, column: Column| {
        let is_sorted = asked.sort == column;
        let descending = if is_sorted { !asked.descending } else { column.is_descending() };
        let order = if descending { "desc" } else { "asc" };
        Sort {
            title,
            href: asked.with(&[("sort", column.name()), ("order", order)]),
            order: is_sorted.then_some(if asked.descending { "descending" } else { "ascending" }),
        }
    };
    let of = |class, links: &[(&'static str, Column)]| Heading {
        class,
        links: links.iter().map(|(title, column)| sort(title, *column)).collect(),
    };
    let mut headings = Vec::new();
    if asked.list == List::Tried {
        return vec![
            of("who", &[("Name tried", C::Email)]),
            of("number", &[("Failed sign-ins", C::FailedSignIns)]),
            of("when", &[("First tried", C::FirstActivity)]),
            of("when", &[("Last tried", C::LastActivity)]),
        ];
    }
    headings.push(of("who", &[("Name", C::Name), ("E-mail", C::Email)]));
    if allowed.org {
        headings.push(of("standing", &[("Department", C::Department), ("Role", C::Role)]));
    }
    if asked.list != List::Idle {
        headings.push(of("when", &[("First activity", C::FirstActivity)]));
        headings.push(of("when", &[("Last activity", C::LastActivity)]));
        headings.push(of("when", &[("Last sign-in", C::LastSignIn)]));
    } else {
        headings.push(of("when", &[("Last seen", C::LastActivity)]));
    }
    // A hyphen at which the heading does not break.
    headings.push(of("number", &[("Failed sign\u{2011}ins", C::FailedSignIns)]));
    if asked.list != List::Idle {
        if allowed.usage {
            headings.push(of("number", &[("Tokens", C::Tokens)]));
        }
        headings.push(of("number", &[("Conversations", C::Conversations)]));
        headings.push(of("number", &[("Files", C::Files)]));
        headings.push(of("number", &[("Events", C::Events)]));
    }
    headings
}

impl PeoplePage {
    fn rows(&self) -> &[Person] {
        self.listing.page(&self.asked)
    }

    /// Addresses of this list in another time.
    fn in_preset(&self, preset: &str) -> String {
        self.asked.with(&[("range", preset), ("from", ""), ("to", ""), ("at", "")])
    }

    fn csv(&self) -> String {
        self.asked.of_api(people::PATH, "csv")
    }

    fn person(&self, person: &Person) -> String {
        href(&person.key, &self.asked)
    }

    fn failed(&self, person: &Person) -> String {
        self.asked.events(&[("q", &person.attempts().to_string())])
    }

    fn events(&self, person: &Person) -> String {
        events(&self.asked, person, &[])
    }

    fn conversations(&self, person: &Person) -> String {
        events(&self.asked, person, &[("action", CONVERSATIONS)])
    }

    fn files(&self, person: &Person) -> String {
        events(&self.asked, person, &[("event_type", "file")])
    }

    fn tokens(&self, person: &Person) -> String {
        events(&self.asked, person, &[("tokens", ">0"), ("action", MODEL_CALL)])
    }

    fn when(&self, time: &Timestamp) -> Time {
        Time::of(*time, &self.asked.zone)
    }

    fn no_roster(&self) -> Option<NoRoster> {
        self.listing.told.as_ref().err().copied()
    }

    /// The platform heard of an account in the time that was asked for, and nothing was recorded: it was made then, or
    /// something passes by us.
    fn is_unrecorded(&self, person: &Person) -> bool {
        match &person.account {
            Standing::Has { last_active: Some(at), .. } => self.asked.range.contains(*at),
            _ => false,
        }
    }

    /// When the platform heard of an account last, else when the record did.
    fn last_seen(&self, person: &Person) -> Option<Time> {
        let time = match &person.account {
            Standing::Has { last_active, .. } => *last_active,
            _ => person.last,
        };
        time.as_ref().map(|time| self.when(time))
    }

    fn has_none(&self, person: &Person) -> bool {
        person.account == Standing::HasNone
    }

    fn list(&self) -> &'static str {
        self.asked.list.name()
    }
}

/// The address of a person's page, in the same time.
pub(super) fn href(key: &str, asked: &Asked) -> String {
    let segment: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
    let kept = ["range", "from", "to", "tz"].map(|name| asked.given(name).map(|value| (name, value)));
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept.into_iter().flatten()).finish();
    let joint = if query.is_empty() { "" } else { "?" };
    // In a path a space is no plus.
    format!("{PATH}/{}{joint}{query}", segment.replace('+', "%20"))
}

/// The address of what a person did, on the events' page.
pub(super) fn events(asked: &Asked, person: &Person, more: &[(&str, &str)]) -> String {
    let deeds;
    let whose = match (&person.id, person.is_loose) {
        (Some(id), false) => ("actor.id", id.as_str()),
        _ => {
            deeds = person.deeds().to_string();
            ("q", deeds.as_str())
        }
    };
    asked.events(&[&[whose], more].concat())
}
