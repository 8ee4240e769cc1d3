//! Checkpoints and cosignatures (c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature).

use std::slice::from_ref;

use audit_tlog::note::KeyName;
use audit_tlog::{Checkpoint, Error, Flaw, Format, Note, Signer, TreeSize, Verifier, leaf_hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A real log's checkpoint, cosigned by four real witnesses.
const ARCHE: &str = include_str!("../data/arche2025h1.checkpoint");
const ARCHE_ORIGIN: &str = "arche2025h1.staging.ct.transparency.dev";
const ARCHE_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const WITNESSES: [&str; 4] = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
];

/// The text of golang.org/x/mod, `sumdb/tlog/note_test.go`.
#[test]
fn a_checkpoint_is_written_and_read() {
    let text = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n";
    let root = leaf_hash(b"hello world");
    let checkpoint = Checkpoint::new("go.sum database tree", TreeSize::new(123_456_789_012), root);
    let checkpoint = checkpoint.expect("a valid origin");
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(text.parse(), Ok(checkpoint));
}

#[test]
fn extension_lines_are_kept() {
    let text = "log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\none\ntwo words\n";
    let checkpoint: Checkpoint = text.parse().expect("a checkpoint");
    assert_eq!(checkpoint.extensions(), ["one", "two words"]);
    assert_eq!(checkpoint.to_string(), text);
}

#[test]
fn malformed_checkpoints_are_refused_at_the_line() {
    let check = |text: &str, line, flaw| {
        let refused = Err(Error::Malformed { format: Format::Checkpoint, line, flaw });
        assert_eq!(text.parse::<Checkpoint>(), refused, "{text:?}");
    };
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    check("", 1, Flaw::Truncated);
    check("log\n", 3, Flaw::Truncated);
    check("log\n0\n", 3, Flaw::Truncated);
    check(&format!("log\n0\n{root}"), 1, Flaw::Truncated);
    check(&format!("\n0\n{root}\n"), 1, Flaw::EmptyLine);
    for size in ["", "00", "01", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"] {
        check(&format!("log\n{size}\n{root}\n"), 2, Flaw::Decimal);
    }
    check("log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==\n", 3, Flaw::Base64);
    check(&format!("log\n0\n{root}\n\n"), 4, Flaw::EmptyLine);
    check(&format!("log\n0\n{root}\none\n\ntwo\n"), 5, Flaw::EmptyLine);
}

#[test]
fn origins_and_extension_lines_are_single_lines() {
    let root = leaf_hash(b"");
    for origin in ["", "two\nlines", "tab\t"] {
        assert!(Checkpoint::new(origin, TreeSize::EMPTY, root).is_err(), "{origin:?}");
    }
    let mut checkpoint = Checkpoint::new("log", TreeSize::EMPTY, root).expect("a valid origin");
    for line in ["", "two\nlines"] {
        assert!(checkpoint.push_extension(line).is_err(), "{line:?}");
    }
}

#[test]
fn a_signed_checkpoint_is_opened_by_origin_and_key() {
    let signer = Signer::from_seed(KeyName::new("example.com/log").expect("a name"), &[7; 32]);
    let checkpoint = Checkpoint::new("example.com/log", TreeSize::new(3), leaf_hash(b"root"));
    let checkpoint = checkpoint.expect("a valid origin");
    let note = checkpoint.sign(&signer).to_string();
    let keys = [signer.verifier().clone()];

    let opened = Checkpoint::open(note.as_bytes(), "example.com/log", &keys).expect("genuine");
    assert_eq!(opened.checkpoint, checkpoint);
    assert_eq!(opened.note.to_string(), note);

    let other_log = Checkpoint::open(note.as_bytes(), "example.com/other", &keys);
    let (expected, found) = ("example.com/other".to_owned(), "example.com/log".to_owned());
    assert_eq!(other_log, Err(Error::OtherLog { expected, found }));

    let other_key = Signer::from_seed(KeyName::new("example.com/log").expect("a name"), &[8; 32]);
    let refused = Checkpoint::open(note.as_bytes(), "example.com/log", &[other_key.verifier().clone()]);
    assert_eq!(refused, Err(Error::UnknownSigner));

    let grown = note.replacen("\n3\n", "\n4\n", 1);
    let refused = Checkpoint::open(grown.as_bytes(), "example.com/log", &keys);
    assert_eq!(refused, Err(Error::BadSignature { name: "example.com/log".to_owned() }));
}

