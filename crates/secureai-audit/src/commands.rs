//! One file a command.

mod bench;
mod break_glass;
mod completions;
mod config;
mod doctor;
mod export;
mod import;
mod key;
mod proof;
mod ready;
mod reconcile;
mod reindex;
mod role;
mod search;
mod serve;
mod source;
mod stats;
mod tail;
mod token;
mod verify;

use std::{fmt, process::ExitCode};

use crate::{
    api::{Api, Local, Remote},
    cli::{Cli, Command, Global, KeyCommand, ProofCommand},
    config::{Config, Loaded},
    data_dir::DataDir,
    environment::Environment,
    output::Output,
    store::Store,
};

/// What the index may keep for work that goes through everything once, in MiB.
const ONE_PASS_CACHE_MIB: u32 = 16;

/// What a command was given besides its own options.
pub(crate) struct Context {
    pub global: Global,
    pub environment: Environment,
    pub output: Output,
}

/// The command line asks for what cannot be: exit status 2.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl UsageError {
    /// With one line that says what to write instead.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl Context {
    /// The configuration.
    pub(crate) fn config(&self) -> anyhow::Result<Loaded> {
        Ok(Config::load(self.global.config.as_deref(), &self.global.data_dir, &self.environment)?)
    }

    /// The data directory, which must exist.
    pub(crate) fn data_dir(&self) -> anyhow::Result<DataDir> {
        DataDir::open(&self.global.data_dir)
    }

    /// Opens the data directory for this process alone.
    pub(crate) fn open_store(&self) -> anyhow::Result<Store> {
        let config = self.config()?.config;
        self.data_dir()?;
        Store::open(&config, &self.global.data_dir)
    }

    /// As [`Context::open_store`], for what goes through everything once and needs nothing of it again: an index that
    /// keeps what it has read would only make the process larger with the store.
    pub(crate) fn open_store_for_one_pass(&self) -> anyhow::Result<Store> {
        let mut config = self.config()?.config;
        config.index.cache_mib = config.index.cache_mib.min(ONE_PASS_CACHE_MIB);
        self.data_dir()?;
        Store::open(&config, &self.global.data_dir)
    }

    /// The server of `--url`, or the data directory.
    pub(crate) fn api(&self) -> anyhow::Result<Api> {
        match &self.global.url {
            Some(url) => {
                Ok(Api::Remote(Remote::new(url, self.global.ca_file.as_deref(), &self.environment)?))
            }
            None => {
                let store = self.open_store()?;
                Ok(Api::Local(Box::new(Local::new(store, self.environment.login_name())?)))
            }
        }
    }

    /// Refuses `--url` for what only works on files.
    pub(crate) fn refuse_url(&self, why: &str) -> anyhow::Result<()> {
        match self.global.url {
            Some(_) if !self.global.url_is_typed => {
                Err(UsageError::new(format!("{why} (SECUREAI_AUDIT_URL is set: --data-dir goes before it)"))
                    .into())
            }
            Some(_) => Err(UsageError::new(why).into()),
            None => Ok(()),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let output = Output::new(cli.global.json);
    let context = Context { global: cli.global, environment: Environment::capture(), output };
    match cli.command {
        Command::Serve(args) => serve::run(&context, &args).await,
        Command::Import(args) => import::run(&context, &args).await,
        Command::Search(args) => search::run(&context, &args).await,
        Command::Tail(args) => tail::run(&context, &args).await,
        Command::Export(args) => export::run(&context, &args).await,
        Command::Stats(args) => stats::run(&context, &args).await,
        Command::Verify(args) => verify::run(&context, &args).await,
        Command::Proof(ProofCommand::Get(args)) => proof::get(&context, &args).await,
        Command::Proof(ProofCommand::Verify(args)) => proof::verify(&context, &args),
        Command::Reindex(_) => reindex::run(&context),
        Command::Token(command) => token::run(&context, &command).await,
        Command::BreakGlass(command) => break_glass::run(&context, &command).await,
        Command::Role(command) => role::run(&context, &command).await,
        Command::Source(command) => source::run(&context, &command).await,
        Command::Key(KeyCommand::Show) => key::show(&context),
        Command::Key(KeyCommand::Rotate) => key::rotate(&context),
        Command::Config(command) => config::run(&context, &command),
        Command::Ready => ready::run(&context).await,
        Command::Doctor => doctor::run(&context).await,
        Command::Reconcile(args) => reconcile::run(&context, &args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Bench(args) => bench::run(&context, &args),
    }
}
