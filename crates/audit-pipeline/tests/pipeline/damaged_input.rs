//! Whatever is in a file or a request: nothing panics, and nothing that is refused leaves a trace.

use audit_event::{EncodeParams, Encoder, Timestamp};
use audit_pipeline::import::{Options, import};
use audit_pipeline::intake::{Error, Framing, OnError};
use audit_pipeline::sources::Format;
use proptest::prelude::*;
use std::io::Cursor;
use std::ops::ControlFlow;

use crate::store::Store;

const RECORDED: &[(Format, &str)] = &[
    (Format::OpenWebUiAudit, include_str!("../data/audit-metadata.log")),
    (Format::OpenWebUiAudit, include_str!("../data/audit-request-response.log")),
    (Format::OpenWebUiWebhook, include_str!("../data/webhooks.ndjson")),
];

/// A recorded line with some bytes replaced, and perhaps cut.
fn damaged_line() -> impl Strategy<Value = (Format, Vec<u8>)> {
    let replacements = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let cut = prop::option::of(any::<prop::sample::Index>());
    (0..RECORDED.len(), any::<prop::sample::Index>(), replacements, cut).prop_map(
        |(file, line, replacements, cut)| {
            let (format, text) = RECORDED[file];
            let lines: Vec<&str> = text.lines().collect();
            let mut line = line.get(&lines).as_bytes().to_vec();
            for (at, byte) in replacements {
                let at = at.index(line.len());
                line[at] = byte;
            }
            if let Some(cut) = cut {
                line.truncate(cut.index(line.len()));
            }
            (format, line)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_damaged_line_is_an_event_or_refused((format, line) in damaged_line()) {
        let mut encoder = Encoder::new(EncodeParams {
            seed: [3; 16],
            recorded_at: Timestamp::from_micros(1_795_500_000_000_000),
            instance: None,
        });
        match format.read(&line) {
            Ok(event) => drop(encoder.encode(&event)),
            Err(refusal) => prop_assert!(!refusal.message.is_empty() && !refusal.code.is_empty()),
        }
        let _looked_at = Format::sniff(&line);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_request_is_recorded_as_a_whole_or_not_at_all(
        good in 0..40_u64,
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let store = Store::new();
        let event = |id| format!("{{\"id\":\"e-{id}\",\"action\":\"chat.deleted\",\"source\":\"api\"}}\n");
        let mut body: Vec<u8> = (0..good).flat_map(|id| event(id).into_bytes()).collect();
        if let Some((at, byte)) = damage && !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        match store.intake.append(&body, Framing::Lines, OnError::Reject) {
            Ok(taken) => prop_assert_eq!(store.size(), (taken.ids.len() - taken.duplicates()) as u64),
            Err(Error::Invalid(bad)) => {
                prop_assert!(bad.total > 0);
                prop_assert_eq!(store.size(), 0);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn every_line_of_a_damaged_file_is_accounted_for(lines in prop::collection::vec(damaged_line(), 1..40)) {
        let mut store = Store::new();
        let file: Vec<u8> = lines.into_iter().flat_map(|(_, line)| [line, b"\n".to_vec()].concat()).collect();
        let options = Options { format: Some(Format::OpenWebUiAudit), ..Options::default() };
        let none_known = |ids: &[&str]| vec![false; ids.len()];
        let go_on = &mut |_| ControlFlow::Continue(());
        let report = import(&mut Cursor::new(&file), options, &mut store.intake, &none_known, go_on);
        let report = report.expect("nothing stops it");
        let empty = file.split(|byte| *byte == b'\n').filter(|line| line.trim_ascii().is_empty()).count() as u64;
        // What follows the last line feed is no line.
        prop_assert_eq!(report.taken + report.duplicates + report.skipped.total, report.lines - (empty - 1));
        prop_assert_eq!(store.size(), report.taken);
    }
}
