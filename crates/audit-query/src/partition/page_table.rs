//! A table from hashes to the pages that hold them: says where to look for a word or an identifier.
//!
//! It answers with every page that holds the value, and rarely with one that does not: of a hash it keeps a
//! bucket and a fingerprint. Layout, numbers little-endian:
//!
//! - fingerprint bytes (1 or 2): `u8`; number of buckets: `u32`
//! - for each bucket where its entries begin, and the end of the last: `u32`, counted from the first entry
//! - the entries, bucket by bucket: fingerprint, then the page (`u8` below 64), or 255 and a set of pages (`u64`)

use crate::Error;
use std::borrow::Cow;
use std::ops::Range;

/// A set of pages of one partition, one bit each.
pub(crate) type PageSet = u64;

/// Entries of a bucket on average: few enough to read at once, enough that the buckets' own share is small.
const BUCKET_ENTRIES: usize = 24;

const HEADER_BYTES: usize = 5;
const SEVERAL: u8 = 255;

/// The table of these hashes, in any order and at most once each.
pub(crate) fn build(mut entries: Vec<(u64, PageSet)>, fingerprint_bytes: u8) -> Vec<u8> {
    let buckets = u32::try_from(entries.len().div_ceil(BUCKET_ENTRIES).max(1)).expect("few buckets");
    entries.sort_unstable_by_key(|(hash, _)| *hash);
    let mut starts = Vec::with_capacity(buckets as usize + 1);
    let mut packed: Vec<u8> = Vec::with_capacity(entries.len() * 4);
    let end_of = |packed: &[u8]| u32::try_from(packed.len()).expect("a table is below 4 GiB");
    let mut rest = entries.as_slice();
    for bucket in 0..buckets {
        starts.push(end_of(&packed));
        let length = rest.iter().take_while(|(hash, _)| bucket_of(*hash, buckets) == bucket).count();
        let (these, others) = rest.split_at(length);
        these.iter().for_each(|(hash, pages)| put_entry(*hash, *pages, fingerprint_bytes, &mut packed));
        rest = others;
    }
    starts.push(end_of(&packed));
    let mut table = vec![fingerprint_bytes];
    table.extend_from_slice(&buckets.to_le_bytes());
    starts.iter().for_each(|start| table.extend_from_slice(&start.to_le_bytes()));
    table.extend_from_slice(&packed);
    table
}

fn put_entry(hash: u64, pages: PageSet, fingerprint_bytes: u8, packed: &mut Vec<u8>) {
    packed.extend_from_slice(&hash.to_le_bytes()[..usize::from(fingerprint_bytes)]);
    if pages.count_ones() == 1 {
        packed.push(pages.trailing_zeros().to_le_bytes()[0]);
    } else {
        packed.push(SEVERAL);
        packed.extend_from_slice(&pages.to_le_bytes());
    }
}

/// The bucket is taken from a hash's high bits (so sorted hashes are in bucket order), the fingerprint from its
/// low ones.
fn bucket_of(hash: u64, buckets: u32) -> u32 {
    u32::try_from(((hash >> 32) * u64::from(buckets)) >> 32).expect("below the number of buckets")
}

/// The pages that may hold `hash`. `read` gives a span of the table's bytes.
pub(crate) fn pages<'a>(
    hash: u64,
    mut read: impl FnMut(Range<u64>) -> Result<Cow<'a, [u8]>, Error>,
) -> Result<PageSet, Error> {
    let header = read(0..HEADER_BYTES as u64)?;
    let fingerprint_bytes = usize::from(header[0]);
    let buckets = number(&header[1..5]);
    let bucket = u64::from(bucket_of(hash, buckets));
    let starts_at = HEADER_BYTES as u64 + 4 * bucket;
    let bounds = read(starts_at..starts_at + 8)?;
    let (start, end) = (u64::from(number(&bounds[..4])), u64::from(number(&bounds[4..8])));
    let entries_at = HEADER_BYTES as u64 + 4 * (u64::from(buckets) + 1);
    let entries = read(entries_at + start..entries_at + end)?;
    let wanted = &hash.to_le_bytes()[..fingerprint_bytes];
    Ok(search(&entries, wanted).unwrap_or(PageSet::MAX))
}

/// The pages of all entries with this fingerprint; `None` if the entries make no sense.
fn search(mut entries: &[u8], wanted: &[u8]) -> Option<PageSet> {
    let mut found = 0;
    while !entries.is_empty() {
        let (fingerprint, rest) = entries.split_at_checked(wanted.len())?;
        let (page, rest) = rest.split_first()?;
        let (pages, rest) = match *page {
            SEVERAL => {
                let (pages, rest) = rest.split_first_chunk::<8>()?;
                (PageSet::from_le_bytes(*pages), rest)
            }
            page => (1_u64.checked_shl(u32::from(page))?, rest),
        };
        if fingerprint == wanted {
            found |= pages;
        }
        entries = rest;
    }
    Some(found)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: u64, fingerprint_bytes: u8, wrong_at_most: usize) {
        let hash = |n: u64| (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let pages_of =
            |n: u64| if n.is_multiple_of(5) { 0x8000_0000_0000_0001 >> (n % 3) } else { 1 << (n % 64) };
        let table = build((0..count).map(|n| (hash(n), pages_of(n))).collect(), fingerprint_bytes);
        let at = |position: u64| usize::try_from(position).expect("in memory");
        let read = |range: Range<u64>| Ok(Cow::Borrowed(&table[at(range.start)..at(range.end)]));
        for n in 0..count {
            let found = pages(hash(n), read).expect("readable");
            assert_eq!(found & pages_of(n), pages_of(n), "no page is missing");
        }
        let wrong = (count..count + 10_000).filter(|n| pages(hash(*n), read).expect("readable") != 0).count();
        assert!(wrong <= wrong_at_most, "{wrong} of 10,000 absent hashes were not ruled out");
    }

    #[test]
    fn every_page_is_found_and_few_others() {
        check(0, 2, 0);
        check(1, 2, 1);
        check(20_000, 2, 20);
        check(20_000, 1, 1500);
    }

    #[test]
    fn senseless_entries_rule_nothing_out() {
        assert_eq!(search(&[1, 2], &[1, 2]), None);
        assert_eq!(search(&[1, 2, 70], &[1, 2]), None);
    }
}
