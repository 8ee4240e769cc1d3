//! Random events, filters and questions. Their values come from small pools, so that filters hit, times tie and
//! words repeat; the pools hold what is awkward: letters whose lower case is longer, addresses in two notations,
//! values with quotation marks, stars and formula signs.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "the pools hold what parses")]

use audit_event::{
    Actor, ActorType, Category, Client, EncodeParams, Encoder, Event, Http, Model, Org, Outcome, Severity,
    Source, Target, Timestamp, Usage,
};
use audit_query::Filter;
use audit_query::filter::{Cmp, Field, FieldKind, Phrase, Test};
use audit_query::question::{
    Bucket, Count, Group, GroupKey, List, Measure, NumberField, Order, RankBy, Ranking, Scan, TimeRange,
};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::borrow::Cow;

const WORDS: &[&str] = &[
    "brake",
    "rotor",
    "Brake-Rotor",
    "zephyrine",
    "été",
    "ÉTÉ",
    "İstanbul",
    "straße",
    "10",
    "7",
    "σας",
    "ΣΑΣ",
    "failed",
    "a_b",
    "don't",
    "x.y@z",
    "部品",
    "brakes",
    "=1+1",
    "\"quoted\"",
    "semi;colon",
    "comma,",
    "back\\slash",
];
const NAMES: &[&str] = &["Ada Lovelace", "ada lovelace", "Bob", "Zoë", "ZOË", "O'Neil", "-minus", "İpek"];
const EMAILS: &[&str] = &["ada@example.com", "Ada@Example.COM", "bob@example.com", "zoë@example.com", "x@y"];
const IDS: &[&str] = &[
    "u-1",
    "u-2",
    "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    "deadbeefcafe",
    "DEADBEEFCAFE",
    "deadbeefcafe00",
    "Ada Lovelace",
];
const ADDRESSES: &[&str] = &["10.0.0.1", "10.1.2.3", "192.168.0.7", "203.0.113.77", "2001:db8::1", "fe80::1"];
const NETWORKS: &[&str] =
    &["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "203.0.113.77", "2001:db8::/32", "::/0"];
const ACTIONS: &[(&str, Category)] = &[
    ("auth.login", Category::Authentication),
    ("auth.login_failed", Category::Authentication),
    ("chat.deleted", Category::Conversation),
    ("file.uploaded", Category::File),
    ("model.called", Category::ModelUsage),
    ("user.role_updated", Category::Administration),
    ("custom.thing_done", Category::System),
];
const SENDERS: &[&str] = &["tok_0123456789ab", "webhook:main", "webhook:Main", "import"];
const REASONS: &[&str] = &["invalid_credentials", "rate_limited", "forbidden"];
const DEPARTMENTS: &[&str] = &["Finance", "finance", "Inside Sales", "R&D", "IT"];
const MODELS: &[&str] = &["gpt-5.2", "gpt-5.2-mini", "GPT-5.2", "llama4:70b", "claude-opus-4.7"];
const AGENTS: &[&str] = &["curl/8.9.1", "Mozilla/5.0 (X11; Linux x86_64)", "python-requests/2.34.2"];
const TYPES: &[&str] = &["chat", "file", "user", "session"];
const ZONES: &[&str] = &["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"];

/// 2026-03-28T00:00:00Z: the day before the clocks change in Berlin.
const EPOCH: i64 = 1_774_656_000_000_000;
const HOUR: i64 = 3_600_000_000;

fn one_of(pool: &'static [&'static str]) -> impl Strategy<Value = Cow<'static, str>> {
    select(pool).prop_map(Cow::Borrowed)
}

fn maybe(pool: &'static [&'static str]) -> impl Strategy<Value = Option<Cow<'static, str>>> {
    weighted(0.7, one_of(pool))
}

fn sentence() -> impl Strategy<Value = String> {
    (vec(select(WORDS), 1..6), select(vec![" ", ", ", "-", ": ", "  "]))
        .prop_map(|(words, gap)| words.join(gap))
}

/// Instants on a coarse grid, so that ties are common; some far away, before 1970 and at the ends of time too.
pub fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        12 => (0..60_i64).prop_map(|step| EPOCH + step * HOUR / 2),
        2 => (0..400_i64).prop_map(|days| EPOCH - days * 24 * HOUR + 1),
        1 => (-60..2_i64).prop_map(|step| step * HOUR / 2),
        1 => -30 * 365 * 24 * HOUR..0,
        1 => select(vec![i64::MIN, -62_135_596_799_999_999, -2_500_000_000_000_000, -1, 0, 1]),
        1 => select(vec![253_402_214_400_000_000, 253_402_300_799_999_999, i64::MAX]),
    ]
    .prop_map(Timestamp::from_micros)
}

