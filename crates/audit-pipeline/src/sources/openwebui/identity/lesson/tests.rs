use audit_event::{Client, Timestamp};
use base64::Engine as _;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::sources::openwebui::caller::Caller;
use crate::sources::openwebui::exchange::{Captured, Ending};

/// One request and its answer.
struct Sample {
    method: Method,
    target: &'static str,
    sent: String,
    status: u16,
    answered: String,
    cookies: Vec<String>,
}

fn sample(method: Method, target: &'static str) -> Sample {
    Sample { method, target, sent: String::new(), status: 200, answered: String::new(), cookies: Vec::new() }
}

impl Sample {
    fn lessons(&self) -> Vec<Lesson> {
        let mut headers = HeaderMap::new();
        for cookie in &self.cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        let whole = |text: &'static str| Captured {
            bytes: text.as_bytes(),
            tail: b"",
            gist: b"",
            is_whole: true,
            length: 0,
        };
        let leak = |text: &str| -> &'static str { String::leak(text.to_owned()) };
        let exchange = Exchange {
            id: "e",
            started: Timestamp::EPOCH,
            latency_ms: 1.0,
            first_byte_ms: None,
            method: &self.method,
            target: self.target,
            request_headers: &HeaderMap::new(),
            request_body: whole(leak(&self.sent)),
            answer: Some(Answer {
                status: self.status,
                headers: &headers,
                body: whole(leak(&self.answered)),
            }),
            ending: Ending::Complete,
            caller: &Caller::default(),
            client: Client::default(),
            before: None,
        };
        lessons(&exchange, Some("department"))
    }
}

const BOB: &str = r#"{"token":"eyJ.bob.s","id":"u-2","email":"bob@example.test","name":"Bob","role":"user"}"#;

fn bob() -> Person {
    Person {
        id: "u-2".into(),
        name: Some("Bob".into()),
        email: Some("bob@example.test".into()),
        role: Some("user".into()),
        ..Person::default()
    }
}

fn token(payload: &str) -> String {
    format!("e30.{}.c2ln", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload))
}

#[test]
fn every_way_to_sign_in_teaches_whose_the_new_token_is() {
    for path in [
        "/api/v1/auths/signin",
        "/api/v1/auths/signin?x=1",
        "/api/v1/auths/sign%69n",
        "/api/v1/auths/signup",
        "/api/v1/auths/ldap",
        "/api/v1/auths/mfa/verify",
        "/api/v1/auths/mfa/enroll/confirm",
        "/api/v1/auths/oauth/oidc/token/exchange",
    ] {
        let lessons = Sample { answered: BOB.into(), ..sample(Method::POST, path) }.lessons();
        let issued = Lesson::SignedIn(Credential::new("eyJ.bob.s"), Some(bob()));
        assert_eq!(lessons, [Lesson::Forget("u-2".into()), issued], "{path}");
    }
}

#[test]
fn an_admin_who_makes_an_account_does_not_become_it() {
    let lessons = Sample { answered: BOB.into(), ..sample(Method::POST, "/api/v1/auths/add") }.lessons();
    assert_eq!(lessons, []);
}

#[test]
fn a_failed_sign_in_teaches_nothing() {
    let failed = Sample { status: 400, answered: BOB.into(), ..sample(Method::POST, "/api/v1/auths/signin") };
    assert_eq!(failed.lessons(), []);
}

#[test]
fn the_step_to_a_second_factor_issues_nothing() {
    let step = Sample {
        answered: r#"{"next_step":"verify","challenge_token":"u-2.abc","expires_in":300}"#.into(),
        ..sample(Method::POST, "/api/v1/auths/signin")
    };
    assert_eq!(step.lessons(), [Lesson::ForgetSenderPerson]);
}

