//! Options of the commands that ask about events: search, tail, export, stats.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Filters, named like the API's parameters.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Free text and terms, such as `action:auth.login_failed user:ada@example.com "brake rotor"`; a term that begins
    /// with `-` goes behind `--`, or into -q
    #[arg(value_name = "QUERY")]
    pub terms: Vec<String>,
    /// The same as QUERY, as one option
    #[arg(short, long = "query", value_name = "QUERY", allow_hyphen_values = true)]
    pub query: Option<String>,
    /// First moment: a date, an RFC 3339 time, or an age such as 24h, 7d, 4w
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Last moment; a date includes its whole day
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Who: id, e-mail or name
    #[arg(long)]
    pub user: Option<String>,
    /// Category; repeatable
    #[arg(long, value_name = "CATEGORY")]
    pub event_type: Vec<String>,
    /// Action, such as `auth.login_failed`; a trailing `*` matches the rest
    #[arg(long)]
    pub action: Option<String>,
    /// success, failure, denied or unknown
    #[arg(long)]
    pub outcome: Option<String>,
    /// Address or network (10.0.0.0/8)
    #[arg(long)]
    pub ip: Option<String>,
    /// Target type, id or name
    #[arg(long)]
    pub target: Option<String>,
    /// Model id
    #[arg(long)]
    pub model: Option<String>,
    /// Time zone of bare dates and of printed times [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

/// Order of events by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Newest first
    Desc,
    /// Oldest first
    Asc,
}

/// Options of `search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Order by time
    #[arg(long, value_enum, default_value = "desc")]
    pub order: Order,
    /// At most so many events
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    pub limit: u32,
    /// Also count all that match
    #[arg(long)]
    pub count: bool,
}

/// Options of `tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Keep running and show events as they are recorded (needs --url)
    #[arg(short, long)]
    pub follow: bool,
    /// Begin with so many of the newest events
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    pub limit: u32,
}

/// File formats of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values, for spreadsheets
    Csv,
    /// Parquet, for DuckDB, Spark, pandas
    Parquet,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// The file's format
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where to; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Order by time
    #[arg(long, value_enum, default_value = "desc")]
    pub order: Order,
    /// Overwrite FILE if it exists
    #[arg(long)]
    pub force: bool,
    /// Also write FILE.proof, with which `proof verify` checks every line (json and ndjson)
    #[arg(long)]
    pub proof: bool,
}

/// Options of `stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// What to group by, at most three: hour, day, week, month, or a field such as category, action, outcome, severity,
    /// source, actor.email, actor.name, role, department, ip, target.type, target.name, model, provider
    #[arg(long, value_name = "KEY", value_delimiter = ',', default_value = "category")]
    pub by: Vec<String>,
    /// Sums to show: input_tokens, output_tokens, total_tokens, cost_usd, latency_ms
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    pub sum: Vec<String>,
    /// At most so many rows
    #[arg(short = 'n', long, default_value_t = 1_000, value_name = "N")]
    pub limit: u32,
}
