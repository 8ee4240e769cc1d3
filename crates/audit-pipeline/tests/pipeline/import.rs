//! Importing files: what is taken, what is skipped and why, and that repeating changes nothing.

use std::io::Cursor;
use std::ops::ControlFlow;

use crate::store::Store;
use audit_event::Event;
use audit_pipeline::import::{Appended, Destination, Error, Options, Progress, Report, import};
use audit_pipeline::intake::Error as IntakeError;
use audit_pipeline::sources::Format;

const METADATA: &str = include_str!("../data/audit-metadata.log");
const REQUEST_RESPONSE: &str = include_str!("../data/audit-request-response.log");
const WEBHOOKS: &str = include_str!("../data/webhooks.ndjson");

fn nothing_known(ids: &[&str]) -> Vec<bool> {
    vec![false; ids.len()]
}

fn run(store: &mut Store, file: &[u8], options: Options) -> Result<Report, Error<IntakeError>> {
    let go_on = &mut |_: Progress| ControlFlow::Continue(());
    import(&mut Cursor::new(file), options, &mut store.intake, &nothing_known, go_on)
}

fn take(store: &mut Store, file: &str) -> Report {
    run(store, file.as_bytes(), Options::default()).expect("the file is read")
}

fn native(id: u64) -> String {
    format!("{{\"id\":\"n-{id}\",\"action\":\"chat.deleted\",\"source\":\"api\"}}\n")
}

/// Line and code of what was skipped.
fn skipped(report: &Report) -> Vec<(u64, &'static str)> {
    report.skipped.listed.iter().map(|bad| (bad.line, bad.code)).collect()
}

#[test]
fn recordings_are_taken_and_taken_only_once() {
    for (file, format, events) in [
        (METADATA, Format::OpenWebUiAudit, 181),
        (REQUEST_RESPONSE, Format::OpenWebUiAudit, 172),
        (WEBHOOKS, Format::OpenWebUiWebhook, 164),
    ] {
        let mut store = Store::new();
        let lines = file.lines().count() as u64;
        let first = take(&mut store, file);
        assert_eq!(first.format, Some(format), "the format is told from the first line");
        assert_eq!((first.lines, first.taken, first.duplicates), (lines, events, lines - events));
        assert_eq!(first.skipped.total, 0);
        let second = take(&mut store, file);
        assert_eq!((second.taken, second.duplicates), (0, lines));
        assert_eq!(store.size(), events);
    }
}

#[test]
fn what_we_export_can_be_imported() {
    let mut store = Store::new();
    take(&mut store, METADATA);
    let exported: String = (0..store.size()).map(|index| store.event(index).to_string() + "\n").collect();
    let mut other = Store::new();
    let report = take(&mut other, &exported);
    assert_eq!(report.format, Some(Format::Native));
    assert_eq!((report.taken, report.skipped.total), (181, 0));
    assert_eq!(other.event(7)["id"], store.event(7)["id"]);
    assert_eq!(other.event(7)["time"], store.event(7)["time"]);
    assert_eq!(take(&mut store, &exported).duplicates, 181);
}

#[test]
fn ids_known_elsewhere_are_duplicates() {
    let mut store = Store::new();
    let file: String = (0..10).map(native).collect();
    let known = |ids: &[&str]| ids.iter().map(|id| *id == "n-3" || *id == "n-7").collect();
    let go_on = &mut |_: Progress| ControlFlow::Continue(());
    let report = import(&mut Cursor::new(&file), Options::default(), &mut store.intake, &known, go_on);
    let report = report.expect("the file is read");
    assert_eq!((report.taken, report.duplicates), (8, 2));
}

#[test]
fn equal_lines_without_ids_are_several_events_and_the_same_ones_when_repeated() {
    let line = "{\"action\":\"chat.deleted\",\"source\":\"api\",\"time\":\"2026-01-02T03:04:05Z\"}\n";
    let other = "{\"action\":\"chat.created\",\"source\":\"api\",\"time\":\"2026-01-02T03:04:05Z\"}\n";
    let file = [line, other, line].concat();
    let mut store = Store::new();
    assert_eq!(take(&mut store, &file).taken, 3);
    assert_eq!(take(&mut store, &file).duplicates, 3);
    // The file has grown, and lost its line ends' style on the way.
    let grown = [&file, line].concat().replace('\n', "\r\n");
    let report = take(&mut store, &grown);
    assert_eq!((report.taken, report.duplicates), (1, 3));
}

#[test]
fn bad_lines_are_skipped_and_named() {
    let mut file = native(1).into_bytes();
    file.extend_from_slice(b"{\"action\":\"chat.deleted\",\"source\":\"api\",\"reason\":\"\xFF\"}\n");
    file.extend_from_slice(b"\n");
    file.extend_from_slice(b"{\"action\":\"chat.deleted\",\"source\":\"api\",\"colour\":1}\n");
    file.extend_from_slice(b"{\"action\":\"no.such_action\",\"source\":\"api\"}\n");
    file.extend_from_slice(&vec![b'x'; 5 << 20]);
    file.push(b'\n');
    file.extend_from_slice(native(2).as_bytes());
    file.extend_from_slice(b"{\"action\":\"chat.dele");
    let mut store = Store::new();
    let report = run(&mut store, &file, Options::default()).expect("the file is read");
    assert_eq!((report.lines, report.taken), (8, 2));
    assert_eq!(
        skipped(&report),
        [(2, "invalid_utf8"), (4, "unknown_field"), (5, "unknown_action"), (6, "too_long"), (8, "truncated")]
    );
}

