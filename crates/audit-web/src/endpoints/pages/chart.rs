//! Charts, drawn on the server as SVG.
//!
//! [`Histogram`] shows events over time by category, [`Stacked`] amounts over time, [`Bars`] the largest of many,
//! [`Sparkline`] one course in a line of text. Each is filled in by a page and written into its template with `{{ chart|safe }}` (a chart escapes what it is given). A page
//! with [`Stacked`] or [`Bars`] includes `chart/patterns.html` once: series are told apart by pattern as well as by
//! colour, and both come from the style sheet.
//!
//! Everything a chart says can be had without seeing it and without scripts: marks are links with a name and a title.
//! `assets/chart.js` (of a [`Histogram`] `assets/histogram.js`) adds a read-out under the pointer and the arrow keys.
//! Across, charts with letters or patterns in them are measured in per cent, so that these keep their shape on every
//! screen.

mod bars;
mod histogram;
mod scale;
mod sparkline;
mod stacked;
mod unit;

pub(crate) use bars::{Bar, Bars};
pub(crate) use histogram::Histogram;
pub(crate) use sparkline::Sparkline;
pub(crate) use stacked::{Column, Part, Series, Stacked};
pub(crate) use unit::Unit;

use crate::endpoints::pages::units::Tick;

/// Series that have a pattern of their own; the one after them is for all others.
pub(crate) const SERIES: usize = 6;

/// A coordinate, as short as it can be told apart on a screen.
fn coordinate(value: f64) -> String {
    let written = format!("{value:.2}");
    written.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What stands below a chart, and where.
#[derive(Debug)]
struct Placed {
    /// In per cent.
    x: String,
    anchor: &'static str,
    tick: Tick,
}

impl Placed {
    /// Below the middle of the `at`-th of so many parts; the first of many begins with it.
    fn below(at: usize, of: usize, tick: &Tick) -> Self {
        let is_first = at == 0 && of > 5;
        Self {
            x: coordinate(if is_first { 0.0 } else { f64::midpoint(across(at, of), across(at + 1, of)) }),
            anchor: if is_first { "start" } else { "middle" },
            tick: tick.clone(),
        }
    }
}

/// Where the `at`-th of so many equal parts begins, in per cent.
#[expect(clippy::cast_precision_loss, reason = "a picture's coordinates")]
fn across(at: usize, parts: usize) -> f64 {
    at as f64 * 100.0 / parts.max(1) as f64
}

#[cfg(test)]
mod tests;
