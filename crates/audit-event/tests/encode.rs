//! Events in, entries out, through the public API.

use audit_event::{
    Category, EncodeParams, Encoder, Entry, Event, Fields, Group, GroupSet, Timestamp, erase, leaf_data,
};

fn encoder() -> Encoder {
    Encoder::new(EncodeParams {
        seed: [7; 16],
        recorded_at: Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time"),
        instance: None,
    })
}

const SAMPLE: &str = r#"{"id":"5e803c033ba0445b76a0b9b6de262506","time":"2025-11-01T00:01:21.402078Z","category":"file","action":"file.uploaded","outcome":"success","actor":{"type":"user","id":"6a0a5f6f-d963-425d-ab79-7eec8bd89b93","name":"Emma Haddad","email":"emma.haddad.2202@partsco.example"},"session_id":"b9b6de262506","target":{"type":"file","id":"1040b880-6bd5-4297-a0d4-7b43b1111e1a","name":"radiator-1286"},"message":"Emma Haddad file.uploaded document radiator-catalog-1286.pdf","details":{"part":"radiator"},"org":{"role":"user","department":"IT"},"client":{"ip":"10.4.210.54","user_agent":"Mozilla/5.0"},"source":"api","instance":"bench","latency_ms":774,"http":{"method":"POST","path":"/api/v1/files/1040b880-6bd5-4297-a0d4-7b43b1111e1a","status":200,"request_id":"3da1d8888f0d4297"}}"#;

#[test]
fn an_event_survives_its_entry() {
    let encoded = encoder().encode_json(SAMPLE.as_bytes()).expect("valid");
    assert_eq!(&*encoded.id, "5e803c033ba0445b76a0b9b6de262506");
    let entry = Entry::decode(&encoded.bytes).expect("an entry");
    assert_eq!(entry.check_canonical(), Ok(()));
    assert_eq!(leaf_data(&encoded.bytes), Ok(encoded.leaf.clone()));
    let mut json = Vec::new();
    entry.write_json(&mut json);
    let event = Event::parse(&json).expect("an event");
    let mut original = Event::parse(SAMPLE.as_bytes()).expect("an event");
    original.severity = Some(audit_event::Severity::Info);
    assert_eq!(event, original);
    let fields = Fields::decode(&entry).expect("fields");
    assert_eq!(fields.category, Category::File);
    assert_eq!(fields.http_status, Some(200));
    assert_eq!(fields.latency_ms, Some(774.0));
    assert_eq!(fields.details, Some(r#"{"part":"radiator"}"#));
}

#[test]
fn erasing_keeps_the_leaf() {
    let encoded = encoder().encode_json(SAMPLE.as_bytes()).expect("valid");
    let salted = erase::to_salted(&encoded.bytes).expect("an entry");
    assert_eq!(leaf_data(&salted), Ok(encoded.leaf.clone()));
    let groups: GroupSet = [Group::Actor, Group::Org, Group::Client].into_iter().collect();
    let erased = erase::erase(&salted, groups).expect("an entry");
    assert_eq!(leaf_data(&erased), Ok(encoded.leaf));
    let fields = Fields::decode(&Entry::decode(&erased).expect("an entry"))
        .map(|f| (f.erased, f.actor_id))
        .expect("f");
    assert_eq!(fields, (groups, None));
}
