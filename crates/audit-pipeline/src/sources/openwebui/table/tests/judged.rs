//! Exchanges that no recording has: what went wrong, and what somebody made up.

use audit_event::{ActorType, Client, EncodeParams, Encoder, Json, Outcome, Timestamp};
use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::sources::openwebui::caller::{Caller, CredentialKind, Person, Refusal, Standing};
use crate::sources::openwebui::exchange::{Answer, Captured, Ending};

/// One exchange, as a test writes it.
struct Made<'a> {
    method: Method,
    target: &'a str,
    request: &'a [u8],
    answer: Option<(u16, &'a [u8])>,
    headers: &'a [(&'static str, &'a str)],
    ending: Ending,
    caller: Caller,
    before: Option<&'a [u8]>,
}

fn made<'a>(method: &str, target: &'a str) -> Made<'a> {
    Made {
        method: method.parse().expect("a method"),
        target,
        request: b"",
        answer: Some((200, b"{}")),
        headers: &[],
        ending: Ending::Complete,
        caller: Caller {
            credential: CredentialKind::Session,
            standing: Standing::Proven,
            person: Some(ada()),
            ..Caller::default()
        },
        before: None,
    }
}

fn ada() -> Arc<Person> {
    Arc::new(Person {
        id: "u-ada".to_owned(),
        name: Some("Ada".to_owned()),
        email: Some("ada@example.test".to_owned()),
        role: Some("admin".to_owned()),
        ..Person::default()
    })
}

