//! Where the provider's endpoints are (OpenID Connect Discovery 1.0).

use serde::Deserialize;

use super::settings::is_safe_address;

/// What the provider says of itself, as far as we use it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    pub end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether returns name their provider (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Where it is for this issuer.
    pub fn address(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8], issuer: &str) -> Result<Self, &'static str> {
        let read: Self = serde_json::from_slice(body).map_err(|_| "its discovery document cannot be read")?;
        // OpenID Connect Discovery 1.0, section 4.3: exactly.
        if read.issuer != issuer {
            return Err("its discovery document names another issuer");
        }
        if !read.endpoints().all(is_safe_address) {
            return Err("an endpoint of it is not encrypted");
        }
        Ok(read)
    }

    fn endpoints(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.userinfo_endpoint, &self.end_session_endpoint];
        let needed = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        needed.into_iter().chain(optional.into_iter().flatten()).map(String::as_str)
    }

    /// Whether a secret goes into the body instead of a header: only if the provider does not take the header
    /// (OpenID Connect Core 1.0, section 9; the header is the default).
    pub fn takes_secret_in_body(&self) -> bool {
        let has = |methods: &[String], name: &str| methods.iter().any(|method| method == name);
        self.token_endpoint_auth_methods_supported
            .as_deref()
            .is_some_and(|methods| !has(methods, "client_secret_basic") && has(methods, "client_secret_post"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(change: &Value) -> Result<Metadata, &'static str> {
        let mut document = json!({
            "issuer": "https://id.example", "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://keys.example/jwks",
        });
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Metadata::read(document.to_string().as_bytes(), "https://id.example")
    }

    #[test]
    fn the_issuer_is_exactly_the_configured_one_and_all_is_encrypted() {
        assert!(document(&json!({})).is_ok());
        for bad in [
            json!({"issuer": "https://id.example/"}),
            json!({"token_endpoint": "http://id.example/token"}),
            json!({"end_session_endpoint": "http://id.example/end"}),
            json!({"jwks_uri": 7}),
        ] {
            assert!(document(&bad).is_err(), "{bad}");
        }
        assert_eq!(
            Metadata::address("https://id.example/a/"),
            "https://id.example/a/.well-known/openid-configuration"
        );
    }

    #[test]
    fn the_secret_goes_into_a_header_unless_that_is_not_taken() {
        let takes = |methods: Value| {
            document(&json!({"token_endpoint_auth_methods_supported": methods}))
                .unwrap()
                .takes_secret_in_body()
        };
        assert!(!document(&json!({})).unwrap().takes_secret_in_body());
        assert!(!takes(json!(["client_secret_post", "client_secret_basic"])));
        assert!(takes(json!(["client_secret_post", "none"])));
    }
}
