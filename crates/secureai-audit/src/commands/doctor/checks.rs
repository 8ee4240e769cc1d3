//! Where to look: at a running server, or at a data directory.

use std::{io::ErrorKind, sync::Arc};

use audit_web::{
    Surroundings,
    checks::{Finding, bad, good, readiness, warning},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::{Api, Local, Problem, Query},
    clock::SystemClock,
    commands::Context,
    config::Loaded,
    data_dir::DataDir,
    premises,
    store::Store,
    surroundings::Around,
};

/// What `GET /checks` answers.
#[derive(Debug, Deserialize)]
struct Checks {
    findings: Vec<Finding>,
}

/// Looks at a running server: what it says of itself, of its gateways, and of what has been recorded.
pub(super) async fn server(context: &Context, url: &str) -> Vec<Finding> {
    let api = match context.api() {
        Ok(api) => api,
        Err(error) => return vec![bad("server", format!("{error:#}"), "")],
    };
    let mut findings = vec![match api.get("/healthz", &Query::default()).await {
        Ok(_) => good("server", format!("{url} answers")),
        Err(error) => {
            return vec![bad("server", format!("{error:#}"), "is it running, and is the address right?")];
        }
    }];
    match ask(&api).await {
        Ok(checks) => {
            findings.push(good("token", "may look"));
            findings.extend(checks);
        }
        Err(error) => {
            findings.extend(from_outside(&api).await);
            let advice = "set SECUREAI_AUDIT_TOKEN to a token of role auditor or admin: without one the gateways and the events cannot be looked at";
            findings.push(warning("token", format!("{error:#}"), advice));
        }
    }
    findings
}

async fn ask(api: &Api) -> anyhow::Result<Vec<Finding>> {
    Ok(api.get_json::<Checks>("/checks", &Query::default()).await?.findings)
}

/// What a server tells without a token.
async fn from_outside(api: &Api) -> Vec<Finding> {
    match api.get_json::<Value>("/readyz", &Query::default()).await {
        Ok(state) => readiness(&state),
        Err(error) => match error.downcast_ref::<Problem>() {
            Some(problem) => readiness(&problem.body),
            None => vec![bad("recording", format!("not ready: {error:#}"), "see the server's log")],
        },
    }
}

/// Looks at the configuration and the data directory.
pub(super) async fn data_dir(context: &Context) -> Vec<Finding> {
    let loaded = match context.config() {
        Ok(loaded) => loaded,
        Err(error) => {
            let text = format!("{error:#}");
            let advice = if context.global.config.is_none() && !context.global.data_dir.is_dir() {
                ""
            } else {
                "correct it; `config check` looks again"
            };
            return vec![bad("configuration", text, advice)];
        }
    };
    let mut findings = vec![configuration(&loaded)];
    let directory = match context.data_dir() {
        Ok(directory) => directory,
        Err(error) => {
            findings.push(bad("data directory", format!("{error:#}"), ""));
            return findings;
        }
    };
    if directory.is_locked() {
        findings.extend(premises::look(&directory, &loaded.config));
        findings.push(good(
            "ledger",
            match directory.holder_url() {
                Some(url) => format!(
                    "a server has it open: doctor --url {url} asks it; verify reads the files meanwhile"
                ),
                None => "another process has it open; verify reads the files meanwhile".to_owned(),
            },
        ));
        return findings;
    }
    match inside(context, &loaded, &directory).await {
        Ok(more) => findings.extend(more),
        Err(error) => {
            findings.extend(premises::look(&directory, &loaded.config));
            findings.push(bad("ledger", format!("{error:#}"), advice(&error)));
        }
    }
    findings
}

/// What to do about a data directory that cannot be opened: only damage wants a backup.
fn advice(error: &anyhow::Error) -> &'static str {
    let of_the_system = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    };
    match error.chain().find_map(of_the_system) {
        Some(ErrorKind::ReadOnlyFilesystem) => "",
        Some(ErrorKind::PermissionDenied) => "run it as the user whom the directory belongs to",
        Some(ErrorKind::StorageFull) => "make room on the disk, then look again",
        _ => "`verify` says where; restore from your backup",
    }
}

/// Opens the data directory as the server would, looks, and closes it again.
async fn inside(context: &Context, loaded: &Loaded, directory: &DataDir) -> anyhow::Result<Vec<Finding>> {
    let api = tokio::task::block_in_place(|| {
        let store = Store::open(&loaded.config, directory.root())?;
        let around = Around::build(&loaded.config, None, None, Arc::new(SystemClock))?;
        let around: Arc<dyn Surroundings> = Arc::new(around);
        let local = Local::among(Some(around), store, context.environment.login_name())?;
        anyhow::Ok(Api::Local(Box::new(local)))
    })?;
    let findings = ask(&api).await;
    let closed = api.close().await;
    let mut findings = findings?;
    if let Err(error) = closed {
        findings.push(bad("closing", format!("{error:#}"), ""));
    }
    Ok(findings)
}

fn configuration(loaded: &Loaded) -> Finding {
    let file = loaded.file.as_ref().map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
    match loaded.unknown_variables.as_slice() {
        [] => good("configuration", format!("good ({file})")),
        unknown => warning(
            "configuration",
            format!("{} is no setting", unknown.join(", ")),
            "see `config show` for the names",
        ),
    }
}
