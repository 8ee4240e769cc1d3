//! A running server as the destination of an import.

use std::time::Duration;

use audit_event::{EncodeParams, Encoder, Entry, Event, Timestamp};
use audit_pipeline::{
    import::{Appended, Destination},
    intake::{BadLine, BadLines},
};
use bytes::Bytes;
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::api::{Api, Problem, Query, is_busy};

/// How often a batch is offered to a busy server, half a second apart.
const OFFERS: u32 = 120;

/// Sends events to a server.
pub(super) struct Upload {
    api: Api,
    runtime: Handle,
}

/// Why the server takes no more.
#[derive(Debug)]
pub(super) struct UploadError(anyhow::Error);

impl std::fmt::Display for UploadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for UploadError {}

/// What the server answers.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    recorded: u64,
    duplicates: u64,
    #[serde(default)]
    differing: Vec<String>,
    #[serde(default)]
    skipped: u64,
    #[serde(default)]
    errors: Vec<LineError>,
}

#[derive(Debug, Deserialize)]
struct LineError {
    line: u64,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    message: String,
}

impl Upload {
    /// Sends to `api`, from a thread that may block.
    pub(super) fn new(api: Api, runtime: Handle) -> Self {
        Self { api, runtime }
    }

    fn send(&self, body: &Bytes) -> anyhow::Result<Answer> {
        let mut query = Query::default();
        query.add("on_error", "skip");
        for _ in 0..OFFERS {
            let sent = self.runtime.block_on(async {
                let answer = self.api.post("/events", &query, "application/x-ndjson", body.clone()).await?;
                answer.whole().await
            });
            match sent {
                Ok(body) => return Ok(serde_json::from_slice(&body)?),
                Err(error) => match error.downcast_ref::<Problem>() {
                    Some(problem) if is_busy(problem.status) && problem.code() == "busy" => {
                        std::thread::sleep(Duration::from_millis(500));
                    }
                    _ => return Err(error),
                },
            }
        }
        anyhow::bail!("the server stayed busy for {} s: try again later", OFFERS / 2)
    }
}

impl Destination for Upload {
    type Error = UploadError;

    fn append(&mut self, events: &[Event<'_>]) -> Result<Appended, UploadError> {
        let mut invalid = BadLines::default();
        let mut lines = Vec::new();
        let mut body = Vec::new();
        let params = EncodeParams { seed: [0; 16], recorded_at: Timestamp::MIN, instance: None };
        let mut encoder = Encoder::new(params);
        for (line, event) in (1..).zip(events) {
            match encoder.encode(event) {
                Ok(encoded) => {
                    lines.push(line);
                    if let Ok(entry) = Entry::decode(&encoded.bytes) {
                        entry.write_json(&mut body);
                        body.push(b'\n');
                    }
                }
                Err(error) => {
                    invalid.total += 1;
                    invalid.listed.push(BadLine {
                        line,
                        id: None,
                        code: error.code(),
                        message: error.to_string(),
                        field: error.field,
                    });
                }
            }
        }
        if lines.is_empty() {
            return Ok(Appended { new: 0, duplicates: 0, differing: 0, invalid });
        }
        let answer = self.send(&Bytes::from(body)).map_err(UploadError)?;
        invalid.total += answer.skipped.max(answer.errors.len() as u64);
        invalid.listed.extend(answer.errors.into_iter().map(|error| {
            let at = usize::try_from(error.line.saturating_sub(1)).unwrap_or(usize::MAX);
            BadLine {
                line: lines.get(at).copied().unwrap_or(error.line),
                id: error.id,
                field: error.field.unwrap_or_default(),
                code: "refused",
                message: error.message,
            }
        }));
        Ok(Appended {
            new: answer.recorded,
            duplicates: answer.duplicates,
            differing: answer.differing.len() as u64,
            invalid,
        })
    }
}
