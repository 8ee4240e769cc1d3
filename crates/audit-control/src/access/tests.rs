use super::*;
use crate::Secret;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn token(random: u8, role: Role) -> (Token, Secret) {
    let secret = Secret::from_random(&[random; 32]);
    let token = Token {
        id: format!("tok_{random:012x}"),
        name: format!("token-{random}"),
        role,
        digest: secret.digest(),
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
    let directory = Directory::new(&[auditor, token(2, Role::Ingest).0]);
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
    let directory = Directory::new(&[known, revoked, expired]);

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
