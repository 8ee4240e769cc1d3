//! `break-glass set`, `break-glass off`: emergency access.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};

use super::Context;
use crate::{
    api::{Api, Query},
    cli::BreakGlassCommand,
    output::note,
};

/// Switches it on or off, or tells whether it is on.
pub(crate) async fn run(context: &Context, command: &BreakGlassCommand) -> anyhow::Result<ExitCode> {
    // Before the store is opened: nobody waits at a prompt with the ledger locked.
    let password = match command {
        BreakGlassCommand::Set => Some(password()?),
        BreakGlassCommand::Off | BreakGlassCommand::Show => None,
    };
    let api = context.api()?;
    let done = switch(&api, command, password).await;
    api.close().await?;
    let state = done?;
    if context.output.is_json() {
        context.output.json(&state)?;
    } else {
        context.output.line(match state.get("set").and_then(Value::as_str) {
            Some(since) => format!("emergency access is on, with the password set at {since}"),
            None => "emergency access is off".to_owned(),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn switch(api: &Api, command: &BreakGlassCommand, password: Option<String>) -> anyhow::Result<Value> {
    const PATH: &str = "/break-glass";
    let answer = match (command, password) {
        (BreakGlassCommand::Set, password) => {
            let body = Bytes::from(serde_json::to_vec(&json!({ "password": password }))?);
            api.put_json(PATH, body).await?
        }
        (BreakGlassCommand::Off, _) => api.delete(PATH).await?,
        (BreakGlassCommand::Show, _) => api.get(PATH, &Query::default()).await?,
    };
    Ok(serde_json::from_slice(&answer.whole().await?)?)
}

/// The password: typed twice where there is a terminal, else the first line of standard input. Never an argument, which
/// others on the machine can see.
fn password() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return line();
    }
    let first = hidden("New emergency password (15 characters or more): ")?;
    if hidden("The same again: ")? != first {
        bail!("the two are not the same: nothing was changed");
    }
    Ok(first)
}

/// Asks without showing what is typed.
fn hidden(prompt: &str) -> anyhow::Result<String> {
    let terminal = std::io::stdin();
    let before = tcgetattr(&terminal).context("the terminal cannot be asked")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    std::io::stderr().write_all(prompt.as_bytes())?;
    tcsetattr(&terminal, OptionalActions::Flush, &silent).context("the terminal cannot be silenced")?;
    let typed = line();
    tcsetattr(&terminal, OptionalActions::Now, &before).context("the terminal cannot be put back")?;
    typed
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        note("write the password on standard input: secureai-audit break-glass set < password.txt");
        bail!("no password was given");
    }
    Ok(password.to_owned())
}
