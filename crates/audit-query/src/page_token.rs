//! Page tokens: where the next page of a list begins, in a form that callers cannot read or forge.
//!
//! A token is 65 bytes in unpadded base64url:
//!
//! - version, one byte, `1`
//! - digest of the question, 16 bytes: [`QuestionDigest`]
//! - snapshot, position's time, position's index, time of issue: 8 bytes each, big-endian
//! - the first 16 bytes of HMAC-SHA256 over all of the above, under a key that stays on the server
//!
//! The snapshot keeps events that arrive between two pages out of the list. The signature keeps a caller with
//! a narrow scope from asking for positions it was never shown.

use crate::filter::Filter;
use crate::question::{Order, PageKey, RowRef, TimeRange};
use audit_event::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// How long a token is good for after it was issued: a day.
pub const VALID_FOR_MICROS: i64 = 24 * 3600 * 1_000_000;

const VERSION: u8 = 1;
const SIGNED_LEN: usize = 1 + 16 + 4 * 8;
const MAC_LEN: usize = 16;

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageToken {
    /// The last event of the page before.
    pub after: PageKey,
    /// The snapshot that the list was begun with.
    pub snapshot: u64,
    /// When the token was made.
    pub issued: Timestamp,
}

/// Identifies the question that a token continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionDigest([u8; 16]);

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not one of ours, or was cut short on its way.
    #[error("the page token is not complete: pass on the whole next_page_token of the page before")]
    Malformed,
    /// It was changed, or signed with another key.
    #[error("the page token was not issued by this server: ask for the first page again")]
    Forged,
    /// It continues another list.
    #[error(
        "the page token belongs to another question: repeat the filter, time range and order it came with"
    )]
    WrongQuestion,
    /// It is older than [`VALID_FOR_MICROS`].
    #[error("the page token has expired after a day: ask for the first page again")]
    Expired,
}

impl QuestionDigest {
    /// The digest of what decides which events a list has and in which order. Filters that are written
    /// differently but have the same plain form are the same question.
    #[must_use]
    pub fn of(filter: &Filter, range: TimeRange, order: Order) -> QuestionDigest {
        let mut hash = Sha256::new();
        hash.update(range.from.as_micros().to_be_bytes());
        hash.update(range.to.as_micros().to_be_bytes());
        hash.update([u8::from(order == Order::OldestFirst)]);
        hash.update(filter.to_string());
        QuestionDigest(first_half(&hash.finalize()))
    }
}

impl PageToken {
    /// The token as text, signed with `key`.
    #[must_use]
    pub fn seal(&self, question: QuestionDigest, key: &[u8; 32]) -> String {
        let mut bytes = Vec::with_capacity(SIGNED_LEN + MAC_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&question.0);
        bytes.extend_from_slice(&self.snapshot.to_be_bytes());
        bytes.extend_from_slice(&self.after.time.as_micros().to_be_bytes());
        bytes.extend_from_slice(&self.after.index.to_be_bytes());
        bytes.extend_from_slice(&self.issued.as_micros().to_be_bytes());
        let mac = mac_over(&bytes, key).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_LEN]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token back; `question` is the one that is asked now.
    ///
    /// # Errors
    /// Each [`TokenError`]; the signature is checked before anything inside is believed.
    pub fn open(
        text: &str,
        question: QuestionDigest,
        key: &[u8; 32],
        now: Timestamp,
    ) -> Result<PageToken, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        if bytes.len() != SIGNED_LEN + MAC_LEN || bytes[0] != VERSION {
            return Err(TokenError::Malformed);
        }
        let (signed, mac) = bytes.split_at(SIGNED_LEN);
        mac_over(signed, key).verify_truncated_left(mac).map_err(|_| TokenError::Forged)?;
        if signed[1..17] != question.0 {
            return Err(TokenError::WrongQuestion);
        }
        let [snapshot, time, index, issued] = [17, 25, 33, 41].map(|at| number_at(signed, at));
        let issued = Timestamp::from_micros(issued.cast_signed());
        if now.as_micros() - issued.as_micros() > VALID_FOR_MICROS {
            return Err(TokenError::Expired);
        }
        let after = RowRef { time: Timestamp::from_micros(time.cast_signed()), index };
        Ok(PageToken { after, snapshot, issued })
    }
}

fn mac_over(signed: &[u8], key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros (RFC 2104): a whole block is the form that cannot fail.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(b"secureai-audit/v1/page-token\0");
    mac.update(signed);
    mac
}

fn number_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(number)
}

fn first_half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn token() -> PageToken {
        let after = RowRef { time: Timestamp::from_micros(1_772_323_200_000_001), index: 41 };
        PageToken { after, snapshot: 5_000_000, issued: Timestamp::from_micros(1_772_400_000_000_000) }
    }

    fn question(query: &str) -> QuestionDigest {
        QuestionDigest::of(&Filter::parse(query).unwrap(), TimeRange::ALL, Order::NewestFirst)
    }

    #[test]
    fn a_token_reads_back_for_the_same_question() {
        let text = token().seal(question("outcome:failure brake"), &KEY);
        let opened = PageToken::open(&text, question("outcome:failure  (brake)"), &KEY, token().issued);
        assert_eq!(opened, Ok(token()));
    }

    #[test]
    fn another_filter_range_or_order_is_another_question() {
        let (asked, filter) = (question("brake"), Filter::parse("brake").unwrap());
        let since_1970 = TimeRange { to: Timestamp::from_micros(5), ..TimeRange::ALL };
        let others = [
            question("rotor"),
            QuestionDigest::of(&filter, since_1970, Order::NewestFirst),
            QuestionDigest::of(&filter, TimeRange::ALL, Order::OldestFirst),
        ];
        let text = token().seal(asked, &KEY);
        for other in others {
            assert_eq!(PageToken::open(&text, other, &KEY, token().issued), Err(TokenError::WrongQuestion));
        }
    }

    #[test]
    fn no_changed_bit_is_accepted() {
        let text = token().seal(question("brake"), &KEY);
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        for bit in 8..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(changed);
            let opened = PageToken::open(&text, question("brake"), &KEY, token().issued);
            assert_eq!(opened, Err(TokenError::Forged), "bit {bit}");
        }
    }

    #[test]
    fn another_servers_token_is_forged() {
        let text = token().seal(question("brake"), &[8; 32]);
        assert_eq!(PageToken::open(&text, question("brake"), &KEY, token().issued), Err(TokenError::Forged));
    }

    #[test]
    fn a_token_expires_after_a_day() {
        let text = token().seal(question("brake"), &KEY);
        let at = |micros| Timestamp::from_micros(token().issued.as_micros() + micros);
        assert_eq!(PageToken::open(&text, question("brake"), &KEY, at(VALID_FOR_MICROS)), Ok(token()));
        let later = PageToken::open(&text, question("brake"), &KEY, at(VALID_FOR_MICROS + 1));
        assert_eq!(later, Err(TokenError::Expired));
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let text = token().seal(question("brake"), &KEY);
        for broken in ["", "next", "not base64!", &text[..text.len() - 4], &format!("{text}AAAA")] {
            let opened = PageToken::open(broken, question("brake"), &KEY, token().issued);
            assert_eq!(opened, Err(TokenError::Malformed), "{broken:?}");
        }
    }
}