fn actor() -> impl Strategy<Value = Actor<'static>> {
    let kind = of(select(ActorType::ALL));
    (kind, maybe(IDS), maybe(NAMES), maybe(EMAILS)).prop_map(|(kind, id, name, email)| Actor {
        kind,
        id,
        name,
        email,
    })
}

fn org() -> impl Strategy<Value = Org<'static>> {
    let groups = subsequence(DEPARTMENTS, 0..3);
    (maybe(&["admin", "user"]), maybe(DEPARTMENTS), groups).prop_map(|(role, department, groups)| Org {
        role,
        department,
        groups: groups.into_iter().map(Cow::Borrowed).collect(),
    })
}

fn client() -> impl Strategy<Value = Client<'static>> {
    (weighted(0.8, select(ADDRESSES)), maybe(AGENTS)).prop_map(|(ip, user_agent)| Client {
        ip: ip.map(|ip| ip.parse().unwrap()),
        user_agent,
        ..Client::default()
    })
}

fn target() -> impl Strategy<Value = Target<'static>> {
    let name = weighted(0.6, sentence().prop_map(Cow::Owned));
    (maybe(TYPES), maybe(IDS), name).prop_map(|(kind, id, name)| Target { kind, id, name })
}

fn usage() -> impl Strategy<Value = Usage> {
    let tokens = || of(select(vec![0_u64, 1, 1000, 1001, 9_007_199_254_740_991]));
    (tokens(), tokens(), of(select(vec![0.0, 0.25, 0.5, 3.75]))).prop_map(
        |(input_tokens, output_tokens, cost_usd)| Usage {
            input_tokens,
            output_tokens,
            cost_usd,
            ..Usage::default()
        },
    )
}

fn http() -> impl Strategy<Value = Http<'static>> {
    let status = of(select(vec![200_u16, 401, 403, 500]));
    (maybe(&["GET", "POST", "DELETE"]), status).prop_map(|(method, status)| Http {
        method,
        status,
        path: Some("/api/v1/things".into()),
        request_id: None,
    })
}

/// An event without an id: give it one with [`encode`].
pub fn event() -> impl Strategy<Value = Event<'static>> {
    let core = (
        select(ACTIONS),
        time(),
        select(Outcome::ALL),
        maybe(REASONS),
        select(Severity::ALL),
        (select(Source::ALL), maybe(SENDERS)),
        maybe(&["plant-1", "plant-2"]),
    );
    let people = (of(actor()), maybe(IDS), of(org()), of(client()));
    let things = (of(target()), prop_oneof![4 => Just(vec![]), 1 => vec(target(), 1..3)]);
    let model = (maybe(MODELS), maybe(&["openai", "OpenAI", "local"]))
        .prop_map(|(id, provider)| Model { id, provider });
    let numbers = (of(model), of(usage()), of(select(vec![0.5, 12.0, 800.25])));
    let content = (weighted(0.8, sentence()), of(http()));
    (core, people, things, numbers, content).prop_map(|(core, people, things, numbers, content)| {
        let ((action, category), time, outcome, reason, severity, (source, sender), instance) = core;
        let mut event = Event::new(action, source);
        event.category = Some(category);
        event.sender = sender;
        event.time = Some(time);
        (event.outcome, event.reason, event.severity, event.instance) =
            (outcome, reason, Some(severity), instance);
        (event.actor, event.session_id, event.org, event.client) = people;
        (event.target, event.targets) = things;
        (event.model, event.usage, event.latency_ms) = numbers;
        event.message = content.0.map(Cow::Owned);
        event.http = content.1;
        event
    })
}

