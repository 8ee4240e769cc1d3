use super::*;
use crate::Secret;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn token(random: u8, role: Role) -> (Token, Secret) {
    let secret = Secret::from_random(&[random; 32]);
    let token = Token {
        id: format!("tok_{random:012x}"),
        name: format!("token-{random}"),
        role: role.as_str().to_owned(),
        scope: None,
        networks: Vec::new(),
        digest: secret.digest(),
        former: None,
        rotated: None,
        created: Timestamp::from_micros(0),
        expires: None,
        last_used: None,
        revoked: None,
    };
    (token, secret)
}

#[test]
fn a_live_token_stands_for_its_owner() {
    let (auditor, secret) = token(1, Role::Auditor);
    let directory = Directory::new(&[auditor, token(2, Role::Ingest).0], &[]);
    let caller = directory.authenticate(secret.reveal(), NOW).unwrap();
    assert_eq!((caller.name.as_str(), caller.role.as_str()), ("token-1", "auditor"));
}

#[test]
fn unknown_revoked_expired_and_mistyped_tokens_are_denied() {
    let (known, _) = token(1, Role::Auditor);
    let (mut revoked, revoked_secret) = token(2, Role::Auditor);
    revoked.revoked = Some(NOW);
    let (mut expired, expired_secret) = token(3, Role::Auditor);
    expired.expires = Some(NOW);
    let (_, stranger) = token(4, Role::Auditor);
    let directory = Directory::new(&[known, revoked, expired], &[]);

    let denial = |text: &str| directory.authenticate(text, NOW).unwrap_err();
    assert_eq!(denial(stranger.reveal()), Denial::Unknown);
    assert_eq!(denial(revoked_secret.reveal()), Denial::Unknown);
    assert_eq!(denial(expired_secret.reveal()), Denial::Expired);
    assert_eq!(denial("saa_nonsense"), Denial::Malformed(SecretError::Shape));
    let mistyped = format!("saa_{}", "x".repeat(49));
    assert_eq!(denial(&mistyped), Denial::Malformed(SecretError::Checksum));
}

#[test]
fn an_admin_may_everything_and_nobody_else_may_change_who_may() {
    assert_eq!(Role::Admin.permissions(), Permissions::ALL);
    for role in [Role::Auditor, Role::Viewer, Role::Ingest] {
        for permission in [Permission::TokensManage, Permission::RolesManage, Permission::SettingsChange] {
            assert!(!role.permissions().contains(permission), "{role}: {permission}");
        }
    }
    assert_eq!(Role::Ingest.permissions().names(), "events.append");
    assert_eq!(Role::Viewer.permissions().names(), "events.read,usage.read,views.manage");
}

#[test]
fn role_names_round_trip() {
    for role in Role::ALL {
        assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
    }
    assert!("root".parse::<Role>().is_err());
}

#[test]
fn the_secret_before_a_rotation_is_good_until_its_time_is_over() {
    let (mut rotated, secret) = token(1, Role::Auditor);
    let (_, former) = token(2, Role::Auditor);
    let until = Timestamp::from_micros(NOW.as_micros() + 10);
    rotated.former = Some((former.digest(), until));
    let directory = Directory::new(&[rotated], &[]);
    assert_eq!(directory.authenticate(former.reveal(), NOW).unwrap().id, "tok_000000000001");
    assert_eq!(directory.authenticate(former.reveal(), until).unwrap_err(), Denial::Expired);
    assert_eq!(directory.authenticate(secret.reveal(), until).unwrap().id, "tok_000000000001");
    assert_eq!(directory.by_id("tok_000000000001", until).unwrap().name, "token-1");
}

#[test]
fn scopes_of_role_and_token_both_hold() {
    let (mut narrow, secret) = token(1, Role::Viewer);
    narrow.role = "sales".to_owned();
    narrow.scope = Some("outcome:failure".to_owned());
    let sales = CustomRole {
        name: "sales".to_owned(),
        rights: RoleRights {
            scope: Some("department:Sales".to_owned()),
            ..RoleRights::built_in(Role::Viewer)
        },
        created: NOW,
        changed: NOW,
    };
    let caller = Directory::new(&[narrow.clone()], &[sales]).authenticate(secret.reveal(), NOW).unwrap();
    assert_eq!(caller.scopes, ["department:Sales", "outcome:failure"]);
    assert!(!caller.sees_all() && !caller.may_give(Permissions::NONE));

    let without_its_role = Directory::new(&[narrow], &[]);
    assert_eq!(without_its_role.authenticate(secret.reveal(), NOW).unwrap_err(), Denial::Unknown);
}

#[test]
fn whoever_is_bound_to_networks_comes_from_there() {
    let mut caller = Caller::with_role("tok_1", "ada", Role::Auditor);
    let from = |caller: &Caller, address: &str| caller.may_come_from(Some(address.parse().unwrap()));
    assert!(from(&caller, "198.51.100.1") && caller.may_come_from(None));
    caller.networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    assert!(from(&caller, "10.1.2.3") && from(&caller, "::ffff:10.1.2.3") && from(&caller, "2001:db8::7"));
    assert!(!from(&caller, "11.0.0.1") && !from(&caller, "2001:db9::7") && !caller.may_come_from(None));
}
