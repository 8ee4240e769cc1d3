use super::*;

const START: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START.as_micros() + seconds * SECOND)
}

/// Begins a session with a token.
fn begin(sign_ins: &SignIns) -> String {
    sign_ins.begin(Holder::Token([7; 32]), "s-1".to_owned(), START).unwrap()
}

fn with(id: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("other=1; {COOKIE_NAME}={id}")).unwrap();
    HeaderMap::from_iter([(COOKIE, value)])
}

#[test]
fn a_session_is_found_by_its_cookie_and_by_no_other() {
    let sign_ins = SignIns::default();
    let id = begin(&sign_ins);
    let found = sign_ins.find(&with(&id), START).unwrap();
    assert!(matches!(found.holder(), Holder::Token([7, ..])));
    assert!(sign_ins.find(&with("guess"), START).is_none());
    assert!(sign_ins.find(&HeaderMap::new(), START).is_none());
}

#[test]
fn a_session_ends_an_hour_after_its_last_use_and_twelve_after_its_beginning() {
    let sign_ins = SignIns::default();
    let id = begin(&sign_ins);
    assert!(sign_ins.find(&with(&id), after(3_599)).is_some());
    assert!(sign_ins.find(&with(&id), after(3_599 + 3_600)).is_none(), "idle");

    let id = begin(&sign_ins);
    for minutes in (0..12 * 60).step_by(30) {
        assert!(sign_ins.find(&with(&id), after(minutes * 60)).is_some(), "{minutes} minutes");
    }
    assert!(sign_ins.find(&with(&id), after(12 * 3_600)).is_none(), "absolute");
}

#[test]
fn emergency_access_lasts_an_hour_and_a_quarter_of_one_unused_and_everybody_sees_that_it_is_in_use() {
    let sign_ins = SignIns::default();
    let begin = || sign_ins.begin(Holder::Emergency(START), "s-2".to_owned(), START).unwrap();
    let id = begin();
    assert_eq!(sign_ins.emergency_since(Some(START), after(899)), Some(START));
    assert_eq!(sign_ins.emergency_since(None, after(1)), None, "switched off");
    assert_eq!(sign_ins.emergency_since(Some(after(1)), after(1)), None, "another password");
    assert_eq!(sign_ins.emergency_since(Some(START), after(900)), None, "unused");
    assert!(sign_ins.find(&with(&id), after(900)).is_none());
    let id = begin();
    for minutes in (0..60).step_by(10) {
        assert!(sign_ins.find(&with(&id), after(minutes * 60)).is_some(), "{minutes} minutes");
    }
    assert!(sign_ins.find(&with(&id), after(3_600)).is_none(), "absolute");
}

#[test]
fn an_old_id_is_replaced_and_good_for_a_minute_more() {
    let sign_ins = SignIns::default();
    let old = begin(&sign_ins);
    assert_eq!(sign_ins.renew(&with(&old), after(60)), None, "not due");
    let new = sign_ins.renew(&with(&old), after(900)).unwrap();
    assert_ne!(old, new);
    assert_eq!(sign_ins.renew(&with(&old), after(901)), None, "once");
    assert!(sign_ins.find(&with(&old), after(959)).is_some());
    assert!(sign_ins.find(&with(&old), after(960)).is_none());
    assert!(sign_ins.find(&with(&new), after(960)).is_some());
}

#[test]
fn signing_out_ends_every_id_of_the_session() {
    let sign_ins = SignIns::default();
    let old = begin(&sign_ins);
    let new = sign_ins.renew(&with(&old), after(900)).unwrap();
    let session = sign_ins.find(&with(&new), after(901)).unwrap();
    sign_ins.end(&session);
    assert!(!session.is_alive(after(901)));
    assert!(
        sign_ins.find(&with(&old), after(901)).is_none() && sign_ins.find(&with(&new), after(901)).is_none()
    );
}

#[test]
fn the_cookie_goes_to_our_paths_only_and_is_out_of_reach_of_scripts() {
    let lines = cookies("x", true);
    assert_eq!(lines.len(), 2);
    for line in lines.iter().map(|line| line.to_str().unwrap()) {
        assert!(line.contains("; Path=/a") && line.contains("; HttpOnly; SameSite=Strict; Secure"), "{line}");
    }
}

#[test]
fn attempts_are_slowed_down_after_five_failures_until_one_succeeds() {
    let attempts = Attempts::default();
    let ip = Some("192.0.2.7".parse().unwrap());
    for _ in 0..4 {
        attempts.failed(ip, START);
        assert_eq!(attempts.wait(ip, START), None);
    }
    let mut waits = Vec::new();
    for _ in 0..12 {
        attempts.failed(ip, START);
        waits.push(attempts.wait(ip, START).unwrap());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    assert_eq!(attempts.wait(Some("192.0.2.8".parse().unwrap()), START), None, "others are not slowed down");
    assert_eq!(attempts.wait(ip, after(900)), None);
    attempts.succeeded(ip);
    assert_eq!(attempts.wait(ip, START), None);
}

#[test]
fn whoever_has_a_subnet_of_ipv6_has_one_address() {
    let attempts = Attempts::default();
    for n in 0..5 {
        attempts.failed(Some(format!("2001:db8::{n}").parse().unwrap()), START);
    }
    assert_eq!(attempts.wait(Some("2001:db8::ffff".parse().unwrap()), START), Some(1));
}
