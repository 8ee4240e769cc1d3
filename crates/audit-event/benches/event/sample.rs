//! A sample of events like a chat platform's, made by a small generator so that it is the same everywhere.

/// 1,000 lines of JSON, about 900 bytes each.
pub fn lines() -> Vec<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "a bench chooses its sample")]
    match std::env::var("AUDIT_EVENT_SAMPLE") {
        Ok(path) => from_file(&path),
        Err(_) => (0..1000).map(generated).collect(),
    }
}

fn from_file(path: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read(path).expect("a readable sample");
    text.split(|&b| b == b'\n').filter(|line| !line.is_empty()).take(1000).map(<[u8]>::to_vec).collect()
}

const ACTIONS: &[(&str, &str, &str)] = &[
    ("auth.login", "authentication", "session"),
    ("chat.updated", "conversation", "chat"),
    ("message.created", "conversation", "message"),
    ("file.uploaded", "file", "file"),
    ("model.called", "model_usage", "model"),
    ("model.called", "model_usage", "model"),
    ("automation.run_completed", "system", "automation"),
];
const PARTS: &[&str] = &["brake-rotor", "alternator", "catalytic-converter", "fuel-pump", "radiator"];
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                     Safari/537.36";

fn generated(index: u64) -> Vec<u8> {
    let bits = |salt: u64| mix(index * 8 + salt);
    let (action, category, target) = ACTIONS[usize::try_from(bits(0)).unwrap_or(0) % ACTIONS.len()];
    let part = PARTS[usize::try_from(bits(1)).unwrap_or(0) % PARTS.len()];
    let (user, hex) = (bits(2) % 5000, bits(3));
    let usage = match category {
        "model_usage" => format!(
            r#""usage":{{"input_tokens":{},"output_tokens":{}}},"model":{{"id":"gpt-5.2"}},"#,
            bits(4) % 9000,
            bits(5) % 3000
        ),
        _ => String::new(),
    };
    let uuid = |n: u64| {
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            n >> 32,
            n & 0xffff,
            n & 0xfff,
            n >> 52,
            n & 0xffff_ffff_ffff
        )
    };
    format!(
        r#"{{"id":"{hex:016x}{:016x}","time":"2025-11-{:02}T{:02}:01:21.402078Z","category":"{category}","action":"{action}","outcome":"success","actor":{{"type":"user","id":"{}","name":"Emma Haddad","email":"emma.haddad.{user}@partsco.example"}},"session_id":"{:012x}","target":{{"type":"{target}","id":"{}","name":"{part}-{user}"}},"message":"Emma Haddad {action} document {part}-catalog-{user}.pdf",{usage}"details":{{"part":"{part}"}},"org":{{"role":"user","department":"Engineering"}},"client":{{"ip":"10.4.{}.{}","user_agent":"{AGENT}"}},"source":"api","instance":"bench","latency_ms":{},"http":{{"method":"POST","path":"/api/v1/{target}s/{}","status":200,"request_id":"{:016x}"}}}}"#,
        bits(6),
        index % 28 + 1,
        index % 24,
        uuid(mix(user)),
        hex & 0xffff_ffff_ffff,
        uuid(bits(7)),
        user % 256,
        hex % 256,
        hex % 900,
        uuid(bits(7)),
        bits(4),
    )
    .into_bytes()
}

/// SplitMix64.
fn mix(index: u64) -> u64 {
    let mut z = index.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