#[test]
fn a_last_line_without_line_end_is_taken_when_it_is_whole() {
    let mut store = Store::new();
    let file = native(1) + native(2).trim_end();
    assert_eq!(take(&mut store, &file).taken, 2);
}

#[test]
fn skipped_lines_are_counted_beyond_those_listed() {
    let mut store = Store::new();
    let file = native(1) + &"{}\n".repeat(500);
    let options = Options { max_listed: 4, ..Options::default() };
    let report = run(&mut store, file.as_bytes(), options).expect("the file is read");
    assert_eq!((report.taken, report.skipped.total, report.skipped.listed.len()), (1, 500, 4));
}

#[test]
fn an_unknown_format_is_an_error_and_not_five_thousand_skipped_lines() {
    let mut store = Store::new();
    let file = "\n# a log of something else\nkey=value\n";
    let result = run(&mut store, file.as_bytes(), Options::default());
    assert!(matches!(result, Err(Error::UnknownFormat { line: 2 })), "{result:?}");
    let damaged_at_first = format!("{{\"id\": oops\n{METADATA}");
    let report = take(&mut store, &damaged_at_first);
    assert_eq!((report.taken, skipped(&report)), (181, vec![(1, "malformed_json")]));
}

#[test]
fn an_empty_file_is_no_error() {
    let mut store = Store::new();
    for file in ["", "\n\n"] {
        let report = take(&mut store, file);
        assert_eq!((report.format, report.taken), (None, 0));
    }
}

#[test]
fn a_cancelled_import_takes_up_where_it_was() {
    let mut store = Store::new();
    let file: String = (0..5_000).map(native).collect();
    let mut batches = 0;
    let stop_after_two = &mut |_: Progress| {
        batches += 1;
        if batches == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = Options::default();
    let report = import(&mut Cursor::new(&file), options, &mut store.intake, &nothing_known, stop_after_two);
    let report = report.expect("the file is read");
    assert!(report.cancelled);
    assert_eq!(report.taken, 2_000);
    let report = take(&mut store, &file);
    assert_eq!((report.taken, report.duplicates), (3_000, 2_000));
}

#[test]
fn progress_counts_bytes_and_lines() {
    let mut store = Store::new();
    let file: String = (0..2_500).map(native).collect();
    let mut seen = Vec::new();
    let watch = &mut |progress: Progress| {
        seen.push(progress);
        ControlFlow::Continue(())
    };
    import(&mut Cursor::new(&file), Options::default(), &mut store.intake, &nothing_known, watch)
        .expect("the file is read");
    assert_eq!(seen.iter().map(|progress| progress.lines).collect::<Vec<_>>(), [1_000, 2_000, 2_500]);
    assert_eq!(seen[2].bytes, file.len() as u64);
}

#[test]
fn a_full_disk_ends_the_import_and_repeating_takes_the_rest() {
    let mut store = Store::new();
    let file: String = (0..5_000).map(native).collect();
    let disk = store.disk.clone();
    let fill_the_disk = &mut |_: Progress| {
        disk.set_capacity(disk.used_bytes());
        ControlFlow::Continue(())
    };
    let options = Options::default();
    let result = import(&mut Cursor::new(&file), options, &mut store.intake, &nothing_known, fill_the_disk);
    assert!(matches!(result, Err(Error::Destination(IntakeError::DiskFull { .. }))), "{result:?}");
    store.disk.set_capacity(u64::MAX);
    let report = take(&mut store, &file);
    assert_eq!((report.taken, report.duplicates), (4_000, 1_000));
}

/// Takes nothing.
struct Unreachable;

impl Destination for Unreachable {
    type Error = &'static str;

    fn append(&mut self, _: &[Event<'_>]) -> Result<Appended, &'static str> {
        Err("the server is gone")
    }
}

#[test]
fn the_destination_s_error_ends_the_import() {
    let file: String = (0..10).map(native).collect();
    let go_on = &mut |_: Progress| ControlFlow::Continue(());
    let result = import(&mut Cursor::new(&file), Options::default(), &mut Unreachable, &nothing_known, go_on);
    assert!(matches!(result, Err(Error::Destination("the server is gone"))));
}

#[test]
fn the_recordings_are_recorded_as_they_were_read() {
    let mut store = Store::new();
    take(&mut store, METADATA);
    let usage =
        (0..store.size()).map(|index| store.event(index)).find(|event| event["action"] == "model.called");
    let usage = usage.expect("there is token usage");
    assert_eq!(usage["source"], "audit_file");
    assert_eq!(usage["category"], "model_usage");
    assert_eq!(usage["time"], "2026-11-23T02:16:12.000000Z");
    assert_eq!(usage["usage"]["input_tokens"], 12);
    assert_eq!(usage["client"]["ip"], "127.0.0.31");
}
