//! The proof file in the documentation: issued by the library, accepted by the program and by the second
//! implementation in `docs/verify.py`, and refused by both however it is altered.
//!
//! What needs Python is ignored by a plain `cargo test`, which needs Rust alone; `.ci/run` runs it.

mod program;

use std::{path::Path, process::Command};

use audit_event::{EncodeParams, Encoder, Entry, Group, GroupSet, Timestamp, disclosure::Disclosure};
use audit_tlog::{
    Checkpoint, Error, Frontier, Hash, HashReader, LeafIndex, NodeId, Signer, TlogProof, inclusion_proof,
    leaf_hash, note::KeyName, tile::perfect_root,
};
use program::Home;

const EXAMPLE: &str = include_str!("../../../docs/example.tlog-proof");
const KEY: &str = include_str!("../../../docs/example.key");
const NAME: &str = "secureai.example/audit";

/// The event proved is the third of five. Its actor and client are withheld.
const PROVED: usize = 2;
const EVENTS: [&str; 5] = [
    r#"{"id":"example-0","action":"auth.login","outcome":"success","source":"api","actor":{"type":"user","id":"u1"}}"#,
    r#"{"id":"example-1","action":"chat.created","outcome":"success","source":"api"}"#,
    r#"{"id":"example-2","action":"file.uploaded","outcome":"success","source":"api","time":"2026-03-01T11:59:58.25Z","actor":{"type":"user","id":"u1","name":"Ada","email":"ada@example.com"},"client":{"ip":"10.0.0.7"},"target":{"type":"file","id":"f1","name":"Bremsscheibe \"groß\".pdf"},"message":"Ada uploaded Bremsscheibe \"groß\".pdf","details":{"bytes":1e21,"tab":"a\tb"}}"#,
    r#"{"id":"example-3","action":"auth.logout","outcome":"success","source":"api"}"#,
    r#"{"id":"example-4","action":"auth.login_failed","outcome":"failure","reason":"invalid_credentials","source":"api"}"#,
];

#[test]
fn the_example_is_what_the_library_issues() {
    let issued = issued();
    assert_eq!(EXAMPLE, issued, "docs/example.tlog-proof should be:\n{issued}");
    assert_eq!(KEY.trim_end(), signer().verifier().to_string());
}

#[test]
fn the_program_accepts_the_example() {
    accepts_the_example(by_program);
}

#[test]
fn the_program_refuses_what_is_altered() {
    refuses_what_is_altered(by_program);
}

#[test]
#[ignore = "needs python3; .ci/run runs it"]
fn the_script_accepts_the_example() {
    accepts_the_example(by_script);
}

#[test]
#[ignore = "needs python3; .ci/run runs it"]
fn the_script_refuses_what_is_altered() {
    refuses_what_is_altered(by_script);
}

#[test]
#[ignore = "needs python3; .ci/run runs it"]
fn the_script_checks_exports_as_the_program_does() {
    let home = Home::new();
    home.with_events(150);
    let key = home.run(&["key", "show"]).good().out.trim().to_owned();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.py");
    let accepts = |proof: &Path, export: &Path| {
        let run =
            Command::new("python3").arg("-B").arg(&script).arg(proof).arg(&key).arg(export).output().unwrap();
        run.status.success()
    };
    for (format, query) in [("ndjson", "number"), ("json", "event number 7"), ("ndjson", "no-such-word")] {
        let file = home.file("export");
        let path = file.to_str().unwrap();
        home.run(&["export", "--format", format, "-o", path, "--proof", "--force", "-q", query]).good();
        let proof = home.file("export.proof");
        assert!(accepts(&proof, &file), "{format} {query:?}");
        let text = std::fs::read_to_string(&file).unwrap();
        let shortened: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
        for wrong in [text.replacen("number", "namber", 1), shortened] {
            if wrong != text {
                let wrong = home.write("wrong", wrong);
                assert!(!accepts(&proof, &wrong), "{format} {query:?}");
            }
        }
    }
}

fn accepts_the_example(verifier: Verifier) {
    let home = Home::new();
    let file = home.write("example.tlog-proof", EXAMPLE);
    let verdict = verdict(verifier(&home, &file, KEY.trim_end()));
    assert!(verdict.accepted, "{}", verdict.said);
    assert!(verdict.said.contains("event 2 of the first 5"), "{}", verdict.said);
    assert!(verdict.said.contains("file.uploaded") && !verdict.said.contains("10.0.0.7"), "{}", verdict.said);
}

fn refuses_what_is_altered(verifier: Verifier) {
    let home = Home::new();
    let file = home.file("altered.tlog-proof");
    for (how, text) in altered() {
        assert_ne!(text, EXAMPLE, "{how}");
        std::fs::write(&file, &text).expect("a temporary file");
        let verdict = verdict(verifier(&home, &file, KEY.trim_end()));
        assert!(!verdict.accepted, "{how}: {}", verdict.said);
        assert!(!verdict.said.contains("Traceback"), "{how}: {}", verdict.said);
    }
    let example = home.write("example.tlog-proof", EXAMPLE);
    let other = Signer::from_seed(KeyName::new(NAME).expect("a name"), &[1; 32]).verifier().to_string();
    let verdict = verdict(verifier(&home, &example, &other));
    assert!(!verdict.accepted, "another key: {}", verdict.said);
}

/// What checks a proof file against a key.
type Verifier = fn(&Home, &Path, &str) -> Command;

