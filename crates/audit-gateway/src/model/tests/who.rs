//! For whom a call is: believed, or only claimed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;

use super::super::Hidden;
use super::provider::{Provider, json};
use super::world::{NOW, World, config, post};
use crate::recorder::Mode;

const REQUEST: &str = r#"{"model":"m"}"#;
const PATH: &str = "/llm/stub/v1/chat/completions";

/// What a caller of its own shows the provider.
const OWN_KEY: (&str, &str) = ("authorization", "Bearer sk-theirs");

/// A request that says nothing else.
fn bare(path: &str, (name, value): (&str, &str)) -> http::request::Builder {
    Request::post(path).header(name, value)
}

async fn provider() -> Provider {
    Provider::start(|_| json(200, r#"{"choices":[]}"#)).await
}

#[tokio::test]
async fn headers_from_outside_are_a_claim() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.callers = vec!["10.0.0.0/8".parse().unwrap()];
    config.providers[0].is_open = true;
    let world = World::with(config, Mode::Async, 0).await;
    let forged = post(PATH, &[("x-openwebui-task", "title_generation"), ("x-openwebui-message-id", "x")]);
    assert_eq!(world.send(forged, REQUEST).await.status, 200, "with the caller's own key");
    let event = world.event().await;
    assert_eq!(event["actor"], serde_json::json!({"type": "anonymous"}));
    assert_eq!(
        event["details"]["claimed_actor"],
        serde_json::json!({"id": "u-1", "name": "Ada Löwe", "email": "ada@example.test"})
    );
    assert_eq!(event["client"]["ip"], "127.0.0.1");
    for absent in ["org", "targets"] {
        assert_eq!(event.get(absent), None, "{absent}");
    }
    for absent in ["chat_id", "task", "message_id", "auth_type"] {
        assert_eq!(event["details"].get(absent), None, "{absent}");
    }
    assert_eq!(world.gateway.status().providers[0].unproven, 1);
}

#[tokio::test]
async fn who_is_not_open_webui_is_refused_even_with_a_key_of_their_own() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.callers = Vec::new();
    let world = World::with(config, Mode::Async, 0).await;
    assert_eq!(world.send(Request::post(PATH), REQUEST).await.status, 403);
    assert_eq!(world.send(bare(PATH, OWN_KEY), REQUEST).await.status, 403);
    assert_eq!(world.send(Request::get("/llm/stub/v1/models"), "").await.status, 403);
    assert!(provider.asked().is_empty());
    for event in world.events(2).await {
        assert_eq!((&event["outcome"], &event["reason"]), (&"denied".into(), &"untrusted_caller".into()));
        assert_eq!(event["actor"]["type"], "anonymous");
    }
}

#[tokio::test]
async fn an_open_provider_is_for_those_who_bring_a_key_and_change_nothing() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.callers = Vec::new();
    config.providers[0].is_open = true;
    let world = World::with(config, Mode::Async, 0).await;
    for own in [OWN_KEY, ("x-api-key", "k"), ("api-key", "k"), ("x-goog-api-key", "k")] {
        assert_eq!(world.send(bare(PATH, own), REQUEST).await.status, 200, "{own:?}");
    }
    for none in [("authorization", "Bearer"), ("authorization", ""), ("x-api-key", " "), ("cookie", "k=v")] {
        assert_eq!(world.send(bare(PATH, none), REQUEST).await.status, 403, "{none:?}");
    }
    for path in ["/llm/stub/api/pull", "/llm/stub/api/create", "/llm/stub/api/blobs/sha256:0"] {
        assert_eq!(world.send(bare(path, OWN_KEY), REQUEST).await.status, 403, "{path}");
    }
    let delete = Request::delete("/llm/stub/api/delete").header(OWN_KEY.0, OWN_KEY.1);
    assert_eq!(world.send(delete, REQUEST).await.status, 403);
    assert_eq!(provider.asked().len(), 4);
    let events = world.events(12).await;
    assert_eq!(events.iter().filter(|event| event["outcome"] == "denied").count(), 8);
}

