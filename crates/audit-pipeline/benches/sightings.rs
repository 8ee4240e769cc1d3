//! What matching costs an event that passes the gateway, alone and while thousands of sightings wait.

use std::hint::black_box;
use std::sync::Arc;

use audit_event::{Actor, ActorType, Event, ManualClock, Source, Timestamp};
use audit_ledger::disk::SimDisk;
use audit_ledger::{Environment, Ledger};
use audit_pipeline::intake::{self, Intake};
use audit_pipeline::sources::openwebui::ownership::Configured;
use audit_pipeline::sources::openwebui::sightings::{Config, Sightings};
use audit_tlog::note::{KeyName, Signer};
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: Timestamp = Timestamp::from_micros(1_795_413_600_000_000);

fn sightings(journal: &std::path::Path) -> Sightings {
    let clock = Arc::new(ManualClock::new(NOW));
    let name = KeyName::new("bench.example/audit").expect("a valid name");
    let mut config = audit_ledger::Config::new("/ledger", "bench.example/audit");
    config.min_free_bytes = 0;
    let environment = Environment {
        disk: Arc::new(SimDisk::new(1)),
        clock: Arc::new(|| NOW.as_micros()),
        signer: Arc::new(Signer::from_seed(name, &[1; 32])),
        former_keys: Vec::new(),
        leaf_fn: intake::leaf_of_entry,
        key_fn: intake::key_of_entry,
        same_fn: intake::same_event,
    };
    let ledger = Ledger::open(config, environment).expect("a new ledger opens");
    let intake = Intake::new(ledger.clone(), clock.clone(), intake::Config::default());
    let configured = Configured { gateway: true, webhook: true, ..Configured::default() };
    Sightings::open(&Config::new(journal.to_owned(), configured), intake, &ledger, clock).expect("they open")
}

fn sign_in(source: Source, number: usize) -> Event<'static> {
    let mut event = Event::new("auth.login", source);
    event.id = Some(format!("{source}-{number}").into());
    event.time = Some(NOW);
    event.actor = Some(Actor {
        kind: Some(ActorType::User),
        id: Some(format!("user-{number}").into()),
        email: Some(format!("user-{number}@example.com").into()),
        ..Actor::default()
    });
    event
}

fn saw(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let alone = sightings(&dir.path().join("alone"));
    let event = sign_in(Source::Gateway, 1_000_000);
    c.bench_function("saw, nothing waits", |b| b.iter(|| alone.saw(black_box(&event))));

    let crowded = sightings(&dir.path().join("crowded"));
    for from in (0..4_000).step_by(500) {
        let waiting = (from..from + 500).map(|number| sign_in(Source::Webhook, number)).collect();
        crowded.take(waiting).expect("taken");
    }
    c.bench_function("saw, 4,000 sightings wait", |b| b.iter(|| crowded.saw(black_box(&event))));
}

criterion_group!(benches, saw);
criterion_main!(benches);
