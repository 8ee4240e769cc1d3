//! `GET /audit/users/{person}`: one person: what is known of them, when they are active, what they use, from where they
//! come, and what they did last.

use std::collections::HashSet;
use std::convert::Infallible;

use askama::Template;
use audit_query::question::TimeRange;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};

use super::heat::Heat;
use super::{PATH, events, href};
use crate::endpoints::pages::chart::{Histogram, Unit};
use crate::endpoints::pages::events::row::{self, Row};
use crate::endpoints::pages::frame::Frame;
use crate::endpoints::pages::time::Time;
use crate::endpoints::pages::units::{self, Units, bucket_for};
use crate::endpoints::pages::{refused, rendered};
use crate::endpoints::people::asked::Asked;
use crate::endpoints::people::listing::Told;
use crate::endpoints::people::one;
use crate::endpoints::people::portrait::{Address, Model, Portrait};
use crate::endpoints::people::seen::{Allowed, CONVERSATIONS, MODEL_CALL, Person, Standing};
use crate::params::PathPart;
use crate::problem::Result;
use crate::reader::Reader;
use crate::roster::NoRoster;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    asked: Asked,
    allowed: Allowed,
    portrait: Portrait,
    told: Told,
    heat: Heat,
    histogram: Histogram,
    rows: Vec<Row>,
}

/// Answers with the page.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    PathPart(key): PathPart,
    uri: Uri,
    headers: HeaderMap,
    reader: Reader,
) -> Response {
    match show(&state, frame.clone(), key, &uri, &headers, &reader).await {
        Ok(page) => rendered(StatusCode::OK, &page.frame, &page),
        Err(problem) => refused(&frame, &problem),
    }
}

async fn show(
    state: &AppState,
    frame: Frame,
    key: String,
    uri: &Uri,
    headers: &HeaderMap,
    reader: &Reader,
) -> Result<PersonPage> {
    let asked = one::asked(reader, &super::without_blanks(uri)?, PATH, frame.zone.as_ref(), state)?;
    let allowed = Allowed::of(reader)?;
    let (portrait, told) = one::look(state, headers, &allowed, &asked, key).await?;
    one::note(state, reader, &asked, &portrait);
    let asking = reader.clone();
    let (timeline, zone) = (portrait.timeline.clone(), asked.zone.clone());
    let rows = state.work(move |state| row::read(state, &asking, &timeline, &zone)).await?;
    let heat = Heat::of(&portrait.hours, &asked.zone);
    let histogram = histogram(&portrait, &asked);
    Ok(PersonPage { frame, asked, allowed, portrait, told, heat, histogram, rows })
}

/// How much they did when, by category.
fn histogram(portrait: &Portrait, asked: &Asked) -> Histogram {
    let keys: HashSet<_> = portrait.hours.iter().map(|(hour, ..)| *hour).collect();
    let first = |past: TimeRange| Ok(keys.iter().filter(|hour| past.contains(**hour)).min().copied());
    let Ok::<_, Infallible>(span) = units::span(asked.range, asked.time().at(), first);
    let units = Units::over(bucket_for(span), span, asked.range, &asked.zone, &keys);
    let counted = portrait.hours.iter().map(|(hour, category, count)| (*hour, category.as_str(), *count));
    Histogram::draw(&units, counted, |time| events(&asked.between(time.from, time.to), &portrait.person, &[]))
}

impl PersonPage {
    fn person(&self) -> &Person {
        &self.portrait.person
    }

    /// What they are called in the heading.
    fn title(&self) -> &str {
        let person = self.person();
        person.name.as_deref().or(person.email.as_deref()).unwrap_or(&person.key)
    }

    /// The page in another time; an empty name is all of time.
    fn in_preset(&self, preset: &str) -> String {
        let here = href(&self.person().key, &self.asked);
        let path = here.split('?').next().unwrap_or(&here);
        if preset.is_empty() { path.to_owned() } else { format!("{path}?range={preset}") }
    }

    fn when(&self, time: &audit_event::Timestamp) -> Time {
        Time::of(*time, &self.asked.zone)
    }

    fn events(&self) -> String {
        events(&self.asked, self.person(), &[])
    }

    fn conversations(&self) -> String {
        events(&self.asked, self.person(), &[("action", CONVERSATIONS)])
    }

    fn files(&self) -> String {
        events(&self.asked, self.person(), &[("event_type", "file")])
    }

    fn tokens(&self) -> String {
        events(&self.asked, self.person(), &[("tokens", ">0"), ("action", MODEL_CALL)])
    }

    fn failed(&self) -> String {
        self.asked.events(&[("q", &self.person().attempts().to_string())])
    }

    /// All of the timeline, on the events' page.
    fn timeline(&self) -> String {
        let person = self.person();
        let both = audit_query::filter::Filter::any_of(vec![person.deeds(), person.attempts()]);
        self.asked.events(&[("q", &both.to_string())])
    }

    fn of_model(&self, model: &Model) -> String {
        events(&self.asked, self.person(), &[("model", &model.name)])
    }

    /// What came from an address: what they did, or what failed for them where they did nothing.
    fn of_address(&self, address: &Address) -> String {
        if address.events == 0 {
            return self.asked.events(&[("q", &self.person().attempts().to_string()), ("ip", &address.ip)]);
        }
        events(&self.asked, self.person(), &[("ip", &address.ip)])
    }

    /// The most tokens of a model, against which the others' bars are drawn.
    fn share(&self, model: &Model) -> u64 {
        let most = self.portrait.models.iter().map(|model| model.tokens).max().unwrap_or_default();
        (model.tokens * 100).checked_div(most).unwrap_or_default()
    }

    fn dollars(&self, cost: &f64) -> String {
        // What cost something did not cost $0.00.
        if *cost < 0.005 {
            format!("< ${}", crate::locale::decimals("0.01"))
        } else {
            Unit::Dollars.amount((cost * 100.0).round() / 100.0)
        }
    }

    /// Whether an address is marked as new, so that it has to be said what that is.
    fn has_new_addresses(&self) -> bool {
        self.portrait.addresses.iter().any(|address| address.is_new)
    }

    fn no_roster(&self) -> Option<NoRoster> {
        self.told.as_ref().err().copied()
    }

    /// Role and time of the account, if it is known that there is one.
    fn account(&self) -> Option<(&str, Option<Time>)> {
        match &self.person().account {
            Standing::Has { role, last_active } => {
                Some((role, last_active.as_ref().map(|time| self.when(time))))
            }
            _ => None,
        }
    }

    fn has_no_account(&self) -> bool {
        self.person().account == Standing::HasNone
    }

    /// The other addresses that they had.
    fn other_emails(&self) -> Vec<&str> {
        let person = self.person();
        let shown = person.email.as_ref().map(|email| email.to_lowercase());
        person.emails.iter().filter(|email| Some(*email) != shown.as_ref()).map(String::as_str).collect()
    }
}
