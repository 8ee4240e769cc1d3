//! The test vectors in `docs/FORMAT.md`, computed.

use audit_tlog::note::KeyName;
use audit_tlog::{
    Checkpoint, Frontier, Hash, InclusionProof, LeafIndex, Signer, TlogProof, TreeSize, leaf_hash, node_hash,
};

const DOCUMENT: &str = include_str!("../../../../docs/FORMAT.md");
const NAME: &str = "secureai.example/audit";

#[track_caller]
fn check_stated(what: &str, value: &str) {
    assert!(DOCUMENT.contains(value), "docs/FORMAT.md does not state the {what}:\n{value}");
}

#[test]
fn the_documents_vectors_are_computed() {
    let leaves = [0, 1, 2].map(leaf);
    let root = root_of(&leaves);
    for (index, leaf) in leaves.iter().enumerate() {
        check_stated("leaf", &format!("| leaf {index} | `{leaf}` |"));
    }
    check_stated("node", &format!("| node(leaf 0, leaf 1) | `{}` |", node_hash(&leaves[0], &leaves[1])));
    check_stated("root", &format!("| root of 3 | `{root}` |"));

    let signer = signer();
    check_stated("verifier key", &signer.verifier().to_string());
    check_stated("signer key", &signer.encode());

    let checkpoint = Checkpoint::new(NAME, TreeSize::new(3), root).expect("a valid origin");
    check_stated("checkpoint", &checkpoint.to_string());
    let proof = TlogProof {
        extra: Some(b"{}".to_vec()),
        index: LeafIndex::new(1),
        inclusion: InclusionProof(vec![leaves[0], leaves[2]]),
        checkpoint: checkpoint.sign(&signer),
    };
    check_stated("proof", &proof.to_string());
    let verdict = proof.verify(&leaf_data(1), NAME, std::slice::from_ref(signer.verifier()));
    assert!(verdict.is_ok(), "{verdict:?}");
}

fn signer() -> Signer {
    Signer::from_seed(KeyName::new(NAME).expect("a name"), &[0x2a; 32])
}

fn leaf_data(entry: u8) -> [u8; 225] {
    let mut data = [entry; 225];
    data[0] = 1;
    data
}

fn leaf(entry: u8) -> Hash {
    leaf_hash(&leaf_data(entry))
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}
