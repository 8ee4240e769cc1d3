//! What looking at a request costs: `cargo bench -p audit-pipeline --bench routes`.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::sync::Arc;

use audit_event::{Client, Timestamp};
use audit_pipeline::sources::openwebui::caller::{Caller, CredentialKind, Person, Standing};
use audit_pipeline::sources::openwebui::exchange::{Answer, Captured, Ending, Exchange};
use audit_pipeline::sources::openwebui::table::RouteTable;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method};

fn plans(criterion: &mut Criterion) {
    let table = RouteTable::embedded();
    let mut group = criterion.benchmark_group("plan");
    let requests = [
        ("asset", Method::GET, "/_app/immutable/chunks/Dk2xY0aB.js"),
        ("read_unrecorded", Method::GET, "/api/v1/chats/?page=1"),
        ("read_recorded", Method::GET, "/api/v1/chats/63128d86-55ea-44ce-abb4-9c7add646484"),
        (
            "change",
            Method::POST,
            "/api/v1/chats/63128d86-55ea-44ce-abb4-9c7add646484/messages/92313b9b/event",
        ),
        ("change_with_state", Method::POST, "/api/v1/groups/id/8addfa92-48ae-4246-9b01-c1b9f1b50668/update"),
        ("unknown", Method::POST, "/no/such/route/anywhere"),
    ];
    for (name, method, target) in requests {
        group.bench_function(name, |bencher| {
            bencher.iter(|| table.plan(black_box(&method), black_box(target)))
        });
    }
    group.finish();
}

/// Name, method, target, request's body, answer's body, state before.
type Case<'c> = (&'c str, Method, &'c str, &'c str, &'c str, Option<&'c str>);

fn events(criterion: &mut Criterion) {
    let table = RouteTable::embedded();
    let person = Person {
        id: "12313889-73df-4258-b25c-0062884cb4c2".to_owned(),
        name: Some("Alice Example".to_owned()),
        email: Some("alice@example.test".to_owned()),
        role: Some("user".to_owned()),
        ..Person::default()
    };
    let caller = Caller {
        credential: CredentialKind::Session,
        standing: Standing::Proven,
        person: Some(Arc::new(person)),
        ..Caller::default()
    };
    let settings: Vec<String> = (0..100).map(|n| format!("\"SETTING_NUMBER_{n}\":\"value {n}\"")).collect();
    let before = format!("{{{}}}", settings.join(","));
    let after = before.replace("value 7\"", "value 7 and more\"");
    let prompt = format!(
        "{{\"model\":\"gpt-5.2\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}",
        "word ".repeat(2000)
    );
    let chunk = "data: {\"id\":\"c\",\"model\":\"gpt-5.2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n";
    let stream = format!("{}data: [DONE]\n\n", chunk.repeat(600));
    let cases: [Case<'_>; 3] = [
        (
            "delete_chat",
            Method::DELETE,
            "/api/v1/chats/63128d86-55ea-44ce-abb4-9c7add646484",
            "",
            "true",
            None,
        ),
        ("settings_of_100", Method::POST, "/api/v1/auths/admin/config", &after, &after, Some(&before)),
        ("completion_10k_in_60k_out", Method::POST, "/api/chat/completions", &prompt, &stream, None),
    ];
    let (none, mut group) = (HeaderMap::new(), criterion.benchmark_group("events"));
    for (name, method, target, request, answer, before) in cases {
        let plan = table.plan(&method, target);
        let body = |text: &str, kept: usize| (text.len().min(kept), text.len() as u64);
        let (request_kept, request_length) = body(request, plan.keep_request);
        let (answer_kept, answer_length) = body(answer, plan.keep_answer);
        let exchange = Exchange {
            id: "0199b6a0-0000-7000-8000-000000000001",
            started: Timestamp::from_micros(1_795_500_000_000_000),
            latency_ms: 12.5,
            first_byte_ms: Some(3.0),
            method: &method,
            target,
            request_headers: &none,
            request_body: Captured {
                bytes: &request.as_bytes()[..request_kept],
                gist: b"",
                tail: b"",
                is_whole: request_kept == request.len(),
                length: request_length,
            },
            answer: Some(Answer {
                status: 200,
                headers: &none,
                body: Captured {
                    bytes: &answer.as_bytes()[..answer_kept],
                    gist: b"",
                    tail: b"",
                    is_whole: answer_kept == answer.len(),
                    length: answer_length,
                },
            }),
            ending: Ending::Complete,
            caller: &caller,
            client: Client::default(),
            before: before.map(str::as_bytes),
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| table.events(black_box(&plan), black_box(&exchange)))
        });
    }
    group.finish();
}

criterion_group!(benches, plans, events);
criterion_main!(benches);
