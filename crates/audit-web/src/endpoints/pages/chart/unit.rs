//! What a chart's numbers are of.

use super::super::grouped;
use crate::locale::decimals;

/// Nano-dollars of a dollar.
const NANO: f64 = 1e9;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things, by their name for one and for several.
    Things(&'static str, &'static str),
    /// US dollars.
    Dollars,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// Whether there are no halves of it.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Things(..))
    }

    /// In so few characters that it fits beside an axis.
    pub fn brief(self, value: f64) -> String {
        match self {
            Self::Things(..) => scaled(value, ""),
            Self::Dollars if value == 0.0 => "$0".to_owned(),
            Self::Dollars if value.abs() < 0.01 => format!("${}", significant(value)),
            Self::Dollars if value.abs() < 1_000.0 => {
                let cents = format!("{value:.2}");
                format!("${}", decimals(cents.strip_suffix(".00").unwrap_or(&cents)))
            }
            Self::Dollars => scaled(value, "$"),
            Self::Milliseconds if value < 1_000.0 => format!("{} ms", tenths(value, value < 10.0)),
            Self::Milliseconds if value < 60_000.0 => format!("{} s", tenths(value / 1_000.0, true)),
            Self::Milliseconds => format!("{} min", tenths(value / 60_000.0, true)),
        }
    }

    /// In full, without the thing's name: dollars to the billionth, as they are summed.
    pub fn amount(self, value: f64) -> String {
        match self {
            Self::Things(..) => grouped(format!("{value:.0}")),
            Self::Dollars => dollars(value),
            Self::Milliseconds => format!("{} ms", grouped(format!("{value:.0}"))),
        }
    }

    /// In full, as a sentence has it.
    pub fn full(self, value: f64) -> String {
        let amount = self.amount(value);
        match self {
            Self::Things(one, _) if amount == "1" => format!("{amount} {one}"),
            Self::Things(_, several) => format!("{amount} {several}"),
            Self::Dollars | Self::Milliseconds => amount,
        }
    }
}

/// A dollar amount with at least two decimals and at most nine.
fn dollars(value: f64) -> String {
    let value = (value * NANO).round() / NANO;
    let written = format!("{value:.9}");
    let (whole, decimals) = written.split_once('.').unwrap_or((&written, ""));
    let trimmed = decimals.trim_end_matches('0');
    format!("${}{}", grouped(whole), crate::locale::decimals(&format!(".{trimmed:0<2}")))
}

/// Two significant digits of something small.
fn significant(value: f64) -> String {
    let digits = (1.0 - value.abs().log10().floor()).clamp(0.0, 9.0);
    let mut places = 0_usize;
    while f64::from(u32::try_from(places).unwrap_or(u32::MAX)) < digits {
        places += 1;
    }
    let written = format!("{value:.places$}");
    decimals(written.trim_end_matches('0').trim_end_matches('.'))
}

fn scaled(value: f64, sign: &str) -> String {
    let (value, suffix) = match value.abs() {
        size if size >= 999_500_000.0 => (value / 1e9, " B"),
        size if size >= 999_500.0 => (value / 1e6, " M"),
        size if size >= 1_000.0 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    format!("{sign}{}{suffix}", tenths(value, !suffix.is_empty() && value.abs() < 99.95))
}

/// With one decimal, if it is wanted and not zero.
fn tenths(value: f64, wanted: bool) -> String {
    if !wanted {
        return format!("{value:.0}");
    }
    let written = format!("{value:.1}");
    decimals(written.strip_suffix(".0").unwrap_or(&written))
}
