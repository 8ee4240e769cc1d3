//! The charts as their readers get them.

use askama::Template as _;

use super::scale::Scale;
use super::*;

const CALLS: Unit = Unit::Things("call", "calls");

#[test]
fn an_axis_ends_at_a_round_number_above_everything() {
    let ticks = |largest: f64, whole: bool| Scale::to(largest, 4, whole).ticks;
    assert_eq!(ticks(97.0, true), [0.0, 50.0, 100.0]);
    assert_eq!(ticks(100.0, true), [0.0, 50.0, 100.0]);
    assert_eq!(ticks(430.0, true), [0.0, 200.0, 400.0, 600.0]);
    assert_eq!(ticks(3.0, true), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(ticks(1.0, true), [0.0, 1.0]);
    assert_eq!(ticks(7_900_000.0, true), [0.0, 2e6, 4e6, 6e6, 8e6]);
    assert!(Scale::to(0.000_3, 4, false).top >= 0.000_3);
}

#[test]
fn an_axis_of_nothing_is_still_an_axis() {
    for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Scale::to(nothing, 4, true).ticks, [0.0, 1.0], "{nothing}");
    }
}

#[test]
fn every_largest_value_is_below_the_top_and_above_half_of_it() {
    let mut largest = 1e-6;
    while largest < 1e12 {
        let scale = Scale::to(largest, 4, false);
        assert!(scale.top >= largest * (1.0 - 1e-6) && scale.top <= largest * 2.1, "{largest}: {scale:?}");
        assert!((2..=6).contains(&scale.ticks.len()), "{largest}: {scale:?}");
        largest *= 1.37;
    }
}

#[test]
fn amounts_are_brief_beside_an_axis() {
    let brief =
        |unit: Unit, values: &[f64]| values.iter().map(|value| unit.brief(*value)).collect::<Vec<_>>();
    assert_eq!(
        brief(CALLS, &[0.0, 999.0, 1_000.0, 1_250.0, 99_960.0, 999_600.0, 7_400_000.0, 2e9]),
        ["0", "999", "1 k", "1.2 k", "100 k", "1 M", "7.4 M", "2 B"]
    );
    assert_eq!(
        brief(Unit::Dollars, &[0.0, 0.000_25, 0.5, 12.0, 12_340.0]),
        ["$0", "$0.00025", "$0.50", "$12", "$12.3 k"]
    );
    assert_eq!(
        brief(Unit::Milliseconds, &[0.4, 250.0, 1_500.0, 90_000.0]),
        ["0.4 ms", "250 ms", "1.5 s", "1.5 min"]
    );
}

#[test]
fn amounts_are_exact_in_full() {
    assert_eq!(CALLS.full(1.0), "1 call");
    assert_eq!(CALLS.full(1_234_567.0), "1,234,567 calls");
    let dollars = [0.0, 0.1 + 0.2, 0.000_000_001, 1_234.5, 1_234_567.123_456_789]
        .map(|value| Unit::Dollars.full(value));
    assert_eq!(dollars, ["$0.00", "$0.30", "$0.000000001", "$1,234.50", "$1,234,567.123456789"]);
    assert_eq!(Unit::Milliseconds.full(1_499.6), "1,500 ms");
}

fn series() -> Vec<Series> {
    [("gpt-5", false), ("<b>llama</b>", false), ("Others", true)]
        .map(|(name, is_rest)| Series { name: name.to_owned(), is_rest })
        .to_vec()
}

fn column(day: usize, values: [f64; 3]) -> Column {
    let part = |(at, value): (usize, f64)| Part { value, href: format!("/audit?day={day}&series={at}") };
    Column {
        name: format!("Mon {day} Mar 2026"),
        tick: Tick { text: format!("{day} Mar"), time: None },
        href: format!("/audit?day={day}"),
        parts: values.into_iter().enumerate().map(part).collect(),
    }
}

#[test]
fn amounts_over_time_stand_on_top_of_each_other() {
    let columns = [column(1, [60.0, 30.0, 0.0]), column(2, [0.0, 0.0, 0.0]), column(3, [1.0, 0.01, 9.0])];
    let chart = Stacked::draw("Calls by day".to_owned(), CALLS, &series(), &columns);
    let drawn = chart.render().unwrap();
    assert_eq!(drawn.matches("class=\"part\"").count(), 5, "{drawn}");
    assert!(drawn.contains("aria-label=\"Mon 1 Mar 2026: 90 calls"), "{drawn}");
}

