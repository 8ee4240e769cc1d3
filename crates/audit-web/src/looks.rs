//! What counts as looking: the actions by which readers of the audit log are on record themselves, by kind.

use std::sync::LazyLock;

use audit_event::Category;
use audit_event::taxonomy::{self, ActionInfo};

/// One kind of looks.
#[derive(Debug)]
pub(crate) struct LookKind {
    /// In the address.
    pub name: &'static str,
    /// On the page: all of them, and one.
    pub title: &'static str,
    pub one: &'static str,
    pub actions: Vec<&'static str>,
}

/// Everything else that the audit log records of itself is a change.
const KINDS: [(&str, &str, &str, &[&str]); 6] = [
    ("searches", "Searches", "Search", &["audit.searched", "audit.streamed"]),
    ("views", "Views", "View", &["audit.read", "audit.viewed"]),
    ("exports", "Exports", "Export", &["audit.exported", "audit.export_downloaded", "audit.reported"]),
    (
        "proofs",
        "Proofs",
        "Proof",
        &[
            "audit.proof_issued",
            "audit.verified",
            "audit.verification_cancelled",
            "audit.verification_failed",
        ],
    ),
    ("denied", "Denied", "Denied", &["audit.access_denied"]),
    ("sign-ins", "Sign-ins", "Sign-in", &["audit.signed_in", "audit.signed_out"]),
];
/// Every kind.
pub(crate) static ALL: LazyLock<Vec<LookKind>> = LazyLock::new(|| {
    let mut kinds: Vec<_> = KINDS
        .iter()
        .map(|(name, title, one, actions)| LookKind { name, title, one, actions: actions.to_vec() })
        .collect();
    let is_placed = |action: &str| kinds.iter().any(|kind| kind.actions.contains(&action));
    // Of what this program says, the rest is about what happened to it and not what somebody did.
    let is_ours = |info: &&ActionInfo| {
        let is_deed = info.action.starts_with("audit.") || info.category == Category::Administration;
        is_deed && taxonomy::is_reserved(info.action)
    };
    let own = taxonomy::ALL.iter().filter(is_ours).map(|info| info.action);
    let actions = own.filter(|action| !is_placed(action)).collect();
    kinds.push(LookKind { name: "changes", title: "Changes", one: "Change", actions });
    kinds
});

/// The kind of an action, if it is a look.
pub(crate) fn kind_of(action: &str) -> Option<&'static LookKind> {
    ALL.iter().find(|kind| kind.actions.contains(&action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_our_own_is_of_one_kind() {
        for info in taxonomy::ALL.iter().filter(|info| info.action.starts_with("audit.")) {
            let kinds = ALL.iter().filter(|kind| kind.actions.contains(&info.action)).count();
            assert_eq!(kinds, 1, "{}", info.action);
        }
        for kind in ALL.iter() {
            for action in &kind.actions {
                assert!(taxonomy::lookup(action).is_some(), "{action}");
            }
        }
        assert_eq!(kind_of("audit.token_created").unwrap().name, "changes");
        assert!(kind_of("auth.login").is_none());
    }

    #[test]
    fn every_action_of_our_own_is_documented() {
        let guide = include_str!("../../../docs/LOOKS.md");
        for kind in ALL.iter() {
            for action in &kind.actions {
                assert!(guide.contains(&format!("`{action}`")), "docs/LOOKS.md does not explain {action}");
            }
        }
    }
}
