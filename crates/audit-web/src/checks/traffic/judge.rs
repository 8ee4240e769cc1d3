//! What the events mean, and what to do.

use super::{DAYS, Traffic};
use crate::checks::{Finding, good, warning};
use crate::figures::{ago, count, printable};
use crate::surroundings::{Status, Webhook};

/// With so many people, one address for all of them is no chance.
const SEVERAL: usize = 3;
/// Most requests that the table does not know are named.
const NAMED: usize = 5;

/// What there is to say.
pub(super) fn findings(traffic: &Traffic, status: &Status) -> Vec<Finding> {
    let has_gateway = status.gateways.upstream.is_some();
    let mut findings: Vec<Finding> = feeding(traffic, status).into_iter().collect();
    if has_gateway {
        findings.push(sign_ins(traffic));
        findings.push(proxies(traffic, status));
    }
    findings.extend(tokens(traffic, status));
    findings.extend(webhooks(traffic, status));
    findings.extend(exclusions(traffic));
    findings.extend(unmapped(traffic));
    findings.extend(unseen(traffic, status));
    findings.extend(dropped(traffic));
    findings
}

/// Whether anything can come at all.
fn feeding(traffic: &Traffic, status: &Status) -> Option<Finding> {
    const SUBJECT: &str = "events";
    let sources = status.sources.as_ref();
    let has_source =
        sources.is_some_and(|sources| !sources.webhooks.is_empty() || sources.audit_file.is_some());
    let is_fed = status.gateways.upstream.is_some() || !status.gateways.models.is_empty() || has_source;
    match (traffic.is_any, is_fed) {
        (false, false) => Some(warning(
            SUBJECT,
            "none, and nothing brings any",
            "stand in front of Open WebUI (`serve --upstream http://127.0.0.1:8080`), or `import` its audit.log, or send events to POST /events",
        )),
        (false, true) => Some(warning(
            SUBJECT,
            "none yet",
            "use Open WebUI through this server's address once, then look again",
        )),
        (true, _) => None,
    }
}

/// Whether people come through the gateway.
fn sign_ins(traffic: &Traffic) -> Finding {
    const SUBJECT: &str = "sign-ins";
    let passed =
        ["auth.login", "auth.sso_login", "auth.signup"].map(|action| traffic.count("gateway", action));
    let passed: u64 = passed.iter().sum();
    if passed > 0 {
        return good(SUBJECT, format!("{} passed the gateway in {DAYS} days", count(passed)));
    }
    let seen_elsewhere = traffic.count("webhook", "auth.login") + traffic.count("audit_file", "auth.login");
    let advice = "point your users at the gateway: their address for Open WebUI must lead to this server, and Open WebUI's own port be closed to them";
    if seen_elsewhere > 0 {
        let found = format!("none passed the gateway in {DAYS} days, {} went past it", count(seen_elsewhere));
        return warning(SUBJECT, found, advice);
    }
    if traffic.has("gateway", "") {
        let found = format!(
            "none in {DAYS} days, though {} other events passed",
            count(traffic.count("gateway", ""))
        );
        return warning(
            SUBJECT,
            found,
            "sessions last four weeks: who signed in before the gateway came need not do so again, and is recorded by name all the same",
        );
    }
    warning(SUBJECT, format!("none passed the gateway in {DAYS} days, nor anything else"), advice)
}

/// Whether clients' addresses are those of clients.
fn proxies(traffic: &Traffic, status: &Status) -> Finding {
    const SUBJECT: &str = "client addresses";
    let callers = &traffic.callers;
    let trusted = status.gateways.trusted_proxies.join(", ");
    let trusted =
        if trusted.is_empty() { "no proxy is trusted".to_owned() } else { format!("trusted: {trusted}") };
    let unheard: u64 = callers.unheard.values().sum();
    if unheard > 0 {
        let mut peers: Vec<(&String, &u64)> = callers.unheard.iter().collect();
        peers.sort_by(|a, b| b.1.cmp(a.1));
        let named: Vec<&str> = peers.iter().take(NAMED).map(|(peer, _)| peer.as_str()).collect();
        let more = if peers.len() > NAMED { ", …" } else { "" };
        let found = format!(
            "{} of the last {} events came with X-Forwarded-For from {}{more}; {trusted}",
            count(unheard),
            count(callers.events),
            named.join(", ")
        );
        let advice = "where that is a proxy of yours, add it to gateway.trusted_proxies, or all its users have its address; where it is not, somebody tried to appear as another, in vain";
        return warning(SUBJECT, found, advice);
    }
    if callers.people.len() >= SEVERAL && callers.addresses.len() == 1 {
        let address = callers.addresses.first().map(String::as_str).unwrap_or_default();
        let found = format!("{} people, and all come from {address}; {trusted}", callers.people.len());
        let advice =
            "is there a proxy in front? Let it send X-Forwarded-For, and name it in gateway.trusted_proxies";
        return warning(SUBJECT, found, advice);
    }
    good(
        SUBJECT,
        format!("{} in the last {} events; {trusted}", callers.addresses.len(), count(callers.events)),
    )
}

