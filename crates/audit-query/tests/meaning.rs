//! What queries mean, on one event that has every field and one that has hardly any.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use audit_event::{EncodeParams, Encoder, Entry, Event, Fields, Source, Timestamp};
use audit_query::Filter;
use audit_query::filter::{Field, Test};

const FULL: &str = r#"{"id":"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","time":"2026-03-01T08:00:00Z",
    "action":"auth.login_failed","outcome":"failure","reason":"invalid_credentials","severity":"high","source":"api","sender":"tok_1",
    "instance":"plant-1","actor":{"type":"user","id":"u-Ada","name":"Ada Lovelace","email":"Ada@Example.com"},
    "session_id":"deadbeefcafe","org":{"role":"admin","department":"R&D","groups":["buyers","Pilots"]},
    "client":{"ip":"10.1.2.3","user_agent":"curl/8.9.1"},
    "target":{"type":"session","id":"s-1","name":"Brake-Rotor catalogue"},
    "targets":[{"type":"chat","id":"c-1","name":"one"},{"type":"file","id":"c-2","name":"two"}],
    "model":{"id":"gpt-5.2","provider":"OpenAI"},"usage":{"input_tokens":1000,"output_tokens":1,"cost_usd":0.25},
    "latency_ms":12.5,"message":"Sign-in failed for \u00c9t\u00e9: wrong password, 3rd time",
    "http":{"method":"POST","status":401}}"#;

const BARE: &str =
    r#"{"id":"e-1","time":"2026-03-01T08:00:00Z","action":"system.startup.completed","source":"internal"}"#;

fn accepts(filter: &Filter, json: &str) -> bool {
    let params = EncodeParams { seed: [7; 16], recorded_at: Timestamp::MIN, instance: None };
    let entry = Encoder::new(params).encode(&Event::parse(json.as_bytes()).unwrap()).unwrap();
    let entry = Entry::decode(&entry.bytes).unwrap();
    filter.matches(&Fields::decode(&entry).unwrap())
}

fn check(json: &str, accepted: &[&str], refused: &[&str]) {
    for (queries, expected) in [(accepted, true), (refused, false)] {
        for query in queries {
            assert_eq!(accepts(&Filter::parse(query).unwrap(), json), expected, "{query}");
        }
    }
}

#[test]
fn the_filter_for_first_hand_events_means_what_the_source_says() {
    for source in Source::ALL {
        for sender in [None, Some("tok_0123456789ab"), Some("webhook:main"), Some("import"), Some("webhooks")]
        {
            let event = Event { sender: sender.map(Into::into), ..Event::new("auth.login", *source) };
            let params = EncodeParams { seed: [7; 16], recorded_at: Timestamp::MIN, instance: None };
            let entry = Encoder::new(params).encode(&event).unwrap().bytes;
            let entry = Entry::decode(&entry).unwrap();
            let fields = Fields::decode(&entry).unwrap();
            let is_found = |asked: Source| Filter::first_hand(asked).matches(&fields);
            assert_eq!(is_found(*source), source.is_first_hand(sender), "{source} {sender:?}");
            assert!(Source::ALL.iter().filter(|other| *other != source).all(|other| !is_found(*other)));
        }
    }
}

#[test]
fn names_and_identifiers_are_compared_exactly() {
    check(
        FULL,
        &[
            "category:authentication",
            "action:auth.login_failed",
            "action:auth.*",
            "outcome:failure",
            "severity:high",
            "reason:invalid_credentials",
            "source:api",
            "instance:plant-1",
            "actor.type:user",
            "actor.id:u-Ada",
            "session:deadbeefcafe",
            "target.type:session",
            "http.method:POST",
            "id:0190a1b2*",
        ],
        &[
            "action:auth.login",
            "action:Auth.*",
            "actor.id:u-ada",
            "instance:PLANT-1",
            "http.method:post",
            "outcome:denied",
        ],
    );
}

