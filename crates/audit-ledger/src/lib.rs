//! Durable, tamper-evident, append-only store of opaque entries.
