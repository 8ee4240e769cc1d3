//! A table of the page, on the page and as CSV: the same cells.

use super::super::grouped;
use audit_query::export::write_csv_text;

use super::figures::{Amounts, Figures, Row};
use super::name_of;
use super::view::{By, UsageView, What};
use crate::endpoints::pages::units::Span;
use crate::locale::{self, plainly};
use crate::problem::Result;

/// The column that says what is missing from the costs.
pub(super) const UNPRICED: &str = "Calls without cost";

/// Rows below a head.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub head: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// All of them together, where that is no row of the file.
    pub total: Vec<Cell>,
    /// Whether the last row is all of the others together.
    pub has_total: bool,
}

/// What stands in one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// On the page.
    pub text: String,
    /// In a file: numbers without marks, what is not known empty.
    pub plain: String,
    /// Where its events are; empty if it has none of its own.
    pub href: String,
    pub is_number: bool,
}

impl Cell {
    fn text(text: String, href: String) -> Self {
        Self { plain: text.clone(), text, href, is_number: false }
    }

    fn amount(what: What, value: Option<f64>, href: String) -> Self {
        let (text, plain) = match value {
            Some(value) => {
                let exact = || what.unit().amount(value);
                let plain = plainly(exact).replace([',', '$'], "").replace(" ms", "");
                (if what == What::Cost { cents(value) } else { exact() }, plain)
            }
            None => ("not known".to_owned(), String::new()),
        };
        // There are no events to see of nothing.
        let href = if value == Some(0.0) { String::new() } else { href };
        Self { text, plain, href, is_number: true }
    }

    fn note(text: String, plain: String) -> Self {
        Self { plain, text, href: String::new(), is_number: true }
    }
}

/// A cost as it is read below others; less than a cent with what is significant of it.
fn cents(value: f64) -> String {
    match value {
        0.0 => "$0".to_owned(),
        small if small < 0.005 => What::Cost.unit().brief(small),
        value => What::Cost.unit().amount((value * 100.0).round() / 100.0),
    }
}

/// Spans of time below each other, the series side by side.
///
/// # Errors
/// When an address cannot be made.
pub(super) fn over_time(view: &UsageView, figures: &Figures, spans: &[Span]) -> Result<Sheet> {
    let what = view.what;
    let mut head = vec!["Time".to_owned()];
    let is_split = what != What::Latency;
    if is_split {
        head.extend(figures.series.iter().map(|row| name_of(view.by, row)));
        head.extend(figures.has_rest_over_time.then(|| "Others".to_owned()));
    }
    head.push(if is_split { "All".to_owned() } else { what.name().to_owned() });
    let mut rows = Vec::with_capacity(spans.len());
    for (place, span) in spans.iter().enumerate() {
        let all = view.within(Some(span.range)).href();
        let mut row = vec![Cell::text(span.name.clone(), all.clone())];
        let columns =
            if is_split { figures.series.len() + usize::from(figures.has_rest_over_time) } else { 0 };
        for at in 0..columns {
            let amounts = figures.over_time.get(&(at, place)).copied().unwrap_or_default();
            row.push(Cell::amount(what, amounts.of_what(what), span_href(view, figures, at, span)?));
        }
        let amounts = figures.by_span.get(&place).copied().unwrap_or_default();
        row.push(Cell::amount(what, amounts.of_what(what), all));
        rows.push(row);
    }
    let mut total = vec![Cell::text("All".to_owned(), view.calls().href())];
    if is_split {
        for (at, row) in figures.series.iter().enumerate() {
            let sum = figures.sum_of(at);
            let href = view.of_group(row.key.as_deref(), None)?;
            total.push(Cell::amount(what, sum.of_what(what), href));
        }
        if figures.has_rest_over_time {
            let href = view.of_rest(figures.series.iter().map(|row| row.key.as_deref()), None)?;
            total.push(Cell::amount(what, figures.sum_of(figures.series.len()).of_what(what), href));
        }
    }
    total.push(Cell::amount(what, figures.total.of_what(what), view.calls().href()));
    Ok(Sheet { head, rows, total, has_total: false })
}

/// The address of a series' calls in a span.
pub(super) fn span_href(view: &UsageView, figures: &Figures, at: usize, span: &Span) -> Result<String> {
    match figures.series.get(at) {
        Some(row) => view.of_group(row.key.as_deref(), Some(span.range)),
        None => view.of_rest(figures.series.iter().map(|row| row.key.as_deref()), Some(span.range)),
    }
}

/// The largest groups with all that is counted of them.
///
/// # Errors
/// When an address cannot be made.
pub(super) fn largest(view: &UsageView, figures: &Figures) -> Result<Sheet> {
    let mut head = vec![view.by.name().to_owned()];
    head.extend(columns().map(|what| what.name().to_owned()));
    head.push(UNPRICED.to_owned());
    head.push(format!("Change of {}", view.what.name().to_lowercase()));
    let mut rows = Vec::new();
    for row in &figures.top {
        rows.push(line(view, name_of(view.by, row), row, &view.of_group(row.key.as_deref(), None)?));
    }
    if let Some((rest, count)) = &figures.rest {
        rows.push(line(view, others(view.by, *count), rest, &rest_href(view, figures)?));
    }
    let all = Row { key: None, now: figures.total, before: figures.before };
    rows.push(line(view, "All".to_owned(), &all, &view.calls().href()));
    Ok(Sheet { head, rows, total: Vec::new(), has_total: true })
}

