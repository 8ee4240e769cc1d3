//! Entry bundles: leaf data with big-endian 16-bit lengths (`c2sp.org/tlog-tiles`, "Log entries").

use crate::error::{Error, Flaw, Format};
use crate::tile::BundleId;

/// Appends one entry's leaf data to a bundle under construction.
///
/// # Errors
/// [`Error::Malformed`] with [`Flaw::Length`] if it is longer than 65,535 bytes.
pub fn push_bundle_entry(bundle: &mut Vec<u8>, leaf_data: &[u8]) -> Result<(), Error> {
    let len = u16::try_from(leaf_data.len()).map_err(|_| malformed(Flaw::Length))?;
    bundle.reserve(size_of::<u16>() + leaf_data.len());
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(leaf_data);
    Ok(())
}

/// Splits a bundle into its entries' leaf data.
///
/// # Errors
/// [`Error::Malformed`] if an entry is cut short or there are not exactly as many as the bundle is wide.
pub fn decode_bundle(id: BundleId, bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(id.width()));
    for _ in 0..id.width() {
        let (entry, after) = split_entry(rest).ok_or(malformed(Flaw::Truncated))?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(malformed(Flaw::TrailingData)) }
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

const fn malformed(flaw: Flaw) -> Error {
    Error::malformed(Format::EntryBundle, 1, flaw)
}
