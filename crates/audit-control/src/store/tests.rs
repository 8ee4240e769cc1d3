use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn later(days: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + days * MICROS_PER_DAY)
}

fn open() -> (tempfile::TempDir, Control) {
    let dir = tempfile::tempdir().unwrap();
    let control = Control::open(&dir.path().join("control.db")).unwrap();
    (dir, control)
}

fn named(name: &str) -> NewToken<'_> {
    NewToken::of(name, "auditor")
}

#[test]
fn a_token_survives_reopening_and_its_text_is_not_in_the_file() {
    let (dir, control) = open();
    let (token, secret) = control.create_token(&named("siem"), NOW).unwrap();
    drop(control);

    let path = dir.path().join("control.db");
    assert_eq!(Control::open(&path).unwrap().tokens().unwrap(), [token]);
    let file = std::fs::read(&path).unwrap();
    let text = secret.reveal().as_bytes();
    assert!(!file.windows(text.len()).any(|window| window == text));
}

#[test]
fn tokens_expire_after_ninety_days_unless_told_otherwise() {
    let (_dir, control) = open();
    let expires = |name: &str, expiry| {
        let new = NewToken { expiry, ..NewToken::of(name, "ingest") };
        control.create_token(&new, NOW).unwrap().0.expires
    };
    assert_eq!(expires("a", Expiry::Default), Some(later(90)));
    assert_eq!(expires("b", Expiry::Days(7)), Some(later(7)));
    assert_eq!(expires("c", Expiry::At(later(1))), Some(later(1)));
    assert_eq!(expires("d", Expiry::Never), None);
}

#[test]
fn an_expiry_in_the_past_is_refused() {
    let (_dir, control) = open();
    for expiry in [Expiry::Days(0), Expiry::At(NOW), Expiry::At(later(-1))] {
        let new = NewToken { expiry, ..NewToken::of("a", "ingest") };
        assert!(matches!(control.create_token(&new, NOW), Err(Error::ExpiryInPast)), "{expiry:?}");
    }
}

#[test]
fn a_name_is_free_again_once_its_token_is_revoked() {
    let (_dir, control) = open();
    control.create_token(&named("siem"), NOW).unwrap();
    assert!(matches!(control.create_token(&named("siem"), NOW), Err(Error::NameTaken { .. })));

    control.revoke_token("siem", later(1)).unwrap();
    control.create_token(&named("siem"), later(1)).unwrap();
    let revoked: Vec<_> = control.tokens().unwrap().iter().map(|token| token.revoked).collect();
    assert_eq!(revoked, [Some(later(1)), None]);
}

#[test]
fn a_token_is_revoked_by_name_or_by_id_and_only_once() {
    let (_dir, control) = open();
    let (by_id, _) = control.create_token(&named("by-id"), NOW).unwrap();
    assert_eq!(control.revoke_token(&by_id.id, NOW).unwrap().revoked, Some(NOW));
    assert!(matches!(control.revoke_token("by-id", NOW), Err(Error::NoSuchToken { .. })));
    assert!(matches!(control.revoke_token("never-was", NOW), Err(Error::NoSuchToken { .. })));
}

#[test]
fn odd_names_and_roles_are_refused() {
    let (_dir, control) = open();
    for name in ["", " ", "-x", "a b", "tok_1", "ünï", &"n".repeat(65)] {
        assert!(matches!(control.create_token(&named(name), NOW), Err(Error::BadName { .. })), "{name:?}");
    }
    let refused = |new: NewToken<'_>| control.create_token(&new, NOW).unwrap_err();
    assert!(matches!(refused(NewToken::of("v", "viewer")), Error::ScopeNeeded));
    assert!(matches!(refused(NewToken::of("v", "root")), Error::UnknownRole { .. }));
    let many = vec!["10.0.0.0/8".parse().unwrap(); MOST_NETWORKS + 1];
    assert!(matches!(refused(NewToken { networks: &many, ..named("v") }), Error::BadRights(_)));
}

#[test]
fn scope_and_networks_are_kept() {
    let (_dir, control) = open();
    let networks = ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let new =
        NewToken { scope: Some("department:Sales"), networks: &networks, ..NewToken::of("v", "viewer") };
    let (token, _) = control.create_token(&new, NOW).unwrap();
    assert_eq!(
        (token.scope.as_deref(), token.networks.as_slice()),
        (Some("department:Sales"), &networks[..])
    );
    assert_eq!(control.tokens().unwrap(), [token]);
}

