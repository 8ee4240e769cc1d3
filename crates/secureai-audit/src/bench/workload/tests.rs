use super::*;

fn lines(events: u64) -> String {
    let mut text = Vec::new();
    Workload::new(events).write_all(&mut text, |_| {}).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn every_event_is_one_the_api_takes_and_they_have_the_right_size() {
    let text = lines(20_000);
    for line in text.lines() {
        if let Err(error) = audit_event::Event::parse(line.as_bytes()) {
            panic!("{error}: {line}");
        }
    }
    let mean = text.len() / 20_000;
    assert!((900..=940).contains(&mean), "{mean} bytes an event");
}

#[test]
fn needles_are_exact_and_times_ascend() {
    let text = lines(20_000);
    assert_eq!(text.matches(RARE_WORD).count(), WORD_HITS);
    assert_eq!(text.matches(RARE_IP).count(), IP_HITS);
    let times: Vec<&str> = text.lines().map(|line| line.split('"').nth(7).unwrap()).collect();
    assert!(times.is_sorted());
    assert!(times[0].starts_with("2025-11-01T"), "{}", times[0]);
    assert!(times[19_999].starts_with("2026-10-31T"), "{}", times[19_999]);
}

#[test]
fn an_event_depends_on_its_number_alone() {
    let workload = Workload::new(30_000);
    let (mut one, mut again) = (Vec::new(), Vec::new());
    workload.write_line(12_345, &mut one);
    Workload::new(30_000).write_line(12_345, &mut again);
    assert_eq!(one, again);
    assert!(String::from_utf8(one).unwrap().contains(&workload.id(12_345)));
}

#[test]
fn a_few_users_do_most_and_models_are_called_most() {
    let text = lines(20_000);
    let workload = Workload::new(20_000);
    let of = |rank: usize| text.matches(&format!("\"{}\"", workload.user_email(rank))).count();
    assert!(of(FREQUENT_RANK) > 1_500, "{}", of(FREQUENT_RANK));
    assert!(of(RARE_RANK) < 20, "{}", of(RARE_RANK));
    let calls = text.matches("\"action\":\"model.called\"").count();
    assert!((8_000..=8_900).contains(&calls), "{calls}");
}
