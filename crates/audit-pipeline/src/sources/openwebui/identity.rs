//! Who stands behind a request: what its credential is, how Open WebUI is asked about it, and what passing traffic
//! teaches about credentials. All of it is computed from values; asking and remembering is the gateway's.
//!
//! - [`credential`]: which of a request's credentials Open WebUI looks at.
//! - [`claims`]: what a session token says of itself.
//! - [`inquiry`]: the requests that tell whose a credential is, and what their answers mean.
//! - [`department`]: the rule that gives a person a department.
//! - [`lesson`]: what an exchange teaches, and what it makes obsolete.
//! - [`trusted`]: the headers by which a proxy in front signs people in.

pub mod claims;
pub mod credential;
pub mod department;
pub mod inquiry;
pub mod lesson;
pub mod trusted;

pub use claims::Claims;
pub use credential::Credential;
pub use department::Departments;
pub use inquiry::Inquiry;
pub use lesson::Lesson;
pub use trusted::TrustedHeaders;