#[test]
fn a_real_checkpoint_and_its_cosignatures_verify() {
    let keys: Vec<Verifier> =
        [ARCHE_LOG].iter().chain(&WITNESSES).map(|key| key.parse().expect("a verifier key")).collect();
    let opened = Checkpoint::open(ARCHE.as_bytes(), ARCHE_ORIGIN, &keys).expect("genuine");
    assert_eq!(opened.checkpoint.size(), TreeSize::new(1_432_088_532));
    assert_eq!(opened.note.to_string(), ARCHE);
    let times: Vec<Option<u64>> = opened.signatures.iter().map(|signature| signature.cosigned_at_s).collect();
    assert_eq!(
        times,
        [None, Some(1_779_573_024), Some(1_779_573_024), Some(1_779_573_024), Some(1_779_573_024)]
    );
}

#[test]
fn a_cosignature_covers_text_and_time() {
    let remora: Verifier = WITNESSES[2].parse().expect("a verifier key");
    let bad = Err(Error::BadSignature { name: "remora.n621.de".to_owned() });
    let other_size = ARCHE.replacen("1432088532", "1432088533", 1);
    assert_eq!(Checkpoint::open(other_size.as_bytes(), ARCHE_ORIGIN, from_ref(&remora)), bad);
    let other_time = ARCHE.replacen("2net5wAAAABqEiEg", "2net5wAAAABqEiEh", 1);
    assert_eq!(Checkpoint::open(other_time.as_bytes(), ARCHE_ORIGIN, from_ref(&remora)), bad);
}

#[test]
fn a_log_key_does_not_verify_as_a_witness_key() {
    let log: Verifier = ARCHE_LOG.parse().expect("a verifier key");
    let as_witness = Verifier::cosigner(log.name().clone(), &log.public_key()).expect("a key");
    assert_ne!(as_witness.id(), log.id());
    let refused = Checkpoint::open(ARCHE.as_bytes(), ARCHE_ORIGIN, &[as_witness]);
    assert_eq!(refused, Err(Error::UnknownSigner));
}

#[test]
fn a_cosignature_states_a_time_below_2_to_the_63() {
    let cosigned_at = |time_s: u64| {
        let (note, witness) = cosigned(time_s);
        let signatures = Checkpoint::open(note.as_bytes(), "log", from_ref(&witness))?.signatures;
        Ok(signatures[0].cosigned_at_s)
    };
    assert_eq!(cosigned_at(0), Ok(Some(0)));
    assert_eq!(cosigned_at((1 << 63) - 1), Ok(Some((1 << 63) - 1)));
    assert_eq!(cosigned_at(1 << 63), Err(Error::BadSignature { name: "witness".to_owned() }));
}

/// A checkpoint with a witness's signature alone, put together after the specification from a plain signature.
fn cosigned(time_s: u64) -> (String, Verifier) {
    let signer = Signer::from_seed(KeyName::new("witness").expect("a name"), &[9; 32]);
    let text = Checkpoint::new("log", TreeSize::new(1), leaf_hash(b"")).expect("a valid origin").to_string();
    let plain = Note::sign(&format!("cosignature/v1\ntime {time_s}\n{text}"), &signer).expect("a text");
    let line = plain.signatures()[0].to_string();
    let plain_bytes = STANDARD.decode(line.rsplit(' ').next().expect("base64 last")).expect("base64");
    let witness = Verifier::cosigner(signer.verifier().name().clone(), &signer.verifier().public_key());
    let witness = witness.expect("a key");
    let bytes = [witness.id().as_bytes().as_slice(), &time_s.to_be_bytes(), &plain_bytes[4..]].concat();
    (format!("{text}\n— witness {}\n", STANDARD.encode(bytes)), witness)
}
