//! `GET /` without `limit`: all events in a range, streamed in constant memory.
//!
//! ```text
//!  audit-query's threads ──chunks──► export thread: hash, compress ──4 pieces at most──► connection
//! ```
//!
//! The export thread writes into a bounded channel. A slow client slows its own export only; one that takes nothing
//! for [`crate::Config::stall_timeout`] loses it, so that a thread is never held for ever. What breaks off in the
//! middle breaks the transfer off: the client sees an incomplete answer, never a short one that looks whole.
//!
//! That the export began is durable before its first byte leaves; its end is recorded with the number of events and
//! the SHA-256 of the file.

use std::io::{self, Write};
use std::time::Duration;

use audit_event::{Event, Json, Outcome};
use audit_query::export::{Export, Format, Origin, Position};
use audit_query::params::Request as Question;
use audit_query::question::{Answers as _, Budget};
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::activity::success;
use crate::encoding::{Encoder, Encoding};
use crate::problem::{Problem, Result};
use crate::question;
use crate::state::AppState;
use crate::visitor::Visitor;

/// The ledger's size that the answer speaks of.
pub(crate) const TREE_SIZE_HEADER: HeaderName = HeaderName::from_static("audit-tree-size");
/// Pieces on their way to the connection.
const PIECES_AHEAD: usize = 4;
/// Compressed pieces are sent when they have this many bytes.
const PIECE_BYTES: usize = 128 << 10;
/// How long to wait for the newest events to become searchable, so that an export misses nothing recorded before it.
const INDEX_PATIENCE: Duration = Duration::from_secs(2);
/// Threads that read and render one export, besides its own.
const RENDER_THREADS: usize = 2;

/// Answers with the stream; `head_only` for `HEAD`, which moves no data and is not recorded.
pub(crate) async fn answer(
    state: AppState,
    question: Question,
    headers: &HeaderMap,
    visitor: Visitor,
    head_only: bool,
) -> Result<Response> {
    let format = question.format.unwrap_or_default();
    let encoding = encoding_for(format, headers);
    let disposition = disposition(&question, format)?;
    let (body, tree_size) = if head_only {
        // Of a length that is not known, like the stream it stands for.
        (Body::from_stream(stream::empty::<io::Result<Bytes>>()), state.index().snapshot())
    } else {
        start(state, question, encoding, visitor).await?
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(CONTENT_DISPOSITION, disposition);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(TREE_SIZE_HEADER, HeaderValue::from(tree_size));
    encoding.mark(headers);
    Ok(response)
}

/// Parquet is compressed inside.
pub(crate) fn encoding_for(format: Format, headers: &HeaderMap) -> Encoding {
    if format == Format::Parquet { Encoding::Identity } else { Encoding::accepted(headers) }
}

/// A file name for those who save the answer: the range's days, where it has any.
pub(crate) fn disposition(question: &Question, format: Format) -> Result<HeaderValue> {
    let day = |time: audit_event::Timestamp| time.to_string().get(..10).map(str::to_owned);
    let from = Some(question.range.from).filter(|from| *from > audit_event::Timestamp::MIN).and_then(day);
    // The range ends before `to`.
    let last = audit_event::Timestamp::from_micros(question.range.to.as_micros().saturating_sub(1));
    let to = Some(last).filter(|_| question.range.to < audit_event::Timestamp::MAX).and_then(day);
    let days: String = [from, to].into_iter().flatten().map(|day| format!("-{day}")).collect();
    let text = format!("attachment; filename=\"audit-export{days}.{}\"", format.name());
    HeaderValue::try_from(text).map_err(Problem::internal)
}

/// Starts the export thread; gives the body when the beginning is on record, and the size it speaks of.
async fn start(
    state: AppState,
    question: Question,
    encoding: Encoding,
    visitor: Visitor,
) -> Result<(Body, u64)> {
    let (pieces, received) = mpsc::channel(PIECES_AHEAD);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let outlet = Outlet {
        encoder: Encoder::new(encoding).map_err(Problem::internal)?,
        hash: Sha256::new(),
        pieces,
        stall_timeout: state.config().stall_timeout,
        runtime: Handle::current(),
    };
    let run = Run { subject: question::describe(&question), question, visitor };
    let exports = state.exports().clone();
    exports.start_job(move || {
        let snapshot = run.begin(&state);
        // Nobody to tell means that the client has left before the first byte.
        if begun.send(snapshot).is_ok() {
            run.export(&state, snapshot, outlet);
        }
    })?;
    let snapshot = has_begun.await.map_err(|_| Problem::internal("an export ended before it began"))?;
    Ok((body(received), snapshot))
}

/// What the export thread sends to the connection.
enum Piece {
    Bytes(Bytes),
    /// The export is whole. Without it the answer must not end like one that is.
    End,
}

fn body(received: mpsc::Receiver<Piece>) -> Body {
    Body::from_stream(stream::unfold(Some(received), |received| async {
        let mut received = received?;
        match received.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(received))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    }))
}

