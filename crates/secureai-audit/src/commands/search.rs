//! `search`: a page of events.

use std::process::ExitCode;

use audit_event::{Clock as _, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, UsageError};
use crate::{
    api::{Api, Problem, Query},
    cli::{Order, SearchArgs},
    clock::SystemClock,
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

/// Most events that a page has.
const LIMIT: u32 = 10_000;

/// The newest events up to now, and how many match that say of themselves that they are of later: one clock that is wrong
/// must not hide what happens. `query` has no `to`.
pub(super) async fn newest(api: &Api, query: &Query) -> anyhow::Result<(Page, u64)> {
    let page: Page = api.get_json("", query).await?;
    let now = SystemClock.now();
    let time = page.events.first().and_then(|event| event.get("time")).and_then(Value::as_str);
    let is_of_later =
        time.and_then(|time| Timestamp::parse_rfc3339(time).ok()).is_some_and(|time| time > now);
    if !is_of_later {
        return Ok((page, 0));
    }
    let mut until_now = query.clone();
    until_now.add("to", now.to_string());
    let mut later = query.without(&["limit", "count", "from"]);
    later.add("from", Timestamp::from_micros(now.as_micros() + 1).to_string());
    later.add("limit", "1").add("count", "true");
    let later: Page = api.get_json("", &later).await?;
    match api.get_json("", &until_now).await {
        Ok(until_now) => Ok((until_now, later.total.unwrap_or(1))),
        // `from` lies in the future, too: somebody looks for just these.
        Err(error)
            if error.downcast_ref::<Problem>().is_some_and(|problem| problem.code() == "invalid_range") =>
        {
            Ok((page, 0))
        }
        Err(error) => Err(error),
    }
}

/// Says how many events were left out because they are of later than now.
pub(super) fn note_future(count_of_them: u64) {
    match count_of_them {
        0 => {}
        1 => note("left out: 1 event with a time in the future (--to a later day shows it)"),
        many => note(format!(
            "left out: {} events with times in the future (--to a later day shows them)",
            count(many)
        )),
    }
}

/// Prints the events that match.
pub(crate) async fn run(context: &Context, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let zone = zone(args.filter.tz.as_deref())?;
    if !(1..=LIMIT).contains(&args.limit) {
        let advice = "export writes more than that";
        return Err(UsageError::new(format!("--limit {}: 1 to {LIMIT}; {advice}", args.limit)).into());
    }
    let mut query = args.filter.to_query()?;
    query.add("order", args.order.as_str()).add("limit", args.limit.to_string());
    if args.count {
        query.add("count", "true");
    }
    let api = context.api()?;
    let up_to_now = args.filter.to.is_none() && args.order == Order::Desc;
    let found = if up_to_now {
        newest(&api, &query).await
    } else {
        api.get_json("", &query).await.map(|page| (page, 0))
    };
    api.close().await?;
    let (page, future) = found?;
    note_future(future);
    if context.output.is_json() {
        let more = page.next_page_token.is_some();
        context.output.json(&json!({
            "events": page.events, "indices": page.indices, "total": page.total, "more": more, "future": future,
        }))?;
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
