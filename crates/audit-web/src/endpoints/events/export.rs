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
//! the SHA-256 of the file. An export that broke off is gone on with as [`super::resume`] says, and is recorded again.

use std::io;

use audit_event::{Event, Json, Outcome, Timestamp};
use audit_query::export::{Export, Format, Origin, Position};
use audit_query::params::Request as Question;
use audit_query::question::{Answers as _, Budget, Order, TimeRange};
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use tokio::sync::oneshot;

use super::outlet::{Digest, Intake, Outlet};
use super::resume::Resume;
use crate::activity::{recorded_elsewhere, success};
use crate::encoding::Encoding;
use crate::endpoints::exports::file;
use crate::exports::default_name;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::searchable;
use crate::state::AppState;

/// The ledger's size that the answer speaks of.
pub(crate) const TREE_SIZE_HEADER: HeaderName = HeaderName::from_static("audit-tree-size");
/// Threads that read and render one export, besides its own.
const RENDER_THREADS: usize = 2;

/// The parameter that names the file.
pub(crate) const NAME: &str = "name";

/// What an export is asked for.
pub(crate) struct Asked {
    pub question: Question,
    pub resume: Resume,
    /// What its file is called, without the ending.
    pub name: Option<String>,
}

impl Asked {
    /// What the file is called by those who save it, and on record.
    fn file(&self) -> String {
        let question = &self.question;
        let own = self.name.clone();
        let name = own.unwrap_or_else(|| default_name(question.range, &question.tz));
        format!("{name}.{}", question.format.unwrap_or_default().name())
    }
}

