use super::*;

/// The query's filter, written back.
fn plain(query: &str) -> String {
    match Filter::parse(query) {
        Ok(filter) => filter.to_string(),
        Err(error) => panic!("{query}: {error} at {}", error.at),
    }
}

/// The error with its place underlined, as a terminal shows it.
fn complaint(query: &str) -> String {
    let error = Filter::parse(query).expect_err(query);
    let column = query[..error.at].chars().count();
    let width = query[error.at..error.at + error.len].chars().count().max(1);
    format!("{query}\n{}{}\n{error}\n", " ".repeat(column), "^".repeat(width))
}

#[test]
fn the_designs_example_reads() {
    let query = r#"action:auth.login_failed user:ada@x ip:10.0.0.0/8 "brake rotor" -outcome:success model:gpt* tokens>1000 (a OR b)"#;
    assert_eq!(plain(query), query);
}

#[test]
fn nothing_asks_for_everything() {
    assert_eq!(Filter::parse(""), Ok(Filter::All));
    assert_eq!(Filter::parse("   "), Ok(Filter::All));
    assert_eq!(Filter::parse("*"), Ok(Filter::All));
}

#[test]
fn or_binds_weaker_than_juxtaposition() {
    assert_eq!(plain("a b OR c d"), "(a b) OR (c d)");
    assert_eq!(plain("a AND (b OR c)"), "a (b OR c)");
    assert_eq!(plain("NOT a b"), "-a b");
    assert_eq!(plain("-(a b) OR !c"), "-(a b) OR -c");
    assert_eq!(plain("((a) ((b)))"), "a b");
    assert_eq!(plain("--a"), "a");
}

#[test]
fn values_may_be_listed_quoted_and_cut_short() {
    assert_eq!(plain("outcome:failure,denied"), "outcome:failure OR outcome:denied");
    assert_eq!(
        plain(r#"user:"Ada L." department:"R&D \"x\" \\"*"#),
        r#"user:"Ada L." department:"R&D \"x\" \\"*"#
    );
    assert_eq!(plain("action!=auth.login"), "-action:auth.login");
    assert_eq!(plain("reason:*"), "reason:*");
    assert_eq!(plain(r#"user:"a*b""#), r#"user:"a*b""#);
    assert_eq!(plain("user:\"\""), "user:\"\"");
}

#[test]
fn field_names_and_values_are_taken_as_people_write_them() {
    assert_eq!(plain("event_type:Model-Usage"), "category:model_usage");
    assert_eq!(plain("Client.IP:10.1.*"), "ip:10.1.0.0/16");
    assert_eq!(plain("ip:10.1.2.3/8"), "ip:10.0.0.0/8");
    assert_eq!(plain("ip:2001:db8::/32,::1"), "ip:2001:db8::/32 OR ip:::1");
    assert_eq!(plain("category:auth"), "category:authentication");
    assert_eq!(plain("source:a*"), "source:audit_file OR source:api");
    assert_eq!(plain("severity>=high"), "severity:high OR severity:critical");
    assert_eq!(plain("status:500..599"), "http.status>=500 http.status<=599");
    assert_eq!(plain("cost_usd=0.5"), "cost=0.5");
    assert_eq!(plain("model:llama4:70b"), "model:llama4:70b");
}

#[test]
fn words_are_words_wherever_they_look_like_something_else() {
    assert_eq!(plain("brake-rotor"), "\"brake-rotor\"");
    assert_eq!(plain("10.0.0.0/8 ::1 fe80::1"), r#""10.0.0.0/8" "::1" "fe80::1""#);
    assert_eq!(plain("12:30"), "\"12:30\"");
    assert_eq!(plain("or and \"OR\""), "or and \"OR\"");
    assert_eq!(plain("brak*"), "brak*");
    assert_eq!(plain(r#""brake rot"* "brake rot*""#), r#""brake rot"* "brake rot"*"#);
    assert_eq!(
        plain("message:brake target.name~\"rotor 7\" message:*"),
        "message~brake target.name~\"rotor 7\" message:*"
    );
    assert_eq!(plain("message=\"as it stands\""), "message=\"as it stands\"");
}

#[test]
fn errors_say_where_and_what_to_do() {
    let wrong = [
        "acton:auth.login",
        "user:ada frobnicate:1",
        "outcome:faild",
        "event_type:nonsense",
        "from:2026-03-01",
        "ip:10.0.0.256",
        "tokens>many",
        "tokens>1,000",
        "tokens:9..1",
        "tokens:12*",
        "user>ada",
        "severity>=hihg",
        "department~x",
        "outcome:",
        "user:*@example.com",
        "message:",
        "(a OR b",
        "a) b",
        "()",
        "a OR",
        "OR a",
        "a AND",
        "a - b",
        "-",
        "\"brake",
        "...",
        "br*ke",
        "\u{e9}t\u{e9} acton:x",
        "http://example.com",
    ];
    insta::assert_snapshot!(wrong.map(complaint).join("\n"));
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for deep in ["(".repeat(100_000), "-".repeat(100_000), "NOT ".repeat(100_000), "(-".repeat(100_000)] {
        assert!(Filter::parse(&deep).is_err());
    }
}

#[test]
fn the_plain_form_is_found() {
    let word = |w: &str| Filter::from(Test::Words { within: None, phrase: Phrase::new(w, false).unwrap() });
    assert_eq!(Filter::And(vec![]).simplify(), Filter::All);
    assert_eq!(Filter::Or(vec![]).simplify(), Filter::nothing());
    assert_eq!(Filter::And(vec![word("a"), Filter::All]).simplify(), word("a"));
    assert_eq!(Filter::Or(vec![word("a"), Filter::All]).simplify(), Filter::All);
    assert_eq!(Filter::And(vec![word("a"), Filter::Or(vec![])]).simplify(), Filter::nothing());
    assert_eq!(Filter::Or(vec![]).to_string(), "-*");
    assert_eq!(Filter::parse("-*"), Ok(Filter::nothing()));
}
