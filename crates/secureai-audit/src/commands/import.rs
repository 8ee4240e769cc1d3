//! `import`: events out of files, into a data directory or a running server. Safe to repeat: what was taken once is
//! recognised by its id.

mod check;
mod input;
mod upload;

use std::{
    io::BufRead,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use audit_event::{Json, Sender, Target};
use audit_pipeline::{
    import::{self, Destination, Options, Progress, Report},
    sources::Format,
};
use audit_query::Index;
use serde_json::{Value, json};

use self::{check::Check, input::Input, upload::Upload};
use super::{Context, UsageError};
use crate::{
    cli::{ImportArgs, ImportFormat, OnError},
    interrupt::Interrupt,
    output::{Bar, count, note, printable},
    store::{Store, person_at_keyboard, system_event},
};

/// Most bad lines that are printed of one file.
const MAX_LISTED: usize = 20;
/// Lines of a file that gave no event that are looked at to tell its format.
const SNIFFED_LINES: u32 = 100;

/// Imports each file in turn.
pub(crate) async fn run(context: &Context, args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let from_stdin = args.files.iter().any(|file| file == Path::new("-"));
    if from_stdin && args.on_error == OnError::Reject {
        return Err(UsageError::new("--on-error reject reads everything twice: it needs files, not -").into());
    }
    let mut importer = Importer { context, args, interrupt: Interrupt::listen()?, done: Vec::new() };
    let runtime = tokio::runtime::Handle::current();
    let finished = tokio::task::block_in_place(|| match &context.global.url {
        Some(_) => {
            let mut server = Upload::new(context.api()?, runtime);
            importer.import_all(&mut server, &|ids| vec![false; ids.len()])
        }
        None => importer.import_into_store(),
    });
    importer.print()?;
    finished?;
    let all_taken = importer.done.iter().all(|(_, report)| report.skipped.is_empty());
    let cancelled = importer.done.iter().any(|(_, report)| report.cancelled);
    if cancelled {
        bail!("stopped before the end: the same command takes up where this one was, nothing is taken twice");
    }
    importer.refuse_fruitless()?;
    Ok(if all_taken || args.on_error == OnError::Skip { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Importer<'a> {
    context: &'a Context,
    args: &'a ImportArgs,
    interrupt: Interrupt,
    done: Vec<(PathBuf, Report)>,
}

impl Importer<'_> {
    fn import_into_store(&mut self) -> anyhow::Result<()> {
        let config = self.context.config()?.config;
        let store = Store::open(&config, &self.context.global.data_dir)?;
        let index = store.index().clone();
        let mut intake = store.intake().of_sender(Sender::who_may_say_all("import"));
        let imported = self.import_all(&mut intake, &|ids| known_ids(&index, ids));
        for (file, report) in &self.done {
            record(&store, self.context, file, report);
        }
        store.close()?;
        imported
    }

    fn import_all<D: Destination>(
        &mut self,
        destination: &mut D,
        known: &dyn Fn(&[&str]) -> Vec<bool>,
    ) -> anyhow::Result<()>
    where
        D::Error: std::error::Error + Send + Sync + 'static,
    {
        for file in &self.args.files {
            let name = file.display();
            if self.args.on_error == OnError::Reject {
                let report = self.import_file(file, &mut Check, &|ids| vec![false; ids.len()], "checking")?;
                if let Some(bad) = report.skipped.listed.first() {
                    bail!(
                        "{name}: line {}: {} ({} bad {}; nothing of this file was taken)",
                        bad.line,
                        bad.message,
                        count(report.skipped.total),
                        if report.skipped.total == 1 { "line" } else { "lines" },
                    );
                }
            }
            let report = self.import_file(file, destination, known, "importing")?;
            let cancelled = report.cancelled;
            self.done.push((file.clone(), report));
            if cancelled {
                break;
            }
        }
        Ok(())
    }

    fn import_file<D: Destination>(
        &self,
        file: &Path,
        destination: &mut D,
        known: &dyn Fn(&[&str]) -> Vec<bool>,
        what: &str,
    ) -> anyhow::Result<Report>
    where
        D::Error: std::error::Error + Send + Sync + 'static,
    {
        let mut input = Input::open(file)?;
        let bar = match input.length() {
            Some(length) => Bar::bytes(format!("{what} {}", file.display()), length),
            None => Bar::open_bytes(format!("{what} {}", file.display())),
        };
        let read = input.position();
        let mut progress = |_: Progress| {
            bar.set(read.get());
            if self.interrupt.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = Options { format: self.args.format.map(ImportFormat::source), max_listed: MAX_LISTED };
        let reader: &mut dyn BufRead = input.reader();
        let report = import::import(reader, options, destination, known, &mut progress);
        bar.clear();
        report.with_context(|| file.display().to_string())
    }

    /// Fails when a file gave nothing but bad lines: most likely it is of another format.
    ///
    /// # Errors
    /// With the format that the file looks like.
    fn refuse_fruitless(&self) -> anyhow::Result<()> {
        let is_fruitless =
            |report: &Report| report.taken + report.duplicates == 0 && !report.skipped.is_empty();
        let Some((file, report)) = self.done.iter().find(|(_, report)| is_fruitless(report)) else {
            return Ok(());
        };
        let format = report.format.map_or("any format", Format::as_str);
        let advice = match looks_like(file).filter(|other| Some(*other) != report.format) {
            Some(other) => format!("it looks like --format {}", other.as_str()),
            None => "is it another file?".to_owned(),
        };
        bail!("{}: no line is an event of {format}: {advice}", file.display())
    }

    fn print(&self) -> anyhow::Result<()> {
        let output = self.context.output;
        if output.is_json() {
            let files: Vec<Value> =
                self.done.iter().map(|(file, report)| report_json(file, report)).collect();
            return output.json(&json!({"files": files}));
        }
        for (file, report) in &self.done {
            let format = report.format.map_or("nothing", Format::as_str);
            output.line(format!(
                "{} ({format}): {} taken, {} known already, {} skipped of {} lines",
                file.display(),
                count(report.taken),
                count(report.duplicates),
                count(report.skipped.total),
                count(report.lines),
            ))?;
            if report.differing > 0 {
                note(format!(
                    "  {} of those known already have other content: what was recorded first stands",
                    count(report.differing)
                ));
            }
            for bad in &report.skipped.listed {
                // The reader of JSON counts lines, too, of which each has one.
                let message = bad.message.replace(" at line 1 column ", " at column ");
                note(format!("  line {}: {}", bad.line, printable(&message)));
            }
            let unlisted = report.skipped.total - report.skipped.listed.len() as u64;
            if unlisted > 0 {
                note(format!("  and {} more", count(unlisted)));
            }
        }
        Ok(())
    }
}

impl ImportFormat {
    fn source(self) -> Format {
        match self {
            Self::Native => Format::Native,
            Self::OpenwebuiAudit => Format::OpenWebUiAudit,
            Self::OpenwebuiWebhook => Format::OpenWebUiWebhook,
        }
    }
}

/// The format that the first lines of a file look like.
fn looks_like(file: &Path) -> Option<Format> {
    let mut input = Input::open(file).ok().filter(|_| file != Path::new("-"))?;
    let (mut line, mut lines) = (Vec::new(), 0);
    while lines < SNIFFED_LINES && input.reader().read_until(b'\n', &mut line).ok()? > 0 {
        if let Some(format) = Format::sniff(line.trim_ascii()) {
            return Some(format);
        }
        line.clear();
        lines += 1;
    }
    None
}

/// Which ids are recorded. When the index cannot say, the ledger still recognises the newest.
fn known_ids(index: &Index, ids: &[&str]) -> Vec<bool> {
    index.contains_ids(ids).unwrap_or_else(|_| vec![false; ids.len()])
}

fn record(store: &Store, context: &Context, file: &Path, report: &Report) {
    let mut event = system_event("audit.imported");
    event.actor = Some(person_at_keyboard(context.environment.login_name()));
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    event.message = Some(format!("{} events were imported from {name}", report.taken).into());
    event.target = Some(Target { kind: Some("file".into()), id: None, name: Some(name.into()) });
    event.details = Some(Json::object([
        ("taken", report.taken.to_string()),
        ("duplicates", report.duplicates.to_string()),
        ("skipped", report.skipped.total.to_string()),
    ]));
    store.record_or_warn(event);
}

fn report_json(file: &Path, report: &Report) -> Value {
    let bad: Vec<Value> = report
        .skipped
        .listed
        .iter()
        .map(|bad| json!({"line": bad.line, "id": bad.id, "field": bad.field, "code": bad.code, "message": bad.message}))
        .collect();
    json!({
        "file": file, "format": report.format.map(Format::as_str), "lines": report.lines, "taken": report.taken,
        "duplicates": report.duplicates, "differing": report.differing, "skipped": report.skipped.total, "bad_lines": bad, "cancelled": report.cancelled,
    })
}