pub(super) fn rest_href(view: &UsageView, figures: &Figures) -> Result<String> {
    view.of_rest(figures.top.iter().map(|row| row.key.as_deref()), None)
}

/// What all others are called.
pub(super) fn others(by: By, count: u64) -> String {
    let name = by.name().to_lowercase();
    if count == 1 { format!("1 other {name}") } else { format!("{count} other {name}s") }
}

fn columns() -> impl Iterator<Item = What> {
    [What::Calls, What::Conversations, What::Input, What::Output, What::Tokens, What::Cost, What::Latency]
        .into_iter()
}

fn line(view: &UsageView, name: String, row: &Row, href: &str) -> Vec<Cell> {
    let mut cells = vec![Cell::text(name, href.to_owned())];
    cells.extend(columns().map(|what| Cell::amount(what, row.now.of_what(what), href.to_owned())));
    let unpriced = row.now.unpriced();
    cells.push(Cell::note(grouped(unpriced), unpriced.to_string()));
    let change = change(view.what, &row.now, row.before.as_ref());
    cells.push(Cell::note(written(&change), change));
    cells
}

/// How much more or less than before; empty if there is nothing to compare with.
pub(super) fn change(what: What, now: &Amounts, before: Option<&Amounts>) -> String {
    let Some(before) = before else { return String::new() };
    match (now.of_what(what), before.of_what(what)) {
        (Some(now), Some(before)) if before > 0.0 => {
            let exact = (now - before) / before * 100.0;
            let per_cent = exact.round();
            let sign = if per_cent > 0.0 { "+" } else { "" };
            if per_cent <= -100.0 && now > 0.0 {
                // Not all of it is gone; up to what is left of a billionth.
                let decimals = (1..=9).find(|places| rounded(exact, *places) > -100.0).unwrap_or(9);
                return format!("{exact:.decimals$} %");
            }
            // Of minus zero, the sign.
            format!("{sign}{:.0} %", per_cent + 0.0)
        }
        (Some(now), Some(_)) if now > 0.0 => "new".to_owned(),
        _ => String::new(),
    }
}

/// A number as it is with so many decimals.
fn rounded(value: f64, places: usize) -> f64 {
    format!("{value:.places$}").parse().unwrap_or(value)
}

/// A change as it is read: with a minus that is one, and thousands apart.
pub(super) fn written(change: &str) -> String {
    let (sign, rest) = match change.split_at_checked(1) {
        Some(("-", rest)) => ("−", rest),
        Some(("+", rest)) => ("+", rest),
        _ => ("", change),
    };
    match rest.split_once(' ') {
        Some((number, unit)) => {
            let (whole, decimals) = number.split_at(number.find('.').unwrap_or(number.len()));
            format!("{sign}{}{} {unit}", grouped(whole), locale::decimals(decimals))
        }
        None => change.to_owned(),
    }
}

impl Sheet {
    /// Takes a column away that has nothing but zeros: a page shows what there is to see, a file always the same columns.
    pub fn leave_out_zeros(&mut self, name: &str) {
        let Some(at) = self.head.iter().position(|head| head == name) else { return };
        if self.rows.iter().all(|row| row.get(at).is_none_or(|cell| cell.plain == "0")) {
            self.head.remove(at);
            self.rows.iter_mut().filter(|row| at < row.len()).for_each(|row| drop(row.remove(at)));
        }
    }

    /// As RFC 4180 has it, with cells that no spreadsheet takes for a formula, as the events' CSV.
    pub fn csv(&self) -> String {
        let mut csv = Vec::new();
        for (at, name) in self.head.iter().enumerate() {
            separate(at, &mut csv);
            write_csv_text(name, &mut csv);
        }
        csv.extend_from_slice(b"\r\n");
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                separate(at, &mut csv);
                if cell.is_number {
                    csv.extend_from_slice(cell.plain.as_bytes());
                } else {
                    write_csv_text(&cell.plain, &mut csv);
                }
            }
            csv.extend_from_slice(b"\r\n");
        }
        String::from_utf8_lossy(&csv).into_owned()
    }
}

fn separate(at: usize, csv: &mut Vec<u8>) {
    if at > 0 {
        csv.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(calls: u64) -> Amounts {
        Amounts::of_calls(calls)
    }

    #[test]
    fn what_is_left_is_not_called_nothing() {
        let change = |now: u64, before: u64| change(What::Calls, &calls(now), Some(&calls(before)));
        assert_eq!([change(0, 9), change(4, 1_000), change(1, 100_000)], ["-100 %", "-99.6 %", "-99.999 %"]);
        assert_eq!([change(2, 1), change(1, 3), change(1, 0)], ["+100 %", "-67 %", "new"]);
        assert_eq!([written("-99.6 %"), written("+12345 %")], ["−99.6 %", "+12,345 %"]);
    }
}
