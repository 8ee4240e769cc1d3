//! `search`: a page of events.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use crate::{
    cli::SearchArgs,
    filters::{local_time, zone},
    output::{Align, Table, count, note, printable},
};

/// A page as the API gives it.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub events: Vec<Value>,
    /// Where each is in the ledger.
    #[serde(default)]
    pub indices: Vec<u64>,
    #[serde(default)]
    pub total: Option<u64>,
    #[serde(default)]
    pub next_page_token: Option<String>,
}

/// Prints the events that match.
pub(crate) async fn run(context: &Context, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let zone = zone(args.filter.tz.as_deref())?;
    let mut query = args.filter.to_query()?;
    query.add("order", args.order.as_str()).add("limit", args.limit.to_string());
    if args.count {
        query.add("count", "true");
    }
    let api = context.api()?;
    let page = api.get_json::<Page>("", &query).await;
    api.close().await?;
    let page = page?;
    if context.output.is_json() {
        let more = page.next_page_token.is_some();
        context.output.json(&json!({"events": page.events, "total": page.total, "more": more}))?;
        return Ok(ExitCode::SUCCESS);
    }
    if page.events.is_empty() {
        note("no event matches");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = event_table();
    for (at, event) in page.events.iter().enumerate() {
        let index = page.indices.get(at).map_or_else(|| "-".to_owned(), u64::to_string);
        table.row([index].into_iter().chain(event_row(event, &zone)));
    }
    context.output.table(&table)?;
    match (page.total, page.next_page_token) {
        (Some(total), _) => note(format!("{} of {} events", count(page.events.len() as u64), count(total))),
        (None, Some(_)) => note("there are more: --limit shows more, --count counts them, export writes all"),
        (None, None) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The columns of a list of events. A narrow terminal goes without the address, and then without who: the message tells.
fn event_table() -> Table {
    const NARROW: [&str; 2] = ["ip", "who"];
    let columns =
        ["time", "action", "outcome", "who", "ip", "message"].into_iter().map(|name| (name, Align::Left));
    let columns: Vec<_> = [("index", Align::Right)].into_iter().chain(columns).collect();
    Table::new(&columns).leaving_out(&NARROW)
}

/// One event in these columns, without its index.
pub(super) fn event_row(event: &Value, zone: &jiff::tz::TimeZone) -> [String; 6] {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let who = ["/actor/email", "/actor/name", "/actor/id", "/actor/type"].iter().find_map(|at| text(at));
    let message = text("/message").or_else(|| text("/target/name")).or_else(|| text("/target/id"));
    [
        local_time(text("/time").unwrap_or_default(), zone),
        printable(text("/action").unwrap_or_default()),
        printable(text("/outcome").unwrap_or_default()),
        printable(who.unwrap_or("-")),
        printable(text("/client/ip").unwrap_or("-")),
        printable(message.unwrap_or("-")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_who_by_the_best_name_and_nothing_that_steers() {
        let event = json!({
            "time": "2026-03-01T14:05:09.123456Z", "action": "auth.login", "outcome": "success",
            "actor": {"id": "u1", "name": "Ada"}, "message": "Ada \u{1b}[2J signed in",
        });
        let row = event_row(&event, &jiff::tz::TimeZone::UTC);
        assert_eq!(
            row,
            ["2026-03-01 14:05:09", "auth.login", "success", "Ada", "-", "Ada \\u{1b}[2J signed in"]
        );
    }
}
