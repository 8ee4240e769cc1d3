//! Saved views over the API.

use audit_control::Role;
use audit_query::filter::Filter;
use axum::body::Body;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::app::{Answer, App};
use crate::views::BUILT_IN;

async fn ask(app: &App, role: Role, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = app.request(method, path, role);
    let request = match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    Answer::of(app.send(request.unwrap()).await).await
}

async fn save(app: &App, role: Role, view: Value) -> Value {
    let answer = ask(app, role, Method::POST, "/views", Some(view)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["view"].clone()
}

async fn names(app: &App, role: Role) -> Vec<String> {
    let all = ask(app, role, Method::GET, "/views", None).await.json();
    let saved = all["views"].as_array().unwrap().iter().filter(|view| view["built_in"] == false);
    saved.map(|view| view["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_views_of_the_program_ask_what_can_be_answered() {
    let app = App::start();
    for view in &BUILT_IN {
        let answer = app.get(&format!("/views/{}", view.id)).await.json()["view"].clone();
        assert_eq!((&answer["name"], &answer["built_in"]), (&view.name.into(), &true.into()));
        let pairs: Vec<_> = form_urlencoded::parse(view.query.as_bytes()).into_owned().collect();
        for (_, query) in pairs.iter().filter(|(name, _)| name == "q") {
            assert!(Filter::parse(query).is_ok(), "{query}");
        }
        let saved = save(&app, Role::Auditor, json!({ "name": view.name, "query": view.query })).await;
        let again: Vec<_> =
            form_urlencoded::parse(saved["query"].as_str().unwrap().as_bytes()).into_owned().collect();
        assert_eq!(again, pairs);
    }
}

#[tokio::test]
async fn a_view_is_kept_changed_and_deleted_and_each_is_an_event() {
    let app = App::start();
    let view = json!({ "name": "Denials", "query": "?outcome=denied&range=7d&page_token=x&view=y" });
    let saved = save(&app, Role::Auditor, view).await;
    let id = saved["id"].as_str().unwrap();
    assert_eq!(saved["query"], "outcome=denied&range=7d", "a view has no place in a list");
    assert_eq!(saved["address"], format!("/audit?view={id}&outcome=denied&range=7d"));

    let path = format!("/views/{id}");
    let renamed = ask(&app, Role::Auditor, Method::PUT, &path, Some(json!({ "name": "Refused" }))).await;
    assert_eq!(renamed.json()["view"]["query"], saved["query"]);
    assert_eq!(ask(&app, Role::Auditor, Method::DELETE, &path, None).await.status, 200);
    app.get(&path).await.problem(404, "no_such_view");

    let changed = app.deeds("audit.view_changed").await;
    assert_eq!(changed[0]["changes"], json!([{ "field": "name", "before": "Denials", "after": "Refused" }]));
    for action in ["audit.view_saved", "audit.view_deleted"] {
        let deeds = app.deeds(action).await;
        assert_eq!(deeds[0]["target"]["id"], id, "{action}");
    }
}

#[tokio::test]
async fn only_who_may_change_settings_shares_and_changes_what_is_shared() {
    let app = App::start();
    let shared = json!({ "name": "For all", "query": "range=7d", "shared": true });
    ask(&app, Role::Auditor, Method::POST, "/views", Some(shared.clone()))
        .await
        .problem(403, "permission_required");
    let id = save(&app, Role::Admin, shared).await["id"].as_str().unwrap().to_owned();
    let own = save(&app, Role::Admin, json!({ "name": "Mine", "query": "" })).await["id"].clone();

    assert_eq!(names(&app, Role::Auditor).await, ["For all"]);
    let change = Some(json!({ "name": "Other" }));
    let path = format!("/views/{id}");
    ask(&app, Role::Auditor, Method::PUT, &path, change.clone()).await.problem(403, "not_your_view");
    ask(&app, Role::Auditor, Method::DELETE, &path, None).await.problem(403, "not_your_view");
    let path = format!("/views/{}", own.as_str().unwrap());
    ask(&app, Role::Auditor, Method::PUT, &path, change.clone()).await.problem(404, "no_such_view");
    ask(&app, Role::Admin, Method::PUT, "/views/denied-access", change).await.problem(403, "not_your_view");
}

#[tokio::test]
async fn what_no_page_understands_is_no_view() {
    let app = App::start();
    for (view, status, code) in [
        (json!({ "name": "a", "query": "range=soon" }), 400, "invalid_parameter"),
        (json!({ "name": "a", "query": "usr=ada" }), 400, "unknown_parameter"),
        (json!({ "name": "a", "query": "columns=whom" }), 400, "invalid_parameter"),
        (json!({ "name": "a", "query": "q=acton%3Ax" }), 400, "invalid_filter"),
        (json!({ "name": "a", "query": "q=a b" }), 422, "invalid_document"),
        (json!({ "query": "range=7d" }), 422, "invalid_document"),
        (json!({ "name": "a", "query": 7 }), 422, "invalid_document"),
        (json!({ "name": "a", "query": "", "shred": true }), 422, "invalid_document"),
        (json!([]), 422, "invalid_document"),
    ] {
        ask(&app, Role::Auditor, Method::POST, "/views", Some(view)).await.problem(status, code);
    }
    save(&app, Role::Auditor, json!({ "name": "a", "query": "" })).await;
    let again = json!({ "name": "a", "query": "" });
    ask(&app, Role::Auditor, Method::POST, "/views", Some(again)).await.problem(409, "name_taken");
}