#[test]
fn a_callback_with_the_cookie_is_a_sign_in() {
    let session = token(r#"{"id":"u-3","auth_method":"oauth"}"#);
    let id_token = token(r#"{"sub":"x","department":"Research"}"#);
    let callback = Sample {
        status: 307,
        cookies: vec![
            "owui-session=x; Path=/".into(),
            format!("token={session}; Path=/; SameSite=lax"),
            format!("oauth_id_token={id_token}; HttpOnly"),
        ],
        ..sample(Method::GET, "/oauth/oidc/login/callback?code=c&state=s")
    };
    let told = Lesson::Department { user_id: "u-3".into(), department: Some("Research".into()) };
    let issued = Lesson::SignedIn(Credential::new(session), None);
    assert_eq!(callback.lessons(), [Lesson::Forget("u-3".into()), told, issued]);
}

#[test]
fn a_callback_that_failed_or_wants_a_second_factor_issues_nothing() {
    for cookies in [vec![], vec![r#"token=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"#.to_owned()]]
    {
        let callback = Sample { status: 307, cookies, ..sample(Method::GET, "/oauth/oidc/callback?error=x") };
        assert_eq!(callback.lessons(), []);
    }
}

#[test]
fn a_new_key_is_the_senders_and_voids_the_old_one() {
    let made =
        Sample { answered: r#"{"api_key":"sk-1"}"#.into(), ..sample(Method::POST, "/api/v1/auths/api_key") };
    let issued = Lesson::IssuedToSender(Credential::new("sk-1"));
    assert_eq!(made.lessons(), [Lesson::ForgetSenderPerson, issued.clone()]);
    let deleted = Sample { answered: "true".into(), ..sample(Method::DELETE, "/api/v1/auths/api_key") };
    assert_eq!(deleted.lessons(), [Lesson::ForgetSenderPerson]);
    let read =
        Sample { answered: r#"{"api_key":"sk-1"}"#.into(), ..sample(Method::GET, "/api/v1/auths/api_key") };
    assert_eq!(read.lessons(), [issued]);
}

#[test]
fn what_may_void_or_change_an_account_is_forgotten() {
    let forget = |id: &str| vec![Lesson::Forget(id.into())];
    let table = [
        (Method::POST, "/api/v1/auths/signout", vec![Lesson::ForgetSender]),
        (Method::POST, "/api/v1/auths/update/password", vec![Lesson::ForgetSenderPerson]),
        (Method::POST, "/api/v1/auths/update/profile", vec![Lesson::ForgetSenderPerson]),
        (Method::POST, "/api/v1/auths/mfa/recovery/codes", vec![Lesson::ForgetSenderPerson]),
        (Method::POST, "/api/v1/users/u-2/update", forget("u-2")),
        (Method::POST, "/api/v1/users/u-2/sessions/revoke", forget("u-2")),
        (Method::DELETE, "/api/v1/users/u-2", forget("u-2")),
        (Method::POST, "/api/v1/auths/admin/config", vec![Lesson::ForgetAll]),
        (Method::POST, "/api/v1/users/default/permissions", vec![Lesson::ForgetAll]),
        (Method::POST, "/api/v1/groups/id/g/update", vec![Lesson::ForgetAll]),
        (Method::DELETE, "/api/v1/groups/id/g/delete", vec![Lesson::ForgetAll]),
        (Method::PATCH, "/api/v1/scim/v2/Groups/g", vec![Lesson::ForgetAll]),
        (Method::DELETE, "/api/v1/scim/v2/Users/u-2", forget("u-2")),
        (Method::POST, "/oauth/backchannel-logout", vec![Lesson::ForgetAll]),
        (Method::POST, "/api/v1/users/user/settings/update", vec![]),
        (Method::POST, "/api/v1/chats/new", vec![]),
        (Method::GET, "/api/v1/users/u-2", vec![]),
        (Method::GET, "/oauth/oidc/login", vec![]),
    ];
    for (method, path, expected) in table {
        assert_eq!(sample(method.clone(), path).lessons(), expected, "{method} {path}");
        let refused = Sample { status: 401, ..sample(method.clone(), path) };
        assert_eq!(refused.lessons(), [], "{method} {path} refused");
    }
}

#[test]
fn only_those_who_join_or_leave_a_group_are_forgotten() {
    let sent = r#"{"user_ids":["u-1","u-2"]}"#.to_owned();
    let joined = Sample { sent, ..sample(Method::POST, "/api/v1/groups/id/g/users/add") };
    assert_eq!(joined.lessons(), [Lesson::Forget("u-1".into()), Lesson::Forget("u-2".into())]);
    let cut = Sample {
        sent: r#"{"user_ids":["u-1"#.into(),
        ..sample(Method::POST, "/api/v1/groups/id/g/users/add")
    };
    assert_eq!(cut.lessons(), [Lesson::ForgetAll], "a body too long to be kept whole");
}

#[test]
fn provisioning_tells_departments() {
    let user = format!(r#"{{"userName":"bob","{ENTERPRISE_USER}":{{"department":"Sales"}}}}"#);
    let told = |department: Option<&str>| {
        let department = department.map(str::to_owned);
        vec![Lesson::Forget("u-2".into()), Lesson::Department { user_id: "u-2".into(), department }]
    };
    let made = Sample {
        sent: user.clone(),
        answered: r#"{"id":"u-2"}"#.into(),
        ..sample(Method::POST, "/api/v1/scim/v2/Users")
    };
    assert_eq!(made.lessons(), told(Some("Sales")));
    let put = Sample { sent: user, ..sample(Method::PUT, "/api/v1/scim/v2/Users/u-2") };
    assert_eq!(put.lessons(), told(Some("Sales")));
    let patch = |operation: String| Sample {
        sent: format!(r#"{{"Operations":[{operation}]}}"#),
        ..sample(Method::PATCH, "/api/v1/scim/v2/Users/u-2")
    };
    let by_path = format!(r#"{{"op":"Replace","path":"{ENTERPRISE_USER}:department","value":"Law"}}"#);
    assert_eq!(patch(by_path).lessons(), told(Some("Law")));
    let whole = format!(r#"{{"op":"replace","value":{{"{ENTERPRISE_USER}":{{"department":"Art"}}}}}}"#);
    assert_eq!(patch(whole).lessons(), told(Some("Art")));
    let removed = format!(r#"{{"op":"remove","path":"{ENTERPRISE_USER}:department"}}"#);
    assert_eq!(patch(removed).lessons(), told(None));
    assert_eq!(
        patch(r#"{"op":"replace","path":"active","value":false}"#.into()).lessons(),
        [Lesson::Forget("u-2".into())]
    );
}
