//! The streaming reverse proxy.
