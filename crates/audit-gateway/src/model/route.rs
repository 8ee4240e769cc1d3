//! Which provider a request is for, and what it asks of it.

use http::Method;

/// The parts of a path `/llm/<name>[/~<secret>]/<rest>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route<'p> {
    pub name: &'p str,
    /// The shared secret, for an Open WebUI that cannot send a header of its own.
    pub secret: Option<&'p str>,
    /// What the provider gets, with its leading slash.
    pub rest: &'p str,
}

impl<'p> Route<'p> {
    /// The parts of a path below `prefix`; `None` for any other path.
    pub(super) fn below(prefix: &str, path: &'p str) -> Option<Self> {
        let path = path.strip_prefix(prefix)?.strip_prefix('/')?;
        let (name, rest) = split(path);
        let (secret, rest) = match rest.strip_prefix("/~") {
            Some(path) => {
                let (secret, rest) = split(path);
                (Some(secret), rest)
            }
            None => (None, rest),
        };
        Some(Self { name, secret, rest: if rest.is_empty() { "/" } else { rest } })
    }

    /// Whether the provider cannot read the path as another one: no way up, nothing encoded that may mean a separator.
    pub(super) fn is_plain(&self) -> bool {
        let lower = self.rest.to_ascii_lowercase();
        let has_odd_part = self.rest.split('/').any(|part| part == "." || part == "..");
        !has_odd_part && !["//", "\\", "%2e", "%2f", "%5c", "%00"].iter().any(|odd| lower.contains(odd))
    }
}

/// The first segment, and the rest with its slash.
fn split(path: &str) -> (&str, &str) {
    path.split_at(path.find('/').unwrap_or(path.len()))
}

/// What a request asks of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// A chat completion or completion of OpenAI's, which may be asked for its usage.
    Completion,
    /// Any other call of a model: embeddings, responses, messages, Ollama's own, images, speech.
    Call,
    /// Changes something at the provider: Ollama's models.
    Change,
    /// Lists of models, counts of tokens: nothing to record.
    Quiet,
}

/// Requests with a body that call no model.
const QUIET: &[&str] = &["/count_tokens", "/input_tokens", "/tokenize", "/detokenize", "/api/show"];
/// Ollama's administration.
const CHANGES: &[&str] = &["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"];

impl Operation {
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let path = path.trim_end_matches('/');
        let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
        match *method {
            Method::POST if ends(QUIET) => Self::Quiet,
            Method::POST if ends(CHANGES) || path.contains("/api/blobs/") => Self::Change,
            // `/v1/messages` and `/v1/responses` report usage unasked.
            Method::POST if path.ends_with("/completions") => Self::Completion,
            Method::POST => Self::Call,
            Method::GET | Method::HEAD | Method::OPTIONS => Self::Quiet,
            _ => Self::Change,
        }
    }

    /// The event's action; `None`: no event.
    pub(super) fn action(self) -> Option<&'static str> {
        match self {
            Self::Completion | Self::Call => Some("model.called"),
            Self::Change => Some("api.request"),
            Self::Quiet => None,
        }
    }

    pub(super) fn is_completion(self) -> bool {
        self == Self::Completion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let check = |path, expected: Option<(&str, Option<&str>, &str)>| {
            let route = Route::below("/llm", path).map(|route| (route.name, route.secret, route.rest));
            assert_eq!(route, expected, "{path}");
        };
        check("/llm/openai/v1/chat/completions", Some(("openai", None, "/v1/chat/completions")));
        check("/llm/openai", Some(("openai", None, "/")));
        check("/llm/openai/~s3cret/v1/models", Some(("openai", Some("s3cret"), "/v1/models")));
        check("/llm/openai/~s3cret", Some(("openai", Some("s3cret"), "/")));
        check("/llm/", Some(("", None, "/")));
        check("/llm", None);
        check("/llmx/openai/v1", None);
        check("/api/chat/completions", None);
    }

    #[test]
    fn paths_with_a_second_meaning_are_odd() {
        let is_plain = |rest| Route { name: "x", secret: None, rest }.is_plain();
        for rest in ["/", "/v1/chat/completions", "/v1/models/gpt-5.2", "/v1/a%20b", "/v1/..."] {
            assert!(is_plain(rest), "{rest}");
        }
        for rest in
            ["/v1/../admin", "/..", "/v1/./x", "//admin", "/v1/%2e%2E/x", "/v1%2Fx", "/v1\\x", "/x%00"]
        {
            assert!(!is_plain(rest), "{rest}");
        }
    }

    #[test]
    fn calls_are_told_from_questions() {
        let check = |method: Method, path, expected| {
            assert_eq!(Operation::of(&method, path), expected, "{method} {path}");
        };
        check(Method::POST, "/v1/chat/completions", Operation::Completion);
        check(Method::POST, "/v1/completions/", Operation::Completion);
        check(Method::POST, "/openai/deployments/x/chat/completions", Operation::Completion);
        for path in [
            "/v1/responses",
            "/v1/messages",
            "/v1/embeddings",
            "/api/chat",
            "/api/embed",
            "/v1/images/generations",
        ] {
            check(Method::POST, path, Operation::Call);
        }
        check(Method::POST, "/v1/messages/count_tokens", Operation::Quiet);
        check(Method::POST, "/api/show", Operation::Quiet);
        check(Method::GET, "/v1/models", Operation::Quiet);
        check(Method::POST, "/api/pull", Operation::Change);
        check(Method::DELETE, "/api/delete", Operation::Change);
    }
}
