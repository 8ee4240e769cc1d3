//! The conversation, with a provider that can lie.

use std::sync::Arc;
use std::time::Duration;

use audit_event::Timestamp;
use serde_json::json;

use super::provider::Done;
use super::*;

mod fake;

pub(crate) use fake::{Fake, parameter};

const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

/// Settings for the provider at `https://id.example`.
pub(crate) fn settings() -> Settings {
    let roles = [("audit-admins", "admin"), ("auditors", "auditor"), ("leads", "viewer@department")];
    Settings {
        issuer: fake::ISSUER.to_owned(),
        client_id: fake::CLIENT.to_owned(),
        client_secret: Some(fake::SECRET.to_owned()),
        scopes: vec!["profile".to_owned(), "email".to_owned()],
        role_claim: "groups".to_owned(),
        roles: roles.map(|(group, grant)| (group.to_owned(), Grant::parse(grant))).to_vec(),
        default_role: None,
        department_claim: Some("department".to_owned()),
        public_url: "https://audit.example".to_owned(),
        name: "Example".to_owned(),
        session: Duration::from_secs(8 * 3_600),
        clock_skew: Duration::from_secs(60),
    }
}

fn provider(fake: &Fake) -> Provider {
    Provider::build(settings(), Arc::new(fake.clone()), &[7; 32]).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

/// Signs somebody in: to the provider, and back.
async fn signed_in(provider: &Provider, fake: &Fake) -> Result<Done, Refusal> {
    let begun = provider.begin("/audit?q=x", NOW).await?;
    let code = fake.sign_in(&begun.location);
    let state = parameter(&begun.location, "state");
    let returned = Returned { code: &code, state: &state, issuer: Some(fake::ISSUER), ..Returned::default() };
    provider.finish(&returned, Some(&begun.cookie), NOW).await
}

async fn refusal(fake: &Fake) -> Refusal {
    signed_in(&provider(fake), fake).await.err().expect("a refusal")
}

#[tokio::test]
async fn somebody_comes_back_with_a_name_and_a_role() {
    let fake = Fake::new(NOW);
    let done = signed_in(&provider(&fake), &fake).await.ok().unwrap();
    assert_eq!((done.identity.person.name.as_str(), done.identity.person.subject.as_str()), ("Ada", "ada"));
    assert_eq!(done.identity.grant, Grant::parse("auditor"));
    assert_eq!(done.identity.person.department.as_deref(), Some("Sales"));
    assert_eq!(done.next, "/audit?q=x");
}

#[tokio::test]
async fn the_provider_is_asked_as_the_standards_say() {
    let fake = Fake::new(NOW);
    let begun = provider(&fake).begin("/audit", NOW).await.ok().unwrap();
    let parameter = |name: &str| parameter(&begun.location, name);
    assert!(begun.location.starts_with("https://id.example/auth?tenant=1&"), "{}", begun.location);
    assert_eq!(parameter("response_type"), "code");
    assert_eq!(parameter("client_id"), fake::CLIENT);
    assert_eq!(parameter("scope"), "openid profile email");
    assert_eq!(parameter("redirect_uri"), "https://audit.example/audit/sign-in/provider/callback");
    assert_eq!(parameter("code_challenge_method"), "S256");
    for random in ["state", "nonce", "code_challenge"] {
        assert_eq!(parameter(random).len(), 43, "{random}");
    }
    assert!(!begun.location.contains(fake::SECRET));
}

#[tokio::test]
async fn a_public_client_proves_itself_by_its_verifier_alone() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.is_public = true);
    let settings = Settings { client_secret: None, ..settings() };
    let provider = Provider::build(settings, Arc::new(fake.clone()), &[7; 32]).unwrap();
    assert!(signed_in(&provider, &fake).await.is_ok());
}

