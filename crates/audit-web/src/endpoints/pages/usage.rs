//! `GET /audit/usage`: what the models were used for, by whom, and what it cost; `GET /audit/usage.csv`: its tables.
//!
//! Counted are the calls of models (`model.called`). A cost that is not known is not zero: amounts of money are of the
//! calls that have one, and the page says how many have none.

mod figures;
mod sheet;
mod view;

use askama::Template;
use audit_control::Permission;
use audit_query::filter::Field;
use audit_query::question::{Answers as _, TimeRange};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderName, StatusCode, Uri};

use super::chart::{Bar, Bars, Column, Part, Series, Sparkline, Stacked};
use super::events::first_in;
use super::frame::Frame;
use super::time::to_the_minute;
use super::units::{self, Span, bucket_for};
use crate::activity::Searched;
use crate::problem::{Problem, Result};
use crate::question;
use crate::reader::Reader;
use crate::state::AppState;
use figures::{Amounts, Asked, Figures, Row};
use sheet::Sheet;
use view::{By, TOPS, UsageView, What};

#[derive(Template)]
#[template(path = "usage.html")]
struct UsagePage {
    frame: Frame,
    view: UsageView,
    wrong: Option<String>,
    shown: Shown,
}

/// What was found.
#[derive(Default)]
struct Shown {
    total: Amounts,
    tiles: Vec<Tile>,
    /// `hour`, `day`, `week` or `month`.
    each: &'static str,
    over_time: Option<Stacked>,
    largest: Option<Bars>,
    time_sheet: Sheet,
    largest_sheet: Sheet,
    /// The time that this one is compared with.
    compared: Option<String>,
    /// What cannot be told apart for this reader.
    withheld: Vec<By>,
}

/// One number at the top.
struct Tile {
    what: What,
    amount: String,
    change: String,
    /// What it is compared with, and what is to be said of it.
    note: String,
    course: Sparkline,
    href: String,
    is_chosen: bool,
}

impl UsagePage {
    /// The conditions, each with the address without it.
    fn chips(&self) -> Vec<(&str, &str, String)> {
        let events = &self.view.events;
        let chips = events.filters().filter(|(name, _)| *name != "q");
        chips.map(|(name, value)| (name, value, self.view.at(events.toggled(name, value)))).collect()
    }

    /// The ways to put calls together that this reader has.
    fn ways(&self) -> Vec<By> {
        By::ALL.into_iter().filter(|by| !self.shown.withheld.contains(by)).collect()
    }

    fn tops(&self) -> [usize; 3] {
        TOPS
    }

    fn may_see_health(&self) -> bool {
        self.frame.may(Permission::HealthRead)
    }
}

/// Answers with the page. An address that cannot be understood is shown with what is wrong about it.
pub(crate) async fn handle(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    reader: Reader,
) -> Result<Response> {
    let (status, page) = match show(&state, &frame, &uri, &reader).await {
        Ok((view, mut shown)) => {
            shown.largest_sheet.leave_out_zeros(sheet::UNPRICED);
            (StatusCode::OK, UsagePage { frame, view, wrong: None, shown })
        }
        Err(problem) if problem.code().status().is_client_error() => {
            let plain = Uri::from_static("/audit/usage");
            let view = UsageView::of(&reader, &plain, frame.zone.as_ref(), state.now())?;
            let wrong = Some(problem.detail().to_owned());
            (problem.code().status(), UsagePage { frame, view, wrong, shown: Shown::default() })
        }
        Err(problem) => return Ok(super::refused(&frame, &problem)),
    };
    Ok(super::rendered(status, &page.frame, &page))
}

/// Answers with the table that `table` names (`time`, `largest`), as the page with the same parameters shows it.
pub(crate) async fn csv(
    State(state): State<AppState>,
    frame: Frame,
    uri: Uri,
    reader: Reader,
) -> Result<Response> {
    let table = crate::params::Params::any(uri.query()).one("table")?.map(str::to_owned);
    let (_, shown) = match show(&state, &frame, &uri, &reader).await {
        Ok(found) => found,
        Err(problem) => return Ok(super::refused(&frame, &problem)),
    };
    let (sheet, name) = match table.as_deref() {
        Some("time") => (shown.time_sheet, "time"),
        None | Some("largest") => (shown.largest_sheet, "largest"),
        Some(_) => {
            let problem = Problem::invalid_parameter("table", "is time or largest");
            return Ok(super::refused(&frame, &problem));
        }
    };
    let headers: [(HeaderName, String); 3] = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"usage-{name}.csv\"")),
    ];
    Ok((headers, sheet.csv()).into_response())
}

async fn show(state: &AppState, frame: &Frame, uri: &Uri, reader: &Reader) -> Result<(UsageView, Shown)> {
    let view = UsageView::of(reader, uri, frame.zone.as_ref(), state.now())?;
    let question = view.events.question()?;
    let fields =
        [view.by.field(), Field::Action, Field::InputTokens, Field::CostUsd, Field::LatencyMs, Field::Model];
    for field in fields {
        reader.may_use(field)?;
    }
    let knows_chats = !reader.is_withheld(Field::TargetType) && !reader.is_withheld(Field::TargetId);
    let subject = format!("usage by {} of {}", view.by.as_str(), question::describe(&question));
    let withheld = By::ALL.into_iter().filter(|by| reader.is_withheld(by.field())).collect();
    let (view, shown) = state
        .ask(move |state, budget| {
            let index = state.index();
            let first = |past| first_in(index, view.events.reader(), past, budget);
            let range = units::span(question.range, view.events.at(), first)?;
            let asked = Asked {
                index,
                budget,
                filter: question.filter.clone(),
                what: view.what,
                by: view.by,
                top: view.top,
                bucket: bucket_for(range),
                zone: view.events.zone().clone(),
                span: range,
                snapshot: index.snapshot(),
                knows_chats,
            };
            let before = view.before(range);
            let figures = asked.ask(question.range, before)?;
            let (spans, each) =
                figures.units.as_ref().map_or((&[][..], ""), |units| (&*units.spans, units.each()));
            let mut shown = draw(&view, &figures, spans, each, knows_chats)?;
            shown.compared = before.map(|before| described(before, view.events.zone()));
            shown.withheld = withheld;
            Ok((view, shown))
        })
        .await?;
    let results = shown.largest_sheet.rows.len() as u64;
    Searched::new(subject, results).note(state.activity(), reader.visitor());
    Ok((view, shown))
}