#[test]
fn names_of_people_and_things_are_compared_in_any_case() {
    check(
        FULL,
        &[
            "actor.name:\"ADA lovelace\"",
            "actor.email:ada@example.COM",
            "role:Admin",
            "department:r&d",
            "model:GPT*",
            "provider:openai",
            "user_agent:CURL*",
            "target.name:\"brake-rotor CATALOGUE\"",
            "group:pilots",
            "group:BUY*",
        ],
        &["actor.name:Ada", "department:R", "group:sellers", "target.name:brake-rotor"],
    );
}

#[test]
fn user_and_target_stand_for_several_fields() {
    check(
        FULL,
        &[
            "user:u-Ada",
            "user:ada@example.com",
            "user:\"ada lovelace\"",
            "user:ada*",
            "target:s-1",
            "target:session",
        ],
        &["user:u-ada", "user:lovelace", "target:S-1", "target:brake"],
    );
}

#[test]
fn each_target_of_a_bulk_action_counts() {
    check(
        FULL,
        &["target:c-1", "target.id:c-2", "target.type:file", "target.name:TWO", "one", "target.name~two"],
        &["target.id:c-3"],
    );
}

#[test]
fn addresses_are_in_networks() {
    check(
        FULL,
        &[
            "ip:10.1.2.3",
            "ip:10.0.0.0/8",
            "ip:10.1.*",
            "ip:0.0.0.0/0",
            "10.1.2.3",
            "10.0.0.0/8",
            "ip:192.0.2.1,10.1.2.3",
        ],
        &["ip:10.1.2.4", "ip:10.1.2.0/31", "ip:::/0", "192.0.2.0/24"],
    );
}

#[test]
fn numbers_compare() {
    check(
        FULL,
        &[
            "input_tokens=1000",
            "output_tokens<2",
            "tokens:1001",
            "tokens>1000",
            "tokens<=1001",
            "cost:0.25",
            "cost>=0.25",
            "latency:12..13",
            "status:401",
            "http.status:400..499",
        ],
        &["tokens:1000", "tokens>1001", "cost>0.25", "latency<12.5", "status:500..599"],
    );
}

#[test]
fn words_stand_side_by_side_in_one_text() {
    check(
        FULL,
        &[
            "sign",
            "SIGN-IN",
            "\"in failed for\"",
            "été",
            "\"été wrong\"",
            "passw*",
            "\"wrong pass\"*",
            "3rd",
            "brake",
            "\"rotor catalogue\"",
            "lovelace",
            "\"ada example com\"",
            "ada@example.com",
            "\"auth login failed\"",
            "invalid",
            "message:failed",
            "action~login",
            "reason~credentials",
            "actor.name~ada",
        ],
        &[
            "signin",
            "\"failed in\"",
            "pass",
            "\"failed password\"",
            "\"time brake\"",
            "message:brake",
            "actor.name~example",
            "curl",
            "plant",
            "poST",
            "catalog",
        ],
    );
}

#[test]
fn free_words_find_identifiers_whole() {
    check(
        FULL,
        &["0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "deadbeefcafe"],
        &["DEADBEEFCAFE", "deadbeefcaf", "deadbeefca*", "0190a1b2", "message:deadbeefcafe"],
    );
}

#[test]
fn a_missing_field_fulfils_nothing_but_its_negation() {
    for field in Field::all() {
        let exists = Filter::from(Test::Exists(field));
        assert!(accepts(&exists, FULL), "{field}");
        let always = ["id", "category", "action", "outcome", "severity", "source"];
        assert_eq!(accepts(&exists, BARE), always.contains(&field.name()), "{field}");
    }
    check(
        BARE,
        &["-department:Finance", "-tokens>5", "-user:*", "outcome:unknown", "severity:info"],
        &["department:Finance", "tokens<5", "tokens>=0", "ip:0.0.0.0/0", "user:\"\"", "message:system"],
    );
}

#[test]
fn conditions_are_put_together() {
    check(
        FULL,
        &[
            "brake failed",
            "nothing OR brake",
            "-nothing brake",
            "-(nothing brake)",
            "*",
            "brake (nothing OR failed)",
        ],
        &["brake nothing", "-brake", "-*", "-(nothing OR brake)", "nothing OR missing"],
    );
}
