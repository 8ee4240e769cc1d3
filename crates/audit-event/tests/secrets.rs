//! How well secrets are removed, measured on a corpus.
//!
//! `data/secrets.true.ndjson` holds made-up secrets of many kinds in the places where they turn up;
//! `data/secrets.innocent.ndjson` holds what resembles them and must stay: part numbers, VINs, ids, hashes,
//! file names, prose about passwords. In the first file the bar `¦` breaks up well-known beginnings, so that
//! secret scanners leave the file alone; it is taken out before use.

use audit_event::{EncodeParams, Encoder, Entry, Timestamp};
use serde_json::{Value, json};

/// Secrets of the corpus that stay in the event, by kind. None should be here without a reason.
const MISSED: &[&str] = &[];
/// Innocent texts of the corpus that are altered, by kind and text.
const FALSE_POSITIVES: &[&str] = &[];

#[test]
fn secrets_of_the_corpus_are_removed() {
    let corpus = corpus(&include_str!("data/secrets.true.ndjson").replace('¦', ""));
    assert!(corpus.len() >= 200, "{}", corpus.len());
    let missed: Vec<String> = corpus
        .iter()
        .filter(|sample| {
            let secret = sample["secret"].as_str().expect("a secret");
            let (json, is_marked) = recorded(sample);
            json.contains(&in_json(secret)) || !is_marked
        })
        .map(|sample| format!("{}: {}", sample["kind"], sample))
        .collect();
    assert_eq!(missed, MISSED, "{} of {} missed", missed.len(), corpus.len());
}

#[test]
fn codes_are_removed_as_numbers_too_and_counts_stay() {
    let details = json!({ "cvv": 123, "otp": 48213, "max_tokens": 4096, "attempt": 3 });
    let (json, is_marked) = recorded(&json!({ "details": details }));
    assert!(is_marked && !json.contains(":123") && !json.contains("48213"), "{json}");
    assert!(json.contains("\"max_tokens\":4096") && json.contains("\"attempt\":3"), "{json}");
}

/// Each name with an open value behind it could make the search begin anew: a million of them must not.
#[test]
fn a_hostile_text_costs_no_more_than_a_long_one() {
    for hostile in ["password=\"x", "a=[\"", "token: \""] {
        let (json, _) = recorded(&json!({ "details": { "x": hostile.repeat(200_000) } }));
        assert!(json.len() < 70_000, "the details are cut");
    }
}

#[test]
fn innocent_texts_of_the_corpus_stay() {
    let corpus = corpus(include_str!("data/secrets.innocent.ndjson"));
    assert!(corpus.len() >= 170, "{}", corpus.len());
    let altered: Vec<String> = corpus
        .iter()
        .filter(|sample| {
            let (json, is_marked) = recorded(sample);
            let kept = match sample["text"].as_str() {
                Some(text) => json.contains(&in_json(text)),
                None => !json.contains("[removed]"),
            };
            !kept || is_marked
        })
        .map(|sample| format!("{}: {}", sample["kind"], recorded(sample).0))
        .collect();
    assert_eq!(altered, FALSE_POSITIVES, "{} of {} altered", altered.len(), corpus.len());
}

#[test]
fn removal_is_complete_after_one_pass() {
    let corpus = corpus(&include_str!("data/secrets.true.ndjson").replace('¦', ""));
    for text in corpus.iter().filter_map(|sample| sample["text"].as_str()) {
        let once = audit_event::secrets::redact(text);
        assert_eq!(audit_event::secrets::redact(&once), once, "{text}");
    }
}

fn corpus(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("a line of the corpus")).collect()
}

/// The event's JSON as it would be recorded, and whether it is marked.
fn recorded(sample: &Value) -> (String, bool) {
    let mut event = json!({ "action": "chat.created" });
    if let Some(text) = sample.get("text") {
        event["message"] = text.clone();
    }
    if let Some(details) = sample.get("details") {
        event["details"] = details.clone();
    }
    if let Some(change) = sample.get("change") {
        event["changes"] = json!([change]);
    }
    let params = EncodeParams {
        seed: [1; 16],
        recorded_at: Timestamp::from_micros(1_772_366_400_000_000),
        instance: None,
    };
    let encoded = Encoder::new(params).encode_json(event.to_string().as_bytes()).expect("valid");
    let entry = Entry::decode(&encoded.bytes).expect("an entry");
    entry.check_canonical().expect("canonical");
    let mut json = Vec::new();
    entry.write_json(&mut json);
    let json = String::from_utf8(json).expect("UTF-8");
    let is_marked = json.contains(r#""marks":["secret_removed"]"#);
    (json, is_marked)
}

/// As it stands inside a JSON string.
fn in_json(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}
