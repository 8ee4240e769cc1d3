//! Whoever sees a part sees that part on every path, and nothing of the rest.

use std::time::Duration;

use audit_control::{Control, Expiry, NewToken, Permission, Permissions, RoleRights};
use audit_event::disclosure::Disclosure;
use audit_event::{Group, GroupSet};
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, App, NOW, ORIGIN, event, ids};
use crate::router::PREFIXES;

mod every_path;
mod same_work;

/// An app with two departments' events, and the token of somebody who may see one of them.
struct Bounded {
    app: App,
    token: String,
}

impl Bounded {
    async fn start(events: &[Value], scope: Option<&str>, withheld: &[Group]) -> Self {
        let app = App::start();
        if !events.is_empty() {
            app.record(events).await;
        }
        let token = token(&app, scope, withheld);
        Self { app, token }
    }

    async fn get(&self, path: &str) -> Answer {
        self.get_at(&format!("{}{path}", PREFIXES[0])).await
    }

    async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, &format!("{}{path}", PREFIXES[0])).await
    }

    async fn get_at(&self, address: &str) -> Answer {
        self.ask(Method::GET, address).await
    }

    async fn ask(&self, method: Method, address: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::empty())
            .unwrap();
        Answer::of(self.app.send(request).await).await
    }
}

fn control(app: &App) -> &Control {
    app.state.access().control()
}

/// A token of a role that may read everything there is to read, within a scope, with groups withheld.
fn token(app: &App, scope: Option<&str>, withheld: &[Group]) -> String {
    let rights = RoleRights {
        permissions: Permissions::of(&[
            Permission::EventsRead,
            Permission::EventsExport,
            Permission::UsageRead,
            Permission::PeopleRead,
        ]),
        scope: scope.map(str::to_owned),
        withheld: withheld.iter().copied().collect::<GroupSet>(),
    };
    control(app).create_role("bounded", &rights, NOW).unwrap();
    let new = NewToken { expiry: Expiry::Never, ..NewToken::of("bounded", "bounded") };
    let (_, secret) = control(app).create_token(&new, NOW).unwrap();
    app.state.access().reload().unwrap();
    secret.reveal().to_owned()
}

fn of_department(number: usize, department: &str) -> Value {
    // Whatever belongs to the other department carries this word, so that it shows wherever it leaks.
    let mark = format!("{department}-{number}");
    event(
        &format!("e-{mark}"),
        i64::try_from(number).unwrap() + 1,
        &json!({
            "org": { "department": department },
            "actor": { "type": "user", "id": format!("u-{mark}"), "name": format!("Person {mark}") },
            "target": { "type": "chat", "id": format!("t-{mark}"), "name": format!("Chat {mark}") },
            "model": { "id": format!("mod-{mark}"), "provider": "prov" },
            "message": format!("Something {mark}"),
            "session_id": "shared-session",
        }),
    )
}

#[tokio::test]
async fn an_event_outside_the_scope_is_as_if_it_were_not_there() {
    let events = [of_department(0, "sales"), of_department(1, "secret")];
    let bounded = Bounded::start(&events, Some("department:sales"), &[]).await;
    assert_eq!(ids(&bounded.get("/?limit=10").await.json()), ["e-sales-0"]);
    assert_eq!(bounded.get("/e-sales-0").await.status, StatusCode::OK);
    for path in ["/e-secret-1", "/1", "/e-secret-1/proof", "/1/proof"] {
        let hidden = bounded.get(path).await.problem(404, "no_such_event");
        let absent = bounded.get(&path.replace('1', "7")).await.problem(404, "no_such_event");
        let text = |problem: &Value| problem["detail"].as_str().unwrap().replace(['1', '7'], "N");
        assert_eq!(text(&hidden), text(&absent), "{path}");
    }
}

#[tokio::test]
async fn a_tokens_own_scope_holds_besides_its_roles() {
    let events = [of_department(0, "sales"), of_department(1, "sales"), of_department(2, "secret")];
    let bounded = Bounded::start(&events, Some("department:sales"), &[]).await;
    let new =
        NewToken { scope: Some("user:u-sales-1 OR department:secret"), ..NewToken::of("narrow", "bounded") };
    let (_, secret) = control(&bounded.app).create_token(&new, NOW).unwrap();
    bounded.app.state.access().reload().unwrap();
    let narrow = Bounded { token: secret.reveal().to_owned(), ..bounded };
    assert_eq!(ids(&narrow.get("/?limit=10").await.json()), ["e-sales-1"]);
}

