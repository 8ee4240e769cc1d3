use crate::surroundings::{Gateways, Provider, SourcesStatus, Upstream, Webhook};
use audit_event::Timestamp;

use super::*;
use crate::checks::Level::{Good, Warning};
use crate::checks::traffic::Count;

const NOW: Timestamp = Timestamp::from_micros(1_795_435_200_000_000);

/// Behind a gateway, with a webhook that has sent.
fn status() -> Status {
    let webhook = Webhook { name: "main".to_owned(), received: 3, last_received: Some(NOW), refused: 0 };
    Status {
        version: String::new(),
        started: NOW,
        now: NOW,
        break_glass: false,
        gateways: Gateways { upstream: Some(Upstream::default()), ..Gateways::default() },
        sources: Some(SourcesStatus { webhooks: vec![webhook], ..SourcesStatus::default() }),
    }
}

fn traffic(counts: &[(&str, &str, u64, u64)]) -> Traffic {
    let counts = counts.iter().map(|(source, action, events, tokens)| {
        (((*source).to_owned(), (*action).to_owned()), Count { events: *events, tokens: *tokens })
    });
    Traffic { is_any: true, counts: counts.collect(), ..Traffic::default() }
}

/// What is found of a subject.
#[track_caller]
fn of(subject: &str, traffic: &Traffic, status: &Status) -> Finding {
    let mut found = findings(traffic, status);
    let at = found.iter().position(|finding| finding.subject == subject);
    found.remove(at.unwrap_or_else(|| panic!("nothing of {subject} in {found:?}")))
}

#[track_caller]
fn warns(finding: &Finding, found: &str, advice: &str) {
    assert_eq!(finding.level, Warning, "{finding:?}");
    assert!(finding.finding.contains(found), "{found:?} is not in {finding:?}");
    assert!(finding.advice.contains(advice), "{advice:?} is not in {finding:?}");
}

#[test]
fn where_everything_works_nothing_is_wrong() {
    let traffic = traffic(&[
        ("gateway", "auth.login", 4, 0),
        ("gateway", "chat.completion", 9, 0),
        ("model_gateway", "model.called", 12, 4_000),
    ]);
    let gateways = Gateways { models: vec![Provider::default()], ..status().gateways };
    let found = findings(&traffic, &Status { gateways, ..status() });
    assert!(found.iter().all(|finding| finding.level == Good), "{found:?}");
}

#[test]
fn a_log_that_nothing_feeds_says_what_to_start() {
    let alone = Status { gateways: Gateways::default(), sources: None, ..status() };
    warns(&of("events", &Traffic::default(), &alone), "none, and nothing brings any", "serve --upstream");
    warns(&of("events", &Traffic::default(), &status()), "none yet", "through this server's address");
}

#[test]
fn a_log_that_is_fed_by_hand_is_as_it_should_be() {
    let alone = Status { gateways: Gateways::default(), sources: None, ..status() };
    assert!(findings(&traffic(&[("api", "auth.login", 1, 0)]), &alone).is_empty());
}

#[test]
fn users_who_do_not_come_through_the_gateway_are_missed() {
    warns(&of("sign-ins", &traffic(&[]), &status()), "nor anything else", "point your users at the gateway");
    let past = traffic(&[("webhook", "auth.login", 3, 0)]);
    warns(&of("sign-ins", &past, &status()), "3 went past it", "point your users");
    let old = traffic(&[("gateway", "chat.completion", 3, 0)]);
    warns(&of("sign-ins", &old, &status()), "3 other events", "sessions last");
}