/// One export on its thread.
struct Run {
    question: Question,
    /// The question as the record shows it.
    subject: String,
    visitor: Visitor,
}

impl Run {
    /// Decides which events there are, and records that the export begins.
    fn begin(&self, state: &AppState) -> u64 {
        let recorded = state.ledger().size().get();
        // After that long the newest events are left out, as the answer's tree size says.
        let _ = state.index().wait_for(recorded, INDEX_PATIENCE);
        let snapshot = state.index().snapshot();
        state.activity().record(Event {
            details: Some(self.details("started", Vec::new())),
            ..success(self.visitor.did("audit.exported"))
        });
        snapshot
    }

    fn export(&self, state: &AppState, snapshot: u64, mut outlet: Outlet) {
        let export = Export {
            format: self.question.format.unwrap_or_default(),
            columns: self.question.fields.clone(),
            filter: self.question.filter.clone(),
            range: self.question.range,
            order: self.question.order,
            bom: self.question.bom,
            threads: RENDER_THREADS,
        };
        let origin = Origin { answers: state.index(), entries: state.ledger() };
        let start = Position { snapshot: Some(snapshot), ..Position::default() };
        let mut reached = start;
        let written =
            export.run(origin, &Budget::unlimited(), start, &mut outlet, &mut |position| reached = *position);
        let ended = match written {
            Ok(_) => outlet.finish(),
            Err(audit_query::Error::Output(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = &ended {
            tracing::warn!(error.message = %error, export.rows = reached.rows, "an export broke off");
        }
        self.record_end(state, &reached, &ended);
    }

    fn record_end(&self, state: &AppState, reached: &Position, ended: &io::Result<Digest>) {
        let mut more = vec![("count", number(reached.rows)), ("bytes", number(reached.bytes))];
        let event = self.visitor.did("audit.exported");
        let event = match ended {
            Ok(digest) => {
                more.push(("sha256", Json::from(digest.0.clone())));
                success(event)
            }
            Err(_) => Event { outcome: Outcome::Failure, reason: Some("incomplete".into()), ..event },
        };
        state.activity().note_each(Event { details: Some(self.details("finished", more)), ..event });
    }

    fn details(&self, phase: &'static str, more: Vec<(&'static str, Json<'static>)>) -> Json<'static> {
        let format = self.question.format.unwrap_or_default().name();
        let first = [
            ("phase", Json::from(phase)),
            ("format", Json::from(format)),
            ("filter", Json::from(self.subject.clone())),
        ];
        Json::object(first.into_iter().chain(more))
    }
}

/// The SHA-256 of the file as written, before any content encoding, in hexadecimal.
struct Digest(String);

/// Where the export writes to.
struct Outlet {
    encoder: Encoder,
    hash: Sha256,
    pieces: mpsc::Sender<Piece>,
    stall_timeout: Duration,
    runtime: Handle,
}

impl Outlet {
    fn finish(mut self) -> io::Result<Digest> {
        let rest = std::mem::replace(&mut self.encoder, Encoder::new(Encoding::Identity)?).finish()?;
        if !rest.is_empty() {
            self.send(Piece::Bytes(Bytes::from(rest)))?;
        }
        self.send(Piece::End)?;
        let digest: String = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Digest(digest))
    }

    /// Hands a piece to the connection; waits while it is behind.
    fn send(&self, piece: Piece) -> io::Result<()> {
        let piece = match self.pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
        };
        let sent = self.runtime.block_on(self.pieces.send_timeout(piece, self.stall_timeout));
        sent.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => io::ErrorKind::TimedOut.into(),
            mpsc::error::SendTimeoutError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.encoder.write_all(bytes)?;
        if self.encoder.ready() >= PIECE_BYTES {
            let piece = self.encoder.take();
            self.send(Piece::Bytes(Bytes::from(piece)))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles; counts stay far below 2^53")]
fn number(value: u64) -> Json<'static> {
    Json::Number(value as f64)
}