#[tokio::test]
async fn withheld_groups_are_absent_in_every_format_and_the_proof_still_verifies() {
    let withheld = [Group::Actor, Group::Content];
    let bounded = Bounded::start(&[of_department(0, "sales")], None, &withheld).await;
    for path in ["/e-sales-0", "/?limit=5", "/?format=json", "/?format=ndjson", "/?format=csv"] {
        let answer = bounded.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        for hidden in ["u-sales-0", "Person", "Something", "shared-session"] {
            assert!(!answer.text().contains(hidden), "{path} shows {hidden}: {}", answer.text());
        }
        assert!(answer.text().contains("mod-sales-0"), "{path}: {}", answer.text());
    }
    let parquet = bounded.get("/?format=parquet").await;
    assert!(!parquet.body.windows(9).any(|window| window == b"u-sales-0"));

    let proof = bounded.get("/e-sales-0/proof?groups=actor,usage").await;
    let proof = audit_tlog::TlogProof::parse(&proof.body).unwrap();
    let disclosure =
        Disclosure::from_json(std::str::from_utf8(proof.extra.as_ref().unwrap()).unwrap()).unwrap();
    assert_eq!((disclosure.text(Group::Actor), disclosure.text(Group::Content)), (None, None));
    assert!(disclosure.text(Group::Usage).unwrap().contains("mod-sales-0"));
    let verifiers = std::slice::from_ref(&bounded.app.verifier);
    proof.verify(disclosure.leaf_data().as_bytes(), ORIGIN, verifiers).unwrap();
}

#[tokio::test]
async fn nothing_withheld_can_be_asked_about() {
    let bounded = Bounded::start(&[of_department(0, "sales")], None, &[Group::Actor, Group::Content]).await;
    for path in [
        "/?limit=5&user=u-sales-0",
        "/?limit=5&q=session:shared-session",
        "/?limit=5&q=outcome:success%20OR%20-message~something",
        "/stats?by=actor.name",
        "/stream?user=ada",
        "/?format=csv&user=ada",
    ] {
        let problem = bounded.get(path).await.problem(403, "field_withheld");
        assert!(["actor", "content"].contains(&problem["group"].as_str().unwrap()), "{path}: {problem}");
    }
    // Words find what is shown, and do not look into the rest.
    let found = |answer: Answer| answer.json()["events"].as_array().unwrap().len();
    assert_eq!(found(bounded.get("/?limit=5&q=login").await), 1);
    assert_eq!(
        found(bounded.get("/?limit=5&q=chat").await),
        0,
        "what was acted upon is withheld with who acted"
    );
    assert_eq!(found(bounded.get("/?limit=5&q=something").await), 0);
    assert_eq!(found(bounded.get("/?limit=5&q=person").await), 0);
}

#[tokio::test]
async fn a_change_of_the_role_holds_from_the_next_request_on() {
    let bounded = Bounded::start(&[of_department(0, "sales")], None, &[]).await;
    assert_eq!(bounded.get("/e-sales-0").await.status, StatusCode::OK);
    let body = json!({ "permissions": ["events.read"], "scope": "department:other" });
    let request = bounded.app.request(Method::PUT, "/roles/bounded", audit_control::Role::Admin);
    let request =
        request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    let changed = Answer::of(bounded.app.send(request).await).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    bounded.get("/e-sales-0").await.problem(404, "no_such_event");
    let deed = bounded.app.deeds("audit.role_changed").await.remove(0);
    let scope = deed["changes"].as_array().unwrap().iter().find(|change| change["field"] == "scope").unwrap();
    assert_eq!(scope["after"], "department:other");
}

/// A token of a role with these permissions within a scope.
fn token_of(app: &App, permissions: &[Permission], scope: &str) -> String {
    let rights = RoleRights {
        permissions: Permissions::of(permissions),
        scope: Some(scope.to_owned()),
        withheld: GroupSet::EMPTY,
    };
    control(app).create_role("other", &rights, NOW).unwrap();
    let (_, secret) = control(app).create_token(&NewToken::of("other", "other"), NOW).unwrap();
    app.state.access().reload().unwrap();
    secret.reveal().to_owned()
}

