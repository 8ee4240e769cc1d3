//! `reindex`: the search index, made anew from the ledger.

use std::{cell::OnceCell, process::ExitCode, time::Instant};

use serde_json::json;

use super::Context;
use crate::{
    output::{Bar, count, rate},
    store::{person_at_keyboard, system_event},
};

/// Rebuilds the index of the data directory.
pub(crate) fn run(context: &Context) -> anyhow::Result<ExitCode> {
    context.refuse_url("reindex works on the data directory: stop the server and leave --url out")?;
    let store = context.open_store()?;
    let start = Instant::now();
    let bar = OnceCell::new();
    let entries = store.ledger().size().get();
    store.index().reindex(&mut |done, total| {
        let bar = bar.get_or_init(|| Bar::counting("indexing", total));
        bar.set_total(total);
        bar.set(done);
    })?;
    if let Some(bar) = bar.get() {
        bar.clear();
    }
    let seconds = start.elapsed().as_secs_f64();
    let mut event = system_event("audit.index_rebuilt");
    event.actor = Some(person_at_keyboard(context.environment.login_name()));
    event.message = Some(format!("The index of {entries} entries was rebuilt").into());
    store.intake().record_internal(event)?;
    store.close()?;
    if context.output.is_json() {
        context.output.json(&json!({"entries": entries, "seconds": seconds}))?;
    } else {
        let (entries_text, rate) = (count(entries), rate(entries, seconds));
        context.output.line(format!("indexed {entries_text} events in {seconds:.1} s ({rate})"))?;
    }
    Ok(ExitCode::SUCCESS)
}
