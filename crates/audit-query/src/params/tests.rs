use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_774_000_000_000_000); // 2026-03-20T09:46:40Z, a Friday

/// Parses `a=b&c=d`, without percent-decoding.
fn parse(query: &str) -> Result<Request, ParamError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    Request::parse(pairs, &["bucket"], Some(NOW))
}

fn filter(query: &str) -> String {
    parse(query).unwrap().filter.to_string()
}

fn range(query: &str) -> String {
    let range = parse(query).unwrap().range;
    format!("{} .. {}", range.from, range.to).replace(".000000Z", "Z")
}

#[test]
fn nothing_asks_for_everything_newest_first() {
    let request = parse("").unwrap();
    assert_eq!((request.filter, request.range), (Filter::All, TimeRange::ALL));
    assert_eq!((request.order, request.limit, request.page_token), (Order::NewestFirst, None, None));
}

#[test]
fn days_are_inclusive_and_begin_at_midnight_of_the_zone() {
    assert_eq!(range("from=2026-03-01&to=2026-03-18"), "2026-03-01T00:00:00Z .. 2026-03-19T00:00:00Z");
    assert_eq!(range("from=2026-03-01&to=2026-03-01"), "2026-03-01T00:00:00Z .. 2026-03-02T00:00:00Z");
    // Summer time begins on 29 March 2026 in Berlin: that day has 23 hours.
    assert_eq!(
        range("from=2026-03-29&to=2026-03-29&tz=Europe/Berlin"),
        "2026-03-28T23:00:00Z .. 2026-03-29T22:00:00Z"
    );
    assert_eq!(
        range("from=2026-03-01&to=2026-03-01&tz=-05:30"),
        "2026-03-01T05:30:00Z .. 2026-03-02T05:30:00Z"
    );
    assert_eq!(range("from=2026-02&to=2026-02"), "2026-02-01T00:00:00Z .. 2026-03-01T00:00:00Z");
}

#[test]
fn instants_are_exact_and_to_is_where_the_range_ends() {
    assert_eq!(
        range("from=2026-03-01T08:00:00Z&to=2026-03-01T10:00:00.5Z"),
        "2026-03-01T08:00:00Z .. 2026-03-01T10:00:00.500000Z"
    );
    assert_eq!(
        range("from=2026-03-01T08:00:00+02:00&to=2026-03-02"),
        "2026-03-01T06:00:00Z .. 2026-03-03T00:00:00Z"
    );
    assert_eq!(
        range("from=2026-07-01T08:00&to=2026-07-01 09:30:15&tz=Europe/Berlin"),
        "2026-07-01T06:00:00Z .. 2026-07-01T07:30:15Z"
    );
}

#[test]
fn the_years_1_to_9999_can_be_asked_for() {
    assert_eq!(range("from=1965-01-01&to=1969-12"), "1965-01-01T00:00:00Z .. 1970-01-01T00:00:00Z");
    // Before 1893 Berlin kept the time of its own meridian.
    assert_eq!(
        range("from=1850-06-01T12:00&to=1850-06-01T13:00&tz=Europe/Berlin"),
        "1850-06-01T11:06:32Z .. 1850-06-01T12:06:32Z"
    );
    assert_eq!(parse("from=0001-01-01&to=9999-12-31").unwrap().range, TimeRange::ALL);
    assert_eq!(parse("from=0001-01-01&to=9999-12&tz=-05:00").unwrap().range.to, Timestamp::MAX);
    assert_eq!(
        range("from=9999-12-31&to=9999-12-31T23:59&tz=America/New_York"),
        "9999-12-31T05:00:00Z .. 9999-12-31T23:59:59.999999Z"
    );
    for out_of_range in ["0000-12-31", "0000-12", "0000-12-31T00:00:00Z", "10000-01-01", "-001-01-01"] {
        let error = parse(&format!("from={out_of_range}")).expect_err(out_of_range);
        assert_eq!(error.problem, ParamProblem::NotATime);
    }
}

#[test]
fn times_may_be_relative_where_now_is_known() {
    assert_eq!(range("from=-24h&to=now"), "2026-03-19T09:46:40Z .. 2026-03-20T09:46:40Z");
    assert_eq!(range("from=yesterday&to=today"), "2026-03-19T00:00:00Z .. 2026-03-21T00:00:00Z");
    assert_eq!(range("from=-2w&to=-30m"), "2026-03-06T09:46:40Z .. 2026-03-20T09:16:40Z");
    let without_now = Request::parse([("from", "-24h")], &[], None).unwrap_err();
    assert_eq!(without_now.problem, ParamProblem::NotATime);
}

