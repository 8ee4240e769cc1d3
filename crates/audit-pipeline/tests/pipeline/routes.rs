//! `docs/ROUTES.md` lists the rows of the table as they are.

use std::fmt::Write as _;

const TABLE: &str = include_str!("../../src/sources/openwebui/routes.toml");
const GUIDE: &str = include_str!("../../../../docs/ROUTES.md");
/// What stands between the guide's own words and the list.
const MARK: &str = "<!-- The list below is made from routes.toml; a test compares it. -->\n";

/// The list, in the order of the file.
fn list() -> String {
    let mut list = String::new();
    for line in TABLE.lines() {
        if let Some(section) = line.strip_prefix("[\"").and_then(|line| line.strip_suffix("\"]")) {
            let _infallible = write!(
                list,
                "\n### {section}\n\n| request | event | target | also |\n| --- | --- | --- | --- |\n"
            );
        } else if line.starts_with('"') {
            let row: toml::Table = line.parse().expect("each row stands on a line of its own");
            let (key, row) = row.into_iter().next().expect("a row has a name");
            list.push_str(&cells(&key, row.as_table().expect("a row is a table")));
        }
    }
    list
}

fn cells(key: &str, row: &toml::Table) -> String {
    let text = |name: &str| row.get(name).and_then(toml::Value::as_str);
    let code = |action: &str| format!("`{action}`");
    let event = match (text("ignored"), text("action"), row.contains_key("completion")) {
        (Some(reason), ..) => format!("none: {reason}"),
        (_, _, true) => code("chat.completion"),
        (_, Some(action), _) => {
            let cases = row.get("when").and_then(toml::Value::as_array).into_iter().flatten();
            let cases = cases.filter_map(|case| case.get("action")?.as_str());
            let others = cases.chain(["on", "off", "refused", "throttled"].into_iter().filter_map(text));
            let mut names: Vec<String> = others.chain([action]).map(code).collect();
            names.dedup();
            names.join(", ")
        }
        _ => panic!("{key} has no action"),
    };
    let target =
        |name: &str| row.get(name).and_then(toml::Value::as_table).and_then(|aim| aim.keys().next().cloned());
    let targets = target("targets").map(|kind| format!("{kind}s"));
    let target = [target("target"), targets].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let also = [
        text("only").map(|_| "only when it fails".to_owned()),
        row.contains_key("changes").then(|| "changes".to_owned()),
        text("before").map(|path| format!("state before: `{path}`")),
        row.contains_key("owner").then(|| "owner".to_owned()),
        row.get("query").map(|_| "query".to_owned()),
    ];
    let also: Vec<String> = also.into_iter().flatten().collect();
    format!("| `{key}` | {event} | {target} | {} |\n", also.join(", "))
}

#[test]
fn the_guide_lists_the_rows_as_they_are() {
    let (words, given) = GUIDE.split_once(MARK).expect("the guide has the mark");
    let made = list();
    if given != made {
        let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/ROUTES.md");
        std::fs::write(place, format!("{words}{MARK}{made}"))
            .expect("the target directory can be written to");
        panic!("docs/ROUTES.md is not about routes.toml as it is: copy {place} over it");
    }
}

#[test]
fn the_guide_explains_every_key() {
    let (words, _) = GUIDE.split_once(MARK).expect("the guide has the mark");
    for line in TABLE.lines().filter(|line| line.starts_with('"')) {
        let row: toml::Table = line.parse().expect("a row");
        for key in row.values().filter_map(toml::Value::as_table).flat_map(toml::Table::keys) {
            assert!(words.contains(&format!("`{key}`")), "docs/ROUTES.md does not explain {key}");
        }
    }
}
