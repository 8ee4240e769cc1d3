//! For random events, scopes, withheld groups and questions: no path shows anything outside of what its reader may see, or
//! counts it, and what is hidden is answered like what does not exist.
//!
//! What an event is, and whether it is within a scope, [`Filter::matches`] says. Each event carries its number in every
//! group, so that it shows wherever it leaks: `actor3x`, `content3x`, …

use std::collections::BTreeSet;

use audit_control::{Permission, Permissions, RoleRights};
use audit_event::disclosure::Disclosure;
use audit_event::{Entry, Fields, Group, GroupSet};
use audit_query::Filter;
use audit_tlog::LeafIndex;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::{Answer, App, NOW, ORIGIN, PREFIXES, control, event};
use crate::router::{endpoints, pages};

/// An event to be.
#[derive(Debug, Clone)]
struct Sketch {
    department: &'static str,
    action: &'static str,
    outcome: &'static str,
    person: u8,
    source: &'static str,
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let sketch = (
        select(vec!["sales", "board", "Inside Sales"]),
        select(vec![
            "auth.login",
            "auth.login_failed",
            "model.called",
            "chat.created",
            "file.uploaded",
            "api.request",
        ]),
        select(vec!["success", "failure", "denied"]),
        0..3_u8,
        select(vec!["api", "gateway", "webhook"]),
    );
    let sketch = sketch.prop_map(|(department, action, outcome, person, source)| Sketch {
        department,
        action,
        outcome,
        person,
        source,
    });
    prop::collection::vec(sketch, 2..9)
}

impl Sketch {
    fn event(&self, number: usize) -> Value {
        let mark = |group: &str| format!("{group}{number}x");
        // Whoever signs in is the target of it, too.
        let target = match self.action {
            "auth.login" => json!({ "type": "user", "id": mark("actor"), "name": mark("actor") }),
            _ => json!({ "type": "chat", "id": mark("target"), "name": mark("target") }),
        };
        event(
            &format!("core{number}x"),
            i64::try_from(number).unwrap() + 1,
            &json!({
                "action": self.action,
                "outcome": self.outcome,
                "source": self.source,
                "actor": { "type": "user", "id": mark("actor"), "name": format!("Person {}", mark("actor")),
                    "email": format!("{}@example.test", mark("actor")) },
                "session_id": "shared-session",
                "org": { "department": self.department, "role": format!("p{}", self.person), "groups": [mark("org")] },
                "client": { "ip": format!("192.0.2.10{number}"), "peer_ip": format!("192.0.2.10{number}"),
                    "forwarded_for": ["203.0.113.9"], "user_agent": mark("client") },
                "target": target,
                "model": { "id": mark("usage"), "provider": "prov" },
                "usage": { "input_tokens": 1, "output_tokens": 1, "cost_usd": 0.5 },
                "message": format!("Something {} rotor", mark("content")),
                "http": { "method": "GET", "path": format!("/api/v1/{}", mark("content")) },
                "details": { "text": mark("content"), "unseen_by": "gateway" },
            }),
        )
    }
}

/// Conditions, as scopes are made of them and questions are asked.
fn conditions() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "department:sales",
        "-department:board",
        "department:\"Inside Sales\"",
        "department:s*",
        "outcome:success",
        "-outcome:denied",
        "action:auth.*",
        "category:model_usage",
        "role:p1",
        "ip:192.0.2.96/29",
        "tokens>=1",
        "target:target1*",
        "user:actor2*",
        "session:shared-session",
        "rotor",
        "something",
        "-person",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" OR "))),
            inner.prop_map(|not| format!("-({not})")),
        ]
    })
}

fn withheld() -> impl Strategy<Value = Vec<Group>> {
    let groups = vec![Group::Actor, Group::Org, Group::Client, Group::Target, Group::Usage, Group::Content];
    subsequence(groups, 0..=2)
}

/// Somebody who may read whatever there is to read, as far as they may see it.
struct Limited {
    app: App,
    token: String,
    withheld: Vec<Group>,
    /// Whether each event is theirs to see.
    sees: Vec<bool>,
    /// Which of these each of the questions asks for.
    found: Vec<usize>,
    question: String,
}

