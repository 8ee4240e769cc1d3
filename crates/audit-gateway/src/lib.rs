//! In front of Open WebUI, and between it and its model providers: passes everything through and records what passes.
//!
//! - [`upstream`]: connections to a server that is proxied to.
//! - [`proxy`]: the streaming reverse proxy, WebSockets included.
//! - [`identity`]: who the caller is, asked of Open WebUI and remembered briefly.
//! - [`model`]: the pass-through to OpenAI-compatible providers that counts tokens.
//! - [`recorder`]: strict and asynchronous recording, and the journal of intents.
//! - [`roster`]: who has an account, as an administrator may know.
//!
//! What Open WebUI's paths and payloads mean is in `audit_pipeline::sources::openwebui`; this crate moves bytes.

pub mod body;
pub mod identity;
pub mod model;
pub mod proxy;
pub mod recorder;
pub mod roster;
pub mod upstream;

pub use body::Body;
pub use upstream::UpstreamClient;
