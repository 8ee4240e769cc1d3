//! The sealer: turns full WAL files into segments, and trains dictionaries.

use std::sync::Arc;
use std::time::Duration;

use audit_tlog::LeafIndex;
use bytes::Bytes;

use crate::core::Core;
use crate::dictionary::Dictionary;
use crate::error::{Error, Flaw};
use crate::files::{leaves_durability_unknown, replace_file};
use crate::frame::{EncodedFrame, FrameBuilder, Packing};
use crate::segment::SegmentWriter;
use crate::wal::WalPart;

/// A dictionary is looked for again when frames take this much more than right after it was made.
const WORSE: f64 = 1.04;
/// A new dictionary must save this much to take the place of the old one.
const BETTER: f64 = 0.97;
/// Frames that a new dictionary is tried on.
const TRIAL_FRAMES: usize = 16;
/// Longest sample a dictionary is trained on; longer ones teach it little.
const SAMPLE_BYTES: usize = 4 << 10;
/// Pause before work that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How well the current dictionary does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ratio {
    /// Stored bytes per payload byte in the first segment since the dictionary was chosen.
    baseline: Option<f64>,
    /// WAL file that the first dictionary was last tried to be trained on, and whether it was full.
    last_attempt: Option<(u64, bool)>,
}

/// Seals every full WAL file, and trains a dictionary if there is none and enough to learn from.
pub(crate) fn work(core: &Core, ratio: &mut Ratio) -> Result<(), Error> {
    let _alone = core.sealing.lock();
    let result = work_alone(core, ratio);
    result.inspect_err(|error| {
        let reads_were_damaged = matches!(error, Error::Damage(_));
        if leaves_durability_unknown(error) || reads_were_damaged {
            core.poison(error);
        }
    })
}

fn work_alone(core: &Core, ratio: &mut Ratio) -> Result<(), Error> {
    if core.is_poisoned() {
        return Ok(());
    }
    if core.store.codec.dictionaries.current().is_none() {
        train_first(core, ratio)?;
    }
    while let Some(part) = core.store.full_part() {
        let measured = seal(core, &part)?;
        let worse = ratio.baseline.is_some_and(|baseline| measured > baseline * WORSE);
        let replaced = worse && train(core, part.first, part.entries(), true)?;
        if worse || ratio.baseline.is_none() {
            ratio.baseline = (!replaced).then_some(measured);
        }
    }
    Ok(())
}

/// Writes the segment of a full WAL file, then removes the WAL file; returns stored bytes per payload byte.
///
/// Died before the segment has its name: the WAL file is still all there is. Died between: both are there,
/// the WAL file is removed when the ledger is opened.
fn seal(core: &Core, part: &Arc<WalPart>) -> Result<f64, Error> {
    let (store, disk) = (&core.store, &*core.store.disk);
    let table = part.snapshot();
    let path = store.files.segment(part.first);
    let mut writer = SegmentWriter::create(disk, &path, part.first, core.config.segment_entries)?;
    let mut loose = FrameBuilder::default();
    for place in &table.frames {
        let (header, stored) = part.read(place)?;
        let index = part.first + u64::from(place.at);
        let damaged = |flaw| Error::damage(&part.path, place.offset, Some(index), flaw);
        // Once per ledger there are frames from before the first dictionary: they gain a seventh.
        let would_gain = header.dictionary == 0 && store.codec.dictionaries.current().is_some();
        if header.is_worth_keeping() && !would_gain {
            if header.checksum(&stored) != header.crc {
                return Err(damaged(Flaw::Checksum));
            }
            put_loose(core, &mut writer, &mut loose)?;
            writer.push(header, &stored, &store.codec.dictionaries)?;
            continue;
        }
        let entries = store.decode_known(&header, stored).map_err(damaged)?;
        for at in 0..entries.len() {
            loose.push(entries.get(at));
            if loose.is_full() {
                put_loose(core, &mut writer, &mut loose)?;
            }
        }
    }
    put_loose(core, &mut writer, &mut loose)?;
    let (stored, payload) = writer.ratio();
    let summary = writer.finish(&table.blocks, table.times_us.unwrap_or_default())?;
    store.sealed(summary);
    if let Err(error) = disk.remove(&part.path) {
        tracing::warn!(file = %part.path.display(), error = %error, "cannot remove a sealed WAL file; it is removed at the next start");
    }
    tracing::debug!(segment.first = summary.first, segment.bytes = summary.file_len, "sealed a segment");
    #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes, to a few digits")]
    Ok(stored as f64 / payload.max(1) as f64)
}

