//! Verifying the files.

use std::{ops::ControlFlow, sync::OnceLock, time::Instant};

use anyhow::Context as _;
use audit_ledger::{
    disk::RealDisk,
    fsck::{self, Finding, Question, fsck},
};
use audit_pipeline::intake::leaf_of_entry;

use super::{Outcome, Verdict, read_checkpoint, read_key};
use crate::{cli::VerifyArgs, commands::Context, keys::KeyStore, output::Bar};

pub(super) fn verify(context: &Context, args: &VerifyArgs) -> anyhow::Result<Outcome> {
    let directory = context.data_dir()?;
    let keys = match &args.key {
        Some(key) => vec![read_key(key)?],
        None => {
            let config = context.config()?.config;
            KeyStore::of(&directory).verifiers(&config.keys)?.unwrap_or_default()
        }
    };
    let external = args.checkpoint.as_ref().map(|path| read_checkpoint(path, &keys)).transpose()?;
    let question = Question {
        dir: &directory.ledger(),
        leaf_fn: leaf_of_entry,
        keys: &keys,
        external: external.as_ref(),
        threads: 0,
    };
    let bar = OnceLock::new();
    let progress = |done, total| {
        bar.get_or_init(|| Bar::counting("verifying", total)).set(done);
        ControlFlow::Continue(())
    };
    let start = Instant::now();
    let report = fsck(&RealDisk, &question, &progress).context("cannot verify")?;
    if let Some(bar) = bar.get() {
        bar.clear();
    }
    Ok(Outcome {
        integrity: verdict(&report.integrity),
        completeness: verdict(&report.completeness),
        entries: report.entries,
        root: report.root.map(|root| root.to_string()),
        checkpoint_size: report.checkpoint.as_ref().map(|checkpoint| checkpoint.size().get()),
        unfinished_bytes: report.unfinished_bytes,
        seconds: start.elapsed().as_secs_f64(),
        scope: "every byte read again, every hash computed again",
    })
}

fn verdict(verdict: &fsck::Verdict) -> Verdict {
    match verdict {
        fsck::Verdict::Sound => Verdict::of(Vec::new()),
        fsck::Verdict::Broken(findings) => Verdict::of(findings.iter().map(describe).collect()),
    }
}

fn describe(finding: &Finding) -> String {
    match finding {
        Finding::Damage(damage) => damage.to_string(),
        Finding::Contradiction(contradiction) => contradiction.to_string(),
        other => format!("{other:?}"),
    }
}
