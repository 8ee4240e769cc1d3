//! `stats`: events counted and summed, over time and by field.

use std::process::ExitCode;

use serde_json::Value;

use super::Context;
use crate::{
    cli::StatsArgs,
    filters::{local_time, zone},
    output::{Align, Table, count, note, printable},
};

/// Prints one row a group.
pub(crate) async fn run(context: &Context, args: &StatsArgs) -> anyhow::Result<ExitCode> {
    let zone = zone(args.filter.tz.as_deref())?;
    let mut query = args.filter.to_query()?;
    query.add("by", args.by.join(",")).add("limit", args.limit.to_string());
    if !args.sum.is_empty() {
        query.add("sum", args.sum.join(","));
    }
    let api = context.api()?;
    let stats = api.get_json::<Value>("/stats", &query).await;
    api.close().await?;
    let stats = stats?;
    if context.output.is_json() {
        context.output.json(&stats)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = stats.get("rows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        note("no event matches");
        return Ok(ExitCode::SUCCESS);
    }
    let measures = std::iter::once("count").chain(args.sum.iter().map(String::as_str));
    let keys = args.by.iter().map(|key| (key.as_str(), Align::Left));
    let columns: Vec<(&str, Align)> = keys.chain(measures.map(|name| (name, Align::Right))).collect();
    let mut table = Table::new(&columns);
    for row in rows {
        table.row(columns.iter().map(|(name, _)| cell(row.get(*name).unwrap_or(&Value::Null), name, &zone)));
    }
    context.output.table(&table)?;
    if let Some(left_out) = stats.get("left_out").and_then(Value::as_u64).filter(|left_out| *left_out > 0) {
        note(format!("{} more groups: --limit shows more", count(left_out)));
    }
    Ok(ExitCode::SUCCESS)
}

fn cell(value: &Value, name: &str, zone: &jiff::tz::TimeZone) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => count(whole),
            None => format!("{:.2}", number.as_f64().unwrap_or_default()),
        },
        Value::String(time) if name == "hour" => local_time(time, zone),
        Value::String(time) if matches!(name, "day" | "week" | "month") => {
            local_time(time, zone).chars().take(10).collect()
        }
        Value::String(text) => printable(text),
        other => other.to_string(),
    }
}
