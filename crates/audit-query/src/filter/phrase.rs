//! Words: how text is cut into tokens, and when a phrase occurs in a text.

use ipnet::IpNet;
use std::net::IpAddr;

/// The tokens of `text`: its maximal runs of alphanumeric characters, lower-cased.
pub fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).map(str::to_lowercase)
}

/// Words to look for, in this order and side by side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phrase {
    raw: String,
    tokens: Vec<String>,
    prefix: bool,
    literal: Option<Literal>,
}

/// A phrase that is also an identifier or an address, which free words match exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// A UUID or at least 12 hexadecimal digits: compared with `id`, `target.id`, `session` and `actor.id`.
    Id(String),
    /// An address or network: compared with `ip`.
    Ip(IpNet),
}

impl Phrase {
    /// The phrase of these words; `None` when `raw` has no letter and no digit.
    ///
    /// With `prefix` the last token may be the beginning of a longer one.
    #[must_use]
    pub fn new(raw: &str, prefix: bool) -> Option<Phrase> {
        let tokens: Vec<String> = tokens(raw).collect();
        if tokens.is_empty() {
            return None;
        }
        let literal = if prefix { None } else { Literal::recognise(raw) };
        Some(Phrase { raw: raw.to_owned(), tokens, prefix, literal })
    }

    /// The words as they were written.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The tokens to find side by side; at least one.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether the last token may be the beginning of a longer one.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.prefix
    }

    /// The identifier or address that the phrase is, if it is one.
    #[must_use]
    pub fn literal(&self) -> Option<&Literal> {
        self.literal.as_ref()
    }

    /// Whether the phrase occurs in `text`.
    #[must_use]
    pub fn occurs_in(&self, text: &str) -> bool {
        let text: Vec<String> = tokens(text).collect();
        text.windows(self.tokens.len()).any(|window| self.is_at(window))
    }

    fn is_at(&self, window: &[String]) -> bool {
        let last = self.tokens.len() - 1;
        let last_fits = if self.prefix {
            window[last].starts_with(&self.tokens[last])
        } else {
            window[last] == self.tokens[last]
        };
        last_fits && window[..last] == self.tokens[..last]
    }
}

impl Literal {
    fn recognise(raw: &str) -> Option<Literal> {
        if let Some(net) = parse_network(raw) {
            return Some(Literal::Ip(net));
        }
        let is_hex = raw.len() >= 12 && raw.bytes().all(|b| b.is_ascii_hexdigit());
        (is_hex || is_uuid(raw)).then(|| Literal::Id(raw.to_owned()))
    }
}

fn is_uuid(raw: &str) -> bool {
    raw.len() == 36
        && raw.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// An address or a network in CIDR notation, with the host bits cleared.
pub(crate) fn parse_network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.into());
    }
    text.parse::<IpNet>().ok().map(|net| net.trunc())
}
