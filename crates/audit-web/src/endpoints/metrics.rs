//! `GET /metrics`: Prometheus text.

use audit_ledger::Health;
use axum::extract::State;
use http::Uri;
use http::header::{CONTENT_TYPE, HeaderName};

use crate::metrics::Page;
use crate::params::Params;
use crate::problem::Result;
use crate::state::AppState;

/// All figures at this moment.
pub(crate) async fn handle(
    State(state): State<AppState>,
    uri: Uri,
) -> Result<([(HeaderName, &'static str); 1], String)> {
    Params::parse(uri.query(), &[])?;
    let mut page = Page::default();
    write_process(&state, &mut page);
    write_ledger(&state, &mut page);
    write_index(&state, &mut page);
    write_refusals(&state, &mut page);
    state.requests().write(&mut page);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.into_text()))
}

fn write_process(state: &AppState, page: &mut Page) {
    page.family("secureai_audit_build_info", "gauge", "The running version.");
    page.sample(&crate::metrics::label("version", env!("CARGO_PKG_VERSION")), 1);
    let seconds = state.started().as_micros() / 1_000_000;
    page.single("secureai_audit_start_time_seconds", "gauge", "When the server started, Unix time.", seconds);
    let queued = [("query", state.queries()), ("export", state.exports()), ("encode", state.encoders())];
    page.family("secureai_audit_worker_queue", "gauge", "Jobs that wait for a worker thread.");
    for (name, workers) in queued {
        page.sample(&crate::metrics::label("workers", name), workers.queued());
    }
    let live = state.config().max_streams.saturating_sub(state.streams().available_permits());
    page.single("secureai_audit_live_streams", "gauge", "Live tails open now.", live);
    page.single(
        "secureai_audit_activity_dropped_total",
        "counter",
        "Notes of what readers did that were lost because too many came at once.",
        state.activity().dropped(),
    );
}

fn write_refusals(state: &AppState, page: &mut Page) {
    state.pacer().write(page);
    let [tokens, tokens_waiting] = state.token_guesses().counts();
    let [sources, sources_waiting] = state.source_guesses().counts();
    page.family(
        "secureai_audit_wrong_credentials_total",
        "counter",
        "Wrong credentials: tokens and secrets of sources that nobody has, failed sign-ins.",
    );
    let sign_ins = state.sign_ins().attempts.failures();
    for (kind, count) in [("token", tokens), ("source", sources), ("sign_in", sign_ins)] {
        page.sample(&crate::metrics::label("kind", kind), count);
    }
    page.family(
        "secureai_audit_locked_out_total",
        "counter",
        "Credentials that were not looked at because too many wrong ones came from their address.",
    );
    for (kind, count) in [("token", tokens_waiting), ("source", sources_waiting)] {
        page.sample(&crate::metrics::label("kind", kind), count);
    }
}

fn write_ledger(state: &AppState, page: &mut Page) {
    let stats = state.ledger().stats();
    let accepting = u8::from(state.ledger().health() == Health::Accepting);
    page.single("secureai_audit_ledger_accepting", "gauge", "1 while events are accepted.", accepting);
    page.single("secureai_audit_ledger_entries", "gauge", "Durable entries.", stats.entries);
    page.single(
        "secureai_audit_ledger_sealed_entries",
        "gauge",
        "Entries in sealed segments.",
        stats.sealed_entries,
    );
    page.single(
        "secureai_audit_ledger_disk_bytes",
        "gauge",
        "Bytes of the ledger's files.",
        stats.disk_bytes,
    );
    page.single(
        "secureai_audit_ledger_queued_bytes",
        "gauge",
        "Bytes that wait for the disk.",
        stats.queued_bytes,
    );
    page.single(
        "secureai_audit_ledger_window_ids",
        "gauge",
        "Ids remembered against repetition.",
        stats.window_ids,
    );
    page.single("secureai_audit_ledger_commits_total", "counter", "Group commits.", stats.commits);
    page.single(
        "secureai_audit_unreadable_total",
        "counter",
        "Reads of entries that failed because these are damaged.",
        state.unreadable().count(),
    );
    #[expect(clippy::cast_precision_loss, reason = "seconds on a chart")]
    let seconds = stats.commit_us as f64 / 1e6;
    page.single(
        "secureai_audit_ledger_commit_seconds_total",
        "counter",
        "Time spent in group commits.",
        seconds,
    );
}

fn write_index(state: &AppState, page: &mut Page) {
    let status = state.index().status();
    page.single(
        "secureai_audit_index_searchable",
        "gauge",
        "Entries that can be searched.",
        status.searchable,
    );
    page.single("secureai_audit_index_flushed", "gauge", "Entries in partitions on disk.", status.flushed);
    page.single("secureai_audit_index_partitions", "gauge", "Partitions on disk.", status.partitions);
    page.single("secureai_audit_index_disk_bytes", "gauge", "Bytes of the index's files.", status.disk_bytes);
    page.single(
        "secureai_audit_index_cache_bytes",
        "gauge",
        "Bytes of columns in memory.",
        status.cache_bytes,
    );
    page.single(
        "secureai_audit_index_undecodable",
        "gauge",
        "Entries that could not be decoded.",
        status.undecodable,
    );
    page.single(
        "secureai_audit_index_failing_seconds",
        "gauge",
        "For how long the index has failed to read the ledger or to write its files; 0 while it does not.",
        status.failing.map_or(0, |failing| failing.elapsed.as_secs()),
    );
    page.family(
        "secureai_audit_follower_lag",
        "gauge",
        "Durable entries that a follower has not consumed yet.",
    );
    page.sample(&crate::metrics::label("follower", "index"), status.lag);
}
