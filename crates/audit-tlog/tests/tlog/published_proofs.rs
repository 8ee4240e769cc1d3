//! Hashes, roots and proofs that others published.

use audit_tlog::{
    ConsistencyProof, Frontier, Hash, InclusionProof, LeafIndex, TreeSize, leaf_hash, node_hash,
    verify_consistency, verify_inclusion,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The eight leaves of Certificate Transparency's reference tree and its root at every size
/// (github.com/transparency-dev/merkle, `proof/verify_test.go`).
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index, size and proof, from the same file (which counts leaves from 1).
const INCLUSION_PROOFS: [(u64, usize, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

const CONSISTENCY_PROOFS: [(usize, usize, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

/// github.com/transparency-dev/merkle, `rfc6962/rfc6962_test.go`.
#[test]
fn leaf_hashes_are_the_published_ones() {
    let check = |data: &[u8], expected| assert_eq!(leaf_hash(data), hash(expected));
    check(b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    check(b"L123456", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
}

#[test]
fn hashes_of_every_length_agree_with_a_streaming_sha_256() {
    use sha2::{Digest, Sha256};
    let data: Vec<u8> = (0..=255).cycle().take(1_100).collect();
    for len in 0..data.len() {
        let streamed = Sha256::new().chain_update([0]).chain_update(&data[..len]).finalize();
        assert_eq!(leaf_hash(&data[..len]).as_bytes()[..], streamed[..], "{len} bytes");
    }
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    let streamed = Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize();
    assert_eq!(node_hash(&left, &right).as_bytes()[..], streamed[..]);
}

#[test]
fn the_reference_tree_has_the_published_roots() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        frontier.push(leaf_hash(&from_hex(leaf)));
        assert_eq!(frontier.root(), hash(root), "size {}", frontier.size());
    }
}

#[test]
fn the_reference_trees_inclusion_proofs_verify() {
    for (index, size, proof) in INCLUSION_PROOFS {
        let leaf = leaf_hash(&from_hex(LEAVES[usize::try_from(index).expect("small")]));
        let proof = InclusionProof(proof.iter().map(|hex| hash(hex)).collect());
        let (index, tree_size) = (LeafIndex::new(index), TreeSize::new(size as u64));
        assert_eq!(verify_inclusion(&leaf, index, tree_size, &hash(ROOTS[size - 1]), &proof), Ok(()));
    }
}

#[test]
fn the_reference_trees_consistency_proofs_verify() {
    for (old, new, proof) in CONSISTENCY_PROOFS {
        let proof = ConsistencyProof(proof.iter().map(|hex| hash(hex)).collect());
        let (old_root, new_root) = (hash(ROOTS[old - 1]), hash(ROOTS[new - 1]));
        let (old, new) = (TreeSize::new(old as u64), TreeSize::new(new as u64));
        assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
    }
}

/// A log of 961,984,013 certificates; `tests/data/README.md` says where it is from.
#[test]
fn proofs_of_a_real_certificate_transparency_log_verify() {
    let sth = json(include_str!("../data/argon2020/sth.json"));
    let size = TreeSize::new(sth["tree_size"].as_u64().expect("a number"));
    let root = base64_hash(&sth["sha256_root_hash"]);

    let entries = json(include_str!("../data/argon2020/entries.json"));
    let leaf_input = entries["entries"][0]["leaf_input"].as_str().expect("text");
    let leaf = leaf_hash(&STANDARD.decode(leaf_input).expect("base64"));
    let inclusion = json(include_str!("../data/argon2020/proof.json"));
    let index = LeafIndex::new(inclusion["leaf_index"].as_u64().expect("a number"));
    let proof = InclusionProof(base64_hashes(&inclusion["audit_path"]));
    assert_eq!(verify_inclusion(&leaf, index, size, &root, &proof), Ok(()));

    let consistency = json(include_str!("../data/argon2020/consistency.json"));
    let proof = ConsistencyProof(base64_hashes(&consistency["consistency"]));
    let old_root = "AuIZ5V6sDUj1vn3Y1K85oOaQ7y+FJJKtyRTl1edIKBQ=".parse().expect("a hash");
    assert_eq!(verify_consistency(TreeSize::new(3_654_490), &old_root, size, &root, &proof), Ok(()));
}

#[test]
fn hashes_are_read_as_canonical_base64_only() {
    let text = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let hash: Hash = text.parse().expect("a hash");
    assert_eq!(hash.to_string(), text);
    let refused = [
        "",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=",
        " CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx",
    ];
    for text in refused {
        assert!(text.parse::<Hash>().is_err(), "{text:?}");
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("valid JSON")
}

fn base64_hash(value: &Value) -> Hash {
    value.as_str().expect("text").parse().expect("a hash")
}

fn base64_hashes(value: &Value) -> Vec<Hash> {
    value.as_array().expect("a list").iter().map(base64_hash).collect()
}

fn hash(hex: &str) -> Hash {
    Hash::from_bytes(from_hex(hex).try_into().expect("32 bytes"))
}

fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}
