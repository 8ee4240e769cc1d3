//! Amounts over time, one column a span, the series on top of each other.

use askama::Template;

use super::scale::Scale;
use super::{Placed, SERIES, Unit, across, coordinate};
use crate::endpoints::pages::units::Tick;

/// The picture's height, and where in it the columns begin and end, in pixels.
const HEIGHT: f64 = 232.0;
const TOP: f64 = 10.0;
const FOOT: f64 = 206.0;
/// What a column leaves free, of its span.
const GAP: f64 = 0.14;
/// The least height at which a part can be seen and pointed at.
const LEAST: f64 = 1.5;

/// The chart. Made by [`Stacked::draw`].
#[derive(Debug, Template)]
#[template(path = "chart/stacked.html")]
pub(crate) struct Stacked {
    /// What it shows, for those who do not see it.
    title: String,
    legend: Vec<(usize, String)>,
    lines: Vec<Line>,
    columns: Vec<Drawn>,
    ticks: Vec<Placed>,
    height: f64,
    foot: f64,
}

/// One span of time.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// When it is, in full.
    pub name: String,
    /// When it is, in few characters.
    pub tick: Tick,
    /// Where its events are.
    pub href: String,
    /// One for each series, in their order.
    pub parts: Vec<Part>,
}

/// A series' part of a column.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Not below zero.
    pub value: f64,
    /// Where its events are.
    pub href: String,
}

/// What is told apart.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// What it is called.
    pub name: String,
    /// Whether this is what the others leave over: it has the pattern of its own.
    pub is_rest: bool,
}

impl Series {
    /// Number of the pattern of the series at this place.
    pub fn pattern(&self, at: usize) -> usize {
        if self.is_rest { SERIES + 1 } else { at % SERIES + 1 }
    }
}

#[derive(Debug)]
struct Line {
    y: String,
    /// Where its text stands.
    text_y: String,
    text: String,
}

#[derive(Debug)]
struct Drawn {
    x: String,
    width: String,
    name: String,
    href: String,
    /// The amount in full, and the series' amounts, a line each.
    total: String,
    lines: Vec<String>,
    parts: Vec<Rect>,
}

#[derive(Debug)]
struct Rect {
    pattern: usize,
    x: String,
    width: String,
    y: String,
    height: String,
    href: String,
    name: String,
}

impl Stacked {
    /// Draws columns of these series. `stacks` is whether the parts of a column add up to something; otherwise (an
    /// average) there is one series only.
    pub fn draw(title: String, unit: Unit, series: &[Series], columns: &[Column]) -> Self {
        let total = |column: &Column| column.parts.iter().map(|part| part.value).sum::<f64>();
        let largest = columns.iter().map(total).fold(0.0, f64::max);
        let scale = Scale::to(largest, 4, unit.is_whole());
        let lines = scale.ticks.iter().map(|tick| {
            let y = height_of(&scale, *tick);
            Line { y: coordinate(y), text_y: coordinate(y + 4.0), text: unit.brief(*tick) }
        });
        let drawn = columns.iter().enumerate();
        let drawn = drawn.map(|(at, column)| draw(at, columns.len(), column, series, unit, &scale));
        let is_told_apart = series.len() > 1;
        let legend = series.iter().enumerate().filter(|_| is_told_apart);
        Self {
            title,
            legend: legend.map(|(at, series)| (series.pattern(at), series.name.clone())).collect(),
            lines: lines.collect(),
            columns: drawn.collect(),
            ticks: ticks(columns),
            height: HEIGHT,
            foot: FOOT,
        }
    }
}

fn height_of(scale: &Scale, value: f64) -> f64 {
    FOOT - scale.share(value) * (FOOT - TOP)
}

fn draw(at: usize, of: usize, column: &Column, series: &[Series], unit: Unit, scale: &Scale) -> Drawn {
    let (left, right) = (across(at, of), across(at + 1, of));
    let gap = (right - left) * GAP;
    let mut below = 0.0;
    let mut foot = FOOT;
    let mut parts = Vec::new();
    let mut lines = Vec::new();
    for (number, (series, part)) in series.iter().zip(&column.parts).enumerate() {
        if part.value <= 0.0 {
            continue;
        }
        below += part.value;
        let head = height_of(scale, below).min(foot - LEAST).max(0.0);
        let amount = unit.full(part.value);
        parts.push(Rect {
            pattern: series.pattern(number),
            x: coordinate(left + gap),
            width: coordinate(right - left - 2.0 * gap),
            y: coordinate(head),
            height: coordinate(foot - head),
            href: part.href.clone(),
            name: format!("{}\n{}: {amount}", column.name, series.name),
        });
        lines.push(format!("{}: {amount}", series.name));
        foot = head;
    }
    // What is on top of the column stands on top of the list.
    lines.reverse();
    let is_one = series.len() < 2;
    Drawn {
        x: coordinate(left),
        width: coordinate(right - left),
        name: column.name.clone(),
        href: column.href.clone(),
        total: unit.full(below),
        lines: if is_one { Vec::new() } else { lines },
        parts,
    }
}

/// At most five of the columns' names, evenly apart.
fn ticks(columns: &[Column]) -> Vec<Placed> {
    let of = columns.len();
    let each = of.div_ceil(5).max(1);
    (0..of).step_by(each).map(|at| Placed::below(at, of, &columns[at].tick)).collect()
}
