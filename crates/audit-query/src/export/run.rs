//! Runs an export.
//!
//! ```text
//!  scanner ──rows──► workers (read entries, render) ──chunks, in order──► caller (writes)
//! ```
//!
//! One thread asks for the rows and cuts them into chunks of about a mebibyte of events; workers render chunks
//! side by side; the caller's thread takes them in order and writes. All channels are bounded, so memory is a
//! handful of chunks whatever the export's length, and a slow receiver slows the scan.

use super::columns::Columns;
use super::parquet::{BatchBuilder, FileWriter};
use super::{Format, RowSource, csv, json};
use crate::question::{Budget, Order, RowRef, Scan, TimeRange};
use crate::{Entries, Error, Filter};
use arrow_array::RecordBatch;
use audit_event::{DecodeError, Entry, Fields, GroupSet};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes of entries a chunk aims at.
const CHUNK_BYTES: usize = 1 << 20;
/// The first chunks are small, so that the first bytes come soon.
const FIRST_CHUNK_ROWS: usize = 64;
const MAX_CHUNK_ROWS: usize = 4096;
/// Chunks rendered or being rendered ahead of the writer.
const CHUNKS_AHEAD: usize = 4;

/// Which events to write, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// How they are written.
    pub format: Format,
    /// Which columns; without a choice JSON formats write whole events, the others all columns.
    pub columns: Option<Columns>,
    /// Which events.
    pub filter: Filter,
    /// From which time.
    pub range: TimeRange,
    /// In which order.
    pub order: Order,
    /// Whether a CSV begins with a byte-order mark, for Excel.
    pub bom: bool,
    /// Groups of an event that are left away, as if it had nothing in them.
    pub withheld: GroupSet,
    /// Threads that read and render, besides the caller's; at least 1.
    pub threads: usize,
}

/// How far an export has come. Everything up to `bytes` has been handed to the output.
///
/// Where the format [is resumable](Format::is_resumable), an export that was broken off goes on from here: cut
/// the file to `bytes`, open it for appending and run the same export from this position. The result is the
/// file that would have been written in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Events written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// The last event written.
    pub last: Option<RowRef>,
    /// The snapshot that decides which events exist; `None` before the export has begun.
    pub snapshot: Option<u64>,
}

/// Where the events come from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Says which events, in which order.
    pub answers: &'a dyn RowSource,
    /// Holds their bytes.
    pub entries: &'a dyn Entries,
}

impl Export {
    /// All events, newest first, in this format.
    #[must_use]
    pub fn all(format: Format) -> Export {
        Export {
            format,
            columns: None,
            filter: Filter::All,
            range: TimeRange::ALL,
            order: Order::NewestFirst,
            bom: false,
            withheld: GroupSet::EMPTY,
            threads: 2,
        }
    }

    /// Writes the export to `out` from `start` on (the default: from the beginning) and returns where it ended.
    /// `progress` is told the position after each chunk. `out` is not flushed.
    ///
    /// # Errors
    /// [`Error::Output`] when `out` fails, [`Error::Cancelled`] and [`Error::TimedOut`] by `budget`,
    /// [`Error::NotResumable`], and what the origin reports. The last position told is good to resume from.
    pub fn run(
        &self,
        origin: Origin<'_>,
        budget: &Budget,
        start: Position,
        out: &mut (dyn Write + Send),
        progress: &mut dyn FnMut(&Position),
    ) -> Result<Position, Error> {
        if start.rows > 0 && !self.format.is_resumable() {
            return Err(Error::NotResumable);
        }
        let snapshot = start.snapshot.unwrap_or_else(|| origin.answers.snapshot());
        let columns = self.columns.clone().unwrap_or_default();
        let renderer = Renderer { export: self, columns: &columns, entries: origin.entries };
        let position = Position { snapshot: Some(snapshot), ..start };
        let mut file = Output::begin(self, &columns, position, out)?;
        let scan = Scan {
            filter: self.filter.clone(),
            range: self.range,
            order: self.order,
            after: start.last,
            snapshot: Some(snapshot),
        };
        pump(&scan, origin, budget, &renderer, |rows, chunk| {
            budget.check()?;
            file.write(rows, chunk)?;
            progress(&file.position);
            Ok(())
        })?;
        let end = file.finish()?;
        progress(&end);
        Ok(end)
    }
}