#[test]
fn one_parameter_repeated_means_or_and_several_mean_and() {
    assert_eq!(
        filter(
            "user=ada@example.com&user=u-7&event_type=authentication&event_type=file&outcome=failure,denied"
        ),
        "(category:authentication OR category:file) (outcome:failure OR outcome:denied) \
         (user:ada@example.com OR user:u-7)"
    );
    assert_eq!(
        filter("q=brake OR rotor&action=auth.*&ip=10.0.0.0/8"),
        "action:auth.* ip:10.0.0.0/8 (brake OR rotor)"
    );
    assert_eq!(filter("target=Smith, Jones&model=gpt*"), "target:\"Smith, Jones\" model:gpt*");
    assert_eq!(filter("tokens=>=1000&status=500..599"), "tokens>=1000 http.status>=500 http.status<=599");
    assert_eq!(filter("message=brake rotor"), "message~\"brake rotor\"");
}

#[test]
fn event_types_are_taken_as_people_write_them() {
    assert_eq!(filter("event_type=Model-Usage"), "category:model_usage");
    assert_eq!(filter("event_type=auth"), "category:authentication");
    assert_eq!(filter("event_type=auth.login_failed"), "action:auth.login_failed");
}

#[test]
fn the_rest_is_read() {
    let request = parse(
        "order=oldest&limit=50&page_token=abc&format=csv&fields=id,actor.email&bom=1&count=true&bucket=day",
    );
    let request = request.unwrap();
    assert_eq!((request.order, request.limit), (Order::OldestFirst, Some(50)));
    assert_eq!(request.page_token.as_deref(), Some("abc"));
    assert_eq!((request.format, request.bom, request.count), (Some(Format::Csv), true, Some(true)));
    assert_eq!(request.fields.unwrap().names().collect::<Vec<_>>(), ["id", "actor_email"]);
}

#[test]
fn errors_name_the_parameter_and_say_what_to_do() {
    let wrong = [
        "form=2026-03-01",
        "nonsense=1",
        "from=2026-03-18&to=2026-03-01",
        "from=2026-13-01",
        "from=yesteryear",
        "to=2026-03-01T10",
        "tz=Mars/Olympus",
        "from=2026-03-01&from=2026-03-02",
        "user=",
        "event_type=nonsense",
        "outcome=faild",
        "ip=10.0.0.300",
        "q=acton:x",
        "tokens=many",
        "limit=0",
        "limit=10001",
        "order=up",
        "format=xml",
        "fields=id,nonsens",
        "count=maybe",
    ];
    let complaint = |query: &str| {
        let error = parse(query).expect_err(query);
        format!("{query}\n  {} {error}", error.problem.code())
    };
    insta::assert_snapshot!(wrong.map(complaint).join("\n"));
}

#[test]
fn page_tokens_are_bound_to_what_decides_the_list() {
    let digest = |query| parse(query).unwrap().digest();
    assert_eq!(digest("user=ada&from=2026-03-01"), digest("from=2026-03-01&user=ada&limit=5"));
    assert_ne!(digest("user=ada"), digest("user=bob"));
    assert_ne!(digest("user=ada"), digest("user=ada&order=asc"));
}

#[test]
fn the_guides_list_every_parameter_and_choice() {
    const GUIDES: [&str; 2] =
        [include_str!("../../../../docs/API.md"), include_str!("../../../../docs/QUERY.md")];
    let orders = ["newest_first", "newest", "desc", "oldest_first", "oldest", "asc"];
    assert!(orders.iter().all(|text| order(text).is_ok()));
    let (truths, formats) = (["true", "1", "yes", "false", "0", "no"], Format::NAMES);
    assert!(truths.iter().all(|text| truth(text).is_ok()));
    for guide in GUIDES {
        let (_, table) = guide.split_once("| `from`, `to` |").expect("the table of parameters");
        let (table, _) = table.split_once("\n\n").expect("its end");
        for word in OWN[2..].iter().chain(&orders).chain(&truths).chain(formats) {
            assert!(table.contains(&format!("`{word}`")), "{word}");
        }
    }
}
