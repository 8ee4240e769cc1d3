use serde_json::json;

use super::*;

const NOON: i64 = 1_795_435_200;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((NOON + seconds) * 1_000_000)
}

fn object(kind: Kind, id: &str, seconds: i64) -> Object {
    Object { kind, id: id.to_owned(), name: None, owner: None, created_at: at(seconds) }
}

/// An event `seconds` after noon.
fn told(seconds: i64, action: &str, more: &Value) -> Told {
    let mut event = json!({
        "id": format!("{action}@{seconds}"), "time": at(seconds), "action": action, "outcome": "success",
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}

fn target(kind: &str, id: &str) -> Value {
    json!({"actor": {"id": "ada"}, "target": {"type": kind, "id": id}})
}

/// What comes of these objects and events, of the hour after noon: missing and unknown ids.
fn check(objects: &[Object], events: &[Told]) -> (Vec<String>, Vec<String>) {
    let mut claims = Claims::default();
    events.iter().for_each(|told| claims.take(told));
    let comparison = compare(&Kind::ALL, objects, &claims, Range { from: at(0), to: at(3_600) });
    let missing = comparison.values().flat_map(|tally| &tally.missing).map(|object| object.id.clone());
    let unknown = comparison.values().flat_map(|tally| &tally.unknown).map(|object| object.id.clone());
    (missing.collect(), unknown.collect())
}

fn none() -> (Vec<String>, Vec<String>) {
    (Vec::new(), Vec::new())
}

fn missing(id: &str) -> (Vec<String>, Vec<String>) {
    (vec![id.to_owned()], Vec::new())
}

fn unknown(id: &str) -> (Vec<String>, Vec<String>) {
    (Vec::new(), vec![id.to_owned()])
}

#[test]
fn pages_of_every_list_are_read() {
    // Shortened answers of Open WebUI 0.12.4.
    let users = br#"{"users":[{"id":"76d0871d","email":"ada.b@example.test","username":null,"role":"admin","name":"Ada B","updated_at":1795421884,"created_at":1795421884,"group_ids":[]}],"total":31}"#;
    let page = read_page(&List::Of(Kind::User), users).unwrap();
    assert_eq!(page.total, Some(31));
    assert_eq!(page.objects[0].name.as_deref(), Some("ada.b@example.test"));
    assert_eq!(page.objects[0].created_at.to_string(), "2026-11-23T08:18:04.000000Z");

    let chats = br#"[{"id":"6515661d","title":"Torque (fork)","updated_at":1795421887,"created_at":1795421887,"last_read_at":1795421887,"snippet":null,"active":false,"archived":false}]"#;
    let page = read_page(&List::ChatsOf("1bc51af7".to_owned()), chats).unwrap();
    assert_eq!((page.objects[0].name.as_deref(), page.objects[0].owner.as_deref()), (None, Some("1bc51af7")));

    let files = br#"{"items":[{"id":"f","user_id":"u","hash":null,"filename":"torque.txt","data":{},"meta":{},"created_at":1795421887,"updated_at":1795421887}],"total":1}"#;
    let page = read_page(&List::Of(Kind::File), files).unwrap();
    assert_eq!(page.objects[0].name.as_deref(), Some("torque.txt"));
    assert_eq!(page.objects[0].owner.as_deref(), Some("u"));

    let groups = br#"[{"id":"g","user_id":"u","name":"Brakes","description":"","created_at":1795421887,"updated_at":1795421887,"member_count":0}]"#;
    assert_eq!(read_page(&List::Of(Kind::Group), groups).unwrap().objects[0].name.as_deref(), Some("Brakes"));
}

#[test]
fn what_is_no_list_is_refused() {
    let read = |body: &str| read_page(&List::Of(Kind::File), body.as_bytes()).unwrap_err().to_string();
    assert!(read("<!doctype html>").contains("own address"));
    for other in
        [r#"{"detail":"Not authenticated"}"#, "3", r#"{"items":[{"id":"f"}]}"#, r#"[{"created_at":1}]"#]
    {
        assert!(read(other).contains("another shape"), "{other}");
    }
}

#[test]
fn an_id_cannot_lead_elsewhere() {
    let target = List::ChatsOf("../a/b?c=d&e#f %\u{e9}".to_owned()).target(2);
    let path = target.split('?').next().unwrap();
    assert_eq!(path, "/api/v1/chats/list/user/%2E%2E%2Fa%2Fb%3Fc%3Dd%26e%23f%20%25%C3%A9");
    assert!(target.contains("page=2&"));
}

#[test]
fn times_in_other_units_are_the_same_times() {
    let seconds = moment(NOON).unwrap();
    for number in [NOON * 1_000, NOON * 1_000_000, NOON * 1_000_000_000] {
        assert_eq!(moment(number), Some(seconds), "{number}");
    }
    assert_eq!(moment(0).unwrap().as_micros(), 0);
}

#[test]
fn an_object_is_accounted_for_by_the_event_that_made_it() {
    for (kind, action, more) in [
        (Kind::User, "user.created", target("user", "x")),
        (Kind::User, "auth.signup", json!({"actor": {"id": "x"}})),
        (Kind::Chat, "chat.created", target("chat", "x")),
        (Kind::Chat, "chat.completion", target("chat", "x")),
        (
            Kind::Chat,
            "chat.imported",
            json!({"targets": [{"type": "chat", "id": "y"}, {"type": "chat", "id": "x"}]}),
        ),
        (
            Kind::Chat,
            "chat.cloned",
            json!({"target": {"type": "chat", "id": "y"}, "targets": [{"type": "chat", "id": "x"}]}),
        ),
        (Kind::File, "file.uploaded", target("file", "x")),
        (Kind::Knowledge, "knowledge.created", target("knowledge", "x")),
        (Kind::Group, "group.created", target("group", "x")),
    ] {
        let others = [object(Kind::Chat, "y", -9_000)];
        let objects = [&others[..], &[object(kind, "x", 60)]].concat();
        assert_eq!(check(&objects, &[told(60, action, &more)]), none(), "{action}");
        assert_eq!(check(&objects, &[]), missing("x"), "{action}");
    }
}

#[test]
fn an_attempt_makes_nothing() {
    let failed =
        told(60, "chat.created", &json!({"outcome": "failure", "target": {"type": "chat", "id": "x"}}));
    assert_eq!(check(&[object(Kind::Chat, "x", 60)], std::slice::from_ref(&failed)), missing("x"));
    assert_eq!(check(&[], &[failed]), none());
}

#[test]
fn a_copy_does_not_account_for_its_original() {
    let cloned = told(
        60,
        "chat.cloned",
        &json!({"target": {"type": "chat", "id": "old"}, "targets": [{"type": "chat", "id": "new"}]}),
    );
    let objects = [object(Kind::Chat, "old", 30), object(Kind::Chat, "new", 60)];
    assert_eq!(check(&objects, &[cloned]), missing("old"));
}

#[test]
fn only_what_was_made_in_the_span_of_time_counts() {
    let objects = [object(Kind::File, "before", -1), object(Kind::File, "after", 3_601)];
    assert_eq!(check(&objects, &[]), none());
    let told_before = told(-1, "file.uploaded", &target("file", "x"));
    assert_eq!(check(&[], &[told_before]), none());
}

#[test]
fn an_upload_that_began_before_the_span_of_time_still_accounts_for_its_file() {
    let began = told(-30, "file.uploaded", &target("file", "x"));
    assert_eq!(check(&[object(Kind::File, "x", 5)], &[began]), none());
}

#[test]
fn an_imported_chat_may_be_older_than_its_event() {
    let imported = told(60, "chat.imported", &target("chat", "x"));
    assert_eq!(check(&[object(Kind::Chat, "x", -1_000_000)], &[imported]), none());
}

#[test]
fn what_the_log_says_is_deleted_is_not_unknown() {
    for (kind, made, gone, more) in [
        (Kind::User, "user.created", "user.deleted", target("user", "x")),
        (Kind::Chat, "chat.created", "chat.deleted", target("chat", "x")),
        (Kind::Chat, "chat.created", "retention.chat_deleted", target("chat", "x")),
        (Kind::Chat, "chat.created", "chat.deleted_all", target("user", "ada")),
        (Kind::Chat, "chat.created", "user.deleted", target("user", "ada")),
        (Kind::Chat, "chat.created", "folder.deleted", target("folder", "brakes")),
        (Kind::File, "file.uploaded", "file.deleted", target("file", "x")),
        (Kind::File, "file.uploaded", "file.deleted_all", json!({})),
        (Kind::File, "file.uploaded", "knowledge.deleted", target("knowledge", "k")),
        (
            Kind::File,
            "file.uploaded",
            "knowledge.file.removed",
            json!({"targets": [{"type": "file", "id": "x"}]}),
        ),
        (Kind::Group, "group.created", "group.deleted", target("group", "x")),
    ] {
        let made = told(60, made, &target(kind.as_str(), "x"));
        assert_eq!(check(&[], std::slice::from_ref(&made)), unknown("x"), "{gone}");
        assert_eq!(check(&[], &[made.clone(), told(90, gone, &more)]), none(), "{gone}");
        assert_eq!(check(&[], &[told(9_000, gone, &more), made.clone()]), none(), "{gone}, after the span");
    }
}

#[test]
fn what_was_deleted_before_explains_nothing() {
    let made = told(60, "chat.created", &target("chat", "x"));
    let all_gone = told(30, "chat.deleted_all", &target("user", "ada"));
    assert_eq!(check(&[], &[all_gone, made]), unknown("x"));
}

#[test]
fn deleting_all_chats_does_not_delete_the_user() {
    let made = told(60, "user.created", &target("user", "ben"));
    let all_gone = told(90, "chat.deleted_all", &target("user", "ben"));
    assert_eq!(check(&[], &[made, all_gone]), unknown("ben"));
}

#[test]
fn talks_that_are_kept_nowhere_are_not_unknown() {
    for id in ["local:abc", "channel:abc"] {
        assert_eq!(check(&[], &[told(60, "chat.completion", &target("chat", id))]), none());
    }
}

#[test]
fn a_first_sign_in_accounts_for_a_user_of_a_directory() {
    let user = object(Kind::User, "x", 60);
    let (from, to) = first_sign_in_range(&user);
    assert_eq!((from, to), (at(50), at(70)));
    let of = |id: &str| told(61, "auth.login", &json!({"actor": {"id": id}}));
    let range = Range { from: at(0), to: at(3_600) };
    for (id, recorded) in [("x", 1), ("y", 0)] {
        let mut claims = Claims::default();
        claims.take_first_sign_in(&user, &of(id));
        let comparison = compare(&[Kind::User], std::slice::from_ref(&user), &claims, range);
        assert_eq!(comparison[&Kind::User].recorded, recorded);
    }
}

#[test]
fn an_object_listed_twice_counts_once_and_unread_kinds_not_at_all() {
    let objects = [object(Kind::File, "x", 60), object(Kind::File, "x", 60), object(Kind::Group, "g", 60)];
    let range = Range { from: at(0), to: at(3_600) };
    let comparison = compare(&[Kind::File], &objects, &Claims::default(), range);
    assert_eq!(comparison[&Kind::File].missing.len(), 1);
    assert_eq!(comparison.len(), 1);
}
