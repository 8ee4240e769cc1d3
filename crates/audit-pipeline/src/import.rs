//! Reads whole files of recorded events. Safe to repeat: every event has an id that depends on the file's content
//! alone, so that one recorded before is recognised.
//!
//! A line without an id gets one made from its content and from how often the same content stood in the file
//! before: two equal lines are two events, and the same two events when the file is read again.

mod lines;

use std::collections::HashMap;
use std::io::BufRead;
use std::ops::ControlFlow;
use std::time::Duration;

use audit_event::Event;
use sha2::{Digest, Sha256};

use crate::intake::{BadLine, BadLines, Error as IntakeError, Intake, OnError};
use crate::sources::{Format, Refusal};
use lines::{Chunk, Chunks, Line, LineEnd};

/// How often a batch is offered again to a busy ledger before the import fails.
const OFFERS: u32 = 100;

/// Where imported events go.
pub trait Destination {
    /// Why it takes no more.
    type Error;

    /// Records these events and returns when they are durable. An event that is not valid is reported by its
    /// position, counted from 1, and the others are recorded.
    ///
    /// # Errors
    /// When none of them was recorded and going on makes no sense.
    fn append(&mut self, events: &[Event<'_>]) -> Result<Appended, Self::Error>;
}

/// What a [`Destination`] recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Newly recorded.
    pub new: u64,
    /// Recorded before.
    pub duplicates: u64,
    /// Those of them whose content is not what was recorded under their id.
    pub differing: u64,
    /// Not valid.
    pub invalid: BadLines,
}

/// How to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The format; told from the first lines when `None`.
    pub format: Option<Format>,
    /// Most skipped lines that the report lists; all are counted.
    pub max_listed: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: None, max_listed: 20 }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The format it had; `None` if it was empty and none was given.
    pub format: Option<Format>,
    /// Lines read, empty ones included.
    pub lines: u64,
    /// Events newly recorded.
    pub taken: u64,
    /// Events that had been recorded before, by an earlier import or earlier in the file.
    pub duplicates: u64,
    /// Those of them that the destination still remembers, with other content: the first record stands.
    pub differing: u64,
    /// Lines that gave no event, with the reasons.
    pub skipped: BadLines,
    /// Whether it was stopped before the end; repeating it takes up where it was.
    pub cancelled: bool,
}

/// Why a file could not be imported to its end. What was recorded stays; repeating is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error<D> {
    /// The file cannot be read.
    #[error("cannot read: {0}")]
    Read(#[from] std::io::Error),
    /// No format was given and the first lines look like none that we know.
    #[error(
        "line {line} looks like no known format: say which it is (native, openwebui-audit, openwebui-webhook)"
    )]
    UnknownFormat {
        /// The first line that is not empty.
        line: u64,
    },
    /// The destination takes no more.
    #[error(transparent)]
    Destination(D),
}

impl Destination for Intake {
    type Error = IntakeError;

    fn append(&mut self, events: &[Event<'_>]) -> Result<Appended, IntakeError> {
        let mut offers = 0;
        let taken = loop {
            match self.append_events(events, OnError::Skip) {
                Err(IntakeError::Busy { retry_after_ms }) if offers < OFFERS => {
                    offers += 1;
                    std::thread::sleep(Duration::from_millis(retry_after_ms.clamp(1, 200)));
                }
                other => break other?,
            }
        };
        let duplicates = taken.duplicates() as u64;
        Ok(Appended {
            new: taken.placements.len() as u64 - duplicates,
            duplicates,
            differing: taken.differing().count() as u64,
            invalid: taken.skipped,
        })
    }
}

/// Imports `input`. `known` tells which of these ids are recorded already, for those older than the destination
/// itself remembers; `progress` is called after every batch and may stop the import.
///
/// # Errors
/// See [`Error`].
pub fn import<D: Destination>(
    input: &mut dyn BufRead,
    options: Options,
    destination: &mut D,
    known: &dyn Fn(&[&str]) -> Vec<bool>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Report, Error<D::Error>> {
    let mut chunks = Chunks::new(input);
    let mut occurrences = Occurrences::default();
    let mut report = Report { format: options.format, ..Report::default() };
    while let Some(chunk) = chunks.next()? {
        report.lines = chunks.lines();
        let format = match report.format {
            Some(format) => format,
            None => match sniff(&chunk) {
                Sniffed::Format(format) => *report.format.insert(format),
                Sniffed::Unknown { line } => return Err(Error::UnknownFormat { line }),
                Sniffed::Empty => continue,
            },
        };
        let batch = read(format, &chunk, &mut occurrences, options.max_listed, &mut report.skipped);
        let batch = match format {
            Format::OpenWebUiWebhook => without_poorer_copies(batch, &mut report.duplicates),
            Format::Native | Format::OpenWebUiAudit => batch,
        };
        record(batch, options.max_listed, destination, known, &mut report)?;
        if progress(Progress { bytes: chunks.bytes(), lines: chunks.lines() }).is_break() {
            report.cancelled = true;
            break;
        }
    }
    // What only the encoder refuses was noted after its batch.
    report.skipped.listed.sort_by_key(|bad| bad.line);
    Ok(report)
}

enum Sniffed {
    Format(Format),
    Unknown { line: u64 },
    Empty,
}

/// A damaged first line does not hide the format of those after it.
fn sniff(chunk: &Chunk) -> Sniffed {
    let mut with_content = chunk.lines().filter(|line| !line.bytes.is_empty()).peekable();
    let Some(first) = with_content.peek().map(|line| line.number) else { return Sniffed::Empty };
    with_content
        .find_map(|line| Format::sniff(line.bytes))
        .map_or(Sniffed::Unknown { line: first }, Sniffed::Format)
}

/// Events and the lines they stood in.
#[derive(Default)]
struct Batch<'c> {
    events: Vec<Event<'c>>,
    lines: Vec<u64>,
}

fn read<'c>(
    format: Format,
    chunk: &'c Chunk,
    occurrences: &mut Occurrences,
    max_listed: usize,
    skipped: &mut BadLines,
) -> Batch<'c> {
    let mut batch = Batch::default();
    for line in chunk.lines().filter(|line| !line.bytes.is_empty() || line.end == LineEnd::TooLong) {
        match event_of(format, &line) {
            Ok(mut event) => {
                event.id.get_or_insert_with(|| occurrences.id_of(line.bytes).into());
                batch.events.push(event);
                batch.lines.push(line.number);
            }
            Err(refusal) => skipped.note(max_listed, || BadLine {
                line: line.number,
                id: None,
                field: refusal.field,
                code: refusal.code,
                message: refusal.message,
            }),
        }
    }
    batch
}

