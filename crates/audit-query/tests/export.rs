//! What exports write, over the naive answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod generate;

use audit_event::{Event, Source, Timestamp};
use audit_query::export::{Columns, Export, Format, Origin, Position};
use audit_query::naive::Naive;
use audit_query::question::{Answers, Budget, Order, Page, RowRef, Scan};
use audit_query::{Error, Filter};
use proptest::prelude::*;
use std::io::{self, Write};
use std::ops::ControlFlow;

fn origin(naive: &Naive) -> Origin<'_> {
    Origin { answers: naive, entries: naive }
}

fn run(export: &Export, naive: &Naive) -> Vec<u8> {
    let mut out = Vec::new();
    let end =
        export.run(origin(naive), &Budget::unlimited(), Position::default(), &mut out, &mut |_| {}).unwrap();
    assert_eq!(end.bytes, out.len() as u64);
    out
}

fn text(export: &Export, naive: &Naive) -> String {
    String::from_utf8(run(export, naive)).unwrap()
}

fn oldest_first(format: Format) -> Export {
    Export { order: Order::OldestFirst, ..Export::all(format) }
}

/// Three events: a full one, one with hostile text, a bare one.
fn sample() -> Naive {
    let full = r#"{"time":"2026-03-01T00:00:00Z","action":"model.called","outcome":"success","source":"api",
        "actor":{"type":"user","id":"u-7","name":"Ada Lovelace","email":"ada@example.com"},
        "org":{"role":"user","groups":["buyers","pilots"]},
        "client":{"ip":"10.1.2.3","forwarded_for":["10.1.2.3","192.0.2.1"]},
        "target":{"type":"model","id":"m-1"},"usage":{"input_tokens":1200,"cost_usd":0.25},"latency_ms":812.5,
        "message":"Model call by Ada Lovelace, \"brake rotor\"","details":{"part":"brake","nested":[1,"two"]}}"#;
    let hostile = r#"{"time":"2026-03-01T00:00:01Z","action":"chat.deleted","outcome":"denied","source":"webhook",
        "actor":{"name":"=cmd|' /C calc'!A0"},"message":"two\r\nlines, and a tab\there",
        "targets":[{"type":"chat","id":"c-1","name":"one"},{"type":"chat","id":"c-2","name":"\"two\""}],
        "changes":[{"field":"archived","before":false,"after":true}],"http":{"method":"DELETE","status":403}}"#;
    let bare = r#"{"time":"2026-03-01T00:00:02Z","action":"system.startup.completed","source":"internal"}"#;
    Naive::new(generate::encode(&[full, hostile, bare].map(|json| Event::parse(json.as_bytes()).unwrap())))
}

#[test]
fn csv_has_a_header_and_guarded_cells() {
    insta::assert_snapshot!(text(&oldest_first(Format::Csv), &sample()).replace('\r', "␍"));
}

#[test]
fn csv_may_begin_with_a_byte_order_mark() {
    let columns = Some(Columns::parse("id,actor.name").unwrap());
    let export = Export { bom: true, columns, ..oldest_first(Format::Csv) };
    let expected = "\u{feff}id,actor_name\r\ne-0,Ada Lovelace\r\ne-1,'=cmd|' /C calc'!A0\r\ne-2,\r\n";
    assert_eq!(text(&export, &sample()), expected);
}

#[test]
fn json_is_one_document_with_its_count() {
    insta::assert_snapshot!(text(&oldest_first(Format::Json), &sample()));
}

#[test]
fn json_can_be_cut_down_to_chosen_fields() {
    let columns =
        Columns::parse("index,message,actor,targets,time,usage,client.forwarded_for,details").unwrap();
    let export = Export { columns: Some(columns), ..oldest_first(Format::Ndjson) };
    insta::assert_snapshot!(text(&export, &sample()));
}

#[test]
fn newest_comes_first_unless_asked_otherwise() {
    let columns = Some(Columns::parse("index").unwrap());
    let export = Export { columns, ..Export::all(Format::Ndjson) };
    assert_eq!(text(&export, &sample()), "{\"index\":2}\n{\"index\":1}\n{\"index\":0}\n");
}