#[tokio::test]
async fn whoever_sees_no_actors_does_not_find_them_as_targets() {
    // As a sign-in is recorded: whoever signs in is its target, too.
    let login = event(
        "e-login",
        1,
        &json!({
            "action": "auth.login",
            "actor": { "type": "user", "id": "u-ravi", "name": "Ravi", "email": "ravi@example.test" },
            "target": { "type": "user", "id": "u-ravi", "name": "ravi@example.test" },
            "message": "Ravi signed in",
        }),
    );
    let role_change = event(
        "e-role",
        2,
        &json!({
            "action": "user.role_updated",
            "actor": { "type": "user", "id": "u-ada", "name": "Ada" },
            "targets": [{ "type": "user", "id": "u-ravi", "name": "ravi@example.test" }],
        }),
    );
    // As the example of docs/ACCESS.md has it.
    let withheld = [Group::Actor, Group::Client, Group::Content];
    let bounded = Bounded::start(&[login, role_change], None, &withheld).await;
    for path in ["/e-login", "/e-role", "/?limit=5", "/?format=ndjson", "/?format=csv", "/e-login/proof"] {
        let answer = bounded.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        let shown = answer.text().to_lowercase();
        assert!(!shown.contains("ravi"), "{path}: {shown}");
    }
    for page in ["/audit", "/audit/events/e-login", "/audit/usage"] {
        let shown = bounded.get_at(page).await.text().to_lowercase();
        assert!(!shown.contains("ravi"), "{page}: {shown}");
    }
    let q = "%22ravi%22";
    assert_eq!(ids(&bounded.get(&format!("/?limit=5&q={q}")).await.json()), Vec::<&str>::new());
    for asking in
        ["/?q=target:ravi*", "/?limit=5&target=u-ravi", "/stats?by=target.id", "/stats?by=target.name"]
    {
        let problem = bounded.get(asking).await.problem(403, "field_withheld");
        assert_eq!(problem["group"], "target", "{asking}");
    }
    let proof = bounded.get("/e-login/proof").await;
    let proof = audit_tlog::TlogProof::parse(&proof.body).unwrap();
    let disclosure = std::str::from_utf8(proof.extra.as_ref().unwrap()).unwrap();
    let disclosure = Disclosure::from_json(disclosure).unwrap();
    let verifiers = std::slice::from_ref(&bounded.app.verifier);
    proof.verify(disclosure.leaf_data().as_bytes(), ORIGIN, verifiers).unwrap();
    assert!(disclosure.text(Group::Target).is_none());
    assert_eq!(bounded.get("/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_health_page_counts_the_events_of_the_scope_only() {
    let app = App::start();
    let events: Vec<_> =
        (0..7).map(|number| of_department(number, if number < 2 { "sales" } else { "secret" })).collect();
    app.record(&events).await;
    let token = token_of(&app, &[Permission::HealthRead], "department:sales");
    let bounded = Bounded { app, token };
    let page = bounded.get_at("/audit/health").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let line =
        page.text().split("Ingest and import").nth(1).expect("the source").split("</tr>").next().unwrap();
    assert!(line.contains('2') && !line.contains('7'), "{line}");
    assert!(!page.text().contains("token; when it was last used"), "other people's tokens");
}

#[tokio::test]
async fn an_export_in_the_background_holds_only_what_its_owner_may_see() {
    let events = [of_department(0, "sales"), of_department(1, "secret"), of_department(2, "sales")];
    let bounded = Bounded::start(&events, Some("department:sales"), &[Group::Target]).await;
    for format in ["ndjson", "json", "csv", "parquet"] {
        // The filter reaches for more than there is to see.
        let query = format!("format={format}&department=*&q=department:secret+OR+person");
        let begun = bounded.post(&format!("/exports?{query}")).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text());
        let path = format!("/exports/{}", begun.json()["export"]["id"].as_str().unwrap());
        loop {
            let export = bounded.get(&path).await.json()["export"].clone();
            if export["state"] == "done" {
                break;
            }
            assert_ne!(export["state"], "failed", "{export}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(bounded.get(&path).await.json()["export"]["rows"], 2, "{format}");
        let file = bounded.get(&format!("{path}/file")).await.body;
        let holds = |word: &str| file.windows(word.len()).any(|window| window == word.as_bytes());
        // Parquet is compressed: it shows what leaked less surely, and what is there not at all.
        let is_there = format == "parquet" || (holds("u-sales-0") && holds("u-sales-2"));
        assert!(is_there, "{format} lacks what is to be seen");
        assert!(!holds("secret-1"), "{format} holds an event outside the scope");
        assert!(!holds("Chat sales"), "{format} holds what is withheld");
    }
}

#[tokio::test]
async fn exports_of_a_wider_scope_than_now_are_not_listed() {
    let bounded = Bounded::start(&[of_department(0, "sales")], None, &[]).await;
    assert_eq!(bounded.post("/exports").await.status, StatusCode::ACCEPTED);
    assert_eq!(bounded.get("/exports").await.json()["exports"].as_array().unwrap().len(), 1);
    let narrowed = RoleRights {
        permissions: Permissions::of(&[Permission::EventsRead, Permission::EventsExport]),
        scope: Some("department:other".to_owned()),
        withheld: GroupSet::EMPTY,
    };
    control(&bounded.app).change_role("bounded", &narrowed, NOW).unwrap();
    bounded.app.state.access().reload().unwrap();
    assert_eq!(bounded.get("/exports").await.json()["exports"], json!([]));
}
