//! The command line: every command, option and help text.
//!
//! What an option means to the record is decided by the HTTP API, whose parameters carry the same names; it only
//! gets flags here.

mod ask;
mod manage;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use ask::{ExportArgs, ExportFormat, FilterArgs, Order, SearchArgs, StatsArgs, TailArgs};
pub(crate) use manage::{
    BreakGlassCommand, KeyCommand, RoleChangeArgs, RoleCommand, RoleCreateArgs, RoleRemoveArgs,
    SourceCommand, SourceRemoveArgs, SourceSetupArgs, SourceSetupCommand, TokenCommand, TokenCreateArgs,
    TokenRevokeArgs, TokenRotateArgs,
};

/// The audit trail for self-hosted AI chat platforms: record, search, export and prove who did what, when.
#[derive(Debug, Parser)]
#[command(name = "secureai-audit", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "A first look: secureai-audit serve --demo")]
pub(crate) struct Cli {
    /// Where the record is and how to print.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args, Clone)]
pub(crate) struct Global {
    /// The data directory; made on first use by `serve`, `import` and `token create`
    #[arg(
        long,
        global = true,
        env = "SECUREAI_AUDIT_DATA_DIR",
        default_value = "secureai-audit-data",
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub data_dir: PathBuf,
    /// A running server to ask instead of a data directory (token in SECUREAI_AUDIT_TOKEN or SECUREAI_AUDIT_TOKEN_FILE)
    #[arg(
        long,
        global = true,
        env = "SECUREAI_AUDIT_URL",
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub url: Option<String>,
    /// Certificates to trust instead of the system's, for an https URL (PEM)
    #[arg(
        long,
        global = true,
        env = "SECUREAI_AUDIT_CA_FILE",
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub ca_file: Option<PathBuf>,
    /// The configuration file [default: DIR/config.toml, if present]
    #[arg(
        long,
        global = true,
        env = "SECUREAI_AUDIT_CONFIG",
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub config: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Whether `--data-dir` stands on the command line.
    #[arg(skip)]
    pub data_dir_is_typed: bool,
    /// Whether `--url` stands on the command line.
    #[arg(skip)]
    pub url_is_typed: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: record, answer, export
    Serve(ServeArgs),
    /// Take events from files; safe to repeat
    Import(ImportArgs),
    /// Find events, newest first
    Search(SearchArgs),
    /// Show the newest events, and follow with -f
    Tail(TailArgs),
    /// Write events to a file or pipe
    Export(ExportArgs),
    /// Count and sum events over time and by field
    Stats(StatsArgs),
    /// Re-read everything and say whether anything was altered or is missing (exit status: 0 no, 3 yes, 4 not checked)
    Verify(VerifyArgs),
    /// Get or check proofs: of one event, of every line of an export, of an exported file
    #[command(subcommand)]
    Proof(ProofCommand),
    /// Rebuild the search index from the ledger
    Reindex(ReindexArgs),
    /// Make, list and revoke access tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Emergency access: a password that opens the pages when nobody can sign in otherwise
    #[command(subcommand)]
    BreakGlass(BreakGlassCommand),
    /// Make, list, change and remove roles
    #[command(subcommand)]
    Role(RoleCommand),
    /// Connect, list and remove sources that tell of Open WebUI beside the gateway
    #[command(subcommand)]
    Source(SourceCommand),
    /// Show or change the key that signs checkpoints
    #[command(subcommand)]
    Key(KeyCommand),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say whether the server is ready, for health checks: exit status 0 or 1
    Ready,
    /// Look for what is wrong, or soon will be, and say what to do
    Doctor,
    /// Compare the record with what Open WebUI itself has, and name what is missing on either side
    Reconcile(ReconcileArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Measure this machine and this program, side by side
    Bench(BenchArgs),
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on [default: 127.0.0.1:8321]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Stand in front of the Open WebUI at this address, and record what passes
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Fill an empty data directory with a year of made-up events first
    #[arg(long)]
    pub demo: bool,
}

/// What lines an input file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Our own events, one JSON object a line (as `export --format ndjson` writes them)
    Native,
    /// Open WebUI's audit.log, at any of its three levels
    OpenwebuiAudit,
    /// Open WebUI's webhook events, one JSON object a line
    OpenwebuiWebhook,
}

/// What to do with a batch that has a bad line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Stop at the first bad line, taking nothing of its file
    Reject,
    /// Leave bad lines out, report each, take the rest
    Skip,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files to read; `-` is standard input; .gz and .zst are unpacked
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the lines are [default: told from the first line]
    #[arg(long, value_enum)]
    pub format: Option<ImportFormat>,
    /// What to do with lines that are no event
    #[arg(long, value_enum, default_value = "skip")]
    pub on_error: OnError,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A checkpoint kept elsewhere, which the record must still contain
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// The verifier key, or a file with it [default: that of the data directory; with --url of one that --data-dir names]
    #[arg(long, value_name = "KEY|FILE")]
    pub key: Option<String>,
}

