use serde_json::json;

use super::*;

fn set() -> Changes {
    Changes::Set(SetRule::default())
}

/// The changes as `field: before -> after`.
fn list(found: &Found) -> Vec<String> {
    let value = |value: &Option<Json<'static>>| value.as_ref().map_or("-".to_owned(), text);
    let change = |change: &Change<'static>| {
        format!("{}: {} -> {}", change.field, value(&change.before), value(&change.after))
    };
    found.changes.iter().map(change).collect()
}

fn text(value: &Json<'static>) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(on) => on.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.to_string(),
        Json::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name}={}", text(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "calls read better")]
fn check(rule: &Changes, before: Option<Value>, request: Value, answer: Value, expected: &[&str]) {
    let found = between(rule, before.as_ref(), Some(&request), Some(&answer));
    assert_eq!(list(&found), expected);
}

#[test]
fn only_what_the_request_sets_and_differs_is_a_change() {
    check(
        &set(),
        Some(json!({"name": "Research", "description": "R&D", "permissions": null, "updated_at": 1})),
        json!({"name": "Research & Co", "description": "R&D", "permissions": {"chat": {"delete": true}}}),
        json!({"name": "Research & Co", "description": "R&D", "permissions": {"chat": {"delete": true}}, "updated_at": 2}),
        &["name: Research -> Research & Co", "permissions.chat.delete: - -> true"],
    );
}

#[test]
fn without_the_state_before_everything_that_is_set_is_listed() {
    let request = json!({"role": "admin", "name": null, "list": []});
    check(&set(), None, request, json!({}), &["role: - -> admin"]);
}

#[test]
fn what_was_stored_counts_where_it_is_not_what_was_asked_for() {
    check(
        &set(),
        Some(json!({"email": "a@x", "size": 5})),
        json!({"email": "B@X", "size": 7}),
        json!({"email": "b@x", "size": "7"}),
        &["email: a@x -> b@x", "size: 5 -> 7"],
    );
}

#[test]
fn secrets_are_masked_and_still_seen_to_change() {
    check(
        &set(),
        Some(
            json!({"OPENAI_API_KEYS": ["old-secret"], "url": "http://u:p4ssw0rd@h/", "ENABLE": true, "conf": {"key": "old", "t": 1}}),
        ),
        json!({"OPENAI_API_KEYS": ["new-secret"], "url": "http://h/?token=s3cr3t-t0ken", "ENABLE": false, "conf": {"key": "new", "t": 1}}),
        json!({}),
        &[
            "ENABLE: true -> false",
            "OPENAI_API_KEYS: [[removed]] -> [[removed]]",
            "conf.key: [removed] -> [removed]",
            "url: http://u:[removed]@h/ -> http://h/?token=[removed]",
        ],
    );
}

#[test]
fn a_value_is_masked_when_its_object_calls_it_a_secret() {
    let request =
        json!({"extra": [{"name": "Authorization", "value": "abc"}, {"name": "Accept", "value": "*/*"}]});
    let expected = ["extra: - -> [{name=Authorization value=[removed]} {name=Accept value=*/*}]"];
    check(&set(), None, request, json!({}), &expected);
}

#[test]
fn a_password_is_never_a_change_with_a_value() {
    let request = json!({"password": "B0b-new-pass!", "new_password": "x", "name": "Bob"});
    check(
        &set(),
        None,
        request,
        json!({}),
        &["name: - -> Bob", "new_password: - -> [removed]", "password: - -> [removed]"],
    );
}

#[test]
fn lists_of_things_are_compared_thing_by_thing() {
    check(
        &set(),
        Some(json!({"servers": [{"id": "a", "on": true}, {"id": "b", "key": "k"}]})),
        json!({"servers": [{"id": "c", "key": "k"}, {"id": "a", "on": false}]}),
        json!({}),
        &[
            "servers[c]: - -> {id=c key=[removed]}",
            "servers[a].on: true -> false",
            "servers[b]: {id=b key=[removed]} -> -",
        ],
    );
}

#[test]
fn short_lists_are_shown_and_of_long_ones_what_came_and_went() {
    check(&set(), Some(json!({"l": ["a"]})), json!({"l": ["a", "b"]}), json!({}), &["l: [a] -> [a b]"]);
    let long: Vec<String> = (0..50).map(|n| format!("n{n}")).collect();
    let mut longer = long.clone();
    longer[3] = "new".to_owned();
    check(&set(), Some(json!({"l": long})), json!({"l": longer}), json!({}), &["l: [n3] -> [new]"]);
    let mut turned = long.clone();
    turned.reverse();
    check(&set(), Some(json!({"l": long})), json!({"l": turned}), json!({}), &["l.order: - -> changed"]);
}

#[test]
fn a_bare_list_before_is_the_one_that_the_request_names() {
    let rule = Changes::Set(SetRule { list: Some("banners".into()), ..SetRule::default() });
    let before = json!([{"id": "b1", "content": "Hi"}]);
    let request = json!({"banners": [{"id": "b1", "content": "Ho"}]});
    check(&rule, Some(before), request, json!([]), &["banners[b1].content: Hi -> Ho"]);
}

