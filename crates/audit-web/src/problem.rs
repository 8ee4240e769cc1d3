//! What a refused or failed request is answered with: RFC 9457 problem details.
//!
//! Each problem has a stable [`Code`]; its HTTP status, title and documentation follow from it. The `detail` is a
//! sentence for the person on the other side and says what to do. Inner errors go to the log, never into an answer.

use std::borrow::Cow;

use audit_control::Permission;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

/// Where each code is explained; the code is the fragment.
const DOCUMENTATION: &str = "https://github.com/secureai/secureai-audit/blob/main/docs/API.md#";

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// What went wrong, for programs. Codes are stable; `docs/API.md` lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as the answer carries it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The answer's HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// What the code means, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

codes! {
    /// A query parameter that the route does not have.
    UnknownParameter = "unknown_parameter", BAD_REQUEST, "Unknown query parameter";
    /// A query parameter with a value that cannot be.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "Invalid query parameter";
    /// The query `q` cannot be understood.
    InvalidFilter = "invalid_filter", BAD_REQUEST, "The query cannot be understood";
    /// `from` does not lie before `to`.
    InvalidRange = "invalid_range", BAD_REQUEST, "The time range is empty";
    /// A page token that is forged, damaged, expired or of another question.
    InvalidPageToken = "invalid_page_token", BAD_REQUEST, "Invalid page token";
    /// The body is not what its type promises.
    MalformedBody = "malformed_body", BAD_REQUEST, "The body cannot be read";
    /// No credentials.
    MissingToken = "missing_token", UNAUTHORIZED, "An access token is needed";
    /// Credentials that are not good.
    InvalidToken = "invalid_token", UNAUTHORIZED, "The access token is not valid";
    /// Good credentials whose time is over.
    ExpiredToken = "expired_token", UNAUTHORIZED, "The access token has expired";
    /// Good credentials that do not allow this.
    PermissionRequired = "permission_required", FORBIDDEN, "This is not allowed to you";
    /// Good credentials, from an address that they are not for.
    WrongNetwork = "wrong_network", FORBIDDEN, "The access token is not for your address";
    /// Events are brought over a connection without a client certificate.
    CertificateRequired = "certificate_required", FORBIDDEN, "A client certificate is needed";
    /// A question about a field that is withheld from the caller.
    FieldWithheld = "field_withheld", FORBIDDEN, "This field is withheld from you";
    /// No such route.
    NoSuchRoute = "no_such_route", NOT_FOUND, "There is nothing at this address";
    /// No event with this index or id.
    NoSuchEvent = "no_such_event", NOT_FOUND, "No such event";
    /// Nobody of this id, e-mail address or name was seen.
    NoSuchPerson = "no_such_person", NOT_FOUND, "Nobody of this name was seen";
    /// No live token with this name or id.
    NoSuchToken = "no_such_token", NOT_FOUND, "No such token";
    /// No role with this name.
    NoSuchRole = "no_such_role", NOT_FOUND, "No such role";
    /// No source with this name.
    NoSuchSource = "no_such_source", NOT_FOUND, "No such source";
    /// No view of this id, or one that is somebody else's.
    NoSuchView = "no_such_view", NOT_FOUND, "No such view";
    /// No request of this id for an approval.
    NoSuchApproval = "no_such_approval", NOT_FOUND, "No such request";
    /// A second admin has to approve this first; `approval` is the request.
    ApprovalRequired = "approval_required", CONFLICT, "Another admin has to approve this";
    /// The request was decided or is over already.
    ApprovalOver = "approval_over", CONFLICT, "The request is over";
    /// Nobody decides their own request, and nobody withdraws another's.
    OwnRequest = "own_request", FORBIDDEN, "Somebody else has to decide this";
    /// The view is another's, or one that comes with the program.
    NotYourView = "not_your_view", FORBIDDEN, "Not your view";
    /// No check of the ledger has this number, or it is no longer remembered.
    NoSuchVerification = "no_such_verification", NOT_FOUND, "No such verification";
    /// No checkpoint of this size was kept.
    NoSuchCheckpoint = "no_such_checkpoint", NOT_FOUND, "No such checkpoint";
    /// No export of this id that the caller may know of.
    NoSuchExport = "no_such_export", NOT_FOUND, "No such export";
    /// The tree has no such tile yet.
    NoSuchTile = "no_such_tile", NOT_FOUND, "No such tile";
    /// The route does not know the method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The request's body did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive";
    /// A live token, or a view of yours, has the name already.
    NameTaken = "name_taken", CONFLICT, "The name is taken";
    /// A check of the ledger runs already.
    VerificationRunning = "verification_running", CONFLICT, "A verification runs already";
    /// The check of the ledger that was to be broken off has ended.
    VerificationOver = "verification_over", CONFLICT, "The verification is over";
    /// The role is built in, or tokens have it.
    RoleStays = "role_stays", CONFLICT, "The role stays as it is";
    /// The token is the last that may manage tokens.
    LastAdmin = "last_admin", CONFLICT, "This is the last admin token";
    /// What a client has is not the beginning of the export it wants the rest of.
    ExportDiffers = "export_differs", CONFLICT, "The export is another one";
    /// An export that has no file: not yet, or not at all.
    ExportNotReady = "export_not_ready", CONFLICT, "The export has no file";
    /// An export whose file was removed.
    ExportGone = "export_gone", GONE, "The export's file is gone";
    /// The part of a file that was asked for lies behind its end.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The file has no such part";
    /// The body is larger than allowed, before or after decompression.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// A body of a type that the route does not take.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// A `Content-Encoding` that is not known.
    UnsupportedEncoding = "unsupported_encoding", UNSUPPORTED_MEDIA_TYPE, "Unsupported content encoding";
    /// Events that are not valid; `errors` names each.
    InvalidEvents = "invalid_events", UNPROCESSABLE_ENTITY, "Some events are not valid";
    /// A JSON document whose fields are not valid.
    InvalidDocument = "invalid_document", UNPROCESSABLE_ENTITY, "The document is not valid";
    /// Too many live tails at once.
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS, "Too many live streams";
    /// Too many exports that are not finished.
    TooManyExports = "too_many_exports", TOO_MANY_REQUESTS, "Too many unfinished exports";
    /// Requests come faster than allowed.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    /// Too many wrong credentials came from the address.
    TooManyAttempts = "too_many_attempts", TOO_MANY_REQUESTS, "Too many wrong credentials";
    /// Our fault; the log has the rest.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// Too much waits already; try again.
    Busy = "busy", SERVICE_UNAVAILABLE, "Busy";
    /// The ledger does not take events: a full disk, a failed sync. Reading goes on.
    LedgerUnavailable = "ledger_unavailable", SERVICE_UNAVAILABLE, "The ledger does not accept events";
    /// No room for the file of an export.
    NoExportSpace = "no_export_space", INSUFFICIENT_STORAGE, "No room for the export";
    /// This server keeps no files of exports.
    ExportsUnavailable = "exports_unavailable", SERVICE_UNAVAILABLE, "No exports in the background";
    /// The query was cut off.
    QueryTimeout = "query_timeout", SERVICE_UNAVAILABLE, "The query took too long";
    /// The process is about to end.
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE, "The server is shutting down";
}

