//! `GET /export-proof`: what proves every line of an export (`docs/FORMAT.md`, "Proof of an export").
//!
//! Asked for with the export's own parameters and, as `tree_size`, the `Audit-Tree-Size` header of its answer, so that it is
//! of the same events in the same order. Nothing has to be remembered between the two requests.

use std::io;

use audit_event::{Event, Json};
use audit_query::export::{Export, Origin, Position};
use audit_query::params::Request as Question;
use audit_query::question::Budget;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::export::{self, TREE_SIZE_HEADER, number};
use super::outlet::{Intake, Outlet};
use super::resume::Resume;
use crate::activity::{recorded_elsewhere, success};
use crate::encoding::Encoding;
use crate::params::Params;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::searchable;
use crate::state::AppState;

/// Answers with the proof.
pub(crate) async fn handle(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Result<Response> {
    let question = question::parse(&reader, &uri, &["tree_size"])?;
    let proof = Proof::of(&uri, question, reader)?;
    if !proof.export.is_provable() {
        let advice = "only whole events as json or ndjson have a proof of every line: leave fields out";
        return Err(Problem::invalid_parameter("format", advice));
    }
    let (encoding, tree_size) = (Encoding::accepted(&headers), proof.tree_size);
    let disposition = export::disposition(&proof.question, proof.export.format)?;
    let body = match method == Method::HEAD {
        true => Body::empty(),
        false => written(&state, proof, encoding).await?,
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_DISPOSITION, with_ending(&disposition)?);
    headers.insert(TREE_SIZE_HEADER, HeaderValue::from(tree_size));
    encoding.mark(headers);
    Ok(response)
}

/// The proof as it is written, on a thread of its own.
async fn written(state: &AppState, proof: Proof, encoding: Encoding) -> Result<Body> {
    let worker = state.clone();
    let (outlet, Intake { body, opened }) =
        Outlet::new(encoding, &Resume::default(), state.config().stall_timeout).map_err(Problem::internal)?;
    let exports = state.exports().clone();
    exports.start_job(move || match proof.begin(&worker) {
        Ok(()) => proof.write(&worker, outlet),
        Err(problem) => outlet.refuse(problem),
    })?;
    opened.await.map_err(|_| Problem::internal("a proof ended before it began"))??;
    recorded_elsewhere();
    Ok(body)
}

/// The export's file name and `.proof`.
fn with_ending(disposition: &HeaderValue) -> Result<HeaderValue> {
    let text = disposition.to_str().map_err(Problem::internal)?;
    HeaderValue::try_from(format!("{}.proof\"", text.trim_end_matches('"'))).map_err(Problem::internal)
}

/// A proof on its thread.
struct Proof {
    export: Export,
    question: Question,
    tree_size: u64,
    reader: Reader,
}

impl Proof {
    fn of(uri: &Uri, question: Question, reader: Reader) -> Result<Self> {
        let Some(tree_size) = Params::any(uri.query()).parsed("tree_size")? else {
            let advice = "say which export: the Audit-Tree-Size header of its answer";
            return Err(Problem::invalid_parameter("tree_size", advice));
        };
        let export = Export {
            columns: question.fields.clone(),
            filter: question.filter.clone(),
            range: question.range,
            order: question.order,
            withheld: reader.withheld(),
            ..Export::all(question.format.unwrap_or_default())
        };
        Ok(Self { export, question, tree_size, reader })
    }

    /// Waits until the index knows what the export knew, and records that the proof is given out.
    fn begin(&self, state: &AppState) -> Result<()> {
        let recorded = state.ledger().size().get();
        if self.tree_size > recorded {
            let advice = format!("the ledger has {recorded} entries, not {}", self.tree_size);
            return Err(Problem::invalid_parameter("tree_size", advice));
        }
        searchable::reaches(state, self.tree_size)?;
        let filter = question::describe(&self.question);
        let details = [("filter", Json::from(filter)), ("tree_size", number(self.tree_size))];
        let event = self.reader.visitor().did("audit.proof_issued");
        state.activity().record(Event { details: Some(Json::object(details)), ..success(event) });
        Ok(())
    }

    fn write(&self, state: &AppState, mut outlet: Outlet) {
        let origin = Origin { answers: state.index(), entries: state.ledger() };
        let end = Position { snapshot: Some(self.tree_size), ..Position::default() };
        let written = outlet.begin().map_err(audit_query::Error::Output).and_then(|()| {
            let budget = Budget::unlimited();
            self.export.prove(origin, state.ledger(), &budget, &end, &mut outlet, &mut |_| {})
        });
        let ended = match written {
            Ok(()) => outlet.finish().map(drop),
            Err(audit_query::Error::Output(error)) => Err(error),
            Err(error) => {
                state.unreadable().note_query(&error);
                Err(io::Error::other(error))
            }
        };
        if let Err(error) = ended {
            tracing::warn!(error.message = %error, "a proof of an export broke off");
        }
    }
}
