//! `docs/QUERY.md` tells the truth.

use audit_query::Filter;
use audit_query::export::Column;
use audit_query::filter::Field;

const GUIDE: &str = include_str!("../../../docs/QUERY.md");

#[test]
fn every_example_reads() {
    let blocks = GUIDE.split("```query\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let examples: Vec<&str> = blocks.flat_map(str::lines).collect();
    assert!(examples.len() > 3);
    for example in examples {
        assert!(Filter::parse(example).is_ok(), "{example}: {:?}", Filter::parse(example));
    }
}

#[test]
fn every_condition_of_the_table_reads() {
    let (_, table) = GUIDE.split_once("| write | to find events |").expect("the table of conditions");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let conditions = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    for condition in conditions.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        assert!(Filter::parse(condition).is_ok(), "{condition}: {:?}", Filter::parse(condition));
    }
}

#[test]
fn every_field_stands_in_the_table_with_its_other_names() {
    let (_, table) = GUIDE.split_once("| field | other names |").expect("the table of fields");
    for field in Field::all() {
        let row = table.lines().find(|row| row.starts_with(&format!("| `{field}` |")));
        let row = row.unwrap_or_else(|| panic!("{field} is missing"));
        let others = row.split('|').nth(2).unwrap_or_default();
        let expected: Vec<String> = field.aliases().iter().map(|alias| format!("`{alias}`")).collect();
        assert_eq!(others.trim(), expected.join(", "), "{field}");
    }
}

#[test]
fn every_column_is_listed() {
    let (_, table) = GUIDE.split_once("### Columns").expect("the list of columns");
    for column in Column::all() {
        assert!(table.contains(&format!("`{}`", column.name())), "{} is missing", column.name());
    }
}