/// A handler's result.
pub type Result<T> = std::result::Result<T, Problem>;

/// A problem on its way out.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a sentence that says what to do.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { code, detail: detail.into(), members: Map::new(), headers: Vec::new() }))
    }

    /// A query parameter's value cannot be.
    pub fn invalid_parameter(name: &str, advice: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidParameter, format!("{name}: {advice}")).with("parameter", name)
    }

    /// Somebody is known, and may not do this.
    pub fn lacking(permission: Permission, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::PermissionRequired, detail).with("required_permission", permission.as_str())
    }

    /// Our fault: logs `error` and tells the client no more than that.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(error.message = %error, "a request failed");
        Self::new(Code::Internal, "the server could not answer; its log says why")
    }

    /// Adds an extension member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says when to try again: as a header in whole seconds (at least one) and exactly as `retry_after_ms`.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        let seconds = ms.div_ceil(1_000).max(1);
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds)).with("retry_after_ms", ms)
    }

    /// In how many seconds to try again, if it was said.
    #[must_use]
    pub fn retry_after(&self) -> Option<&HeaderValue> {
        self.0.headers.iter().find(|(name, _)| *name == RETRY_AFTER).map(|(_, value)| value)
    }

    /// Says which credentials would help (RFC 6750).
    #[must_use]
    pub fn challenge(self, error: Option<&'static str>) -> Self {
        let value = match error {
            None => HeaderValue::from_static("Bearer realm=\"secureai-audit\""),
            Some("insufficient_scope") => {
                HeaderValue::from_static("Bearer realm=\"secureai-audit\", error=\"insufficient_scope\"")
            }
            Some(_) => HeaderValue::from_static("Bearer realm=\"secureai-audit\", error=\"invalid_token\""),
        };
        self.with_header(WWW_AUTHENTICATE, value)
    }

    /// Says which methods the route has.
    #[must_use]
    pub fn allow(self, methods: &'static str) -> Self {
        self.with_header(ALLOW, HeaderValue::from_static(methods))
    }

    /// The sentence for the person on the other side.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// An extension member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.members.get(name)
    }

    /// What went wrong.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }
}

/// What stands in the body, in the order of reading.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { code, detail, members, headers } = *self.0;
        let document = Document {
            kind: format!("{DOCUMENTATION}{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail: &detail,
            members: &members,
        };
        let mut response = (code.status(), Json(document)).into_response();
        let answer = response.headers_mut();
        answer.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.extend(headers);
        // For the access log and the counters, which see the response only.
        response.extensions_mut().insert(code);
        response
    }
}

impl From<audit_query::Error> for Problem {
    fn from(error: audit_query::Error) -> Self {
        match error {
            audit_query::Error::TimedOut => Self::new(
                Code::QueryTimeout,
                "the query took longer than allowed; narrow the time range or the filter",
            )
            .retry_after_ms(5_000),
            audit_query::Error::Cancelled => {
                Self::new(Code::ShuttingDown, "the query was cancelled; try again").retry_after_ms(1_000)
            }
            other => Self::internal(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_name_an_error() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{} stands for two problems", code.as_str());
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }

    #[test]
    fn waiting_less_than_a_second_is_rounded_up_in_the_header() {
        let response = Problem::new(Code::Busy, "later").retry_after_ms(20).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
}