#[test]
fn what_is_named_cannot_become_markup() {
    let columns = [column(1, [1.0, 1.0, 1.0])];
    let drawn = Stacked::draw("\"><script>".to_owned(), CALLS, &series(), &columns).render().unwrap();
    assert!(!drawn.contains("<b>") && !drawn.contains("<script"), "{drawn}");
}

#[test]
fn many_columns_have_few_names_and_all_are_inside() {
    let columns: Vec<_> = (1..=90).map(|day| column(day, [1.0, 2.0, 3.0])).collect();
    let drawn = Stacked::draw("Calls".to_owned(), CALLS, &series(), &columns).render().unwrap();
    assert_eq!(drawn.matches("<text aria-hidden").count(), 5);
    assert_eq!(drawn.matches("class=\"column\"").count(), 90);
}

#[test]
fn the_largest_are_shown_with_what_is_left() {
    let bar = |name: &str, value: f64, is_rest: bool| Bar {
        name: name.to_owned(),
        value,
        note: "60 % of all".to_owned(),
        href: "/audit?q=x".to_owned(),
        is_rest,
    };
    let bars = [
        bar("Finance", 60.0, false),
        bar("A department whose name is longer than a phone is wide", 0.01, false),
        bar("3 others", 600.0, true),
    ];
    let drawn = Bars::draw("Calls by department".to_owned(), CALLS, &bars).render().unwrap();
    assert_eq!(drawn.matches("width=\"100%\" height=\"10\" rx=\"3\" fill=\"url").count(), 2, "{drawn}");
    assert_eq!(drawn.matches("longer than is drawn").count(), 1, "all the others crush nobody: {drawn}");
    assert!(drawn.contains("aria-label=\"Finance: 60 calls, 60 % of all\""), "{drawn}");
}

#[test]
fn a_sparkline_runs_from_edge_to_edge() {
    let drawn = Sparkline::line(String::new(), &[0.0, 5.0, 10.0]).render().unwrap();
    assert!(drawn.contains("d=\"M0 22L50 12L100 2\""), "{drawn}");
    assert!(drawn.contains("aria-hidden"), "{drawn}");
    let named = Sparkline::line("Calls a day".to_owned(), &[1.0, 1.0]).render().unwrap();
    assert!(named.contains("role=\"img\" aria-label=\"Calls a day\""), "{named}");
}

#[test]
fn a_sparkline_of_nothing_is_empty() {
    for nothing in [&[][..], &[1.0]] {
        assert!(Sparkline::line(String::new(), nothing).render().unwrap().contains("class=\"line\" d=\"\""));
    }
}

#[test]
fn bars_stand_where_there_is_something() {
    let drawn = Sparkline::bars("Events".to_owned(), &[0, 4, 2]).render().unwrap();
    assert!(drawn.contains("d=\"M33.33 0h26.67V24H33.33zM66.67 12h26.67V24H66.67z\""), "{drawn}");
    assert!(Sparkline::bars(String::new(), &[]).is_empty());
}

#[test]
fn what_grew_goes_in_steps() {
    let drawn = Sparkline::steps(String::new(), &[(0, 0), (50, 10), (100, 20)]).render().unwrap();
    assert!(drawn.contains("class=\"line\" d=\"M0 22H0V22H50V12H100V2H100\""), "{drawn}");
    assert!(Sparkline::steps(String::new(), &[]).is_empty());
}

#[test]
fn dates_stand_below_the_bars_that_they_name() {
    let tick = Tick { text: "6 Mar".to_owned(), time: None };
    let place = |at: usize, of: usize| (Placed::below(at, of, &tick).x, Placed::below(at, of, &tick).anchor);
    assert_eq!(place(5, 21), ("26.19".to_owned(), "middle"), "the sixth of 21 bars, and not a quarter");
    assert_eq!(place(0, 21), ("0".to_owned(), "start"));
    assert_eq!(place(0, 1), ("50".to_owned(), "middle"));
}