#[tokio::test]
async fn a_return_is_good_only_where_it_was_begun() {
    let fake = Fake::new(NOW);
    let provider = provider(&fake);
    let (mine, other) = (
        provider.begin("/audit", NOW).await.ok().unwrap(),
        provider.begin("/audit", NOW).await.ok().unwrap(),
    );
    let code = fake.sign_in(&mine.location);
    let state = parameter(&mine.location, "state");
    let returned = Returned { code: &code, state: &state, issuer: Some(fake::ISSUER), ..Returned::default() };
    let finish = |cookie: Option<String>, now| {
        let (provider, returned) = (&provider, &returned);
        async move { provider.finish(returned, cookie.as_deref(), now).await.err() }
    };
    assert_eq!(finish(None, NOW).await, Some(Refusal::NoAttempt));
    assert_eq!(finish(Some("guess".to_owned()), NOW).await, Some(Refusal::NoAttempt));
    assert_eq!(finish(Some(other.cookie), NOW).await, Some(Refusal::WrongState));
    assert_eq!(finish(Some(mine.cookie.clone()), later(600)).await, Some(Refusal::NoAttempt), "too late");
    assert_eq!(finish(Some(mine.cookie.clone()), NOW).await, None);
    assert_eq!(finish(Some(mine.cookie), NOW).await, Some(Refusal::StaleCode), "once");
}

#[tokio::test]
async fn the_return_of_another_provider_is_not_taken() {
    let fake = Fake::new(NOW);
    let provider = provider(&fake);
    for issuer in [Some("https://evil.example"), None] {
        let begun = provider.begin("/audit", NOW).await.ok().unwrap();
        let (code, state) = (fake.sign_in(&begun.location), parameter(&begun.location, "state"));
        let returned = Returned { code: &code, state: &state, issuer, ..Returned::default() };
        let refused = provider.finish(&returned, Some(&begun.cookie), NOW).await.err();
        assert_eq!(refused, Some(Refusal::WrongProvider), "{issuer:?}");
    }
}

#[tokio::test]
async fn a_token_that_says_anything_wrong_is_not_believed() {
    let check = async |name: &str, value: serde_json::Value| {
        let fake = Fake::new(NOW);
        fake.set(|lies| lies.claims.extend([(name.to_owned(), value.clone())]));
        let refused = refusal(&fake).await;
        assert!(matches!(refused, Refusal::NotBelieved(_)), "{name} {value}: {refused:?}");
    };
    let second = NOW.as_micros() / 1_000_000;
    check("iss", json!("https://evil.example")).await;
    check("iss", json!(null)).await;
    check("aud", json!("other")).await;
    check("aud", json!(["other"])).await;
    check("aud", json!([fake::CLIENT, "other"])).await;
    check("azp", json!("other")).await;
    check("nonce", json!("other")).await;
    check("nonce", json!(null)).await;
    check("exp", json!(second - 60)).await;
    check("exp", json!(null)).await;
    check("exp", json!("9999999999")).await;
    check("iat", json!(second + 61)).await;
    check("iat", json!(null)).await;
    check("nbf", json!(second + 61)).await;
    check("sub", json!("")).await;
    check("sub", json!("x".repeat(256))).await;
    // Nobody comes as somebody of ours.
    for sub in ["  ", "console", "break-glass", "tok_0123456789ab"] {
        check("sub", json!(sub)).await;
    }
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart() {
    let second = NOW.as_micros() / 1_000_000;
    for (name, value) in [
        ("exp", json!(second - 59)),
        ("iat", json!(second + 60)),
        ("exp", json!(second as f64 + 0.5)),
        ("aud", json!([fake::CLIENT])),
    ] {
        let fake = Fake::new(NOW);
        fake.set(|lies| lies.claims.extend([(name.to_owned(), value.clone())]));
        assert!(signed_in(&provider(&fake), &fake).await.is_ok(), "{name} {value}");
    }
}

#[tokio::test]
async fn a_signature_must_hold_and_be_of_a_kind_that_is_believed() {
    for (alg, spoilt) in [("ES256", true), ("none", false), ("HS256", false)] {
        let fake = Fake::new(NOW);
        fake.set(|lies| (lies.alg, lies.spoils_signature) = (alg, spoilt));
        assert!(matches!(refusal(&fake).await, Refusal::NotBelieved(_)), "{alg}");
    }
}

#[tokio::test]
async fn new_keys_are_looked_for_and_old_ones_forgotten() {
    let fake = Fake::new(NOW);
    let provider = provider(&fake);
    assert!(signed_in(&provider, &fake).await.is_ok());
    fake.rotate();
    assert!(signed_in(&provider, &fake).await.is_ok(), "the new key is fetched");
    fake.set(|lies| lies.signs_with_former = true);
    assert!(matches!(signed_in(&provider, &fake).await, Err(Refusal::NotBelieved(_))), "the former is gone");
}

#[tokio::test]
async fn who_has_no_role_is_told_so_by_name() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.claims.extend([("groups".to_owned(), json!(["others"]))]));
    let Refusal::NoRole(person) = refusal(&fake).await else { panic!("a role") };
    assert_eq!((person.name.as_str(), person.email.as_deref()), ("Ada", Some("ada@example.test")));
}

