//! One course, as high as a line of text.

use askama::Template;

use super::{across, coordinate};

/// Height in the picture's units, and what is kept free for the line's width.
const HEIGHT: f64 = 24.0;
const MARGIN: f64 = 2.0;

/// The chart. Made by [`Sparkline::draw`].
#[derive(Debug, Template)]
#[template(path = "chart/sparkline.html")]
pub(crate) struct Sparkline {
    /// What it shows; empty if it stands beside the same in words.
    title: String,
    line: String,
    area: String,
}

impl Sparkline {
    /// Draws these values from left to right, from zero up. With an empty title it is decoration.
    pub fn draw(title: String, values: &[f64]) -> Self {
        let largest = values.iter().copied().fold(0.0, f64::max);
        let last = values.len().saturating_sub(1);
        let points = values.iter().enumerate().map(|(at, value)| {
            let share = if largest > 0.0 { (value / largest).clamp(0.0, 1.0) } else { 0.0 };
            let y = HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN);
            format!("{} {}", coordinate(across(at, last)), coordinate(y))
        });
        let line = points.collect::<Vec<_>>().join("L");
        let has_course = values.len() > 1;
        Self {
            title,
            area: if has_course { format!("M{line}L100 {HEIGHT}L0 {HEIGHT}Z") } else { String::new() },
            line: if has_course { format!("M{line}") } else { String::new() },
        }
    }
}