impl Limited {
    async fn start(sketches: &[Sketch], scope: &str, withheld: &[Group], question: &str) -> Self {
        let app = App::start();
        let events: Vec<_> =
            sketches.iter().enumerate().map(|(number, sketch)| sketch.event(number)).collect();
        app.record(&events).await;
        // What the program records of readers is not among the events of which is told here.
        let scope = format!("-source:internal ({scope})");
        let rights = RoleRights {
            permissions: Permissions::of(&[
                Permission::EventsRead,
                Permission::EventsExport,
                Permission::UsageRead,
                Permission::PeopleRead,
                Permission::IntegrityRead,
                Permission::HealthRead,
                Permission::LooksRead,
                Permission::ViewsManage,
                Permission::ReportsRun,
                Permission::MetricsRead,
                Permission::TlogRead,
                Permission::ApprovalsDecide,
            ]),
            scope: Some(scope.clone()),
            withheld: withheld.iter().copied().collect::<GroupSet>(),
        };
        control(&app).create_role("limited", &rights, NOW).unwrap();
        let (_, secret) =
            control(&app).create_token(&audit_control::NewToken::of("limited", "limited"), NOW).unwrap();
        app.state.access().reload().unwrap();
        let accepts = |filter: &Filter| -> Vec<bool> {
            let reader = app.ledger.reader();
            let matches = |index: usize| {
                let bytes = reader.get(LeafIndex::new(index as u64)).unwrap();
                filter.matches(&Fields::decode(&Entry::decode(&bytes).unwrap()).unwrap())
            };
            (0..sketches.len()).map(matches).collect()
        };
        let sees = accepts(&Filter::parse(&scope).unwrap());
        // Whoever sees no actors sees no targets: often they are the same.
        let mut withheld = withheld.to_vec();
        if withheld.contains(&Group::Actor) && !withheld.contains(&Group::Target) {
            withheld.push(Group::Target);
        }
        let groups = withheld.iter().copied().collect::<GroupSet>();
        let asked = Filter::parse(question).unwrap().looking_past(groups);
        let asked = accepts(&asked);
        let found = (0..sketches.len()).filter(|number| asked[*number] && sees[*number]).collect();
        let token = secret.reveal().to_owned();
        Self { sees, found, withheld, question: question.to_owned(), app, token }
    }

    fn request(&self, method: Method, address: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(address);
        request
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header("sec-fetch-site", "same-origin")
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.app.send(request).await).await
    }

    async fn get(&self, address: &str) -> Answer {
        self.send(self.request(Method::GET, address).body(Body::empty()).unwrap()).await
    }

    async fn api(&self, path: &str) -> Answer {
        self.get(&format!("{}{path}", PREFIXES[0])).await
    }

    /// Whether the question may be asked at all.
    fn is_allowed(&self) -> bool {
        let is_withheld = |field: audit_query::filter::Field| self.withheld.contains(&field.group());
        Filter::parse(&self.question).unwrap().first_field(&mut |field| is_withheld(field)).is_none()
    }

    /// Asserts that an answer shows nothing hidden. `asked`: what the request itself named, and is said back.
    fn check(&self, case: &str, answer: &Answer, asked: &str) {
        assert!(!answer.status.is_server_error(), "{case}: {}", String::from_utf8_lossy(&answer.body));
        let body = String::from_utf8_lossy(&answer.body);
        let headers = format!("{:?}", answer.headers);
        let text = format!("{body}{headers}");
        let text = if asked.is_empty() { text } else { text.replace(asked, "") };
        for (number, is_seen) in self.sees.iter().enumerate() {
            for group in ["core", "actor", "org", "client", "target", "usage", "content"] {
                let is_withheld = self.withheld.iter().any(|withheld| withheld.as_str() == group);
                let mark = format!("{group}{number}x");
                let may_show = *is_seen && !is_withheld;
                assert!(may_show || !text.contains(&mark), "{case} shows {mark}: {text}");
            }
            let may_show = *is_seen && !self.withheld.contains(&Group::Client);
            let address = format!("192.0.2.10{number}");
            assert!(may_show || !text.contains(&address), "{case} shows {address}: {text}");
        }
    }
}

