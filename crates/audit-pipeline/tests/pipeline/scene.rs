//! What several sources see, on a ledger whose time stands still until it is moved.

use std::path::PathBuf;
use std::sync::Arc;

use audit_event::{
    Actor, ActorType, Clock, Entry, Event, Http, ManualClock, Outcome, Source, Target, Timestamp,
};
use audit_ledger::disk::SimDisk;
use audit_ledger::{Environment, Ledger};
use audit_pipeline::intake::{self, Intake, OnError};
use audit_pipeline::sources::openwebui::ownership::Configured;
use audit_pipeline::sources::openwebui::sightings::{Config, Receipt, Sightings};
use audit_tlog::LeafIndex;
use audit_tlog::note::{KeyName, Signer};
use serde_json::Value;

/// 2026-11-23T06:00:00Z.
pub const NOON: i64 = 1_795_413_600;

pub const ALL: Configured =
    Configured { gateway: true, webhook: true, audit_file: true, model_gateway: false };

pub struct Scene {
    pub ledger: Ledger,
    pub intake: Intake,
    pub clock: Arc<ManualClock>,
    pub sightings: Sightings,
    pub dir: tempfile::TempDir,
    pub disk: SimDisk,
    configured: Configured,
}

impl Scene {
    pub fn new(configured: Configured) -> Self {
        Self::at(NOON, configured)
    }

    /// Beginning at these seconds.
    pub fn at(seconds: i64, configured: Configured) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self::on_disk(SimDisk::new(1), dir, seconds, configured)
    }

    fn on_disk(disk: SimDisk, dir: tempfile::TempDir, seconds: i64, configured: Configured) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(seconds * 1_000_000)));
        let name = KeyName::new("test.example/audit").expect("a valid name");
        let mut config = audit_ledger::Config::new("/ledger", "test.example/audit");
        config.min_free_bytes = 0;
        let ledger_clock = Arc::clone(&clock);
        let environment = Environment {
            disk: Arc::new(disk.clone()),
            clock: Arc::new(move || ledger_clock.now().as_micros()),
            signer: Arc::new(Signer::from_seed(name, &[1; 32])),
            former_keys: Vec::new(),
            leaf_fn: intake::leaf_of_entry,
            key_fn: intake::key_of_entry,
            same_fn: intake::same_event,
        };
        let ledger = Ledger::open(config, environment).expect("a new ledger opens");
        let intake = Intake::new(ledger.clone(), clock.clone(), intake::Config::default());
        let journal = dir.path().join("sightings.journal");
        let sightings =
            Sightings::open(&Config::new(journal, configured), intake.clone(), &ledger, clock.clone())
                .expect("sightings open");
        Self { ledger, intake, clock, sightings, dir, disk, configured }
    }

    pub fn journal(&self) -> PathBuf {
        self.dir.path().join("sightings.journal")
    }

    /// As after the process was killed and began again: of what waited, only the journal is left.
    pub fn crash(&mut self) {
        let journal = std::fs::read(self.journal()).expect("the journal");
        self.sightings.finish();
        std::fs::write(self.journal(), journal).expect("written");
        self.restart();
    }

    /// As after the process ended in order and began again.
    pub fn restart(&mut self) {
        self.sightings.finish();
        let config = Config::new(self.journal(), self.configured);
        self.sightings = Sightings::open(&config, self.intake.clone(), &self.ledger, self.clock.clone())
            .expect("sightings open again");
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass and what is due happen.
    pub fn pass(&self, seconds: i64) {
        self.clock.advance_micros(seconds * 1_000_000);
        self.sightings.settle();
    }

    /// The gateway records an event, as its recorder does.
    pub fn gateway(&self, event: &Event<'static>) {
        self.sightings.saw(event);
        self.intake.append_events([event], OnError::Reject).expect("the ledger takes it");
    }

    /// What a webhook or the audit file saw.
    pub fn offer(&self, event: Event<'static>) -> Receipt {
        self.sightings.take(vec![event]).expect("it is taken")
    }

    /// All that is recorded, oldest first.
    pub fn events(&self) -> Vec<Value> {
        let reader = self.ledger.reader();
        (0..self.ledger.size().get())
            .map(|index| {
                let bytes = reader.get(LeafIndex::new(index)).expect("the entry is there");
                let mut json = Vec::new();
                Entry::decode(&bytes).expect("an entry").write_json(&mut json);
                serde_json::from_slice(&json).expect("JSON")
            })
            .collect()
    }

    /// Source and action of all that is recorded but corroborations.
    pub fn recorded(&self) -> Vec<String> {
        let events = self.events().into_iter().filter(|event| event["action"] != "source.corroborated");
        events.map(|event| format!("{} {}", text(&event["source"]), text(&event["action"]))).collect()
    }

    /// `EVENT <- SOURCE:ID` of all corroborations, once those that have gathered are recorded.
    pub fn corroborations(&self) -> Vec<String> {
        self.pass(61);
        let mut pairs: Vec<String> = Vec::new();
        for event in self.events().iter().filter(|event| event["action"] == "source.corroborated") {
            for target in event["targets"].as_array().expect("targets") {
                assert_eq!(target["type"], "event");
                pairs.push(format!("{} <- {}", text(&target["id"]), text(&target["name"])));
            }
        }
        pairs.sort();
        pairs
    }

    /// Ids of the events that their owner did not see, with the owner.
    pub fn unseen(&self) -> Vec<String> {
        let events = self.events();
        let unseen = events.iter().filter_map(|event| {
            let owner = event["details"]["unseen_by"].as_str()?;
            Some(format!("{} unseen by {owner}", text(&event["id"])))
        });
        unseen.collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// An event of `source`, `seconds` after noon.
pub fn event(source: Source, id: &str, action: &str, seconds: i64) -> Event<'static> {
    let mut event = Event::new(action.to_owned(), source);
    event.id = Some(id.to_owned().into());
    event.outcome = Outcome::Success;
    event.time = Some(Timestamp::from_micros((NOON + seconds) * 1_000_000));
    event
}

pub fn by(user: &str, event: Event<'static>) -> Event<'static> {
    let actor = Actor {
        kind: Some(ActorType::User),
        id: Some(user.to_owned().into()),
        email: Some(format!("{user}@example.test").into()),
        ..Actor::default()
    };
    Event { actor: Some(actor), ..event }
}

pub fn on(kind: &str, id: &str, event: Event<'static>) -> Event<'static> {
    let target = Target { kind: Some(kind.to_owned().into()), id: Some(id.to_owned().into()), name: None };
    Event { target: Some(target), ..event }
}

pub fn request(method: &str, path: &str, event: Event<'static>) -> Event<'static> {
    let http = Http {
        method: Some(method.to_owned().into()),
        path: Some(path.to_owned().into()),
        ..Http::default()
    };
    Event { http: Some(http), ..event }
}