fn event_of<'c>(format: Format, line: &Line<'c>) -> Result<Event<'c>, Refusal> {
    let refuse = |code, message: String| Err(Refusal { field: String::new(), code, message });
    if line.end == LineEnd::TooLong {
        return refuse("too_long", format!("this line is longer than {} bytes", lines::MAX_LINE_BYTES));
    }
    if let Err(error) = std::str::from_utf8(line.bytes) {
        let at = error.valid_up_to();
        return refuse("invalid_utf8", format!("this line is not UTF-8 from its byte {at} on"));
    }
    match format.read(line.bytes) {
        Err(refusal) if line.end == LineEnd::Input && refusal.code == "malformed_json" => {
            refuse("truncated", "the file ends inside this line".to_owned())
        }
        other => other,
    }
}

/// Open WebUI sends one event once for each of its webhooks and functions, and only a function's copy has the request. Of
/// copies that stand near each other the one that knows the client is taken, else the first; the others count as
/// `duplicates`, and as none that differ.
fn without_poorer_copies<'c>(batch: Batch<'c>, duplicates: &mut u64) -> Batch<'c> {
    let mut best: HashMap<String, usize> = HashMap::new();
    for (at, event) in batch.events.iter().enumerate() {
        let id = event.id.as_deref().unwrap_or_default();
        match best.get_mut(id) {
            None => drop(best.insert(id.to_owned(), at)),
            Some(first) if batch.events[*first].client.is_none() && event.client.is_some() => *first = at,
            Some(_) => {}
        }
    }
    let mut merged = Batch::default();
    for (at, (event, line)) in batch.events.into_iter().zip(batch.lines).enumerate() {
        if best.get(event.id.as_deref().unwrap_or_default()) == Some(&at) {
            merged.events.push(event);
            merged.lines.push(line);
        } else {
            *duplicates += 1;
        }
    }
    merged
}

fn record<D: Destination>(
    batch: Batch<'_>,
    max_listed: usize,
    destination: &mut D,
    known: &dyn Fn(&[&str]) -> Vec<bool>,
    report: &mut Report,
) -> Result<(), Error<D::Error>> {
    let batch = without_known(batch, known, report);
    if batch.events.is_empty() {
        return Ok(());
    }
    let appended = destination.append(&batch.events).map_err(Error::Destination)?;
    report.taken += appended.new;
    report.duplicates += appended.duplicates;
    report.differing += appended.differing;
    let unlisted = appended.invalid.total - appended.invalid.listed.len() as u64;
    for bad in appended.invalid.listed {
        let line = usize::try_from(bad.line - 1).ok().and_then(|at| batch.lines.get(at)).copied();
        report.skipped.note(max_listed, || BadLine { line: line.unwrap_or(bad.line), ..bad });
    }
    report.skipped.total += unlisted;
    Ok(())
}

fn without_known<'c>(
    batch: Batch<'c>,
    known: &dyn Fn(&[&str]) -> Vec<bool>,
    report: &mut Report,
) -> Batch<'c> {
    let ids: Vec<&str> = batch.events.iter().filter_map(|event| event.id.as_deref()).collect();
    let is_known = known(&ids);
    let mut unknown = Batch::default();
    for (at, (event, line)) in batch.events.into_iter().zip(batch.lines).enumerate() {
        if is_known.get(at) == Some(&true) {
            report.duplicates += 1;
        } else {
            unknown.events.push(event);
            unknown.lines.push(line);
        }
    }
    unknown
}

/// How often each content has been seen: some 40 bytes of memory for each line without an id.
#[derive(Default)]
struct Occurrences(HashMap<[u8; 16], u64>);

impl Occurrences {
    /// The id of a line that has none: a UUID of version 8 made from its content and its occurrence.
    fn id_of(&mut self, content: &[u8]) -> String {
        let digest = Sha256::digest(content);
        let occurrence = self.0.entry(first_half(&digest)).or_default();
        *occurrence += 1;
        let hash = Sha256::new_with_prefix(b"secureai-audit/v1/import-id\0")
            .chain_update(digest)
            .chain_update(occurrence.to_be_bytes())
            .finalize();
        uuid_8(first_half(&hash))
    }
}

fn first_half(hash: &[u8]) -> [u8; 16] {
    std::array::from_fn(|at| hash[at])
}

/// RFC 9562, section 5.8.
fn uuid_8(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