fn encoded(question: &str) -> String {
    form_urlencoded::byte_serialize(question.as_bytes()).collect()
}

/// Lists, counts, exports and pages: every path that takes a question, and how many it says there are.
async fn every_question(limited: &Limited) {
    let q = encoded(&limited.question);
    let found = limited.found.len();
    let expected = if limited.is_allowed() { StatusCode::OK } else { StatusCode::FORBIDDEN };
    for path in [
        "/?limit=50&count=true&",
        "/?",
        "/?format=ndjson&",
        "/?format=csv&",
        "/?format=parquet&",
        "/?limit=50&format=parquet&",
        "/?limit=2&format=csv&",
        "/?limit=50&fields=id,actor,message&",
        "/stats?by=action&",
        "/stats?interval=day&by=outcome&",
        "/?order=oldest_first&",
    ] {
        let case = format!("{path}q={}", limited.question);
        let answer = limited.api(&format!("{path}q={q}")).await;
        let names_withheld = path.contains("fields=") && answer.status == StatusCode::FORBIDDEN;
        assert!(answer.status == expected || names_withheld, "{case}: {}", answer.text());
        limited.check(&case, &answer, "");
        if answer.status != StatusCode::OK {
            continue;
        }
        let counted = if path.contains("format=ndjson") {
            Some(answer.text().lines().count())
        } else if path == "/?format=csv&" {
            Some(answer.text().lines().count() - 1)
        } else if path.starts_with("/stats") {
            let table = answer.json();
            let counts = table["rows"].as_array().unwrap().iter();
            Some(usize::try_from(counts.map(|row| row["count"].as_u64().unwrap()).sum::<u64>()).unwrap())
        } else if !path.contains("format=") {
            let list = answer.json();
            let total = list["total"].as_u64().or(list["count"].as_u64());
            assert!(total.is_none_or(|total| total == found as u64), "{case}: {list}");
            Some(list["events"].as_array().unwrap().len())
        } else {
            None
        };
        assert!(counted.is_none_or(|counted| counted == found), "{case} counts {counted:?} of {found}");
    }
    for page in
        ["/audit", "/audit/usage", "/audit/usage.csv", "/audit/exports/new", "/audit/looks", "/audit/users"]
    {
        let answer = limited.get(&format!("{page}?q={q}")).await;
        limited.check(page, &answer, "");
    }
    for by in ["actor.name", "target.name", "model", "group", "user_agent"] {
        limited.check(by, &limited.api(&format!("/stats?by={by}&q={q}")).await, "");
        limited.check(by, &limited.get(&format!("/audit/usage?by={by}&q={q}")).await, "");
    }
    let tree_size = limited.sees.len();
    let proof = limited.api(&format!("/export-proof?tree_size={tree_size}&q={q}")).await;
    limited.check("/export-proof", &proof, "");
}

/// Looking at one event or person: what is hidden is byte for byte what does not exist.
async fn every_single_thing(limited: &Limited) {
    for (number, is_seen) in limited.sees.iter().enumerate() {
        for (path, other) in [("", "core"), ("/proof", "core"), ("?groups=actor", "core")] {
            let (id, absent) = (format!("{other}{number}x"), format!("{other}{number}y"));
            for prefix in [format!("{}/", PREFIXES[0]), "/audit/events/".to_owned()] {
                let is_page = prefix.starts_with("/audit/");
                let answer = limited.get(&format!("{prefix}{id}{path}")).await;
                limited.check(&id, &answer, &id);
                let none = limited.get(&format!("{prefix}{absent}{path}")).await;
                if is_page && path == "/proof" || path.starts_with('?') {
                    continue;
                }
                assert_eq!(answer.status == StatusCode::OK, *is_seen, "{prefix}{id}{path}");
                if !is_seen {
                    same(&id, &answer, &absent, &none);
                }
            }
        }
        let by_index = limited.api(&format!("/{number}")).await;
        limited.check("by index", &by_index, "");
        assert_eq!(by_index.status == StatusCode::OK, *is_seen);
        if *is_seen {
            proof_holds(limited, number).await;
        }
        let (person, stranger) = (format!("actor{number}x"), format!("actor{number}y"));
        let shows_people = *is_seen && !limited.withheld.contains(&Group::Actor);
        for prefix in [format!("{}/people/", PREFIXES[0]), "/audit/users/".to_owned()] {
            let answer = limited.get(&format!("{prefix}{person}")).await;
            limited.check(&person, &answer, &person);
            if !shows_people {
                let none = limited.get(&format!("{prefix}{stranger}")).await;
                same(&person, &answer, &stranger, &none);
            }
        }
    }
}

