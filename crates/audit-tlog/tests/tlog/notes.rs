//! Signed notes and key encodings (c2sp.org/signed-note). Keys and signatures of PeterNeumann and EnochRoot
//! are from golang.org/x/mod, `sumdb/note`.

use audit_tlog::note::{KeyName, MAX_SIGNATURES};
use audit_tlog::{Error, Flaw, Note, Signer, Verifier};

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_SIGNATURE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

#[test]
fn keys_are_read_and_written() {
    let verifier = verifier(PETER);
    assert_eq!(verifier.to_string(), PETER);
    assert_eq!(verifier.name().as_str(), "PeterNeumann");
    assert_eq!(verifier.id().to_string(), "c74f20a3");
    let signer = Signer::decode(PETER_SECRET).expect("a signer key");
    assert_eq!(*signer.encode(), PETER_SECRET);
    assert_eq!(signer.verifier(), &verifier);
}

/// From github.com/transparency-dev/formats, `note/note_cosigv1_test.go`.
#[test]
fn witness_keys_are_read_and_written() {
    let key = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    assert_eq!(verifier(key).to_string(), key);
    let same_key_made = Verifier::cosigner(verifier(key).name().clone(), &verifier(key).public_key());
    assert_eq!(same_key_made, Ok(verifier(key)));
}

#[test]
fn no_part_of_a_key_and_no_altered_key_is_one() {
    for start in 0..=PETER.len() {
        for end in start..=PETER.len() {
            let whole = start == 0 && end == PETER.len();
            assert_eq!(PETER[start..end].parse::<Verifier>().is_ok(), whole, "{start}..{end}");
        }
    }
    for start in 0..=PETER_SECRET.len() {
        for end in start..=PETER_SECRET.len() {
            let whole = start == 0 && end == PETER_SECRET.len();
            assert_eq!(Signer::decode(&PETER_SECRET[start..end]).is_ok(), whole, "{start}..{end}");
        }
    }
    for altered in each_byte_incremented(PETER) {
        assert!(altered.parse::<Verifier>().is_err(), "{altered}");
    }
    for altered in each_byte_incremented(PETER_SECRET) {
        assert!(Signer::decode(&altered).is_err(), "{altered}");
    }
}

#[test]
fn keys_with_a_fitting_id_are_refused_for_length_and_algorithm() {
    let check = |key: &str, expected| assert_eq!(flaw(key.parse::<Verifier>()), Some(expected), "{key}");
    check("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", Flaw::Base64);
    check("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", Flaw::Algorithm);
    check("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", Flaw::KeyId);
    check("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", Flaw::KeyName);
}

