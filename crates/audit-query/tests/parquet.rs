//! Partitions are plain Parquet files: another reader finds every event in them, under readable names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generate;
mod growing;

use audit_event::{Entry, Fields};
use growing::{Growing, open};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

const EVENTS: usize = 64;

fn text<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    match column(row, name) {
        Field::Null => None,
        Field::Str(text) => Some(text),
        other => panic!("{name} is {other:?}"),
    }
}

fn column<'r>(row: &'r Row, name: &str) -> &'r Field {
    row.get_column_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, field)| field)
        .expect("the column is there")
}

fn hex(row: &Row, name: &str) -> Option<String> {
    match column(row, name) {
        Field::Null => None,
        Field::Bytes(bytes) => Some(bytes.data().iter().map(|byte| format!("{byte:02x}")).collect()),
        other => panic!("{name} is {other:?}"),
    }
}

fn check(row: &Row, event: &Fields<'_>) {
    assert_eq!(text(row, "category"), Some(event.category.as_str()));
    assert_eq!(text(row, "action"), Some(&*event.action));
    assert_eq!(text(row, "outcome"), Some(event.outcome.as_str()));
    assert_eq!(text(row, "reason"), event.reason.as_deref());
    assert_eq!(text(row, "actor_email"), event.actor_email.as_deref());
    assert_eq!(text(row, "department"), event.department.as_deref());
    assert_eq!(text(row, "ip"), event.ip.map(|ip| ip.to_string()).as_deref());
    assert_eq!(text(row, "target_name"), event.target_name.as_deref());
    assert_eq!(text(row, "message"), event.message.as_deref());
    match (column(row, "http_status"), event.http_status) {
        (Field::Int(stored), Some(status)) => assert_eq!(*stored, i32::from(status)),
        (stored, status) => assert_eq!((stored, status), (&Field::Null, None)),
    }
    match (column(row, "input_tokens"), event.input_tokens) {
        (Field::Long(stored), Some(tokens)) => assert_eq!(stored.cast_unsigned(), tokens),
        (stored, tokens) => assert_eq!((stored, tokens), (&Field::Null, None)),
    }
    match (column(row, "latency_ms"), event.latency_ms) {
        (Field::Double(stored), Some(latency)) => assert_eq!(*stored, latency),
        (stored, latency) => assert_eq!((stored, latency), (&Field::Null, None)),
    }
    for (name, id) in [("id", Some(&event.id)), ("session_id", event.session_id.as_ref())] {
        let (bytes, short) = (hex(row, name), text(row, &format!("{name}_text")));
        match (id, text(row, &format!("{name}_form"))) {
            (None, form) => assert_eq!((form, bytes, short), (None, None, None)),
            (Some(id), Some("text")) => assert_eq!((short, bytes), (Some(&**id), None)),
            (Some(id), Some("uuid")) => assert_eq!(bytes, Some(id.replace('-', ""))),
            (Some(id), form) => assert_eq!((form, bytes.as_deref()), (Some("hex"), Some(&**id))),
        }
    }
}

#[test]
fn another_reader_finds_every_event() {
    let mut runner = TestRunner::deterministic();
    let mut events: Vec<_> =
        (0..EVENTS).map(|_| generate::event().new_tree(&mut runner).unwrap().current()).collect();
    events[7].id = Some("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b".into());
    events[8].id = Some("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b".into());
    let entries = generate::encode(&events);
    let growing = Growing::new(entries.clone());
    growing.show(EVENTS);
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), &growing);
    assert!(index.wait_for(EVENTS as u64, Duration::from_secs(30)));
    index.close().unwrap();

    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let mut last = i64::MIN;
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let Field::TimestampMicros(time) = *column(&row, "time") else { panic!("time is a timestamp") };
            assert!(time >= last, "sorted by time");
            last = time;
            let Field::Long(index) = *column(&row, "index") else { panic!("index is a number") };
            let entry = Entry::decode(&entries[usize::try_from(index).unwrap()]).unwrap();
            let event = Fields::decode(&entry).unwrap();
            assert_eq!(event.time.as_micros(), time);
            check(&row, &event);
            found.insert(index, ());
        }
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            .parse_and_finish(&File::open(&path).unwrap())
            .unwrap();
        let sorting = metadata.row_group(0).sorting_columns().unwrap();
        assert_eq!(sorting.iter().map(|column| column.column_idx).collect::<Vec<_>>(), [0, 1]);
        assert!(metadata.page_index().is_some(), "there is a page index");
    }
    assert_eq!(found.len(), EVENTS);
}