/// The entries of events, with ids `e-0`, `e-1`, ... where they have none.
pub fn encode(events: &[Event<'static>]) -> Vec<Vec<u8>> {
    let recorded_at = Timestamp::from_micros(EPOCH + 48 * HOUR);
    let mut encoder = Encoder::new(EncodeParams { seed: [7; 16], recorded_at, instance: None });
    let encode_one = |(at, event): (usize, &Event<'static>)| {
        let mut event = event.clone();
        event.id.get_or_insert_with(|| format!("e-{at}").into());
        encoder.encode(&event).unwrap().bytes
    };
    events.iter().enumerate().map(encode_one).collect()
}

/// A value that some event may have in the field, or nearly.
fn value_of(field: Field) -> BoxedStrategy<String> {
    let pool: &'static [&'static str] = match field {
        Field::Id => &["e-0", "e-1", "e-17", "e-170"],
        Field::Category => Category::NAMES,
        Field::Outcome => Outcome::NAMES,
        Field::Severity => Severity::NAMES,
        Field::Source => Source::NAMES,
        Field::ActorType => ActorType::NAMES,
        Field::Action => &["auth.login", "auth.login_failed", "model.called", "custom.thing_done", "auth"],
        Field::Reason => REASONS,
        Field::Sender => SENDERS,
        Field::Instance => &["plant-1", "plant-2", "Plant-1"],
        Field::ActorName => NAMES,
        Field::ActorEmail => EMAILS,
        Field::User => &["ada@example.com", "ADA LOVELACE", "u-1", "U-1", "deadbeefcafe", "zoë"],
        Field::ActorId | Field::Session | Field::TargetId => IDS,
        Field::Role => &["admin", "user", "ADMIN"],
        Field::Department | Field::Group => DEPARTMENTS,
        Field::UserAgent => AGENTS,
        Field::TargetType => TYPES,
        Field::Target => &["chat", "u-2", "brake", "CHAT", "İSTANBUL"],
        Field::Model => MODELS,
        Field::Provider => &["openai", "local"],
        Field::HttpMethod => &["GET", "get", "DELETE"],
        _ => WORDS,
    };
    prop_oneof![9 => select(pool).prop_map(str::to_owned), 1 => any::<String>()].boxed()
}

fn cut(text: &str, keep: usize) -> String {
    text.chars().take(keep.max(1)).collect()
}

/// Words to look for, with the star or without. Stars inside are not words.
pub fn phrase() -> impl Strategy<Value = Phrase> {
    let written = prop_oneof![
        6 => vec(select(WORDS), 1..4).prop_map(|words| words.join(" ")),
        2 => select(IDS).prop_map(str::to_owned),
        2 => select(NETWORKS).prop_map(str::to_owned),
        1 => select(EMAILS).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| text.replace('*', "")),
    ];
    (written, any::<bool>(), 1..9_usize)
        .prop_filter_map("a phrase has a letter or digit", |(text, prefix, keep)| {
            Phrase::new(if prefix { cut(&text, keep) } else { text }.as_str(), prefix)
        })
}

/// One condition, of a kind that makes sense on its field.
pub fn test() -> impl Strategy<Value = Test> {
    let fields: Vec<Field> = Field::all().collect();
    let words = (weighted(0.3, select(&Field::TEXT[..])), phrase())
        .prop_map(|(within, phrase)| Test::Words { within, phrase });
    prop_oneof![
        2 => words,
        1 => select(NETWORKS).prop_map(|net| Test::Ip(net.parse().unwrap_or_else(|_| {
            net.parse::<std::net::IpAddr>().unwrap().into()
        }))),
        6 => select(fields).prop_flat_map(test_of),
    ]
}

fn test_of(field: Field) -> BoxedStrategy<Test> {
    let exists = Just(Test::Exists(field));
    let equals = value_of(field).prop_map(move |value| Test::Equals { field, value });
    match field.kind() {
        FieldKind::Number => {
            let cmp = select(vec![Cmp::Eq, Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge]);
            let value =
                select(vec![0.0, 0.5, 1.0, 401.0, 1000.0, 2001.0, 9_007_199_254_740_991.0, -1.5, 1e300]);
            let number = (cmp, value).prop_map(move |(cmp, value)| Test::Number { field, cmp, value });
            prop_oneof![5 => number, 1 => exists].boxed()
        }
        FieldKind::Ip => exists.boxed(),
        FieldKind::Name => {
            let named = equals.prop_filter(
                "names are fixed",
                |test| !matches!(test, Test::Equals { value, .. } if !is_name(value)),
            );
            prop_oneof![5 => named, 1 => exists].boxed()
        }
        _ => {
            let prefix = (value_of(field), 1..6_usize)
                .prop_map(move |(value, keep)| Test::Prefix { field, value: cut(&value, keep) })
                .prop_filter(
                    "an empty prefix is Exists",
                    |test| !matches!(test, Test::Prefix { value, .. } if value.is_empty()),
                );
            prop_oneof![4 => equals, 3 => prefix, 1 => exists].boxed()
        }
    }
}

fn is_name(value: &str) -> bool {
    [Category::NAMES, Outcome::NAMES, Severity::NAMES, Source::NAMES, ActorType::NAMES]
        .concat()
        .contains(&value)
}

/// Any filter that can be written in the query box, and what nobody would write.
pub fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![1 => Just(Filter::All), 12 => test().prop_map(Filter::Test)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            3 => vec(inner.clone(), 0..4).prop_map(Filter::And),
            3 => vec(inner.clone(), 0..4).prop_map(Filter::Or),
            2 => inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// Time ranges, empty ones included.
pub fn range() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        2 => Just(TimeRange::ALL),
        3 => (time(), time()).prop_map(|(a, b)| TimeRange { from: a.min(b), to: a.max(b) }),
        1 => time().prop_map(|to| TimeRange { from: Timestamp::MIN, to }),
        1 => time().prop_map(|from| TimeRange { from, to: Timestamp::MAX }),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    select(vec![Order::NewestFirst, Order::OldestFirst])
}

