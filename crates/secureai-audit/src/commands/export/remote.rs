//! Exports of a running server.
//!
//! The first answer says which state of the ledger it is of (`Audit-Tree-Size`). Gone on with, the export is asked for
//! again in that state, without the bytes that the file has; with their SHA-256, so that the server can tell whether
//! they are the beginning of what it would send.

use std::{io::Write, path::Path};

use anyhow::{Context as _, bail};
use audit_event::{Clock as _, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Done, Target,
    proof::ProofFile,
    state::{Tail, Unfinished},
    stopped_after,
};
use crate::{
    api::{Answer, Api, Problem, Query},
    cli::ExportArgs,
    clock::SystemClock,
    commands::Context,
    interrupt::Interrupt,
    output::{Bar, note},
};

/// The ledger's size that an answer is of.
const TREE_SIZE_HEADER: &str = "audit-tree-size";

/// Which state of the ledger an export is of; holds for any number of its bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Pin {
    tree_size: u64,
}

pub(super) async fn export(
    context: &Context,
    args: &ExportArgs,
    target: &Target,
    interrupt: Interrupt,
) -> anyhow::Result<Done> {
    let api = context.api()?;
    match target {
        Target::Pipe => {
            let answer = api.get("", &question(args, SystemClock.now())?).await?;
            let (mut out, mut bytes) = (std::io::stdout(), 0);
            let interrupted = copy(answer, &mut out, &mut bytes, interrupt, |_| Ok(())).await?;
            Ok(Done { bytes, rows: None, interrupted, resumed_at: 0 })
        }
        Target::File(path) => {
            let url = context.global.url.as_deref().unwrap_or_default();
            let question = format!("{url} {}", args.as_typed()?);
            let unfinished = Unfinished::open(path, &question, SystemClock.now())?;
            to_file(&api, args, unfinished, path, interrupt).await
        }
    }
}

/// What is asked for, with ages counted back from `now`.
fn question(args: &ExportArgs, now: Timestamp) -> anyhow::Result<Query> {
    let mut query = args.filter.to_query_at(now)?;
    query.add("order", args.order.as_str()).add("format", args.format.as_str());
    Ok(query)
}

async fn to_file(
    api: &Api,
    args: &ExportArgs,
    mut unfinished: Unfinished<Pin>,
    path: &Path,
    interrupt: Interrupt,
) -> anyhow::Result<Done> {
    let begun = match unfinished.resume(Tail::Keep)?.filter(|_| args.format.is_resumable()) {
        Some(pin) => rest(api, args, &mut unfinished, pin).await?,
        None => None,
    };
    let answer = match begun {
        Some(answer) => answer,
        None => {
            unfinished.begin_anew(SystemClock.now())?;
            api.get("", &question(args, unfinished.began())?).await?
        }
    };
    let tree_size =
        answer.number(TREE_SIZE_HEADER).context("the server does not say what its answer is of")?;
    let pin = Pin { tree_size };
    let resumed_at = unfinished.length();
    unfinished.at(resumed_at, &pin)?;
    let began = unfinished.began();
    let bar = Bar::open_bytes("exporting");
    let (mut out, mut bytes) = (unfinished.writer()?, resumed_at);
    let ended = copy(answer, &mut out, &mut bytes, interrupt.clone(), |length| {
        bar.set(length);
        unfinished.at(length, &pin)
    })
    .await;
    bar.clear();
    if let Ok(false) = ended {
        unfinished.finish()?;
    } else {
        unfinished.save(&pin)?;
    }
    let interrupted = ended.with_context(|| stopped_after(bytes, args))?;
    if args.proof && !interrupted {
        let mut query = question(args, began)?;
        query.add("tree_size", tree_size.to_string());
        prove(api, &query, path, interrupt).await.context("the export is whole, its proof is not")?;
    }
    Ok(Done { bytes, rows: None, interrupted, resumed_at })
}

/// Fetches the proof of what was exported.
async fn prove(api: &Api, query: &Query, path: &Path, interrupt: Interrupt) -> anyhow::Result<()> {
    let answer = api.get("/export-proof", query).await?;
    let (mut file, mut bytes) = (ProofFile::create(path)?, 0);
    let bar = Bar::open_bytes("proving");
    let ended = copy(answer, file.out(), &mut bytes, interrupt, |length| {
        bar.set(length);
        Ok(())
    })
    .await;
    bar.clear();
    if ended? {
        bail!("stopped after {bytes} bytes of it");
    }
    file.finish()
}

/// Asks for what comes after the bytes that the file has. `None` when the server has another file now.
async fn rest(
    api: &Api,
    args: &ExportArgs,
    unfinished: &mut Unfinished<Pin>,
    pin: Pin,
) -> anyhow::Result<Option<Answer>> {
    let mut query = question(args, unfinished.began())?;
    query.add("tree_size", pin.tree_size.to_string());
    if unfinished.length() > 0 {
        query.add("skip_bytes", unfinished.length().to_string()).add("skip_sha256", unfinished.sha256()?);
    }
    match api.get("", &query).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if is_of_another_ledger(&error) => {
            note("what the unfinished file holds is not what the server has now: the export begins again");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn is_of_another_ledger(error: &anyhow::Error) -> bool {
    let Some(problem) = error.downcast_ref::<Problem>() else { return false };
    let parameter = problem.body.get("parameter").and_then(serde_json::Value::as_str);
    problem.code() == "export_differs" || parameter == Some("tree_size")
}

/// Copies the answer's body, counting its bytes; says whether a signal ended it early.
async fn copy(
    mut answer: Answer,
    out: &mut impl Write,
    bytes: &mut u64,
    mut interrupt: Interrupt,
    mut progress: impl FnMut(u64) -> std::io::Result<()>,
) -> anyhow::Result<bool> {
    loop {
        let piece = tokio::select! {
            piece = answer.piece() => piece?,
            () = interrupt.wait() => return Ok(true),
        };
        let Some(piece) = piece else { break };
        out.write_all(&piece)?;
        *bytes += piece.len() as u64;
        progress(*bytes)?;
    }
    out.flush()?;
    Ok(false)
}
