//! The audit log's entry in Open WebUI's admin panel.

/// The script that Open WebUI loads on every page: its own hook for customisation.
pub const LOADER_PATH: &str = "/static/loader.js";

/// What the gateway adds to that script: places the entry, for those who may read the audit log.
pub const LOADER_SCRIPT: &str = include_str!("admin_entry.js");
