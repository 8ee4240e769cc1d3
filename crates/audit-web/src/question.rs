//! Which events a request is about: those asked for that the reader may see.

use audit_event::Timestamp;
use audit_query::params::{ParamError, ParamProblem, Request};
use audit_query::question::TimeRange;
use http::Uri;
use serde_json::json;

use crate::params::Params;
use crate::problem::{Code, Problem, Result};
use crate::reader::Reader;

/// Reads the parameters that choose events; `others` are the route's own.
///
/// # Errors
/// Each of the parameters' problems, naming the parameter.
pub(crate) fn parse(reader: &Reader, uri: &Uri, others: &[&str]) -> Result<Request> {
    let params = Params::any(uri.query());
    reader.question(Request::parse(params.pairs(), others, None).map_err(problem)?)
}

/// [`parse`] for pages: times may be relative to `now`.
///
/// # Errors
/// As [`parse`].
pub(crate) fn of_pairs<'a>(
    reader: &Reader,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: Option<Timestamp>,
) -> Result<Request> {
    reader.question(Request::parse(pairs, &[], now).map_err(problem)?)
}

/// [`parse`] for a route that has no use for some of the parameters: these are refused as unknown.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_without(
    reader: &Reader,
    uri: &Uri,
    others: &[&str],
    useless: &[&str],
) -> Result<Request> {
    reader.question(asked(uri, others, useless)?)
}

/// [`parse_without`] for what keeps the question and the reader's limits apart. Nothing may be answered by it alone.
///
/// # Errors
/// As [`parse`].
pub(crate) fn asked(uri: &Uri, others: &[&str], useless: &[&str]) -> Result<Request> {
    let params = Params::any(uri.query());
    if let Some((name, _)) = params.pairs().find(|(name, _)| useless.contains(name)) {
        let detail = format!("this address has no use for the parameter {name:?}; leave it away");
        return Err(Problem::new(Code::UnknownParameter, detail).with("parameter", name));
    }
    Request::parse(params.pairs(), others, None).map_err(problem)
}

/// The question as the record will show it: its filter in the query box's language, and its range.
pub(crate) fn describe(request: &Request) -> String {
    let mut text = request.filter.to_string();
    let TimeRange { from, to } = request.range;
    if from > Timestamp::MIN {
        text.push_str(&format!(" from {from}"));
    }
    if to < Timestamp::MAX {
        text.push_str(&format!(" to {to}"));
    }
    text.trim().to_owned()
}

fn problem(error: ParamError) -> Problem {
    let code = match &error.problem {
        ParamProblem::Unknown { .. } => Code::UnknownParameter,
        ParamProblem::FromAfterTo => Code::InvalidRange,
        ParamProblem::Query(_) => Code::InvalidFilter,
        _ => Code::InvalidParameter,
    };
    let problem = Problem::new(code, error.to_string())
        .with("parameter", error.parameter)
        .with("reason", error.problem.code());
    match error.problem {
        ParamProblem::Query(query) => problem.with("at", json!({ "offset": query.at, "length": query.len })),
        _ => problem,
    }
}
