//! The quick look that says "nothing secret here" for nearly every event.
//!
//! One pass over an event's canonical bytes for the few letters that every removable secret has in or
//! beside it, and for runs of digits. A hit says nothing yet: the event is then looked at properly. What
//! this pass does not hit, `find` does not remove; a test holds the two together.
//!
//! Text is taken in pairs of bytes, four to a word, whatever the letters' case. A table of 4,096 folded pairs
//! tells for each in which of 32 sets of literals it may be the first pair and in which the second. Since
//! a literal may begin on either byte of a pair, each is entered twice. A set that has a pair as first and
//! the next as second makes a candidate, which is then compared. (On a busy machine this takes about half of
//! what `aho-corasick`'s vector searcher takes for as many literals.)

use std::sync::LazyLock;

use super::cards::MIN_DIGITS;
use super::tokens::TOKEN_PREFIXES;

/// Whether the text may hold a secret.
pub(super) fn fires(text: &[u8]) -> bool {
    let table = &*TABLE;
    let mut first_sets = 0;
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if table.look(text, index * 8, u64::from_le_bytes(*word), &mut first_sets) {
            return true;
        }
    }
    let mut padded = [0; 8];
    padded[..tail.len()].copy_from_slice(tail);
    table.look(text, words.len() * 8, u64::from_le_bytes(padded), &mut first_sets)
}

/// Names and signs beside which secrets stand, in lower case. First letters are left out where a rarer one
/// follows.
#[rustfmt::skip]
const NEIGHBOURS: &[&str] = &[
    "assword", "asswd", "assphrase", "asscode", "ass phrase", "pass=", "pwd", "ecret", "oken", "pi_key",
    "pi-key", "pi.key", "pikey", "pi key", "ess_key", "ess-key", "ess.key", "esskey", "ess key", "ntkey",
    "nt_key", "nt key", "rivate_key", "rivate-key", "rivatekey", "rivate key", "ng_key", "ng key", "ngkey",
    "on_key", "on key", "onkey", "er_key", "er key", "erkey", "uth_key", "uth key", "uthkey", "redential",
    "reds=", "reds:", "reds\"", "reds\\", "ookie", "uthoriz", "earer", "asic ", "asic+", "asic%", "jwt",
    "otp=", "otp:", "otp\"", "otp\\", "otp ", "cvv=", "cvv:", "cvv\"", "cvv\\", "cvv ", "cvc=", "cvc:",
    "cvc\"", "cvc\\", "cvc ", "xsrf", "ssid", "mfa code", "mfa_code", "ecovery code", "ecovery_code",
    "kup code", "kup_code", "ard number", "ard_number", "sid=", "ion=", "_id=", "sig=", "ature=", "key=",
    "ode=", "://", "eyj", ":aa",
];

struct Table {
    /// By folded pair: in the low half the sets whose literals may begin with it, in the high half those
    /// that may go on with it.
    sets: Box<[u64; PAIRS]>,
    /// A bit for the hash of each first and second pair that belong together.
    joined: Box<[u64; JOINED_BITS / 64]>,
    /// By folded first pair: one more than the place in `literals` of the first one with that pair.
    starts: Box<[u8; PAIRS]>,
    /// Sorted by folded first pair.
    literals: Vec<&'static [u8]>,
}

const PAIRS: usize = 1 << 12;
const SETS: usize = 32;
const JOINED_BITS: usize = 1 << 16;

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

