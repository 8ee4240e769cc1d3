//! Appends over HTTP: durable when acknowledged.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    measure::{Process, Samples, Summary, per_second},
    server::Server,
    wire::Wire,
    workload::Workload,
};
use crate::output::Bar;

/// Events in a batch.
const BATCH: u64 = 1_000;
/// Connections that send batches.
const CONNECTIONS: usize = 4;
/// How often it is looked whether what was acknowledged can be found.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The longest wait for the index.
const INDEX_PATIENCE: Duration = Duration::from_secs(600);
/// How long single events are sent.
const SINGLES_FOR: Duration = Duration::from_secs(5);
/// Clients that send single events at once.
const CLIENTS: u64 = 256;
/// Events of the one client.
const ALONE: u64 = 1_000;

/// What batches came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Batched {
    pub events: u64,
    pub seconds: f64,
    pub events_per_s: f64,
    pub mb_per_s: f64,
    /// From sending a batch to its durable acknowledgement.
    pub batch: Summary,
    /// From an acknowledgement to the event's being found, sampled during the run.
    pub searchable_after: Summary,
    /// The same for the last event of all.
    pub searchable_at_end_s: f64,
    /// CPU time of the server and of this client, in microseconds an event.
    pub server_cpu_us_per_event: f64,
    pub client_cpu_us_per_event: f64,
    pub server_rss_peak_bytes: u64,
}

/// What single events came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Singles {
    pub clients: u64,
    pub events: u64,
    pub events_per_s: f64,
    pub request: Summary,
}

/// Sends the whole workload in batches.
pub(crate) async fn batched(server: &Server, workload: &Arc<Workload>) -> anyhow::Result<Batched> {
    let run = Arc::new(Run::new(Arc::clone(workload)));
    let cpu = [server.process().cpu_time(), Process(std::process::id()).cpu_time()];
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        senders.spawn(Arc::clone(&run).send(server.address, server.token.clone()));
    }
    let looks = tokio::spawn(Arc::clone(&run).look(server.address, server.token.clone()));
    let mut batches = Samples::default();
    while let Some(sent) = senders.join_next().await {
        batches.extend(&sent??);
    }
    let took = start.elapsed();
    let cpu_after = [server.process().cpu_time(), Process(std::process::id()).cpu_time()];
    run.over.store(true, Ordering::Relaxed);
    let searchable_after = looks.await??;
    let mut wire = Wire::connect(server.address, &server.token).await?;
    let at_end = time_until_found(&mut wire, &workload.id(workload.len() - 1)).await?;
    run.bar.clear();
    let cpu_of = |at: usize| (cpu_after[at].saturating_sub(cpu[at])).as_secs_f64() * 1e6;
    let events = workload.len();
    let bytes = run.bytes.load(Ordering::Relaxed);
    Ok(Batched {
        events,
        seconds: took.as_secs_f64(),
        events_per_s: per_second(events, took),
        mb_per_s: super::measure::megabytes_per_second(bytes, took),
        batch: batches.summary(),
        searchable_after: searchable_after.summary(),
        searchable_at_end_s: at_end.as_secs_f64(),
        server_cpu_us_per_event: cpu_of(0) / per_second(events, Duration::from_secs(1)),
        client_cpu_us_per_event: cpu_of(1) / per_second(events, Duration::from_secs(1)),
        server_rss_peak_bytes: server.process().peak_resident_bytes(),
    })
}

/// Batches on their way.
struct Run {
    workload: Arc<Workload>,
    /// The next event to be sent.
    next: AtomicU64,
    /// Bytes sent.
    bytes: AtomicU64,
    /// An event acknowledged lately.
    acknowledged: Mutex<Option<String>>,
    over: AtomicBool,
    bar: Bar,
}

