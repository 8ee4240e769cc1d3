use http::HeaderValue;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn found(pairs: &[(&str, &[u8])]) -> Option<(CredentialKind, String)> {
    let credential = Credential::find(&headers(pairs), &KEY_HEADER)?;
    Some((credential.kind(), String::from_utf8(credential.secret().to_vec()).unwrap()))
}

/// The recordings were made by running Open WebUI 0.12.4's own code on these headers.
#[test]
fn the_credential_is_the_one_that_open_webui_takes() {
    let latin1 =
        |text: &str| text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect::<Vec<u8>>();
    let cases = include_str!("../../../../../tests/data/credentials.ndjson");
    for case in cases.lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let mut given = HeaderMap::new();
        for pair in case["headers"].as_array().unwrap() {
            let name: HeaderName = pair[0].as_str().unwrap().parse().unwrap();
            given.append(name, HeaderValue::from_bytes(&latin1(pair[1].as_str().unwrap())).unwrap());
        }
        let taken = Credential::find(&given, &KEY_HEADER).map(|credential| credential.secret().to_vec());
        assert_eq!(taken, case["taken"].as_str().map(latin1), "{case}");
    }
}

#[test]
fn a_bearer_wins_over_another_persons_cookie() {
    let both: &[(&str, &[u8])] = &[("cookie", b"token=of-a"), ("authorization", b"Bearer of-b")];
    assert_eq!(found(both), Some((CredentialKind::Session, "of-b".into())));
}

#[test]
fn a_bad_bearer_is_not_made_good_by_a_cookie() {
    let both: &[(&str, &[u8])] = &[("authorization", b"Bearer x"), ("cookie", b"token=good")];
    assert_eq!(found(both), Some((CredentialKind::Session, "x".into())));
}

#[test]
fn a_key_is_a_key_wherever_it_stands() {
    let key = Some((CredentialKind::ApiKey, "sk-1".into()));
    assert_eq!(found(&[("authorization", b"Bearer sk-1")]), key);
    assert_eq!(found(&[("cookie", b"token=sk-1")]), key);
    assert_eq!(found(&[("x-api-key", b"sk-1")]), key);
}

#[test]
fn the_key_headers_name_is_configurable() {
    let request = headers(&[("x-acme-key", b"sk-1"), ("x-api-key", b"sk-2")]);
    let found = Credential::find(&request, &HeaderName::from_static("x-acme-key")).unwrap();
    assert_eq!(found.secret(), b"sk-1");
}

#[test]
fn provisioning_looks_at_the_authorization_alone() {
    let at = |target: &str, pairs: &[(&str, &[u8])]| {
        Credential::of_request(target, &headers(pairs), &KEY_HEADER).map(|found| found.kind())
    };
    let of = |pairs: &[(&str, &[u8])]| at("/api/v1/scim/v2/Users?x", pairs);
    let token: &[(&str, &[u8])] = &[("authorization", b"Bearer t")];
    assert_eq!(at("/api/v1/sc%69m/v2/Users", token), Some(CredentialKind::Scim));
    assert_eq!(at("/api/v1/chats/?/api/v1/scim/v2/", token), Some(CredentialKind::Session));
    assert_eq!(of(&[("authorization", b"Bearer  t")]), Some(CredentialKind::Scim));
    assert_eq!(of(&[("authorization", b"Bearer t t")]), None);
    assert_eq!(of(&[("authorization", b"Basic t")]), None);
    assert_eq!(of(&[("cookie", b"token=t"), ("x-api-key", b"sk-1")]), None);
}

#[test]
fn a_session_has_one_name_however_its_signature_is_spelt() {
    let name = |token: &str| Credential::new(token).session_name();
    // `A` and `B` differ in bits that are left over; `!` is no character of the alphabet.
    assert_eq!(name("aa.bb.ccA"), name("aa.bb.ccB"));
    assert_eq!(name("aa.bb.ccA"), name("aa.bb.c!cA="));
    assert_ne!(name("aa.bb.ccA"), name("aa.bb.cdA"));
    assert_ne!(name("aa.bb.ccA"), name("ab.bb.ccA"));
    assert_ne!(name("sk-aa.bb.ccA"), name("sk-aa.bb.ccB"), "keys are taken as they are");
}