/// What a verifier made of a file.
struct Verdict {
    accepted: bool,
    said: String,
}

fn by_program(home: &Home, file: &Path, key: &str) -> Command {
    let mut program = home.command(&["proof", "verify"]);
    program.arg(file).args(["--key", key]);
    program
}

fn by_script(_home: &Home, file: &Path, key: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify.py");
    let mut python = Command::new("python3");
    python.arg("-B").arg(script).arg(file).arg(key);
    python
}

fn verdict(mut verifier: Command) -> Verdict {
    let output = verifier.output().expect("the verifier must be there");
    Verdict {
        accepted: output.status.success(),
        said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}

/// The example, altered in one place each.
fn altered() -> Vec<(String, String)> {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let hashes = 3..lines.iter().position(|line| line.is_empty()).expect("an empty line");
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().join("\n") + "\n";
    let doubled = |at: usize| [&lines[..=at], &lines[at..]].concat().join("\n") + "\n";
    let replaced = |from: &str, to: &str| EXAMPLE.replacen(from, to, 1);
    let mut altered = vec![
        ("index".to_owned(), replaced("\nindex 2\n", "\nindex 3\n")),
        ("index with a zero".to_owned(), replaced("\nindex 2\n", "\nindex 02\n")),
        ("index outside".to_owned(), replaced("\nindex 2\n", "\nindex 5\n")),
        ("size".to_owned(), replaced("\n5\n", "\n6\n")),
        ("header".to_owned(), replaced("@v1", "@v2")),
        ("origin".to_owned(), replaced("\nsecureai.example/audit\n", "\nsecureai.example/other\n")),
        ("signature".to_owned(), replaced(&EXAMPLE[EXAMPLE.len() - 20..EXAMPLE.len() - 16], "AAAA")),
        ("no signature".to_owned(), without(lines.len() - 1)),
        ("no extra data".to_owned(), without(1)),
        ("no last newline".to_owned(), EXAMPLE.trim_end().to_owned()),
    ];
    for at in hashes {
        altered.push((format!("hash in line {at} gone"), without(at)));
        altered.push((format!("hash in line {at} twice"), doubled(at)));
        altered.push((format!("hash in line {at}"), replaced(&lines[at][..4], "AAAA")));
    }
    let shown: [(&str, &str); 11] = [
        ("Ada uploaded", "\\ud800"),
        (r#""format":"#, r#""format":"","format":"#),
        ("file.uploaded", "file.deleted"),
        ("11:59:58.25", "11:59:58.26"),
        ("groß", "klein"),
        (r#""org":{"absent":true}"#, r#""org":{"absent":false}"#),
        (r#""org":{"absent":true}"#, r#""org":{"salt":"00000000000000000000000000000000","text":"{}"}"#),
        (r#""digest":""#, r#""digest":"0"#),
        (r#""salt":""#, r#""salt":"0"#),
        (r#""usage":{"absent":true},"#, ""),
        ("v1/disclosure", "v2/disclosure"),
    ];
    altered.extend(shown.map(|(from, to)| (format!("{from} shown as {to}"), with_disclosure(from, to))));
    altered
}

/// The example with a part of its disclosure replaced.
fn with_disclosure(from: &str, to: &str) -> String {
    let mut proof = TlogProof::parse(EXAMPLE.as_bytes()).expect("a proof");
    let disclosure = String::from_utf8(proof.extra.take().expect("a disclosure")).expect("text");
    assert!(disclosure.contains(from), "{from} is not in {disclosure}");
    proof.extra = Some(disclosure.replacen(from, to, 1).into_bytes());
    proof.to_string()
}

/// The example, made from its events.
fn issued() -> String {
    let mut encoder = Encoder::new(EncodeParams {
        seed: [0x5e; 16],
        recorded_at: Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time"),
        instance: Some("example".into()),
    });
    let entries = EVENTS.map(|event| encoder.encode_json(event.as_bytes()).expect("a valid event"));
    let leaves = Leaves(entries.iter().map(|entry| leaf_hash(entry.leaf.as_bytes())).collect());
    let mut frontier = Frontier::new();
    leaves.0.iter().for_each(|leaf| frontier.push(*leaf));

    let entry = Entry::decode(&entries[PROVED].bytes).expect("an entry");
    let withheld = [Group::Actor, Group::Client];
    let shown: GroupSet = Group::ALL.iter().copied().filter(|group| !withheld.contains(group)).collect();
    let index = LeafIndex::new(PROVED as u64);
    let checkpoint = Checkpoint::new(NAME, frontier.size(), frontier.root()).expect("a valid origin");
    let proof = TlogProof {
        extra: Some(Disclosure::new(&entry, shown).to_json().into_bytes()),
        index,
        inclusion: inclusion_proof(index, frontier.size(), &leaves).expect("in the tree"),
        checkpoint: checkpoint.sign(&signer()),
    };
    proof.to_string()
}

fn signer() -> Signer {
    Signer::from_seed(KeyName::new(NAME).expect("a name"), &[0x2a; 32])
}

struct Leaves(Vec<Hash>);

impl HashReader for Leaves {
    type Error = Error;

    fn read_hashes(&self, nodes: &[NodeId]) -> Result<Vec<Hash>, Error> {
        let at = |leaf: u64| usize::try_from(leaf).expect("few leaves");
        let root = |node: &NodeId| {
            perfect_root(&self.0[at(node.index << node.level)..at((node.index + 1) << node.level)])
        };
        nodes.iter().map(root).collect()
    }
}
