use proptest::prelude::*;

use super::*;
use crate::frame::FrameBuilder;

fn encode(codec: &Codec, entries: &[Vec<u8>], packing: Packing) -> EncodedFrame {
    let mut builder = FrameBuilder::default();
    entries.iter().for_each(|entry| builder.push(entry));
    builder.encode(codec, packing)
}

fn decode(codec: &Codec, header: &FrameHeader, stored: Bytes) -> Result<Vec<Vec<u8>>, Flaw> {
    let dictionary = codec.dictionaries.get(header.dictionary);
    let entries = codec.decode(header, stored, dictionary.as_deref())?;
    Ok((0..entries.len()).map(|at| entries.get(at).to_vec()).collect())
}

fn similar_entries(count: usize) -> Vec<Vec<u8>> {
    let entry =
        |nth: usize| format!(r#"{{"action":"auth.login","actor":"user-{}","id":"{nth:08x}"}}"#, nth % 7);
    (0..count).map(|nth| entry(nth).into_bytes()).collect()
}

fn trained(entries: &[Vec<u8>]) -> Dictionary {
    let samples: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    Dictionary::train(1, &samples).expect("enough to learn from")
}

proptest! {
    #[test]
    fn every_packing_gives_the_entries_back(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..=FRAME_ENTRIES),
        packing in prop::sample::select(vec![Packing::Always, Packing::Never, Packing::IfWorthwhile]),
    ) {
        let codec = Codec::default();
        let frame = encode(&codec, &entries, packing);
        let header = FrameHeader::decode(&frame.header.to_bytes()).expect("what was encoded");
        prop_assert_eq!(header, frame.header);
        prop_assert_eq!(decode(&codec, &header, frame.stored), Ok(entries));
    }

    #[test]
    fn any_changed_bit_is_refused(position in any::<prop::sample::Index>(), bit in 0..8u8, packed in any::<bool>()) {
        let codec = Codec::default();
        let packing = if packed { Packing::Always } else { Packing::Never };
        let mut bytes = Vec::new();
        encode(&codec, &similar_entries(40), packing).write_to(&mut bytes);
        let at = position.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (header, stored) = bytes.split_first_chunk::<HEADER_LEN>().expect("a header");
        let decoded = FrameHeader::decode(header).and_then(|header| {
            decode(&codec, &header, Bytes::copy_from_slice(stored))
        });
        prop_assert!(decoded.is_err());
    }
}

#[test]
fn a_dictionary_makes_frames_smaller_and_is_needed_to_read_them() {
    let entries = similar_entries(2_000);
    let codec = Codec::default();
    let plain = encode(&codec, &entries[..64], Packing::Always);
    let dictionary = trained(&entries);
    let stored = Dictionary::decode(&dictionary.encode()).expect("what was encoded");
    assert_eq!(stored.bytes(), dictionary.bytes());
    codec.dictionaries.use_for_new(stored.into());
    let packed = encode(&codec, &entries[..64], Packing::Always);
    assert!(packed.stored.len() < plain.stored.len());
    assert_eq!(decode(&codec, &packed.header, packed.stored.clone()), Ok(entries[..64].to_vec()));
    assert_eq!(decode(&Codec::default(), &packed.header, packed.stored), Err(Flaw::Dictionary));
}

#[test]
fn a_damaged_dictionary_file_is_refused() {
    let file = trained(&similar_entries(2_000)).encode();
    for at in (0..file.len()).step_by(97) {
        let mut damaged = file.clone();
        damaged[at] ^= 4;
        assert!(Dictionary::decode(&damaged).is_err(), "byte {at}");
    }
    assert!(matches!(Dictionary::decode(&file[..file.len() - 1]), Err(Flaw::Truncated)));
}

#[test]
fn few_short_entries_are_left_for_the_sealer() {
    let codec = Codec::default();
    let few = encode(&codec, &similar_entries(5), Packing::IfWorthwhile);
    assert!(!few.header.is_compressed());
    let many = encode(&codec, &similar_entries(40), Packing::IfWorthwhile);
    assert!(many.header.is_worth_keeping());
}