#[test]
fn a_session_is_asked_about_in_its_one_spelling() {
    let plain = "aa.bb.c2lnbmF0dXJlIQ";
    let authorization = |token: &[u8]| Credential::new(token).authorization();
    let expected = authorization(plain.as_bytes());
    assert_eq!(expected.as_ref().unwrap(), &format!("Bearer {plain}"));
    for odd in [
        &b"aa.bb.c2lnbmF0    dXJlIQ"[..],
        b"aa.bb.c2lnbmF0dXJlIQ==",
        b"aa.bb.c2lnbmF0dXJlIQ==and more",
        b"aa.bb.c2lnbm=F0dXJlIQ",
        b"aa.bb.c2lnbmF0dXJlIR",
        b"aa.bb.c2ln\xe9bmF0!!dXJlIQ",
    ] {
        assert_eq!(authorization(odd), expected, "{}", String::from_utf8_lossy(odd));
        assert!(Credential::new(odd) == Credential::new(plain), "one credential for all who remember");
    }
    for other in [&b"a a.bb.cc"[..], b"aa.b\xe9.cc", b"aa.bb.cc.dd  ", b"aa.bb.c c c c c", b"sk-a.b.c c"] {
        assert_eq!(authorization(other), None, "{}", String::from_utf8_lossy(other));
    }
    let long = format!("{plain}{}", " ".repeat(10_000));
    assert!(authorization(long.as_bytes()) == expected);
}

#[test]
fn what_open_webui_never_issues_is_not_presented_to_it() {
    assert_eq!(Credential::new("ab").authorization().unwrap(), "Bearer ab");
    for odd in ["", "a b", "a\n", "é", " a", "saa_ours"] {
        assert_eq!(Credential::new(odd).authorization(), None, "{odd:?}");
    }
}

#[test]
fn debugging_shows_no_secret() {
    assert_eq!(format!("{:?}", Credential::new("sk-secret")), "Credential { kind: ApiKey, .. }");
    assert_eq!(format!("{:?}", Credential::new("sk-secret").authorization().unwrap()), "Sensitive");
}

proptest! {
    #[test]
    fn no_header_stops_the_search(
        authorization in proptest::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..60),
        cookie in proptest::collection::vec(prop_oneof![Just(b';'), Just(b'='), Just(b'"'), Just(b'\\'), 0x20_u8..0x7f, 0x80_u8..=0xff], 0..60),
    ) {
        let request = headers(&[("authorization", &authorization), ("cookie", &cookie)]);
        if let Some(found) = Credential::find(&request, &KEY_HEADER) {
            let _ = (found.claims(), found.authorization(), found.session_name());
        }
    }

    /// Whatever else is in the cookie header, and however the token is quoted, it is found.
    #[test]
    fn a_cookie_is_found_among_others(
        token in "[A-Za-z0-9._-]{1,40}",
        before in "([a-su-z]{1,5}=[a-z\"]{0,5}; ?){0,3}",
        after in "(; ?[a-su-z]{1,5}=[a-z\"]{0,5}){0,3}",
        is_quoted: bool,
    ) {
        let value = if is_quoted { format!("\"{token}\"") } else { token.clone() };
        let cookie = format!("{before}token={value}{after}");
        let request = headers(&[("cookie", cookie.as_bytes())]);
        let found = Credential::find(&request, &KEY_HEADER).unwrap();
        prop_assert!(found == Credential::new(token));
    }

    #[test]
    fn quoting_as_python_does_is_undone(value in proptest::collection::vec(any::<u8>(), 0..30)) {
        let mut quoted = vec![b'"'];
        for byte in &value {
            match byte {
                b'"' | b'\\' => quoted.extend([b'\\', *byte]),
                0x20..=0x7e => quoted.push(*byte),
                _ => quoted.extend(format!("\\{byte:03o}").bytes()),
            }
        }
        quoted.push(b'"');
        prop_assert_eq!(unquote(&quoted), value);
    }
}