/// Whether tokens are counted.
fn tokens(traffic: &Traffic, status: &Status) -> Option<Finding> {
    const SUBJECT: &str = "tokens";
    let asked = traffic.count("", "chat.completion");
    let called = traffic.count("", "model.called");
    let models = &status.gateways.models;
    if asked + called == 0 {
        let has_gateway = status.gateways.upstream.is_some() || !models.is_empty();
        return has_gateway.then(|| good(SUBJECT, format!("no model was asked in {DAYS} days")));
    }
    let tokens = traffic.tokens();
    let through = traffic.count("model_gateway", "model.called");
    let found =
        format!("{} for {} completions asked for in {DAYS} days", count(tokens), count(asked.max(called)));
    if !models.is_empty() && through == 0 {
        let advice = "Open WebUI calls its providers past the model gateway: Admin Settings > Connections must name this server, …/llm/NAME/v1 (docs/MODELS.md)";
        return Some(warning(SUBJECT, format!("{found}; no call passed the model gateway"), advice));
    }
    if tokens > 0 {
        return Some(good(SUBJECT, found));
    }
    let advice = if models.is_empty() {
        "Open WebUI asks for usage only where a model's capability `usage` is on: switch it on (Admin Settings > Models), or set up the model gateway, which asks by itself and counts titles and tags too (docs/MODELS.md)"
    } else {
        "the provider sends no usage: see `model gateway`"
    };
    Some(warning(SUBJECT, found, advice))
}

/// Whether what Open WebUI does on its own is told.
fn webhooks(traffic: &Traffic, status: &Status) -> Vec<Finding> {
    const SUBJECT: &str = "webhook";
    let Some(sources) = &status.sources else { return Vec::new() };
    let ever = traffic.last_webhook.map(|time| ago(time, status.now));
    if sources.webhooks.is_empty() {
        let is_expected = status.gateways.upstream.is_some() || ever.is_some();
        return is_expected
            .then(|| {
                warning(
                    SUBJECT,
                    "none is set up",
                    "what Open WebUI does on its own (automations, answers that fail, start and stop) no request shows: `secureai-audit source setup openwebui --url … --token …`",
                )
            })
            .into_iter()
            .collect();
    }
    let of = |webhook: &Webhook| {
        let name = printable(&webhook.name);
        if webhook.refused > 0 {
            return warning(
                SUBJECT,
                format!(
                    "{name}: {} events were refused since the start, {} came",
                    count(webhook.refused),
                    count(webhook.received)
                ),
                "Open WebUI does not send them again; `search action:source.events_refused` says when and why",
            );
        }
        match (webhook.last_received, &ever) {
            (Some(last), _) => good(
                SUBJECT,
                format!(
                    "{name}: {} events since the start, the last {}",
                    count(webhook.received),
                    ago(last, status.now)
                ),
            ),
            (None, Some(ever)) => good(
                SUBJECT,
                format!(
                    "{name}: none since the start {}; the last recorded happened {ever}",
                    ago(status.started, status.now)
                ),
            ),
            (None, None) => warning(
                SUBJECT,
                format!("{name}: no event has ever come"),
                "Open WebUI sends to loopback and private addresses only with ENABLE_LOCAL_WEB_FETCH=true, and says so only in its own log; `source setup openwebui` tries it out",
            ),
        }
    };
    sources.webhooks.iter().map(of).collect()
}

/// Open WebUI leaves chats out of its audit file unless told otherwise.
fn exclusions(traffic: &Traffic) -> Option<Finding> {
    let lines = traffic.count("audit_file", "");
    let chats = traffic.count("audit_file", "chat.") + traffic.count("audit_file", "folder.");
    let others = traffic.count("gateway", "chat.") + traffic.count("webhook", "chat.");
    (lines >= 20 && chats == 0 && others > 0).then(|| {
        warning(
            "audit file",
            format!("{} events in {DAYS} days, none of them of a chat", count(lines)),
            "AUDIT_EXCLUDED_PATHS leaves chats out by default: set it, and leave it empty",
        )
    })
}

/// Requests that nobody has named.
fn unmapped(traffic: &Traffic) -> Option<Finding> {
    let requests = traffic.count("gateway", "api.request");
    if requests == 0 || traffic.unmapped.is_empty() {
        return None;
    }
    let mut patterns: Vec<(&String, &u64)> = traffic.unmapped.iter().collect();
    patterns.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let named: Vec<String> = patterns
        .iter()
        .take(NAMED)
        .map(|(pattern, count)| format!("{} ({count})", printable(pattern)))
        .collect();
    let more = patterns.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Some(warning(
        "unmapped routes",
        format!("{} requests in {DAYS} days: {}{more}", count(requests), named.join(", ")),
        "they are recorded as api.request; rows of your own in gateway.routes_file give them a name and a target (docs/ROUTES.md)",
    ))
}

/// What went past the gateway.
fn unseen(traffic: &Traffic, status: &Status) -> Option<Finding> {
    let since_start = status.sources.as_ref().map_or(0, |sources| sources.unseen);
    let unseen = traffic.unseen.max(since_start);
    (unseen > 0).then(|| {
        warning(
            "past the gateway",
            format!("{} events of the webhook or the audit file that the gateway did not see", count(unseen)),
            "somebody reaches Open WebUI directly: let it listen on 127.0.0.1 or behind a firewall that lets only this server in; `search \"not seen by the gateway\"` shows who",
        )
    })
}

fn dropped(traffic: &Traffic) -> Option<Finding> {
    let times = traffic.count("", "ledger.events_dropped");
    (times > 0).then(|| {
        warning(
            "dropped events",
            format!("a queue was full {} times in {DAYS} days", count(times)),
            "`search action:ledger.events_dropped` says when and how many; strict mode (gateway.mode) loses none",
        )
    })
}

#[cfg(test)]
mod tests;
