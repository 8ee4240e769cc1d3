//! A made-up year in a company of the automotive aftermarket, to look at and to try queries on.
//!
//! People work at the hours and on the days of their sites, departments have their models and their words, the
//! platform restarts on Sundays and runs automations at night; and in it all lie six [incidents](Demo::incidents)
//! worth finding. Nobody and nothing in it is real: addresses are those that RFC 5737 and RFC 2606 set aside, prices
//! are invented.
//!
//! The same seed, size and end give the same events with the same ids, so filling a ledger twice changes nothing.

mod calendar;
mod company;
mod incidents;
mod operations;
mod rng;
mod scene;
#[cfg(test)]
mod tests;
mod wording;
mod workday;

use std::iter::Peekable;
use std::ops::ControlFlow;

use audit_event::{Event, Timestamp};

use crate::intake::{Error, Fed, Intake, OnError};
use calendar::Day;
use company::Company;
use incidents::Incidents;
use rng::Rng;

const DAYS: i64 = 365;
/// Events of a year in which everybody who is at work uses the platform once a day.
const EVENTS_AT_FULL_USE: f64 = 398_000.0;
/// Events that there are in any year: nights, admins and incidents.
const EVENTS_IN_ANY_CASE: f64 = 5_500.0;
/// Conversations of somebody who uses the platform on a day.
const CHATS_A_DAY: f64 = 1.9;
/// Events are recorded in batches of this size.
const BATCH: usize = 1_000;

/// What year to make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demo {
    /// The year's last moment.
    pub end: Timestamp,
    /// Other seeds give other people and other days.
    pub seed: u64,
    /// About how many events there are to be; not fewer than some 6,000, which there are in any case.
    pub events: u64,
}

/// Something worth finding in the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// A few words.
    pub title: &'static str,
    /// What happened, in a sentence or two.
    pub story: String,
    /// The minute in which it began.
    pub from: Timestamp,
    /// The first minute after it.
    pub to: Timestamp,
    /// A query that finds it within that time.
    pub query: String,
}

impl Demo {
    /// The default year: some 200,000 events.
    #[must_use]
    pub fn new(end: Timestamp) -> Self {
        Self { end, seed: 1, events: 200_000 }
    }

    /// The events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = Event<'static>> + Send + use<> {
        let end = self.end;
        Year::new(*self).take_while(move |event| event.time.is_some_and(|time| time <= end))
    }

    /// What there is to find, oldest first.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        let (company, _) = self.company();
        Incidents::of(&company, self.last(), self.seed).told
    }

    /// Records the year, oldest first, and returns when it is durable. `progress` is told how many events have been
    /// handed over and may stop it.
    ///
    /// # Errors
    /// As [`Intake::append`]; repeating is safe.
    pub fn fill(
        &self,
        intake: &Intake,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Fed, Error> {
        let (batches, queue) = std::sync::mpsc::sync_channel::<Vec<Event<'static>>>(4);
        let mut events = self.events();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                loop {
                    let batch: Vec<_> = events.by_ref().take(BATCH).collect();
                    // The receiver is gone when recording failed or was stopped: then nobody wants the rest.
                    if batch.is_empty() || batches.send(batch).is_err() {
                        break;
                    }
                }
            });
            let mut feed = intake.feed(OnError::Reject);
            let mut handed_over = 0;
            for batch in queue {
                feed.events(&batch)?;
                handed_over += batch.len() as u64;
                if progress(handed_over).is_break() {
                    break;
                }
            }
            feed.finish()
        })
    }

    fn last(&self) -> Day {
        Day::of(self.end)
    }

    fn first(&self) -> Day {
        Day(self.last().0 - DAYS)
    }

    /// The company and the generator as hiring left it.
    fn company(&self) -> (Company, Rng) {
        let mut rng = Rng::new(self.seed);
        let mut company = Company::found(self.first(), self.last(), &mut rng);
        let (id, gone) = {
            let (person, gone) = incidents::leaver(&company, self.last());
            (person.id.clone(), gone)
        };
        if let Some(person) = company.people.iter_mut().find(|person| person.id == id) {
            person.left = Some(gone);
        }
        (company, rng)
    }
}

/// Makes up one day after the other.
struct Year {
    company: Company,
    rng: Rng,
    day: Day,
    last: Day,
    /// How many of those at work use the platform on a day, as a share of one.
    use_of_platform: f64,
    incidents: Peekable<std::vec::IntoIter<Event<'static>>>,
    /// Events made up but not yet given out, newest first.
    ready: Vec<Event<'static>>,
}

impl Year {
    fn new(demo: Demo) -> Self {
        let (company, rng) = demo.company();
        let incidents = Incidents::of(&company, demo.last(), demo.seed);
        #[expect(clippy::cast_precision_loss, reason = "nobody asks for 2^53 events")]
        let ordinary = (demo.events as f64 - EVENTS_IN_ANY_CASE).max(0.0);
        Self {
            company,
            rng,
            day: demo.first(),
            last: demo.last(),
            use_of_platform: ordinary / EVENTS_AT_FULL_USE,
            incidents: incidents.events.into_iter().peekable(),
            ready: Vec::new(),
        }
    }

    /// Makes up the next day. What runs past its midnight stays ready with the next one's.
    fn make_up_a_day(&mut self) {
        let day = self.day;
        let rng = &mut self.rng;
        operations::run(&self.company, day, rng, &mut self.ready);
        let attendance = day.attendance();
        for person in self.company.people.iter().filter(|person| person.is_here(day)) {
            let likelihood = attendance * person.keenness * self.use_of_platform;
            if rng.chance(likelihood.min(attendance)) {
                let chats = CHATS_A_DAY * (likelihood / attendance).max(1.0);
                workday::work(person, day, chats, rng, &mut self.ready);
            }
            if person.has_scripts && rng.chance(likelihood.min(attendance)) {
                let calls = 6 + rng.repeats(0.9, 30);
                workday::scripts(person, day, calls, rng, &mut self.ready);
            }
        }
        self.day = Day(day.0 + 1);
        let midnight = self.day.start();
        while let Some(event) = self.incidents.next_if(|event| micros(event) < midnight) {
            self.ready.push(event);
        }
        self.ready.sort_by_key(|event| std::cmp::Reverse(event.time));
    }
}

fn micros(event: &Event<'_>) -> i64 {
    event.time.map_or(i64::MIN, Timestamp::as_micros)
}

impl Iterator for Year {
    type Item = Event<'static>;

    fn next(&mut self) -> Option<Event<'static>> {
        // East of Greenwich the next day begins before it does in UTC: what is older than that is complete.
        let safe = |year: &Self| year.day.start() - 4 * calendar::HOUR;
        while self.day <= self.last && self.ready.last().is_none_or(|oldest| micros(oldest) >= safe(self)) {
            self.make_up_a_day();
        }
        self.ready.pop()
    }
}
