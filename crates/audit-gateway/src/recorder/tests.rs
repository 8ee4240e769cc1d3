use std::sync::Arc;

use audit_event::{Clock, Entry, ManualClock, Source, Timestamp};
use audit_ledger::disk::{Disk, RealDisk};
use audit_ledger::{Environment, Ledger};
use audit_pipeline::intake;
use audit_tlog::LeafIndex;
use audit_tlog::note::{KeyName, Signer};
use parking_lot::Mutex;
use serde_json::Value;

use super::*;

/// 2026-11-20T12:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_795_176_000_000_000);

struct World {
    directory: tempfile::TempDir,
    ledger: Ledger,
    recorder: Recorder,
}

impl World {
    fn new() -> Self {
        Self::at(tempfile::tempdir().expect("a directory"), 0)
    }

    /// Ends the process and starts it again; `min_free_bytes` beyond any disk makes the ledger refuse.
    fn at(directory: tempfile::TempDir, min_free_bytes: u64) -> Self {
        Self::with(directory, min_free_bytes, |_| {})
    }

    fn with(directory: tempfile::TempDir, min_free_bytes: u64, change: impl FnOnce(&mut Config)) -> Self {
        let ledger = ledger(directory.path(), min_free_bytes);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let intake = Intake::new(ledger.clone(), clock, intake::Config::default());
        let mut config = Config::new(&directory.path().join("intents"));
        config.patience = Duration::from_millis(20);
        change(&mut config);
        let recorder = Recorder::open(config, intake, None).expect("it opens");
        Self { directory, ledger, recorder }
    }

    /// As a killed process leaves it: nothing is flushed or settled any more.
    fn killed(self) -> tempfile::TempDir {
        self.ledger.close().expect("the ledger closes");
        self.directory
    }

    /// What is recorded once the queue is empty.
    fn events(&self) -> Vec<Value> {
        self.recorder.finish();
        let reader = self.ledger.reader();
        let size = self.ledger.size().get();
        (0..size)
            .map(|index| {
                let bytes = reader.get(LeafIndex::new(index)).expect("the entry is there");
                let mut json = Vec::new();
                Entry::decode(&bytes).expect("an entry").write_json(&mut json);
                serde_json::from_slice(&json).expect("JSON")
            })
            .collect()
    }
}

fn ledger(directory: &Path, min_free_bytes: u64) -> Ledger {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut config = audit_ledger::Config::new(directory.join("ledger"), "test.example/audit");
    config.min_free_bytes = min_free_bytes;
    let name = KeyName::new("test.example/audit").expect("a valid name");
    let environment = Environment {
        disk,
        clock: Arc::new(|| NOW.as_micros()),
        signer: Arc::new(Signer::from_seed(name, &[1; 32])),
        former_keys: Vec::new(),
        leaf_fn: intake::leaf_of_entry,
        key_fn: intake::key_of_entry,
        same_fn: intake::same_event,
    };
    Ledger::open(config, environment).expect("the ledger opens")
}

fn event(id: &str, outcome: Outcome) -> Event<'static> {
    let mut event = Event::new("chat.deleted", Source::Gateway);
    event.id = Some(id.to_owned().into());
    event.outcome = outcome;
    event
}

const FULL: u64 = u64::MAX / 2;

#[tokio::test]
async fn a_settled_request_is_one_event_with_its_outcome() {
    let world = World::new();
    let ticket = world.recorder.begin(event("a", Outcome::Unknown)).await.expect("accepted");
    world.recorder.settle(Some(ticket), vec![event("a", Outcome::Success)]).await.expect("recorded");
    assert_eq!(world.ledger.size().get(), 1, "it is durable when settle returns");
    assert_eq!(world.recorder.status().journalled, 0);
    let directory = world.killed();
    let events = World::at(directory, 0).events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["outcome"], "success");
}

