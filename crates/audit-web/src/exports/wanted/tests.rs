//! What is asked for survives being kept.

use audit_event::Source;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

fn question(pairs: &[(&str, &str)]) -> Question {
    Question::parse(pairs.iter().copied(), &[], None).unwrap()
}

fn asker() -> Asker {
    Asker {
        id: "tok_1".to_owned(),
        name: "ada".to_owned(),
        sees: String::new(),
        did: Event::new("audit.exported", Source::Internal),
        author: "{}".to_owned(),
    }
}

#[test]
fn a_wish_read_from_its_row_is_the_same() {
    for pairs in [
        &[][..],
        &[("format", "ndjson"), ("order", "oldest_first")],
        &[("format", "csv"), ("bom", "true"), ("fields", "time,actor,details"), ("from", "2026-03-01")],
        &[
            ("format", "parquet"),
            ("q", "action:auth.* -outcome:success \"brake rotor\" (ip:10.0.0.0/8 OR user:ada*)"),
        ],
        &[("user", "ada@example.com"), ("user", "o\"hara"), ("from", "2026-03"), ("to", "2026-03")],
    ] {
        let wish = Wish::new(&question(pairs), Some(" March "), &Reader::of_everything()).unwrap();
        let row = wish.to_export(&asker(), (7, 5), NOW).unwrap();
        assert_eq!((row.name.as_str(), row.tree_size, row.total), ("March", 7, 5));
        assert_eq!(Wish::of_row(&row).unwrap(), wish, "{pairs:?}");
    }
}

#[test]
fn without_a_name_the_days_are_the_name() {
    let name =
        |pairs: &[(&str, &str)]| Wish::new(&question(pairs), None, &Reader::of_everything()).unwrap().name;
    assert_eq!(name(&[]), "audit-export");
    assert_eq!(name(&[("from", "2026-03-01"), ("to", "2026-03-18")]), "audit-export-2026-03-01-2026-03-18");
    assert_eq!(name(&[("from", "2026-03-01")]), "audit-export-2026-03-01");
    let month = [("from", "2026-11"), ("to", "2026-11"), ("tz", "Europe/Berlin")];
    assert_eq!(name(&month), "audit-export-2026-11-01-2026-11-30", "the days of who asks");
}

#[test]
fn what_could_not_be_a_file_is_no_name() {
    for name in ["a/b", "..", ".hidden", "a\\b", "a\nb", "a\"b", "a:b", "\u{202e}gpj.exe", &"x".repeat(101)] {
        let problem = Wish::new(&question(&[]), Some(name), &Reader::of_everything()).unwrap_err();
        assert_eq!(problem.code(), Code::InvalidParameter, "{name:?}");
    }
    assert_eq!(
        Wish::new(&question(&[]), Some("März 2026 (Prüfung)"), &Reader::of_everything()).unwrap().name,
        "März 2026 (Prüfung)"
    );
}
