//! Who and what the workload's events are about.

use std::sync::LazyLock;

use crate::bench::random::Random;

/// The user who acts most often.
pub(crate) const FREQUENT_RANK: usize = 0;
/// A user who acts seldom: a few dozen times in a million events.
pub(crate) const RARE_RANK: usize = 4_321;

/// Departments; user `n` belongs to the one at `n % 12`.
const DEPARTMENTS: [&str; 12] = [
    "Parts Catalog",
    "Inside Sales",
    "Warranty",
    "Engineering",
    "Finance",
    "Legal",
    "IT",
    "Marketing",
    "Procurement",
    "Logistics",
    "Customer Support",
    "HR",
];

/// Models.
pub(super) const MODELS: [&str; 15] = [
    "gpt-5.2",
    "gpt-5.2-mini",
    "claude-opus-4.7",
    "claude-sonnet-4.6",
    "gemini-3-pro",
    "gemini-3-flash",
    "llama4:70b",
    "qwen3:32b",
    "mistral-large",
    "deepseek-v4",
    "phi-5",
    "gemma3:27b",
    "o5",
    "command-r2",
    "granite4",
];

/// What conversations and documents are about.
pub(super) const PARTS: [&str; 12] = [
    "brake-rotor",
    "alternator",
    "catalytic-converter",
    "fuel-pump",
    "radiator",
    "strut-assembly",
    "wheel-bearing",
    "oxygen-sensor",
    "ignition-coil",
    "water-pump",
    "timing-belt",
    "cabin-filter",
];

const FIRST_NAMES: [&str; 20] = [
    "Ava", "Liam", "Noah", "Emma", "Mia", "Omar", "Wei", "Priya", "Juan", "Sofia", "Ken", "Lena", "Tariq",
    "Ines", "Piotr", "Hana", "Ravi", "Zoe", "Luca", "Nia",
];

const LAST_NAMES: [&str; 20] = [
    "Smith", "Patel", "Garcia", "Chen", "Kowalski", "Okafor", "Nguyen", "Rossi", "Müller", "Silva", "Tanaka",
    "Novak", "Haddad", "Jensen", "Brown", "Lopez", "Kim", "Ali", "Dubois", "Costa",
];

/// Action, category, weight, target type.
struct Row(&'static str, &'static str, f64, &'static str);

const ROWS: &[Row] = &[
    Row("auth.login", "authentication", 6.0, "session"),
    Row("auth.login_failed", "authentication", 1.2, "session"),
    Row("auth.logout", "authentication", 3.0, "session"),
    Row("auth.password_changed", "authentication", 0.05, "user"),
    Row("auth.sso_login", "authentication", 4.0, "session"),
    Row("auth.mfa.failed", "authentication", 0.1, "session"),
    Row("chat.created", "conversation", 8.0, "chat"),
    Row("chat.updated", "conversation", 9.0, "chat"),
    Row("chat.deleted", "conversation", 0.8, "chat"),
    Row("chat.shared", "conversation", 0.3, "chat"),
    Row("chat.archived", "conversation", 0.3, "chat"),
    Row("chat.deleted_all", "conversation", 0.02, "chat"),
    Row("message.created", "conversation", 10.0, "message"),
    Row("file.uploaded", "file", 2.2, "file"),
    Row("file.deleted", "file", 0.3, "file"),
    Row("file.downloaded", "file", 1.5, "file"),
    Row("knowledge.created", "file", 0.1, "knowledge"),
    Row("knowledge.file.added", "file", 0.6, "knowledge"),
    Row("knowledge.file.removed", "file", 0.1, "knowledge"),
    Row("knowledge.deleted", "file", 0.03, "knowledge"),
    Row("knowledge.queried", "file", 4.0, "knowledge"),
    Row("model.called", "model_usage", 40.0, "model"),
    Row("model.provider_request.failed", "model_usage", 0.6, "model"),
    Row("user.created", "administration", 0.05, "user"),
    Row("user.deleted", "administration", 0.02, "user"),
    Row("user.role_updated", "administration", 0.04, "user"),
    Row("config.updated", "administration", 0.08, "config"),
    Row("auth.api_key.created", "administration", 0.06, "api_key"),
    Row("auth.api_key.deleted", "administration", 0.03, "api_key"),
    Row("group.member_added", "administration", 0.08, "group"),
    Row("group.updated", "administration", 0.03, "group"),
    Row("tool.created", "administration", 0.03, "tool"),
    Row("function.enabled", "administration", 0.02, "function"),
    Row("prompt.updated", "administration", 0.1, "prompt"),
    Row("system.startup.completed", "system", 0.01, "system"),
    Row("config.connections.updated", "system", 0.02, "config"),
    Row("automation.run_completed", "system", 1.0, "automation"),
    Row("automation.run_failed", "system", 0.05, "automation"),
    Row("retention.chat_deleted", "system", 0.9, "chat"),
    Row("config.tool_servers.updated", "system", 0.01, "config"),
];

/// An action, ready to be written.
#[derive(Debug)]
pub(super) struct Action {
    pub name: &'static str,
    pub category: &'static str,
    pub weight: f64,
    pub target: &'static str,
    pub fails: bool,
    /// From the end of `time` to the value of `actor`.
    pub head: String,
}

/// The actions.
pub(super) static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| ROWS.iter().map(Action::new).collect());

impl Action {
    fn new(&Row(name, category, weight, target): &Row) -> Self {
        let fails = name.contains("failed");
        let outcome = if fails { "failure" } else { "success" };
        let head = format!(
            "\",\"category\":\"{category}\",\"action\":\"{name}\",\"outcome\":\"{outcome}\",\"actor\":"
        );
        Self { name, category, weight, target, fails, head }
    }
}

/// A user, ready to be written.
#[derive(Debug)]
pub(super) struct User {
    pub name: String,
    pub email: String,
    pub ip: String,
    /// The value of `actor`.
    pub actor_json: String,
    /// `,"org":…`
    pub org_json: String,
}

impl User {
    /// User number `at`.
    pub(super) fn new(seed: u64, at: usize) -> Self {
        let mut random = Random::new(seed, u64::MAX / 2 + at as u64);
        let first = FIRST_NAMES[random.index(FIRST_NAMES.len())];
        let last = LAST_NAMES[random.index(LAST_NAMES.len())];
        let (a, b) = (random.next(), random.next());
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        );
        let name = format!("{first} {last}");
        let email = format!("{first}.{last}.{at}@partsco.example").to_lowercase();
        let role = if at.is_multiple_of(250) { "admin" } else { "user" };
        let department = DEPARTMENTS[at % DEPARTMENTS.len()];
        let actor_json = format!(r#"{{"type":"user","id":"{id}","name":"{name}","email":"{email}"}}"#);
        let org_json = format!(r#","org":{{"role":"{role}","department":"{department}"}}"#);
        Self {
            name,
            email,
            ip: format!("10.{}.{}.{}", at % 7, at * 13 % 256, at * 7 % 256),
            actor_json,
            org_json,
        }
    }
}

/// Browsers and scripts.
pub(super) fn agents() -> Vec<String> {
    let platforms = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"];
    let mut agents = Vec::new();
    for platform in platforms {
        for browser in ["Chrome", "Edg"] {
            for version in 138..=142 {
                agents.push(format!(
                    "Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) {browser}/{version}.0.0.0 Safari/537.36"
                ));
            }
        }
    }
    agents.extend(["python-requests/2.34.2".to_owned(), "curl/8.9.1".to_owned()]);
    agents
}