#[test]
fn key_names_have_no_spaces_plus_signs_or_line_breaks() {
    for name in ["a", "example.com/log42", "söderberg.example", "x:y"] {
        assert_eq!(KeyName::new(name).expect("a name").as_str(), name);
    }
    for name in ["", " ", "a b", "a+b", "a\n", "a\u{a0}b", "a\u{2003}b", "a\u{3000}", "a\u{1}"] {
        assert!(KeyName::new(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_signed_note_is_the_published_one() {
    let signer = Signer::decode(PETER_SECRET).expect("a signer key");
    let note = Note::sign(TEXT, &signer).expect("a valid text");
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER_SIGNATURE}"));
}

#[test]
fn only_texts_that_end_in_a_newline_are_signed() {
    let signer = Signer::decode(PETER_SECRET).expect("a signer key");
    for text in ["", "abc", "a\tb\n", "a\r\n", "\u{0}\n"] {
        assert!(Note::sign(text, &signer).is_err(), "{text:?}");
    }
}

#[test]
fn known_signatures_are_verified_and_unknown_ones_ignored() {
    let note = parse(&format!("{TEXT}\n{PETER_SIGNATURE}{ENOCH_SIGNATURE}"));
    assert_eq!(note.text(), TEXT);
    let names = |verifiers: &[Verifier]| -> Result<Vec<String>, Error> {
        Ok(note.verify(verifiers)?.iter().map(|signature| signature.name.to_string()).collect())
    };
    let (peter, enoch) = (verifier(PETER), verifier(ENOCH));
    assert_eq!(names(std::slice::from_ref(&peter)), Ok(vec!["PeterNeumann".to_owned()]));
    assert_eq!(names(&[enoch.clone(), peter]), Ok(vec!["PeterNeumann".to_owned(), "EnochRoot".to_owned()]));
    assert_eq!(names(&[]), Err(Error::UnknownSigner));
    assert!(note.verify(&[enoch]).expect("signed")[0].cosigned_at_s.is_none());
}

#[test]
fn a_repeated_signature_counts_once() {
    let note = parse(&format!("{TEXT}\n{PETER_SIGNATURE}{PETER_SIGNATURE}{ENOCH_SIGNATURE}"));
    assert_eq!(note.verify(&[verifier(PETER)]).expect("signed").len(), 1);
}

#[test]
fn a_wrong_signature_of_a_known_key_refuses_the_note() {
    let bad = Err(Error::BadSignature { name: "PeterNeumann".to_owned() });
    let altered_text = parse(&format!("{}\n{PETER_SIGNATURE}", TEXT.replace("answer", "Answer")));
    assert_eq!(altered_text.verify(&[verifier(PETER)]), bad);
    let longer = PETER_SIGNATURE.replace("x08go/ZJ", "x08go/ZJABCD");
    let altered_signature = parse(&format!("{TEXT}\n{longer}{ENOCH_SIGNATURE}"));
    assert_eq!(altered_signature.verify(&[verifier(PETER), verifier(ENOCH)]), bad);
    assert!(altered_signature.verify(&[verifier(ENOCH)]).is_ok(), "unknown keys are not looked at");
}

#[test]
fn a_signature_under_another_name_or_id_is_unknown() {
    for line in
        [PETER_SIGNATURE.replace("PeterNeumann", "CarmenSandiego"), PETER_SIGNATURE.replace("x08g", "xxxx")]
    {
        let note = parse(&format!("{TEXT}\n{line}"));
        assert_eq!(note.verify(&[verifier(PETER)]), Err(Error::UnknownSigner));
    }
}

#[test]
fn signatures_are_added_and_replaced() {
    let signer = Signer::decode(PETER_SECRET).expect("a signer key");
    let mut note = Note::sign(TEXT, &signer).expect("a valid text");
    let enochs = parse(&format!("{TEXT}\n{ENOCH_SIGNATURE}"));
    note.add_signature(enochs.signatures()[0].clone());
    note.add_signature(enochs.signatures()[0].clone());
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER_SIGNATURE}{ENOCH_SIGNATURE}"));
}

#[test]
fn malformed_notes_are_refused_at_the_line() {
    let check = |note: &[u8], expected_line, expected_flaw| match Note::parse(note) {
        Err(Error::Malformed { line, flaw, .. }) => {
            assert_eq!((line, flaw), (expected_line, expected_flaw), "{}", String::from_utf8_lossy(note));
        }
        other => panic!("{other:?} for {}", String::from_utf8_lossy(note)),
    };
    let valid = format!("{TEXT}\n{PETER_SIGNATURE}");
    check(TEXT.as_bytes(), 1, Flaw::Structure);
    check(format!("{TEXT}\n").as_bytes(), 4, Flaw::Truncated);
    check(&valid.as_bytes()[..valid.len() - 1], 4, Flaw::Truncated);
    check(format!("\u{1}{valid}").as_bytes(), 1, Flaw::ControlCharacter);
    check(valid.replace("then", "then\t").as_bytes(), 2, Flaw::ControlCharacter);
    check(&[b"\xff", valid.as_bytes()].concat(), 1, Flaw::Utf8);
    check(valid.replace("— Peter", "— Bad Peter").as_bytes(), 4, Flaw::Base64);
    check(valid.replace("— Peter", "- Peter").as_bytes(), 4, Flaw::Structure);
    check(valid.replace("— Peter", "— a+b").as_bytes(), 4, Flaw::KeyName);
    check(format!("{valid}Unexpected line.\n").as_bytes(), 5, Flaw::Structure);
    check(format!("{TEXT}\n— PeterNeumann x08g\n").as_bytes(), 4, Flaw::Length);
    check(format!("{TEXT}\n— PeterNeumann x08gow==\n").as_bytes(), 4, Flaw::Length);
    let too_many = PETER_SIGNATURE.repeat(MAX_SIGNATURES + 1);
    check(format!("{TEXT}\n{too_many}").as_bytes(), 4 + MAX_SIGNATURES, Flaw::TooManySignatures);
    parse(&format!("{TEXT}\n{}", PETER_SIGNATURE.repeat(MAX_SIGNATURES)));
}

/// The specification's example, whose text has an empty line of its own.
#[test]
fn the_last_empty_line_ends_the_text() {
    let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n";
    let signature = "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    let encoded = format!("{text}\n{signature}");
    let note = parse(&encoded);
    assert_eq!(note.text(), text);
    assert_eq!(note.signatures()[0].id().to_string(), "367ba04b");
    assert_eq!(note.to_string(), encoded);
}

#[test]
fn a_signer_never_shows_its_secret() {
    let signer = Signer::decode(PETER_SECRET).expect("a signer key");
    let shown = format!("{signer:?}");
    assert!(shown.contains("PeterNeumann") && !shown.contains("129, 10, 20"), "{shown}");
}

fn each_byte_incremented(text: &str) -> impl Iterator<Item = String> + '_ {
    (0..text.len()).map(|at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] += 1;
        String::from_utf8(bytes).expect("still ASCII")
    })
}

fn flaw<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<Flaw> {
    match result {
        Err(Error::Malformed { flaw, .. }) => Some(flaw),
        other => panic!("{other:?}"),
    }
}

fn verifier(key: &str) -> Verifier {
    key.parse().expect("a verifier key")
}

fn parse(note: &str) -> Note {
    Note::parse(note.as_bytes()).expect("a note")
}