#[test]
fn members_come_and_go() {
    let added = Changes::Added { member: "user_ids".into(), field: "members".into() };
    let removed = Changes::Removed { member: "user_ids".into(), field: "members".into() };
    let request = json!({"user_ids": ["u-1", "u-2"]});
    check(&added, None, request.clone(), json!({}), &["members: - -> [u-1 u-2]"]);
    check(&removed, None, request, json!({}), &["members: [u-1 u-2] -> -"]);
    check(&added, None, json!({"user_ids": "u-1"}), json!({}), &[]);
}

#[test]
fn a_switch_is_read_from_the_answer() {
    let rule = Changes::Answer(vec!["is_active".into()]);
    check(
        &rule,
        Some(json!({"is_active": true})),
        json!(null),
        json!({"is_active": false}),
        &["is_active: true -> false"],
    );
    check(&rule, None, json!(null), json!({"is_active": false}), &["is_active: - -> false"]);
    check(&rule, Some(json!({"is_active": false})), json!(null), json!({"is_active": false}), &[]);
}

#[test]
fn operations_of_provisioning_are_changes() {
    let rule = Changes::Patch("Operations".into());
    let before = json!({"active": true, "displayName": "Bob", "members": [{"value": "u-1"}]});
    let request = json!({"Operations": [
        {"op": "replace", "path": "active", "value": false},
        {"op": "replace", "value": {"displayName": "Robert"}},
        {"op": "add", "path": "members", "value": [{"value": "u-2"}]},
        {"op": "Remove", "path": "members[value eq \"u-1\"]"},
        {"op": "remove", "path": "members", "value": [{"value": "u-3"}]},
        "nonsense",
    ]});
    check(
        &rule,
        Some(before),
        request,
        json!({}),
        &[
            "active: true -> false",
            "displayName: Bob -> Robert",
            "members: - -> [{value=u-2}]",
            "members: [{value=u-3}] -> -",
        ],
    );
}

#[test]
fn an_operation_that_was_ignored_is_no_change() {
    let rule = Changes::Patch("Operations".into());
    let request =
        json!({"Operations": [{"op": "replace", "value": {"displayName": "New", "active": false}}]});
    let (before, answer) =
        (json!({"displayName": "Old", "active": true}), json!({"displayName": "Old", "active": false}));
    check(&rule, Some(before), request, answer, &["active: true -> false"]);
}

#[test]
fn of_source_code_only_the_digest_is_kept() {
    let rule = Changes::Set(SetRule { digest: vec!["content".into()], ..SetRule::default() });
    let request = json!({"content": "API_KEY = 'x'", "id": "tool"});
    check(
        &rule,
        None,
        request,
        json!({}),
        &[
            "content: - -> sha256:1ab6a6e715017b86501b67b9c98578a4e5ecb6d5e5b7e19c4ea655eddb52836e (13 bytes)",
            "id: - -> tool",
        ],
    );
}

#[test]
fn members_can_be_chosen_and_skipped() {
    let request = json!({"a": 1, "b": 2, "c": {"d": 3, "e": 4}});
    let only = Changes::Set(SetRule { only: vec!["a".into()], ..SetRule::default() });
    check(&only, None, request.clone(), json!({}), &["a: - -> 1"]);
    let skip = Changes::Set(SetRule { skip: vec!["b".into(), "c.d".into()], ..SetRule::default() });
    check(&skip, None, request, json!({}), &["a: - -> 1", "c.e: - -> 4"]);
}

#[test]
fn number_and_size_are_bounded() {
    let many: Map<String, Value> = (0..500).map(|n| (format!("setting_{n}"), json!(n))).collect();
    let found = between(&set(), None, Some(&Value::Object(many)), None);
    assert_eq!((found.changes.len(), found.left_out), (MAX_CHANGES, 400));

    let found = between(&set(), None, Some(&json!({"text": "ä".repeat(100_000)})), None);
    let Some(Json::String(shown)) = &found.changes[0].after else { panic!("a text") };
    assert!(shown.len() < 300 && shown.ends_with("… (200000 bytes)"), "{shown}");

    let texts: Map<String, Value> = (0..90).map(|n| (format!("s{n}"), json!("x".repeat(5000)))).collect();
    let found = between(&set(), None, Some(&Value::Object(texts)), None);
    let bytes: usize = found.changes.iter().filter_map(|change| change.after.as_ref()).map(weight).sum();
    assert!(bytes <= MAX_BYTES && found.left_out > 0, "{bytes}");

    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!({ "d": deep });
    }
    assert_eq!(between(&set(), None, Some(&deep), None).changes.len(), 1);
}

#[test]
fn what_is_no_object_changes_nothing() {
    for request in [json!(null), json!([1]), json!("x"), json!(7)] {
        assert_eq!(between(&set(), None, Some(&request), None), Found::default());
    }
}