impl Run {
    fn new(workload: Arc<Workload>) -> Self {
        let bar = Bar::counting("appending batches", workload.len());
        let (next, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { workload, next, bytes, acknowledged: Mutex::new(None), over: AtomicBool::new(false), bar }
    }

    /// One connection: batch after batch until there are no more.
    async fn send(self: Arc<Self>, address: SocketAddr, token: String) -> anyhow::Result<Samples> {
        let mut wire = Wire::connect(address, &token).await?;
        let mut samples = Samples::default();
        loop {
            let first = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let end = (first + BATCH).min(self.workload.len());
            if first >= end {
                return Ok(samples);
            }
            let mut body = Vec::with_capacity(1_000_000);
            (first..end).for_each(|number| self.workload.write_line(number, &mut body));
            self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            let start = Instant::now();
            wire.append(Bytes::from(body)).await?;
            samples.push(start.elapsed());
            *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(self.workload.id(end - 1));
            self.bar.advance(end - first);
        }
    }

    /// Looks from time to time how long an acknowledged event takes to be found.
    async fn look(self: Arc<Self>, address: SocketAddr, token: String) -> anyhow::Result<Samples> {
        let mut wire = Wire::connect(address, &token).await?;
        let mut samples = Samples::default();
        while !self.over.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK_EVERY).await;
            let id = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(id) = id {
                samples.push(time_until_found(&mut wire, &id).await?);
            }
        }
        Ok(samples)
    }
}

/// Asks for the event by a search, which goes through the index, until it is found.
async fn time_until_found(wire: &mut Wire, id: &str) -> anyhow::Result<Duration> {
    let path = format!("/api/v1/auditlog?id={id}&limit=1");
    let start = Instant::now();
    loop {
        let answer = wire.get(&path).await?;
        let is_found = answer.starts_with(b"{\"events\":[{");
        if is_found || start.elapsed() > INDEX_PATIENCE {
            return Ok(start.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Many clients, each sending one event after another.
pub(crate) async fn singles(server: &Server, first: u64) -> anyhow::Result<Singles> {
    let workload = Arc::new(Workload::more());
    let next = Arc::new(AtomicU64::new(first));
    let mut wires = Vec::new();
    for _ in 0..CLIENTS {
        wires.push(Wire::connect(server.address, &server.token).await?);
    }
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for wire in wires {
        clients.spawn(one_client(wire, Arc::clone(&workload), Arc::clone(&next), move |_| {
            start.elapsed() < SINGLES_FOR
        }));
    }
    let mut samples = Samples::default();
    while let Some(done) = clients.join_next().await {
        samples.extend(&done??);
    }
    let took = start.elapsed();
    let request = samples.summary();
    let events = request.samples as u64;
    Ok(Singles { clients: CLIENTS, events, events_per_s: per_second(events, took), request })
}

/// One client alone, on one thread: threads of its own that wake each other would be measured, too.
pub(crate) async fn alone(server: &Server, first: u64) -> anyhow::Result<Singles> {
    let (address, token) = (server.address, server.token.clone());
    let client = async move {
        let workload = Arc::new(Workload::more());
        let wire = Wire::connect(address, &token).await?;
        let start = Instant::now();
        let samples =
            one_client(wire, workload, Arc::new(AtomicU64::new(first)), |sent| sent < ALONE).await?;
        let request = samples.summary();
        let events = request.samples as u64;
        Ok(Singles { clients: 1, events, events_per_s: per_second(events, start.elapsed()), request })
    };
    let on_one_thread =
        || tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(client);
    tokio::task::spawn_blocking(on_one_thread).await?
}

async fn one_client(
    mut wire: Wire,
    workload: Arc<Workload>,
    next: Arc<AtomicU64>,
    goes_on: impl Fn(u64) -> bool,
) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    let mut sent = 0;
    while goes_on(sent) {
        let mut body = Vec::with_capacity(1_100);
        workload.write_line(next.fetch_add(1, Ordering::Relaxed), &mut body);
        let start = Instant::now();
        wire.append(Bytes::from(body)).await?;
        samples.push(start.elapsed());
        sent += 1;
    }
    Ok(samples)
}
