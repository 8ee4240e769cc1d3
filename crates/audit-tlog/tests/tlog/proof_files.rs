//! Proof files (c2sp.org/tlog-proof).

use audit_tlog::note::KeyName;
use audit_tlog::{
    Checkpoint, Error, Flaw, Format, Frontier, LeafIndex, Signer, TlogProof, TreeSize, inclusion_proof,
    leaf_hash,
};

use crate::naive::NaiveTree;

const ORIGIN: &str = "example.com/log";

/// Entry 2 of 5 in the log of decimal numbers.
fn issued(extra: Option<&[u8]>) -> (TlogProof, Signer) {
    let tree = NaiveTree::of_size(5);
    let size = TreeSize::new(5);
    let signer = Signer::from_seed(KeyName::new(ORIGIN).expect("a name"), &[1; 32]);
    let frontier = Frontier::read(size, &tree).expect("in the tree");
    let checkpoint = Checkpoint::new(ORIGIN, size, frontier.root()).expect("a valid origin");
    let index = LeafIndex::new(2);
    let proof = TlogProof {
        extra: extra.map(<[u8]>::to_vec),
        index,
        inclusion: inclusion_proof(index, size, &tree).expect("in the tree"),
        checkpoint: checkpoint.sign(&signer),
    };
    (proof, signer)
}

#[test]
fn a_proof_file_has_the_specified_lines() {
    let (proof, _) = issued(Some(b"context"));
    let text = proof.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["c2sp.org/tlog-proof@v1", "extra Y29udGV4dA==", "index 2"]);
    let hashes: Vec<String> = proof.inclusion.0.iter().map(ToString::to_string).collect();
    assert_eq!(lines[3..6], hashes);
    assert_eq!(lines[6..9], ["", ORIGIN, "5"]);
    assert!(text.ends_with(&format!("\n\n{}", proof.checkpoint)));
}

#[test]
fn a_proof_file_is_read_back() {
    for extra in [None, Some(b"".as_slice()), Some(b"context")] {
        let (proof, _) = issued(extra);
        assert_eq!(TlogProof::parse(proof.to_string().as_bytes()), Ok(proof));
    }
}

#[test]
fn the_only_entry_of_a_log_needs_no_hashes() {
    let signer = Signer::from_seed(KeyName::new(ORIGIN).expect("a name"), &[1; 32]);
    let checkpoint = Checkpoint::new(ORIGIN, TreeSize::new(1), leaf_hash(b"only")).expect("a valid origin");
    let text = format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", checkpoint.sign(&signer));
    let proof = TlogProof::parse(text.as_bytes()).expect("a proof");
    assert_eq!(proof.to_string(), text);
    assert!(proof.verify(b"only", ORIGIN, &[signer.verifier().clone()]).is_ok());
}

#[test]
fn a_genuine_proof_verifies_and_nothing_else_does() {
    let (proof, signer) = issued(None);
    let keys = [signer.verifier().clone()];
    let verified = proof.verify(b"2", ORIGIN, &keys).expect("genuine");
    assert_eq!(verified.checkpoint.size(), TreeSize::new(5));

    assert_eq!(proof.verify(b"3", ORIGIN, &keys).err(), Some(Error::RootMismatch));
    assert!(matches!(proof.verify(b"2", "example.com/other", &keys), Err(Error::OtherLog { .. })));
    assert_eq!(proof.verify(b"2", ORIGIN, &[]).err(), Some(Error::UnknownSigner));
    let moved = TlogProof { index: LeafIndex::new(3), ..proof.clone() };
    assert_eq!(moved.verify(b"2", ORIGIN, &keys).err(), Some(Error::RootMismatch));
    let outside = TlogProof { index: LeafIndex::new(5), ..proof.clone() };
    assert!(matches!(outside.verify(b"2", ORIGIN, &keys), Err(Error::LeafOutsideTree { .. })));
    let mut shortened = proof;
    shortened.inclusion.0.pop();
    assert_eq!(
        shortened.verify(b"2", ORIGIN, &keys).err(),
        Some(Error::ProofLength { expected: 3, found: 2 })
    );
}

/// The first seven are after github.com/transparency-dev/merkle, `proof/tlog_proof_test.go`.
#[test]
fn malformed_proof_files_are_refused_at_the_line() {
    let check = |text: &str, line, flaw| {
        let refused = Err(Error::Malformed { format: Format::TlogProof, line, flaw });
        assert_eq!(TlogProof::parse(text.as_bytes()), refused, "{text:?}");
    };
    let head = "c2sp.org/tlog-proof@v1";
    check("wrong-header\nindex 0\n\ncheckpoint\n", 1, Flaw::Header);
    check(&format!("{head}\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n"), 2, Flaw::Base64);
    check(&format!("{head}\n\n\ncheckpoint\n"), 2, Flaw::Truncated);
    check(&format!("{head}\nindex notanumber\n\ncheckpoint\n"), 2, Flaw::Decimal);
    check(&format!("{head}\nindex -5\n\ncheckpoint\n"), 2, Flaw::Decimal);
    check(&format!("{head}\nindex 0\n!!notbase64!!\n\ncheckpoint\n"), 3, Flaw::Base64);
    check(&format!("{head}\nindex 0\n{}==\n\ncheckpoint\n", "A".repeat(86)), 3, Flaw::Base64);
    check("", 1, Flaw::Truncated);
    check(&format!("{head}\nindex 0\n"), 1, Flaw::Truncated);
    check(&format!("{head}\nindex 01\n\ncheckpoint\n"), 2, Flaw::Decimal);
    check(&format!("{head}\nindex 0\nextra AAAA\n\ncheckpoint\n"), 3, Flaw::Base64);
    check(&format!("{head}\nextra AAAA\nextra AAAA\nindex 0\n\ncheckpoint\n"), 3, Flaw::Structure);
    check(&format!("{head}\r\nindex 0\n\ncheckpoint\n"), 1, Flaw::Header);
    let note = TlogProof::parse(format!("{head}\nindex 0\n\ncheckpoint\n").as_bytes());
    assert!(matches!(note, Err(Error::Malformed { format: Format::Note, .. })));
}
