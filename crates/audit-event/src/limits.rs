//! How large an event and its parts may be. Lengths are in bytes of UTF-8.

/// The canonical form of a whole event; longer `details` are cut to fit.
pub const EVENT_BYTES: usize = 64 * 1024;
/// `id`; visible ASCII only.
pub const ID_BYTES: usize = 64;
/// `action` and `reason`; also `target.type`, `http.method` and `http.request_id`.
pub const CODE_BYTES: usize = 128;
/// `instance` and `session_id`.
pub const INSTANCE_BYTES: usize = 128;
/// Ids, names, roles, departments and groups of actors, targets and models.
pub const NAME_BYTES: usize = 512;
/// `client.user_agent` and `http.path`.
pub const HEADER_BYTES: usize = 4096;
/// `message`.
pub const MESSAGE_BYTES: usize = 8192;
/// `org.groups` and `client.forwarded_for`.
pub const LIST_ITEMS: usize = 256;
/// `targets` and `changes`.
pub const BULK_ITEMS: usize = 1000;
/// Nesting of arrays and objects inside `details`, `before` and `after`.
pub const DEPTH: usize = 32;
/// `time` later than `recorded_at` by more than this is marked `time_future`.
pub const FUTURE_MICROS: i64 = 10 * 60 * 1_000_000;
/// `time` earlier than `recorded_at` by more than this (ten years of 365.25 days) is marked `time_past`.
pub const PAST_MICROS: i64 = 3652 * 86_400 * 1_000_000 + 43_200 * 1_000_000;
