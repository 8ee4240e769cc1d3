//! The largest of many, one below the other.

use askama::Template;

use super::scale::Scale;
use super::{SERIES, Unit, coordinate};

/// Height of a row, in pixels.
const ROW: f64 = 38.0;
/// Characters of a name that fit beside its amount, on a phone and elsewhere.
const BRIEF: usize = 30;
const LONG: usize = 80;

/// The chart. Made by [`Bars::draw`].
#[derive(Debug, Template)]
#[template(path = "chart/bars.html")]
pub(crate) struct Bars {
    /// What it shows, for those who do not see it.
    title: String,
    rows: Vec<Row>,
    height: String,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    /// What it is called.
    pub name: String,
    /// Not below zero.
    pub value: f64,
    /// What else is to be said of it.
    pub note: String,
    /// Where its events are.
    pub href: String,
    /// Whether this is all the others together.
    pub is_rest: bool,
}

#[derive(Debug)]
struct Row {
    pattern: usize,
    name: String,
    /// The name as it fits, elsewhere and on a phone.
    long: String,
    brief: String,
    amount: String,
    full: String,
    note: String,
    /// Whether it is longer than there is room for.
    is_beyond: bool,
    width: String,
    href: String,
    /// Upper edges of the row, its text's foot, and its bar.
    y: String,
    text_y: String,
    bar_y: String,
}

impl Bars {
    /// Draws these, in their order. A chart beside a [`super::Stacked`] of the same order has the same patterns.
    pub fn draw(title: String, unit: Unit, bars: &[Bar]) -> Self {
        // All the others together may be more than everyone who has a name: they would crush what is to be compared.
        let named = bars.iter().filter(|bar| !bar.is_rest || bars.len() == 1);
        let largest = named.map(|bar| bar.value).fold(0.0, f64::max);
        let scale = Scale { top: if largest > 0.0 { largest } else { 1.0 }, ticks: Vec::new() };
        let mut y = 0.0;
        let mut rows = Vec::with_capacity(bars.len());
        for (at, bar) in bars.iter().enumerate() {
            let share = (scale.share(bar.value) * 100.0).min(100.0);
            rows.push(Row {
                // Beyond the series of the chart over time all bars look like its rest.
                pattern: if bar.is_rest || at >= SERIES { SERIES + 1 } else { at + 1 },
                name: bar.name.clone(),
                long: shortened(&bar.name, LONG),
                brief: shortened(&bar.name, BRIEF),
                amount: unit.brief(bar.value),
                full: unit.full(bar.value),
                note: bar.note.clone(),
                is_beyond: bar.value > largest,
                width: coordinate(if bar.value > 0.0 { share.max(0.3) } else { 0.0 }),
                href: bar.href.clone(),
                y: coordinate(y),
                text_y: coordinate(y + 15.0),
                bar_y: coordinate(y + 21.0),
            });
            y += ROW;
        }
        Self { title, rows, height: coordinate(y) }
    }
}

fn shortened(name: &str, most: usize) -> String {
    match name.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
