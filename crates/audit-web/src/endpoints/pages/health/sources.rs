//! What brings events: how much, when last, and whether it has fallen silent.

use audit_event::{Source, Timestamp};
use audit_query::filter::{Field, Filter};
use audit_query::question::Budget;

use super::super::chart::Sparkline;
use crate::problem::Result;
use crate::pulse::{self, Pulse};
use crate::reader::Reader;
use crate::state::AppState;
use crate::surroundings::Status;

/// Hours that the small chart shows.
const CHART_HOURS: i64 = 48;
/// What the sources are called, and what brings their events.
const NAMES: [(&str, &str, &str); 5] = [
    ("gateway", "Gateway", "requests of people that pass this server"),
    ("model_gateway", "Model gateway", "calls of models"),
    ("webhook", "Webhooks", "what Open WebUI tells by itself"),
    ("audit_file", "Audit file", "Open WebUI's audit.log"),
    ("api", "Ingest and import", "events that others send or that were imported"),
];

/// One source.
#[derive(Debug)]
pub(super) struct Line {
    pub name: String,
    pub about: String,
    /// Whether it is a part of the source above.
    pub is_part: bool,
    pub last: Option<Timestamp>,
    /// Events of the last hour and of the last 24 hours, where they are known.
    pub counts: Option<(u64, u64)>,
    /// Its events, hour by hour.
    pub chart: Sparkline,
    /// Whether it has fallen silent.
    pub is_silent: bool,
    /// Its events.
    pub href: Option<String>,
}

/// All sources that are set up or have ever sent. Whoever sees a part of the events sees what came of that part, and not
/// whether a source is silent: that would be told by the others' events. Blocks.
///
/// # Errors
/// When index or control database cannot answer.
pub(super) fn lines(
    state: &AppState,
    status: &Status,
    reader: &Reader,
    budget: &Budget,
) -> Result<Vec<Line>> {
    let pulses = pulse::of(state, Field::Source, &reader.within(pulse::foreign()), budget)?;
    if reader.is_limited() {
        let of_source = |(source, name, about): &(&str, &str, &str)| {
            let pulse = pulses.iter().find(|pulse| pulse.name == *source)?;
            let line = of_pulse(pulse, name, &format!("source:{source}"), false);
            Some(Line { about: (*about).to_owned(), is_silent: false, ..line })
        };
        return Ok(NAMES.iter().filter_map(of_source).collect());
    }
    let of_models = Filter::first_hand(Source::ModelGateway);
    let providers = pulse::of(state, Field::Provider, &of_models, budget)?;
    let mut lines = Vec::new();
    for (source, name, about) in NAMES {
        let parts = match source {
            "model_gateway" => models(&providers, status),
            "webhook" => webhooks(status),
            "api" => tokens(state)?,
            _ => Vec::new(),
        };
        let pulse = pulses.iter().find(|pulse| pulse.name == source);
        if let Some(pulse) = pulse {
            lines.push(Line {
                about: about.to_owned(),
                ..of_pulse(pulse, name, &format!("source:{source}"), false)
            });
        } else if !parts.is_empty() || is_set_up(source, status) {
            lines.push(Line { is_part: false, ..never(name, about) });
        }
        lines.extend(parts);
    }
    Ok(lines)
}

fn is_set_up(source: &str, status: &Status) -> bool {
    match source {
        "gateway" => status.gateways.upstream.is_some(),
        "audit_file" => status.sources.as_ref().is_some_and(|sources| sources.audit_file.is_some()),
        _ => false,
    }
}

fn of_pulse(pulse: &Pulse, name: &str, query: &str, is_part: bool) -> Line {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", query).finish();
    Line {
        name: name.to_owned(),
        about: String::new(),
        is_part,
        last: Some(pulse.last),
        counts: Some((pulse.events_of(1), pulse.events_of(24))),
        chart: Sparkline::bars(
            format!("Events of {name}, hour by hour, over {CHART_HOURS} hours"),
            &pulse.beats(CHART_HOURS),
        ),
        is_silent: pulse.is_silent(),
        href: Some(format!("/audit?{query}")),
    }
}

/// A source that is set up and has sent nothing that is known of.
fn never(name: &str, about: &str) -> Line {
    Line {
        name: name.to_owned(),
        about: about.to_owned(),
        is_part: true,
        last: None,
        counts: None,
        chart: Sparkline::default(),
        is_silent: false,
        href: None,
    }
}

/// The providers that are set up, and those that have events.
fn models(pulses: &[Pulse], status: &Status) -> Vec<Line> {
    let seen = pulses.iter().map(|pulse| {
        let about = match status.gateways.models.iter().find(|provider| provider.name == pulse.name) {
            Some(provider) => format!("provider; {} calls since the start", provider.calls),
            None => "provider, not set up now".to_owned(),
        };
        let query = format!("source:model_gateway provider:\"{}\"", pulse.name.replace(['"', '\\'], ""));
        Line { about, ..of_pulse(pulse, &pulse.name, &query, true) }
    });
    let is_new = |name: &str| pulses.iter().all(|pulse| pulse.name != name);
    let unseen = status.gateways.models.iter().filter(|provider| is_new(&provider.name));
    seen.chain(unseen.map(|provider| never(&provider.name, "provider; no call yet"))).collect()
}

/// The webhooks that may send: their names are not in the events, so that they are known since the start only.
fn webhooks(status: &Status) -> Vec<Line> {
    let Some(sources) = &status.sources else { return Vec::new() };
    let line = |webhook: &crate::surroundings::Webhook| {
        let refused = match webhook.refused {
            0 => String::new(),
            refused => format!(", {refused} refused"),
        };
        let about = format!("webhook; {} events since the start{refused}", webhook.received);
        Line { last: webhook.last_received, ..never(&webhook.name, &about) }
    };
    sources.webhooks.iter().map(line).collect()
}

/// The tokens that may append.
fn tokens(state: &AppState) -> Result<Vec<Line>> {
    let now = state.now();
    let tokens = state.control().tokens()?.into_iter();
    let tokens = tokens.filter(|token| token.is_live(now) && token.role == "ingest");
    Ok(tokens
        .map(|token| Line { last: token.last_used, ..never(&token.name, "token; when it was last used") })
        .collect())
}