/// That two answers are one but for what was asked for.
fn same(asked: &str, answer: &Answer, other: &str, none: &Answer) {
    assert_eq!(answer.status, none.status, "{asked}");
    let (text, none_text) = (answer.text().replace(asked, "_"), none.text().replace(other, "_"));
    assert_eq!(text, none_text, "{asked}");
    assert_eq!(answer.headers, none.headers, "{asked}");
}

/// Withheld groups are not disclosed, and the rest proves the event all the same.
async fn proof_holds(limited: &Limited, number: usize) {
    let file = limited.api(&format!("/{number}/proof")).await;
    let proof = audit_tlog::TlogProof::parse(&file.body).unwrap();
    let disclosure =
        Disclosure::from_json(std::str::from_utf8(proof.extra.as_ref().unwrap()).unwrap()).unwrap();
    for group in Group::ALL {
        let is_withheld = limited.withheld.contains(group);
        assert_eq!(disclosure.text(*group).is_none(), is_withheld, "{group:?}");
    }
    let verifiers = std::slice::from_ref(&limited.app.verifier);
    proof.verify(disclosure.leaf_data().as_bytes(), ORIGIN, verifiers).unwrap();
}

/// An export in the background, by the API and by the page: its file, its proof, and what lists say of it.
async fn every_job(limited: &Limited, format: &str) {
    let begun = limited.request(
        Method::POST,
        &format!("{}/exports?format={format}&q={}", PREFIXES[0], encoded(&limited.question)),
    );
    let begun = limited.send(begun.body(Body::empty()).unwrap()).await;
    limited.check("POST /exports", &begun, "");
    if !limited.is_allowed() {
        begun.problem(403, "field_withheld");
        return;
    }
    let id = begun.json()["export"]["id"].as_str().unwrap().to_owned();
    let mut export = Value::Null;
    for _ in 0..12_000 {
        export = limited.api(&format!("/exports/{id}")).await.json()["export"].clone();
        if export["state"] == "done" && !export["proof"].is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(
        (export["rows"].as_u64(), export["total"].as_u64()),
        (Some(limited.found.len() as u64), Some(limited.found.len() as u64)),
        "{export}"
    );
    for path in [format!("/exports/{id}/file"), format!("/exports/{id}/proof"), "/exports".to_owned()] {
        let answer = limited.api(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        limited.check(&path, &answer, "");
    }
    limited.check("/audit/exports", &limited.get("/audit/exports").await, "");
}

/// The live tail, from the beginning.
async fn every_message(limited: &Limited) {
    let address = format!("{}/stream?after=0&q={}", PREFIXES[0], encoded(&limited.question));
    let response =
        limited.app.send(limited.request(Method::GET, &address).body(Body::empty()).unwrap()).await;
    if response.status() != StatusCode::OK {
        assert!(!limited.is_allowed());
        return;
    }
    // After the first entry, which no tail begins with.
    let expected = limited.found.iter().filter(|number| **number > 0).count();
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    let mut is_over = false;
    while !is_over {
        let wait = std::time::Duration::from_millis(if count(&text) < expected { 60_000 } else { 70 });
        match tokio::time::timeout(wait, body.frame()).await {
            Ok(Some(frame)) => text.extend_from_slice(&frame.unwrap().into_data().unwrap()),
            _ => is_over = true,
        }
    }
    assert_eq!(count(&text), expected, "{}", String::from_utf8_lossy(&text));
    limited.check("/stream", &Answer { status: head.status, headers: head.headers, body: text }, "");
}

fn count(stream: &[u8]) -> usize {
    String::from_utf8_lossy(stream).lines().filter(|line| line.starts_with("data: {\"action\"")).count()
}

/// Every GET route there is, without a question: so that none is forgotten that comes later.
async fn every_route(limited: &Limited) {
    let api = endpoints().into_iter().map(|route| (route.method, format!("{}{}", PREFIXES[0], route.path)));
    let pages = pages().into_iter().map(|page| (page.method, page.path.to_owned()));
    for (_, address) in
        api.chain(pages).filter(|(method, path)| *method == "GET" && !path.ends_with("/stream"))
    {
        let address =
            address.replace("{event}", "0").replace("{person}", "actor0x").replace("{*tile}", "0/000.p/1");
        let answer = limited.get(&address).await;
        let asked = if address.contains("actor0x") { "actor0x" } else { "" };
        limited.check(&address, &answer, asked);
    }
}

/// A page token belongs to its question, scope included: nobody goes on with somebody else's.
async fn no_other_place_in_a_list(limited: &Limited) {
    let whole = limited.app.get("/?limit=1").await.json();
    let Some(token) = whole["next_page_token"].as_str() else { return };
    limited.api(&format!("/?limit=1&page_token={token}")).await.problem(400, "invalid_page_token");
}

/// Views, approvals and exports of others stay theirs.
async fn nothing_of_others(limited: &Limited) {
    let app = &limited.app;
    let view = app
        .request(Method::POST, "/views", audit_control::Role::Admin)
        .header(CONTENT_TYPE, "application/json");
    let wish = json!({ "name": "Hers", "query": "q=core0x" }).to_string();
    let view = Answer::of(app.send(view.body(Body::from(wish)).unwrap()).await).await;
    let export =
        app.request(Method::POST, "/exports", audit_control::Role::Auditor).body(Body::empty()).unwrap();
    let export = Answer::of(app.send(export).await).await.json()["export"]["id"].as_str().unwrap().to_owned();
    let view = view.json()["view"]["id"].as_str().unwrap_or_default().to_owned();
    assert!(!view.is_empty() && !export.is_empty());
    assert!(!limited.api("/views").await.text().contains(&view));
    assert!(!limited.api("/exports").await.text().contains(&export));
    let absent: String = view.chars().rev().collect();
    same(
        &view,
        &limited.api(&format!("/views/{view}")).await,
        &absent,
        &limited.api(&format!("/views/{absent}")).await,
    );
    let absent = format!("{}0", &export[..export.len() - 1]);
    let absent = if absent == export { format!("{}1", &export[..export.len() - 1]) } else { absent };
    for path in ["", "/file", "/proof"] {
        let answer = limited.api(&format!("/exports/{export}{path}")).await;
        same(&export, &answer, &absent, &limited.api(&format!("/exports/{absent}{path}")).await);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_outside_the_scope_and_nothing_withheld_shows_on_any_path(
        sketches in sketches(),
        scope in conditions(),
        question in conditions(),
        withheld in withheld(),
        format in select(vec!["json", "ndjson", "csv", "parquet"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let limited = Limited::start(&sketches, &scope, &withheld, &question).await;
            every_question(&limited).await;
            every_message(&limited).await;
            every_single_thing(&limited).await;
            every_job(&limited, format).await;
            every_route(&limited).await;
            no_other_place_in_a_list(&limited).await;
            nothing_of_others(&limited).await;
        });
    }
}

#[tokio::test]
async fn the_marks_show_to_whoever_sees_all() {
    // Else the property would hold of an empty answer too.
    let sketch =
        Sketch { department: "sales", action: "model.called", outcome: "success", person: 1, source: "api" };
    let limited = Limited::start(&[sketch.clone(), sketch], "department:sales", &[], "rotor").await;
    let shown: BTreeSet<_> = ["core", "actor", "org", "client", "target", "usage", "content"].into();
    let answer = limited.api("/?format=ndjson").await;
    assert!(shown.iter().all(|group| answer.text().contains(&format!("{group}1x"))), "{}", answer.text());
    assert_eq!((limited.found.len(), limited.sees.len()), (2, 2));
}
