use audit_event::{Model, Source};

use super::*;

fn at(time: &str) -> Timestamp {
    Timestamp::parse_rfc3339(time).unwrap()
}

fn tokens(input: u64, output: u64) -> Tokens {
    Tokens { input: Some(input), output: Some(output), ..Tokens::default() }
}

const TABLE: &str = r#"
[[price]]
model = "gpt-5.2"
input = 1.25
output = 10
cached = 0.125

[[price]]
model = "gpt-5.2"
provider = "azure"
input = 2.5
output = 20
reasoning = "30.5"

[[price]]
model = "gpt-*"
input = 3
output = 3

[[price]]
model = "gpt-*-mini"
until = 2026-03-01
input = 0.0375
output = 0.3

[[price]]
model = "gpt-*-mini"
from = "2026-03-01"
input = 0.000001
output = 0.000001

[[price]]
model = "embed-3"
input = 0.02

[[price]]
model = "*"
provider = "ollama"
input = 0
output = 0
"#;

#[track_caller]
fn check(provider: &str, model: &str, time: &str, tokens: Tokens, expected: Option<u64>) {
    let prices = Prices::parse(TABLE).unwrap();
    let cost = prices.cost(provider, model, at(time), &tokens);
    assert_eq!(cost.map(NanoDollars::get), expected, "{provider} {model} {time}");
}

const NOW: &str = "2026-02-01T00:00:00Z";

#[test]
fn each_kind_of_token_has_its_price() {
    let cached = Tokens { cached: Some(400), ..tokens(1000, 100) };
    check("openai", "gpt-5.2", NOW, cached, Some(600 * 1250 + 400 * 125 + 100 * 10_000));
    let reasoning = Tokens { reasoning: Some(60), cached: Some(400), ..tokens(1000, 100) };
    check("azure", "gpt-5.2", NOW, reasoning, Some(1000 * 2500 + 40 * 20_000 + 60 * 30_500));
}

#[test]
fn the_most_particular_row_wins() {
    check("openai", "gpt-5.2", NOW, tokens(1, 0), Some(1250));
    check("azure", "gpt-5.2", NOW, tokens(1, 0), Some(2500));
    check("openai", "gpt-4", NOW, tokens(1, 0), Some(3000));
    check("openai", "gpt-4-mini", NOW, tokens(2, 0), Some(75));
    check("ollama", "llama3:8b", NOW, tokens(5, 5), Some(0));
    check("ollama", "gpt-4", NOW, tokens(1, 0), Some(3000));
}

#[test]
fn prices_change_at_the_beginning_of_a_day() {
    check("x", "gpt-4-mini", "2026-02-28T23:59:59.999999Z", tokens(1000, 0), Some(37_500));
    check("x", "gpt-4-mini", "2026-03-01T00:00:00Z", tokens(1_000_000, 0), Some(1000));
}

#[test]
fn what_has_no_price_has_no_cost() {
    check("openai", "claude-9", NOW, tokens(1, 1), None);
    check("openai", "embed-3", NOW, Tokens { input: Some(50), ..Tokens::default() }, Some(1000));
    check("openai", "embed-3", NOW, tokens(50, 1), None);
    check("openai", "gpt-5.2", NOW, Tokens { input: Some(50), ..Tokens::default() }, None);
    check("openai", "gpt-5.2", NOW, Tokens::default(), None);
}

#[test]
fn sums_are_exact_and_rounded_once() {
    check("x", "gpt-4-mini", "2026-03-02T00:00:00Z", tokens(499, 0), Some(0));
    check("x", "gpt-4-mini", "2026-03-02T00:00:00Z", tokens(250, 250), Some(1));
    let most = (1 << 53) - 1;
    check("openai", "gpt-5.2", NOW, tokens(most, 0), Some(most * 1250));
    assert_eq!(
        Prices::parse(TABLE).unwrap().cost("x", "gpt-5.2", at(NOW), &tokens(1, 0)).unwrap().as_dollars(),
        1.25e-6
    );
}

#[test]
fn counts_that_contradict_one_another_never_go_below_zero() {
    let odd = Tokens { cached: Some(900), reasoning: Some(900), ..tokens(10, 10) };
    check("openai", "gpt-5.2", NOW, odd, Some(900 * 125 + 900 * 10_000));
}

#[test]
fn a_pattern_fits_whole_names() {
    let table = "[[price]]\nmodel = \"a*b*c\"\ninput = 1\n";
    let prices = Prices::parse(table).unwrap();
    let fits =
        |model| prices.cost("", model, at(NOW), &Tokens { input: Some(1), ..Tokens::default() }).is_some();
    assert!(fits("abc") && fits("a--b--c") && fits("abcbc"));
    assert!(!fits("abcd") && !fits("ac") && !fits("xabc") && !fits("ab"));
}

#[test]
fn a_bad_row_is_named_with_its_line() {
    let check = |table: &str, expected: &str| {
        assert_eq!(Prices::parse(table).unwrap_err().to_string(), expected, "{table}");
    };
    let row = "[[price]]\nmodel = \"m\"\n";
    check(
        &format!("# prices\n\n{row}"),
        "line 3: the price of \"m\": needs input or output, in US dollars per million tokens",
    );
    let amount = "must be US dollars per million tokens, such as 1.25, with at most six decimals";
    for bad in ["-1", "1.0000001", "1e-9", "\"free\"", "nan", "true", "9999999.0"] {
        check(&format!("{row}input = {bad}\n"), &format!("line 1: the price of \"m\": input {amount}"));
    }
    check(
        &format!("{row}input = 1\nfrom = \"soon\"\n"),
        "line 1: the price of \"m\": from must be a date such as 2026-03-01",
    );
    check(
        &format!("{row}input = 1\nfrom = 2026-03-01\nuntil = 2026-03-01\n"),
        "line 1: the price of \"m\": until must be later than from; it is the first day without the price",
    );
    check(
        &format!("{row}input = 1\nuntil = 2026-03-02\n{row}input = 2\nfrom = 2026-03-01\n"),
        "line 5: the price of \"m\": line 1 has one for the same model, provider and days: give one of them `from` or `until`",
    );
    let unknown = Prices::parse(&format!("{row}inptu = 1\n")).unwrap_err();
    assert!(unknown.line == 3 && unknown.message.contains("inptu"), "{unknown}");
}

#[test]
fn an_event_with_usage_gets_its_cost_once() {
    let prices = Prices::parse(TABLE).unwrap();
    let mut event = Event::new("chat.completion", Source::Gateway);
    prices.complete(&mut event);
    assert_eq!(event.usage, None);
    event.time = Some(at(NOW));
    event.model = Some(Model { id: Some("gpt-5.2".into()), provider: None });
    event.usage = tokens(1000, 100).usage();
    prices.complete(&mut event);
    assert_eq!(event.usage.unwrap().cost_usd, Some(0.002_25));
    event.model = Some(Model { id: Some("gpt-4".into()), provider: None });
    prices.complete(&mut event);
    assert_eq!(event.usage.unwrap().cost_usd, Some(0.002_25), "the cost it has stays");
}

#[test]
fn an_empty_table_prices_nothing() {
    assert!(Prices::parse("").unwrap().is_empty());
}
