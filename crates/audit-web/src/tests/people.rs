//! Who was seen, and who has an account.

use std::sync::Arc;

use audit_control::Role;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};

use super::app::{Answer, App, event};
use super::sessions::Platform;
use crate::roster::{Account, Accounts, NoRoster, Roster};
use crate::sessions::Pending;

/// Accounts of those who come with the cookie of an administrator.
pub(super) struct SomeAccounts(pub Result<Vec<Account>, NoRoster>);

impl Roster for SomeAccounts {
    fn accounts<'a>(&'a self, headers: &'a HeaderMap) -> Pending<'a, Result<Arc<Accounts>, NoRoster>> {
        let is_admin = headers.get("cookie").is_some_and(|cookie| cookie == "token=admin");
        let told = if is_admin { self.0.clone() } else { Err(NoRoster::NotSignedIn) };
        Box::pin(
            async move { told.map(|accounts| Arc::new(Accounts { total: accounts.len() as u64, accounts })) },
        )
    }
}

pub(super) fn account(id: &str, email: &str) -> Account {
    Account {
        id: id.to_owned(),
        name: id.to_uppercase(),
        email: email.to_owned(),
        role: "user".to_owned(),
        last_active: None,
    }
}

fn behind(accounts: Result<Vec<Account>, NoRoster>) -> App {
    App::start_with_accounts(Arc::new(Platform), Arc::new(SomeAccounts(accounts)))
}

/// As an administrator of the platform.
async fn get(app: &App, path: &str) -> Value {
    let request = Request::builder()
        .method(Method::GET)
        .uri(format!("/api/v1/auditlog{path}"))
        .header("cookie", "token=admin");
    let answer = Answer::of(app.send(request.body(Body::empty()).unwrap()).await).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

pub(super) fn by(id: &str, email: &str, more: &Value) -> Value {
    let mut by = json!({ "actor": { "type": "user", "id": id, "name": id.to_uppercase(), "email": email } });
    by.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    by
}

pub(super) fn failed(name: &str) -> Value {
    json!({ "action": "auth.login_failed", "outcome": "failure", "actor": { "type": "anonymous", "email": name },
        "client": { "ip": "203.0.113.9" } })
}

/// Two people, one of them through a source that knows no ids, programs, and sign-ins that failed.
pub(super) async fn some_life(app: &App) {
    let chat = json!({ "action": "chat.created", "org": { "role": "user", "department": "Finance" } });
    let model = json!({ "action": "model.called", "model": { "id": "gpt-5" },
        "usage": { "input_tokens": 700, "output_tokens": 34, "cost_usd": 0.5 }, "client": { "ip": "192.0.2.1" } });
    let file = json!({ "action": "file.uploaded" });
    let older = json!({ "org": { "role": "pending", "department": "Sales" } });
    app.record(&[
        event("a-1", 9_000, &by("ada", "ada@old.test", &older)),
        event("a-2", 600, &by("ada", "Ada@example.test", &chat)),
        event("a-3", 500, &by("ada", "Ada@example.test", &model)),
        event(
            "a-4",
            400,
            &json!({ "action": "file.uploaded", "actor": { "type": "user", "email": "ada@EXAMPLE.test" } }),
        ),
        event("b-1", 300, &by("bob", "bob@example.test", &file)),
        event(
            "b-2",
            200,
            &by("bob", "bob@example.test", &json!({ "action": "auth.login", "outcome": "failure" })),
        ),
        event("f-1", 100, &failed("ADA@example.test")),
        event("f-2", 99, &failed("ada@old.test")),
        event("f-3", 98, &failed("root")),
        event("f-4", 97, &failed("Root")),
        event("s-1", 96, &json!({ "actor": { "type": "service", "name": "SCIM" } })),
        event("s-2", 95, &json!({ "actor": { "type": "api_key", "id": "tok_1", "name": "siem" } })),
    ])
    .await;
}

fn of<'a>(list: &'a Value, key: &str) -> &'a Value {
    let people = list["people"].as_array().unwrap();
    people.iter().find(|person| person["key"] == key).unwrap_or_else(|| panic!("{key} in {list}"))
}

