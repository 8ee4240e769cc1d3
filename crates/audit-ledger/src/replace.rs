//! Replacing entries' bytes by others that commit to the same: how personal data is erased while every proof
//! stays valid.

use std::collections::BTreeMap;

use audit_tlog::LeafIndex;

use crate::core::Core;
use crate::error::{Error, Flaw};
use crate::files::leaves_durability_unknown;
use crate::frame::{EncodedFrame, Frame, FrameBuilder, Packing};
use crate::segment::SegmentWriter;
use crate::store::Place;

/// New bytes for entries, by index.
type Replacements<'a> = BTreeMap<u64, &'a [u8]>;

/// Replaces the entries, segment by segment; each segment is replaced whole or not at all.
pub(crate) fn replace(core: &Core, replacements: &[(LeafIndex, &[u8])]) -> Result<(), Error> {
    let replacements: Replacements<'_> =
        replacements.iter().map(|(index, bytes)| (index.get(), *bytes)).collect();
    let _alone = core.sealing.lock();
    if let Some(refusal) = core.queue.refusal() {
        return Err(refusal);
    }
    for (index, bytes) in &replacements {
        check(core, *index, bytes)?;
    }
    let segment_entries = u64::from(core.config.segment_entries);
    let mut rest = replacements;
    while let Some(first) = rest.first_key_value().map(|(index, _)| index - index % segment_entries) {
        let later = rest.split_off(&(first + segment_entries));
        rewrite(core, first, &rest).inspect_err(|error| {
            if leaves_durability_unknown(error) {
                core.poison(error);
            }
        })?;
        rest = later;
    }
    Ok(())
}

/// Refuses bytes that have not the leaf data of the entry they are to replace.
fn check(core: &Core, index: u64, bytes: &[u8]) -> Result<(), Error> {
    let at = LeafIndex::new(index);
    let frame = core.store.frame(index, false)?;
    if matches!(core.store.place(index)?, Place::Wal(_)) {
        return Err(Error::NotSealed { index: at });
    }
    let leaf_of = |entry: &[u8]| {
        let mut leaf = Vec::new();
        (core.environment.leaf_fn)(entry, &mut leaf).ok().map(|()| leaf)
    };
    let old = frame.get(at).and_then(leaf_of);
    let same = old.is_some() && old == leaf_of(bytes);
    let fits = bytes.len() <= core.config.max_entry_bytes;
    if same && fits { Ok(()) } else { Err(Error::LeafDiffers { index: at }) }
}

/// Writes a segment anew with some of its entries replaced, and puts it in the old one's place.
///
/// Died before the rename: the old segment stands. Died after it: either, until the directory is synced.
fn rewrite(core: &Core, first: u64, replacements: &Replacements<'_>) -> Result<(), Error> {
    let store = &core.store;
    let old = store.open_segment(first)?;
    let mut new = SegmentWriter::create(&*store.disk, old.path(), first, old.summary.count)?;
    for place in &old.frames {
        let (header, stored) = old.read(place)?;
        let dictionary = old.dictionary(header.dictionary, &store.codec.dictionaries)?;
        let start = first + u64::from(place.at);
        let damaged = |flaw| Error::damage(old.path(), place.offset, Some(start), flaw);
        let concerned = replacements.range(start..start + u64::from(place.count)).next().is_some();
        if concerned {
            let entries = store.codec.decode(&header, stored, dictionary.as_deref()).map_err(damaged)?;
            let frame = Frame::new(start, entries.into());
            let EncodedFrame { header, stored, .. } = with_replacements(core, &frame, replacements);
            new.push(header, &stored, &store.codec.dictionaries)?;
        } else if header.checksum(&stored) == header.crc {
            new.push(header, &stored, &store.codec.dictionaries)?;
        } else {
            return Err(damaged(Flaw::Checksum));
        }
    }
    // The tree stays: replaced entries have the leaf data they had.
    store.rewritten(new.finish(&old.blocks, old.summary.times_us)?);
    tracing::info!(segment.first = first, segment.replaced = replacements.len(), "replaced entries");
    Ok(())
}

fn with_replacements(core: &Core, frame: &Frame, replacements: &Replacements<'_>) -> EncodedFrame {
    let mut builder = FrameBuilder::default();
    for (index, entry) in frame.iter() {
        builder.push(replacements.get(&index.get()).copied().unwrap_or(entry));
    }
    builder.encode(&core.store.codec, Packing::Always)
}
