use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(1_774_008_060_000_000);

fn open() -> (tempfile::TempDir, Control) {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(&directory.path().join("control.db")).unwrap();
    (directory, control)
}

fn new<'a>(owner: &'a str, name: &'a str, shared: bool) -> NewView<'a> {
    NewView { owner, owner_name: owner, name, query: "range=7d&outcome=denied", shared }
}

fn names(control: &Control, owner: &str) -> Vec<String> {
    control.views_of(owner).unwrap().into_iter().map(|view| view.name).collect()
}

#[test]
fn one_sees_what_is_ones_own_and_what_is_shared() {
    let (_kept, control) = open();
    let mine = control.save_view(&new("ada", "  mine ", false), NOW).unwrap();
    control.save_view(&new("bob", "Everybody's", true), NOW).unwrap();
    let secret = control.save_view(&new("bob", "his", false), NOW).unwrap();
    assert_eq!(names(&control, "ada"), ["Everybody's", "mine"]);
    assert_eq!(names(&control, "bob"), ["Everybody's", "his"]);
    assert_eq!(control.view(&mine.id, "ada").unwrap(), mine);
    assert!(matches!(control.view(&secret.id, "ada"), Err(Error::NoSuchView { .. })));
}

#[test]
fn a_change_leaves_alone_what_it_does_not_name() {
    let (_kept, control) = open();
    let view = control.save_view(&new("ada", "mine", false), NOW).unwrap();
    let renamed = ViewChange { name: Some("ours"), ..ViewChange::default() };
    let changed = control.change_view(&view.id, &renamed, LATER).unwrap();
    assert_eq!(changed, SavedView { name: "ours".to_owned(), changed: LATER, ..view.clone() });
    let shared = ViewChange { query: Some(""), shared: Some(true), ..ViewChange::default() };
    let changed = control.change_view(&view.id, &shared, LATER).unwrap();
    assert_eq!((changed.name.as_str(), changed.query.as_str(), changed.shared), ("ours", "", true));
}

#[test]
fn a_name_is_taken_by_ones_own_views_alone() {
    let (_kept, control) = open();
    control.save_view(&new("ada", "a", true), NOW).unwrap();
    let other = control.save_view(&new("ada", "b", false), NOW).unwrap();
    assert!(matches!(control.save_view(&new("ada", "a", false), NOW), Err(Error::ViewNameTaken { .. })));
    let renamed = ViewChange { name: Some("a"), ..ViewChange::default() };
    assert!(matches!(control.change_view(&other.id, &renamed, NOW), Err(Error::ViewNameTaken { .. })));
    assert!(control.save_view(&new("bob", "a", false), NOW).is_ok());
}

#[test]
fn what_is_deleted_is_gone() {
    let (_kept, control) = open();
    let view = control.save_view(&new("ada", "a", false), NOW).unwrap();
    assert_eq!(control.delete_view(&view.id).unwrap(), view);
    assert!(matches!(control.delete_view(&view.id), Err(Error::NoSuchView { .. })));
    let change = ViewChange::default();
    assert!(matches!(control.change_view(&view.id, &change, NOW), Err(Error::NoSuchView { .. })));
}

#[test]
fn names_and_queries_have_bounds() {
    let (_kept, control) = open();
    for name in ["", "   ", "a\nb", &"a".repeat(81)] {
        assert!(
            matches!(control.save_view(&new("ada", name, false), NOW), Err(Error::BadView { .. })),
            "{name:?}"
        );
    }
    let long = "q".repeat(4_097);
    let view = NewView { query: &long, ..new("ada", "long", false) };
    assert!(matches!(control.save_view(&view, NOW), Err(Error::BadView { .. })));
    for number in 0..MOST_VIEWS {
        control.save_view(&new("ada", &number.to_string(), false), NOW).unwrap();
    }
    assert!(matches!(
        control.save_view(&new("ada", "one more", false), NOW),
        Err(Error::TooManyViews { .. })
    ));
}
