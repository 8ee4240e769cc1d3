//! One file per endpoint: what it takes, how it answers.

pub(crate) mod fallback;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod ready;
pub(crate) mod tokens;
