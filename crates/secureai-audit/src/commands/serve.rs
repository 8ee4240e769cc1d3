//! `serve`: the server, with a made-up year to look at if asked.

use std::{io::IsTerminal, ops::ControlFlow, process::ExitCode};

use anyhow::{Context as _, ensure};
use audit_control::{Expiry, NewToken, Role};
use audit_event::Timestamp;
use audit_pipeline::demo::Demo;
use serde_json::json;

use super::{Context, UsageError};
use crate::{
    app::{App, Running},
    cli::ServeArgs,
    config,
    data_dir::replace,
    interrupt::Interrupt,
    output::{Bar, count, note},
    store::Store,
};

/// The first admin token's name.
const FIRST_TOKEN: &str = "first-admin";

/// Serves until a signal asks to end.
pub(crate) async fn run(context: &Context, args: &ServeArgs) -> anyhow::Result<ExitCode> {
    context.refuse_url("serve is a server itself: leave --url out (SECUREAI_AUDIT_URL may be set)")?;
    let mut config = context.config()?.config;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(upstream) = &args.upstream {
        config.set_upstream(upstream).map_err(|error| UsageError::new(format!("--upstream: {error}")))?;
    }
    start_logging(&config.log)?;
    raise_file_limit();
    let mut interrupt = Interrupt::listen()?;
    let app = App::bind(config).await?;
    let store = tokio::task::block_in_place(|| open(context, args, &app, &interrupt))?;
    if interrupt.is_set() {
        store.close()?;
        return Ok(ExitCode::SUCCESS);
    }
    let token = first_token(&store)?;
    let running = app.start(store)?;
    announce(context, args, &running, token.as_deref())?;
    interrupt.wait().await;
    tracing::info!("stopping: running requests end, what is queued is written");
    running.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Opens the store, filled with the made-up year if that was asked for.
fn open(context: &Context, args: &ServeArgs, app: &App, interrupt: &Interrupt) -> anyhow::Result<Store> {
    let store = app.open(&context.global.data_dir)?;
    if args.demo {
        fill(&store, interrupt)?;
    }
    Ok(store)
}

/// Records the made-up year in an empty directory, or the rest of it where filling was cut short: its events have the
/// same ids every time, so that none is recorded twice.
fn fill(store: &Store, interrupt: &Interrupt) -> anyhow::Result<()> {
    let recorded = store.ledger().size().get();
    let demo = match demo_of(store) {
        Some(demo) if recorded >= demo.events => return Ok(()),
        Some(demo) => demo,
        None if recorded == 0 => Demo::new(store.clock().now()),
        None => {
            let root = store.directory().root().display().to_string();
            return Err(UsageError::new(format!(
                "{root} holds events already, and --demo fills only an empty directory: leave --demo out, or give another --data-dir"
            ))
            .into());
        }
    };
    replace(&store.directory().demo(), demo.end.to_string().as_bytes(), 0o600)?;
    let bar = Bar::counting("recording a made-up year", demo.events);
    let filled = demo.fill(store.intake(), &mut |done| {
        bar.set(done);
        if interrupt.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.clear();
    filled.context("cannot record the made-up year")?;
    Ok(())
}

/// The made-up year that the directory was filled with, if it was.
fn demo_of(store: &Store) -> Option<Demo> {
    let end = std::fs::read_to_string(store.directory().demo()).ok()?;
    Timestamp::parse_rfc3339(end.trim()).ok().map(Demo::new)
}

/// Makes the first admin token when there is no token at all, and keeps it in a file for its owner alone.
fn first_token(store: &Store) -> anyhow::Result<Option<String>> {
    if !store.control().tokens()?.is_empty() {
        return Ok(None);
    }
    let new = NewToken { expiry: Expiry::Never, ..NewToken::of(FIRST_TOKEN, Role::Admin.as_str()) };
    let (_, secret) = store.control().create_token(&new, store.clock().now())?;
    store.keys().keep_first_admin_token(secret.reveal())?;
    Ok(Some(secret.reveal().to_owned()))
}

/// Says where it listens and what to do next.
fn announce(
    context: &Context,
    args: &ServeArgs,
    running: &Running,
    new_token: Option<&str>,
) -> anyhow::Result<()> {
    let (output, url, store) = (context.output, running.url(), running.store());
    let token_file = store.keys().first_admin_token_path();
    if output.is_json() {
        return output.json(&json!({
            "address": running.address(), "url": url,
            "first_admin_token_file": token_file, "events": store.ledger().size().get(),
        }));
    }
    let recorded = count(store.ledger().size().get());
    let events = if recorded == "1" { "event" } else { "events" };
    output
        .line(format!("SecureAI Audit {} serves {recorded} {events} on {url}", env!("CARGO_PKG_VERSION")))?;
    if let Some(upstream) = &store.config().gateway.upstream {
        output.line(format!("gateway: {url}/ passes to {upstream} and records what passes"))?;
    }
    output.line(format!("pages: {url}/audit"))?;
    let is_for_eyes = std::io::stdout().is_terminal() || args.demo;
    match new_token {
        Some(token) if is_for_eyes => {
            output.line(format!("\nadmin token: {token}"))?;
            output
                .line(format!("(shown once; kept in {} until you delete that file)", token_file.display()))?;
        }
        Some(_) => output.line(format!("admin token: in {} (delete it once read)", token_file.display()))?,
        None => {}
    }
    if token_file.exists() {
        output.line(format!("\n  export SECUREAI_AUDIT_TOKEN=$(cat {})", token_file.display()))?;
        let curl = |path: &str, rest: &str| {
            format!(
                "  curl -H \"Authorization: Bearer $SECUREAI_AUDIT_TOKEN\" \"{url}/api/v1/auditlog{path}\"{rest}"
            )
        };
        output.line(curl("?limit=5", ""))?;
        output.line(curl("?event_type=authentication&q=failed&format=csv", " -o failed-sign-ins.csv"))?;
    }
    if args.demo
        && let Some(demo) = demo_of(store)
    {
        announce_incidents(context, &demo, &url)?;
    }
    if std::io::stdout().is_terminal() {
        note("\nCtrl-C stops it; nothing recorded is lost.");
    }
    Ok(())
}

/// What is worth finding in the made-up year.
fn announce_incidents(context: &Context, demo: &Demo, url: &str) -> anyhow::Result<()> {
    context.output.line("\nWorth finding in the made-up year:")?;
    for incident in demo.incidents() {
        context.output.line(format!("  {}", incident.title))?;
        context.output.line(format!("    {}", incident.story))?;
        let (from, to) = (incident.from, incident.to);
        let flags = format!("--from {from} --to {to} '{}'", incident.query);
        context.output.line(format!("    secureai-audit search {flags} --url {url}"))?;
    }
    Ok(())
}

/// As many open files as the system allows: each connection that passes is two.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::debug!(error.message = %error, "the limit of open files stays as it was");
    }
}

fn start_logging(config: &config::Log) -> anyhow::Result<()> {
    use tracing_subscriber::{EnvFilter, fmt};
    let filter = EnvFilter::try_new(&config.level)?;
    // A closed standard error must not end the server: what cannot be logged is dropped.
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let started = match config.format {
        config::LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        config::LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    ensure!(started.is_ok(), "logging was started twice");
    Ok(())
}
