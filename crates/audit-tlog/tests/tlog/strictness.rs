//! One value, one spelling: what a parser accepts is, byte for byte, what is written for it.

use audit_tlog::note::KeyName;
use audit_tlog::{
    Checkpoint, InclusionProof, LeafIndex, Note, Signer, TilePath, TlogProof, TreeSize, Verifier, leaf_hash,
};
use proptest::prelude::*;

use crate::deterministic;

#[derive(Clone, Debug)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Truncate(prop::sample::Index),
}

/// Bytes that mean something to one of the formats, and any other.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(b"\n\n\n 0129+=/.xpAZ\r\t\x00\x7f\xe2\x80\x94".to_vec()), any::<u8>()]
}

fn edit() -> impl Strategy<Value = Edit> {
    use prop::sample::Index;
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        any::<Index>().prop_map(Edit::Remove),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Repeat(from, to)),
        any::<Index>().prop_map(Edit::Truncate),
    ]
}

fn edited(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match edit {
            Edit::Replace(at, byte) => bytes[at.index(len)] = *byte,
            Edit::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            Edit::Remove(at) => {
                bytes.remove(at.index(len));
            }
            Edit::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.extend(part);
            }
            Edit::Truncate(at) => bytes.truncate(at.index(len)),
        }
    }
    bytes
}

fn signer() -> Signer {
    Signer::from_seed(KeyName::new("example.com/log").expect("a name"), &[3; 32])
}

fn proof() -> TlogProof {
    let root = leaf_hash(b"root");
    let mut checkpoint = Checkpoint::new("example.com/log", TreeSize::new(10), root).expect("a valid origin");
    checkpoint.push_extension("an extension").expect("one line");
    let inclusion = InclusionProof(vec![leaf_hash(b"sibling"), root]);
    TlogProof {
        extra: Some(b"{}".to_vec()),
        index: LeafIndex::new(10),
        inclusion,
        checkpoint: checkpoint.sign(&signer()),
    }
}

proptest! {
    #![proptest_config(deterministic(4_000))]

    #[test]
    fn accepted_proof_files_are_as_written(edits in prop::collection::vec(edit(), 1..4)) {
        let bytes = edited(&proof().to_string(), &edits);
        if let Ok(proof) = TlogProof::parse(&bytes) {
            prop_assert_eq!(proof.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn accepted_notes_and_checkpoints_are_as_written(edits in prop::collection::vec(edit(), 1..4)) {
        let bytes = edited(&proof().checkpoint.to_string(), &edits);
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
            if let Ok(checkpoint) = note.text().parse::<Checkpoint>() {
                prop_assert_eq!(checkpoint.to_string(), note.text());
            }
        }
    }

    #[test]
    fn accepted_keys_are_as_written(edits in prop::collection::vec(edit(), 1..4)) {
        let bytes = edited(&signer().verifier().to_string(), &edits);
        let text = str::from_utf8(&bytes).unwrap_or_default();
        if let Ok(key) = text.parse::<Verifier>() {
            prop_assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn accepted_tile_paths_are_as_written(
        start in prop::sample::select(vec!["tile/0/x001/x234/067.p/8", "tile/entries/x001/000", "tile/7/000"]),
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let bytes = edited(start, &edits);
        let text = str::from_utf8(&bytes).unwrap_or_default();
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }
}
