//! Every action we know, in one table.

use crate::vocabulary::{Category, Severity};

/// What is known of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionInfo {
    /// The dotted name.
    pub action: &'static str,
    /// Its category.
    pub category: Category,
    /// The severity of an event that does not give one.
    pub severity: Severity,
    /// What happened, as a short sentence without actor and target: "signed in".
    pub label: &'static str,
}

/// The table.
pub const ALL: &[ActionInfo] = &[];

/// What is known of an action.
#[must_use]
pub fn lookup(action: &str) -> Option<&'static ActionInfo> {
    ALL.iter().find(|info| info.action == action)
}
