//! `token create`, `token list`, `token rotate`, `token revoke`.

use std::process::ExitCode;

use audit_event::{Clock, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, UsageError, proof::encode_segment};
use crate::{
    api::{Api, Local, Query},
    cli::{TokenCommand, TokenCreateArgs, TokenRevokeArgs, TokenRotateArgs},
    clock::SystemClock,
    filters::age_micros,
    output::{Align, Table, note, printable},
    store::Store,
};

/// A token as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
struct TokenView {
    id: String,
    name: String,
    role: String,
    status: String,
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
    scope: Option<String>,
    #[serde(default)]
    networks: Vec<String>,
    former_until: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Created {
    token: TokenView,
    secret: String,
}

#[derive(Debug, Deserialize)]
struct One {
    token: TokenView,
}

#[derive(Debug, Deserialize)]
struct All {
    tokens: Vec<TokenView>,
}

/// Runs one of the four.
pub(crate) async fn run(context: &Context, command: &TokenCommand) -> anyhow::Result<ExitCode> {
    let api = match command {
        TokenCommand::Create(_) => api_of_new_directory(context)?,
        TokenCommand::List | TokenCommand::Rotate(_) | TokenCommand::Revoke(_) => context.api()?,
    };
    let done = match command {
        TokenCommand::Create(args) => create(context, &api, args).await,
        TokenCommand::List => list(context, &api).await,
        TokenCommand::Rotate(args) => rotate(context, &api, args).await,
        TokenCommand::Revoke(args) => revoke(context, &api, args).await,
    };
    api.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// Like [`Context::api`], but makes the data directory: a token may be wanted before the first start.
fn api_of_new_directory(context: &Context) -> anyhow::Result<Api> {
    if context.global.url.is_some() {
        return context.api();
    }
    let store = Store::open(&context.config()?.config, &context.global.data_dir)?;
    Ok(Api::Local(Box::new(Local::new(store, context.environment.login_name())?)))
}

async fn create(context: &Context, api: &Api, args: &TokenCreateArgs) -> anyhow::Result<()> {
    let mut wish = json!({
        "name": args.name, "role": args.role, "scope": args.scope, "networks": args.networks,
    });
    if let Some(expires) = &args.expires {
        wish["expires"] = expiry(expires, SystemClock.now())?.into();
    }
    let body = Bytes::from(serde_json::to_vec(&wish)?);
    let answer = api.post("/tokens", &Query::default(), "application/json", body).await?.whole().await?;
    let created: Created = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"token": created.token, "secret": created.secret}));
    }
    context.output.line(&created.secret)?;
    let until = created.token.expires.as_deref().unwrap_or("it is revoked");
    note(format!(
        "{} has the role {} until {until}; the token is not shown again",
        created.token.name, created.token.role
    ));
    Ok(())
}

async fn list(context: &Context, api: &Api) -> anyhow::Result<()> {
    let All { tokens } = api.get_json("/tokens", &Query::default()).await?;
    if context.output.is_json() {
        return context.output.json(&json!({"tokens": tokens}));
    }
    let left = ["id", "name", "role", "scope", "networks", "status", "created", "expires", "last used"]
        .map(|name| (name, Align::Left));
    let mut table = Table::new(&left);
    for token in tokens {
        let expires = token.expires.unwrap_or_else(|| "never".to_owned());
        let last_used = token.last_used.unwrap_or_else(|| "never".to_owned());
        let times = [&token.created, &expires, &last_used].map(|time| to_the_minute(time));
        let [created, expires, last_used] = times;
        let scope = token.scope.map_or_else(|| "-".to_owned(), |scope| printable(&scope));
        let networks = if token.networks.is_empty() { "any".to_owned() } else { token.networks.join(" ") };
        let name = printable(&token.name);
        table.row([token.id, name, token.role, scope, networks, token.status, created, expires, last_used]);
    }
    if table.is_empty() {
        note("no tokens yet: secureai-audit token create --name NAME --role admin");
        return Ok(());
    }
    Ok(context.output.table(&table)?)
}

async fn rotate(context: &Context, api: &Api, args: &TokenRotateArgs) -> anyhow::Result<()> {
    let body = Bytes::from(serde_json::to_vec(&json!({"overlap_hours": overlap(&args.overlap)?}))?);
    let path = format!("/tokens/{}/rotate", encode_segment(&args.token));
    let answer = api.post(&path, &Query::default(), "application/json", body).await?.whole().await?;
    let Created { token, secret } = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"token": token, "secret": secret}));
    }
    context.output.line(&secret)?;
    let former = match &token.former_until {
        Some(until) => format!("the one before is good until {until}"),
        None => "the one before is refused from now on".to_owned(),
    };
    note(format!("{} has this secret now, which is not shown again; {former}", token.name));
    Ok(())
}

/// Whole hours, from `24h` or `2d`.
fn overlap(text: &str) -> anyhow::Result<i64> {
    const HOUR: i64 = 3_600_000_000;
    let zero = ["0", "0h", "0d"].contains(&text);
    let micros = if zero { Some(0) } else { age_micros(text) };
    match micros {
        Some(micros) if micros % HOUR == 0 => Ok(micros / HOUR),
        _ => {
            Err(UsageError::new(format!("--overlap {text}: write whole hours or days, such as 24h or 2d"))
                .into())
        }
    }
}

async fn revoke(context: &Context, api: &Api, args: &TokenRevokeArgs) -> anyhow::Result<()> {
    let force = if args.force { "?force=true" } else { "" };
    let path = format!("/tokens/{}{force}", encode_segment(&args.token));
    let answer = api.delete(&path).await?.whole().await?;
    let One { token } = serde_json::from_slice(&answer)?;
    if context.output.is_json() {
        return context.output.json(&json!({"token": token}));
    }
    Ok(context.output.line(format!("revoked {} ({})", token.id, printable(&token.name)))?)
}

/// `90d`, a date, a time or `never`, as the API takes it.
fn expiry(text: &str, now: Timestamp) -> anyhow::Result<String> {
    if let Some(micros) = age_micros(text) {
        return Ok(Timestamp::from_micros(now.as_micros().saturating_add(micros)).to_string());
    }
    let is_date = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    match text {
        "never" => Ok(text.to_owned()),
        date if is_date => Ok(format!("{date}T00:00:00Z")),
        time if Timestamp::parse_rfc3339(time).is_ok() => Ok(text.to_owned()),
        _ => Err(UsageError::new(format!(
            "--expires {text}: write 12h, 90d, a date such as 2027-01-31, or never"
        ))
        .into()),
    }
}

/// `2026-03-01T14:05:09.123456Z` as `2026-03-01 14:05`.
fn to_the_minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |minute| minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_whole_hours() {
        let hours = ["0", "0h", "24h", "2d"].map(|text| overlap(text).unwrap());
        assert_eq!(hours, [0, 0, 24, 48]);
        for text in ["", "90m", "never", "1"] {
            assert!(overlap(text).unwrap_err().is::<UsageError>(), "{text:?}");
        }
    }

    #[test]
    fn expiry_is_an_age_a_date_or_never() {
        let now = Timestamp::parse_rfc3339("2026-03-10T12:00:00Z").unwrap();
        assert_eq!(expiry("2d", now).unwrap(), "2026-03-12T12:00:00.000000Z");
        assert_eq!(expiry("2027-01-31", now).unwrap(), "2027-01-31T00:00:00Z");
        assert_eq!(expiry("never", now).unwrap(), "never");
        assert!(expiry("soon", now).unwrap_err().is::<UsageError>());
    }
}
