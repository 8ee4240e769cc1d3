use std::collections::BTreeMap;

use audit_event::taxonomy;

use super::*;

mod judged;
mod unread;

/// The routes of Open WebUI 0.12.4: method, path, who may, whether it changes something.
const ROUTES: &str = include_str!("../../../../tests/data/routes.tsv");

struct Route {
    method: &'static str,
    path: &'static str,
    who: &'static str,
    changes: bool,
}

fn routes() -> Vec<Route> {
    let route = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        // A WebSocket begins as a GET.
        let method = if fields[0] == "WEBSOCKET" { "GET" } else { fields[0] };
        Route { method, path: fields[1], who: fields[2], changes: fields[3] == "changes" }
    };
    ROUTES.lines().map(route).collect()
}

/// A path that fits the route, with a value in place of each parameter.
fn sample(route: &str) -> String {
    let segment = |segment: &str| {
        let is_parameter = segment.starts_with('{');
        if is_parameter { "0a1b".to_owned() } else { segment.to_owned() }
    };
    route.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The same with a slash in each parameter that may have one.
fn long_sample(route: &str) -> String {
    let segments =
        route.split('/').map(|segment| if segment.ends_with(":path}") { "0a/1b" } else { segment });
    sample(&segments.collect::<Vec<_>>().join("/"))
}

fn check_load(toml: &str, row: &str, key: &str, words: &str) {
    let error = RouteTable::with_overrides(toml).expect_err(toml);
    assert_eq!((error.row.as_str(), error.key.as_str()), (row, key), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn every_route_that_changes_something_is_mapped_or_ignored_for_a_reason() {
    let table = RouteTable::embedded();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unmapped = Vec::new();
    for route in routes() {
        let path = sample(route.path);
        let found = table.find(route.method, &path);
        let kind = match found.as_ref().map(|found| (&found.row.deed, found.row.ignored(), found.row.when)) {
            Some((_, Some(reason), _)) => {
                assert!(reason.len() > 10, "{} {}: {reason}", route.method, route.path);
                "ignored for a reason"
            }
            Some((Deed::State, ..)) | None => "not mapped",
            Some((_, _, Recorded::Always)) => "mapped",
            Some(_) => "mapped when it fails",
        };
        if route.changes && kind == "not mapped" {
            unmapped.push((route.method, route.path));
        }
        let what = if route.changes { "changes" } else { "reads" };
        *counts.entry(Box::leak(format!("{what}, {kind}").into_boxed_str())).or_default() += 1;
    }
    for (what, count) in &counts {
        println!("{count:>4} {what}");
    }
    assert_eq!(unmapped, []);
    let changing = routes().iter().filter(|route| route.changes).count();
    assert_eq!(changing, 338);
}

#[test]
fn every_read_that_only_admins_may_is_recorded_or_ignored_for_a_reason() {
    let table = RouteTable::embedded();
    let of_admins = |route: &Route| ["admin", "scim_token"].contains(&route.who) && route.method == "GET";
    for route in routes().into_iter().filter(of_admins) {
        for path in [sample(route.path), long_sample(route.path)] {
            let row = table.find("GET", &path).map(|found| found.row);
            let row = row.filter(|row| row.deed != Deed::State);
            let row = row.unwrap_or_else(|| panic!("neither row nor reason: {path}"));
            assert!(row.ignored().is_none_or(|reason| reason.len() > 10), "{path}");
        }
    }
}

#[test]
fn what_an_admin_reads_of_others_and_of_keys_is_recorded() {
    let table = RouteTable::embedded();
    for target in [
        "/api/v1/analytics/messages?user_id=u-1",
        "/api/v1/analytics/models/m/chats",
        "/api/v1/analytics/models/org%2Fm/chats",
        "/api/v1/configs/namespace/openai",
        "/openai/config",
        "/api/v1/users/?page=1",
        "/api/v1/scim/v2/Users",
        "/api/v1/terminals/s/files/read?path=x",
        "/api/v1/evaluations/feedback/f-1",
        "/api/v1/notes/n-1",
    ] {
        let plan = table.plan(&Method::GET, target);
        assert_eq!((plan.is_recorded, plan.changes_state), (true, false), "{target}");
    }
}

#[test]
fn every_row_is_about_a_route() {
    let table = RouteTable::embedded();
    let mut used = vec![false; table.rows.len()];
    for route in routes() {
        let path = sample(route.path);
        let tree = tree_of(route.method);
        for path in [long_sample(route.path), path] {
            if let Some(place) = tree.and_then(|tree| table.trees[tree].find(&path)) {
                used[place] = true;
            }
        }
    }
    // `/ws` and `/openai/{path}` are listed once for all methods.
    let unused =
        table.rows.iter().zip(used).filter(|(row, used)| !used && !row.key.contains("/ws/socket.io"));
    let unused: Vec<&str> = unused.map(|(row, _)| &*row.key).collect();
    assert_eq!(unused, [""; 0]);
}

#[test]
fn every_action_is_in_the_taxonomy_and_no_row_has_two_categories() {
    for row in &RouteTable::embedded().rows {
        let actions: Vec<&str> = match &row.deed {
            Deed::Is { action, cases } => {
                std::iter::once(&**action).chain(cases.iter().map(|case| &*case.action)).collect()
            }
            Deed::Switch { on, off, unseen, .. } => vec![on, off, unseen],
            Deed::Entry(entry) => [Some(&entry.entered), Some(&entry.refused), entry.throttled.as_ref()]
                .into_iter()
                .flatten()
                .map(|action| &**action)
                .collect(),
            Deed::SignOut { action } => vec![action],
            Deed::Completion => vec!["chat.completion"],
            Deed::Ignored { .. } | Deed::State => Vec::new(),
        };
        for action in actions {
            assert!(taxonomy::lookup(action).is_some(), "{}: {action} is not in the taxonomy", row.key);
        }
    }
}

#[test]
fn a_row_before_which_another_stands_is_found() {
    let table = RouteTable::embedded();
    for row in &table.rows {
        let Some((method, _)) = row.key.split_once(' ') else { continue };
        let path = sample_of(&row.pattern);
        let found = table.find(method, &path).expect("its own pattern fits");
        assert_eq!(found.row.key, row.key);
    }
}

#[test]
fn a_plan_says_what_to_look_at() {
    let table = RouteTable::embedded();
    let check = |method: Method, target: &str, recorded: bool, changes: bool| {
        let plan = table.plan(&method, target);
        assert_eq!((plan.is_recorded, plan.changes_state), (recorded, changes), "{method} {target}");
        plan
    };
    check(Method::GET, "/api/v1/chats/?page=1", false, false);
    check(Method::GET, "/static/loader.js", false, false);
    check(Method::GET, "/api/v1/chats/c-1", true, false);
    check(Method::GET, "/api/v1/configs/export%0A", true, false);
    check(Method::GET, "/api/v1/configs%2Fexport", true, false);
    check(Method::POST, "/api/v1/chats/read", false, false);
    check(Method::POST, "/no/such/route", true, true);
    check(Method::OPTIONS, "/api/v1/chats/new", false, false);
    check(Method::POST, "/ws/socket.io/?EIO=4", false, false);
    let plan = check(Method::POST, "/api/v1/groups/id/g%2F1/update", true, true);
    assert_eq!(plan.before, None, "an id with a slash in it is another path");
    let plan = check(Method::POST, "/api/v1/groups/id/g%3F1/update", true, true);
    assert_eq!(plan.before.as_deref(), Some("/api/v1/groups/id/g%3F1"));
    assert!(plan.keep_request > 0 && plan.keep_answer > 0);
    let plan = check(Method::POST, "/api/v1/models/model/toggle?id=a%26b", true, true);
    assert_eq!(plan.before.as_deref(), Some("/api/v1/models/model?id=a%26b"));
}

#[test]
fn what_reads_a_state_is_remembered_under_the_path_that_the_change_asks_for() {
    let table = RouteTable::embedded();
    let remembered = |target: &str| table.plan(&Method::GET, target).remember;
    assert_eq!(remembered("/api/v1/groups/id/g-1").as_deref(), Some("/api/v1/groups/id/g-1"));
    assert_eq!(remembered("/api/v1/models/model?id=m&x=1").as_deref(), Some("/api/v1/models/model?id=m"));
    assert_eq!(remembered("/api/v1/models/model"), None);
    assert_eq!(remembered("/api/v1/retrieval/config").as_deref(), Some("/api/v1/retrieval/config"));
    assert_eq!(remembered("/api/v1/chats/c-1"), None);
    for row in &table.rows {
        let Some(state) = &row.before else { continue };
        let path = state.fill(|_| Some("x".to_owned())).expect("all places have a value");
        let target = path.replace("={", "=x");
        assert!(remembered(&target).is_some(), "{}: nothing is remembered of {target}", row.key);
    }
}

#[test]
fn an_operators_file_adds_and_replaces_rows() {
    let table = RouteTable::with_overrides(
        r#"
        [Ours]
        "POST /api/v1/chats/read" = { action = "chat.read", target = { chat = "request.ids" } }
        "DELETE /api/v1/files/{file}" = { ignored = "there is a copy of every file" }
        "POST /plugins/{name}/run" = { action = "plugin.run", category = "system", target = { plugin = "path.name" } }
        "#,
    )
    .expect("it is a table");
    assert!(table.plan(&Method::POST, "/api/v1/chats/read").is_recorded);
    assert!(!table.plan(&Method::DELETE, "/api/v1/files/f-1").is_recorded);
    assert_eq!(table.plan(&Method::POST, "/plugins/x/run").category, Category::System);
    assert!(table.plan(&Method::DELETE, "/api/v1/files/all").is_recorded, "others stay");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_row_and_key() {
    check_load("[a", "", "", "no TOML");
    check_load("\"POST /x\" = { action = \"a.b\" }", "POST /x", "", "");
    check_load("[s]\n\"POST /x\" = { acton = \"chat.read\" }", "POST /x", "", "acton");
    check_load("[s]\n\"POST /x\" = { action = 3 }", "POST /x", "", "string");
    check_load("[s]\n\"POST /x\" = { }", "POST /x", "action", "missing");
    check_load("[s]\n\"POST /x\" = { action = \"Chat Read\" }", "POST /x", "action", "dotted");
    check_load("[s]\n\"POST /x\" = { action = \"own.action\" }", "POST /x", "action", "category");
    check_load("[s]\n\"POST x\" = { action = \"chat.read\" }", "POST x", "", "slash");
    check_load("[s]\n\"FETCH /x\" = { action = \"chat.read\" }", "FETCH /x", "", "GET");
    check_load("[s]\n\"POST /x/a{id}\" = { action = \"chat.read\" }", "POST /x/a{id}", "", "braces");
    check_load("[s]\n\"POST /{r*}/x\" = { action = \"chat.read\" }", "POST /{r*}/x", "", "{r*}");
    let with = |keys: &str| format!("[s]\n\"POST /x\" = {{ action = \"chat.read\", {keys} }}");
    check_load(&with("target = { chat = \"path.id\" }"), "POST /x", "target", "not in the path");
    check_load(&with("target = { chat = \"body.id\" }"), "POST /x", "target", "request.MEMBER");
    check_load(&with("only = \"sometimes\""), "POST /x", "only", "failed");
    check_load(&with("when = [{ action = \"chat.read\" }]"), "POST /x", "when", "exactly one");
    check_load(&with("changes = { }"), "POST /x", "changes", "exactly one");
    check_load(&with("before = \"x\""), "POST /x", "before", "slash");
    check_load(&with("ignored = \"why not\""), "POST /x", "ignored", "action");
    check_load(&with("keep = { answer = 99999999 }"), "POST /x", "keep", "at most");
    let secret =
        "[s]\n\"POST /x/{secret}\" = { action = \"chat.read\", target = { chat = \"path.secret\" } }";
    check_load(secret, "POST /x/{secret}", "target", "must not be recorded");
    let twice =
        "[s]\n\"POST /x/{a}\" = { action = \"chat.read\" }\n\"POST /x/{b}\" = { action = \"chat.read\" }";
    check_load(twice, "POST /x/{b}", "", "twice");
}

#[test]
fn a_secret_in_the_path_is_never_written_down() {
    let table = RouteTable::embedded();
    let paths = [
        "/api/v1/channels/webhooks/w-1/very-secret",
        "/api/v1/channels/webhooks/w-1/very-secret/",
        "/api/v1/channels/webhooks/w-1/very-secret?token=very-secret",
        "//api/v1//channels/webhooks/w-1/very-secret",
        "/API/v1/Channels/webhooks/w-1/very-secret",
        "/api/v1/channels/webhooks/w-1/very%2Dsecret",
    ];
    for path in paths {
        let safe = table.safe_path(path);
        assert!(safe.ends_with("/w-1/***"), "{path}: {safe}");
    }
    assert_eq!(table.safe_path("/api/v1/chats/a%2Fb?x=1"), "/api/v1/chats/a%2Fb");
    for path in ["//llm/openai/~SECRET/v1", "/llm//openai/%7eSECRET/v1?x", "//llm/openai/~SECRET/v1/"] {
        let safe = table.safe_path(path);
        assert!(safe.contains("/~***/v1") && !safe.contains("SECRET"), "{path}: {safe}");
    }
}
