//! The proof beside an exported file.

use std::{
    fs::File,
    io::{BufWriter, Read as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use audit_query::export::PROOF_TITLE;

use crate::{
    cli::{ExportArgs, ExportFormat},
    commands::UsageError,
};

/// Refuses what cannot be proved before anything is written.
pub(super) fn check(args: &ExportArgs) -> Result<(), UsageError> {
    if !args.proof {
        return Ok(());
    }
    if !matches!(args.format, ExportFormat::Json | ExportFormat::Ndjson) {
        return Err(UsageError::new("--proof needs --format json or ndjson: only they hold whole events"));
    }
    if args.output == Path::new("-") {
        return Err(UsageError::new("--proof needs a file to stand beside: give -o FILE"));
    }
    Ok(())
}

/// The proof's name: that of the export and `.proof`.
pub(super) fn beside(export: &Path) -> PathBuf {
    let mut name = export.as_os_str().to_owned();
    name.push(".proof");
    PathBuf::from(name)
}

/// Removes the proof of an export that is about to be replaced: it would stand beside a file that it is not of.
pub(super) fn remove_stale(export: &Path) -> anyhow::Result<()> {
    let path = beside(export);
    let mut beginning = Vec::new();
    let is_proof = File::open(&path)
        .and_then(|file| file.take(PROOF_TITLE.len() as u64).read_to_end(&mut beginning))
        .is_ok_and(|_| beginning == PROOF_TITLE.as_bytes());
    if export.exists() && is_proof {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// A proof that is being written. It gets its name when it is whole.
pub(super) struct ProofFile {
    path: PathBuf,
    part: PathBuf,
    out: BufWriter<File>,
}

impl ProofFile {
    pub(super) fn create(export: &Path) -> anyhow::Result<Self> {
        let path = beside(export);
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = file.with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self { path, part, out: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Where its bytes go.
    pub(super) fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Makes it durable and gives it its name.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self { path, part, out } = self;
        let save = || -> std::io::Result<()> {
            out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&part, &path)
        };
        save().with_context(|| format!("cannot write {}", path.display()))
    }
}
