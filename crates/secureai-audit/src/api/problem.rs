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
        matches!(self.code(), "unknown_parameter" | "invalid_parameter" | "invalid_filter" | "invalid_range")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => write!(f, "the server answered {}", self.status),
            detail => f.write_str(&detail.replace('\n', " ")),
        }
    }
}

impl std::error::Error for Problem {}
