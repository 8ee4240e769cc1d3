//! What the ledger itself tells: of the time before this process, and of events that nobody told of.

use audit_event::{Entry, Event, Source};
use audit_ledger::{Direction, Ledger};

use super::memory::Memory;

/// How far back the ledger is read at the start: entries, and microseconds before the newest of them.
pub(super) const ENTRIES: u64 = 20_000;
const MICROS: i64 = 3_600 * 1_000_000;

/// Notes what the ledger's end tells of the time before this process.
pub(super) fn recall(memory: &mut Memory, ledger: &Ledger) -> Result<(), audit_ledger::Error> {
    let size = ledger.size().get();
    let mut frames = Vec::new();
    let mut newest = None;
    for frame in ledger.reader().scan(size.saturating_sub(ENTRIES)..size, Direction::Backward) {
        let frame = frame?;
        let recorded_at = frame.iter().next_back().and_then(|(_, bytes)| recorded_at(bytes));
        let (newest, at) = (*newest.get_or_insert(recorded_at), recorded_at);
        frames.push(frame);
        let is_far = newest.zip(at).is_some_and(|(newest, at)| newest - at > MICROS);
        if is_far {
            break;
        }
    }
    for frame in frames.iter().rev() {
        for (_, bytes) in frame.iter() {
            recall_entry(memory, bytes);
        }
    }
    Ok(())
}

/// Notes one entry; what cannot be read any more (it was erased) tells nothing.
fn recall_entry(memory: &mut Memory, bytes: &[u8]) {
    let Some(at) = recorded_at(bytes) else { return };
    let Ok(entry) = Entry::decode(bytes) else { return };
    let mut json = Vec::new();
    entry.write_json(&mut json);
    let Ok(event) = Event::parse(&json) else { return };
    if !event.source.is_first_hand(event.sender.as_deref()) {
        return;
    }
    if event.source == Source::Internal && event.action == "source.corroborated" {
        for target in &event.targets {
            let named = target.id.as_deref().zip(target.name.as_deref());
            let Some((id, (source, sighting))) =
                named.and_then(|(id, name)| Some((id, name.split_once(':')?)))
            else {
                continue;
            };
            if let Ok(source) = source.parse() {
                memory.recall_pair(id, source, sighting);
            }
        }
    } else if is_of_open_webui(event.source) {
        memory.recall(&event, at);
    }
}

/// Whether a source tells of what happens in Open WebUI.
const fn is_of_open_webui(source: Source) -> bool {
    matches!(source, Source::Gateway | Source::Webhook | Source::AuditFile | Source::ModelGateway)
}

/// The JSON of an entry that a source of Open WebUI's told of itself, and whose source and id are as wished: anybody else
/// could have made up an event that explains away what another source saw.
pub(super) fn json_if(bytes: &[u8], wish: impl Fn(Source, &str) -> bool) -> Option<Vec<u8>> {
    let entry = Entry::decode(bytes).ok()?;
    let fields = audit_event::Fields::decode(&entry).ok()?;
    let is_told = is_of_open_webui(fields.source) && fields.source.is_first_hand(fields.sender.as_deref());
    let mut json = Vec::new();
    (is_told && wish(fields.source, &fields.id)).then(|| entry.write_json(&mut json))?;
    Some(json)
}

fn recorded_at(bytes: &[u8]) -> Option<i64> {
    let entry = Entry::decode(bytes).ok()?;
    let fields = audit_event::Fields::decode(&entry).ok()?;
    Some(fields.recorded_at.as_micros())
}
