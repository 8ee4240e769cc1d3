//! Exports whose every line is proved, and what the proof notices.

use std::fmt::Debug;

use audit_event::{Group, erase};
use audit_ledger::Ledger;
use audit_query::export::{
    Columns, Export, Format, Origin, Position, ProvedExport, VerifyError, verify_export,
};
use audit_query::question::{Budget, Order};
use audit_query::{Error, Filter, Index};
use audit_tlog::{LeafIndex, Verifier};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::{append, generate, open_index, open_ledger, signer};

const ORIGIN: &str = "test.example/audit";

/// A ledger of 300 events and an index that knows them.
struct Recorded {
    ledger: Ledger,
    index: Index,
    _dir: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Self {
        let mut runner = TestRunner::deterministic();
        let events: Vec<_> =
            (0..300).map(|_| generate::event().new_tree(&mut runner).unwrap().current()).collect();
        let dir = tempfile::tempdir().unwrap();
        let ledger = open_ledger(dir.path());
        append(&ledger, &generate::encode(&events));
        let index = open_index(dir.path(), &ledger);
        assert!(index.wait_for(300, std::time::Duration::from_secs(30)));
        Self { ledger, index, _dir: dir }
    }

    fn export(&self, export: &Export) -> (Vec<u8>, Result<Vec<u8>, Error>) {
        let origin = Origin { answers: &self.index, entries: &self.ledger };
        let (mut file, mut proof) = (Vec::new(), Vec::new());
        let budget = Budget::unlimited();
        let end = export.run(origin, &budget, Position::default(), &mut file, &mut |_| {}).unwrap();
        let proved = export.prove(origin, &self.ledger, &budget, &end, &mut proof, &mut |_| {});
        (file, proved.map(|()| proof))
    }

    fn key(&self) -> Verifier {
        signer().verifier().clone()
    }

    fn verify(&self, file: &[u8], proof: &[u8]) -> Result<ProvedExport, VerifyError> {
        verify_export(&mut &*file, &mut &*proof, ORIGIN, &[self.key()], &mut |_| {})
    }
}