impl Table {
    fn new() -> Table {
        let neighbours = NEIGHBOURS.iter().map(|literal| literal.as_bytes());
        let prefixes = TOKEN_PREFIXES.iter().map(|prefix| prefix.text.as_bytes());
        let mut literals: Vec<&'static [u8]> = neighbours.chain(prefixes).collect();
        // Neighbours in the alphabet share pairs, so that a set of them has fewer.
        literals.sort_by_key(|literal| literal.to_ascii_lowercase());
        let set_of = |rank: usize| rank * SETS / literals.len();
        let mut ranked: Vec<_> = (0..).map(set_of).zip(literals.iter().copied()).collect();
        ranked.sort_by_key(|(_, literal)| first_pair(literal));
        let (sets, literals): (Vec<usize>, Vec<&'static [u8]>) = ranked.into_iter().unzip();
        let mut table = Table {
            sets: Box::new([0; PAIRS]),
            joined: Box::new([0; JOINED_BITS / 64]),
            starts: Box::new([0; PAIRS]),
            literals,
        };
        for (place, literal) in table.literals.clone().into_iter().enumerate() {
            table.enter(literal, sets[place]);
            let start = &mut table.starts[first_pair(literal)];
            if *start == 0 {
                *start = u8::try_from(place + 1).unwrap_or(u8::MAX);
            }
        }
        table
    }

    fn enter(&mut self, literal: &'static [u8], set: usize) {
        let at = |index: usize| literal.get(index).copied();
        self.enter_pairs(set, [at(0), at(1)], [at(2), at(3)]);
        match literal.len() {
            3 => self.enter_pairs(set, [None, at(0)], [at(1), at(2)]),
            _ => self.enter_pairs(set, [at(1), at(2)], [at(3), at(4)]),
        }
    }

    /// Enters a first and a second pair; `None` is any byte.
    fn enter_pairs(&mut self, set: usize, first: [Option<u8>; 2], second: [Option<u8>; 2]) {
        let (firsts, seconds) = (pairs_like(first), pairs_like(second));
        for first in &firsts {
            self.sets[*first] |= 1 << set;
            for second in &seconds {
                let bit = joined_hash(*first, *second);
                self.joined[bit / 64] |= 1 << (bit % 64);
            }
        }
        for second in seconds {
            self.sets[second] |= 1 << (set + SETS);
        }
    }

    /// Looks at the eight bytes at `at`; `first_sets` goes from one word to the next.
    #[inline(always)]
    fn look(&self, text: &[u8], at: usize, word: u64, first_sets: &mut u64) -> bool {
        let sets: [u64; 4] = pairs_of(folded_pairs(word)).map(|pair| self.sets[pair % PAIRS]);
        let hits = [
            (*first_sets << SETS) & sets[0],
            (sets[0] << SETS) & sets[1],
            (sets[1] << SETS) & sets[2],
            (sets[2] << SETS) & sets[3],
        ];
        *first_sets = sets[3];
        let has_candidate = hits[0] | hits[1] | hits[2] | hits[3] != 0;
        (has_candidate && self.compare(text, at, hits)) || (may_be_digits(word) && has_card_digits(text, at))
    }

    /// Compares the candidates of one word with the literals.
    #[inline(never)]
    fn compare(&self, text: &[u8], at: usize, hits: [u64; 4]) -> bool {
        let seconds = (0..4).filter(|&lane| hits[lane] != 0).map(|lane| at + 2 * lane);
        seconds
            .filter(|&second| self.are_joined(text, second))
            .any(|second| (second.saturating_sub(3)..second).any(|start| self.is_literal(&text[start..])))
    }

    /// Whether some literal has the pair at `second` and the one before it as its second and first.
    fn are_joined(&self, text: &[u8], second: usize) -> bool {
        let byte = |at: usize| text.get(at).copied().unwrap_or_default();
        let pair = |at: usize| fold(byte(at)) | (fold(byte(at + 1)) << 6);
        let bit = joined_hash(pair(second.saturating_sub(2)), pair(second));
        self.joined[bit / 64] & (1 << (bit % 64)) != 0
    }

    fn is_literal(&self, text: &[u8]) -> bool {
        if text.len() < 2 || self.starts[first_pair(text)] == 0 {
            return false;
        }
        let pair = first_pair(text);
        let with_pair = &self.literals[usize::from(self.starts[pair]) - 1..];
        with_pair
            .iter()
            .take_while(|literal| first_pair(literal) == pair)
            .any(|literal| is_neighbour(text, literal))
    }
}

/// The folded pairs with these bytes; `None` is any byte.
fn pairs_like(bytes: [Option<u8>; 2]) -> Vec<usize> {
    let matches = |byte: Option<u8>, folded: usize| byte.is_none_or(|byte| fold(byte) == folded);
    (0..PAIRS).filter(|pair| matches(bytes[0], pair % 64) && matches(bytes[1], pair / 64)).collect()
}

/// Fibonacci hashing of two pairs.
fn joined_hash(first: usize, second: usize) -> usize {
    ((first * PAIRS + second).wrapping_mul(0x9E37_79B1) >> 8) % JOINED_BITS
}

/// The folded first two bytes.
fn first_pair(text: &[u8]) -> usize {
    fold(text[0]) | (fold(text[1]) << 6)
}

/// Six bits of a byte: a letter's, whatever its case; digits and signs keep apart from letters.
fn fold(byte: u8) -> usize {
    usize::from((byte & 0x1F) | ((byte & 0x40) >> 1))
}

/// The folded pairs of a word, twelve bits in each of its four lanes.
#[inline]
fn folded_pairs(word: u64) -> u64 {
    const LANES: u64 = u64::MAX / 0xFFFF;
    const LETTER: u64 = LANES * 0x1F1F;
    const ALPHABET: u64 = LANES * 0x4040;
    const LOW: u64 = LANES * 0x003F;
    const HIGH: u64 = LANES * 0x0FC0;
    let folded = (word & LETTER) | ((word & ALPHABET) >> 1);
    (folded & LOW) | ((folded >> 2) & HIGH)
}

/// The four lanes.
#[inline]
fn pairs_of(folded: u64) -> [usize; 4] {
    let bytes = folded.to_le_bytes();
    std::array::from_fn(|lane| usize::from(u16::from_le_bytes([bytes[2 * lane], bytes[2 * lane + 1]])))
}

/// Whether the text begins with the literal and is not one of the members that most events have: counts of
/// tokens.
fn is_neighbour(text: &[u8], literal: &[u8]) -> bool {
    let Some((start, after)) = text.split_at_checked(literal.len()) else { return false };
    start.eq_ignore_ascii_case(literal) && !(literal == b"oken" && after.starts_with(b"s\":"))
}

/// Whether seven bytes in a row are digits or signs, five of them digits: 14 digits in a row, with a space or
/// dash between some, have such seven in one of the words that they lie in.
#[inline]
fn may_be_digits(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const UPPER_BITS: u64 = ONES * 0xE0;
    const OF_DIGITS: u64 = ONES * 0x20;
    let other = (word & UPPER_BITS) ^ OF_DIGITS;
    (other << 8 == 0 || other >> 8 == 0) && digits_among_signs(word) >= 5
}

/// How many bytes are digits, of a word of which at most one byte is neither a digit nor a sign.
fn digits_among_signs(word: u64) -> u32 {
    const ONES: u64 = u64::MAX / 255;
    const LOW_BITS: u64 = ONES * 0x7F;
    const HIGH_BIT: u64 = ONES * 0x80;
    const ZERO: u64 = ONES * 0x30;
    const BEYOND_NINE: u64 = ONES * (0x80 - 10);
    let value = (word ^ ZERO) & LOW_BITS;
    let is_other = (value + BEYOND_NINE) & HIGH_BIT;
    8 - is_other.count_ones()
}

/// Whether enough digits for a card number, with at most one space or dash between two, stand around `at`.
#[cold]
fn has_card_digits(text: &[u8], at: usize) -> bool {
    let in_run = |byte: &u8| matches!(byte, b'0'..=b'9' | b' ' | b'-');
    let middle = (at + 4).min(text.len());
    let before = text[..middle].iter().rev().take_while(|byte| in_run(byte)).count();
    let after = text[middle..].iter().take_while(|byte| in_run(byte)).count();
    let mut digits = 0;
    let mut follows_digit = false;
    for byte in &text[middle - before..middle + after] {
        let is_digit = byte.is_ascii_digit();
        if is_digit {
            digits += 1;
        } else if !follows_digit {
            digits = 0;
        }
        if digits == MIN_DIGITS {
            return true;
        }
        follows_digit = is_digit;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_literal_fires_at_every_place_in_every_case() {
        let table = Table::new();
        for literal in &table.literals {
            for place in 0..17 {
                for cased in [literal.to_ascii_lowercase(), literal.to_ascii_uppercase(), literal.to_vec()] {
                    let text = [&vec![b'.'; place], &*cased].concat();
                    assert!(fires(&text), "{}", String::from_utf8_lossy(&text));
                }
            }
        }
    }

    #[test]
    fn card_digits_fire_at_every_place() {
        for digits in ["12345678901234", "1234 5678 9012 3456", "1234-567890-12345"] {
            for place in 0..17 {
                for filler in [".", "a", " ", "\""] {
                    let text = filler.repeat(place) + digits + filler;
                    assert!(fires(text.as_bytes()), "{text}");
                }
            }
        }
    }

    #[test]
    fn ordinary_members_do_not_fire() {
        for text in [
            r#"{"usage":{"input_tokens":512,"output_tokens":90}}"#,
            r#"{"actor":{"id":"6a0a5f6f-d963-425d-ab79-7eec8bd89b93"},"session_id":"b9b6de262506"}"#,
            r#"{"target":{"id":"1040b880-6bd5-4297-a0d4-7b43b1111e1a","name":"radiator-1286","type":"session"}}"#,
            r#"{"client":{"user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"}}"#,
            "2026-03-01T12:00:00.000000Z",
        ] {
            assert!(!fires(text.as_bytes()), "{text}");
        }
    }
}
