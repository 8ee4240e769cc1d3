use proptest::prelude::*;

use super::*;

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("intents");
    (directory, path)
}

fn opened(path: &Path) -> (Journal, Vec<Open>) {
    Journal::open(path).expect("it opens")
}

fn events(open: &[Open]) -> Vec<&str> {
    open.iter().map(|open| std::str::from_utf8(&open.events).expect("text")).collect()
}

#[test]
fn what_was_not_settled_is_found_at_the_next_start() {
    let (_directory, path) = directory();
    let (journal, found) = opened(&path);
    assert_eq!(found, []);
    let first = journal.intend(b"first").expect("written");
    journal.intend(b"second").expect("written");
    journal.sync().expect("synced");
    journal.settle(first);
    drop(journal);

    let (journal, found) = opened(&path);
    assert_eq!(events(&found), ["second"]);
    assert!(!found[0].is_answered);
    journal.settle(found[0].sequence);
    drop(journal);
    assert_eq!(opened(&path).1, []);
}

#[test]
fn an_answered_request_replaces_its_intent() {
    let (_directory, path) = directory();
    let (journal, _) = opened(&path);
    let intent = journal.intend(b"intent").expect("written");
    assert_eq!(journal.keep(Some(intent), b"outcome").expect("kept"), intent);
    journal.keep(None, b"read").expect("kept");
    drop(journal);
    let (_, found) = opened(&path);
    assert_eq!(events(&found), ["outcome", "read"]);
    assert!(found.iter().all(|open| open.is_answered));
}

#[test]
fn an_idle_journal_does_not_grow() {
    let (_directory, path) = directory();
    let (journal, _) = opened(&path);
    let event = vec![b'x'; 60_000];
    for _ in 0..100 {
        let sequence = journal.intend(&event).expect("written");
        journal.settle(sequence);
    }
    assert!(path.metadata().expect("a file").len() <= EMPTY_AT + 70_000);
    assert_eq!(journal.open_count(), 0);
}

#[test]
fn a_busy_journal_is_written_anew_with_what_is_open() {
    let (_directory, path) = directory();
    let (journal, _) = opened(&path);
    let open = journal.intend(b"stays").expect("written");
    let event = vec![b'x'; 1 << 19];
    for _ in 0..REWRITE_AT >> 19 {
        let sequence = journal.intend(&event).expect("written");
        journal.settle(sequence);
    }
    journal.tidy();
    assert!(path.metadata().expect("a file").len() < 1 << 20);
    drop(journal);
    let (journal, found) = opened(&path);
    assert_eq!(events(&found), ["stays"]);
    assert_eq!(found[0].sequence, open);
    assert!(journal.intend(b"next").expect("written") > open);
}

#[test]
fn a_record_too_long_is_refused_and_harms_nothing() {
    let (_directory, path) = directory();
    let (journal, _) = opened(&path);
    let refused = journal.intend(&vec![0; MAX_BODY]).expect_err("too long");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    journal.intend(b"good").expect("written");
    drop(journal);
    assert_eq!(events(&opened(&path).1), ["good"]);
}

#[test]
fn another_file_is_not_overwritten() {
    let (_directory, path) = directory();
    std::fs::write(&path, "somebody's notes").expect("written");
    let refused = Journal::open(&path).expect_err("no journal");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    assert_eq!(std::fs::read(&path).expect("still there"), b"somebody's notes");
}

proptest! {
    /// Whatever the process had written when it ended, every whole record counts and nothing else does.
    #[test]
    fn any_prefix_opens(steps in prop::collection::vec((any::<bool>(), 0_usize..40), 1..12), cut in any::<prop::sample::Index>()) {
        let (_directory, path) = directory();
        let mut ends = Vec::new();
        {
            let (journal, _) = opened(&path);
            let mut open = Vec::new();
            let mut expected: BTreeMap<Sequence, usize> = BTreeMap::new();
            for (settle, size) in steps {
                match open.pop() {
                    Some(sequence) if settle => {
                        journal.settle(sequence);
                        expected.remove(&sequence);
                    }
                    last => {
                        open.extend(last);
                        let sequence = journal.intend(&vec![b'e'; size]).expect("written");
                        open.push(sequence);
                        expected.insert(sequence, size);
                    }
                }
                ends.push((path.metadata().expect("a file").len(), expected.clone()));
            }
        }
        let bytes = std::fs::read(&path).expect("a file");
        let cut = cut.index(bytes.len() + 1);
        std::fs::write(&path, &bytes[..cut]).expect("cut");
        let (_, found) = opened(&path);
        let expected = ends.iter().rev().find(|(end, _)| *end <= cut as u64).map(|(_, open)| open.clone());
        let found: BTreeMap<_, _> = found.into_iter().map(|open| (open.sequence, open.events.len())).collect();
        prop_assert_eq!(found, expected.unwrap_or_default());
    }
}
