//! A ledger on a simulated disk, with an intake in front.

use std::sync::Arc;

use audit_event::{Clock, Entry, ManualClock, Timestamp};
use audit_ledger::disk::SimDisk;
use audit_ledger::{Config, Environment, Ledger};
use audit_pipeline::intake::{self, Intake};
use audit_tlog::LeafIndex;
use audit_tlog::note::{KeyName, Signer};

/// 2026-11-20T12:00:00Z.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_176_000_000_000);

pub struct Store {
    pub ledger: Ledger,
    pub intake: Intake,
    pub disk: SimDisk,
}

impl Store {
    pub fn new() -> Self {
        Self::with(intake::Config::default(), |_| {})
    }

    pub fn with(intake: intake::Config, change: impl FnOnce(&mut Config)) -> Self {
        let disk = SimDisk::new(1);
        let name = KeyName::new("test.example/audit").expect("a valid name");
        let clock = Arc::new(ManualClock::new(NOW));
        let mut config = Config::new("/ledger", "test.example/audit");
        config.min_free_bytes = 0;
        change(&mut config);
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
        Self { intake: Intake::new(ledger.clone(), clock, intake), ledger, disk }
    }

    pub fn size(&self) -> u64 {
        self.ledger.size().get()
    }

    /// The event at `index`, as JSON.
    pub fn event(&self, index: u64) -> serde_json::Value {
        let bytes = self.ledger.reader().get(LeafIndex::new(index)).expect("the entry is there");
        let mut json = Vec::new();
        Entry::decode(&bytes).expect("an entry").write_json(&mut json);
        serde_json::from_slice(&json).expect("JSON")
    }
}
