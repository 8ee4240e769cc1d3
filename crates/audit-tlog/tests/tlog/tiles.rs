//! Tile paths, widths and contents (c2sp.org/tlog-tiles).

use audit_tlog::tile::{decode_tile, encode_tile, perfect_root};
use audit_tlog::{
    BundleId, Error, Hash, TileId, TilePath, TreeSize, decode_bundle, leaf_hash, push_bundle_entry,
};

use crate::naive::NaiveTree;

#[track_caller]
fn check_tile(path: &str, level: u8, index: u64, width: u16) {
    let tile = TileId::new(level, index, width).expect("a possible tile");
    assert_eq!(tile.to_string(), path);
    assert_eq!(path.parse(), Ok(TilePath::Tile(tile)));
}

#[track_caller]
fn check_bundle(path: &str, index: u64, width: u16) {
    let bundle = BundleId::new(index, width).expect("a possible bundle");
    assert_eq!(bundle.to_string(), path);
    assert_eq!(path.parse(), Ok(TilePath::Entries(bundle)));
    assert_eq!(TilePath::Entries(bundle).to_string(), path);
}

/// The first is the specification's own example.
#[test]
fn paths_are_written_and_read() {
    check_tile("tile/0/x001/x234/067", 0, 1_234_067, 256);
    check_tile("tile/0/000", 0, 0, 256);
    check_tile("tile/0/000.p/1", 0, 0, 1);
    check_tile("tile/3/005.p/255", 3, 5, 255);
    check_tile("tile/0/999", 0, 999, 256);
    check_tile("tile/0/x001/000", 0, 1_000, 256);
    check_tile("tile/1/x999/999", 1, 999_999, 256);
    check_tile("tile/2/x001/x000/000.p/17", 2, 1_000_000, 17);
    check_tile("tile/7/000.p/255", 7, 0, 255);
    check_bundle("tile/entries/000", 0, 256);
    check_bundle("tile/entries/x001/x234/067.p/8", 1_234_067, 8);
}

#[test]
fn other_spellings_are_refused() {
    let refused = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/x01/002",
        "tile/0/x001/-02",
        "tile/0/x001/+02",
        "tile/0/X001/002",
        "tile/00/000",
        "tile/01/000",
        "tile/+1/000",
        "tile/-1/000",
        "tile/8/000",
        "tile/64/000",
        "tile/256/000",
        "tile/data/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x099/x999/x999/x999/x999/x999/999",
        "tile/entries/",
        "tile/entries/1",
        "tile/entries/000.p/256",
    ];
    for path in refused {
        assert!(path.parse::<TilePath>().is_err(), "{path:?}");
    }
}

/// The specification's example of 70,000 leaves.
#[test]
fn a_tree_has_the_tiles_the_specification_counts() {
    let tiles: Vec<TileId> = TileId::grown(TreeSize::EMPTY, TreeSize::new(70_000)).collect();
    let count = |level, full| tiles.iter().filter(|t| t.level() == level && t.is_partial() != full).count();
    let partial = |level| tiles.iter().find(|t| t.level() == level && t.is_partial()).map(|t| t.width());
    assert_eq!((count(0, true), partial(0)), (273, Some(112)));
    assert_eq!((count(1, true), partial(1)), (1, Some(17)));
    assert_eq!((count(2, true), partial(2)), (0, Some(1)));
    assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
    let at_256: Vec<String> =
        TileId::grown(TreeSize::EMPTY, TreeSize::new(256)).map(|t| t.to_string()).collect();
    assert_eq!(at_256, ["tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn growth_lists_each_new_or_wider_tile() {
    let check = |old, new, expected: &[&str]| {
        let grown: Vec<String> =
            TileId::grown(TreeSize::new(old), TreeSize::new(new)).map(|tile| tile.to_string()).collect();
        assert_eq!(grown, expected, "{old} to {new}");
    };
    check(0, 0, &[]);
    check(100, 100, &[]);
    check(100, 101, &["tile/0/000.p/101"]);
    check(255, 256, &["tile/0/000", "tile/1/000.p/1"]);
    check(255, 258, &["tile/0/000", "tile/0/001.p/2", "tile/1/000.p/1"]);
    check(256, 300, &["tile/0/001.p/44"]);
    check(65_535, 65_536, &["tile/0/255", "tile/1/000", "tile/2/000.p/1"]);
    let to_the_limit = TileId::grown(TreeSize::new(u64::MAX - 1), TreeSize::new(u64::MAX));
    assert_eq!(
        to_the_limit.last().map(|tile| tile.to_string()),
        TileId::new(0, (1 << 56) - 1, 255).map(|tile| tile.to_string())
    );
}

#[test]
fn impossible_tiles_do_not_exist() {
    assert_eq!(TileId::new(0, 0, 0), None);
    assert_eq!(TileId::new(0, 0, 257), None);
    assert_eq!(TileId::new(7, 0, 256), None);
    assert_eq!(TileId::new(7, 1, 1), None);
    assert_eq!(TileId::new(8, 0, 1), None);
    assert_eq!(TileId::new(0, (1 << 56) - 1, 256), None);
    assert_eq!(TileId::in_tree(0, 1, TreeSize::new(256)), None);
    assert_eq!(TileId::in_tree(1, 0, TreeSize::new(255)), None);
    assert_eq!(BundleId::in_tree(1, TreeSize::new(300)), BundleId::new(1, 44));
    assert_eq!(BundleId::new(3, 10).map(BundleId::entries), Some(768..778));
}

#[test]
fn a_tiles_bytes_are_its_hashes() {
    let hashes = [leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")];
    let tile = TileId::new(0, 0, 3).expect("possible");
    let bytes = encode_tile(&hashes);
    assert_eq!(bytes.len(), 96);
    assert_eq!(decode_tile(tile, &bytes), Ok(hashes.to_vec()));
    assert!(decode_tile(tile, &bytes[..95]).is_err());
    assert_eq!(decode_tile(tile, &bytes[..64]), Err(Error::HashCount { expected: 3, found: 2 }));
}

#[test]
fn the_root_over_a_full_tile_is_the_subtrees() {
    let tree = NaiveTree::of_size(256);
    let leaves: Vec<Hash> = (0..256).map(|index| tree.leaf(index)).collect();
    for height in 0..=8 {
        assert_eq!(perfect_root(&leaves[..1 << height]), Ok(tree.root(1 << height)));
    }
    assert!(perfect_root(&leaves[..3]).is_err());
    assert!(perfect_root(&[]).is_err());
}

#[test]
fn bundles_hold_entries_with_their_lengths() {
    let mut bytes = Vec::new();
    let long = vec![7; 65_535];
    for entry in [b"abc".as_slice(), b"", &long] {
        push_bundle_entry(&mut bytes, entry).expect("at most 65,535 bytes");
    }
    assert_eq!(bytes[..7], [0, 3, b'a', b'b', b'c', 0, 0]);
    let three = BundleId::new(0, 3).expect("possible");
    assert_eq!(decode_bundle(three, &bytes), Ok(vec![b"abc".as_slice(), b"", &long]));

    assert!(push_bundle_entry(&mut Vec::new(), &[0; 65_536]).is_err());
    assert!(decode_bundle(three, &bytes[..bytes.len() - 1]).is_err());
    assert!(decode_bundle(three, &[&bytes[..], &[0]].concat()).is_err());
    let four = BundleId::new(0, 4).expect("possible");
    assert!(decode_bundle(four, &bytes).is_err());
}
