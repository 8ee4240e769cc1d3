//! Exports of a running server. A stream has no position to go on from: interrupted, it begins again.

use std::io::Write;

use super::{Done, Target, state::Unfinished};
use crate::{api::Answer, cli::ExportArgs, commands::Context, interrupt::Interrupt, output::Bar};

pub(super) async fn export(
    context: &Context,
    args: &ExportArgs,
    target: &Target,
    interrupt: Interrupt,
) -> anyhow::Result<Done> {
    let mut query = args.filter.to_query()?;
    query.add("order", args.order.as_str()).add("format", args.format.as_str());
    let api = context.api()?;
    match target {
        Target::Pipe => {
            let answer = api.get("", &query).await?;
            let mut out = std::io::stdout();
            let (bytes, interrupted) = copy(answer, &mut out, interrupt, |_| Ok(())).await?;
            Ok(Done { bytes, rows: None, interrupted, resumed_at: 0 })
        }
        Target::File(path) => {
            let mut unfinished = Unfinished::<()>::open(path, &query.suffix())?;
            unfinished.begin_anew()?;
            to_file(api.get("", &query).await?, unfinished, interrupt).await
        }
    }
}

async fn to_file(answer: Answer, unfinished: Unfinished<()>, interrupt: Interrupt) -> anyhow::Result<Done> {
    let bar = Bar::open_bytes("exporting");
    let mut out = unfinished.writer()?;
    let (bytes, interrupted) = copy(answer, &mut out, interrupt, |length| {
        bar.set(length);
        Ok(())
    })
    .await?;
    bar.clear();
    if !interrupted {
        unfinished.finish()?;
    }
    Ok(Done { bytes, rows: None, interrupted, resumed_at: 0 })
}

/// Copies the answer's body; says how long it was and whether a signal ended it early.
async fn copy(
    mut answer: Answer,
    out: &mut impl Write,
    mut interrupt: Interrupt,
    mut progress: impl FnMut(u64) -> std::io::Result<()>,
) -> anyhow::Result<(u64, bool)> {
    let mut length = 0;
    loop {
        let piece = tokio::select! {
            piece = answer.piece() => piece?,
            () = interrupt.wait() => return Ok((length, true)),
        };
        let Some(piece) = piece else { break };
        out.write_all(&piece)?;
        length += piece.len() as u64;
        progress(length)?;
    }
    out.flush()?;
    Ok((length, false))
}