/// `proof …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProofCommand {
    /// Write the proof of one event
    Get(ProofGetArgs),
    /// Check a proof: needs the file and the public key, no network and no data directory
    Verify(ProofVerifyArgs),
}

/// Options of `proof get`.
#[derive(Debug, Args)]
pub(crate) struct ProofGetArgs {
    /// The event's index or id
    #[arg(value_name = "INDEX|ID")]
    pub event: String,
    /// Where to; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// Replace FILE if there is one
    #[arg(long)]
    pub force: bool,
    /// Groups to disclose: core, actor, org, client, target, usage, content [default: all]
    #[arg(long, value_delimiter = ',', value_name = "GROUP")]
    pub groups: Vec<String>,
}

/// Options of `proof verify`.
#[derive(Debug, Args)]
pub(crate) struct ProofVerifyArgs {
    /// The proof of one event or of an export, or an export's manifest; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The export that the proof is of [default: FILE without `.proof` or `.manifest.json`]
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// The log's verifier key (`key show`), or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    pub key: String,
}

/// Options of `reindex`.
#[derive(Debug, Args)]
pub(crate) struct ReindexArgs {}

/// `config …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is good, or which key is not
    Check,
    /// Print every setting, its value and where it comes from; secrets are hidden
    Show,
}

/// What `reconcile` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectKind {
    /// People
    Users,
    /// Their chats
    Chats,
    /// Uploaded files
    Files,
    /// Knowledge bases
    Knowledge,
    /// Groups of people
    Groups,
}

/// Options of `reconcile`.
#[derive(Debug, Default, Args)]
pub(crate) struct ReconcileArgs {
    /// Where Open WebUI itself listens, not the gateway [default: gateway.upstream]
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// A session token or API key of one of Open WebUI's administrators
    #[arg(long, env = "OPENWEBUI_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// A file with it; goes before a token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Made at or after: a date, an RFC 3339 time, or an age such as 24h, 7d, 4w
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Made at or before; a date includes its whole day [default: now]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Compare only these; repeatable
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub only: Vec<ObjectKind>,
    /// Name at most so many of each
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    pub limit: usize,
    /// Time zone of bare dates and of printed times [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// How many events to record
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = bench_events)]
    pub events: u64,
    /// Where to make the (temporary) data directory [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Keep the data directory afterwards
    #[arg(long)]
    pub keep: bool,
    /// Only write the workload's events to a file, as NDJSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "keep"])]
    pub write_workload: Option<PathBuf>,
    /// Measure only these parts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    pub only: Vec<BenchPart>,
}

/// Parts of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// Appends over HTTP, batched and single
    Append,
    /// Appends to a ledger in this process
    Ledger,
    /// Questions over HTTP
    Queries,
    /// Exports to files and over HTTP
    Exports,
    /// `verify`
    Verify,
}

/// How many events a benchmark can say something about.
fn bench_events(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 20_000;
    match text.parse() {
        Ok(events) if events >= LEAST => Ok(events),
        _ => Err(format!("at least {LEAST}, since fewer say nothing")),
    }
}
