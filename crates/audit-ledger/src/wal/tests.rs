use std::path::Path;
use std::sync::Arc;

use audit_tlog::Frontier;
use proptest::prelude::*;

use super::*;
use crate::disk::{Disk as _, SimDisk};
use crate::error::{Error, Flaw};
use crate::files::Files;
use crate::frame::{Codec, Frame, FrameBuilder, Packing};
use crate::ledger::BadEntry;
use crate::store::Store;

const SALT: u64 = 0x5a17_5a17_5a17_5a17;
const FIRST: u64 = 0;

#[expect(clippy::unnecessary_wraps, reason = "a leaf function may fail")]
fn leaf_fn(entry: &[u8], leaf: &mut Vec<u8>) -> Result<(), BadEntry> {
    leaf.extend_from_slice(entry);
    Ok(())
}

/// A WAL file of records with so many entries each, and where each record ends.
fn wal(records: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let mut file = FileHeader { first: FIRST, salt: SALT }.to_bytes().to_vec();
    let codec = Codec::default();
    let (mut next, mut ends) = (FIRST, vec![file.len()]);
    for count in records {
        let mut builder = FrameBuilder::default();
        (0..*count as u64).for_each(|nth| builder.push(format!("entry {}", next + nth).as_bytes()));
        let frame = builder.encode(&codec, Packing::IfWorthwhile);
        encode_record(&mut file, SALT, next, 7, &[frame]);
        next += *count as u64;
        ends.push(file.len());
    }
    (file, ends)
}

/// What is recovered from a file: the entries and the bytes torn off.
fn recovered(file: &[u8]) -> Result<Option<(Vec<String>, u64)>, Error> {
    let disk = SimDisk::new(0);
    let files = Files::new(Path::new("/l"));
    files.sub_dirs().iter().for_each(|dir| disk.create_dir(dir).expect("made"));
    let path = files.wal(FIRST);
    disk.put(&path, file);
    let store = Store::new(files, Arc::new(disk), leaf_fn, 1 << 10, 0, 0);
    let mut entries = Vec::new();
    let mut keep = |frame: Frame| {
        entries.extend(frame.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()));
    };
    let found = recover(&store, &path, FIRST, &mut Frontier::new(), &mut keep)?;
    Ok(found.map(|found| (entries, found.torn_bytes)))
}

fn first_entries(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("entry {nth}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_prefix_recovers_to_the_records_that_are_whole(
        records in prop::collection::vec(1..=50usize, 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (file, ends) = wal(&records);
        let len = cut.index(file.len() + 1);
        let whole = ends.iter().filter(|end| **end <= len).count();
        let expected = (whole > 0).then(|| {
            let entries = records[..whole - 1].iter().sum();
            (first_entries(entries), (len - ends[whole - 1]) as u64)
        });
        prop_assert_eq!(recovered(&file[..len]).expect("no damage"), expected);
    }

    #[test]
    fn garbage_after_the_last_record_is_torn_off(
        records in prop::collection::vec(1..=50usize, 1..4),
        garbage in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let (mut file, _) = wal(&records);
        file.extend_from_slice(&garbage);
        let found = recovered(&file).expect("no damage");
        prop_assert_eq!(found, Some((first_entries(records.iter().sum()), garbage.len() as u64)));
    }

    #[test]
    fn a_flipped_bit_before_a_later_record_is_damage_at_its_record(
        records in prop::collection::vec(1..=50usize, 2..5),
        place in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let (mut file, ends) = wal(&records);
        let last_start = ends[ends.len() - 2];
        let at = FILE_HEADER_LEN + place.index(last_start - FILE_HEADER_LEN);
        file[at] ^= 1 << bit;
        let Err(Error::Damage(damage)) = recovered(&file) else {
            return Err(TestCaseError::fail("must be refused"));
        };
        let record = ends.iter().rposition(|end| *end <= at).expect("after the header");
        prop_assert_eq!(damage.offset, ends[record] as u64);
        prop_assert_eq!(damage.index.map(|index| index.get()), Some(records[..record].iter().sum::<usize>() as u64));
    }
}

#[test]
fn a_record_inside_an_entry_does_not_pass_for_one() {
    let (inner, ends) = wal(&[3]);
    let stolen = &inner[ends[0]..];
    let mut file = FileHeader { first: FIRST, salt: SALT + 1 }.to_bytes().to_vec();
    let mut builder = FrameBuilder::default();
    builder.push(stolen);
    encode_record(&mut file, SALT + 1, FIRST, 7, &[builder.encode(&Codec::default(), Packing::Never)]);
    // Torn so that the outer record is bad, the bytes of the entry inside it whole.
    file[FILE_HEADER_LEN + 1] ^= 1;
    let len = file.len() as u64;
    assert_eq!(recovered(&file).expect("a torn tail"), Some((vec![], len - FILE_HEADER_LEN as u64)));
}

#[test]
fn a_damaged_file_header_is_refused_once_there_are_records() {
    let (mut file, _) = wal(&[3]);
    file[9] ^= 1;
    let Err(Error::Damage(damage)) = recovered(&file) else { panic!("must be refused") };
    assert_eq!((damage.offset, damage.flaw), (0, Flaw::Header));
    assert_eq!(recovered(&file[..FILE_HEADER_LEN]).expect("never finished"), None);
}