/// A chunk of events, rendered.
enum Chunk {
    /// Each event preceded (JSON) or followed (NDJSON, CSV) by what separates it from the next.
    Text(Vec<u8>),
    Batch(RecordBatch),
}

/// The rows of a chunk, and where its rendering goes.
struct Job {
    rows: Vec<RowRef>,
    reply: SyncSender<Result<Chunk, Error>>,
}

/// A chunk that was asked for.
struct Pending {
    rows: Vec<RowRef>,
    reply: Receiver<Result<Chunk, Error>>,
}

/// Scans, renders on `threads` threads, and shows `write` the chunks in order.
fn pump(
    scan: &Scan,
    origin: Origin<'_>,
    budget: &Budget,
    renderer: &Renderer<'_>,
    write: impl FnMut(&[RowRef], &Chunk) -> Result<(), Error>,
) -> Result<(), Error> {
    let chunk_rows = AtomicUsize::new(FIRST_CHUNK_ROWS);
    let (jobs, queue) = sync_channel(CHUNKS_AHEAD);
    let (announce, pending) = sync_channel(CHUNKS_AHEAD);
    let scanner = Scanner { jobs, announce, rows: Vec::new(), chunk_rows: &chunk_rows };
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..renderer.export.threads.max(1) {
            scope.spawn(|| work(&queue, renderer, &chunk_rows));
        }
        let scanner = scope.spawn(|| scanner.run(scan, origin.answers, budget));
        let written = write_in_order(pending, write);
        let scanned = scanner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written.and(scanned)
    })
}

/// Renders chunks until there are no more.
fn work(queue: &Mutex<Receiver<Job>>, renderer: &Renderer<'_>, chunk_rows: &AtomicUsize) {
    let next = || queue.lock().recv().ok();
    while let Some(job) = next() {
        // The writer may have given up; then nobody waits for the chunk.
        let _ = job.reply.send(renderer.render(&job.rows, chunk_rows));
    }
}

/// Takes the channel, so that the scanner learns when the writer gives up.
fn write_in_order(
    pending: Receiver<Pending>,
    mut write: impl FnMut(&[RowRef], &Chunk) -> Result<(), Error>,
) -> Result<(), Error> {
    for Pending { rows, reply } in pending {
        // A worker that panicked sends nothing; joining it passes the panic on.
        let Ok(chunk) = reply.recv() else { break };
        write(&rows, &chunk?)?;
    }
    Ok(())
}

/// Cuts the rows into chunks and hands them out.
struct Scanner<'s> {
    jobs: SyncSender<Job>,
    announce: SyncSender<Pending>,
    rows: Vec<RowRef>,
    chunk_rows: &'s AtomicUsize,
}

impl Scanner<'_> {
    /// Scans to the end, or until the writer gives up. Dropping the scanner closes its channels.
    fn run(mut self, scan: &Scan, answers: &dyn RowSource, budget: &Budget) -> Result<(), Error> {
        answers.scan(scan, budget, &mut |batch| {
            for row in batch {
                self.rows.push(*row);
                if self.rows.len() >= self.chunk_rows.load(Ordering::Relaxed) {
                    self.hand_out()?;
                }
            }
            ControlFlow::Continue(())
        })?;
        if !self.rows.is_empty() {
            // A writer that has given up says why itself.
            let _ = self.hand_out();
        }
        Ok(())
    }

    /// Breaks off when there is nobody to hand the rows to.
    fn hand_out(&mut self) -> ControlFlow<()> {
        let rows = std::mem::take(&mut self.rows);
        let (reply, promise) = sync_channel(1);
        let announced = self.announce.send(Pending { rows: rows.clone(), reply: promise });
        let accepted = announced.is_ok() && self.jobs.send(Job { rows, reply }).is_ok();
        if accepted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Reads entries and renders them.
struct Renderer<'a> {
    export: &'a Export,
    columns: &'a Columns,
    entries: &'a dyn Entries,
}