fn described(range: TimeRange, zone: &jiff::tz::TimeZone) -> String {
    format!("{} to {}", to_the_minute(range.from, zone), to_the_minute(range.to, zone))
}

fn draw(
    view: &UsageView,
    figures: &Figures,
    spans: &[Span],
    each: &'static str,
    knows_chats: bool,
) -> Result<Shown> {
    let what = view.what;
    let title = format!("{} by {each} and {}", what.name(), view.by.name().to_lowercase());
    let over_time =
        Stacked::draw(title, what.unit(), &series(view, figures), &columns(view, figures, spans)?);
    let title = format!("{} by {}, the largest first", what.name(), view.by.name().to_lowercase());
    Ok(Shown {
        total: figures.total,
        tiles: tiles(view, figures, spans, knows_chats),
        each,
        over_time: (!spans.is_empty()).then_some(over_time),
        largest: Some(Bars::draw(title, what.unit(), &bars(view, figures)?)),
        time_sheet: sheet::over_time(view, figures, spans)?,
        largest_sheet: sheet::largest(view, figures)?,
        ..Shown::default()
    })
}

/// What a group is called.
fn name_of(by: By, row: &Row) -> String {
    row.key.clone().unwrap_or_else(|| by.missing().to_owned())
}

fn series(view: &UsageView, figures: &Figures) -> Vec<Series> {
    if view.what == What::Latency {
        return vec![Series { name: view.what.name().to_owned(), is_rest: false }];
    }
    let named = figures.series.iter().map(|row| Series { name: name_of(view.by, row), is_rest: false });
    let rest = figures.has_rest_over_time.then(|| Series { name: "Others".to_owned(), is_rest: true });
    named.chain(rest).collect()
}

fn columns(view: &UsageView, figures: &Figures, spans: &[Span]) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(spans.len());
    for (place, span) in spans.iter().enumerate() {
        let href = view.within(Some(span.range)).href();
        let mut parts = Vec::new();
        if view.what == What::Latency {
            let amounts = figures.by_span.get(&place).copied().unwrap_or_default();
            parts.push(Part { value: amounts.of_what(view.what).unwrap_or_default(), href: href.clone() });
        } else {
            for at in 0..figures.series.len() + usize::from(figures.has_rest_over_time) {
                let amounts = figures.over_time.get(&(at, place)).copied().unwrap_or_default();
                let value = amounts.of_what(view.what).unwrap_or_default();
                let href =
                    if value > 0.0 { sheet::span_href(view, figures, at, span)? } else { String::new() };
                parts.push(Part { value, href });
            }
        }
        columns.push(Column { name: span.name.clone(), tick: span.short.clone(), href, parts });
    }
    Ok(columns)
}

fn bars(view: &UsageView, figures: &Figures) -> Result<Vec<Bar>> {
    let bar = |name: String, row: &Row, href: String, is_rest: bool| {
        let value = row.now.of_what(view.what);
        let change = sheet::change(view.what, &row.now, row.before.as_ref());
        let note = match (value, change.is_empty()) {
            (None, _) => "not known".to_owned(),
            (Some(_), true) => String::new(),
            (Some(_), false) => format!("change {}", sheet::written(&change)),
        };
        Bar { name, value: value.unwrap_or_default(), note, href, is_rest }
    };
    let mut bars = Vec::new();
    for row in &figures.top {
        bars.push(bar(name_of(view.by, row), row, view.of_group(row.key.as_deref(), None)?, false));
    }
    if let Some((rest, count)) = &figures.rest {
        bars.push(bar(sheet::others(view.by, *count), rest, sheet::rest_href(view, figures)?, true));
    }
    Ok(bars)
}

fn tiles(view: &UsageView, figures: &Figures, spans: &[Span], knows_chats: bool) -> Vec<Tile> {
    let whats = What::ALL.into_iter().filter(|what| knows_chats || *what != What::Conversations);
    whats
        .map(|what| {
            let at = |place: usize| figures.by_span.get(&place).copied().unwrap_or_default();
            let course: Vec<f64> =
                (0..spans.len()).map(|place| at(place).of_what(what).unwrap_or_default()).collect();
            let unpriced = figures.total.unpriced();
            Tile {
                what,
                amount: figures
                    .total
                    .of_what(what)
                    .map_or("not known".to_owned(), |value| what.unit().brief(value)),
                change: sheet::written(&sheet::change(what, &figures.total, figures.before.as_ref())),
                note: match figures.total.of_what(what) {
                    Some(value) if what == What::Cost && unpriced > 0 => {
                        format!("{} of the calls that have a cost", what.unit().full(value))
                    }
                    Some(value) => what.unit().full(value),
                    None => String::new(),
                },
                course: Sparkline::line(String::new(), &course),
                href: view.showing(what),
                is_chosen: what == view.what,
            }
        })
        .collect()
}
