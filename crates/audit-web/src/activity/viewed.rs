//! Views that no handler told of.
//!
//! Searches, proofs, exports and the like say themselves what was asked and found. Whatever else a caller reads, a page or
//! an answer of the API, is recorded here by its address, so that no route can be forgotten.

use audit_event::{Event, Target};
use axum::extract::{MatchedPath, Request};
use http::{Method, StatusCode, Uri};
use sha2::{Digest as _, Sha256};

use super::{Activity, receipts, success};
use crate::router::PREFIXES;
use crate::visitor::Visitor;

/// Routes whose answers say nothing of what was recorded: who one is, counters, what everybody may check the log with,
/// the names of fields, how far a job is that was begun on record, and how large a file would be.
pub(crate) const UNRECORDED: &[&str] = &[
    "/session",
    "/metrics",
    "/tlog",
    "/tlog/checkpoint",
    "/tlog/tile/{*tile}",
    "/verifications/{id}",
    "/exports/{export}",
    "/audit/fields.json",
    "/audit/exports/sizes",
];
/// Parameters that say where in a list one is.
const PLACE: [&str; 2] = ["page_token", "at"];

/// A request to see something. One for a head alone sees how long the answer is, at least.
pub(crate) struct Viewed {
    visitor: Visitor,
    /// The route as the router has it, below the API's prefix or whole.
    route: String,
    /// Path and query, without the place in a list.
    address: String,
}

impl Viewed {
    /// What `request` asks to see; `None` when it does not ask to see anything, or nothing that is to be recorded.
    pub fn of(request: &mut Request) -> Option<Self> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return None;
        }
        let route = route_of(request)?;
        if UNRECORDED.contains(&route.as_str()) {
            return None;
        }
        let (parts, body) = std::mem::take(request).into_parts();
        let (visitor, address) = (Visitor::of(&parts), address(&parts.uri));
        *request = Request::from_parts(parts, body);
        visitor.name().is_some().then_some(Self { visitor, route, address })
    }

    /// Notes the view, if it was granted and nobody told of it.
    pub fn note(self, activity: &Activity, status: StatusCode) {
        if status != StatusCode::OK || receipts::any_noted() {
            return;
        }
        let kind = if self.route.starts_with("/audit") { "page" } else { "api" };
        let target = Target {
            kind: Some(kind.into()),
            id: Some(self.route.into()),
            name: Some(self.address.clone().into()),
        };
        let event = Event { target: Some(target), ..success(self.visitor.did("audit.viewed")) };
        // By all of the address, though the record shows a part: what differs is seen apart.
        let subject: String =
            Sha256::digest(&self.address).iter().map(|byte| format!("{byte:02x}")).collect();
        activity.note(event, &self.visitor.key(), &subject);
    }
}

/// The route that a request matched: below the API's prefix without it, and without a slash at its end.
pub(crate) fn route_of(request: &Request) -> Option<String> {
    let matched = request.extensions().get::<MatchedPath>()?.as_str();
    // The longer prefix first: the shorter is its beginning.
    let below = PREFIXES.iter().rev().find_map(|prefix| matched.strip_prefix(prefix));
    let route = below.unwrap_or(matched).trim_end_matches('/');
    Some(if route.is_empty() { "/".to_owned() } else { route.to_owned() })
}

fn address(uri: &Uri) -> String {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let asked: Vec<_> = pairs.filter(|(name, _)| !PLACE.contains(&name.as_ref())).collect();
    let mut address = uri.path().to_owned();
    for (at, (name, value)) in asked.iter().enumerate() {
        let joint = if at == 0 { '?' } else { '&' };
        address.push_str(&format!("{joint}{name}={value}"));
    }
    address
}
