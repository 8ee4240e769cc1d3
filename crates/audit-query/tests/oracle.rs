//! The index answers every question as the oracle does: random events, filters and questions, over partitions of
//! a few rows, so that pages, partitions and rows in memory all take part; with the index closed and opened, and
//! rewritten, in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generate;
mod growing;

use audit_event::Timestamp;
use audit_query::Index;
use audit_query::naive::Naive;
use audit_query::question::{
    Answers as _, Budget, Count, Group, Key, List, Measure, NumberField, RankBy, Ranking, RowRef, Scan,
    Table, Value,
};
use growing::{Growing, open};
use proptest::collection::vec;
use proptest::prelude::*;
use std::ops::ControlFlow;
use std::time::Duration;

#[derive(Debug, Clone)]
enum Question {
    List(List),
    Count(Count),
    Group(Group),
    Groups(Vec<Group>),
    Rank(Ranking),
    Scan(Scan),
}

fn question() -> impl Strategy<Value = Question> {
    prop_oneof![
        1 => generate::list().prop_map(Question::List),
        1 => generate::count().prop_map(Question::Count),
        2 => generate::group().prop_map(Question::Group),
        1 => generate::groups().prop_map(Question::Groups),
        1 => generate::ranking().prop_map(Question::Rank),
        1 => generate::scan().prop_map(Question::Scan),
    ]
}

/// What happens to the index before the next questions.
#[derive(Debug, Clone, Copy)]
enum Step {
    Nothing,
    Reopen,
    /// Without writing what is in memory.
    Crash,
    Rewrite,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Nothing),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => Just(Step::Rewrite),
    ]
}

fn check(question: &Question, index: &Index, naive: &Naive) {
    let budget = Budget::unlimited();
    match question {
        Question::Count(count) => {
            assert_eq!(index.count(count, &budget).unwrap(), naive.count(count, &budget).unwrap());
        }
        Question::Group(group) => {
            let (answer, expected) =
                (index.group(group, &budget).unwrap(), naive.group(group, &budget).unwrap());
            assert_same_table(is_fraction(group.measures.first()), &answer, &expected);
        }
        Question::Groups(groups) => {
            let (answers, expected) =
                (index.groups(groups, None, &budget).unwrap(), naive.groups(groups, None, &budget).unwrap());
            assert_eq!((answers.tables.len(), answers.complete_after), (groups.len(), None));
            for ((group, answer), expected) in groups.iter().zip(&answers.tables).zip(&expected.tables) {
                assert_same_table(is_fraction(group.measures.first()), answer, expected);
            }
            check_without_patience(groups, index, naive);
        }
        Question::Rank(ranking) => {
            let (answer, expected) =
                (index.rank(ranking, &budget).unwrap(), naive.rank(ranking, &budget).unwrap());
            let by_fraction = match ranking.by {
                RankBy::Key(_) => false,
                RankBy::Measure(at) => is_fraction(ranking.group.measures.get(at)),
            };
            // Where they decide which groups are skipped, too, only the number is compared.
            if by_fraction && ranking.skip > 0 {
                assert_eq!((answer.rows.len(), answer.left_out), (expected.rows.len(), expected.left_out));
            } else {
                assert_same_table(by_fraction, &answer, &expected);
            }
        }
        Question::Scan(scan) => assert_eq!(rows_of(index, scan), rows_of(naive, scan)),
        Question::List(list) => {
            let mut list = list.clone();
            loop {
                let (page, expected) =
                    (index.list(&list, &budget).unwrap(), naive.list(&list, &budget).unwrap());
                assert_eq!(page, expected);
                list.snapshot = Some(page.snapshot);
                list.after = page.next;
                if page.next.is_none() {
                    break;
                }
            }
        }
    }
}

