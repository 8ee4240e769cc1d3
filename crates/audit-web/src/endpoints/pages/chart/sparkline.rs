//! One course without an axis: a line, bars or steps, as wide as its place.

use std::fmt::Write as _;

use askama::Template;

use super::{across, coordinate};

/// Height in the picture's units, and what is kept free for the line's width.
const HEIGHT: f64 = 24.0;
const MARGIN: f64 = 2.0;

/// The chart. Made by [`Sparkline::line`], [`Sparkline::bars`] or [`Sparkline::steps`].
#[derive(Debug, Default, Template)]
#[template(path = "chart/sparkline.html")]
pub(crate) struct Sparkline {
    /// What it shows; empty if it stands beside the same in words.
    title: String,
    /// The path that is drawn, and what is filled below it.
    line: String,
    area: String,
    /// Bars are filled with the line's colour.
    bars: String,
}

impl Sparkline {
    /// Draws these values from left to right, from zero up. With an empty title it is decoration.
    pub fn line(title: String, values: &[f64]) -> Self {
        let largest = values.iter().copied().fold(0.0, f64::max);
        let last = values.len().saturating_sub(1);
        let points = values
            .iter()
            .enumerate()
            .map(|(at, value)| format!("{} {}", coordinate(across(at, last)), height_of(*value, largest)));
        let line = points.collect::<Vec<_>>().join("L");
        if values.len() < 2 {
            return Self { title, ..Self::default() };
        }
        Self {
            title,
            area: format!("M{line}L100 {HEIGHT}L0 {HEIGHT}Z"),
            line: format!("M{line}"),
            ..Self::default()
        }
    }

    /// Draws a bar for each count that is not zero, as high as the largest allows.
    #[expect(clippy::cast_precision_loss, reason = "a drawing")]
    pub fn bars(title: String, counts: &[u64]) -> Self {
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let width = across(1, counts.len()) * 0.8;
        let mut bars = String::new();
        for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let y = HEIGHT - (HEIGHT * *count as f64 / most).max(1.0);
            let x = across(at, counts.len());
            // Writing to a string does not fail.
            let _ = write!(
                bars,
                "M{} {}h{}V{HEIGHT}H{}z",
                coordinate(x),
                coordinate(y),
                coordinate(width),
                coordinate(x)
            );
        }
        Self { title, bars, ..Self::default() }
    }

    /// Draws what grew: points of time and value, each level until the next one.
    #[expect(clippy::cast_precision_loss, reason = "a drawing")]
    pub fn steps(title: String, points: &[(i64, u64)]) -> Self {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Self::default() };
        let span = (last.0 - first.0).max(1) as f64;
        let most = points.iter().map(|point| point.1).max().unwrap_or(0) as f64;
        let mut line = format!("M0 {}", height_of(first.1 as f64, most));
        for (time, value) in points {
            let x = 100.0 * (time - first.0) as f64 / span;
            let _ = write!(line, "H{}V{}", coordinate(x), height_of(*value as f64, most));
        }
        line.push_str("H100");
        Self { title, area: format!("{line}V{HEIGHT}H0Z"), line, ..Self::default() }
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty() && self.bars.is_empty()
    }
}

/// Where a value stands, from zero at the foot.
fn height_of(value: f64, largest: f64) -> String {
    let share = if largest > 0.0 { (value / largest).clamp(0.0, 1.0) } else { 0.0 };
    coordinate(HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN))
}
