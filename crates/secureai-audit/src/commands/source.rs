//! `source setup`, `source list`, `source remove`.

mod openwebui;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::openwebui::{OpenWebUi, Webhook};
use super::{Context, UsageError, proof::encode_segment};
use crate::{
    api::{Api, Local, PREFIX, Query, Remote},
    cli::{SourceCommand, SourceRemoveArgs, SourceSetupArgs, SourceSetupCommand},
    data_dir::DataDir,
    keys::KeyStore,
    output::{Align, Table, note, printable},
    store::Store,
};

/// How long to wait for the first event of a webhook.
const ARRIVAL: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A source as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
struct SourceView {
    kind: String,
    name: String,
    created: String,
    secret_changed: String,
    received: u64,
    last_received: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Put {
    source: SourceView,
    secret: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct All {
    sources: Vec<SourceView>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// Runs one of the three.
pub(crate) async fn run(context: &Context, command: &SourceCommand) -> anyhow::Result<ExitCode> {
    let (api, public_url) = match command {
        SourceCommand::Setup(_) => running_or_local(context)?,
        SourceCommand::List | SourceCommand::Remove(_) => (context.api()?, None),
    };
    let done = match command {
        SourceCommand::Setup(SourceSetupCommand::Openwebui(args)) => {
            setup(context, &api, public_url.as_deref(), args).await
        }
        SourceCommand::List => list(context, &api).await.map(|()| ExitCode::SUCCESS),
        SourceCommand::Remove(args) => remove(context, &api, args).await.map(|()| ExitCode::SUCCESS),
    };
    api.close().await?;
    done
}

/// The server that has the data directory open (`--url` is Open WebUI's here), or the directory itself; and the address of
/// that server.
fn running_or_local(context: &Context) -> anyhow::Result<(Api, Option<String>)> {
    if let Some(url) = context.environment.get("SECUREAI_AUDIT_URL") {
        return Ok((
            Api::Remote(Remote::new(url, context.global.ca_file.as_deref(), &context.environment)?),
            Some(url.to_owned()),
        ));
    }
    let directory = DataDir::open(&context.global.data_dir)?;
    let Some(url) = directory.holder_url() else {
        let store = Store::open(&context.config()?.config, &context.global.data_dir)?;
        let address = format!("http://{}", store.config().listen);
        return Ok((
            Api::Local(Box::new(Local::new(store, context.environment.login_name())?)),
            Some(address),
        ));
    };
    let mut environment = context.environment.clone();
    let first_token = KeyStore::of(&directory).first_admin_token_path();
    if first_token.exists() {
        environment.set_default("SECUREAI_AUDIT_TOKEN_FILE", &first_token.display().to_string());
    }
    Ok((Api::Remote(Remote::new(&url, context.global.ca_file.as_deref(), &environment)?), Some(url)))
}

/// Makes or renews the source and registers its webhook, so that a repetition changes the one webhook.
async fn setup(
    context: &Context,
    api: &Api,
    our_url: Option<&str>,
    args: &SourceSetupArgs,
) -> anyhow::Result<ExitCode> {
    let Some(public_url) = args.public_url.as_deref().or(our_url) else {
        return Err(UsageError::new("give --public-url: where Open WebUI reaches this server").into());
    };
    let open_webui = OpenWebUi::new(&args.url, &args.token)?;
    // Asked first: a token that is not an admin's shall change nothing here.
    let existing = open_webui.webhooks().await?.into_iter().find(|webhook| webhook.is_of(&args.name));
    let path = format!("/sources/openwebui/{}", encode_segment(&args.name));
    let put: Put =
        serde_json::from_slice(&api.put(&path).await.context("the source cannot be made")?.whole().await?)?;
    let webhook = Webhook::new(public_url, &format!("{PREFIX}{path}"), &put.source.name, &put.secret)?;
    let registered = open_webui.register(existing.as_ref(), &webhook).await;
    if let Err(error) = registered {
        if existing.is_none() {
            // Nobody knows its secret. If this fails too, the source is listed and can be removed.
            let _ = api.delete(&path).await;
        }
        return Err(error);
    }
    let arrived = wait_for_arrival(api, &put.source).await?;
    report(context, &put.source.name, public_url, existing.is_some(), arrived)
}

/// Registering is itself an event that Open WebUI sends: `Some(true)` when it came; `None` without a server to take it.
async fn wait_for_arrival(api: &Api, source: &SourceView) -> anyhow::Result<Option<bool>> {
    if matches!(api, Api::Local(_)) {
        return Ok(None);
    }
    let looks = ARRIVAL.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        let All { sources, .. } = api.get_json("/sources", &Query::default()).await?;
        if sources.iter().any(|found| found.name == source.name && found.received > source.received) {
            return Ok(Some(true));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Some(false))
}

fn report(
    context: &Context,
    name: &str,
    public_url: &str,
    is_update: bool,
    arrived: Option<bool>,
) -> anyhow::Result<ExitCode> {
    let done = if is_update { "updated" } else { "registered" };
    if context.output.is_json() {
        context.output.json(&json!({"source": name, "webhook": done, "event_received": arrived}))?;
    } else {
        context.output.line(format!("{done} the webhook of source {name}"))?;
        match arrived {
            Some(true) => context.output.line("its first event has arrived")?,
            Some(false) => note(format!(
                "no event has arrived within {} s. Can Open WebUI reach {public_url}? It skips addresses that are not \
                 public, with a warning in its log, unless it runs with ENABLE_LOCAL_WEB_FETCH=true",
                ARRIVAL.as_secs()
            )),
            None => note("no server is running to take events: start `secureai-audit serve`"),
        }
    }
    Ok(if arrived == Some(false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn list(context: &Context, api: &Api) -> anyhow::Result<()> {
    let all: All = api.get_json("/sources", &Query::default()).await?;
    if context.output.is_json() {
        return context.output.json(&all);
    }
    let left = ["kind", "name", "created", "secret changed"].map(|name| (name, Align::Left));
    let columns: Vec<_> =
        left.into_iter().chain([("received", Align::Right), ("last received", Align::Left)]).collect();
    let mut table = Table::new(&columns);
    for source in &all.sources {
        let last = source.last_received.clone().unwrap_or_else(|| "never".to_owned());
        let received = source.received.to_string();
        let [created, changed, last] =
            [&source.created, &source.secret_changed, &last].map(|time| to_the_second(time));
        table.row([source.kind.clone(), printable(&source.name), created, changed, received, last]);
    }
    if table.is_empty() {
        note("no sources yet: secureai-audit source setup openwebui --url URL --token TOKEN");
        return Ok(());
    }
    Ok(context.output.table(&table)?)
}

async fn remove(context: &Context, api: &Api, args: &SourceRemoveArgs) -> anyhow::Result<()> {
    if let (Some(url), Some(token)) = (&args.openwebui_url, &args.token) {
        let open_webui = OpenWebUi::new(url, token)?;
        for webhook in open_webui.webhooks().await?.iter().filter(|webhook| webhook.is_of(&args.name)) {
            open_webui.unregister(webhook).await?;
        }
    }
    let path = format!("/sources/openwebui/{}", encode_segment(&args.name));
    api.delete(&path).await?;
    if context.output.is_json() {
        return context.output.json(&json!({"source": args.name, "removed": true}));
    }
    context.output.line(format!("removed source {}", printable(&args.name)))?;
    if args.openwebui_url.is_none() {
        note(
            "its webhook in Open WebUI stays and is refused; give --openwebui-url and --token to remove it too",
        );
    }
    Ok(())
}

/// `2026-03-01T14:05:09.123456Z` as `2026-03-01 14:05:09`.
fn to_the_second(time: &str) -> String {
    time.get(..19).map_or_else(|| time.to_owned(), |second| second.replace('T', " "))
}
