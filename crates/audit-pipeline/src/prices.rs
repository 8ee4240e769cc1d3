//! What model calls cost: a table of prices, and sums in whole numbers.
//!
//! Prices are US dollars per million tokens, as providers publish them. A price of six decimals is a whole number of
//! millionths of a millionth of a dollar per token, so that costs are summed exactly, whatever the number of tokens, and
//! rounded once, to billionths of a dollar (half up). What has no price has no cost; that is never 0. `docs/MODELS.md`
//! describes the file.

mod read;
mod row;

use std::collections::HashMap;

use audit_event::{Event, Timestamp};

pub use self::read::PriceError;
use self::row::Row;
use crate::sources::openwebui::completions::Tokens;

/// The prices of models.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    /// Rows that name a model exactly.
    exact: HashMap<String, Vec<Row>>,
    /// Rows with `*`, the most particular first.
    patterns: Vec<Row>,
}

/// An amount of US dollars, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NanoDollars(u64);

impl NanoDollars {
    /// The amount in dollars, as near as a double can be.
    #[must_use]
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The amount in billionths of a dollar.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Prices {
    /// Reads the table from TOML.
    ///
    /// # Errors
    /// The first row that cannot be used, by its line and model.
    pub fn parse(toml: &str) -> Result<Self, PriceError> {
        let mut prices = Self::default();
        for row in read::rows(toml)? {
            if row.is_pattern() {
                prices.patterns.push(row);
            } else {
                prices.exact.entry(row.model.clone()).or_default().push(row);
            }
        }
        let by_particularity = |row: &Row| std::cmp::Reverse(row.particularity());
        prices.patterns.sort_by_key(by_particularity);
        prices.exact.values_mut().for_each(|rows| rows.sort_by_key(by_particularity));
        Ok(prices)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }

    /// What a call cost at that time. An exact model beats a pattern, a longer pattern a shorter one, and a row with the
    /// provider one without. `None` without such a row, and when a kind of token was counted that the row has no price
    /// for, or the row has a price for input or output that were not counted.
    #[must_use]
    pub fn cost(&self, provider: &str, model: &str, at: Timestamp, tokens: &Tokens) -> Option<NanoDollars> {
        let exact = self.exact.get(model).into_iter().flatten();
        let row = exact.chain(&self.patterns).find(|row| row.applies(provider, model, at))?;
        row.price.cost(tokens).map(NanoDollars)
    }

    /// Gives an event with usage its cost, unless it has one.
    pub fn complete(&self, event: &mut Event<'_>) {
        let (Some(usage), Some(model), Some(time)) = (&mut event.usage, &event.model, event.time) else {
            return;
        };
        let Some(id) = model.id.as_deref().filter(|_| usage.cost_usd.is_none()) else { return };
        let provider = model.provider.as_deref().unwrap_or_default();
        usage.cost_usd = self.cost(provider, id, time, &Tokens::from(*usage)).map(NanoDollars::as_dollars);
    }
}

#[cfg(test)]
mod tests;
