//! `doctor`: looks at everything that could be wrong and says what to do about it.

mod checks;

use std::process::ExitCode;

use audit_web::checks::{Finding, Level};

use super::Context;
use crate::output::{Align, Table};

/// Prints what was found; exit status 1 when something does not work.
pub(crate) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let findings = match &context.global.url {
        Some(url) => checks::server(context, url).await,
        None => checks::data_dir(context).await,
    };
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
    if context.output.is_json() {
        context.output.json(&serde_json::json!({"level": worst, "findings": findings}))?;
    } else {
        print(context, &findings)?;
    }
    Ok(if worst == Level::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(context: &Context, findings: &[Finding]) -> anyhow::Result<()> {
    let mut table = Table::new(&[("", Align::Left), ("what", Align::Left), ("found", Align::Left)]);
    for finding in findings {
        let mark = match finding.level {
            Level::Good => "ok",
            Level::Warning => "look",
            Level::Bad => "BAD",
        };
        table.row([mark, &*finding.subject, &finding.finding]);
    }
    context.output.table(&table)?;
    for finding in findings.iter().filter(|finding| !finding.advice.is_empty()) {
        context.output.line(format!("{}: {}", finding.subject, finding.advice))?;
    }
    Ok(())
}
