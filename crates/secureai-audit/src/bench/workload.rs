//! The benchmark's events: what an AI chat platform's audit trail looks like, the same on every machine.
//!
//! Six categories, 40 actions, 5,000 users (Zipf), 12 departments, 15 models, about 920 bytes an event, spread evenly
//! over a year. Any event can be made by its number alone, so that several connections can send parts of one workload.
//! Needles for searches: exactly 7 events carry the word `zephyrine`, exactly 3 come from 203.0.113.77.

mod cast;

use std::io::Write;

use audit_event::Timestamp;

use self::cast::{ACTIONS, Action, MODELS, PARTS, User};
pub(crate) use self::cast::{FREQUENT_RANK, RARE_RANK};
use super::random::{Random, Weighted};

/// The rare word, in exactly [`WORD_HITS`] events.
pub(crate) const RARE_WORD: &str = "zephyrine";
/// How many events carry [`RARE_WORD`].
pub(crate) const WORD_HITS: usize = 7;
/// The rare address, in exactly [`IP_HITS`] events.
pub(crate) const RARE_IP: &str = "203.0.113.77";
/// How many events come from [`RARE_IP`].
pub(crate) const IP_HITS: usize = 3;

const USERS: usize = 5_000;
const SEED: u64 = 7;
const DAY_US: i64 = 86_400_000_000;
/// 2026-11-01T00:00:00Z, where the year ends.
const END_US: i64 = 1_793_491_200_000_000;
/// The year's length.
const SPAN_US: i64 = 365 * DAY_US;

/// A workload of a given length.
#[derive(Debug)]
pub(crate) struct Workload {
    seed: u64,
    events: u64,
    users: Vec<User>,
    agents: Vec<String>,
    actions: Weighted,
    user_ranks: Weighted,
    models: Weighted,
    word_at: Vec<u64>,
    ip_at: Vec<u64>,
}

/// The random part of one event's ids.
struct Ids {
    id: [u64; 2],
    target: [u64; 2],
}

impl Workload {
    /// The workload of `events` events.
    pub(crate) fn new(events: u64) -> Self {
        let weights: Vec<f64> = ACTIONS.iter().map(|action| action.weight).collect();
        Self {
            seed: SEED,
            events,
            users: (0..USERS).map(|at| User::new(SEED, at)).collect(),
            agents: cast::agents(),
            actions: Weighted::new(&weights),
            user_ranks: Weighted::folded_zipf(1.15, USERS, 1),
            models: Weighted::folded_zipf(1.5, MODELS.len(), 0),
            word_at: places(events, WORD_HITS, 1),
            ip_at: places(events, IP_HITS, 2),
        }
    }

