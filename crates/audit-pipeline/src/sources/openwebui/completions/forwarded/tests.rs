use super::*;

const SECRET: &[u8] = b"a shared secret";
const NOW: i64 = 1_795_400_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW * 1_000_000)
}

fn token(head: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn claims(exp: i64) -> String {
    format!(
        r#"{{"sub":"u-1","email":"ada@example.test","name":"Ada Ü","role":"user","iss":"open-webui","iat":{},"exp":{exp}}}"#,
        exp - 300
    )
}

fn signed(token: &str) -> Option<Forwarded> {
    Forwarded::signed(&headers(&[("x-openwebui-user-jwt", token)]), SECRET, now())
}

#[test]
fn plain_headers_name_user_chat_and_task() {
    let forwarded = Forwarded::plain(&headers(&[
        ("x-openwebui-user-id", "u-1"),
        ("x-openwebui-user-name", "Gr%C3%BC%C3%9Fe %E4%BD%A0 100%"),
        ("x-openwebui-user-email", "ada@example.test"),
        ("x-openwebui-user-role", "admin"),
        ("x-openwebui-auth-type", "jwt"),
        ("x-openwebui-chat-id", "c-1"),
        ("x-openwebui-task", "title_generation"),
    ]));
    let person = forwarded.person.unwrap();
    assert_eq!((person.id.as_str(), person.name.as_deref()), ("u-1", Some("Grüße 你 100%")));
    assert_eq!((person.email.as_deref(), person.role.as_deref()), (Some("ada@example.test"), Some("admin")));
    assert_eq!((forwarded.auth_type.as_deref(), forwarded.chat_id.as_deref()), (Some("jwt"), Some("c-1")));
    assert_eq!(forwarded.task.as_deref(), Some("title"));
    assert_eq!(Forwarded::plain(&HeaderMap::new()), Forwarded::default());
    assert_eq!(Forwarded::plain(&headers(&[("x-openwebui-user-name", "Ada")])).person, None);
}

#[test]
fn a_signed_user_is_proven() {
    let person = signed(&token(HEAD, &claims(NOW + 100), SECRET)).unwrap().person.unwrap();
    assert_eq!((person.id.as_str(), person.name.as_deref()), ("u-1", Some("Ada Ü")));
}

#[test]
fn what_pyjwt_signs_is_understood() {
    // jwt.encode({"sub": "u-1", ..., "name": "Ada Ü", "iss": "open-webui", "exp": ...}, "a shared secret", algorithm="HS256")
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1LTEiLCJlbWFpbCI6ImFkYUBleGFtcGxlLnRlc3QiLCJuYW1lIjoiQWRhIFx1MDBkYyIsIn\
                 JvbGUiOiJ1c2VyIiwiaXNzIjoib3Blbi13ZWJ1aSIsImlhdCI6MTc5NTM5OTkwMCwiZXhwIjoxNzk1NDAwMjAwfQ.7LyPBMZEfPhJcjA8l4YyKxXLTgKVbG2NKFPl1P759w4";
    assert_eq!(signed(token).unwrap().person.unwrap().name.as_deref(), Some("Ada Ü"));
}

#[test]
fn a_forged_or_old_signature_proves_nobody() {
    let good = claims(NOW + 100);
    assert!(signed(&token(HEAD, &good, b"another secret")).is_none());
    assert!(signed(&token(HEAD, &claims(NOW - 61), SECRET)).is_none());
    assert!(signed(&token(HEAD, &claims(NOW + 1000), SECRET)).is_none(), "from the future");
    assert!(signed(&token(r#"{"alg":"none"}"#, &good, SECRET)).is_none());
    assert!(signed(&token(HEAD, &good.replace("open-webui", "x"), SECRET)).is_none());
    let token = token(HEAD, &good, SECRET);
    let (signed_part, _) = token.rsplit_once('.').unwrap();
    for odd in ["", ".", "..", "a.b.c", signed_part, &format!("{signed_part}."), &token[..token.len() - 1]] {
        assert!(signed(odd).is_none(), "{odd}");
    }
    assert!(Forwarded::signed(&headers(&[("x-openwebui-user-jwt", &token)]), b"", now()).is_none());
    assert!(Forwarded::signed(&HeaderMap::new(), SECRET, now()).is_none());
}
