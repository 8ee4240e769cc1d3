//! The C2SP read API: checkpoint, tiles and entry bundles agree with each other.

use audit_tlog::{BundleId, Checkpoint, TreeSize, leaf_hash, tile};

use super::app::{App, ORIGIN, events};
use crate::Config;

async fn checkpoint(app: &App) -> Checkpoint {
    app.ledger.publish_checkpoint().unwrap();
    let answer = app.get("/tlog/checkpoint").await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache");
    Checkpoint::open(&answer.body, ORIGIN, std::slice::from_ref(&app.verifier)).unwrap().checkpoint
}

#[tokio::test]
async fn the_bare_prefix_says_what_is_below_it() {
    let app = App::start();
    for path in ["/tlog", "/tlog/"] {
        let problem = app.get(path).await.problem(404, "no_such_route");
        assert!(problem["detail"].as_str().unwrap().contains("checkpoint"), "{problem}");
    }
}

#[tokio::test]
async fn tiles_and_bundles_lead_to_the_checkpoints_root() {
    let app = App::start();
    app.record(&events(300)).await;
    let checkpoint = checkpoint(&app).await;
    let size = checkpoint.size().get();
    assert_eq!(size, 300);

    let mut frontier = audit_tlog::Frontier::new();
    for (number, path) in [(0, "entries/000".to_owned()), (1, format!("entries/001.p/{}", size - 256))] {
        let id = BundleId::in_tree(number, checkpoint.size()).unwrap();
        let bundle = app.get(&format!("/tlog/tile/{path}")).await;
        assert_eq!(bundle.header("content-type"), "application/octet-stream");
        let leaves = audit_tlog::decode_bundle(id, &bundle.body).unwrap();
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let tile = app.get(&format!("/tlog/tile/{}", path.replace("entries", "0"))).await;
        assert_eq!(tile.body, tile::encode_tile(&hashes));
        assert!(tile.header("cache-control").contains("immutable"));
        for hash in hashes {
            frontier.push(hash);
        }
    }
    assert_eq!(frontier.size(), TreeSize::new(300));
    assert_eq!(&frontier.root(), checkpoint.root());
}

#[tokio::test]
async fn tiles_that_are_not_there_are_not_found() {
    let app = App::start();
    app.record(&events(10)).await;
    for path in
        ["0/000", "0/001", "1/000", "0/000.p/11", "0/0", "64/000", "entries/000", "entries/x", "nonsense"]
    {
        app.get(&format!("/tlog/tile/{path}")).await.problem(404, "no_such_tile");
    }
}

#[tokio::test]
async fn public_tiles_may_be_cached_by_anyone() {
    let app = App::start_with(Config { public_tlog: true, ..Config::default() });
    app.record(&events(10)).await;
    let answer = app.get("/tlog/tile/0/000.p/10").await;
    assert!(answer.header("cache-control").starts_with("public"));
}