#[tokio::test]
async fn our_key_is_for_open_webui_alone() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.callers = Vec::new();
    config.providers[0].key = Some(Hidden("sk-ours".into()));
    config.providers[0].is_open = true;
    let world = World::with(config, Mode::Async, 0).await;
    let got = world.send(bare(PATH, OWN_KEY), REQUEST).await;
    assert_eq!(got.status, 403);
    assert!(got.text().contains("models.callers"));
    assert_eq!(world.send(Request::get("/llm/stub/v1/models"), "").await.status, 403);
    assert!(provider.asked().is_empty());
    let event = world.event().await;
    assert_eq!((&event["outcome"], &event["reason"]), (&"denied".into(), &"untrusted_caller".into()));
}

#[tokio::test]
async fn a_call_through_another_proxy_is_not_open_webuis() {
    let provider = provider().await;
    let world = World::new(&provider).await;
    assert_eq!(world.send(post(PATH, &[("x-forwarded-for", "127.0.0.1")]), REQUEST).await.status, 403);
    let event = world.event().await;
    assert_eq!((&event["actor"]["type"], &event["outcome"]), (&"anonymous".into(), &"denied".into()));
}

#[tokio::test]
async fn the_secret_in_header_or_path_is_enough_and_goes_no_further() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.callers = Vec::new();
    config.secret = Some(Hidden("s3cret".into()));
    let world = World::with(config, Mode::Async, 0).await;
    world.send(post(PATH, &[("x-secureai-audit-secret", "s3cret")]), REQUEST).await;
    world.post("/llm/stub/~s3cret/v1/chat/completions", REQUEST).await;
    world.post("/llm/stub/~wrong/v1/chat/completions", REQUEST).await;
    let events = world.events(3).await;
    let actors: Vec<_> = events.iter().map(|event| event["actor"]["type"].as_str().unwrap()).collect();
    assert_eq!(actors, ["user", "user", "anonymous"]);
    for event in &events {
        assert_eq!(event["http"]["path"], PATH);
        assert!(!event.to_string().contains("s3cret"));
    }
    assert_eq!(provider.asked().len(), 2);
    for asked in provider.asked() {
        assert!(!format!("{asked:?}").contains("s3cret"));
        assert_eq!(asked.line, "POST /v1/chat/completions HTTP/1.1");
    }
}

#[tokio::test]
async fn a_signed_user_is_proven_from_anywhere() {
    let provider = provider().await;
    let mut config = config(provider.address);
    config.callers = Vec::new();
    config.user_jwt_secret = Some(Hidden("jwt secret".into()));
    let world = World::with(config, Mode::Async, 0).await;
    let head = |token: &str| Request::post(PATH).header("x-openwebui-user-jwt", token);
    world.send(head(&token("jwt secret")), REQUEST).await;
    world.send(head(&token("forged")), REQUEST).await;
    let events = world.events(2).await;
    assert_eq!((&events[0]["actor"]["id"], &events[0]["org"]["role"]), (&"u-1".into(), &"admin".into()));
    assert_eq!((&events[1]["actor"]["type"], &events[1]["outcome"]), (&"anonymous".into(), &"denied".into()));
    assert_eq!(provider.asked().len(), 1);
}

fn token(secret: &str) -> String {
    let exp = NOW.as_micros() / 1_000_000 + 300;
    let claims = format!(r#"{{"sub":"u-1","role":"admin","iss":"open-webui","exp":{exp}}}"#);
    let signed =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_call_of_open_webuis_own_is_the_systems() {
    let provider = provider().await;
    let world = World::new(&provider).await;
    world.send(Request::post("/llm/stub/v1/embeddings"), REQUEST).await;
    let event = world.event().await;
    assert_eq!(event["actor"], serde_json::json!({"type": "system"}));
    assert_eq!(event["message"], "Open WebUI called the model m");
}
