use super::*;

fn token(payload: &str) -> Vec<u8> {
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(payload)).into_bytes()
}

fn claims(payload: &str) -> Option<Claims> {
    Claims::unverified(&token(payload))
}

#[test]
fn a_sessions_claims_are_read() {
    let claims = claims(
        r#"{"id":"u-1","typ":"session","auth_method":"oauth","mfa_verified":true,"exp":1800000000,"jti":"j-1"}"#,
    );
    let expected = Claims {
        user_id: Some("u-1".into()),
        kind: Some("session".into()),
        auth_method: Some("oauth".into()),
        mfa_verified: true,
        expires: Some(1_800_000_000),
        id: Some("j-1".into()),
    };
    assert_eq!(claims, Some(expected));
}

#[test]
fn what_open_webui_makes_for_itself_is_no_persons_session() {
    assert!(claims(r#"{"id":"u"}"#).unwrap().is_human());
    assert!(claims(r#"{"id":"u","typ":"session"}"#).unwrap().is_human());
    assert!(!claims(r#"{"id":"u","typ":"automation"}"#).unwrap().is_human());
}

#[test]
fn a_session_ends_at_its_second() {
    let ends = claims(r#"{"exp":100.9}"#).unwrap();
    assert!(!ends.is_expired(Timestamp::from_micros(99_999_999)));
    assert!(ends.is_expired(Timestamp::from_micros(100_000_000)));
    assert!(!claims("{}").unwrap().is_expired(Timestamp::MAX), "without an end it never ends");
}

#[test]
fn claims_of_odd_types_and_lengths_are_left_out() {
    let long = format!(r#"{{"id":"{}","jti":7,"exp":"soon","auth_method":"a\nb"}}"#, "x".repeat(129));
    assert_eq!(claims(&long), Some(Claims::default()));
}

#[test]
fn what_is_no_token_has_no_claims() {
    for odd in ["", ".", "..", "a.b", "a.b.c.d", "a.!!.c", "a.bm90IGpzb24.c", "a.W10.c"] {
        assert_eq!(Claims::unverified(odd.as_bytes()), None, "{odd}");
    }
    assert_eq!(Claims::unverified(&[token("{}"), vec![b'x'; MAX_TOKEN_BYTES]].concat()), None, "too long");
}

#[test]
fn padding_is_no_matter() {
    assert_eq!(Claims::unverified(b"x.e30=.y"), Some(Claims::default()));
    assert_eq!(Claims::unverified(b"x.e30.y"), Some(Claims::default()));
}
