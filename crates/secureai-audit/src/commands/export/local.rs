//! Exports of a data directory: straight from the index and the ledger, at the disk's speed.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use audit_event::{Clock as _, Json, Timestamp};
use audit_query::{
    Filter,
    export::{Export, Origin, Position},
    params::Request,
    question::{Answers as _, Budget},
};

use super::{
    Done, Target,
    proof::ProofFile,
    state::{Tail, Unfinished},
};
use crate::{
    cli::ExportArgs,
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
    let now = SystemClock.now();
    // What is wrong with the question is told before a file is touched.
    let question = question(args, now)?;
    let store = context.open_store_for_one_pass()?;
    if !store.wait_until_searchable(INDEX_PATIENCE) {
        note("warning: the index is still catching up: the newest events may be missing");
    }
    let done = match target {
        Target::Pipe => {
            let export = the_export(args, &question);
            record(&store, context, &export, 0);
            to_pipe(&store, &export, interrupt)
        }
        Target::File(path) => go_on(&store, context, args, path, interrupt),
    };
    store.close()?;
    done
}

/// What is asked for, with ages counted back from `now`.
fn question(args: &ExportArgs, now: Timestamp) -> anyhow::Result<Request> {
    let query = args.filter.to_query_at(now)?;
    let pairs = query.pairs().chain([("order", args.order.as_str())]);
    Request::parse(pairs, &[], Some(now)).map_err(|error| UsageError::new(error.to_string()).into())
}

fn the_export(args: &ExportArgs, question: &Request) -> Export {
    Export {
        format: args.format.format(),
        columns: question.fields.clone(),
        filter: question.filter.clone(),
        range: question.range,
        order: question.order,
        bom: question.bom,
        withheld: audit_event::GroupSet::EMPTY,
        threads: THREADS,
    }
}

/// Writes to a file: from where an interrupted export of the same question was, or from the beginning.
fn go_on(
    store: &Store,
    context: &Context,
    args: &ExportArgs,
    path: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<Done> {
    let now = SystemClock.now();
    let mut unfinished = Unfinished::<Position>::open(path, &args.as_typed()?, now)?;
    let start = unfinished.resume(Tail::Cut)?.filter(|_| args.format.is_resumable());
    if start.is_none() {
        unfinished.begin_anew(now)?;
    }
    let question = question(args, unfinished.began())?;
    let export = the_export(args, &question);
    let start = start.unwrap_or_default();
    record(store, context, &export, start.bytes);
    let total = store.index().count(&question.total(), &Budget::unlimited())?;
    let (done, end) = to_file(store, &export, unfinished, start, total, interrupt)?;
    if args.proof && !done.interrupted {
        prove(store, &export, &end, path, interrupt)?;
    }
    Ok(done)
}

/// Writes the proof of what was exported.
fn prove(
    store: &Store,
    export: &Export,
    end: &Position,
    path: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let bar = Bar::counting("proving", end.rows);
    let origin = Origin { answers: store.index(), entries: store.ledger() };
    let mut file = ProofFile::create(path)?;
    let budget = cancelled_by(interrupt);
    let proved = export.prove(origin, store.ledger(), &budget, end, file.out(), &mut |rows| bar.set(rows));
    bar.clear();
    proved.context("the export is whole, its proof is not")?;
    file.finish()
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
) -> anyhow::Result<(Done, Position)> {
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
    let done = Done { bytes: last.bytes, rows: Some(last.rows), interrupted, resumed_at: start.bytes };
    Ok((done, last))
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

/// Records that an export begins, or goes on: durable before its first byte leaves.
fn record(store: &Store, context: &Context, export: &Export, resumed_at: u64) {
    let mut event = system_event("audit.exported");
    event.actor = Some(person_at_keyboard(context.environment.login_name()));
    let filter =
        if export.filter == Filter::All { "everything".to_owned() } else { export.filter.to_string() };
    let details = [
        ("format", export.format.name().to_owned()),
        ("filter", filter),
        ("from", export.range.from.to_string()),
        ("to", export.range.to.to_string()),
    ];
    let resumed = (resumed_at > 0).then(|| ("resumed_at_bytes", resumed_at.to_string()));
    event.details = Some(Json::object(details.into_iter().chain(resumed)));
    store.record_or_warn(event);
}
