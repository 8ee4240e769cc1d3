//! The events that matching makes.

use audit_event::{Actor, ActorType, Event, Json, Outcome, Source, Target, taxonomy};

use super::journal::name_of;
use super::memory::Pair;

/// The event of a sighting whose owner did not see it.
pub(super) fn not_seen_by(owner: Source, mut event: Event<'_>) -> Event<'_> {
    let mut members = match event.details.take() {
        Some(Json::Object(members)) => members,
        _ => Vec::new(),
    };
    members.push(("unseen_by".into(), owner.as_str().into()));
    event.details = Some(Json::Object(members));
    if let Some(message) = &event.message {
        event.message =
            Some(format!("{message} (not seen by the {})", owner.as_str().replace('_', " ")).into());
    }
    event
}

/// The event that says what corroborates what.
pub(super) fn corroboration(pairs: &[Pair]) -> Event<'static> {
    let mut event = Event::new("source.corroborated", Source::Internal);
    event.outcome = Outcome::Success;
    event.actor = Some(Actor {
        kind: Some(ActorType::System),
        name: Some("secureai-audit".into()),
        ..Actor::default()
    });
    event.targets = pairs.iter().flat_map(targets).collect();
    let late = pairs.iter().filter(|pair| pair.late.is_some()).count();
    let count = |source| pairs.iter().filter(|pair| pair.source == source).count();
    let mut details =
        vec![("webhook", count(Source::Webhook)), ("audit_file", count(Source::AuditFile)), ("late", late)];
    details.retain(|(_, count)| *count > 0);
    event.details =
        Some(Json::object(details.into_iter().map(|(name, count)| (name, Json::from(count as u64)))));
    let plural =
        if pairs.len() == 1 { "sighting corroborates an event" } else { "sightings corroborate events" };
    event.message = Some(format!("{} {plural} of another source", pairs.len()).into());
    debug_assert!(taxonomy::lookup(&event.action).is_some());
    event
}

/// The corroborated event, named by the sighting; when that is an event itself, the other way round as well.
fn targets(pair: &Pair) -> impl Iterator<Item = Target<'static>> {
    let target = |id: &str, name: String| Target {
        kind: Some("event".into()),
        id: Some(id.to_owned().into()),
        name: Some(name.into()),
    };
    let back = pair.late.map(|source| target(&pair.sighting, name_of(source, &pair.event)));
    std::iter::once(target(&pair.event, name_of(pair.source, &pair.sighting))).chain(back)
}
