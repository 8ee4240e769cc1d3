//! `role create`, `role list`, `role remove`.

use std::process::ExitCode;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, proof::encode_segment};
use crate::{
    api::{Api, Query},
    cli::{RoleCommand, RoleCreateArgs, RoleRemoveArgs},
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

/// Runs one of the three.
pub(crate) async fn run(context: &Context, command: &RoleCommand) -> anyhow::Result<ExitCode> {
    let api = context.api()?;
    let done = match command {
        RoleCommand::Create(args) => create(context, &api, args).await,
        RoleCommand::List => list(context, &api).await,
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

async fn remove(context: &Context, api: &Api, args: &RoleRemoveArgs) -> anyhow::Result<()> {
    let answer = api.delete(&format!("/roles/{}", encode_segment(&args.name))).await?.whole().await?;
    let One { role } = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"role": role}));
    }
    Ok(context.output.line(format!("removed {}", role.name))?)
}
