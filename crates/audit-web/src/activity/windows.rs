//! Deeds that repeat each other, and how often: pure, so that its rules can be read off its tests.

use std::collections::{HashMap, VecDeque};

use audit_event::{Event, Json, Timestamp};

use super::number;

/// How long repetitions of a deed are only counted.
pub(super) const WINDOW_MICROS: i64 = 10 * 60 * 1_000_000;
/// Deeds remembered in order to recognise repetitions; beyond it the oldest are closed early.
pub(super) const REMEMBERED: usize = 4_096;
/// A number in the details that says how many events were shown: a repetition says it of all repeats together.
const RESULTS: &str = "results";

/// A deed as it is noted.
pub(super) struct Deed {
    pub event: Event<'static>,
    /// Equal for deeds that repeat each other; `None` never repeats.
    pub key: Option<String>,
}

/// The deeds of the last ten minutes.
#[derive(Default)]
pub(super) struct Windows {
    pub(super) open: HashMap<String, Window>,
    /// Keys by when their window opened, oldest first.
    pub(super) order: VecDeque<String>,
}

pub(super) struct Window {
    opened: Timestamp,
    repeats: u32,
    /// What the repetitions showed, added up.
    results: f64,
    /// The latest repetition.
    latest: Option<Event<'static>>,
}

impl Windows {
    /// The events to record because of this deed: itself if it is the first of its kind, and the repetitions of those
    /// that have to make room.
    pub fn admit(&mut self, mut deed: Deed, now: Timestamp) -> Vec<Event<'static>> {
        deed.event.time.get_or_insert(now);
        let Some(key) = deed.key else { return vec![deed.event] };
        if let Some(window) = self.open.get_mut(&key)
            && !window.has_ended(now)
        {
            window.repeat(deed.event);
            return Vec::new();
        }
        let mut events = Vec::with_capacity(1);
        if let Some(ended) = self.open.remove(&key) {
            self.order.retain(|open| *open != key);
            events.extend(ended.into_repetition());
        }
        if self.order.len() >= REMEMBERED {
            events.extend(self.close_oldest());
        }
        self.open.insert(key.clone(), Window::open(now));
        self.order.push_back(key);
        events.push(deed.event);
        events
    }

    /// Forgets the deeds whose ten minutes are over; gives the events of those that were repeated.
    pub fn close_before(&mut self, now: Timestamp) -> Vec<Event<'static>> {
        let mut repeated = Vec::new();
        while let Some(window) = self.order.front().and_then(|key| self.open.get(key))
            && window.has_ended(now)
        {
            repeated.extend(self.close_oldest());
        }
        repeated
    }

    /// Whether no window is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The repetitions that no event tells of yet, by who did what.
    pub fn uncounted(&self) -> Vec<Uncounted> {
        let mut sums: Vec<Uncounted> = Vec::new();
        for window in self.open.values() {
            let Some(event) = &window.latest else { continue };
            let who = event.actor.as_ref().and_then(|actor| actor.id.as_deref()).unwrap_or_default();
            let known = sums.iter_mut().find(|sum| sum.who == who && sum.action == event.action);
            match known {
                Some(sum) => sum.repeats += u64::from(window.repeats),
                None => sums.push(Uncounted {
                    who: who.to_owned(),
                    action: event.action.to_string(),
                    repeats: u64::from(window.repeats),
                }),
            }
        }
        sums.sort();
        sums
    }

    pub fn close_all(&mut self) -> Vec<Event<'static>> {
        let mut repeated = Vec::new();
        while !self.order.is_empty() {
            repeated.extend(self.close_oldest());
        }
        repeated
    }

    fn close_oldest(&mut self) -> Option<Event<'static>> {
        let key = self.order.pop_front()?;
        self.open.remove(&key)?.into_repetition()
    }
}

impl Window {
    fn open(opened: Timestamp) -> Self {
        Self { opened, repeats: 0, results: 0.0, latest: None }
    }

    fn repeat(&mut self, event: Event<'static>) {
        self.repeats = self.repeats.saturating_add(1);
        if let Some(Json::Number(results)) = event.details.as_ref().and_then(|details| details.get(RESULTS)) {
            self.results += results;
        }
        self.latest = Some(event);
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        now.as_micros() - self.opened.as_micros() >= WINDOW_MICROS
    }

    /// The event that stands for all repetitions: the latest one, with their number.
    fn into_repetition(self) -> Option<Event<'static>> {
        let mut event = self.latest?;
        let mut members = match event.details.take() {
            Some(Json::Object(members)) => members,
            _ => Vec::new(),
        };
        if let Some((_, results)) = members.iter_mut().find(|(name, _)| name == RESULTS) {
            *results = Json::Number(self.results);
        }
        members.push(("repeated".into(), self.repeats.into()));
        members.push(("since".into(), self.opened.to_string().into()));
        event.details = Some(Json::Object(members));
        Some(event)
    }
}

/// Repetitions by one person of one action that no event tells of yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct Uncounted {
    pub who: String,
    pub action: String,
    pub repeats: u64,
}

impl Uncounted {
    /// For an event's details.
    pub fn to_json(&self) -> Json<'static> {
        Json::object([
            ("who", Json::from(self.who.clone())),
            ("action", Json::from(self.action.clone())),
            ("repeats", number(self.repeats)),
        ])
    }
}