#[tokio::test]
async fn what_the_token_leaves_out_is_asked_for_and_of_the_same_person_only() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.is_terse = true);
    let done = signed_in(&provider(&fake), &fake).await.ok().unwrap();
    assert_eq!(done.identity.grant, Grant::parse("auditor"));
    fake.set(|lies| lies.speaks_of = "eve");
    assert!(matches!(refusal(&fake).await, Refusal::NotBelieved(_)));
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_told_with_its_code_and_nothing_else() {
    let fake = Fake::new(NOW);
    let provider = provider(&fake);
    for (error, shown) in [("access_denied", "access_denied"), ("<b>x</b>", "no reason given")] {
        let begun = provider.begin("/audit", NOW).await.ok().unwrap();
        let state = parameter(&begun.location, "state");
        let returned = Returned { error, state: &state, issuer: Some(fake::ISSUER), ..Returned::default() };
        let refused = provider.finish(&returned, Some(&begun.cookie), NOW).await.err();
        assert_eq!(refused, Some(Refusal::Declined(shown.to_owned())));
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_for_a_moment_and_what_it_said_holds() {
    let fake = Fake::new(NOW);
    let provider = provider(&fake);
    fake.set(|lies| lies.is_down = true);
    assert!(matches!(provider.begin("/audit", NOW).await, Err(Refusal::NoAnswer(_))));
    fake.set(|lies| lies.is_down = false);
    assert!(
        matches!(provider.begin("/audit", later(4)).await, Err(Refusal::NoAnswer(_))),
        "not asked again yet"
    );
    assert!(provider.begin("/audit", later(5)).await.is_ok());
    fake.set(|lies| lies.is_down = true);
    assert!(provider.begin("/audit", later(2 * 3_600)).await.is_ok(), "what it said before holds");
}

#[tokio::test]
async fn a_provider_that_names_another_issuer_is_none() {
    let fake = Fake::new(NOW);
    fake.set(|lies| lies.issuer = "https://evil.example");
    assert!(matches!(provider(&fake).begin("/audit", NOW).await, Err(Refusal::NoAnswer(_))));
}

#[tokio::test]
async fn signing_out_goes_to_the_provider_if_it_offers_that() {
    let fake = Fake::new(NOW);
    let known = provider(&fake);
    assert_eq!(known.sign_out("x.y.z"), None, "nothing is known of it yet");
    known.begin("/audit", NOW).await.ok().unwrap();
    let address = known.sign_out("x.y.z").unwrap();
    assert!(address.starts_with("https://id.example/end?"), "{address}");
    assert_eq!(parameter(&address, "id_token_hint"), "x.y.z");
    assert_eq!(parameter(&address, "post_logout_redirect_uri"), "https://audit.example/audit/sign-in");
    assert_eq!(known.sign_out_origin().as_deref(), Some("https://id.example"));
    fake.set(|lies| lies.ends_no_sessions = true);
    let known = provider(&fake);
    known.begin("/audit", NOW).await.ok().unwrap();
    assert_eq!((known.sign_out("x.y.z"), known.sign_out_origin()), (None, None));
}
