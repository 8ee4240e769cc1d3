//! From event to entry: validate, complete, remove secrets, write the canonical form, commit to it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::commitment::{self, Digest, GroupSalts, LeafData, Seed};
use crate::entry::{FORM_SEEDED, GROUP_END, VERSION};
use crate::error::{ErrorKind, EventError, Refusal, refusal};
use crate::event::Event;
use crate::groups::{self, Completed};
use crate::sender::Sender;
use crate::taxonomy;
use crate::time::Timestamp;
use crate::vocabulary::{Category, Group, Mark, Marks, Severity};
use crate::{limits, parse, secrets, validate};

/// What a batch of events shares.
#[derive(Clone)]
pub struct EncodeParams {
    /// 16 fresh random bytes for this batch: every salt in it, and every id filled in, derives from them.
    /// Never use a seed twice.
    pub seed: Seed,
    /// When we took the batch.
    pub recorded_at: Timestamp,
    /// `instance` of events that do not name one.
    pub instance: Option<Arc<str>>,
}

impl fmt::Debug for EncodeParams {
    /// Leaves out the seed, which is as secret as the events are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodeParams")
            .field("recorded_at", &self.recorded_at)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

/// An event as the ledger takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The event's id: the ledger's idempotency key.
    pub id: Box<str>,
    /// The entry.
    pub bytes: Vec<u8>,
    /// What the tree commits to.
    pub leaf: LeafData,
    /// When it happened.
    pub time: Timestamp,
}

/// Turns events into entries; keeps its buffers from one event to the next.
#[derive(Debug)]
pub struct Encoder {
    params: EncodeParams,
    ids_made: u64,
    core: Vec<u8>,
    /// The other groups, each followed by its end mark.
    others: Vec<u8>,
    sender: Option<Sender>,
}

/// Version, form and seed.
const HEADER: usize = 2 + size_of::<Seed>();

impl Encoder {
    /// An encoder for one batch.
    #[must_use]
    pub fn new(params: EncodeParams) -> Encoder {
        let (core, others) = (Vec::with_capacity(512), Vec::with_capacity(2048));
        Encoder { params, ids_made: 0, core, others, sender: None }
    }

    /// For events that are handed in from outside: all name this sender, and [`Encoder::encode_json`] refuses what they may
    /// not say. `None`: events of our own, which name whom they bring along.
    #[must_use]
    pub fn of_sender(self, sender: Option<Sender>) -> Encoder {
        Encoder { sender, ..self }
    }

    /// Starts another batch, keeping the buffers.
    pub fn begin(&mut self, params: EncodeParams) {
        self.params = params;
        self.ids_made = 0;
    }

    /// Parses and encodes one event. A `recorded_at` or `sender` that it brings along is replaced: it is ours to say.
    ///
    /// # Errors
    /// As [`Event::parse`] and [`Encoder::encode`].
    pub fn encode_json(&mut self, line: &[u8]) -> Result<Encoded, EventError> {
        let mut event = parse::event(line).map_err(|refusal| *refusal)?.event;
        event.sender = None;
        let admitted = self.sender.as_ref().map_or(Ok(()), |sender| sender.check(&event));
        admitted.and_then(|()| self.encode_values(&event)).map_err(|refusal| *refusal)
    }

    /// Encodes one event.
    ///
    /// # Errors
    /// When a field is missing, not allowed or too long.
    pub fn encode(&mut self, event: &Event<'_>) -> Result<Encoded, EventError> {
        let checked = validate::values(event);
        checked.and_then(|()| self.encode_values(event)).map_err(|refusal| *refusal)
    }

    /// Encodes an event whose JSON values are known to be sound.
    fn encode_values(&mut self, event: &Event<'_>) -> Result<Encoded, Refusal> {
        validate::event(event)?;
        self.write_others(event);
        let needs_look = secrets::may_hold(event, &self.others);
        let cleaned = if needs_look { secrets::clean(event) } else { None };
        let mut marks = event.marks;
        let mut event = Cow::Borrowed(event);
        if let Some(clean) = cleaned {
            marks.insert(Mark::SecretRemoved);
            self.write_others(&clean);
            event = Cow::Owned(clean);
        }
        let id = self.id_of(&event);
        self.write_core(&event, &id, marks)?;
        if self.event_len() > limits::EVENT_BYTES {
            marks.insert(Mark::DetailsTruncated);
            self.write_core(&event, &id, marks)?;
            self.cut_details(event.to_mut())?;
        }
        let time = event.time.unwrap_or(self.params.recorded_at);
        Ok(self.finish(id, time))
    }

    fn id_of(&mut self, event: &Event<'_>) -> Box<str> {
        match &event.id {
            Some(id) => Box::from(&**id),
            None => {
                self.ids_made += 1;
                let bits = commitment::random_bits(&self.params.seed, self.ids_made);
                uuid_v7(self.params.recorded_at, &bits).into()
            }
        }
    }