#[tokio::test]
async fn a_request_that_amounts_to_nothing_leaves_nothing() {
    let world = World::new();
    let ticket = world.recorder.begin(event("a", Outcome::Unknown)).await.expect("accepted");
    world.recorder.settle(Some(ticket), Vec::new()).await.expect("settled");
    let directory = world.killed();
    assert_eq!(World::at(directory, 0).events(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_process_that_dies_in_between_leaves_an_unknown_outcome() {
    let world = World::new();
    let ticket = world.recorder.begin(event("a", Outcome::Success)).await.expect("accepted");
    std::mem::forget(ticket);
    let directory = world.killed();
    let world = World::at(directory, 0);
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["id"], "a");
    assert_eq!(events[0]["outcome"], "unknown");
    assert_eq!(events[0]["reason"], "interrupted");
    assert_eq!(world.recorder.status().journalled, 0);
}

#[tokio::test]
async fn an_intent_whose_event_was_recorded_is_not_doubled() {
    let world = World::new();
    let ticket = world.recorder.begin(event("a", Outcome::Unknown)).await.expect("accepted");
    // Recorded, but the process dies before the journal knows.
    world.recorder.settle(None, vec![event("a", Outcome::Success)]).await.expect("recorded");
    std::mem::forget(ticket);
    let directory = world.killed();
    let events = World::at(directory, 0).events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["outcome"], "success");
}

#[tokio::test]
async fn a_cancelled_request_is_recorded_as_unknown() {
    let world = World::new();
    drop(world.recorder.begin(event("a", Outcome::Unknown)).await.expect("accepted"));
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["reason"], "interrupted");
}

#[tokio::test]
async fn nothing_begins_while_the_ledger_does_not_accept() {
    let world = World::new();
    world.ledger.close().expect("closed");
    let refused = world.recorder.begin(event("a", Outcome::Unknown)).await.err();
    assert!(matches!(refused, Some(Refused::Ledger(Error::Closed))));
    assert_eq!(world.recorder.status().journalled, 0);
}

#[tokio::test]
async fn what_a_full_disk_refuses_is_kept_and_recorded_later() {
    let world = World::at(tempfile::tempdir().expect("a directory"), FULL);
    let ticket = world.recorder.begin(event("a", Outcome::Unknown)).await.expect("nobody knows yet");
    world.recorder.settle(Some(ticket), vec![event("a", Outcome::Success)]).await.expect("kept");
    assert_eq!(world.ledger.size().get(), 0);
    assert_eq!(world.recorder.status().journalled, 1);
    let refused = world.recorder.begin(event("b", Outcome::Unknown)).await.err();
    assert!(matches!(refused, Some(Refused::Ledger(Error::DiskFull { .. }))));

    let directory = world.killed();
    let world = World::at(directory, 0);
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["outcome"], "success");
    assert_eq!(world.recorder.status().journalled, 0);
}

#[tokio::test]
async fn a_full_queue_drops_counts_and_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::with(directory, FULL, |config| config.queue_events = 3);
    let events = (0..5).map(|n| event(&n.to_string(), Outcome::Success)).collect();
    world.recorder.note(events);
    assert_eq!(world.recorder.status().waiting, 3);
    assert_eq!(world.recorder.status().dropped, 2);
}

#[tokio::test]
async fn the_gap_is_recorded_when_the_ledger_accepts() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::with(directory, 0, |config| config.queue_events = 0);
    world.recorder.note(vec![event("a", Outcome::Success)]);
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["action"], "ledger.events_dropped");
    assert_eq!(events[0]["details"]["events"], 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_encoded_is_recorded_as_far_as_it_can_be() {
    let world = World::new();
    let mut bad = event("a", Outcome::Success);
    bad.session_id = Some("x".repeat(100_000).into());
    let good = event("b", Outcome::Success);
    world.recorder.settle(None, vec![bad, good]).await.expect("recorded");
    let events = world.events();
    assert_eq!(events.len(), 2);
    assert_eq!((&events[0]["id"], &events[0]["action"]), (&"a".into(), &"chat.deleted".into()));
}

/// An event that nobody can encode, by an actor who would like that.
fn unsound(id: &str) -> Event<'static> {
    let mut event = event(id, Outcome::Success);
    let actor =
        audit_event::Actor { email: Some("eve@example.test".into()), ..audit_event::Actor::default() };
    event.actor = Some(actor);
    event.target =
        Some(audit_event::Target { id: Some("x".repeat(5_000).into()), ..audit_event::Target::default() });
    event.targets = vec![audit_event::Target::default(); 2_000];
    event
}

#[tokio::test]
async fn an_event_too_large_still_says_who_did_what_to_what() {
    let world = World::new();
    let ticket = world.recorder.begin(unsound("a")).await.expect("an intent can be written");
    world.recorder.settle(Some(ticket), vec![unsound("a")]).await.expect("recorded");
    world.recorder.note(vec![unsound("b"), event("c", Outcome::Success)]);
    let events = world.events();
    assert_eq!(events.len(), 3);
    for event in events.iter().filter(|event| event["id"] != "c") {
        assert_eq!(event["actor"]["email"], "eve@example.test");
        assert_eq!(event["target"]["id"].as_str().map(str::len), Some(128));
    }
}

