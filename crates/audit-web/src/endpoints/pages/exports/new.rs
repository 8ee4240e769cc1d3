//! `GET /audit/exports/new`: how many events there are, how large each kind of file would be, and which columns.

use std::collections::BTreeMap;

use askama::Template;
use audit_query::export::{Column, Columns, Export, Format};
use audit_query::question::{Answers as _, Budget};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use form_urlencoded::Serializer;
use http::{StatusCode, Uri};

use super::super::form::Form;
use super::super::frame::Frame;
use super::super::{refused, rendered};
use super::size;
use crate::endpoints::exports::begin;
use crate::exports::{Wish, estimate};
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;

/// What most tables need.
const USUAL: &str = "time,actor_name,actor_email,org_role,org_department,action,outcome,reason,target_type,target_name,\
     client_ip,model_id,usage_input_tokens,usage_output_tokens,message,id,index";
/// A file that is likely larger is better written in the background.
const LARGE: u64 = 32 << 20;

#[derive(Template)]
#[template(path = "export_new.html")]
struct NewPage<'a> {
    frame: &'a Frame,
    /// The events, as parameters.
    question: String,
    filter: String,
    total: u64,
    formats: Vec<Choice>,
    is_large: bool,
    columns: Vec<(&'static str, bool)>,
    /// The names of the usual ones.
    usual: String,
    name: String,
    back: String,
}

/// A kind of file.
struct Choice {
    format: &'static str,
    name: &'static str,
    about: &'static str,
    size: String,
}

/// Shows the form.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    reader: Reader,
) -> Result<Response> {
    match show(&state, &frame, &uri, &reader).await {
        Ok(page) => Ok(rendered(StatusCode::OK, &frame, &page)),
        Err(problem) => Ok(refused(&frame, &problem)),
    }
}

/// Answers with about how large each kind of file would be, by its name: as people say it, for the pages' scripts.
pub(crate) async fn sizes(
    State(state): State<AppState>,
    uri: Uri,
    reader: Reader,
) -> Result<Json<BTreeMap<&'static str, String>>> {
    let wish = Wish::new(&question::asked(&uri, &[], begin::USELESS)?, None, &reader)?;
    let (_, sizes) = state.ask(move |state, budget| measure(state, &wish, budget)).await?;
    let said = estimate::FORMATS.into_iter().zip(sizes);
    Ok(Json(said.map(|(format, bytes)| (format.name(), size(bytes))).collect()))
}

async fn show<'a>(state: &AppState, frame: &'a Frame, uri: &Uri, reader: &Reader) -> Result<NewPage<'a>> {
    let asked = question::asked(uri, &[], begin::USELESS)?;
    let wish = Wish::new(&asked, None, reader)?;
    let described = question::describe(&asked);
    let name = wish.name().to_owned();
    let measured = state.ask(move |state, budget| measure(state, &wish, budget));
    let (total, sizes) = measured.await?;
    let formats = [
        (Format::Csv, "CSV", "for spreadsheets; formulas are disarmed"),
        (Format::Json, "JSON", "one document"),
        (Format::Ndjson, "NDJSON", "one event a line, as recorded"),
        (Format::Parquet, "Parquet", "for DuckDB, Spark, pandas"),
    ];
    let choice = |((format, name, about), bytes): ((Format, _, _), u64)| Choice {
        format: format.name(),
        name,
        about,
        size: size(bytes),
    };
    let question = uri.query().unwrap_or_default().to_owned();
    let usual = Columns::parse(USUAL).map_err(Problem::internal)?;
    Ok(NewPage {
        frame,
        filter: if described == "*" { "all events".to_owned() } else { described },
        total,
        is_large: sizes.iter().any(|bytes| *bytes > LARGE),
        formats: formats.into_iter().zip(sizes).map(choice).collect(),
        usual: usual.names().collect::<Vec<_>>().join(","),
        columns: Column::all().map(|column| (column.name(), usual.as_slice().contains(&column))).collect(),
        name,
        back: if question.is_empty() { "/audit".to_owned() } else { format!("/audit?{question}") },
        question,
    })
}

/// How many events there are, and how large a file of each format would be.
fn measure(state: &AppState, wish: &Wish, budget: &Budget) -> Result<(u64, [u64; 4])> {
    let tree_size = state.index().snapshot();
    let total = state.index().count(&wish.count(tree_size), budget)?;
    let sample = estimate::sample(state, wish, tree_size, budget)?;
    let mut sizes = [0; 4];
    for (size, format) in sizes.iter_mut().zip(estimate::FORMATS) {
        let export = Export { format, ..wish.export() };
        *size = estimate::bytes_by_sample(state, &export, &sample, total, budget)?;
    }
    Ok((total, sizes))
}

/// The parameters that a form asks for: the events', the format, the columns.
///
/// # Errors
/// When columns were to be chosen and none was.
pub(super) fn query_of(form: &Form) -> Result<String> {
    let given = form.get("question").to_owned();
    let own = ["format", "fields", "bom", "name"];
    let mut query = Serializer::new(String::new());
    query.extend_pairs(
        form_urlencoded::parse(given.as_bytes()).filter(|(name, _)| !own.contains(&name.as_ref())),
    );
    query.append_pair("format", form.get("format"));
    let is_table = ["csv", "parquet"].contains(&form.get("format"));
    let fields = match form.get("columns") {
        "usual" if is_table => Some(USUAL.to_owned()),
        "chosen" if is_table => Some(form.all("field").collect::<Vec<_>>().join(",")),
        _ => None,
    };
    if let Some(fields) = fields {
        if fields.is_empty() {
            return Err(Problem::invalid_parameter("fields", "choose at least one column"));
        }
        query.append_pair("fields", &fields);
    }
    if form.get("bom") == "true" && form.get("format") == "csv" {
        query.append_pair("bom", "true");
    }
    Ok(query.finish())
}