    fn write_others(&mut self, event: &Event<'_>) {
        self.others.clear();
        for group in &Group::ALL[1..] {
            groups::write_group(&mut self.others, *group, event);
            self.others.push(GROUP_END);
        }
    }

    fn write_core(&mut self, event: &Event<'_>, id: &str, marks: Marks) -> Result<(), Refusal> {
        let (category, default_severity) = classify(event)?;
        let recorded_at = self.params.recorded_at;
        let time = event.time.unwrap_or(recorded_at);
        let completed = Completed {
            id,
            time,
            recorded_at,
            category,
            severity: event.severity.unwrap_or(default_severity),
            sender: self.sender.as_ref().map(Sender::name).or(event.sender.as_deref()),
            instance: event.instance.as_deref().or(self.params.instance.as_deref()),
            marks: marks.union(time_marks(time, recorded_at)),
        };
        self.core.clear();
        groups::write_core(&mut self.core, event, &completed);
        Ok(())
    }

    /// An upper bound of the length of the event's JSON.
    fn event_len(&self) -> usize {
        self.core.len() + self.others.len()
    }

    /// Shortens `details` by what is too much and writes the groups again.
    fn cut_details(&mut self, event: &mut Event<'_>) -> Result<(), Refusal> {
        let details = event.details.take();
        self.write_others(event);
        const KEY: usize = r#"{"details":,}"#.len();
        let room = limits::EVENT_BYTES.checked_sub(self.event_len() + KEY);
        let (Some(room), Some(details)) = (room, details) else {
            let advice =
                format!("is longer than {} bytes without its details: shorten it", limits::EVENT_BYTES);
            return Err(refusal("", ErrorKind::TooLong, advice));
        };
        event.details = details.cut_to(room);
        self.write_others(event);
        Ok(())
    }

    /// Puts the entry together and commits to it.
    fn finish(&self, id: Box<str>, time: Timestamp) -> Encoded {
        let mut bytes = Vec::with_capacity(HEADER + self.core.len() + 1 + self.others.len());
        bytes.extend_from_slice(&[VERSION, FORM_SEEDED]);
        bytes.extend_from_slice(&self.params.seed);
        bytes.extend_from_slice(&self.core);
        bytes.push(GROUP_END);
        bytes.extend_from_slice(&self.others);
        let event_salt = commitment::event_salt(&self.params.seed, &id);
        let digests = digests(&bytes[HEADER..], &commitment::group_salts(&event_salt));
        Encoded { id, leaf: LeafData::new(&digests), bytes, time }
    }
}

/// The digests of groups that stand one after the other, each with its end mark.
fn digests(mut groups: &[u8], salts: &GroupSalts) -> [Digest; Group::COUNT] {
    std::array::from_fn(|index| {
        let end = memchr::memchr(GROUP_END, groups).unwrap_or(groups.len());
        let (bytes, rest) = groups.split_at(end);
        groups = rest.get(1..).unwrap_or_default();
        match bytes {
            [] => commitment::absent(Group::ALL[index]),
            _ => commitment::present(Group::ALL[index], &salts[index], bytes),
        }
    })
}

/// The event's category and the severity it has unless it gives one.
fn classify(event: &Event<'_>) -> Result<(Category, Severity), Refusal> {
    match (taxonomy::lookup(&event.action), event.category) {
        (Some(info), given) => Ok((given.unwrap_or(info.category), info.severity)),
        (None, Some(category)) => Ok((category, Severity::Info)),
        (None, None) => Err(refusal(
            "action",
            ErrorKind::UnknownAction,
            format!("{:?} is not in the taxonomy: send a `category` along", event.action),
        )),
    }
}

fn time_marks(time: Timestamp, recorded_at: Timestamp) -> Marks {
    let ahead = time.as_micros() - recorded_at.as_micros();
    let future = (ahead > limits::FUTURE_MICROS).then_some(Mark::TimeFuture);
    let past = (ahead < -limits::PAST_MICROS).then_some(Mark::TimePast);
    future.into_iter().chain(past).collect()
}

/// An id for an event of that time. RFC 9562, 5.7: 48 bits of milliseconds since 1970 (a clock that shows less gives
/// 0), version, variant, the rest random.
#[must_use]
pub fn uuid_v7(time: Timestamp, random: &[u8; 10]) -> String {
    let millis = time.max(Timestamp::EPOCH).as_micros().unsigned_abs() / 1000;
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(random);
    bytes[6] = 0x70 | (bytes[6] & 0x0F);
    bytes[8] = 0x80 | (bytes[8] & 0x3F);
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        const HEX: &[u8; 16] = b"0123456789abcdef";
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}
