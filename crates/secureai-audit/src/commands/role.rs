//! `role create`, `role list`, `role change`, `role remove`.

use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, UsageError, proof::encode_segment};
use crate::{
    api::{Api, Query},
    cli::{RoleChangeArgs, RoleCommand, RoleCreateArgs, RoleRemoveArgs},
    output::{Align, Table, note, printable},
};

/// A role as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
struct RoleView {
    name: String,
    built_in: bool,
    permissions: Vec<String>,
    scope: Option<String>,
    withheld: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct One {
    role: RoleView,
}

#[derive(Debug, Deserialize)]
struct All {
    roles: Vec<RoleView>,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: &RoleCommand) -> anyhow::Result<ExitCode> {
    let api = context.api()?;
    let done = match command {
        RoleCommand::Create(args) => create(context, &api, args).await,
        RoleCommand::List => list(context, &api).await,
        RoleCommand::Change(args) => change(context, &api, args).await,
        RoleCommand::Remove(args) => remove(context, &api, args).await,
    };
    api.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn create(context: &Context, api: &Api, args: &RoleCreateArgs) -> anyhow::Result<()> {
    let wish = json!({
        "name": args.name, "permissions": args.permissions, "scope": args.scope, "withheld": args.withhold,
    });
    let body = Bytes::from(serde_json::to_vec(&wish)?);
    let answer = api.post("/roles", &Query::default(), "application/json", body).await?.whole().await?;
    let One { role } = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"role": role}));
    }
    context.output.line(&role.name)?;
    note(format!("give it to somebody: secureai-audit token create --name NAME --role {}", role.name));
    Ok(())
}

async fn list(context: &Context, api: &Api) -> anyhow::Result<()> {
    let All { roles } = api.get_json("/roles", &Query::default()).await?;
    if context.output.is_json() {
        return context.output.json(&json!({"roles": roles}));
    }
    let left = ["name", "kind", "scope", "withheld", "permissions"].map(|name| (name, Align::Left));
    let mut table = Table::new(&left);
    for role in roles {
        let kind = if role.built_in { "built-in" } else { "custom" };
        let scope = role.scope.map_or_else(|| "-".to_owned(), |scope| printable(&scope));
        let withheld = if role.withheld.is_empty() { "-".to_owned() } else { role.withheld.join(" ") };
        table.row([role.name, kind.to_owned(), scope, withheld, role.permissions.join(" ")]);
    }
    Ok(context.output.table(&table)?)
}

async fn change(context: &Context, api: &Api, args: &RoleChangeArgs) -> anyhow::Result<()> {
    if args.permissions.is_none() && args.scope.is_none() && args.withhold.is_none() {
        return Err(UsageError::new("say what to change: --permissions, --scope or --withhold").into());
    }
    let All { roles } = api.get_json("/roles", &Query::default()).await?;
    let role = roles.into_iter().find(|role| role.name == args.name);
    let role = role.with_context(|| format!("there is no role {:?}; `role list` shows them", args.name))?;
    let scope = args.scope.clone().map_or(role.scope, |scope| Some(scope).filter(|scope| !scope.is_empty()));
    let withheld = args.withhold.clone().unwrap_or(role.withheld);
    let withheld: Vec<_> = withheld.into_iter().filter(|group| !group.is_empty()).collect();
    let rights = json!({
        "permissions": args.permissions.as_ref().unwrap_or(&role.permissions), "scope": scope, "withheld": withheld,
    });
    let body = Bytes::from(serde_json::to_vec(&rights)?);
    let answer = api.put_json(&format!("/roles/{}", encode_segment(&args.name)), body).await?.whole().await?;
    let One { role } = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"role": role}));
    }
    Ok(context.output.line(format!("changed {}; it holds from the next request on", role.name))?)
}

async fn remove(context: &Context, api: &Api, args: &RoleRemoveArgs) -> anyhow::Result<()> {
    let answer = api.delete(&format!("/roles/{}", encode_segment(&args.name))).await?.whole().await?;
    let One { role } = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"role": role}));
    }
    Ok(context.output.line(format!("removed {}", role.name))?)
}
