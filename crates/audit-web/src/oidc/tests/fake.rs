//! A provider in memory that does what it is told, lies included.

use std::collections::HashMap;
use std::sync::Arc;

use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, Uri};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::oidc::Fetch;
use crate::sessions::Pending;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const CLIENT: &str = "audit";
pub(crate) const SECRET: &str = "s:cret";

/// A code's sign-in: the nonce and the challenge that it was asked with.
type Codes = HashMap<String, (String, String)>;

#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    codes: Codes,
    keys: Vec<(String, EcdsaKeyPair)>,
    lies: Lies,
}

/// What it says otherwise than it should.
pub(crate) struct Lies {
    pub issuer: &'static str,
    /// Members of the ID token that are otherwise; null: missing.
    pub claims: Map<String, Value>,
    pub alg: &'static str,
    pub spoils_signature: bool,
    pub signs_with_former: bool,
    /// The ID token has no more than it must.
    pub is_terse: bool,
    /// Of whom the endpoint about users speaks.
    pub speaks_of: &'static str,
    pub is_public: bool,
    pub is_down: bool,
    pub ends_no_sessions: bool,
}

impl Fake {
    pub fn new(now: Timestamp) -> Self {
        let lies = Lies {
            issuer: ISSUER,
            claims: Map::new(),
            alg: "ES256",
            spoils_signature: false,
            signs_with_former: false,
            is_terse: false,
            speaks_of: "ada",
            is_public: false,
            is_down: false,
            ends_no_sessions: false,
        };
        Self(Arc::new(Mutex::new(State { now, codes: Codes::new(), keys: vec![new_key("k0")], lies })))
    }

    pub fn set(&self, change: impl FnOnce(&mut Lies)) {
        change(&mut self.0.lock().lies);
    }

    /// Signs with a new key from now on, and shows no other.
    pub fn rotate(&self) {
        let mut state = self.0.lock();
        let name = format!("k{}", state.keys.len());
        state.keys.push(new_key(&name));
    }

    /// What Ada does in her browser: gives the code with which she is sent back.
    pub fn sign_in(&self, location: &str) -> String {
        let mut state = self.0.lock();
        let code = format!("code-{}", state.codes.len());
        let asked = (parameter(location, "nonce"), parameter(location, "code_challenge"));
        state.codes.insert(code.clone(), asked);
        code
    }
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> (u16, Value) {
        match request.uri().path() {
            "/.well-known/openid-configuration" => (200, self.metadata()),
            "/jwks" => {
                let (kid, key) = self.keys.last().unwrap();
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = (URL_SAFE_NO_PAD.encode(&point[..32]), URL_SAFE_NO_PAD.encode(&point[32..]));
                (200, json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y}]}))
            }
            "/token" => self.tokens(request),
            "/me" if request.headers()[AUTHORIZATION] == "Bearer access-1" => {
                let mut person = self.person();
                person["sub"] = self.lies.speaks_of.into();
                (200, person)
            }
            _ => (404, json!({})),
        }
    }

    fn metadata(&self) -> Value {
        let end = (!self.lies.ends_no_sessions).then_some("https://id.example/end");
        json!({
            "issuer": self.lies.issuer, "authorization_endpoint": "https://id.example/auth?tenant=1",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
            "userinfo_endpoint": "https://id.example/me", "end_session_endpoint": end,
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn tokens(&mut self, request: &Request<Bytes>) -> (u16, Value) {
        let form: HashMap<_, _> = form_urlencoded::parse(request.body()).into_owned().collect();
        let is_client = if self.lies.is_public {
            !request.headers().contains_key(AUTHORIZATION)
                && form.get("client_id").map(String::as_str) == Some(CLIENT)
        } else {
            // The colon of the secret is encoded before it is joined to the client.
            let expected = format!("Basic {}", STANDARD.encode("audit:s%3Acret"));
            request.headers().get(AUTHORIZATION).is_some_and(|value| *value == expected)
        };
        if !is_client {
            return (401, json!({"error": "invalid_client"}));
        }
        let Some((nonce, challenge)) = form.get("code").and_then(|code| self.codes.remove(code)) else {
            return (400, json!({"error": "invalid_grant"}));
        };
        let verified = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
        if verified != challenge {
            return (400, json!({"error": "invalid_grant"}));
        }
        (200, json!({"token_type": "Bearer", "access_token": "access-1", "id_token": self.id_token(&nonce)}))
    }

    fn person(&self) -> Value {
        json!({"sub": "ada", "name": "Ada", "email": "ada@example.test", "groups": ["auditors"], "department": "Sales"})
    }

    fn id_token(&self, nonce: &str) -> String {
        let now = self.now.as_micros() / 1_000_000;
        let mut claims = if self.lies.is_terse { json!({"sub": "ada"}) } else { self.person() };
        let members = claims.as_object_mut().unwrap();
        let own = json!({"iss": ISSUER, "aud": CLIENT, "nonce": nonce, "iat": now, "exp": now + 3_600});
        members.extend(own.as_object().unwrap().clone());
        members.extend(self.lies.claims.clone());
        members.retain(|_, value| !value.is_null());
        let at = if self.lies.signs_with_former { 0 } else { self.keys.len() - 1 };
        let (kid, key) = &self.keys[at];
        let head = json!({"alg": self.lies.alg, "kid": kid}).to_string();
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec();
        signature[0] ^= u8::from(self.lies.spoils_signature);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Fetch for Fake {
    fn fetch(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, String>> {
        Box::pin(async move {
            let mut state = self.0.lock();
            if state.lies.is_down {
                return Err("connection refused".to_owned());
            }
            let (status, body) = state.answer(&request);
            Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
        })
    }
}

/// A parameter of an address.
pub(crate) fn parameter(address: &str, name: &str) -> String {
    let uri: Uri = address.parse().unwrap();
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query
        .into_owned()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
        .unwrap_or_else(|| panic!("{name} in {address}"))
}

fn new_key(name: &str) -> (String, EcdsaKeyPair) {
    let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    (name.to_owned(), EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
}