#[test]
fn a_proxy_that_is_not_trusted_is_named() {
    let mut forwarded = traffic(&[]);
    forwarded.callers.events = 10;
    forwarded.callers.unheard.insert("10.0.0.5".to_owned(), 7);
    warns(
        &of("client addresses", &forwarded, &status()),
        "7 of the last 10 events",
        "gateway.trusted_proxies",
    );
    let mut hidden = traffic(&[]);
    hidden.callers.people = ["a", "b", "c"].map(str::to_owned).into();
    hidden.callers.addresses = ["10.0.0.5".to_owned()].into();
    warns(
        &of("client addresses", &hidden, &status()),
        "3 people, and all come from 10.0.0.5",
        "X-Forwarded-For",
    );
    hidden.callers.addresses.insert("10.0.0.6".to_owned());
    assert_eq!(of("client addresses", &hidden, &status()).level, Good);
}

#[test]
fn tokens_that_nobody_counts_say_what_to_set() {
    let asked = traffic(&[("gateway", "chat.completion", 5, 0)]);
    warns(&of("tokens", &asked, &status()), "0 for 5 completions", "capability `usage`");
    let gateways = Gateways { models: vec![Provider::default()], ..status().gateways };
    let with_models = Status { gateways, ..status() };
    warns(&of("tokens", &asked, &with_models), "no call passed the model gateway", "/llm/NAME/v1");
    let silent = traffic(&[("model_gateway", "model.called", 5, 0)]);
    warns(&of("tokens", &silent, &with_models), "0 for 5", "sends no usage");
    let counted = traffic(&[("gateway", "chat.completion", 5, 70)]);
    assert_eq!(of("tokens", &counted, &status()).level, Good);
}

#[test]
fn a_webhook_that_is_silent_names_the_setting_that_blocks_it() {
    let none = Status { sources: Some(SourcesStatus::default()), ..status() };
    warns(&of("webhook", &traffic(&[]), &none), "none is set up", "source setup openwebui");
    let quiet = Webhook { name: "main".to_owned(), ..Webhook::default() };
    let sources = SourcesStatus { webhooks: vec![quiet], ..SourcesStatus::default() };
    let quiet = Status { sources: Some(sources), ..status() };
    warns(&of("webhook", &traffic(&[]), &quiet), "no event has ever come", "ENABLE_LOCAL_WEB_FETCH");
    let before = Traffic { last_webhook: Some(NOW), ..traffic(&[]) };
    assert_eq!(of("webhook", &before, &quiet).level, Good);
}

#[test]
fn a_webhook_whose_events_were_refused_says_where_to_look() {
    assert_eq!(of("webhook", &traffic(&[]), &status()).level, Good);
    let mut refusing = status();
    for webhook in refusing.sources.iter_mut().flat_map(|sources| &mut sources.webhooks) {
        webhook.refused = 2;
    }
    warns(&of("webhook", &traffic(&[]), &refusing), "2 events were refused", "source.events_refused");
}

#[test]
fn an_audit_file_without_chats_names_the_setting_that_leaves_them_out() {
    let file = traffic(&[("audit_file", "user.updated", 40, 0), ("gateway", "chat.created", 1, 0)]);
    warns(&of("audit file", &file, &status()), "none of them of a chat", "AUDIT_EXCLUDED_PATHS");
}

#[test]
fn unmapped_routes_are_counted_by_their_pattern() {
    let mut unmapped = traffic(&[("gateway", "api.request", 8, 0)]);
    unmapped.unmapped = [("POST /api/v2/a".to_owned(), 2), ("POST /api/v2/b/{id}".to_owned(), 6)].into();
    let finding = of("unmapped routes", &unmapped, &status());
    warns(
        &finding,
        "8 requests in 7 days: POST /api/v2/b/{id} (6), POST /api/v2/a (2)",
        "gateway.routes_file",
    );
}

#[test]
fn who_goes_past_the_gateway_is_noticed() {
    let past = Traffic { unseen: 2, ..traffic(&[]) };
    warns(&of("past the gateway", &past, &status()), "2 events", "127.0.0.1");
}

#[test]
fn losses_are_told() {
    let lost = traffic(&[("internal", "ledger.events_dropped", 2, 0)]);
    warns(&of("dropped events", &lost, &status()), "full 2 times", "strict");
}