impl Made<'_> {
    fn with_exchange<R>(&self, look: impl FnOnce(&RouteTable, &Plan, &Exchange<'_>) -> R) -> R {
        let table = RouteTable::embedded();
        let plan = table.plan(&self.method, self.target);
        let none = HeaderMap::new();
        let headers: HeaderMap = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((http::HeaderName::from_static(name), value.parse().ok()?)))
            .collect();
        let whole = |bytes| Captured { bytes, tail: b"", gist: b"", is_whole: true, length: 1 };
        look(
            &table,
            &plan,
            &Exchange {
                id: "0199b6a0-0000-7000-8000-000000000001",
                started: Timestamp::from_micros(1_795_500_000_000_000),
                latency_ms: 12.5,
                first_byte_ms: None,
                method: &self.method,
                target: self.target,
                request_headers: &none,
                request_body: whole(self.request),
                answer: self.answer.map(|(status, body)| Answer {
                    status,
                    headers: &headers,
                    body: whole(body),
                }),
                ending: self.ending,
                caller: &self.caller,
                client: Client::default(),
                before: self.before,
            },
        )
    }

    fn events(&self) -> Vec<Event<'static>> {
        self.with_exchange(|table, plan, exchange| table.events(plan, exchange))
    }

    /// Action, outcome and reason of the only event.
    fn judged(&self) -> (String, Outcome, String) {
        let events = self.events();
        let [event] = events.as_slice() else { panic!("one event of {}: {events:?}", self.target) };
        (event.action.to_string(), event.outcome, event.reason.as_deref().unwrap_or("-").to_owned())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
fn check(made: Made<'_>, action: &str, outcome: Outcome, reason: &str) {
    let judged = made.judged();
    assert_eq!(
        (judged.0.as_str(), judged.1, judged.2.as_str()),
        (action, outcome, reason),
        "{}",
        made.target
    );
}

fn nobody() -> Caller {
    Caller::default()
}

#[test]
fn without_an_answer_the_ending_tells() {
    let deleted = |ending| Made { answer: None, ending, ..made("DELETE", "/api/v1/chats/c-1") };
    check(deleted(Ending::Unreachable), "chat.deleted", Outcome::Failure, "upstream_unreachable");
    check(deleted(Ending::TimedOut), "chat.deleted", Outcome::Unknown, "upstream_timeout");
    check(deleted(Ending::UpstreamBroke), "chat.deleted", Outcome::Unknown, "upstream_broke_off");
    check(deleted(Ending::ClientLeft), "chat.deleted", Outcome::Unknown, "client_left");
    check(deleted(Ending::RefusedUnrecordable), "chat.deleted", Outcome::Failure, "not_recordable");
    let sign_in = Made { answer: None, ending: Ending::Unreachable, ..made("POST", "/api/v1/auths/signin") };
    check(sign_in, "auth.login_failed", Outcome::Failure, "upstream_unreachable");
}

#[test]
fn a_status_has_a_reason() {
    let deleted = |status| Made { answer: Some((status, b"{}")), ..made("DELETE", "/api/v1/chats/c-1") };
    check(deleted(200), "chat.deleted", Outcome::Success, "-");
    check(deleted(307), "chat.deleted", Outcome::Failure, "redirected");
    check(deleted(403), "chat.deleted", Outcome::Denied, "forbidden");
    check(deleted(401), "access.denied", Outcome::Denied, "insufficient_rights");
    check(deleted(409), "chat.deleted", Outcome::Failure, "conflict");
    check(deleted(413), "chat.deleted", Outcome::Failure, "too_large");
    check(deleted(500), "chat.deleted", Outcome::Failure, "server_error");
    check(deleted(503), "chat.deleted", Outcome::Failure, "upstream_unavailable");
    let nothing_done = Made { answer: Some((200, b"false")), ..made("DELETE", "/api/v1/chats/c-1") };
    check(nothing_done, "chat.deleted", Outcome::Failure, "not_done");
    let not_there = Made {
        answer: Some((401, br#"{"detail":"We could not find what you're looking for :/"}"#)),
        ..made("GET", "/api/v1/chats/c-1")
    };
    check(not_there, "chat.read", Outcome::Failure, "not_found");
}

#[test]
fn an_html_answer_of_the_interface_is_no_route() {
    let html: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
    check(
        Made { headers: html, ..made("GET", "/api/v1/configs/export") },
        "config.exported",
        Outcome::Failure,
        "no_such_route",
    );
    check(
        Made { headers: html, ..made("GET", "/api/v1/files/f-1/content") },
        "file.read",
        Outcome::Success,
        "-",
    );
    assert_eq!(Made { headers: html, ..made("GET", "/api/v1/files/a%2Fb/content") }.events(), []);
}

#[test]
fn reads_are_recorded_when_they_matter_or_are_refused() {
    let read = |target, status, caller| Made { answer: Some((status, b"{}")), caller, ..made("GET", target) };
    let proven = || made("GET", "/").caller;
    assert_eq!(read("/api/v1/knowledge/k-1", 200, proven()).events(), []);
    check(
        read("/api/v1/knowledge/k-1", 401, proven()),
        "access.denied",
        Outcome::Denied,
        "insufficient_rights",
    );
    check(read("/api/v1/users/?page=1", 200, proven()), "user.listed", Outcome::Success, "-");
    check(read("/api/v1/users/?page=1", 401, nobody()), "access.denied", Outcome::Denied, "no_credential");
    check(read("/api/v1/users/all", 200, proven()), "user.exported", Outcome::Success, "-");
    let refused = Caller {
        credential: CredentialKind::Session,
        standing: Standing::Refused(Refusal::Revoked),
        claimed_id: Some("u-1".to_owned()),
        ..Caller::default()
    };
    let made = read("/api/v1/auths/", 401, refused);
    check(made, "access.denied", Outcome::Denied, "credential_revoked");
}

#[test]
fn who_enters_is_the_one_whom_the_answer_names() {
    let sign_in = Made {
        request: br#"{"email":"Bob@Example.TEST","password":"secret-word"}"#,
        answer: Some((
            200,
            br#"{"id":"u-bob","email":"bob@example.test","name":"Bob","role":"user","token":"x"}"#,
        )),
        ..made("POST", "/api/v1/auths/signin")
    };
    let event = sign_in.events().remove(0);
    let actor = event.actor.as_ref().expect("Bob");
    assert_eq!((actor.id.as_deref(), actor.name.as_deref()), (Some("u-bob"), Some("Bob")));
    assert_eq!(event.target.as_ref().and_then(|target| target.name.as_deref()), Some("bob@example.test"));
    let former = event.details.as_ref().and_then(|details| details.get("session_user").cloned());
    assert_eq!(former, Some(Json::from("ada@example.test")), "the browser's former session is not the one");

    let failed = Made {
        answer: Some((400, br#"{"detail":"The email or password provided is incorrect."}"#)),
        ..sign_in
    };
    let event = failed.events().remove(0);
    let actor = event.actor.as_ref().expect("whoever tried");
    assert_eq!(
        (actor.kind, actor.email.as_deref(), actor.id.as_deref()),
        (Some(ActorType::Anonymous), Some("bob@example.test"), None)
    );
    assert!(!format!("{event:?}").contains("secret-word"));
}

#[test]
fn a_second_factor_is_a_step_of_its_own() {
    let answered = |target, status, body| Made {
        answer: Some((status, body)),
        caller: nobody(),
        ..made("POST", target)
    };
    check(
        answered("/api/v1/auths/signin", 200, br#"{"next_step":"mfa","challenge_token":"t"}"#),
        "auth.mfa.required",
        Outcome::Success,
        "-",
    );
    check(
        answered("/api/v1/auths/signin", 200, br#"{"next_step":"pending"}"#),
        "auth.login_failed",
        Outcome::Denied,
        "account_pending",
    );
    check(
        answered("/api/v1/auths/mfa/verify", 200, br#"{"id":"u","token":"t"}"#),
        "auth.login",
        Outcome::Success,
        "-",
    );
    check(
        answered("/api/v1/auths/mfa/verify", 401, br#"{"detail":"Invalid or already used code."}"#),
        "auth.mfa.failed",
        Outcome::Failure,
        "invalid_code",
    );
    check(
        answered("/api/v1/auths/mfa/verify", 429, b"{}"),
        "auth.mfa.throttled",
        Outcome::Failure,
        "rate_limited",
    );
    let enrolled = answered(
        "/api/v1/auths/mfa/enroll/confirm",
        200,
        br#"{"id":"u","token":"t","recovery_codes":["a-b"]}"#,
    );
    let actions: Vec<String> = enrolled.events().into_iter().map(|event| event.action.to_string()).collect();
    assert_eq!(actions, ["auth.mfa.enrolled", "auth.login"]);
    let ids: Vec<_> = enrolled.events().into_iter().filter_map(|event| event.id).collect();
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() <= 64), "{ids:?}");
}

#[test]
fn single_sign_on_ends_with_a_redirect() {
    let came_back = |target, to| {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", to)]));
        Made { answer: Some((307, b"")), headers, caller: nobody(), ..made("GET", target) }
    };
    let callback = "/oauth/oidc/callback?code=abc&state=s";
    check(came_back(callback, "http://h/auth"), "auth.login", Outcome::Success, "-");
    check(
        came_back(callback, "http://h/auth?error=The+email"),
        "auth.login_failed",
        Outcome::Failure,
        "sso_rejected",
    );
    check(came_back(callback, "http://h/auth?mfa=1"), "auth.mfa.required", Outcome::Success, "-");
    check(
        came_back(callback, "http://h/auth?pending=1"),
        "auth.login_failed",
        Outcome::Denied,
        "account_pending",
    );
    let by_provider = "/oauth/oidc/login/callback?error=access_denied&state=s";
    check(
        came_back(by_provider, "http://h/auth?error=x"),
        "auth.login_failed",
        Outcome::Failure,
        "access_denied",
    );
    let odd = "/oauth/oidc/login/callback?error=%3Cscript%3E&state=s";
    check(came_back(odd, "http://h/auth?error=x"), "auth.login_failed", Outcome::Failure, "sso_rejected");
    assert_eq!(Made { answer: Some((302, b"")), ..made("GET", "/oauth/oidc/login") }.events(), []);
    let event = came_back(callback, "http://h/auth").events().remove(0);
    assert_eq!(
        event.http.as_ref().and_then(|http| http.path.as_deref()),
        Some("/oauth/oidc/callback"),
        "no code, no state"
    );
}

#[test]
fn model_calls_end_as_their_answer_does() {
    let call = |answer, ending| Made {
        answer: Some((200, answer)),
        ending,
        ..made("POST", "/api/chat/completions")
    };
    let done = b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
    check(call(done, Ending::Complete), "chat.completion", Outcome::Success, "-");
    check(
        call(b"data: {\"choices\":[]}\n\n", Ending::ClientLeft),
        "chat.completion",
        Outcome::Unknown,
        "client_left",
    );
    check(
        call(b"data: {\"choices\":[]}\n\n", Ending::UpstreamBroke),
        "chat.completion",
        Outcome::Failure,
        "upstream_broke_off",
    );
    let broke_off = b"data: {\"choices\":[]}\n\ndata: {\"error\":{\"message\":\"cut\"}}\n\ndata: [DONE]\n\n";
    check(call(broke_off, Ending::Complete), "chat.completion", Outcome::Failure, "provider_error");
    check(
        call(br#"{"status":true,"task_ids":["t"],"chat_id":"c"}"#, Ending::Complete),
        "chat.completion",
        Outcome::Unknown,
        "answer_follows",
    );
}

#[test]
fn a_role_that_stays_is_no_change_of_role() {
    let update = |before| Made {
        request: br#"{"role":"user","name":"Bob","email":"bob@x","profile_image_url":"/u.png"}"#,
        answer: Some((200, br#"{"id":"u-1","role":"user","name":"Bob","email":"bob@x"}"#)),
        before: Some(before),
        ..made("POST", "/api/v1/users/u-1/update")
    };
    check(
        update(br#"{"role":"admin","name":"Bob","email":"bob@x"}"#),
        "user.role_updated",
        Outcome::Success,
        "-",
    );
    check(update(br#"{"role":"user","name":"Rob","email":"bob@x"}"#), "user.updated", Outcome::Success, "-");
    let event = update(br#"{"role":"admin","name":"Bob","email":"bob@x"}"#).events().remove(0);
    let change = &event.changes[0];
    assert_eq!(
        (change.field.as_ref(), &change.before, &change.after),
        ("role", &Some("admin".into()), &Some("user".into()))
    );
    assert_eq!(event.changes.len(), 1);
}

#[test]
fn what_is_deleted_keeps_the_name_it_had() {
    let deleted = Made {
        before: Some(
            br#"[{"id":"w-0","name":"other"},{"id":"w-1","name":"collector","url":"http://u:p@h"}]"#,
        ),
        answer: Some((200, b"true")),
        ..made("DELETE", "/api/events/webhooks/w-1")
    };
    let event = deleted.events().remove(0);
    assert_eq!(event.target.and_then(|target| target.name).as_deref(), Some("collector"));
}

#[test]
fn an_intent_is_the_event_without_its_outcome() {
    let made =
        Made { answer: None, ending: Ending::ClientLeft, ..made("DELETE", "/api/v1/groups/id/g-1/delete") };
    let (intent, event) = (
        made.with_exchange(|table, plan, exchange| table.intent(plan, exchange)),
        Made { answer: Some((200, b"true")), ending: Ending::Complete, ..made }.events().remove(0),
    );
    assert_eq!((intent.outcome, &intent.reason), (Outcome::Unknown, &None));
    assert_eq!(
        (&intent.id, &intent.action, &intent.actor, &intent.target),
        (&event.id, &event.action, &event.actor, &event.target)
    );
    let any = made_any().with_exchange(|table, plan, exchange| table.intent(plan, exchange));
    assert_eq!(any.action, "api.request");
}

fn made_any() -> Made<'static> {
    Made { answer: None, ..made("POST", "/no/such/route") }
}

fn any_target() -> impl Strategy<Value = String> {
    let known =
        prop::sample::select(routes().into_iter().map(|route| sample(route.path)).collect::<Vec<_>>());
    let segments = prop::collection::vec("[a-zA-Z0-9%./?&=*{}äß -]{0,12}", 0..8);
    prop_oneof![
        known,
        (
            prop::sample::select(routes().into_iter().map(|route| sample(route.path)).collect::<Vec<_>>()),
            "[?&=a-z%0-9]{0,20}"
        )
            .prop_map(|(path, query)| format!("{path}?{query}")),
        segments.prop_map(|segments| format!("/{}", segments.join("/"))),
        ".{0,60}",
    ]
}

/// Bodies as hostile clients send them: anything, JSON of known members with odd values, JSON cut anywhere.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "id",
        "name",
        "email",
        "role",
        "password",
        "user_ids",
        "Operations",
        "chat",
        "model",
        "access_grants",
        "config",
    ];
    let leaf = prop_oneof![
        Just(serde_json::json!(null)),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(|n| serde_json::json!(n)),
        ".{0,40}".prop_map(Into::into),
        "[a-z]{1,3}".prop_map(|text| serde_json::Value::from(text.repeat(700))),
    ];
    let value = leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        (value, 0.0_f64..1.3).prop_map(|(value, part): (serde_json::Value, f64)| {
            let text = value.to_string().into_bytes();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length")]
            let kept = ((text.len() as f64 * part) as usize).min(text.len());
            text[..kept].to_vec()
        }),
    ]
}

const MARKED: [&str; 4] = [
    "sk-0123456789abcdef0123456789abcdef",
    "hunter2-Passw0rd!",
    "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6InUifQ.c2ln",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever comes, there is no panic, and what is made of it can be recorded: no way not to be seen.
    #[test]
    fn any_exchange_becomes_events_that_can_be_recorded(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"]),
        target in any_target(),
        request in any_body(),
        answer in prop::option::of((100_u16..600, any_body())),
        before in prop::option::of(any_body()),
    ) {
        let answer = answer.as_ref().map(|(status, body)| (*status, body.as_slice()));
        let made = Made { request: &request, answer, before: before.as_deref(), ..made(method, &target) };
        let plan = RouteTable::embedded().plan(&made.method, &target);
        let events = made.events();
        prop_assert!(!plan.is_recorded || !events.is_empty(), "{method} {target} leaves no event");
        let params = EncodeParams { seed: [7; 16], recorded_at: Timestamp::from_micros(1_795_500_000_000_000), instance: None };
        let mut encoder = Encoder::new(params);
        for event in &events {
            prop_assert!(encoder.encode(event).is_ok(), "{:?}", encoder.encode(event).err());
        }
        let intent = made.with_exchange(|table, plan, exchange| table.intent(plan, exchange));
        prop_assert!(encoder.encode(&intent).is_ok());
    }

    /// Secrets where Open WebUI has them: in members named for them, in settings, in the path of a webhook.
    #[test]
    fn no_secret_reaches_an_event(
        place in prop::sample::select(routes().into_iter().filter(|route| route.changes).map(|route| (route.method, sample(route.path))).collect::<Vec<_>>()),
        secret in prop::sample::select(MARKED.to_vec()),
        status in prop::sample::select(vec![200_u16, 400, 401, 500]),
    ) {
        let body = serde_json::json!({
            "password": secret, "new_password": secret, "api_key": secret, "token": secret, "OPENAI_API_KEYS": [secret],
            "key": secret, "headers": {"Authorization": secret}, "challenge_token": secret, "recovery_codes": [secret],
            "connections": [{"id": "c", "key": secret, "auth": {"client_secret": secret}}],
            "Operations": [{"op": "replace", "path": "password", "value": secret}],
            "name": "harmless", "id": "x-1", "role": "user",
        });
        let body = body.to_string().into_bytes();
        let made = Made { request: &body, answer: Some((status, &body)), before: Some(b"{}"), ..made(place.0, &place.1) };
        let text = format!("{:?}", made.events());
        prop_assert!(!text.contains(secret), "{} {}: {text}", place.0, place.1);
    }
}

#[test]
fn however_many_a_request_names_its_event_is_recorded_with_who_and_what() {
    let victim = "accomplice";
    let bogus: Vec<String> = (0..900).map(|n| format!("\"{n:0>200}\"")).collect();
    let body = format!("{{\"user_ids\":[\"{victim}\",{}]}}", bogus.join(","));
    let made = Made { request: body.as_bytes(), ..made("POST", "/api/v1/groups/id/g-1/users/add") };
    let events = made.events();
    let [event] = events.as_slice() else { panic!("one event: {events:?}") };
    assert_eq!(event.actor.as_ref().and_then(|actor| actor.id.as_deref()), Some("u-ada"));
    assert_eq!(event.target.as_ref().and_then(|target| target.id.as_deref()), Some("g-1"));
    assert_eq!(event.targets[0].id.as_deref(), Some(victim));
    let left_out = event.details.as_ref().and_then(|details| details.get("left_out")?.get("targets"));
    assert_eq!(left_out, Some(&Json::Number(901.0 - event.targets.len() as f64)));
    let params = EncodeParams { seed: [0; 16], recorded_at: Timestamp::from_micros(0), instance: None };
    let encoded = Encoder::new(params).encode(event).expect("it can be recorded");
    assert!(encoded.bytes.len() < 70 * 1024);
}
