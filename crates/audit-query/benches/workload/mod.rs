//! Events like those of the benchmark workload: about 970 bytes of JSON each, six categories, a year, some
//! thousand users of whom few do most.

#![allow(clippy::unwrap_used, reason = "what the workload makes is valid")]
#![allow(dead_code, reason = "each bench uses its part")]

use audit_event::{EncodeParams, Encoded, Encoder, Timestamp};
use std::io::Write as _;

/// 2025-11-01T00:00:00Z.
const BEGIN: i64 = 1_761_955_200_000_000;
const ACTIONS: [(&str, &str); 8] = [
    ("model.called", "model"),
    ("auth.login", "session"),
    ("chat.created", "chat"),
    ("model.called", "model"),
    ("file.uploaded", "file"),
    ("auth.login_failed", "session"),
    ("chat.updated", "chat"),
    ("model.called", "model"),
];
const MODELS: [&str; 5] = ["gpt-5.2", "claude-opus-4.7", "gemini-3-pro", "llama4:70b", "qwen3:32b"];
const DEPARTMENTS: [&str; 6] = ["Finance", "Engineering", "Warranty", "Legal", "IT", "Inside Sales"];
const PARTS: [&str; 6] = ["brake-rotor", "alternator", "fuel-pump", "radiator", "timing-belt", "water-pump"];

/// The entries of events `begin..end` of the workload, of which there are `of` in the year.
pub fn entries(begin: u64, end: u64, of: u64) -> Vec<Encoded> {
    let recorded_at = Timestamp::from_micros(BEGIN + 366 * 86_400 * 1_000_000);
    let mut encoder = Encoder::new(EncodeParams { seed: seed(begin), recorded_at, instance: None });
    let mut line = Vec::new();
    let mut encode = |at| {
        line.clear();
        write_event(at, of, &mut line);
        encoder.encode_json(&line).unwrap()
    };
    (begin..end).map(&mut encode).collect()
}

fn seed(batch: u64) -> [u8; 16] {
    let mut seed = [0; 16];
    seed[..8].copy_from_slice(&batch.to_be_bytes());
    seed
}

fn write_event(at: u64, of: u64, line: &mut Vec<u8>) {
    let time = Timestamp::from_micros(BEGIN + i64::try_from(at * (365 * 86_400_000_000 / of)).unwrap());
    let (r, s, t) = (mix(at), mix(at ^ 0xABCD), mix(at ^ 0x1234_5678));
    let pick = |r: u64, n: usize| usize::try_from(r % n as u64).unwrap();
    let (action, kind) = ACTIONS[pick(r, 8)];
    let user = (r % 5000) * (s % 5000) / 5000;
    let failed = action.ends_with("failed");
    let (model, department, part) = (MODELS[pick(s, 5)], DEPARTMENTS[pick(user, 6)], PARTS[pick(t, 6)]);
    let (outcome, status) = if failed { ("failure", 401) } else { ("success", 200) };
    let usage = if kind == "model" {
        format!(
            r#""model":{{"id":"{model}"}},"usage":{{"input_tokens":{},"output_tokens":{}}},"#,
            s % 9000,
            t % 3000
        )
    } else {
        String::new()
    };
    write!(
        line,
        r#"{{"id":"{r:016x}{s:016x}","time":"{time}","action":"{action}","outcome":"{outcome}","source":"api","instance":"bench","actor":{{"type":"user","id":"{:08x}-1111-4222-a333-{user:012x}","name":"Ava Smith","email":"ava.smith.{user}@partsco.example"}},"org":{{"role":"user","department":"{department}"}},"client":{{"ip":"10.{}.{}.{}","user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"}},"session_id":"{:012x}","target":{{"type":"{kind}","id":"{t:016x}-{r:08x}","name":"{part}-{}"}},{usage}"latency_ms":{},"message":"Ava Smith {action} about {part} fitment and pricing","http":{{"method":"POST","path":"/api/v1/{kind}s/{t:016x}","status":{status},"request_id":"{:016x}"}},"details":{{"part":"{part}","note":"as ordered by the branch office"}}}}"#,
        mix(user) & 0xffff_ffff,
        user % 7,
        user % 256,
        user % 199,
        138 + r % 5,
        s & 0xffff_ffff_ffff,
        s & 4095,
        r % 900,
        mix(t),
    )
    .unwrap();
}

/// A number that looks random (the finaliser of SplitMix64).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}
