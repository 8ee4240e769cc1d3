//! `config check` and `config show`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::Context;
use crate::{
    cli::ConfigCommand,
    config::{Loaded, Origin, SETTINGS, Secret, Setting},
    output::{Align, Table, note},
};

/// Checks or shows the configuration.
pub(crate) fn run(context: &Context, command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let loaded = context.config()?;
    for variable in &loaded.unknown_variables {
        note(format!("warning: {variable} is set, but there is no such setting"));
    }
    match command {
        ConfigCommand::Check => check(context, &loaded),
        ConfigCommand::Show => show(context, &loaded),
    }
}

fn check(context: &Context, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let file = loaded.file.as_ref().map(|path| path.display().to_string());
    if context.output.is_json() {
        context
            .output
            .json(&json!({"ok": true, "file": file, "unknown_variables": loaded.unknown_variables}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let of = file.unwrap_or_else(|| "no configuration file, defaults and environment".to_owned());
    context.output.line(format!("good: {of}"))?;
    Ok(ExitCode::SUCCESS)
}

fn show(context: &Context, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let values = toml::Table::try_from(&loaded.config)?;
    if context.output.is_json() {
        let settings: Vec<Value> = rows(&values, loaded)
            .map(|(setting, value, origin)| {
                let variable = setting.variable();
                json!({"key": setting.path, "value": value, "from": origin.to_string(), "variable": variable, "about": setting.about})
            })
            .collect();
        let file = loaded.file.as_ref().map(|path| path.display().to_string());
        context.output.json(&json!({"file": file, "settings": settings}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns =
        [("key", Align::Left), ("value", Align::Left), ("from", Align::Left), ("about", Align::Left)];
    let mut table = Table::new(&columns);
    for (setting, value, origin) in rows(&values, loaded) {
        let value = value.map_or_else(|| "(not set)".to_owned(), |value| value.to_string());
        table.row([setting.path.to_owned(), value, origin.to_string(), setting.about.to_owned()]);
    }
    context.output.table(&table)?;
    Ok(ExitCode::SUCCESS)
}

/// Every setting with its value, secrets hidden, and where it comes from.
fn rows<'a>(
    values: &'a toml::Table,
    loaded: &'a Loaded,
) -> impl Iterator<Item = (&'static Setting, Option<toml::Value>, &'a Origin)> {
    SETTINGS.iter().zip(&loaded.origins).map(|(setting, origin)| {
        let value = setting.value_in(values).cloned();
        debug_assert!(
            !setting.is_secret() || value.as_ref().is_none_or(|v| v.as_str() == Some(Secret::HIDDEN))
        );
        (setting, value, origin)
    })
}
