//! `key show` and `key rotate`.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use audit_event::{ActorType, Event, Outcome, Source, Target};
use serde_json::json;

use super::Context;
use crate::{keys::KeyStore, store::Store};

/// Prints the verifier key: what an outside auditor needs besides a proof or a checkpoint.
pub(crate) fn show(context: &Context) -> anyhow::Result<ExitCode> {
    context.refuse_url("key show reads the data directory: leave --url out")?;
    let config = context.config()?.config;
    let Some(keys) = KeyStore::of(&context.data_dir()?).verifiers(&config.keys)? else {
        bail!("there is no signing key yet: the first start of `secureai-audit serve` makes it");
    };
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    if context.output.is_json() {
        context.output.json(&json!({"verifier_key": keys[0], "retired": keys[1..]}))?;
    } else {
        context.output.line(&keys[0])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a new signing key and signs the present tree with it.
pub(crate) fn rotate(context: &Context) -> anyhow::Result<ExitCode> {
    context.refuse_url("key rotate changes the data directory: stop the server and leave --url out")?;
    let config = context.config()?.config;
    ensure!(
        config.keys.signing_key.is_none(),
        "the signing key comes from keys.signing_key: replace it there, and keep its verifier key for your auditors"
    );
    let directory = context.data_dir()?;
    let (old, new) = {
        let _lock = directory.lock()?;
        let keys = KeyStore::of(&directory);
        let old = keys.signer(&config.keys)?;
        let new = keys.rotate(&old)?;
        (old.verifier().to_string(), new.verifier().to_string())
    };
    record(context, &old, &new)?;
    if context.output.is_json() {
        context.output.json(&json!({"verifier_key": new, "retired": [old]}))?;
    } else {
        context.output.line(&new)?;
        crate::output::note("give this key to your auditors; what the old one signed stays valid");
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the store, which from now on signs with the new key, and records the change.
fn record(context: &Context, old: &str, new: &str) -> anyhow::Result<()> {
    let store: Store = context.open_store()?;
    let mut event = Event::new("audit.key_rotated", Source::Internal);
    event.outcome = Outcome::Success;
    event.actor = Some(crate::store::person_at_keyboard(context.environment.login_name()));
    event.target = Some(Target { kind: Some("signing_key".into()), id: None, name: Some(new.into()) });
    event.message = Some(format!("The signing key was rotated: {new} replaces {old}").into());
    debug_assert!(event.actor.as_ref().is_some_and(|actor| actor.kind == Some(ActorType::User)));
    store.intake().record_internal(event)?;
    store.close()
}