#[test]
fn an_export_of_nothing_is_still_a_file() {
    let none = |format| Export { filter: Filter::nothing(), ..Export::all(format) };
    assert_eq!(text(&none(Format::Json), &sample()), "{\"events\":[\n],\"count\":0}\n");
    assert_eq!(text(&none(Format::Ndjson), &sample()), "");
    assert!(text(&none(Format::Csv), &sample()).starts_with("index,id,time,"));
    assert_eq!(read_parquet(run(&none(Format::Parquet), &sample())).len(), 0);
}

#[test]
fn parquet_holds_the_columns_under_their_names() {
    let rows = read_parquet(run(&oldest_first(Format::Parquet), &sample()));
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn many_events_keep_their_order_over_many_chunks() {
    let naive = many(5_000);
    let columns = Some(Columns::parse("index").unwrap());
    for (order, threads) in [(Order::NewestFirst, 1), (Order::NewestFirst, 3), (Order::OldestFirst, 3)] {
        let export = Export { order, threads, columns: columns.clone(), ..Export::all(Format::Csv) };
        let indices =
            text(&export, &naive).lines().skip(1).map(|line| line.parse().unwrap()).collect::<Vec<u64>>();
        let mut expected = (0..5_000).collect::<Vec<u64>>();
        if order == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(indices, expected);
    }
}

#[test]
fn progress_tells_a_position_to_go_on_from() {
    let naive = many(3_000);
    for format in [Format::Ndjson, Format::Csv, Format::Json] {
        let export = Export::all(format);
        let whole = run(&export, &naive);
        let mut positions = vec![Position::default()];
        let note = &mut |position: &Position| positions.push(*position);
        export.run(origin(&naive), &Budget::unlimited(), Position::default(), &mut Vec::new(), note).unwrap();
        positions.pop();
        assert!(positions.len() > 3, "several chunks");
        for position in positions {
            let mut file = whole[..usize::try_from(position.bytes).unwrap()].to_vec();
            let end =
                export.run(origin(&naive), &Budget::unlimited(), position, &mut file, &mut |_| {}).unwrap();
            assert!(file == whole, "{format:?} from {position:?}");
            assert_eq!(end.rows, 3_000);
        }
    }
}

#[test]
fn events_that_arrive_meanwhile_stay_out_of_a_resumed_export() {
    let mut naive = many(500);
    let export = oldest_first(Format::Ndjson);
    let whole = run(&export, &naive);
    let mut first = None;
    let note = &mut |position: &Position| {
        first.get_or_insert(*position);
    };
    export.run(origin(&naive), &Budget::unlimited(), Position::default(), &mut Vec::new(), note).unwrap();
    let position = first.unwrap();
    generate::encode(&[Event::new("auth.login", Source::Api)])
        .into_iter()
        .for_each(|entry| naive.push(entry));
    let mut file = whole[..usize::try_from(position.bytes).unwrap()].to_vec();
    export.run(origin(&naive), &Budget::unlimited(), position, &mut file, &mut |_| {}).unwrap();
    assert!(file == whole);
}

#[test]
fn parquet_begins_again() {
    let start = Position { rows: 1, bytes: 100, ..Position::default() };
    let outcome = Export::all(Format::Parquet).run(
        origin(&sample()),
        &Budget::unlimited(),
        start,
        &mut Vec::new(),
        &mut |_| {},
    );
    assert!(matches!(outcome, Err(Error::NotResumable)));
}

#[test]
fn a_cancelled_export_ends_with_a_position_to_go_on_from() {
    let naive = many(3_000);
    let budget = Budget::unlimited();
    let (mut file, mut last) = (Vec::new(), Position::default());
    let outcome =
        Export::all(Format::Ndjson).run(origin(&naive), &budget, last, &mut file, &mut |position| {
            last = *position;
            budget.cancel();
        });
    assert!(matches!(outcome, Err(Error::Cancelled)));
    assert_eq!(last.bytes, file.len() as u64);
    let end =
        Export::all(Format::Ndjson).run(origin(&naive), &Budget::unlimited(), last, &mut file, &mut |_| {});
    assert_eq!(end.unwrap().rows, 3_000);
    assert!(file == run(&Export::all(Format::Ndjson), &naive));
}

#[test]
fn a_receiver_that_goes_away_ends_the_export() {
    struct Closing(usize);
    impl Write for Closing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let naive = many(3_000);
    for format in [Format::Json, Format::Ndjson, Format::Csv, Format::Parquet] {
        for writes in 0..3 {
            let out = &mut Closing(writes);
            let outcome = Export::all(format).run(
                origin(&naive),
                &Budget::unlimited(),
                Position::default(),
                out,
                &mut |_| {},
            );
            assert!(matches!(outcome, Err(Error::Output(_) | Error::Parquet(_))), "{format:?}: {outcome:?}");
        }
    }
}

#[test]
fn an_entry_that_is_no_event_is_named() {
    let mut naive = many(10);
    naive.push(b"no event".to_vec());
    let row = |index| RowRef { time: Timestamp::MIN, index };
    let page = Page { rows: vec![row(3), row(10)], next: None, total: None, snapshot: 11 };
    let origin = Origin { answers: &page, entries: &naive };
    let outcome = Export::all(Format::Csv).run(
        origin,
        &Budget::unlimited(),
        Position::default(),
        &mut Vec::new(),
        &mut |_| {},
    );
    assert!(matches!(outcome, Err(Error::Undecodable { index: 10, .. })), "{outcome:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_holds_the_events_of_the_scan(
        events in proptest::collection::vec(generate::event(), 0..80),
        scan in generate::scan(),
    ) {
        let naive = Naive::new(generate::encode(&events));
        let mut expected = Vec::new();
        naive.scan(&Scan { snapshot: None, ..scan.clone() }, &Budget::unlimited(), &mut |rows| {
            expected.extend(rows.iter().map(|row| row.index));
            ControlFlow::Continue(())
        }).unwrap();
        let export = |format| Export {
            filter: scan.filter.clone(), range: scan.range, order: scan.order, ..Export::all(format)
        };

        let lines = text(&export(Format::Ndjson), &naive);
        let ids = lines.lines().map(|line| id_of(&serde_json::from_str(line).unwrap())).collect::<Vec<_>>();
        prop_assert_eq!(&ids, &expected);

        let document: serde_json::Value = serde_json::from_str(&text(&export(Format::Json), &naive)).unwrap();
        prop_assert_eq!(document["count"].as_u64(), Some(expected.len() as u64));
        let ids = document["events"].as_array().unwrap().iter().map(id_of).collect::<Vec<_>>();
        prop_assert_eq!(&ids, &expected);

        let table = read_csv(&text(&export(Format::Csv), &naive));
        prop_assert!(table.iter().all(|line| line.len() == Columns::default().as_slice().len()));
        let indices = table.iter().skip(1).map(|line| line[0].parse::<u64>().unwrap()).collect::<Vec<_>>();
        prop_assert_eq!(&indices, &expected);

        prop_assert_eq!(read_parquet(run(&export(Format::Parquet), &naive)).len(), expected.len());
    }
}

/// Events one second apart, a few hundred bytes each.
fn many(count: u32) -> Naive {
    let event = |at: u32| {
        let mut event = Event::new("auth.login", Source::Api);
        event.time = Some(Timestamp::from_micros(1_772_323_200_000_000 + i64::from(at) * 1_000_000));
        event.message = Some("x".repeat(400).into());
        event
    };
    Naive::new(generate::encode(&(0..count).map(event).collect::<Vec<_>>()))
}

/// The index that [`generate::encode`] put into the id.
fn id_of(event: &serde_json::Value) -> u64 {
    event["id"].as_str().unwrap().strip_prefix("e-").unwrap().parse().unwrap()
}

/// The cells of a CSV file, read by a parser that is not ours.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut reader, mut rest) = (csv_core::Reader::new(), text.as_bytes());
    let (mut table, mut line, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut buffer = [0; 4096];
        let (result, read, written) = reader.read_field(rest, &mut buffer);
        rest = &rest[read..];
        cell.extend_from_slice(&buffer[..written]);
        match result {
            csv_core::ReadFieldResult::Field { record_end } => {
                line.push(String::from_utf8(std::mem::take(&mut cell)).unwrap());
                if record_end {
                    table.push(std::mem::take(&mut line));
                }
            }
            csv_core::ReadFieldResult::End => return table,
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
        }
    }
}

/// The rows of a Parquet file as JSON text.
fn read_parquet(file: Vec<u8>) -> Vec<String> {
    use parquet::file::reader::FileReader;
    let reader = parquet::file::reader::SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| format_row(&row.unwrap())).collect()
}

/// A row's values that are there, one `name = value` after the other.
fn format_row(row: &parquet::record::Row) -> String {
    let present = row.get_column_iter().filter(|(_, value)| !matches!(value, parquet::record::Field::Null));
    present.map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join("\n") + "\n"
}
