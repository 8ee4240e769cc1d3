//! A destination that only looks whether events are valid.

use std::convert::Infallible;

use audit_event::{EncodeParams, Encoder, Event, Timestamp};
use audit_pipeline::{
    import::{Appended, Destination},
    intake::{BadLine, BadLines},
};

/// Takes every event, records none.
pub(super) struct Check;

impl Destination for Check {
    type Error = Infallible;

    fn append(&mut self, events: &[Event<'_>]) -> Result<Appended, Infallible> {
        let params =
            EncodeParams { seed: [0; 16], recorded_at: Timestamp::MIN, instance: Some("check".into()) };
        let mut encoder = Encoder::new(params);
        let mut invalid = BadLines::default();
        for (line, event) in (1..).zip(events) {
            if let Err(error) = encoder.encode(event) {
                invalid.total += 1;
                invalid.listed.push(BadLine {
                    line,
                    id: event.id.as_deref().map(str::to_owned),
                    code: error.code(),
                    message: error.to_string(),
                    field: error.field,
                });
            }
        }
        Ok(Appended { new: events.len() as u64 - invalid.total, duplicates: 0, differing: 0, invalid })
    }
}
