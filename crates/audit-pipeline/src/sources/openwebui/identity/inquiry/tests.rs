use super::*;

const INVALID: &[u8] =
    br#"{"detail":"Your session has expired or the token is invalid. Please sign in again."}"#;
const NOT_FOR_YOU: &[u8] = br#"{"detail":"You do not have permission to access this resource. Please contact your administrator for assistance."}"#;
const ADA: &[u8] =
    br#"{"id":"u-1","email":"ada@example.test","name":"Ada","role":"admin","token":"eyJ","permissions":{}}"#;

fn ada() -> Person {
    Person {
        id: "u-1".into(),
        name: Some("Ada".into()),
        email: Some("ada@example.test".into()),
        role: Some("admin".into()),
        ..Person::default()
    }
}

/// Feeds answers in turn; gives the paths asked and how it ended.
fn ask(mut inquiry: Inquiry, answers: &[(u16, &[u8])]) -> (Vec<String>, Progress) {
    let mut paths = Vec::new();
    for (status, body) in answers {
        paths.push(inquiry.path());
        let progress = inquiry.answer(*status, body);
        if progress != Progress::Further {
            assert_eq!(paths.len(), answers.len(), "ended early");
            return (paths, progress);
        }
    }
    (paths, Progress::Further)
}

fn session() -> Inquiry {
    Inquiry::of(&Credential::new("a.b.c"), None)
}

fn key() -> Inquiry {
    Inquiry::of(&Credential::new("sk-1"), None)
}

#[test]
fn a_session_is_asked_for_once() {
    assert_eq!(ask(session(), &[(200, ADA)]), (vec!["/api/v1/auths/".into()], Progress::Known(ada())));
}

#[test]
fn a_key_is_asked_for_where_keys_are_answered() {
    let (paths, progress) = ask(key(), &[(200, ADA)]);
    assert_eq!(paths, ["/api/v1/users/user/status"]);
    assert_eq!(progress, Progress::Known(ada()));
}

#[test]
fn a_token_of_the_servers_own_is_asked_for_as_a_key_is() {
    let claims = Claims { kind: Some("automation".into()), ..Claims::default() };
    assert_eq!(Inquiry::of(&Credential::new("a.b.c"), Some(&claims)).path(), "/api/v1/users/user/status");
    let human_only: (u16, &[u8]) = (403, br#"{"detail":"A human session is required."}"#);
    let (paths, _) = ask(session(), &[human_only, (200, ADA)]);
    assert_eq!(paths, ["/api/v1/auths/", "/api/v1/users/user/status"]);
}

#[test]
fn with_the_status_setting_off_the_calendar_tells() {
    let calendars =
        br#"[{"id":"c-1","user_id":"somebody-who-shares"},{"id":"__scheduled_tasks__","user_id":"u-1"}]"#;
    let (paths, progress) = ask(key(), &[(403, b"{}"), (200, calendars), (200, ADA)]);
    assert_eq!(paths[1..], ["/api/v1/calendars/", "/api/v1/users/u-1/info"]);
    assert_eq!(progress, Progress::Known(ada()));
}

#[test]
fn somebody_elses_shared_calendar_tells_nothing() {
    let shared = br#"[{"id":"c-1","user_id":"u-2","is_default":true}]"#;
    assert_eq!(ask(key(), &[(403, b"{}"), (200, shared)]).1, Progress::Nameless);
}

#[test]
fn the_record_must_be_the_one_that_was_asked_for() {
    let calendars = br#"[{"id":"__scheduled_tasks__","user_id":"u-2"}]"#;
    assert_eq!(ask(key(), &[(403, b"{}"), (200, calendars), (200, ADA)]).1, Progress::Nameless);
}

#[test]
fn a_restricted_key_is_good_but_nameless() {
    assert_eq!(ask(key(), &[(403, NOT_FOR_YOU), (403, NOT_FOR_YOU)]).1, Progress::Nameless);
}

#[test]
fn a_refused_credential_is_told_from_one_without_the_role() {
    assert_eq!(ask(session(), &[(401, INVALID)]).1, Progress::Refused(Refusal::Invalid));
    assert_eq!(ask(key(), &[(401, INVALID)]).1, Progress::Refused(Refusal::Invalid));
    assert_eq!(ask(key(), &[(401, NOT_FOR_YOU)]).1, Progress::Nameless, "a pending user's key");
    let off = br#"{"detail":"Use of API key is not enabled in the environment."}"#;
    assert_eq!(ask(key(), &[(403, off)]).1, Progress::Refused(Refusal::KeysDisabled));
}

#[test]
fn a_server_in_trouble_proves_nothing() {
    for status in [302, 429, 500, 502, 503] {
        assert_eq!(ask(session(), &[(status, b"{}")]).1, Progress::NoAnswer, "{status}");
    }
}

#[test]
fn a_page_in_place_of_an_answer_proves_nothing() {
    let page = b"<!doctype html><html></html>";
    assert_eq!(ask(session(), &[(200, page), (200, page), (200, page)]).1, Progress::Nameless);
}

#[test]
fn a_person_needs_an_id_that_a_path_can_hold() {
    assert_eq!(person(br#"{"id":"../x","role":"admin"}"#), None);
    assert_eq!(person(br#"{"id":"","role":"admin"}"#), None);
    assert_eq!(person(br#"{"id":"u-1"}"#), None, "some other object with an id");
    assert!(person(br#"{"id":"u-1","role":"user","name":null}"#).is_some());
}

#[test]
fn groups_are_sorted_by_name() {
    let answer = br#"[{"id":"2","name":"dept:Sales"},{"id":"1","name":"all"}]"#;
    assert_eq!(groups(answer), Some(vec!["all".into(), "dept:Sales".into()]));
    assert_eq!(groups(br#"{"detail":"no"}"#), None);
}
