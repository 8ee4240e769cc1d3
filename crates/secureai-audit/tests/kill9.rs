//! `kill -9` under load, again and again: nothing acknowledged is lost, nothing is there twice, and the record
//! verifies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod program;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use program::{Home, ask, event_line};

const ROUNDS: u64 = 50;
const CLIENTS: u64 = 4;
const BATCH: u64 = 40;

/// What the clients of all rounds have done.
#[derive(Default)]
struct Load {
    next: AtomicU64,
    acknowledged: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl Load {
    /// Sends batches until the server is gone. One batch in four is sent twice, as after a lost answer.
    fn client(&self, address: SocketAddr, token: &str) {
        while !self.stop.load(Ordering::Relaxed) {
            let first = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let ids: Vec<String> = (first..first + BATCH).map(|number| format!("kill9-{number}")).collect();
            let body: String = ids.iter().zip(first..).map(|(id, number)| event_line(id, number)).collect();
            let times = if (first / BATCH).is_multiple_of(4) { 2 } else { 1 };
            for _ in 0..times {
                match ask(address, token, "POST", "/events", body.as_bytes()) {
                    Ok(answer) if answer.status == 201 || answer.status == 200 => {
                        self.acknowledged.lock().unwrap().extend(ids.iter().cloned());
                    }
                    Ok(answer) => assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body)),
                    Err(_) => return,
                }
            }
        }
    }
}

#[test]
fn fifty_rounds_of_kill_9_under_load_lose_nothing_and_double_nothing() {
    let home = Home::new();
    let load = Arc::new(Load::default());
    for round in 0..ROUNDS {
        let server = home.serve();
        load.stop.store(false, Ordering::Relaxed);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (load, address, token) = (Arc::clone(&load), server.address, server.token.clone());
                thread::spawn(move || load.client(address, &token))
            })
            .collect();
        // A moment that differs from round to round, the same in every run, unless nothing was acknowledged by then.
        let before = load.acknowledged.lock().unwrap().len();
        thread::sleep(Duration::from_millis(40 + round * 7_919 % 400));
        for _ in 0..6_000 {
            if load.acknowledged.lock().unwrap().len() > before {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        load.stop.store(true, Ordering::Relaxed);
        server.kill();
        clients.into_iter().for_each(|client| client.join().unwrap());
    }

    let verified = home.run(&["verify", "--json"]).good().json();
    assert_eq!(verified["integrity"]["sound"], true);
    assert_eq!(verified["completeness"]["sound"], true);

    let server = home.serve();
    let mut times_recorded: HashMap<String, u64> = HashMap::new();
    let recorded = loop {
        let answer = server.ask("GET", "?format=ndjson&q=id:kill9-*", b"");
        // The index reads again what it had in memory only.
        if answer.status != 503 {
            break answer;
        }
    };
    assert_eq!(recorded.status, 200);
    for line in recorded.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        *times_recorded.entry(event["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let doubled: Vec<_> = times_recorded.iter().filter(|(_, times)| **times != 1).collect();
    assert!(doubled.is_empty(), "recorded twice: {doubled:?}");
    let acknowledged = load.acknowledged.lock().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !times_recorded.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(
        acknowledged.len() as u64 > ROUNDS * BATCH,
        "too little was sent to mean anything: {}",
        acknowledged.len()
    );
    assert_eq!(server.stop(), 0);
    home.run(&["verify"]).good();
}