/// What is counted at once holds everything after the time that it names.
fn check_without_patience(groups: &[Group], index: &Index, naive: &Naive) {
    let budget = Budget::unlimited();
    let counted = |group: &Group| Group { measures: vec![Measure::Count], limit: 10_000, ..group.clone() };
    let groups: Vec<Group> = groups.iter().map(counted).collect();
    let at_once = index.groups(&groups, Some(Duration::ZERO), &budget).unwrap();
    for (group, answer) in groups.iter().zip(&at_once.tables) {
        let all = naive.group(group, &budget).unwrap();
        let mut late = group.clone();
        if let Some(time) = at_once.complete_after {
            assert!(group.range.contains(time));
            if time == Timestamp::MAX {
                continue;
            }
            late.range.from = late.range.from.max(Timestamp::from_micros(time.as_micros() + 1));
        }
        let late = naive.group(&late, &budget).unwrap();
        let events = |table: &Table, keys: &[Key]| {
            let row = table.rows.iter().find(|row| row.keys == keys);
            row.map_or(0.0, |row| row.values[0].as_f64())
        };
        assert!(answer.rows.iter().all(|row| events(&all, &row.keys) >= row.values[0].as_f64()));
        assert!(late.rows.iter().all(|row| events(answer, &row.keys) >= row.values[0].as_f64()));
    }
}

fn rows_of(answers: &dyn audit_query::question::Answers, scan: &Scan) -> Vec<RowRef> {
    let mut rows = Vec::new();
    let gather = &mut |batch: &[RowRef]| {
        assert!(!batch.is_empty());
        rows.extend_from_slice(batch);
        ControlFlow::Continue(())
    };
    answers.scan(scan, &Budget::unlimited(), gather).unwrap();
    rows
}

/// Whether it is a sum of fractions.
fn is_fraction(measure: Option<&Measure>) -> bool {
    match measure {
        Some(Measure::If(_, inner)) => is_fraction(Some(&**inner)),
        other => matches!(other, Some(Measure::Sum(NumberField::CostUsd | NumberField::LatencyMs))),
    }
}

/// Sums of fractions may differ in their last bits, for they are added in another order; where such a sum
/// decides which groups are shown, only their number is compared.
fn assert_same_table(ranked_by_fraction: bool, answer: &Table, expected: &Table) {
    assert_eq!((answer.left_out, answer.snapshot), (expected.left_out, expected.snapshot));
    assert_eq!(answer.rows.len(), expected.rows.len());
    if ranked_by_fraction && expected.left_out > 0 {
        return;
    }
    let sorted = |table: &Table| {
        let mut rows = table.rows.clone();
        if ranked_by_fraction {
            rows.sort_by(|a, b| a.keys.cmp(&b.keys));
        }
        rows
    };
    for (answer, expected) in sorted(answer).iter().zip(&sorted(expected)) {
        assert_eq!(answer.keys, expected.keys);
        for (value, expected) in answer.values.iter().zip(&expected.values) {
            match (value, expected) {
                (Value::Fraction(value), Value::Fraction(expected)) => {
                    assert!((value - expected).abs() <= 1e-9 * expected.abs(), "{value} is not {expected}");
                }
                _ => assert_eq!(value, expected),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_index_answers_as_the_oracle_does(
        events in vec(generate::event(), 1..120),
        parts in vec((1..40_usize, step(), vec(question(), 1..8)), 1..6),
    ) {
        let entries = generate::encode(&events);
        let growing = Growing::new(entries.clone());
        let dir = tempfile::tempdir().unwrap();
        let mut index = open(dir.path(), &growing);
        let mut shown = 0;
        for (more, step, questions) in parts {
            shown = entries.len().min(shown + more);
            growing.show(shown);
            prop_assert!(index.wait_for(shown as u64, Duration::from_secs(20)));
            match step {
                Step::Nothing => {}
                Step::Reopen => {
                    index.close().unwrap();
                    index = open(dir.path(), &growing);
                }
                Step::Crash => {
                    drop(index);
                    index = open(dir.path(), &growing);
                }
                Step::Rewrite => index.reindex(&mut |_, _| {}).unwrap(),
            }
            prop_assert!(index.wait_for(shown as u64, Duration::from_secs(20)));
            let naive = Naive::new(entries[..shown].to_vec());
            questions.iter().for_each(|question| check(question, &index, &naive));
        }
    }
}
