//! What is kept of exports.

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

fn control() -> (tempfile::TempDir, Control) {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(&directory.path().join("control.db")).unwrap();
    (directory, control)
}

fn export(number: i64) -> Export {
    Export {
        id: format!("exp_{number}"),
        name: "march".to_owned(),
        state: ExportState::Queued,
        format: "csv".to_owned(),
        owner: format!("tok_{}", number % 2),
        owner_name: "ada".to_owned(),
        scope: String::new(),
        author: "{}".to_owned(),
        question: "{}".to_owned(),
        tree_size: 7,
        total: 5,
        created: Timestamp::from_micros(NOW.as_micros() + number),
        ended: None,
        rows: 0,
        bytes: 0,
        position: None,
        sha256: None,
        ends: None,
        reason: None,
        event_id: format!("exp_{number}.end"),
        recorded: false,
    }
}

fn done() -> ExportEnd {
    ExportEnd {
        state: ExportState::Done,
        at: NOW,
        rows: 5,
        bytes: 500,
        sha256: Some("ab".repeat(32)),
        ends: Some((1, 6)),
        reason: None,
    }
}

fn ids(exports: &[Export]) -> Vec<&str> {
    exports.iter().map(|export| export.id.as_str()).collect()
}

#[test]
fn what_was_added_is_there_newest_first_for_all_or_for_one() {
    let (_kept, control) = control();
    for number in 1..=3 {
        control.add_export(&export(number)).unwrap();
    }
    assert_eq!(control.export("exp_2").unwrap(), Some(export(2)));
    assert_eq!(control.export("exp_9").unwrap(), None);
    assert_eq!(ids(&control.exports(None, 10).unwrap()), ["exp_3", "exp_2", "exp_1"]);
    assert_eq!(ids(&control.exports(None, 1).unwrap()), ["exp_3"]);
    assert_eq!(ids(&control.exports(Some("tok_1"), 10).unwrap()), ["exp_3", "exp_1"]);
}

#[test]
fn an_export_runs_and_ends_once() {
    let (_kept, control) = control();
    control.add_export(&export(1)).unwrap();
    control.note_export_position("exp_1", (2, 200), Some("here")).unwrap();
    let running = control.export("exp_1").unwrap().unwrap();
    assert_eq!((running.state, running.rows, running.bytes), (ExportState::Running, 2, 200));
    assert_eq!(running.position.as_deref(), Some("here"));

    assert!(control.end_export("exp_1", &done()).unwrap());
    assert!(!control.end_export("exp_1", &ExportEnd { state: ExportState::Cancelled, ..done() }).unwrap());
    control.note_export_position("exp_1", (1, 1), None).unwrap();
    control.note_export_recorded("exp_1").unwrap();
    let ended = control.export("exp_1").unwrap().unwrap();
    assert_eq!((ended.state, ended.rows, ended.ends), (ExportState::Done, 5, Some((1, 6))));
    assert!(ended.recorded);
    assert_eq!(ended.position, None);
}

#[test]
fn only_what_has_a_file_loses_it() {
    let (_kept, control) = control();
    control.add_export(&export(1)).unwrap();
    assert!(!control.retire_export("exp_1", ExportState::Deleted).unwrap());
    control.end_export("exp_1", &done()).unwrap();
    assert!(control.retire_export("exp_1", ExportState::Expired).unwrap());
    assert!(!control.retire_export("exp_1", ExportState::Deleted).unwrap());
    assert_eq!(control.export("exp_1").unwrap().unwrap().state, ExportState::Expired);
}

#[test]
fn the_oldest_are_forgotten_unless_they_have_a_file_or_work_to_do() {
    let (_kept, control) = control();
    for number in 1..=5 {
        control.add_export(&export(number)).unwrap();
    }
    for number in [2, 3, 4] {
        control.end_export(&format!("exp_{number}"), &done()).unwrap();
        control.note_export_recorded(&format!("exp_{number}")).unwrap();
    }
    for number in [3, 4] {
        control.retire_export(&format!("exp_{number}"), ExportState::Deleted).unwrap();
    }
    control.forget_exports(2).unwrap();
    assert_eq!(ids(&control.exports(None, 10).unwrap()), ["exp_5", "exp_4", "exp_2", "exp_1"]);
}