#[test]
fn a_rotated_token_has_another_secret_and_the_former_for_a_while() {
    let (_dir, control) = open();
    let (token, first) = control.create_token(&named("siem"), NOW).unwrap();
    let (rotated, second) = control.rotate_token("siem", 24, NOW).unwrap();
    assert_eq!((rotated.id, rotated.name, rotated.expires), (token.id.clone(), token.name, token.expires));
    assert_eq!((rotated.digest, rotated.former), (second.digest(), Some((first.digest(), later(1)))));

    let (again, third) = control.rotate_token(&token.id, 0, NOW).unwrap();
    assert_eq!((again.digest, again.former), (third.digest(), None), "no overlap ends the former at once");
    assert!(matches!(control.rotate_token("nobody", 1, NOW), Err(Error::NoSuchToken { .. })));
    assert!(matches!(control.rotate_token("siem", 1, later(91)), Err(Error::NoSuchToken { .. })), "expired");
}

#[test]
fn the_last_token_that_manages_tokens_stays() {
    let (_dir, control) = open();
    let refused = |name: &str| matches!(control.revoke_unless_last(name, NOW), Err(Error::LastAdmin { name: last }) if last == name);
    control.create_token(&NewToken::of("first", "admin"), NOW).unwrap();
    control.create_token(&NewToken { scope: Some("ip:*"), ..NewToken::of("narrow", "admin") }, NOW).unwrap();
    control.create_token(&named("reader"), NOW).unwrap();
    assert!(refused("first"));
    control.revoke_unless_last("reader", NOW).unwrap();
    control.create_token(&NewToken::of("second", "admin"), NOW).unwrap();
    control.revoke_unless_last("first", NOW).unwrap();
    assert!(refused("second"));
}

#[test]
fn last_use_only_moves_forward() {
    let (_dir, control) = open();
    let (token, _) = control.create_token(&named("siem"), NOW).unwrap();
    control.note_use(&[(token.id.clone(), later(2)), ("tok_gone".to_owned(), NOW)]).unwrap();
    control.note_use(&[(token.id, later(1))]).unwrap();
    assert_eq!(control.tokens().unwrap()[0].last_used, Some(later(2)));
}

#[test]
fn a_database_from_a_newer_program_is_refused() {
    let (dir, control) = open();
    control.lock().pragma_update(None, "user_version", 99).unwrap();
    drop(control);
    let error = Control::open(&dir.path().join("control.db")).unwrap_err();
    assert!(matches!(error, Error::NewerSchema { found: 99, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.db");
    std::fs::write(&path, "certainly not a database file, but long enough to be looked at").unwrap();
    assert!(matches!(Control::open(&path), Err(Error::Sqlite(_))));
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, _control) = open();
    let mode = std::fs::metadata(dir.path().join("control.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_belongs_together_is_kept_or_undone_together() {
    let (_dir, control) = open();
    let made = |name: &str| control.tokens().unwrap().iter().any(|token| token.name == name);
    let failed: Result<()> = control.as_one(|| {
        control.create_token(&named("undone"), NOW)?;
        // Undone by itself, within what is undone anyway.
        let inner: Result<()> = control.as_one(|| Err(Error::LastAdmin { name: "x".to_owned() }));
        assert!(inner.is_err() && made("undone"));
        Err(Error::ExpiryInPast)
    });
    assert!(matches!(failed, Err(Error::ExpiryInPast)) && !made("undone"));

    let kept: Result<()> = control.as_one(|| {
        control.note_use(&[(control.create_token(&named("kept"), NOW)?.0.id, NOW)])?;
        let inner: Result<()> = control.as_one(|| {
            control.create_token(&named("inner"), NOW)?;
            Err(Error::ExpiryInPast)
        });
        assert!(inner.is_err());
        Ok(())
    });
    kept.unwrap();
    assert!(made("kept") && !made("inner"));
}

#[test]
fn a_panic_leaves_nothing_half_done() {
    let (dir, control) = open();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        control.as_one::<(), Error>(|| {
            control.create_token(&named("siem"), NOW)?;
            panic!("as tests do")
        })
    }));
    assert!(panicked.is_err());
    control.create_token(&named("other"), NOW).unwrap();
    drop(control);
    let tokens = Control::open(&dir.path().join("control.db")).unwrap().tokens().unwrap();
    assert_eq!(tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["other"]);
}
