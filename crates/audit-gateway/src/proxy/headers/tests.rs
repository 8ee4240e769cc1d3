use http::Request;

use super::*;

fn head(lines: &[(&str, &str)]) -> Parts {
    let mut request = Request::new(());
    for (name, value) in lines {
        request
            .headers_mut()
            .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    request.into_parts().0
}

fn direct() -> Origin {
    let ip = "192.0.2.7".parse().unwrap();
    Origin { ip, peer: ip, is_forwarded: false, chain: None }
}

fn behind_a_proxy() -> Origin {
    Origin {
        ip: "203.0.113.9".parse().unwrap(),
        peer: "10.0.0.1".parse().unwrap(),
        is_forwarded: true,
        chain: None,
    }
}

fn all<'h>(parts: &'h Parts, name: &str) -> Vec<&'h str> {
    parts.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn what_belongs_to_the_connection_goes_and_the_rest_stays() {
    let mut parts = head(&[
        ("host", "chat.example.com"),
        ("connection", "keep-alive, X-Private"),
        ("connection", "close"),
        ("x-private", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic x"),
        ("te", "gzip"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("expect", "100-continue"),
        ("accept", "*/*"),
        ("trailer", "x-sum"),
    ]);
    forward(&mut parts, &direct(), false);
    let mut left: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [
            "accept",
            "forwarded",
            "host",
            "trailer",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip"
        ]
    );
}

#[test]
fn connection_cannot_name_the_credential_away() {
    let mut parts = head(&[
        ("host", "a"),
        ("authorization", "Bearer x"),
        ("cookie", "token=y"),
        ("connection", "authorization, cookie, host, content-length"),
        ("content-length", "5"),
    ]);
    forward(&mut parts, &direct(), false);
    for name in ["authorization", "cookie", "host", "content-length"] {
        assert_eq!(all(&parts, name).len(), 1, "{name}");
    }
}

#[test]
fn who_the_client_is_stands_there_once() {
    let forged = [
        ("host", "chat.example.com"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "7.7.7.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-prefix", "/evil"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
    ];
    let mut parts = head(&forged);
    forward(&mut parts, &direct(), false);
    assert_eq!(all(&parts, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(all(&parts, "x-real-ip"), ["192.0.2.7"]);
    assert_eq!(all(&parts, "x-forwarded-proto"), ["http"]);
    assert_eq!(all(&parts, "x-forwarded-host"), ["chat.example.com"]);
    assert_eq!(all(&parts, "forwarded"), ["for=192.0.2.7;proto=http;host=\"chat.example.com\""]);
    assert_eq!(all(&parts, "x-forwarded-prefix"), [""; 0]);

    let mut parts = head(&forged);
    forward(&mut parts, &behind_a_proxy(), false);
    assert_eq!(all(&parts, "x-forwarded-for"), ["203.0.113.9"]);
    assert_eq!(all(&parts, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&parts, "x-forwarded-host"), ["evil.example"], "a trusted proxy says so");
}

#[test]
fn trailers_that_the_client_accepts_are_asked_for() {
    let mut parts = head(&[("host", "a"), ("te", "trailers, deflate;q=0.5"), ("connection", "TE")]);
    forward(&mut parts, &direct(), false);
    assert_eq!(all(&parts, "te"), ["trailers"]);
    assert_eq!(all(&parts, "connection"), ["te"]);
}

#[test]
fn cookies_that_http2_split_are_one_again() {
    let mut parts = head(&[("host", "a"), ("cookie", "a=1"), ("cookie", "token=x")]);
    forward(&mut parts, &direct(), true);
    assert_eq!(all(&parts, "cookie"), ["a=1; token=x"]);
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    let refused = |lines: &[(&str, &str)]| check(&head(lines)).unwrap_err();
    let both = [("host", "a"), ("transfer-encoding", "chunked"), ("content-length", "5")];
    assert_eq!(refused(&both), Ambiguity::TwoLengths);
    assert_eq!(refused(&[("host", "a"), ("transfer-encoding", "gzip, chunked")]), Ambiguity::TransferCoding);
    assert_eq!(
        refused(&[("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "x")]),
        Ambiguity::TransferCoding
    );
    assert_eq!(
        refused(&[("host", "a"), ("content-length", "5"), ("content-length", "6")]),
        Ambiguity::ManyLengths
    );
    assert_eq!(refused(&[("host", "a"), ("content-length", "5, 5")]), Ambiguity::ManyLengths);
    assert_eq!(refused(&[("host", "a"), ("content-length", "+5")]), Ambiguity::ManyLengths);
    assert_eq!(refused(&[("host", "a"), ("content-length", "")]), Ambiguity::ManyLengths);
    assert_eq!(refused(&[("host", "a"), ("host", "b")]), Ambiguity::Host);
    assert_eq!(refused(&[]), Ambiguity::Host);
    assert_eq!(check(&head(&[("host", "a"), ("transfer-encoding", "Chunked")])), Ok(()));
    assert_eq!(check(&head(&[("host", "a"), ("content-length", "5")])), Ok(()));
}