fn filtered(format: Format, order: Order, filter: &str) -> Export {
    Export { order, filter: Filter::parse(filter).unwrap(), ..Export::all(format) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn refused(result: Result<ProvedExport, impl Debug + ToString>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn every_line_of_an_export_is_proved() {
    let recorded = Recorded::new();
    for format in [Format::Ndjson, Format::Json] {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            for filter in ["", "category:authentication", "action:nobody.does_this"] {
                let (file, proof) = recorded.export(&filtered(format, order, filter));
                let proved = recorded.verify(&file, &proof.unwrap()).unwrap();
                let events = text(&file).matches("\"recorded_at\"").count();
                assert_eq!(proved.events, events as u64, "{format:?} {order:?} {filter}");
                assert_eq!(proved.size.get(), 300);
                assert_eq!(proved.indices.is_some(), events > 0);
                assert_eq!((proved.is_contiguous(), proved.incomplete), (filter.is_empty(), 0));
            }
        }
    }
}

#[test]
fn an_altered_line_is_named() {
    let recorded = Recorded::new();
    let (file, proof) = recorded.export(&filtered(Format::Ndjson, Order::OldestFirst, ""));
    let (lines, proof) = (text(&file), proof.unwrap());
    let altered = |from: &str, to: &str| lines.replacen(from, to, 1).into_bytes();
    let eighth = lines.lines().nth(7).unwrap();
    let forged = eighth.replacen("\"id\":\"", "\"id\":\"x", 1);
    let error = recorded.verify(&altered(eighth, &forged), &proof).unwrap_err();
    assert!(matches!(error, VerifyError::Altered { line: 8, .. }), "{error}");
    let cut = recorded.verify(&altered(eighth, &eighth[1..]), &proof).unwrap_err();
    assert!(matches!(cut, VerifyError::Line { line: 8, .. }), "{cut}");
}

#[test]
fn lines_taken_out_added_repeated_or_swapped_are_noticed() {
    let recorded = Recorded::new();
    let (file, proof) = recorded.export(&filtered(Format::Ndjson, Order::OldestFirst, ""));
    let (file, proof) = (text(&file), proof.unwrap());
    let lines: Vec<&str> = file.lines().collect();
    let join = |lines: &[&str]| (lines.join("\n") + "\n").into_bytes();
    assert!(recorded.verify(&join(&lines), &proof).is_ok());

    let taken_out = refused(recorded.verify(&join(&lines[..299]), &proof));
    assert_eq!(taken_out, "the export has 299 events where the proof has 300");
    let added = refused(recorded.verify(&join(&[&lines[..], &lines[..2]].concat()), &proof));
    assert_eq!(added, "the export has 302 events where the proof has 300");
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    assert!(matches!(recorded.verify(&join(&swapped), &proof), Err(VerifyError::Altered { line: 4, .. })));

    // With the proof's lines treated likewise, the tree notices.
    let proof = text(&proof);
    let openings: Vec<&str> = proof.lines().collect();
    let first = openings.iter().position(|line| line.contains(" *")).unwrap();
    let without_one = [&openings[..first + 4], &openings[first + 5..]].concat().join("\n") + "\n";
    let file = join(&[&lines[..4], &lines[5..]].concat());
    assert!(matches!(recorded.verify(&file, without_one.as_bytes()), Err(VerifyError::Tree(_))));
    let with_one_twice = [&openings[..=first + 4], &openings[first + 4..]].concat().join("\n") + "\n";
    let file = join(&[&lines[..5], &lines[4..]].concat());
    assert!(matches!(
        recorded.verify(&file, with_one_twice.as_bytes()),
        Err(VerifyError::Malformed {
            problem: "there are more events than entries in the checkpoint's tree",
            ..
        })
    ));
}

#[test]
fn a_document_is_proved_to_its_last_line() {
    let recorded = Recorded::new();
    let (file, proof) = recorded.export(&filtered(Format::Json, Order::OldestFirst, ""));
    let (file, proof) = (text(&file), proof.unwrap());
    let miscounted = file.replace("\"count\":300", "\"count\":299");
    let cut = file.lines().take(301).collect::<Vec<_>>().join("\n");
    let without_comma = file.replacen("},\n", "}\n", 1);
    let with_one_more = file.replace("}\n],", "},\n],");
    let without_end = file.trim_end().to_owned();
    for wrong in [miscounted, cut, without_comma, with_one_more, without_end, file + "{}\n"] {
        assert!(matches!(recorded.verify(wrong.as_bytes(), &proof), Err(VerifyError::Export(_))));
    }
}

#[test]
fn a_proof_by_another_log_or_cut_short_is_refused() {
    let recorded = Recorded::new();
    let (file, proof) = recorded.export(&filtered(Format::Ndjson, Order::OldestFirst, "category:file"));
    let proof = proof.unwrap();
    let other = verify_export(&mut &*file, &mut &*proof, "other.example", &[recorded.key()], &mut |_| {});
    assert!(matches!(other, Err(VerifyError::Tree(audit_tlog::Error::OtherLog { .. }))));
    for cut in 0..proof.len() {
        assert!(recorded.verify(&file, &proof[..cut]).is_err(), "cut to {cut} bytes");
    }
}

#[test]
fn groups_that_were_erased_leave_a_proof() {
    let recorded = Recorded::new();
    let everything = filtered(Format::Ndjson, Order::OldestFirst, "");
    recorded.ledger.seal_pending().unwrap();
    let mut entries = Vec::new();
    audit_query::Entries::read(&recorded.ledger, 0..128, &mut |_, bytes| entries.push(bytes.to_vec()))
        .unwrap();
    let erased: Vec<_> = entries
        .iter()
        .map(|entry| erase::erase(entry, [Group::Actor, Group::Content].into_iter().collect()).unwrap())
        .collect();
    let replacements: Vec<_> =
        erased.iter().zip(0..).map(|(bytes, at)| (LeafIndex::new(at), &**bytes)).collect();
    recorded.ledger.replace(&replacements).unwrap();
    let (file, proof) = recorded.export(&everything);
    let proved = recorded.verify(&file, &proof.unwrap()).unwrap();
    assert_eq!((proved.events, proved.incomplete > 0), (300, true));
    assert_eq!(proved.hidden[Group::Client.index()], 0);
}

#[test]
fn groups_that_are_withheld_leave_a_proof() {
    let recorded = Recorded::new();
    let withheld = [Group::Actor, Group::Content, Group::Client].into_iter().collect();
    let (file, proof) = recorded.export(&Export { withheld, ..Export::all(Format::Ndjson) });
    assert!(!text(&file).contains("\"actor\""));
    let proof = proof.unwrap();
    let proved = recorded.verify(&file, &proof).unwrap();
    assert_eq!(proved.events, 300);
    let of_all = text(&recorded.export(&Export::all(Format::Ndjson)).0);
    let with_actor =
        of_all.lines().filter(|line| line.contains("\"actor\"") || line.contains("\"session_id\"")).count();
    assert_eq!(proved.hidden[Group::Actor.index()], with_actor as u64);
    assert_eq!(proved.hidden[Group::Core.index()], 0);
    let whole = recorded.export(&Export::all(Format::Ndjson)).0;
    assert!(matches!(recorded.verify(&whole, &proof), Err(VerifyError::Line { .. })));
}

#[test]
fn what_others_write_differently_is_refused() {
    let recorded = Recorded::new();
    let (file, proof) = recorded.export(&filtered(Format::Ndjson, Order::OldestFirst, ""));
    let (file, proof) = (text(&file), text(&proof.unwrap()));
    let loud = |text: &str| {
        let (head, tail) = text.split_once(" *").unwrap();
        format!("{head} *{}", tail.replacen(&tail[..32], &tail[..32].to_uppercase(), 1))
    };
    for wrong in [proof.replacen("\n7 ", "\n+7 ", 1), proof.replacen("\n7 ", "\n07 ", 1), loud(&proof)] {
        assert_ne!(wrong, proof);
        let refused = recorded.verify(file.as_bytes(), wrong.as_bytes());
        assert!(matches!(refused, Err(VerifyError::Malformed { .. })), "{refused:?}");
    }
    let beyond = proof.replacen("\n299 ", "\n300 ", 1);
    assert!(recorded.verify(file.as_bytes(), beyond.as_bytes()).is_err());
    let windows = file.replace('\n', "\r\n");
    let unended = file.trim_end();
    for wrong in [&*windows, unended] {
        assert!(recorded.verify(wrong.as_bytes(), proof.as_bytes()).is_err());
    }
}

#[test]
fn an_unsigned_checkpoint_is_refused_before_anything_else_is_looked_at() {
    let recorded = Recorded::new();
    let (_, proof) = recorded.export(&filtered(Format::Ndjson, Order::OldestFirst, ""));
    let unsigned = text(&proof.unwrap()).replacen("\n300\n", "\n301\n", 1);
    assert!(matches!(recorded.verify(b"no export", unsigned.as_bytes()), Err(VerifyError::Tree(_))));
}

#[test]
fn an_export_of_which_events_are_gone_gets_no_proof() {
    let recorded = Recorded::new();
    let origin = Origin { answers: &recorded.index, entries: &recorded.ledger };
    let export = Export::all(Format::Ndjson);
    let end = Position { rows: 301, snapshot: Some(300), ..Position::default() };
    let proved =
        export.prove(origin, &recorded.ledger, &Budget::unlimited(), &end, &mut Vec::new(), &mut |_| {});
    assert!(matches!(proved, Err(Error::OtherEvents { exported: 301, proved: 300 })));
}

#[test]
fn what_does_not_hold_whole_events_has_no_proof_of_lines() {
    let recorded = Recorded::new();
    let chosen = Export { columns: Some(Columns::parse("id,time").unwrap()), ..Export::all(Format::Ndjson) };
    for export in [chosen, Export::all(Format::Csv), Export::all(Format::Parquet)] {
        assert!(matches!(recorded.export(&export).1, Err(Error::NotProvable)));
    }
}