impl Renderer<'_> {
    fn render(&self, rows: &[RowRef], chunk_rows: &AtomicUsize) -> Result<Chunk, Error> {
        let mut bytes_read = 0;
        let chunk = match (self.export.format, &self.export.columns) {
            (Format::Json, None) => self.text(rows, &mut bytes_read, |_, entry, out| {
                out.extend_from_slice(b",\n");
                entry.write_json(out);
                Ok(())
            }),
            (Format::Ndjson, None) => self.text(rows, &mut bytes_read, |_, entry, out| {
                entry.write_json(out);
                out.push(b'\n');
                Ok(())
            }),
            (Format::Json, Some(columns)) => self.text(rows, &mut bytes_read, |index, entry, out| {
                out.extend_from_slice(b",\n");
                json::write_chosen(columns, index, &Fields::decode(entry)?, out);
                Ok(())
            }),
            (Format::Ndjson, Some(columns)) => self.text(rows, &mut bytes_read, |index, entry, out| {
                json::write_chosen(columns, index, &Fields::decode(entry)?, out);
                out.push(b'\n');
                Ok(())
            }),
            (Format::Csv, _) => {
                let mut lines = csv::LineWriter::default();
                self.text(rows, &mut bytes_read, |index, entry, out| {
                    lines.write(self.columns, index, &Fields::decode(entry)?, out);
                    Ok(())
                })
            }
            (Format::Parquet, _) => {
                let mut batch = BatchBuilder::new(self.columns, rows.len());
                self.for_each_entry(rows, &mut bytes_read, |index, entry| {
                    batch.push(index, &Fields::decode(entry)?);
                    Ok(())
                })?;
                batch.finish().map(Chunk::Batch)
            }
        }?;
        let fitting = rows.len() * CHUNK_BYTES / bytes_read.max(1);
        chunk_rows.store(fitting.clamp(1, MAX_CHUNK_ROWS), Ordering::Relaxed);
        Ok(chunk)
    }

    fn text(
        &self,
        rows: &[RowRef],
        bytes_read: &mut usize,
        mut render: impl FnMut(u64, &Entry<'_>, &mut Vec<u8>) -> Result<(), DecodeError>,
    ) -> Result<Chunk, Error> {
        let mut out = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
        self.for_each_entry(rows, bytes_read, |index, entry| render(index, entry, &mut out))?;
        Ok(Chunk::Text(out))
    }

    /// Shows `visit` the rows' entries in the rows' order. `bytes_read` is set to their length.
    fn for_each_entry(
        &self,
        rows: &[RowRef],
        bytes_read: &mut usize,
        mut visit: impl FnMut(u64, &Entry<'_>) -> Result<(), DecodeError>,
    ) -> Result<(), Error> {
        let mut show = |index: u64, bytes: &[u8]| {
            *bytes_read += bytes.len();
            let shown =
                Entry::decode(bytes).and_then(|entry| visit(index, &entry.without(self.export.withheld)));
            shown.map_err(|source| Error::Undecodable { index, source })
        };
        if rows.is_sorted_by_key(|row| row.index) {
            return for_each_ascending(self.entries, rows.iter().map(|row| row.index), show);
        }
        let copies = Copies::read(self.entries, rows)?;
        rows.iter().try_for_each(|row| show(row.index, copies.get(row.index)))
    }
}

/// Entries read in the ledger's order, to be looked at in another.
pub(super) struct Copies {
    indices: Vec<u64>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Copies {
    pub fn read(entries: &dyn Entries, rows: &[RowRef]) -> Result<Copies, Error> {
        let mut indices: Vec<u64> = rows.iter().map(|row| row.index).collect();
        indices.sort_unstable();
        let (mut ends, mut bytes) = (Vec::with_capacity(rows.len()), Vec::with_capacity(CHUNK_BYTES));
        for_each_ascending(entries, indices.iter().copied(), |_, entry| {
            bytes.extend_from_slice(entry);
            ends.push(bytes.len());
            Ok(())
        })?;
        Ok(Copies { indices, ends, bytes })
    }

    pub fn get(&self, index: u64) -> &[u8] {
        let Ok(at) = self.indices.binary_search(&index) else { return &[] };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}

/// Entries that stand nearer to each other than this are read in one go: they share a frame anyway.
const NEAR: u64 = 64;

/// Shows `visit` the entries of ascending indices.
fn for_each_ascending(
    entries: &dyn Entries,
    indices: impl Iterator<Item = u64>,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut indices = indices.peekable();
    let mut run = Vec::new();
    while let Some(index) = indices.next() {
        run.push(index);
        let run_goes_on = indices.peek().is_some_and(|next| next - index < NEAR);
        if !run_goes_on {
            read_run(entries, &run, &mut visit)?;
            run.clear();
        }
    }
    Ok(())
}

fn read_run(
    entries: &dyn Entries,
    run: &[u64],
    visit: &mut impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
    let (mut wanted, mut outcome) = (run.iter().copied().peekable(), Ok(()));
    entries.read(*first..last + 1, &mut |index, bytes| {
        if outcome.is_ok() && wanted.next_if_eq(&index).is_some() {
            outcome = visit(index, bytes);
        }
    })?;
    outcome
}

/// What the caller's thread writes to.
struct Output<'w> {
    format: Format,
    position: Position,
    sink: Sink<'w>,
}

enum Sink<'w> {
    Text(&'w mut (dyn Write + Send)),
    Parquet(Box<FileWriter<'w>>),
}

impl<'w> Output<'w> {
    /// Writes what stands before the first event, unless the export is resumed.
    fn begin(
        export: &Export,
        columns: &Columns,
        position: Position,
        out: &'w mut (dyn Write + Send),
    ) -> Result<Output<'w>, Error> {
        let format = export.format;
        if format == Format::Parquet {
            let sink = Sink::Parquet(Box::new(FileWriter::new(columns, out)?));
            return Ok(Output { format, position, sink });
        }
        let mut output = Output { format, position, sink: Sink::Text(out) };
        if position.bytes == 0 {
            output.write_text(&head(export, columns))?;
        }
        Ok(output)
    }

    fn write(&mut self, rows: &[RowRef], chunk: &Chunk) -> Result<(), Error> {
        match chunk {
            Chunk::Batch(batch) => self.write_batch(batch)?,
            Chunk::Text(text) => {
                // In a document the first event has no comma before it.
                let is_first_of_document = self.format == Format::Json && self.position.rows == 0;
                self.write_text(if is_first_of_document { &text[1..] } else { text })?;
            }
        }
        self.position.rows += rows.len() as u64;
        self.position.last = rows.last().copied().or(self.position.last);
        Ok(())
    }

    /// Writes what stands after the last event.
    fn finish(mut self) -> Result<Position, Error> {
        if self.format == Format::Json {
            let tail = format!("\n],\"count\":{}}}\n", self.position.rows);
            self.write_text(tail.as_bytes())?;
        }
        if let Sink::Parquet(file) = self.sink {
            self.position.bytes = file.finish()?;
        }
        Ok(self.position)
    }

    fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if let Sink::Parquet(file) = &mut self.sink {
            file.write(batch)?;
            self.position.bytes = file.bytes_written();
        }
        Ok(())
    }

    fn write_text(&mut self, text: &[u8]) -> Result<(), Error> {
        if let Sink::Text(out) = &mut self.sink {
            out.write_all(text).map_err(Error::Output)?;
        }
        self.position.bytes += text.len() as u64;
        Ok(())
    }
}

fn head(export: &Export, columns: &Columns) -> Vec<u8> {
    let mut head = Vec::new();
    match export.format {
        Format::Json => head.extend_from_slice(b"{\"events\":["),
        Format::Csv => {
            if export.bom {
                head.extend_from_slice(csv::BYTE_ORDER_MARK);
            }
            csv::write_header(columns, &mut head);
        }
        Format::Ndjson | Format::Parquet => {}
    }
    head
}