#[tokio::test]
async fn what_the_ledger_does_not_take_at_the_end_is_recorded_at_the_next_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::with(directory, FULL, |config| config.queue_events = 2);
    world.recorder.note((0..3).map(|n| event(&n.to_string(), Outcome::Success)).collect());
    world.recorder.finish();
    let directory = world.killed();
    let events = World::at(directory, 0).events();
    let actions: Vec<_> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["chat.deleted", "chat.deleted", "ledger.events_dropped"]);
}

#[tokio::test]
async fn a_synced_intent_is_written_before_it_returns() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::with(directory, 0, |config| config.durability = Durability::Synced);
    let ticket = world.recorder.begin(event("a", Outcome::Unknown)).await.expect("accepted");
    assert_eq!(world.recorder.status().journalled, 1);
    world.recorder.settle(Some(ticket), vec![event("a", Outcome::Success)]).await.expect("recorded");
    assert_eq!(world.recorder.status().journalled, 0);
}

#[tokio::test]
async fn the_journal_holds_no_secret() {
    let world = World::new();
    let mut intent = event("a", Outcome::Unknown);
    intent.message = Some("used sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD".into());
    std::mem::forget(world.recorder.begin(intent).await.expect("accepted"));
    let journal = std::fs::read(world.directory.path().join("intents")).expect("a file");
    assert!(!String::from_utf8_lossy(&journal).contains("abcdefghijklmnopqrstuvwxyz"));
}

#[tokio::test]
async fn listeners_hear_of_every_event_first() {
    let world = World::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener: Listener = {
        let heard = Arc::clone(&heard);
        Arc::new(move |event| heard.lock().push(event.id.clone().unwrap_or_default().into_owned()))
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
    let intake = Intake::new(world.ledger.clone(), clock, intake::Config::default());
    let config = Config::new(&world.directory.path().join("others"));
    let recorder = Recorder::open(config, intake, Some(listener)).expect("it opens");
    recorder.note(vec![event("a", Outcome::Success)]);
    recorder.settle(None, vec![event("b", Outcome::Success)]).await.expect("recorded");
    assert_eq!(*heard.lock(), ["a", "b"]);
}

#[test]
fn a_category_may_have_a_mode_of_its_own() {
    let modes = Modes { default: Mode::Async, exceptions: vec![(Category::Administration, Mode::Strict)] };
    assert_eq!(modes.of(Category::Administration), Mode::Strict);
    assert_eq!(modes.of(Category::Conversation), Mode::Async);
}

/// The process ends on a full disk, with the ledger refusing and the journal too.
async fn ended_on_a_full_disk(events: usize, queue: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::with(directory, FULL, |config| config.queue_events = queue);
    world.recorder.0.journal.fill_disk();
    world.recorder.note((0..events).map(|n| event(&format!("e-{n}"), Outcome::Success)).collect());
    world.recorder.finish();
    world.killed()
}

#[tokio::test]
async fn what_waits_when_the_process_ends_on_a_full_disk_is_recorded_by_the_next() {
    let directory = ended_on_a_full_disk(10, 10_000).await;
    let world = World::at(directory, 0);
    assert_eq!(world.events().len(), 10);
    let directory = world.killed();
    assert_eq!(World::at(directory, 0).events().len(), 10, "the reserve is free again");
}

#[tokio::test]
async fn what_the_reserve_does_not_hold_is_counted() {
    // Through several ends, of which none finds room.
    let mut directory = ended_on_a_full_disk(1_000, 600).await;
    for _ in 0..3 {
        let world = World::at(directory, FULL);
        world.recorder.0.journal.fill_disk();
        world.recorder.note(vec![event("later", Outcome::Success)]);
        world.recorder.finish();
        directory = world.killed();
    }
    let events = World::at(directory, 0).events();
    let is_loss = |event: &&Value| event["action"] == "ledger.events_dropped";
    let lost = |reason: &str| -> u64 {
        let losses = events.iter().filter(is_loss).filter(|event| event["reason"] == reason);
        losses.map(|event| event["details"]["events"].as_u64().expect("a count")).sum()
    };
    let recorded = events.iter().filter(|event| !is_loss(event)).count() as u64;
    assert!(recorded > 30, "{recorded} found room");
    assert_eq!(lost("queue_full"), 400);
    assert_eq!(recorded + lost("disk_full"), 603);
}
