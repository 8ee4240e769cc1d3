//! The worked example of `docs/FORMAT.md` is what this code does.

use std::fmt::Write as _;

use audit_event::disclosure::Disclosure;
use audit_event::{EncodeParams, Encoder, Entry, Group, GroupState, Timestamp, erase};
use sha2::{Digest as _, Sha256};

const FORMAT: &str = include_str!("../../../docs/FORMAT.md");

const SENT: &str = r#"{"action":"auth.login_failed","time":"2026-03-01T12:59:58.5+01:00","outcome":"failure","id":"evt-0001","reason":"invalid_credentials","actor":{"type":"anonymous","email":"zoë@example.test"},"client":{"ip":"203.0.113.77"},"latency_ms":12.50,"details":{"€":1e3,"\r":"a\/b","try":3}}"#;

#[test]
fn the_worked_example_is_right() {
    let seed = std::array::from_fn(|index| u8::try_from(index).expect("small"));
    let recorded_at = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time");
    let mut encoder = Encoder::new(EncodeParams { seed, recorded_at, instance: Some("main".into()) });
    let encoded = encoder.encode_json(SENT.as_bytes()).expect("valid");
    let entry = Entry::decode(&encoded.bytes).expect("an entry");
    let salted = erase::to_salted(&encoded.bytes).expect("an entry");

    let mut example = String::new();
    line(&mut example, "sent", SENT);
    line(&mut example, "seed", &hex(&seed));
    line(&mut example, "event salt", &hex(&salted[2..18]));
    for group in Group::ALL {
        let (salt, digest) = (entry.group_salts()[group.index()], entry.digests()[group.index()]);
        match entry.group(*group) {
            GroupState::Present(bytes) => {
                line(&mut example, &format!("{group} bytes"), std::str::from_utf8(bytes).expect("UTF-8"));
            }
            _ => line(&mut example, &format!("{group} bytes"), "(absent)"),
        }
        line(&mut example, &format!("{group} salt"), &hex(&salt));
        line(&mut example, &format!("{group} digest"), &hex(&digest));
    }
    let leaf = encoded.leaf.as_bytes();
    line(&mut example, "leaf data", &format!("01 and the seven digests, {} bytes", leaf.len()));
    line(&mut example, "leaf hash", &hex(&Sha256::new().chain_update([0]).chain_update(leaf).finalize()));
    line(&mut example, "SHA-256 of the seeded entry", &hex(&Sha256::digest(&encoded.bytes)));
    line(&mut example, "SHA-256 of the salted entry", &hex(&Sha256::digest(&salted)));
    let pruned = erase::erase(&encoded.bytes, [Group::Actor].into_iter().collect()).expect("an entry");
    line(&mut example, "SHA-256 of the entry with the actor erased", &hex(&Sha256::digest(&pruned)));
    let disclosure = Disclosure::new(&entry, [Group::Actor, Group::Usage].into_iter().collect());
    line(&mut example, "disclosure of actor and usage", &disclosure.to_json());

    assert!(FORMAT.contains(&example), "docs/FORMAT.md should hold this:\n{example}");
}

#[test]
fn the_table_of_limits_is_right() {
    use audit_event::limits;
    for row in [
        format!("| `id` | {} visible ASCII characters |", limits::ID_BYTES),
        format!(
            "| `action`, `reason`, `target.type`, `http.method`, `http.request_id` | {} |",
            limits::CODE_BYTES
        ),
        format!("| `instance`, `session_id` | {} |", limits::INSTANCE_BYTES),
        format!(
            "| `sender`, other ids, names, `email`, `role`, `department`, a group, a hop of `forwarded_for` | {} |",
            limits::NAME_BYTES
        ),
        format!("| `user_agent`, `http.path` | {} |", limits::HEADER_BYTES),
        format!("| `message` | {} |", limits::MESSAGE_BYTES),
        format!("| `org.groups`, `client.forwarded_for` | {} items |", limits::LIST_ITEMS),
        format!("| `targets`, `changes` | {} items |", limits::BULK_ITEMS),
        format!("| nesting inside `details`, `before`, `after` | {} levels |", limits::DEPTH),
        format!("| the whole event in canonical form | {} |", limits::EVENT_BYTES),
    ] {
        assert!(FORMAT.contains(&row), "docs/FORMAT.md should hold this:\n{row}");
    }
}

fn line(example: &mut String, name: &str, value: &str) {
    writeln!(example, "{name}\n    {value}").expect("strings take it");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
