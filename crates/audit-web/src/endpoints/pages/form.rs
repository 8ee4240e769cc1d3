//! What a form of a page sends.

use axum::body::Body;
use http_body_util::{BodyExt as _, Limited};

use crate::problem::{Code, Problem};

/// No form of ours is longer, in bytes.
const LONGEST: usize = 16 << 10;

/// The fields of a form, `application/x-www-form-urlencoded`.
pub(crate) struct Form(Vec<(String, String)>);

/// The answer to a form that was not sent from a page that this reader was given.
pub(super) fn not_theirs() -> Problem {
    let detail = "this form is of another session: open the page again and send it there";
    Problem::new(Code::PermissionRequired, detail)
}

impl Form {
    /// Reads a request's body; what is too long or broken off has no fields.
    pub async fn read(body: Body) -> Self {
        let bytes = match Limited::new(body, LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Self(Vec::new()),
        };
        Self(form_urlencoded::parse(&bytes).into_owned().collect())
    }

    /// All values of a field.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A field's value; empty when it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}
