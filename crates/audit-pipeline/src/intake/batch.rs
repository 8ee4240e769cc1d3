//! One request's events on their way to becoming one batch.

use std::fmt;

use audit_event::{Encoded, Encoder, Event, EventError};
use audit_ledger::{BatchBuilder, Ledger, NewEntry};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::report::readable_id;
use super::{BadLine, BadLines, Error, OnError, Taken, taken};

/// Encodes events as they come and collects what is bad. After the first bad line of a rejecting request the
/// others are still checked, but no longer hashed.
pub(super) struct Batch {
    encoder: Encoder,
    builder: BatchBuilder,
    ids: Vec<Box<str>>,
    bad: BadLines,
    on_error: OnError,
    max_listed: usize,
    /// Lines seen.
    line: u64,
}

impl Batch {
    pub(super) fn new(encoder: Encoder, builder: BatchBuilder, on_error: OnError, max_listed: usize) -> Self {
        Self { encoder, builder, ids: Vec::new(), bad: BadLines::default(), on_error, max_listed, line: 0 }
    }

    /// Counts on from `line`, for a batch that is not the first of its upload.
    pub(super) fn starting_after(mut self, line: u64) -> Self {
        self.line = line;
        self
    }

    pub(super) fn lines_seen(&self) -> u64 {
        self.line
    }

    /// Takes every line of `body`.
    pub(super) fn lines(&mut self, body: &[u8]) -> Result<(), Error> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let mut rest = body;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.line(&rest[..end])?;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        Ok(())
    }

    /// Takes the elements of a JSON array, or one object.
    pub(super) fn document(&mut self, body: &[u8]) -> Result<(), Error> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        if !body.trim_ascii_start().starts_with(b"[") {
            return self.line(body);
        }
        let mut failed = Ok(());
        let mut json = serde_json::Deserializer::from_slice(body);
        let elements = Elements { batch: self, failed: &mut failed };
        let complete = json.deserialize_seq(elements).and_then(|()| json.end());
        failed?;
        if let Err(error) = complete {
            self.line += 1;
            let line = self.line;
            self.bad.note(self.max_listed, || BadLine {
                line,
                id: None,
                field: String::new(),
                code: if std::str::from_utf8(body).is_err() { "invalid_utf8" } else { "malformed_json" },
                message: format!("the array is malformed or cut short here: {error}"),
            });
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.line += 1;
        let json = line.trim_ascii();
        if json.is_empty() {
            return Ok(());
        }
        let encoded = self.encoder.encode_json(json);
        self.push(encoded, || readable_id(json))
    }

    /// Takes an event from a source.
    pub(super) fn event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.line += 1;
        let encoded = self.encoder.encode(event);
        self.push(encoded, || event.id.as_deref().map(str::to_owned))
    }

    fn push(
        &mut self,
        encoded: Result<Encoded, EventError>,
        id: impl FnOnce() -> Option<String>,
    ) -> Result<(), Error> {
        match encoded {
            Ok(_) if self.is_rejected() => Ok(()),
            Ok(encoded) => {
                let leaf = encoded.leaf.as_bytes();
                self.builder.push(NewEntry { key: encoded.id.as_bytes(), bytes: &encoded.bytes, leaf })?;
                self.ids.push(encoded.id);
                Ok(())
            }
            Err(error) => {
                let line = self.line;
                self.bad.note(self.max_listed, || BadLine::new(line, id(), &error));
                Ok(())
            }
        }
    }

    fn is_rejected(&self) -> bool {
        self.on_error == OnError::Reject && !self.bad.is_empty()
    }

    /// Records the batch and waits until it is durable.
    pub(super) fn append(self, ledger: &Ledger) -> Result<Taken, Error> {
        if self.is_rejected() {
            return Err(Error::Invalid(self.bad));
        }
        if self.ids.is_empty() {
            return Ok(self.nothing(ledger));
        }
        let appended = ledger.append_prepared(self.builder.finish())?;
        Ok(taken(self.ids, appended, self.bad))
    }

    /// Queues the batch.
    pub(super) fn submit(
        self,
        ledger: &Ledger,
        done: impl FnOnce(Result<Taken, Error>) + Send + 'static,
    ) -> Result<(), Error> {
        if self.is_rejected() {
            return Err(Error::Invalid(self.bad));
        }
        if self.ids.is_empty() {
            done(Ok(self.nothing(ledger)));
            return Ok(());
        }
        let (ids, skipped) = (self.ids, self.bad);
        let on_done = move |appended: Result<_, _>| {
            done(appended.map(|appended| taken(ids, appended, skipped)).map_err(Error::from));
        };
        ledger.submit(self.builder.finish(), Box::new(on_done))?;
        Ok(())
    }

    fn nothing(self, ledger: &Ledger) -> Taken {
        Taken { ids: self.ids, placements: Vec::new(), tree_size: ledger.size(), skipped: self.bad }
    }
}

/// Feeds the elements of an array to a batch without building them.
struct Elements<'b> {
    batch: &'b mut Batch,
    failed: &'b mut Result<(), Error>,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            if self.failed.is_ok() {
                *self.failed = self.batch.line(element.get().as_bytes());
            }
        }
        Ok(())
    }
}
