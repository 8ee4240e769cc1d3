use super::*;
use crate::{NewToken, Permission};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(1_800_000_001_000_000);

fn open() -> (tempfile::TempDir, Control) {
    let dir = tempfile::tempdir().unwrap();
    let control = Control::open(&dir.path().join("control.db")).unwrap();
    (dir, control)
}

fn rights(permissions: &[Permission], scope: Option<&str>, withheld: &[Group]) -> RoleRights {
    RoleRights {
        permissions: Permissions::of(permissions),
        scope: scope.map(str::to_owned),
        withheld: withheld.iter().copied().collect(),
    }
}

#[test]
fn a_role_is_kept_changed_and_removed() {
    let (dir, control) = open();
    let sales = rights(&[Permission::UsageRead], Some("department:Sales"), &[Group::Actor, Group::Content]);
    let made = control.create_role("sales", &sales, NOW).unwrap();
    assert_eq!(made.rights.withheld_names(), ["actor", "target", "content"], "who acts is often acted upon");
    drop(control);
    let control = Control::open(&dir.path().join("control.db")).unwrap();
    assert_eq!(control.roles().unwrap(), std::slice::from_ref(&made));

    let wider = rights(&[Permission::UsageRead, Permission::EventsRead], None, &[]);
    let (before, after) = control.change_role("sales", &wider, LATER).unwrap();
    assert_eq!((before, after.rights, after.created, after.changed), (made, wider, NOW, LATER));
    control.remove_role("sales", LATER).unwrap();
    assert!(matches!(control.remove_role("sales", LATER), Err(Error::NoSuchRole { .. })));
}

#[test]
fn built_in_roles_are_as_they_are() {
    let (_dir, control) = open();
    let all = RoleRights::built_in(Role::Admin);
    for role in Role::ALL {
        let name = role.as_str();
        assert!(matches!(control.create_role(name, &all, NOW), Err(Error::RoleBuiltIn { .. })), "{name}");
        assert!(matches!(control.change_role(name, &all, NOW), Err(Error::RoleBuiltIn { .. })), "{name}");
        assert!(matches!(control.remove_role(name, LATER), Err(Error::RoleBuiltIn { .. })), "{name}");
    }
}

#[test]
fn a_role_that_makes_no_sense_is_refused() {
    let (_dir, control) = open();
    let good = rights(&[Permission::EventsRead], None, &[]);
    assert!(matches!(control.create_role("a b", &good, NOW), Err(Error::BadRoleName { .. })));
    for bad in [
        rights(&[], None, &[]),
        rights(&[Permission::EventsRead], None, &[Group::Core]),
        rights(&[Permission::EventsRead], Some(&"x".repeat(LONGEST_SCOPE + 1)), &[]),
    ] {
        assert!(matches!(control.create_role("r", &bad, NOW), Err(Error::BadRights(_))), "{bad:?}");
    }
    control.create_role("r", &good, NOW).unwrap();
    assert!(matches!(control.create_role("r", &good, NOW), Err(Error::RoleExists { .. })));
}

#[test]
fn a_role_that_a_live_token_has_stays() {
    let (_dir, control) = open();
    control.create_role("r", &rights(&[Permission::EventsRead], None, &[]), NOW).unwrap();
    control.create_token(&NewToken::of("t", "r"), NOW).unwrap();
    assert!(matches!(control.remove_role("r", LATER), Err(Error::RoleInUse { tokens: 1, .. })));
    control.revoke_token("t", NOW).unwrap();
    control.remove_role("r", LATER).unwrap();
}

#[test]
fn until_when_a_role_let_its_bearers_decide_is_kept_though_it_is_changed_or_gone() {
    let (_dir, control) = open();
    let decides = rights(&[Permission::ApprovalsDecide], None, &[]);
    let reads = rights(&[Permission::EventsRead], None, &[]);
    for name in ["changed", "removed"] {
        control.create_role(name, &decides, NOW).unwrap();
    }
    control.create_role("reads", &reads, NOW).unwrap();
    assert!(control.former_deciders().unwrap().is_empty());
    control.change_role("changed", &reads, NOW).unwrap();
    control.remove_role("changed", LATER).unwrap();
    control.remove_role("removed", LATER).unwrap();
    control.remove_role("reads", LATER).unwrap();
    control.create_role("removed", &reads, LATER).unwrap();
    let former = [("changed".to_owned(), NOW), ("removed".to_owned(), LATER)].into();
    assert_eq!(control.former_deciders().unwrap(), former);
}