fn snapshot() -> impl Strategy<Value = Option<u64>> {
    weighted(0.3, 0..80_u64)
}

/// A list's first page; follow `next` for the others.
pub fn list() -> impl Strategy<Value = List> {
    (filter(), range(), order(), 1..9_usize, snapshot(), any::<bool>()).prop_map(
        |(filter, range, order, limit, snapshot, count)| List {
            filter,
            range,
            order,
            limit,
            after: None,
            snapshot,
            count,
        },
    )
}

/// A count.
pub fn count() -> impl Strategy<Value = Count> {
    (filter(), range(), snapshot()).prop_map(|(filter, range, snapshot)| Count { filter, range, snapshot })
}

/// A scan from the beginning.
pub fn scan() -> impl Strategy<Value = Scan> {
    (filter(), range(), order(), snapshot()).prop_map(|(filter, range, order, snapshot)| Scan {
        filter,
        range,
        order,
        after: None,
        snapshot,
    })
}

fn groupable() -> impl Strategy<Value = Field> {
    let fields: Vec<Field> = Field::all()
        .filter(|field| !matches!(field.kind(), FieldKind::Several | FieldKind::Number))
        .chain([Field::HttpStatus])
        .collect();
    select(fields)
}

fn group_key() -> impl Strategy<Value = GroupKey> {
    let bucket = select(vec![Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month]);
    let time = (bucket, select(ZONES))
        .prop_map(|(bucket, zone)| GroupKey::Time { bucket, tz: TimeZone::get(zone).unwrap() });
    prop_oneof![2 => groupable().prop_map(GroupKey::Field), 1 => time]
}

/// What is counted and summed.
fn total() -> impl Strategy<Value = Measure> {
    use NumberField::{CostUsd, InputTokens, LatencyMs, OutputTokens, TotalTokens};
    let sum = select(vec![InputTokens, OutputTokens, TotalTokens, CostUsd, LatencyMs]).prop_map(Measure::Sum);
    prop_oneof![2 => Just(Measure::Count), 1 => sum]
}

/// Measures of all kinds, with conditions of their own and without.
fn measure() -> impl Strategy<Value = Measure> {
    let plain = prop_oneof![
        1 => total(),
        1 => Just(Measure::First),
        1 => Just(Measure::Last),
        2 => groupable().prop_map(Measure::Latest),
        2 => groupable().prop_map(Measure::Distinct),
    ];
    plain
        .prop_recursive(2, 2, 1, |inner| (filter(), inner).prop_map(|(filter, measure)| measure.when(filter)))
}

/// A question for groups.
pub fn group() -> impl Strategy<Value = Group> {
    let measures = prop_oneof![1 => vec(total(), 1..4), 1 => vec(measure(), 1..5)];
    let limit = prop_oneof![1..6_usize, Just(10_000)];
    (filter(), range(), vec(group_key(), 0..3), measures, limit, snapshot()).prop_map(
        |(filter, range, keys, measures, limit, snapshot)| Group {
            filter,
            range,
            keys,
            measures,
            limit,
            snapshot,
        },
    )
}

/// Questions for groups whose filters have conditions in common, mostly of one time.
pub fn groups() -> impl Strategy<Value = Vec<Group>> {
    let common = vec(filter(), 0..3);
    let own = (group(), vec(total(), 1..3), weighted(0.9, Just(())));
    (common, range(), snapshot(), vec(own, 1..4)).prop_map(|(common, range, snapshot, questions)| {
        let alike = |(mut group, measures, is_of_one_time): (Group, _, Option<()>)| {
            group.filter = Filter::And(common.iter().cloned().chain([group.filter]).collect());
            if is_of_one_time.is_some() {
                (group.range, group.snapshot, group.measures) = (range, snapshot, measures);
            }
            group
        };
        questions.into_iter().map(alike).collect()
    })
}

/// A page of groups.
pub fn ranking() -> impl Strategy<Value = Ranking> {
    let by = prop_oneof![(0..3_usize).prop_map(RankBy::Key), (0..4_usize).prop_map(RankBy::Measure)];
    let skip = prop_oneof![2 => Just(0), 1 => 0..5_usize];
    (group(), by, any::<bool>(), skip).prop_map(|(group, by, descending, skip)| Ranking {
        group,
        by,
        descending,
        skip,
    })
}
