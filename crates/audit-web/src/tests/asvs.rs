//! What `docs/asvs.md` says is shown by tests that are there.

use std::path::Path;

const GUIDE: &str = include_str!("../../../../docs/asvs.md");
/// What chapter V16 of ASVS 5.0.0 asks for.
const OF_V16: [&str; 17] = [
    "16.1.1", "16.2.1", "16.2.2", "16.2.3", "16.2.4", "16.2.5", "16.3.1", "16.3.2", "16.3.3", "16.3.4",
    "16.4.1", "16.4.2", "16.4.3", "16.5.1", "16.5.2", "16.5.3", "16.5.4",
];

/// The rows of the tables: number, requirement, what shows it.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = GUIDE.lines().filter(|line| line.starts_with("| ") && line.contains('.'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// What stands in code quotes and names a test.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once("::"))
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for (path, name) in rows().flat_map(|row| named(row[2]).collect::<Vec<_>>()) {
        let text = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let is_rust = Path::new(path).extension().is_some_and(|extension| extension == "rs");
        let wanted = if is_rust { format!("fn {name}(") } else { name.to_owned() };
        assert!(text.contains(&wanted), "{path} has no {name}");
        seen += 1;
    }
    assert!(seen > 100, "only {seen}");
}

#[test]
fn every_requirement_is_shown_does_not_apply_or_is_not_met() {
    for row in rows() {
        let how = row[2];
        let is_told = named(how).next().is_some()
            || how.starts_with("does not apply: ")
            || how.contains("**not met**: ");
        assert!(row.len() == 3 && is_told, "{row:?}");
    }
}

#[test]
fn the_chapter_about_logging_is_whole() {
    let told: Vec<_> = rows().map(|row| row[0]).filter(|number| number.starts_with("16.")).collect();
    assert_eq!(told, OF_V16);
}
