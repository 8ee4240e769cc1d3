//! One price, and when it applies.

use audit_event::Timestamp;

use crate::sources::openwebui::completions::Tokens;

/// One row of the table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The model's id; `*` stands for any characters.
    pub model: String,
    pub provider: Option<String>,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after.
    pub until: Timestamp,
    pub price: Price,
    /// Where it stands in the file.
    pub line: usize,
}

/// Millionths of a millionth of a dollar per token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Price {
    pub input: Option<u64>,
    pub output: Option<u64>,
    /// Input that was cached; as `input` if absent.
    pub cached: Option<u64>,
    /// Input that was written to the cache; as `input` if absent.
    pub cache_write: Option<u64>,
    /// Reasoning; as `output` if absent.
    pub reasoning: Option<u64>,
}

impl Row {
    pub(super) fn is_pattern(&self) -> bool {
        self.model.contains('*')
    }

    /// Of two rows that apply, the one with the greater wins.
    pub(super) fn particularity(&self) -> (usize, bool) {
        let letters = self.model.bytes().filter(|byte| *byte != b'*').count();
        (letters, self.provider.is_some())
    }

    pub(super) fn applies(&self, provider: &str, model: &str, at: Timestamp) -> bool {
        let is_in_time = self.from <= at && at < self.until;
        let is_provider = self.provider.as_deref().is_none_or(|own| own == provider);
        is_in_time && is_provider && matches(&self.model, model)
    }

    /// Whether both rows may apply to one call, and neither is the more particular.
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        let same = self.model == other.model && self.provider == other.provider;
        same && self.from < other.until && other.from < self.until
    }
}

impl Price {
    /// In billionths of a dollar.
    pub(super) fn cost(&self, tokens: &Tokens) -> Option<u64> {
        let (cached, written) = (tokens.cached.unwrap_or(0), tokens.cache_written.unwrap_or(0));
        let reasoning = tokens.reasoning.unwrap_or(0);
        let fresh =
            part(tokens.input, self.input)?.map(|input| input.saturating_sub(cached).saturating_sub(written));
        let said = part(tokens.output, self.output)?.map(|output| output.saturating_sub(reasoning));
        let sum = product(fresh.unwrap_or(0), self.input)?
            + product(cached, self.cached.or(self.input))?
            + product(written, self.cache_write.or(self.input))?
            + product(said.unwrap_or(0), self.output)?
            + product(reasoning, self.reasoning.or(self.output))?;
        u64::try_from((sum + 500) / 1000).ok()
    }
}

/// The tokens counted, if they and their price are both there or both absent.
fn part(tokens: Option<u64>, price: Option<u64>) -> Option<Option<u64>> {
    match (tokens, price) {
        (Some(tokens), Some(_)) => Some(Some(tokens)),
        (None | Some(0), None) => Some(None),
        (Some(_), None) | (None, Some(_)) => None,
    }
}

/// Tokens times price; none cost nothing, whatever the price.
fn product(tokens: u64, price: Option<u64>) -> Option<u128> {
    if tokens == 0 { Some(0) } else { price.map(|price| u128::from(tokens) * u128::from(price)) }
}

/// Whether a text fits a pattern of `*` and letters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((beginning, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(beginning) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    true
}
