//! Exports of a data directory: straight from the index and the ledger, at the disk's speed.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    time::Duration,
};

use audit_event::{Clock as _, Json};
use audit_query::{
    Filter,
    export::{Export, Format, Origin, Position},
    params::Request,
    question::{Answers as _, Budget},
};

use super::{Done, Target, state::Unfinished};
use crate::{
    cli::{ExportArgs, ExportFormat},
    clock::SystemClock,
    commands::{Context, UsageError},
    interrupt::Interrupt,
    output::{Bar, note},
    store::{Store, person_at_keyboard, system_event},
};

const INDEX_PATIENCE: Duration = Duration::from_secs(600);
/// How much a pipe is to hold.
const PIPE_BYTES: usize = 1 << 20;
/// Threads that read and render.
const THREADS: usize = 2;

pub(super) fn export(
    context: &Context,
    args: &ExportArgs,
    target: &Target,
    interrupt: &Interrupt,
) -> anyhow::Result<Done> {
    let query = args.filter.to_query()?;
    let pairs = query.pairs().chain([("order", args.order.as_str())]);
    let request = Request::parse(pairs, &[], Some(SystemClock.now()))
        .map_err(|error| UsageError::new(error.to_string()))?;
    let store = context.open_store()?;
    if !store.wait_until_searchable(INDEX_PATIENCE) {
        note("warning: the index is still catching up: the newest events may be missing");
    }
    let export = Export {
        format: args.format.format(),
        columns: request.fields.clone(),
        filter: request.filter.clone(),
        range: request.range,
        order: request.order,
        bom: request.bom,
        threads: THREADS,
    };
    let done = match target {
        Target::Pipe => {
            record(&store, context, args, &export).and_then(|()| to_pipe(&store, &export, interrupt))
        }
        Target::File(path) => {
            let question = format!("{} {}", args.format.as_str(), query.suffix());
            let mut unfinished = Unfinished::<Position>::open(path, &question)?;
            let start = unfinished.take_position().filter(|_| export.format.is_resumable());
            if start.is_none() {
                record(&store, context, args, &export)?;
            }
            let total = store.index().count(&request.total(), &Budget::unlimited())?;
            to_file(&store, &export, unfinished, start.unwrap_or_default(), total, interrupt)
        }
    };
    store.close()?;
    done
}

fn to_pipe(store: &Store, export: &Export, interrupt: &Interrupt) -> anyhow::Result<Done> {
    let budget = cancelled_by(interrupt);
    let origin = Origin { answers: store.index(), entries: store.ledger() };
    let mut out = pipe()?;
    let end = match export.run(origin, &budget, Position::default(), &mut out, &mut |_| {}) {
        Ok(end) => end,
        Err(audit_query::Error::Cancelled) => {
            return Ok(Done { bytes: 0, rows: None, interrupted: true, resumed_at: 0 });
        }
        Err(error) => return Err(error.into()),
    };
    out.flush()?;
    Ok(Done { bytes: end.bytes, rows: Some(end.rows), interrupted: false, resumed_at: 0 })
}

/// Standard output without the line buffer in front of it, and where it is a pipe with room for a whole chunk.
fn pipe() -> io::Result<File> {
    let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // Only pipes have a size, and the system may grant less: either way it works, only with more turns.
    let _ = rustix::pipe::fcntl_setpipe_size(&out, PIPE_BYTES);
    Ok(out)
}

fn to_file(
    store: &Store,
    export: &Export,
    mut unfinished: Unfinished<Position>,
    start: Position,
    total: u64,
    interrupt: &Interrupt,
) -> anyhow::Result<Done> {
    let bar = Bar::counting("exporting", total);
    let budget = cancelled_by(interrupt);
    let origin = Origin { answers: store.index(), entries: store.ledger() };
    let mut out = unfinished.writer()?;
    let mut last = start;
    let mut saving = Ok(());
    let ended = export.run(origin, &budget, start, &mut out, &mut |position| {
        last = *position;
        bar.set(position.rows);
        let saved = unfinished.at(position.bytes, position);
        if saved.is_err() && saving.is_ok() {
            saving = saved;
            budget.cancel();
        }
    });
    bar.clear();
    saving?;
    let interrupted = match ended {
        Ok(end) => {
            last = end;
            false
        }
        Err(audit_query::Error::Cancelled) => true,
        Err(error) => return Err(error.into()),
    };
    if interrupted {
        unfinished.save(&last)?;
    } else {
        unfinished.finish()?;
    }
    Ok(Done { bytes: last.bytes, rows: Some(last.rows), interrupted, resumed_at: start.bytes })
}

/// A budget that ends when a signal comes.
fn cancelled_by(interrupt: &Interrupt) -> Budget {
    let budget = Budget::unlimited();
    let (flag, mut interrupt) = (budget.cancel_flag(), interrupt.clone());
    tokio::spawn(async move {
        interrupt.wait().await;
        flag.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    budget
}

/// Records that an export begins: durable before its first byte leaves.
fn record(store: &Store, context: &Context, args: &ExportArgs, export: &Export) -> anyhow::Result<()> {
    let mut event = system_event("audit.exported");
    event.actor = Some(person_at_keyboard(context.environment.login_name()));
    let filter =
        if export.filter == Filter::All { "everything".to_owned() } else { export.filter.to_string() };
    event.details = Some(Json::object([
        ("format", args.format.as_str().to_owned()),
        ("filter", filter),
        ("from", export.range.from.to_string()),
        ("to", export.range.to.to_string()),
    ]));
    store.record_or_warn(event);
    Ok(())
}

impl ExportFormat {
    fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Ndjson => Format::Ndjson,
            Self::Csv => Format::Csv,
            Self::Parquet => Format::Parquet,
        }
    }
}