    /// Events beside the workload, as many as wanted: other ids, no needles.
    pub(crate) fn more() -> Self {
        let seed = SEED + 1;
        Self { seed, word_at: Vec::new(), ip_at: Vec::new(), ..Self::new(1 << 40) }
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> u64 {
        self.events
    }

    /// The e-mail of the user with this rank; 0 acts most often.
    pub(crate) fn user_email(&self, rank: usize) -> &str {
        &self.users[rank].email
    }

    /// The id of event `number`.
    pub(crate) fn id(&self, number: u64) -> String {
        let ids = Ids::draw(&mut Random::new(self.seed, number));
        format!("{:016x}{:016x}", ids.id[0], ids.id[1])
    }

    /// Appends event `number` (below [`Self::len`]) to `out` as one JSON object and a newline.
    pub(crate) fn write_line(&self, number: u64, out: &mut Vec<u8>) {
        let mut random = Random::new(self.seed, number);
        let ids = Ids::draw(&mut random);
        let action = &ACTIONS[self.actions.draw(&mut random)];
        let user = &self.users[self.user_ranks.draw(&mut random)];
        let part = PARTS[random.index(PARTS.len())];
        let model = MODELS[self.models.draw(&mut random)];
        let input_tokens = 20 + random.below(8_980);
        let output_tokens = if action.fails { 0 } else { 5 + random.below(2_995) };

        out.extend_from_slice(b"{\"id\":\"");
        push_hex(out, ids.id[0], 16);
        push_hex(out, ids.id[1], 16);
        out.extend_from_slice(b"\",\"time\":\"");
        self.time(number, &mut random).write_to(out);
        out.extend_from_slice(action.head.as_bytes());
        out.extend_from_slice(user.actor_json.as_bytes());
        out.extend_from_slice(b",\"session_id\":\"");
        push_hex(out, ids.id[1], 12);
        out.extend_from_slice(b"\",\"target\":{\"type\":\"");
        out.extend_from_slice(action.target.as_bytes());
        out.extend_from_slice(b"\",\"id\":\"");
        push_uuid(out, ids.target);
        out.extend_from_slice(b"\",\"name\":\"");
        out.extend_from_slice(part.as_bytes());
        out.push(b'-');
        push_number(out, ids.id[1] & 4095);
        out.extend_from_slice(b"\"},\"message\":\"");
        self.push_message(number, out, &Spoken { action, user, part, model, ids: &ids });
        out.push(b'"');
        if action.category == "model_usage" {
            out.extend_from_slice(b",\"usage\":{\"input_tokens\":");
            push_number(out, input_tokens);
            out.extend_from_slice(b",\"output_tokens\":");
            push_number(out, output_tokens);
            out.extend_from_slice(b"},\"model\":{\"id\":\"");
            out.extend_from_slice(model.as_bytes());
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b",\"details\":{\"part\":\"");
        out.extend_from_slice(part.as_bytes());
        out.extend_from_slice(b"\"}");
        out.extend_from_slice(user.org_json.as_bytes());
        self.push_client(number, out, user, &mut random);
        out.extend_from_slice(b",\"source\":\"api\",\"instance\":\"bench\",\"latency_ms\":");
        push_number(out, input_tokens % 900);
        out.extend_from_slice(b",\"http\":{\"method\":\"POST\",\"path\":\"/api/v1/");
        out.extend_from_slice(action.target.as_bytes());
        out.extend_from_slice(b"s/");
        push_uuid(out, ids.target);
        out.extend_from_slice(if action.fails { b"\",\"status\":401" } else { b"\",\"status\":200" });
        out.extend_from_slice(b",\"request_id\":\"");
        push_hex(out, ids.target[1], 16);
        out.extend_from_slice(b"\"}}\n");
    }

    /// Event `number`'s moment: its even share of the year, and a little chance within.
    fn time(&self, number: u64, random: &mut Random) -> Timestamp {
        let per_event = u128::from(SPAN_US.unsigned_abs());
        let share = |number: u64| {
            i64::try_from(per_event * u128::from(number) / u128::from(self.events)).unwrap_or(0)
        };
        let (start, end) = (share(number), share(number + 1));
        let within = random.below((end - start).max(1).unsigned_abs());
        Timestamp::from_micros(END_US - SPAN_US + start + i64::try_from(within).unwrap_or(0))
    }

    fn push_message(&self, number: u64, out: &mut Vec<u8>, spoken: &Spoken<'_>) {
        spoken.push(out);
        if self.word_at.contains(&number) {
            out.push(b' ');
            out.extend_from_slice(RARE_WORD.as_bytes());
        }
    }

    fn push_client(&self, number: u64, out: &mut Vec<u8>, user: &User, random: &mut Random) {
        out.extend_from_slice(b",\"client\":{\"ip\":\"");
        if self.ip_at.contains(&number) {
            out.extend_from_slice(RARE_IP.as_bytes());
        } else if random.below(4) > 0 {
            out.extend_from_slice(user.ip.as_bytes());
        } else {
            let host = random.below(20_000);
            out.extend_from_slice(b"198.51.");
            push_number(out, host >> 8);
            out.push(b'.');
            push_number(out, host & 255);
        }
        out.extend_from_slice(b"\",\"user_agent\":\"");
        out.extend_from_slice(self.agents[random.index(self.agents.len())].as_bytes());
        out.extend_from_slice(b"\"}");
    }

    /// Writes all events as NDJSON.
    pub(crate) fn write_all(&self, mut out: impl Write, progress: impl Fn(u64)) -> std::io::Result<()> {
        let mut buffer = Vec::with_capacity(1 << 20);
        for number in 0..self.events {
            self.write_line(number, &mut buffer);
            if buffer.len() > (1 << 20) - 4_096 {
                out.write_all(&buffer)?;
                buffer.clear();
                progress(number + 1);
            }
        }
        out.write_all(&buffer)?;
        out.flush()
    }
}

impl Ids {
    fn draw(random: &mut Random) -> Self {
        let mut next = || random.next() >> 1;
        Self { id: [next(), next()], target: [next(), next()] }
    }
}

/// What a message speaks of.
struct Spoken<'a> {
    action: &'a Action,
    user: &'a User,
    part: &'a str,
    model: &'a str,
    ids: &'a Ids,
}

impl Spoken<'_> {
    fn push(&self, out: &mut Vec<u8>) {
        let Self { action, user, part, model, ids } = self;
        let mut say = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
        match action.category {
            "authentication" if action.fails => say(&["Sign-in failed for ", &user.email, ": ", action.name]),
            "authentication" => say(&["Authentication event for ", &user.email, ": ", action.name]),
            "conversation" => {
                say(&[&user.name, " ", action.name, " conversation about ", part, " fitment and pricing"]);
            }
            "file" => {
                say(&[&user.name, " ", action.name, " document ", part, "-catalog-"]);
                push_number(out, ids.id[1] & 4095);
                out.extend_from_slice(b".pdf");
            }
            "model_usage" if action.fails => say(&["Provider request failed ", model, " by ", &user.name]),
            "model_usage" => say(&["Model call ", model, " by ", &user.name]),
            "administration" => {
                say(&["Administrator action ", action.name, " on ", action.target, " "]);
                push_hex(out, ids.target[0], 8);
            }
            _ => {
                say(&["System event ", action.name, " "]);
                push_hex(out, ids.target[0], 8);
            }
        }
    }
}

/// `count` different event numbers.
fn places(events: u64, count: usize, stream: u64) -> Vec<u64> {
    let mut random = Random::new(SEED, u64::MAX - stream);
    let mut places = Vec::with_capacity(count);
    while places.len() < count {
        let place = random.below(events);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The lowest `digits` hexadecimal digits of `number`.
fn push_hex(out: &mut Vec<u8>, number: u64, digits: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |at: u32| DIGITS[((number >> (at * 4)) & 15) as usize];
    out.extend((0..digits).rev().map(digit));
}

fn push_uuid(out: &mut Vec<u8>, [high, low]: [u64; 2]) {
    push_hex(out, high, 8);
    out.push(b'-');
    push_hex(out, high >> 32, 4);
    out.extend_from_slice(b"-4");
    push_hex(out, low, 3);
    out.extend_from_slice(b"-a");
    push_hex(out, low >> 12, 3);
    out.push(b'-');
    push_hex(out, low >> 15, 12);
}

#[cfg(test)]
mod tests;
