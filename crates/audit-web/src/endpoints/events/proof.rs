//! `GET /{index or id}/proof`: a C2SP `.tlog-proof` file, with the event it proves.
//!
//! The file's `extra` line holds the disclosed groups of the event with their salts and the digests of the others, so
//! that the file alone (and the log's public key) shows what was recorded. `groups` chooses what is disclosed.

use audit_event::disclosure::Disclosure;
use audit_event::{Entry, Event, Group, GroupSet, Json};
use audit_ledger::Ledger;
use audit_tlog::{Checkpoint, LeafIndex, Note, TlogProof, TreeSize};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Uri};

use super::one::{self, Found, INDEX_HEADER};
use crate::activity::success;
use crate::params::{Params, PathPart};
use crate::problem::{Problem, Result};
use crate::reader::Reader;
use crate::state::AppState;

/// Answers with the proof file.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
    PathPart(name): PathPart,
    reader: Reader,
) -> Result<Response> {
    let params = Params::parse(uri.query(), &[&["groups"]])?;
    let groups = without(disclosed(&params)?, reader.withheld());
    let asking = reader.clone();
    let (found, file) = state
        .work(move |state| {
            let found = one::find(state, &asking, &name)?;
            let file = prove(state, &found, groups)?;
            Ok((found, file))
        })
        .await?;
    let entry = Entry::decode(&found.bytes).map_err(Problem::internal)?;
    let shown = names(groups);
    let event = Event {
        target: Some(one::target(&entry)),
        details: Some(Json::object([("groups", Json::from(shown.clone()))])),
        ..success(reader.visitor().did("audit.proof_issued"))
    };
    state.activity().note(event, &reader.visitor().key(), &format!("{} {shown}", found.index));

    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(INDEX_HEADER, HeaderValue::from(found.index.get()));
    let disposition = format!("attachment; filename=\"event-{}.tlog-proof\"", found.index);
    headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(disposition).map_err(Problem::internal)?);
    Ok(response)
}

/// The groups to disclose: all of them, or those named in `groups` (separated by commas).
fn disclosed(params: &Params<'_>) -> Result<GroupSet> {
    let mut groups = GroupSet::EMPTY;
    for name in params.all("groups").flat_map(|list| list.split(',')) {
        let group: Group =
            name.trim().parse().map_err(|error| Problem::invalid_parameter("groups", error))?;
        groups.insert(group);
    }
    Ok(if groups.is_empty() { GroupSet::ALL } else { groups })
}

fn without(groups: GroupSet, withheld: GroupSet) -> GroupSet {
    groups.iter().filter(|group| !withheld.contains(*group)).collect()
}

fn names(groups: GroupSet) -> String {
    let shown: Vec<_> =
        Group::ALL.iter().filter(|group| groups.contains(**group)).map(|g| g.as_str()).collect();
    shown.join(",")
}

/// The proof file for an entry, by the newest checkpoint that covers it. Blocks.
pub(crate) fn prove(state: &AppState, found: &Found, groups: GroupSet) -> Result<String> {
    let (ledger, unreadable) = (state.ledger(), state.unreadable());
    let entry = Entry::decode(&found.bytes).map_err(|error| unreadable.decode_problem(error))?;
    let (checkpoint, size) = checkpoint_covering(ledger, found.index)?;
    let inclusion = ledger.inclusion_proof(found.index, size);
    let inclusion = inclusion.map_err(|error| unreadable.ledger_problem(error))?;
    let extra = Disclosure::new(&entry, groups).to_json().into_bytes();
    Ok(TlogProof { extra: Some(extra), index: found.index, inclusion, checkpoint }.to_string())
}

/// The newest checkpoint, or a new one if that does not cover the entry yet.
fn checkpoint_covering(ledger: &Ledger, index: LeafIndex) -> Result<(Note, TreeSize)> {
    let (note, size) = read_checkpoint(&ledger.checkpoint())?;
    if size.contains(index) {
        return Ok((note, size));
    }
    read_checkpoint(&ledger.publish_checkpoint().map_err(Problem::internal)?)
}

fn read_checkpoint(bytes: &[u8]) -> Result<(Note, TreeSize)> {
    let note = Note::parse(bytes).map_err(Problem::internal)?;
    let checkpoint: Checkpoint = note.text().parse().map_err(Problem::internal)?;
    Ok((note, checkpoint.size()))
}