/// Answers with the stream; `head_only` for `HEAD`, which moves no data and is recorded as a look.
pub(crate) async fn answer(
    state: AppState,
    asked: Asked,
    headers: &HeaderMap,
    reader: Reader,
    head_only: bool,
) -> Result<Response> {
    let format = asked.question.format.unwrap_or_default();
    let encoding = encoding_for(format, headers);
    let file = asked.file();
    let disposition = file::disposition(&file)?;
    let (body, tree_size) = if head_only {
        // Of a length that is not known, like the stream it stands for.
        let tree_size = asked.resume.tree_size.unwrap_or_else(|| state.index().snapshot());
        (Body::from_stream(stream::empty::<io::Result<Bytes>>()), tree_size)
    } else {
        start(state, asked, file, encoding, reader).await?
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
    let name = default_name(question.range, &question.tz);
    let text = format!("attachment; filename=\"{name}.{}\"", format.name());
    HeaderValue::try_from(text).map_err(Problem::internal)
}

/// Starts the export thread; gives the body when the beginning is on record and its first byte may leave, and the size
/// it speaks of.
async fn start(
    state: AppState,
    Asked { question, resume, name: _ }: Asked,
    file: String,
    encoding: Encoding,
    reader: Reader,
) -> Result<(Body, u64)> {
    let (outlet, Intake { body, opened }) =
        Outlet::new(encoding, &resume, state.config().stall_timeout).map_err(Problem::internal)?;
    let (tell, begun) = oneshot::channel();
    let run = Run { subject: question::describe(&question), question, resume, file, reader };
    let exports = state.exports().clone();
    exports.start_job(move || match run.begin(&state) {
        Ok(snapshot) => {
            // Nobody to tell means that the client has left before the first byte.
            if tell.send(snapshot).is_ok() {
                run.export(&state, snapshot, outlet);
            }
        }
        Err(problem) => outlet.refuse(problem),
    })?;
    opened.await.map_err(|_| Problem::internal("an export ended before it began"))??;
    let snapshot = begun.await.map_err(Problem::internal)?;
    recorded_elsewhere();
    Ok((body, snapshot))
}

/// One export on its thread.
struct Run {
    question: Question,
    /// The question as the record shows it.
    subject: String,
    resume: Resume,
    /// What the file is called.
    file: String,
    reader: Reader,
}

impl Run {
    /// Decides which events there are, and records that the export begins.
    fn begin(&self, state: &AppState) -> Result<u64> {
        let snapshot = self.snapshot(state)?;
        state.activity().record(Event {
            details: Some(self.details("started", snapshot, Vec::new())),
            ..success(self.reader.visitor().did("audit.exported"))
        });
        Ok(snapshot)
    }

    /// The ledger's size that the export is of.
    fn snapshot(&self, state: &AppState) -> Result<u64> {
        let Some(pinned) = self.resume.tree_size else { return searchable::size(state) };
        let recorded = state.ledger().size().get();
        if pinned > recorded {
            let advice = format!("the ledger has {recorded} entries, not {pinned}");
            return Err(Problem::invalid_parameter("tree_size", advice));
        }
        searchable::reaches(state, pinned)?;
        Ok(pinned)
    }

    fn export(&self, state: &AppState, snapshot: u64, mut outlet: Outlet) {
        let export = Export {
            format: self.question.format.unwrap_or_default(),
            columns: self.question.fields.clone(),
            filter: self.question.filter.clone(),
            range: self.question.range,
            order: self.question.order,
            bom: self.question.bom,
            withheld: self.reader.withheld(),
            threads: RENDER_THREADS,
        };
        let origin = Origin { answers: state.index(), entries: state.ledger() };
        let start = Position { snapshot: Some(snapshot), ..Position::default() };
        let mut reached = start;
        let written = outlet.begin().map_err(audit_query::Error::Output).and_then(|()| {
            export.run(origin, &Budget::unlimited(), start, &mut outlet, &mut |position| reached = *position)
        });
        let ended = match written {
            Ok(_) => outlet.finish(),
            Err(audit_query::Error::Output(error)) => Err(error),
            Err(error) => {
                state.unreadable().note_query(&error);
                Err(io::Error::other(error))
            }
        };
        if let Err(error) = &ended {
            tracing::warn!(error.message = %error, export.rows = reached.rows, "an export broke off");
        }
        self.record_end(state, &reached, &ended);
    }

    fn record_end(&self, state: &AppState, reached: &Position, ended: &io::Result<Digest>) {
        let mut more = vec![("count", number(reached.rows)), ("bytes", number(reached.bytes))];
        let event = self.reader.visitor().did("audit.exported");
        let event = match ended {
            Ok(digest) => {
                more.push(("sha256", Json::from(digest.0.clone())));
                success(event)
            }
            Err(_) => Event { outcome: Outcome::Failure, reason: Some("incomplete".into()), ..event },
        };
        let details = self.details("finished", reached.snapshot.unwrap_or_default(), more);
        state.activity().note_each(Event { details: Some(details), ..event });
    }

    fn format(&self) -> &'static str {
        self.question.format.unwrap_or_default().name()
    }

    /// What, besides filter and format, the same export is asked for with.
    fn asked(&self) -> impl Iterator<Item = (&'static str, Json<'static>)> {
        let TimeRange { from, to } = self.question.range;
        let fields = self.question.fields.as_ref();
        let asked = [
            ("file", Some(self.file.clone())),
            ("from", (from > Timestamp::MIN).then(|| from.to_string())),
            ("to", (to < Timestamp::MAX).then(|| to.to_string())),
            ("order", (self.question.order == Order::OldestFirst).then(|| "oldest_first".to_owned())),
            ("fields", fields.map(|fields| fields.names().collect::<Vec<_>>().join(","))),
        ];
        asked.into_iter().filter_map(|(name, value)| Some((name, Json::from(value?))))
    }

    fn details(
        &self,
        phase: &'static str,
        snapshot: u64,
        more: Vec<(&'static str, Json<'static>)>,
    ) -> Json<'static> {
        let format = self.format();
        let first = [
            ("phase", Json::from(phase)),
            ("format", Json::from(format)),
            ("filter", Json::from(self.subject.clone())),
            ("tree_size", number(snapshot)),
        ];
        let resumed =
            (self.resume.skip_bytes > 0).then(|| ("resumed_at_bytes", number(self.resume.skip_bytes)));
        Json::object(first.into_iter().chain(self.asked()).chain(resumed).chain(more))
    }
}

#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles; counts stay far below 2^53")]
pub(crate) fn number(value: u64) -> Json<'static> {
    Json::Number(value as f64)
}
