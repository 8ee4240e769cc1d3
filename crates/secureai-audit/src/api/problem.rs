//! What the API refused, as one line.

use std::fmt;

use http::StatusCode;
use serde_json::Value;

/// A refusal (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// The whole answer, for what a command looks for in it.
    pub body: Value,
    detail: String,
}

impl Problem {
    /// Reads an answer that is none of success.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let detail = text("detail").or_else(|| text("title")).unwrap_or_default().to_owned();
        Self { status, body, detail }
    }

    /// The stable code, such as `unknown_parameter`.
    pub(crate) fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the request itself was at fault: the command line's arguments, as they became its parameters.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self.code(),
            "unknown_parameter"
                | "invalid_parameter"
                | "invalid_filter"
                | "invalid_range"
                | "invalid_document"
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.detail.as_str()) {
            ("missing_token", _) => f.write_str(
                "the server wants an access token: put one into SECUREAI_AUDIT_TOKEN, or the name of a file with one into \
                 SECUREAI_AUDIT_TOKEN_FILE",
            ),
            ("invalid_token" | "expired_token", detail) => {
                write!(f, "the token of SECUREAI_AUDIT_TOKEN is refused: {}", detail.replace('\n', " "))
            }
            (_, "") => write!(f, "the server answered {}", self.status),
            (_, detail) => f.write_str(&detail.replace('\n', " ")),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_token_names_the_variable_that_has_it() {
        let said = |status: u16, code: &str, detail: &str| {
            let body = serde_json::json!({ "code": code, "detail": detail }).to_string();
            Problem::read(StatusCode::from_u16(status).unwrap(), body.as_bytes()).to_string()
        };
        let missing = said(401, "missing_token", "send the header \"Authorization: Bearer TOKEN\"");
        assert!(missing.contains("SECUREAI_AUDIT_TOKEN") && !missing.contains("header"), "{missing}");
        let invalid = said(401, "invalid_token", "the access token is unknown or was revoked");
        assert!(
            invalid.contains("SECUREAI_AUDIT_TOKEN is refused: the access token is unknown"),
            "{invalid}"
        );
        assert_eq!(said(404, "no_such_event", "there is none"), "there is none");
    }
}