fn keys(list: &Value) -> Vec<&str> {
    list["people"].as_array().unwrap().iter().map(|person| person["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_person_is_an_id_with_all_that_was_done_under_it() {
    let app = App::start();
    some_life(&app).await;
    let list = app.get_json("/people").await;
    assert_eq!(
        of(&list, "ada"),
        &json!({
            "key": "ada", "id": "ada", "name": "ADA", "email": "ada@EXAMPLE.test",
            "role": "user", "department": "Finance",
            "first_activity": "2026-03-14T06:00:00.000000Z", "last_activity": "2026-03-20T05:20:00.000000Z",
            "last_sign_in": "2026-03-14T06:00:00.000000Z",
            "failed_sign_ins": 2, "tokens": 734, "conversations": 1, "files": 1, "events": 4,
            "account": { "state": "unknown" },
        })
    );
    assert_eq!(of(&list, "bob")["last_sign_in"], Value::Null, "a sign-in that failed is none");
    assert_eq!(list["counts"], json!({ "people": 2, "tried": 1, "idle": null, "gone": null }));
    assert_eq!(list["roster"]["state"], "no_gateway");
    assert!(list["roster"]["advice"].as_str().unwrap().contains("gateway.upstream"), "{list}");
}

#[tokio::test]
async fn names_tried_that_belong_to_nobody_are_a_list_of_their_own() {
    let app = App::start();
    some_life(&app).await;
    let list = app.get_json("/people?list=tried").await;
    assert_eq!(
        list["people"],
        json!([{ "name_tried": "root", "failed_sign_ins": 2,
            "first_tried": "2026-03-20T10:22:00.000000Z", "last_tried": "2026-03-20T10:23:00.000000Z" }])
    );
}

#[tokio::test]
async fn a_failed_sign_in_is_for_whoever_has_the_address_even_if_they_did_nothing_in_the_time() {
    let app = App::start();
    some_life(&app).await;
    let list = app.get_json("/people?from=2026-03-20T10:00:00Z").await;
    let ada = of(&list, "ada");
    assert_eq!((&ada["events"], &ada["failed_sign_ins"]), (&json!(0), &json!(2)));
    assert_eq!(ada["last_activity"], Value::Null);
    assert_eq!(ada["name"], "ADA");
    assert_eq!(list["counts"]["tried"], 1, "root stays nobody");
}

#[tokio::test]
async fn the_second_step_of_a_sign_in_counts_for_the_account_it_was_for() {
    let app = App::start();
    some_life(&app).await;
    let step = json!({ "action": "auth.mfa.failed", "outcome": "failure", "actor": { "type": "anonymous" },
        "target": { "type": "user", "id": "bob" } });
    app.record(&[event("m-1", 1, &step)]).await;
    assert_eq!(of(&app.get_json("/people").await, "bob")["failed_sign_ins"], 1);
}

#[tokio::test]
async fn the_list_is_narrowed_sorted_and_paged() {
    let app = App::start();
    some_life(&app).await;
    assert_eq!(keys(&app.get_json("/people?sort=events").await), ["ada", "bob"]);
    assert_eq!(keys(&app.get_json("/people?sort=events&order=asc").await), ["bob", "ada"]);
    assert_eq!(
        keys(&app.get_json("/people?sort=department&order=desc").await),
        ["ada", "bob"],
        "none is last"
    );
    assert_eq!(keys(&app.get_json("/people?find=finance").await), ["ada"]);
    assert_eq!(
        keys(&app.get_json("/people?find=OLD.test+ada").await),
        ["ada"],
        "a former address finds, too"
    );
    let second = app.get_json("/people?sort=name&limit=1&page=2").await;
    assert_eq!((keys(&second), &second["total"], &second["pages"]), (vec!["bob"], &json!(2), &json!(2)));
    assert!(keys(&app.get_json("/people?limit=1&page=9").await).is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let app = App::start();
    for (query, code) in [
        ("sort=shoe_size", "invalid_parameter"),
        ("list=enemies", "invalid_parameter"),
        ("page=0", "invalid_parameter"),
        ("limit=1000000", "invalid_parameter"),
        ("from=soon", "invalid_parameter"),
        ("from=2026-03-02&to=2026-03-01", "invalid_range"),
        ("user=ada", "unknown_parameter"),
    ] {
        app.get(&format!("/people?{query}")).await.problem(400, code);
    }
    app.get("/people/nobody").await.problem(404, "no_such_person");
    app.get("/people/ada?sort=name").await.problem(400, "unknown_parameter");
}

#[tokio::test]
async fn csv_holds_the_whole_list_and_no_formula() {
    let app = App::start();
    let formula =
        json!({ "actor": { "type": "user", "id": "u", "name": "=HYPERLINK(\"http://x\")", "email": "u@x" } });
    app.record(&[event("e", 1, &formula)]).await;
    let answer = app.get("/people?format=csv&limit=1").await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"people.csv\"");
    assert_eq!(
        answer.text(),
        "name,email,id,role,department,first_activity,last_activity,last_sign_in,failed_sign_ins,tokens,\
         conversations,files,events,account\r\n\
         \"'=HYPERLINK(\"\"http://x\"\")\",u@x,u,,,2026-03-20T11:59:00.000000Z,2026-03-20T11:59:00.000000Z,\
         2026-03-20T11:59:00.000000Z,0,0,0,0,1,\r\n"
    );
}

#[tokio::test]
async fn accounts_and_activity_are_held_against_each_other() {
    // Before the reader's own looks, which are activity too.
    const BEFORE: &str = "to=2026-03-20T11:59:30Z";
    let heard = Account { last_active: Some(super::app::NOW), ..account("cyd", "cyd@example.test") };
    let accounts = vec![account("ada", "ada@example.test"), heard, account("root-id", "root")];
    let app = behind(Ok(accounts));
    some_life(&app).await;
    let list = get(&app, &format!("/people?{BEFORE}")).await;
    assert_eq!(of(&list, "ada")["account"]["state"], "exists");
    assert_eq!(of(&list, "bob")["account"]["state"], "none");
    assert_eq!(of(&list, "root-id")["failed_sign_ins"], 2, "whose sign-in failed is known by the account");
    assert_eq!(list["counts"], json!({ "people": 3, "tried": 0, "idle": 2, "gone": 1 }));
    let idle = get(&app, &format!("/people?list=idle&{BEFORE}")).await;
    assert_eq!(keys(&idle), ["cyd", "root-id"]);
    assert_eq!(of(&idle, "cyd")["account"]["last_active"], "2026-03-20T12:00:00.000000Z");
    assert_eq!(keys(&get(&app, &format!("/people?list=gone&{BEFORE}")).await), ["bob"]);
}

#[tokio::test]
async fn of_accounts_that_are_not_known_nothing_is_said() {
    for (none, state) in [(NoRoster::NoAnswer, "no_answer"), (NoRoster::Refused, "refused")] {
        let app = behind(Err(none));
        some_life(&app).await;
        let list = get(&app, "/people").await;
        assert_eq!(list["roster"]["state"], state);
        assert_eq!(of(&list, "bob")["account"]["state"], "unknown");
        assert_eq!(list["counts"]["gone"], Value::Null);
    }
    let app = behind(Ok(Vec::new()));
    some_life(&app).await;
    let list = app.get_json("/people").await;
    assert_eq!(list["roster"]["state"], "not_signed_in", "a token of ours is no session there");
}

#[tokio::test]
async fn without_accounts_those_whom_the_record_knows_are_told_to_be_idle() {
    let app = App::start();
    some_life(&app).await;
    let made = |id: &str| json!({ "type": "user", "id": id, "name": format!("{id}@example.test") });
    let admin = |action: &str, id: &str| {
        by("bob", "bob@example.test", &json!({ "action": action, "target": made(id) }))
    };
    app.record(&[
        event("c-1", 90, &admin("user.created", "cyd")),
        event("c-2", 80, &admin("user.created", "dan")),
        event("c-3", 70, &admin("user.deleted", "dan")),
    ])
    .await;
    let list = app.get_json("/people?list=idle&from=2026-03-20T08:00:00Z&sort=name").await;
    let mut idle = keys(&list);
    idle.sort_unstable();
    assert_eq!(idle, ["ada", "cyd"], "bob did something, dan is gone: {list}");
}

#[tokio::test]
async fn one_person_is_told_with_models_addresses_hours_and_the_latest_events() {
    let app = App::start();
    some_life(&app).await;
    let new = json!({ "client": { "ip": "198.51.100.7" } });
    app.record(&[event("a-9", 30, &by("ada", "ada@example.test", &new))]).await;
    let ada = app.get_json("/people/ada?from=2026-03-19&to=2026-03-20").await;
    assert_eq!(ada["person"]["events"], 4);
    assert_eq!(ada["first_ever"], "2026-03-14T06:00:00.000000Z");
    assert_eq!(ada["emails"], json!(["ada@example.test", "ada@old.test"]));
    assert_eq!(ada["models"], json!([{ "model": "gpt-5", "calls": 1, "tokens": 734, "cost_usd": 0.5 }]));
    let addresses = ada["addresses"].as_array().unwrap();
    let told: Vec<_> = addresses
        .iter()
        .map(|one| (one["ip"].as_str().unwrap(), &one["events"], &one["failed_sign_ins"], &one["new"]))
        .collect();
    assert_eq!(
        told,
        [
            ("198.51.100.7", &json!(1), &json!(0), &json!(true)),
            ("203.0.113.9", &json!(0), &json!(2), &json!(false)),
            ("192.0.2.1", &json!(1), &json!(0), &json!(true)),
        ]
    );
    assert_eq!(ada["hours"].as_array().unwrap().len(), 4);
    assert_eq!(ada["events"].as_array().unwrap().len(), 6, "what they did and what failed for them");
    let by_address = app.get_json("/people/ADA%40example.test").await;
    assert_eq!(by_address["person"]["key"], "ada", "an address finds whose it is");
}

#[tokio::test]
async fn somebody_without_an_id_is_their_address() {
    let app = App::start();
    app.record(&[event("x", 1, &json!({ "actor": { "type": "user", "email": "Eve@example.test" } }))]).await;
    let list = app.get_json("/people").await;
    assert_eq!(keys(&list), ["eve@example.test"]);
    let eve = app.get_json("/people/eve%40example.test").await;
    assert_eq!(eve["person"]["events"], 1);
}

#[tokio::test]
async fn an_account_without_any_event_has_a_page_too() {
    let app = behind(Ok(vec![account("cyd", "cyd@example.test")]));
    some_life(&app).await;
    let cyd = get(&app, "/people/cyd").await;
    assert_eq!((&cyd["person"]["events"], &cyd["person"]["email"]), (&json!(0), &json!("cyd@example.test")));
    assert_eq!(cyd["person"]["account"]["state"], "exists");
}

#[tokio::test]
async fn who_looked_at_whom_is_recorded() {
    let app = App::start();
    some_life(&app).await;
    app.get_json("/people?find=ada").await;
    app.get_json("/people/ada").await;
    let looks = app.deeds("audit.searched").await;
    let filters: Vec<_> = looks.iter().map(|look| look["details"]["filter"].as_str().unwrap()).collect();
    assert!(filters.contains(&"people people \"ada\""), "{filters:?}");
    assert!(filters.contains(&"person \"ada\""), "{filters:?}");
}

#[tokio::test]
async fn people_are_not_for_everybody() {
    let app = App::start();
    let request = app.request(Method::GET, "/people", Role::Ingest).body(Body::empty()).unwrap();
    Answer::of(app.send(request).await).await.problem(403, "permission_required");
}
