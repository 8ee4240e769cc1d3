//! Verifying a running server from outside, by its tiles (`c2sp.org/tlog-tiles`).

use std::time::Instant;

use anyhow::Context as _;
use audit_tlog::{
    BundleId, Checkpoint, Frontier, Hash, Note, TilePath, TreeSize, Verifier, decode_bundle, leaf_hash,
};
use tokio::task::JoinSet;

use super::{Outcome, Verdict, read_checkpoint, read_key};
use crate::{
    api::Query,
    cli::VerifyArgs,
    commands::{Context, UsageError},
    keys::KeyStore,
    output::Bar,
};

const SCOPE: &str =
    "the tree computed again from the published leaves (the events themselves: verify on the server)";
const UNSIGNED_SCOPE: &str =
    "without --key the signature of what the server shows is not checked, so that it could show anything";

/// Entry bundles asked for at once.
const AHEAD: u64 = 16;

pub(super) async fn verify(context: &Context, args: &VerifyArgs) -> anyhow::Result<Outcome> {
    let keys = keys(context, args)?;
    if keys.is_empty() && args.checkpoint.is_some() {
        return Err(UsageError::new(
            "verify --url --checkpoint needs --key: the verifier key that `key show` prints",
        )
        .into());
    }
    let external = args.checkpoint.as_ref().map(|path| read_checkpoint(path, &keys)).transpose()?;
    let start = Instant::now();
    let api = std::sync::Arc::new(context.api()?);
    let note = api.get("/tlog/checkpoint", &Query::default()).await?.whole().await?;
    let promised = read_promise(&note, &keys).context("the server's checkpoint")?;
    let bar = Bar::counting("verifying", promised.size().get());
    let watched = external.as_ref().map_or(TreeSize::EMPTY, Checkpoint::size);
    let (root, root_at_watched) = fold(&api, promised.size(), watched, &bar).await?;
    bar.clear();
    let mut integrity = Vec::new();
    if root != *promised.root() {
        integrity.push(format!(
            "the published leaves give the root {root}, the checkpoint promises {}",
            promised.root()
        ));
    }
    let verdict = |findings| match keys.is_empty() {
        true => Verdict::of(findings).unchecked(),
        false => Verdict::of(findings),
    };
    Ok(Outcome {
        integrity: verdict(integrity),
        completeness: verdict(compare(external.as_ref(), &promised, root_at_watched)),
        entries: promised.size().get(),
        root: Some(root.to_string()),
        checkpoint_size: Some(promised.size().get()),
        unfinished_bytes: 0,
        seconds: start.elapsed().as_secs_f64(),
        scope: if keys.is_empty() { UNSIGNED_SCOPE } else { SCOPE },
    })
}

/// The key that was given, or those of the data directory that was.
fn keys(context: &Context, args: &VerifyArgs) -> anyhow::Result<Vec<Verifier>> {
    if let Some(key) = &args.key {
        return Ok(vec![read_key(key)?]);
    }
    if !context.global.data_dir_is_typed {
        return Ok(Vec::new());
    }
    let config = context.config()?.config;
    Ok(KeyStore::of(&context.data_dir()?).verifiers(&config.keys)?.unwrap_or_default())
}

/// The checkpoint that the server shows; its signature is checked when there is a key to check it with.
fn read_promise(note: &[u8], keys: &[Verifier]) -> Result<Checkpoint, audit_tlog::Error> {
    match keys.first() {
        Some(key) => Ok(Checkpoint::open(note, key.name().as_str(), keys)?.checkpoint),
        None => Note::parse(note)?.text().parse(),
    }
}

/// Computes the tree of `size` leaves from the entry bundles; also its root when it had `watched`.
async fn fold(
    api: &std::sync::Arc<crate::api::Api>,
    size: TreeSize,
    watched: TreeSize,
    bar: &Bar,
) -> anyhow::Result<(Hash, Option<Hash>)> {
    let mut frontier = Frontier::new();
    let mut root_at_watched = (watched == TreeSize::EMPTY).then(|| frontier.root());
    let mut next = 0;
    while let Some(bundles) = run_of_bundles(next, size) {
        next += bundles.len() as u64;
        for (bundle, bytes) in fetch(api, bundles).await? {
            for leaf in decode_bundle(bundle, &bytes)? {
                frontier.push(leaf_hash(leaf));
                if frontier.size() == watched {
                    root_at_watched = Some(frontier.root());
                }
            }
            bar.set(frontier.size().get());
        }
    }
    Ok((frontier.root(), root_at_watched))
}

/// The next bundles from `first` on; `None` at the end.
fn run_of_bundles(first: u64, size: TreeSize) -> Option<Vec<BundleId>> {
    let bundles: Vec<BundleId> =
        (first..first + AHEAD).map_while(|index| BundleId::in_tree(index, size)).collect();
    (!bundles.is_empty()).then_some(bundles)
}

/// Asks for several bundles at once; gives them in order.
async fn fetch(
    api: &std::sync::Arc<crate::api::Api>,
    bundles: Vec<BundleId>,
) -> anyhow::Result<Vec<(BundleId, Vec<u8>)>> {
    let mut tasks = JoinSet::new();
    for bundle in bundles {
        let api = std::sync::Arc::clone(api);
        tasks.spawn(async move {
            let path = format!("/tlog/{}", TilePath::Entries(bundle));
            let bytes = api.get(&path, &Query::default()).await?.whole().await?;
            anyhow::Ok((bundle, bytes))
        });
    }
    let mut fetched = Vec::new();
    while let Some(done) = tasks.join_next().await {
        fetched.push(done??);
    }
    fetched.sort_by_key(|(bundle, _)| bundle.index());
    Ok(fetched)
}

/// What the checkpoint kept elsewhere promises and the server does not have.
fn compare(
    external: Option<&Checkpoint>,
    promised: &Checkpoint,
    root_at_watched: Option<Hash>,
) -> Vec<String> {
    let Some(external) = external else { return Vec::new() };
    if external.size() > promised.size() {
        return vec![format!(
            "the given checkpoint promises {} events, the server has {}",
            external.size(),
            promised.size()
        )];
    }
    match root_at_watched {
        Some(root) if root == *external.root() => Vec::new(),
        _ => vec![format!("the first {} events are not those of the given checkpoint", external.size())],
    }
}
