//! Who may do what, and who brings events: tokens, roles, emergency access, sources, keys.

use clap::{Args, Subcommand};

/// `break-glass …`.
#[derive(Debug, Subcommand)]
pub(crate) enum BreakGlassCommand {
    /// Switch it on with a password from the prompt or from standard input; whoever is in with a former one is out
    Set,
    /// Switch it off
    Off,
    /// Tell whether it is on
    Show,
}

/// `token …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, once, alone on standard output
    Create(TokenCreateArgs),
    /// List tokens (never their secrets)
    List,
    /// Give a token another secret and print that, once; the one before is good for a while
    Rotate(TokenRotateArgs),
    /// Revoke a token at once
    Revoke(TokenRevokeArgs),
}

/// Options of `token create`.
#[derive(Debug, Args)]
pub(crate) struct TokenCreateArgs {
    /// What or whom it is for
    #[arg(long)]
    pub name: String,
    /// What it may do: admin, auditor, viewer (needs --scope), ingest, or a role you made
    #[arg(long)]
    pub role: String,
    /// Which events it sees: a filter, such as 'department:"Inside Sales" -category:administration'
    #[arg(long, value_name = "FILTER")]
    pub scope: Option<String>,
    /// Where it may be used from: a network or an address; repeatable [default: anywhere]
    #[arg(long = "network", value_name = "CIDR")]
    pub networks: Vec<String>,
    /// How long it is good: 12h, 90d, a date, or never [default: 90d]
    #[arg(long, value_name = "AGE|DATE")]
    pub expires: Option<String>,
}

/// Options of `token rotate`.
#[derive(Debug, Args)]
pub(crate) struct TokenRotateArgs {
    /// The token's id or name, as `token list` shows it
    #[arg(value_name = "ID|NAME")]
    pub token: String,
    /// How long the secret before is still good: 0h to 720h, or 30d
    #[arg(long, value_name = "AGE", default_value = "24h")]
    pub overlap: String,
}

/// Options of `token revoke`.
#[derive(Debug, Args)]
pub(crate) struct TokenRevokeArgs {
    /// The token's id or name, as `token list` shows it
    #[arg(value_name = "ID|NAME")]
    pub token: String,
    /// Even if it is the last that may manage tokens (on the data directory only)
    #[arg(long)]
    pub force: bool,
}

/// `role …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Make a role
    Create(RoleCreateArgs),
    /// List the roles and what each may do
    List,
    /// Change what a role allows and shows; what is not said stays as it is
    Change(RoleChangeArgs),
    /// Remove a role that no live token has
    Remove(RoleRemoveArgs),
}

/// Options of `role create`.
#[derive(Debug, Args)]
pub(crate) struct RoleCreateArgs {
    /// The role's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it allows, separated by commas: events.read,usage.read (`role list` shows all)
    #[arg(long, value_delimiter = ',', required = true, value_name = "PERMISSION")]
    pub permissions: Vec<String>,
    /// Which events it shows: a filter [default: all]
    #[arg(long, value_name = "FILTER")]
    pub scope: Option<String>,
    /// Groups of an event that it does not show: actor, org, client, target, usage, content
    #[arg(long, value_delimiter = ',', value_name = "GROUP")]
    pub withhold: Vec<String>,
}

/// Options of `role change`.
#[derive(Debug, Args)]
pub(crate) struct RoleChangeArgs {
    /// The role's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it allows from now on, separated by commas (`role list` shows all)
    #[arg(long, value_delimiter = ',', value_name = "PERMISSION")]
    pub permissions: Option<Vec<String>>,
    /// Which events it shows from now on: a filter; '' for all
    #[arg(long, value_name = "FILTER")]
    pub scope: Option<String>,
    /// Groups of an event that it does not show from now on; '' for none
    #[arg(long, value_delimiter = ',', value_name = "GROUP")]
    pub withhold: Option<Vec<String>>,
}

/// Options of `role remove`.
#[derive(Debug, Args)]
pub(crate) struct RoleRemoveArgs {
    /// The role's name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `source …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Register us with a platform, so that it sends its events here; safe to repeat
    #[command(subcommand)]
    Setup(SourceSetupCommand),
    /// List the sources and what they have sent
    List,
    /// Remove a source; its events stay
    Remove(SourceRemoveArgs),
}

/// `source setup …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SourceSetupCommand {
    /// Make or update the webhook in Open WebUI that sends all its events here
    Openwebui(SourceSetupArgs),
}

/// Options of `source setup openwebui`.
#[derive(Debug, Args)]
pub(crate) struct SourceSetupArgs {
    /// Open WebUI's address (ours is SECUREAI_AUDIT_URL, or the server that has the data directory open)
    #[arg(id = "url", long, value_name = "URL")]
    pub url: String,
    /// A session token or API key of one of its administrators
    #[arg(long, env = "OPENWEBUI_TOKEN", hide_env_values = true)]
    pub token: String,
    /// The source's name
    #[arg(long, default_value = "main")]
    pub name: String,
    /// Where Open WebUI reaches us [default: where the server listens]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// Options of `source remove`.
#[derive(Debug, Args)]
pub(crate) struct SourceRemoveArgs {
    /// The source's name, as `source list` shows it
    pub name: String,
    /// Open WebUI's address, to remove the webhook there too
    #[arg(long, value_name = "URL", requires = "token")]
    pub openwebui_url: Option<String>,
    /// A session token or API key of one of its administrators
    #[arg(long, env = "OPENWEBUI_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// `key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print the verifier key that checks checkpoints and proofs
    Show,
    /// Make a new signing key; the old one's checkpoints stay valid
    Rotate,
}
