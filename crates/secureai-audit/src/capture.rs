//! Whether less is recorded than before the restart. A restart with other settings cannot be stopped, only revealed.

use std::collections::BTreeMap;

use audit_control::Control;
use audit_event::{Category, Change, Event, Json, Outcome, Timestamp};
use audit_gateway::recorder::Mode;
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::store::system_event;

/// Where the control database has what was recorded before.
const REMEMBERED: &str = "capture";

const STRICT: &str = "strict";

/// What is recorded, by what decides it; a missing one records nothing.
pub(crate) type Capture = BTreeMap<String, String>;

/// What the settings make the server record.
pub(crate) fn of(config: &Config) -> anyhow::Result<Capture> {
    let mut capture = Capture::new();
    if let Some(upstream) = &config.gateway.upstream {
        capture.insert("gateway.upstream".to_owned(), upstream.clone());
        let modes = config.gateway.modes()?;
        for category in Category::ALL {
            let mode = if modes.of(*category) == Mode::Strict { STRICT } else { "async" };
            capture.insert(format!("gateway.modes.{category}"), mode.to_owned());
        }
        if let Some(file) = &config.gateway.routes_file {
            let digest = Sha256::digest(std::fs::read(file)?);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            capture.insert("gateway.routes_file".to_owned(), format!("sha256:{hex}"));
        }
    }
    if let Some(file) = &config.sources.audit_file {
        capture.insert("sources.audit_file".to_owned(), file.display().to_string());
    }
    Ok(capture)
}

/// Compares what is recorded now with what was before, remembers it, and gives the event that tells of less.
pub(crate) fn compare(
    control: &Control,
    now_recorded: &Capture,
    now: Timestamp,
) -> anyhow::Result<Option<Event<'static>>> {
    let before = control.remembered(REMEMBERED)?;
    let before: Option<Capture> = before.map(|(text, _)| serde_json::from_str(&text)).transpose()?;
    if before.as_ref() != Some(now_recorded) {
        control.remember(REMEMBERED, &serde_json::to_string(now_recorded)?, now)?;
    }
    let lowered = before.map(|before| lowered(&before, now_recorded)).unwrap_or_default();
    if lowered.is_empty() {
        return Ok(None);
    }
    let names: Vec<_> = lowered.iter().map(|change| change.field.as_ref()).collect();
    let message = format!("Less may be recorded than before the restart: {}", names.join(", "));
    let mut event = system_event("system.capture_lowered");
    event.outcome = Outcome::Success;
    event.message = Some(message.into());
    event.changes = lowered;
    Ok(Some(event))
}

/// What was recorded and is not any more, or with less certainty. Another route table may record less; which it does
/// cannot be told from its bytes, so every change of it counts.
fn lowered(before: &Capture, after: &Capture) -> Vec<Change<'static>> {
    let is_lower = |name: &str, was: Option<&String>, is: Option<&String>| match (was, is) {
        (Some(_), None) => true,
        (Some(was), Some(is)) if name.starts_with("gateway.modes.") => was == STRICT && is != STRICT,
        (was, Some(_)) if name == "gateway.routes_file" => was != is,
        _ => false,
    };
    let gateway_is_off = before.contains_key("gateway.upstream") && !after.contains_key("gateway.upstream");
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let changed = names.filter_map(|name| {
        let (was, is) = (before.get(name), after.get(name));
        // One change says it all.
        let is_part_of_gateway = name.starts_with("gateway.") && name != "gateway.upstream";
        if !is_lower(name, was, is) || (gateway_is_off && is_part_of_gateway) {
            return None;
        }
        let text = |value: Option<&String>| value.map(|value| Json::from(value.clone()));
        Some(Change { field: name.clone().into(), before: text(was), after: text(is) })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

    fn config(toml: &str) -> Config {
        toml::from_str(toml).unwrap()
    }

    /// The fields that the start with `after` says were lowered since the start with `before`.
    fn lowered_fields(before: &str, after: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let control = Control::open(&directory.path().join("control.db")).unwrap();
        let start = |toml: &str| compare(&control, &of(&config(toml)).unwrap(), NOW).unwrap();
        assert!(start(before).is_none(), "the first start has nothing to compare with");
        let event = start(after);
        assert!(start(after).is_none(), "it is told once");
        event
            .map(|event| event.changes.iter().map(|change| change.field.to_string()).collect())
            .unwrap_or_default()
    }

    const GATEWAY: &str = "[gateway]\nupstream = \"http://127.0.0.1:8080\"\n";

    #[test]
    fn the_same_or_more_is_no_news() {
        assert!(lowered_fields(GATEWAY, GATEWAY).is_empty());
        assert!(lowered_fields("", GATEWAY).is_empty());
        let relaxed = format!("{GATEWAY}mode = \"async\"\n");
        assert!(lowered_fields(&relaxed, GATEWAY).is_empty());
    }

    #[test]
    fn a_category_that_is_strict_no_more_is_told() {
        let relaxed = format!("{GATEWAY}modes = \"conversation = async\"\n");
        assert_eq!(lowered_fields(GATEWAY, &relaxed), ["gateway.modes.conversation"]);
    }

    #[test]
    fn a_gateway_or_file_that_is_gone_is_told() {
        assert_eq!(lowered_fields(GATEWAY, ""), ["gateway.upstream"]);
        assert_eq!(
            lowered_fields("[sources]\naudit_file = \"/var/audit.log\"\n", ""),
            ["sources.audit_file"]
        );
    }

    #[test]
    fn another_route_table_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("routes.toml");
        std::fs::write(&file, "# one").unwrap();
        let own = format!("{GATEWAY}routes_file = {:?}\n", file.display().to_string());
        assert_eq!(lowered_fields(GATEWAY, &own), ["gateway.routes_file"]);
        assert_eq!(lowered_fields(&own, GATEWAY), ["gateway.routes_file"]);
    }
}
