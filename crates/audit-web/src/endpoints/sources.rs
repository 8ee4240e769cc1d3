//! `/sources`: who sends us events. Admins make, list and remove sources; every change is an event. The sources
//! themselves post to their own address.

pub(crate) mod list;
pub(crate) mod put;
pub(crate) mod receive;
pub(crate) mod remove;

use audit_control::Source;
use audit_event::{Event, Timestamp};
use serde::Serialize;

use crate::sources::{Arrivals, target};
use crate::state::AppState;

/// A source as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct SourceView<'a> {
    kind: &'static str,
    name: &'a str,
    created: Timestamp,
    secret_changed: Timestamp,
    received: u64,
    last_received: Option<Timestamp>,
}

impl<'a> SourceView<'a> {
    pub fn new(source: &'a Source, arrivals: Arrivals) -> Self {
        Self {
            kind: "openwebui",
            name: &source.name,
            created: source.created,
            secret_changed: source.changed,
            received: arrivals.events,
            last_received: arrivals.last,
        }
    }
}

/// Completes an event about a source.
fn about_source(event: Event<'static>, name: &str) -> Event<'static> {
    Event { target: Some(target(name)), ..crate::activity::success(event) }
}

/// Makes a change of the sources hold from the next request on.
fn take_up(state: &AppState) -> audit_control::Result<()> {
    let any = state.sources().reload(state.access().control())?;
    if let Some(receiving) = state.receiving() {
        receiving.sightings.configure(|configured| configured.webhook = any);
    }
    Ok(())
}
