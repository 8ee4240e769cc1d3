use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use serde_json::{Value, json};

use super::*;

/// An RSA key of 2048 bits, and its signatures over [`SIGNED`], made with OpenSSL (`dgst -sha256`, PSS with a salt as long
/// as the hash).
const N: &str = "nxWxGxGovCclorZPZq8lTbD4DBqRt9yoTbWsg2j7g_tkygsqNzWAwDzBltt3OX46HACRhiaPmFFvbxkJx_LE5sN36L-kPfuWVt6Q\
    tuzGSQC6l_eQaPVDrSKxjhnDyg7k9NYrESUg9GYQYXNwSD6iZ2VSYPNtb5dhu5fbx2qLqunutWrLWWa8WppyLJZgeFLPzTAsxOzy\
    KptIx3QK_GkdH60qGMREBGljaUOK-q-MW4WsLXSkQd3h2T_epZs1G841eweZfGu7-rgSoSXhVR5UrBRLSBubypIcEZ4YOPyasn5H\
    165rsEy4wyIaR-DzVfbea_NVG1JHTC0r9Rn8BpVlNQ";
const RS256: &str = "nimZKi3cPQfNYzeit5KOVeDmyi0eodmO4FpfqGOZCDUetZ0AUZPhYARR9MiT-IcaePsPn4QpXAvxu3qoXkcsYa2DJplDgvwQvSHy\
    MwvC61NNxC-xicyAaFCX_03hUb_LuXe_j2M73TQpWAkCdS1Le7U0wFBzkWbC5_znAIaHPVFEhwVozeygF-hWvzp4azYjaM5CZIQI\
    TWjil4eFw7mK7USpQ9BD59c0gUiL2e5iIwX-hTCeFIkMYV3YJxNf4zzJogRoChYxk-sy1xI_IK-1OwNtcVod9nP3BHLMKuFln-t5\
    mNhXatMuLzlGYqK_WlbmnhuWgxjwV0Jtzg8zzCKAYw";
const PS256: &str = "QsXPXkccHlCUdoELc0oeIBYWArNDTqNQDdl-Md9wLKxWMxqWK-e5ZlVZ2XG1NWXqCzq6ZqtE7vY7XuDiAtL365YK4E3kVlxLDC6B\
    -NQySYi9RM3Hx7BH8903AinfTI7A7XctmxLGz_BTGOa32z0fkofYNETLdJIzimCOtwfjg8bAVk3Tc7Vyr5g9HEHznW3SLYjOS8td\
    emg9h2Oic00RoBtH4UnW3EPD3Dwk5rC1qROGEnhoNyinsUXsXfJjnsj6Aia9EAgiy2IKXPoQ1U42r_AomyRY-nh-taeSYnzpPpRJ\
    37o0pGpnx36nZZ8kui_4lgGGZdlnlNzbZw3-fjvs_w";
const SIGNED: &[u8] = b"eyJhbGciOiJSUzI1NiJ9.e30";

fn set(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn rsa(change: &Value) -> Value {
    let mut key = json!({"kty": "RSA", "kid": "r", "n": N, "e": "AQAB"});
    key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    key
}

#[test]
fn rsa_signatures_of_both_kinds_are_verified() {
    let keys = set(&[rsa(&json!({}))]);
    let check = |alg: &str, signature: &str, expected| {
        assert_eq!(keys.verify(Some("r"), alg, SIGNED, &decode(signature)), expected, "{alg}");
    };
    check("RS256", RS256, Verdict::Good);
    check("PS256", PS256, Verdict::Good);
    check("RS256", PS256, Verdict::Bad);
    check("PS256", RS256, Verdict::Bad);
    check("RS384", RS256, Verdict::Bad);
    assert_eq!(keys.verify(Some("r"), "RS256", b"other", &decode(RS256)), Verdict::Bad);
}

#[test]
fn a_modulus_with_leading_zeros_is_the_same() {
    let padded = encode(&[&[0][..], &decode(N)].concat());
    let keys = set(&[rsa(&json!({"n": padded}))]);
    assert_eq!(keys.verify(Some("r"), "RS256", SIGNED, &decode(RS256)), Verdict::Good);
}

#[test]
fn signatures_on_curves_are_verified() {
    let random = SystemRandom::new();
    for (alg, crv, signing, length) in [
        ("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, 32),
        ("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, 48),
    ] {
        let document = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(signing, document.as_ref(), &random).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let key = json!({"kty": "EC", "crv": crv, "kid": "c", "x": encode(&point[..length]), "y": encode(&point[length..])});
        let signature = pair.sign(&random, SIGNED).unwrap();
        let keys = set(&[key]);
        assert_eq!(keys.verify(Some("c"), alg, SIGNED, signature.as_ref()), Verdict::Good);
        assert_eq!(keys.verify(Some("c"), alg, b"other", signature.as_ref()), Verdict::Bad);
        assert_eq!(
            keys.verify(Some("c"), "RS256", SIGNED, signature.as_ref()),
            Verdict::UnknownKey,
            "not a key for it"
        );
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let keys = set(&[json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})]);
    assert_eq!(keys.verify(None, "EdDSA", SIGNED, pair.sign(SIGNED).as_ref()), Verdict::Good);
}

#[test]
fn what_anybody_could_sign_is_not_believed() {
    let keys = set(&[rsa(&json!({})), json!({"kty": "oct", "k": "c2VjcmV0"})]);
    for alg in ["none", "None", "HS256", "", "RS1"] {
        assert_eq!(keys.verify(Some("r"), alg, SIGNED, &[]), Verdict::UnfitAlgorithm, "{alg}");
    }
}

#[test]
fn a_key_is_for_what_it_says() {
    let verdict =
        |change: Value, kid: Option<&str>| set(&[rsa(&change)]).verify(kid, "RS256", SIGNED, &decode(RS256));
    assert_eq!(verdict(json!({}), None), Verdict::Good, "a token may leave out which key");
    assert_eq!(verdict(json!({"use": "sig", "alg": "RS256"}), Some("r")), Verdict::Good);
    assert_eq!(verdict(json!({"use": "enc"}), Some("r")), Verdict::UnknownKey);
    assert_eq!(verdict(json!({"alg": "RS512"}), Some("r")), Verdict::UnknownKey);
    assert_eq!(verdict(json!({}), Some("new")), Verdict::UnknownKey);
    assert_eq!(verdict(json!({"n": "AQAB"}), None), Verdict::UnknownKey, "a short key is none");
    assert_eq!(verdict(json!({"n": "!"}), Some("r")), Verdict::Bad);
}

#[test]
fn a_key_that_cannot_be_read_leaves_the_others() {
    let keys = set(&[json!("x"), json!({"kty": 7}), rsa(&json!({}))]);
    assert_eq!(keys.verify(Some("r"), "RS256", SIGNED, &decode(RS256)), Verdict::Good);
    assert!(Keys::read(b"{}").is_none());
}