/// Writes the frame of entries gathered from small frames.
fn put_loose(core: &Core, writer: &mut SegmentWriter<'_>, loose: &mut FrameBuilder) -> Result<(), Error> {
    if loose.is_empty() {
        return Ok(());
    }
    let EncodedFrame { header, stored, .. } = loose.encode(&core.store.codec, Packing::Always);
    writer.push(header, &stored, &core.store.codec.dictionaries)
}

// --- dictionaries

/// Trains the first dictionary once there are four times as many entries as samples are wanted, or a segment
/// is full.
fn train_first(core: &Core, ratio: &mut Ratio) -> Result<(), Error> {
    for part in core.store.parts() {
        let (entries, wanted) = (part.entries(), core.config.dictionary_samples as u64);
        let is_full = entries == u64::from(core.config.segment_entries);
        let enough = entries >= enough_to_train(core) || (is_full && entries * 4 >= wanted);
        let attempt = Some((part.first, is_full));
        if enough && ratio.last_attempt != attempt {
            ratio.last_attempt = attempt;
            return train(core, part.first, entries, false).map(|_| ());
        }
    }
    Ok(())
}

/// Entries of a WAL file from which the first dictionary is trained.
pub(crate) const fn enough_to_train(core: &Core) -> u64 {
    core.config.dictionary_samples as u64 * 4
}

/// Trains a dictionary on entries spread over the `count` from `first` on, stores it, and uses it from then
/// on; if there is one already, only if the new one is better. Returns whether it is used.
fn train(core: &Core, first: u64, count: u64, must_be_better: bool) -> Result<bool, Error> {
    let codec = &core.store.codec;
    let (samples, payloads) = samples(core, first, count)?;
    let samples: Vec<&[u8]> = samples.iter().map(Bytes::as_ref).collect();
    let Some(candidate) = Dictionary::train(codec.dictionaries.next_id(), &samples) else {
        return Ok(false);
    };
    if must_be_better && !is_better(core, &candidate, &payloads) {
        return Ok(false);
    }
    // Stored before it is used: a WAL frame that names it can always be read.
    let path = core.store.files.dictionary(candidate.id());
    replace_file(&*core.store.disk, &path, &candidate.encode())?;
    tracing::debug!(dictionary.id = candidate.id(), "a new compression dictionary");
    codec.dictionaries.use_for_new(Arc::new(candidate));
    Ok(true)
}

/// Entries at even distances, and some whole payloads to try a dictionary on.
fn samples(core: &Core, first: u64, count: u64) -> Result<(Vec<Bytes>, Vec<Bytes>), Error> {
    let step = (count / (core.config.dictionary_samples as u64).max(1)).max(1);
    let (mut samples, mut payloads) = (Vec::new(), Vec::new());
    let mut frame = core.store.frame(first, false)?;
    for nth in 0..count / step {
        let index = LeafIndex::new(first + nth * step);
        if frame.get(index).is_none() {
            frame = core.store.frame(index.get(), false)?;
            if payloads.len() < TRIAL_FRAMES {
                payloads.push(frame.payload());
            }
        }
        let entry = frame.get_bytes(index).unwrap_or_default();
        samples.push(entry.slice(..entry.len().min(SAMPLE_BYTES)));
    }
    Ok((samples, payloads))
}

/// Whether the candidate packs the payloads clearly smaller than the current dictionary does.
fn is_better(core: &Core, candidate: &Dictionary, payloads: &[Bytes]) -> bool {
    let codec = &core.store.codec;
    let current = codec.dictionaries.current();
    let packed = |dictionary: Option<&Dictionary>| -> usize {
        let len = |payload: &Bytes| {
            codec.compress(payload, dictionary).map_or(payload.len(), |packed| packed.len())
        };
        payloads.iter().map(len).sum()
    };
    #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes, to a few digits")]
    let (new, old) = (packed(Some(candidate)) as f64, packed(current.as_deref()) as f64);
    new < old * BETTER
}

/// The sealer's thread: until the ledger closes.
pub(crate) fn run(core: &Core) {
    let mut ratio = Ratio::default();
    let mut failing = false;
    while core.seal_signal.wait(if failing { RETRY } else { Duration::from_secs(3600) }) {
        match work(core, &mut ratio) {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    tracing::error!(error = %error, "cannot seal a segment; its entries stay in the WAL");
                }
                failing = true;
            }
        }
    }
}
