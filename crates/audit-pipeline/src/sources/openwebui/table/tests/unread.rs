//! Requests that say more than could be read of them.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::*;
use crate::sources::openwebui::caller::Caller;
use crate::sources::openwebui::exchange::{Answer, Captured, Ending};

/// A request that was carried out.
struct Sent<'a> {
    target: &'a str,
    headers: &'a [(http::HeaderName, &'a str)],
    body: Captured<'a>,
    ending: Ending,
}

fn sent<'a>(target: &'a str, body: &'a [u8]) -> Sent<'a> {
    let body = Captured { bytes: body, tail: b"", gist: b"", is_whole: true, length: body.len() as u64 };
    Sent { target, headers: &[], body, ending: Ending::Complete }
}

impl Sent<'_> {
    fn event(&self) -> Event<'static> {
        let table = RouteTable::embedded();
        let plan = table.plan(&Method::POST, self.target);
        let (none, caller) = (HeaderMap::new(), Caller::default());
        let headers =
            self.headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value")));
        let body = Captured { bytes: b"{}", tail: b"", gist: b"", is_whole: true, length: 2 };
        let exchange = Exchange {
            id: "0199b6a0-0000-7000-8000-000000000001",
            started: audit_event::Timestamp::from_micros(1_795_500_000_000_000),
            latency_ms: 1.0,
            first_byte_ms: None,
            method: &Method::POST,
            target: self.target,
            request_headers: &headers.collect(),
            request_body: self.body,
            answer: Some(Answer { status: 200, headers: &none, body }),
            ending: self.ending,
            caller: &caller,
            client: audit_event::Client::default(),
            before: None,
        };
        table.events(&plan, &exchange).swap_remove(0)
    }

    fn unread(&self) -> String {
        let details = self.event().details;
        let why = details.as_ref().and_then(|details| details.get("request_unread")?.as_str());
        why.unwrap_or("-").to_owned()
    }
}

const DELETE: &str = "/api/v1/models/model/delete";
const UPDATE: &str = "/api/v1/groups/id/g-1/update";

#[test]
fn an_event_says_why_its_request_was_not_read_to_the_end() {
    let packed = [(CONTENT_ENCODING, "gzip")];
    for target in [DELETE, UPDATE] {
        assert_eq!(sent(target, br#"{"id":"m","name":"n"}"#).unread(), "-");
        assert_eq!(sent(target, b"").unread(), "-", "nothing was said");
        assert_eq!(sent(target, br#"{"id":"m","#).unread(), "malformed");
        assert_eq!(sent(target, b"{\"id\":\"\xff\"}").unread(), "encoding");
        assert_eq!(Sent { headers: &packed, ..sent(target, b"junk") }.unread(), "encoding");
        assert_eq!(Sent { headers: &packed, ..sent(target, br#"{"id":"m"}"#) }.unread(), "-");
        let cut = Captured { bytes: br#"{"id":"m","#, tail: b"", gist: b"", is_whole: false, length: 70_000 };
        assert_eq!(Sent { body: cut, ..sent(target, b"") }.unread(), "too_long");
    }
    assert_eq!(sent("/api/v1/groups/id/g-1/nothing", b"junk").unread(), "-", "nothing is wanted of it");
}

#[test]
fn forms_have_no_members_but_what_is_sent_as_one_may() {
    let form = [(CONTENT_TYPE, "application/x-www-form-urlencoded")];
    let parts = [(CONTENT_TYPE, "Multipart/form-data; boundary=b")];
    assert_eq!(Sent { headers: &form, ..sent(DELETE, b"id=m") }.unread(), "-");
    assert_eq!(Sent { headers: &parts, ..sent(DELETE, b"--b\r\n") }.unread(), "-");
    assert_eq!(Sent { headers: &form, ..sent(DELETE, b"{\"id\":") }.unread(), "malformed");
}

#[test]
fn what_only_python_reads_is_a_change_too() {
    let fields = |sent: Sent<'_>| {
        let changes = sent.event().changes;
        changes.iter().map(|change| change.field.to_string()).collect::<Vec<_>>()
    };
    let body = "{\"name\":\"\\ud800\",\"description\":\"x\",\"n\":NaN}";
    let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [body.as_bytes(), &wide] {
        assert_eq!(fields(sent(UPDATE, body)), ["description", "name"]);
    }
    let mut left = Sent { ending: Ending::ClientLeft, ..sent(UPDATE, b"{\"name\":\"x\"}") };
    left.body.is_whole = false;
    assert_eq!(fields(left), ["name"], "all of it had come");
}
