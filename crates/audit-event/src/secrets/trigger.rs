//! The quick look that says "nothing secret here" for nearly every event.
//!
//! One pass over an event's canonical bytes for the few letters that every removable secret has in or
//! beside it, and one for runs of digits. A hit says nothing yet: the event is then looked at properly. What
//! this pass does not hit, [`find`](super::find::secrets) does not remove; a test holds the two together.

use std::sync::LazyLock;

use aho_corasick::packed;
use memchr::memmem;

use super::find::{MIN_CARD_DIGITS, TOKEN_PREFIXES};

/// Whether the text may hold a secret.
pub(super) fn fires(text: &[u8]) -> bool {
    let literals = &*LITERALS;
    literals.short.iter().any(|literal| literal.find(text).is_some())
        || literals.long.fire(text)
        || has_digit_run(text)
}

static LITERALS: LazyLock<Literals> = LazyLock::new(Literals::new);

struct Literals {
    /// Shorter than four bytes: each searched by itself, so that the others are told apart by four.
    short: Vec<memmem::Finder<'static>>,
    long: Long,
}

impl Literals {
    fn new() -> Literals {
        let (short, long): (Vec<&'static str>, Vec<&'static str>) =
            literals().partition(|literal| literal.len() < 4);
        Literals { short: short.into_iter().map(memmem::Finder::new).collect(), long: Long::new(&long) }
    }
}

/// Names and signs beside which secrets stand, in the letter cases in which they come. First letters are
/// left out where they come in both cases.
const NEIGHBOURS: &[&str] = &[
    "assword",
    "ASSWORD",
    "asswd",
    "ASSWD",
    "assphrase",
    "ASSPHRASE",
    "ass=",
    "pwd",
    "Pwd",
    "PWD",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "pi_key",
    "pi-key",
    "pikey",
    "piKey",
    "piKEY",
    "pi key",
    "pi-Key",
    "PI_KEY",
    "PI-KEY",
    "PIKEY",
    "PIKey",
    "PI key",
    "ccess_key",
    "ccess-key",
    "ccessKey",
    "CCESS_KEY",
    "CCESSKEY",
    "ccountKey",
    "rivate_key",
    "rivateKey",
    "RIVATE_KEY",
    "RIVATE KEY",
    "redential",
    "REDENTIAL",
    "ookie",
    "OOKIE",
    "uthorization",
    "UTHORIZATION",
    "earer",
    "EARER",
    "asic ",
    "ASIC ",
    "sid=",
    "SID=",
    "session",
    "Session=",
    "SESSION",
    "sig=",
    "ignature=",
    "?key=",
    "&key=",
    "?code=",
    "&code=",
    "jwt",
    "JWT",
    "://",
    "eyJ",
    ":AA",
];

fn literals() -> impl Iterator<Item = &'static str> {
    NEIGHBOURS.iter().copied().chain(TOKEN_PREFIXES.iter().map(|prefix| prefix.text))
}

/// The searcher of `aho-corasick` that uses vector instructions, where the machine has them.
enum Long {
    Packed(packed::Searcher),
    Automaton(aho_corasick::AhoCorasick),
}

impl Long {
    #[expect(clippy::expect_used, reason = "a constant list, built by every test")]
    fn new(literals: &[&str]) -> Long {
        let mut builder = packed::Config::new().heuristic_pattern_limits(false).builder();
        match builder.extend(literals).build() {
            Some(searcher) => Long::Packed(searcher),
            None => Long::Automaton(aho_corasick::AhoCorasick::new(literals).expect("few short literals")),
        }
    }

    fn fire(&self, text: &[u8]) -> bool {
        match self {
            Long::Packed(searcher) => {
                searcher.find_iter(text).any(|found| is_neighbour(text, found.start(), found.end()))
            }
            Long::Automaton(automaton) => {
                automaton.find_iter(text).any(|found| is_neighbour(text, found.start(), found.end()))
            }
        }
    }
}

/// Leaves out the members that most events have: counts of tokens, the session's hash.
fn is_neighbour(text: &[u8], start: usize, end: usize) -> bool {
    match &text[start..end] {
        b"oken" => !text[end..].starts_with(b"s\":"),
        b"session" => {
            let after = text.get(end).copied().unwrap_or_default();
            let key = text[end..].starts_with(b"_id\":\"");
            !key && (after == b'=' || after == b'_' || after.eq_ignore_ascii_case(&b'i'))
        }
        _ => true,
    }
}

/// Whether there is a run of digits, spaces and dashes long enough for a card number. Looks at every so
/// manieth byte first, which such a run cannot slip between.
fn has_digit_run(text: &[u8]) -> bool {
    let in_run = |byte: &u8| matches!(byte, b'0'..=b'9' | b' ' | b'-');
    let mut at = MIN_CARD_DIGITS - 1;
    while let Some(byte) = text.get(at) {
        if in_run(byte) {
            let before = text[..at].iter().rev().take_while(|byte| in_run(byte)).count();
            let after = text[at..].iter().take_while(|byte| in_run(byte)).count();
            let run = &text[at - before..at + after];
            if run.len() >= MIN_CARD_DIGITS && has_card_digits(run) {
                return true;
            }
            at += after;
        }
        at += MIN_CARD_DIGITS;
    }
    false
}

/// Whether 14 digits stand in the run with at most one space or dash between two.
fn has_card_digits(run: &[u8]) -> bool {
    let mut digits = 0;
    let mut previous_is_digit = false;
    for byte in run {
        let is_digit = byte.is_ascii_digit();
        match (is_digit, previous_is_digit) {
            (true, _) => digits += 1,
            (false, true) => {}
            (false, false) => digits = 0,
        }
        if digits == MIN_CARD_DIGITS {
            return true;
        }
        previous_is_digit = is_digit;
    }
    false
}
