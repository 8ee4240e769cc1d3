//! Reads from the log what it says of objects.

use std::collections::HashMap;

use audit_event::Timestamp;
use audit_pipeline::sources::openwebui::inventory::{
    CREATING, Claims, DELETING, Kind, Object, Range, SIGN_INS, Told, first_sign_in_range,
};
use serde::Deserialize;

use crate::{
    api::{Api, Query},
    output::Bar,
};

/// Events a page.
const PAGE: &str = "5000";
/// How far an event may be from the making of its object: an upload begins before its file is there, and clocks
/// differ. In microseconds.
const SLACK_MICROS: i64 = 3_600 * 1_000_000;

#[derive(Deserialize)]
struct Page {
    events: Vec<Told>,
    #[serde(default)]
    next_page_token: Option<String>,
}

/// What the log says of objects made around `range`, and of their end until now.
pub(super) async fn claims(api: &Api, range: Range) -> anyhow::Result<Claims> {
    let from = shifted(range.from, -SLACK_MICROS);
    let mut claims = Claims::default();
    let bar = Bar::step("reading the log");
    let mut making = question(CREATING);
    making.add("from", from.to_string()).add("to", shifted(range.to, SLACK_MICROS).to_string());
    each(api, &making, |told| claims.take(told)).await?;
    let mut ending = question(DELETING);
    ending.add("from", from.to_string());
    each(api, &ending, |told| claims.take(told)).await?;
    bar.clear();
    Ok(claims)
}

/// Looks for the first sign-ins of users that the log does not tell of otherwise: a directory's people are made by it.
pub(super) async fn first_sign_ins(
    api: &Api,
    objects: &[Object],
    range: Range,
    claims: &mut Claims,
) -> anyhow::Result<()> {
    let is_in_range = |user: &&Object| range.from <= user.created_at && user.created_at <= range.to;
    let users = objects.iter().filter(|object| object.kind == Kind::User);
    let without: HashMap<&str, &Object> = users
        .filter(is_in_range)
        .filter(|user| !claims.tells_of(user))
        .map(|user| (user.id.as_str(), user))
        .collect();
    let bar = Bar::counting("looking for first sign-ins", without.len() as u64);
    for user in without.values() {
        let (from, to) = first_sign_in_range(user);
        let mut question = question(SIGN_INS);
        question.add("from", from.to_string()).add("to", to.to_string()).add("actor.id", user.id.as_str());
        each(api, &question, |told| claims.take_first_sign_in(user, told)).await?;
        bar.advance(1);
    }
    bar.clear();
    Ok(())
}

fn question(actions: &[&str]) -> Query {
    let mut query = Query::default();
    query.add("action", actions.join(",")).add("order", "asc").add("limit", PAGE).add("fields", Told::FIELDS);
    query
}

async fn each(api: &Api, question: &Query, mut take: impl FnMut(&Told)) -> anyhow::Result<()> {
    let mut next: Option<String> = None;
    loop {
        let mut query = question.clone();
        query.add_some("page_token", next.as_deref());
        let page: Page = api.get_json("", &query).await?;
        page.events.iter().for_each(&mut take);
        next = page.next_page_token;
        if next.is_none() {
            return Ok(());
        }
    }
}

fn shifted(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(time.as_micros().saturating_add(micros)).clamp(Timestamp::MIN, Timestamp::MAX)
}
