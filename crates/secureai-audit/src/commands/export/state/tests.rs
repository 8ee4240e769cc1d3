use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_774_008_000_000_000);

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("out.csv")
    }

    fn open(&self) -> Unfinished<u64> {
        Unfinished::open(&self.path(), "q", NOW).unwrap()
    }

    /// An export of which `text` is written, and of that `saved` bytes saved as position 1.
    fn interrupted(&self, text: &str, saved: u64) -> Unfinished<u64> {
        let mut unfinished = self.open();
        assert_eq!(unfinished.resume(Tail::Cut).unwrap(), None);
        unfinished.writer().unwrap().write_all(text.as_bytes()).unwrap();
        unfinished.at(saved, &1).unwrap();
        unfinished
    }
}

#[test]
fn goes_on_at_the_last_saved_position() {
    let place = Place::new();
    drop(place.interrupted("one\ntwo\n", 4));

    let mut again = place.open();
    assert_eq!((again.resume(Tail::Cut).unwrap(), again.length()), (Some(1), 4));
    again.writer().unwrap().write_all(b"2\n").unwrap();
    again.at(6, &2).unwrap();
    again.finish().unwrap();
    assert_eq!(fs::read_to_string(place.path()).unwrap(), "one\n2\n");
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 1);
}

#[test]
fn a_tail_is_kept_where_every_byte_counts() {
    let place = Place::new();
    drop(place.interrupted("one\ntwo\n", 0));
    let mut again = place.open();
    assert_eq!((again.resume(Tail::Keep).unwrap(), again.length()), (Some(1), 8));
    assert_eq!(again.sha256().unwrap(), "c3f9c8c283a2b1f2f1896f27a01cbe3cddc0c9d93f752e4639035a0f5b36f6e8");
    again.writer().unwrap().write_all(b"three\n").unwrap();
    again.finish().unwrap();
    assert_eq!(fs::read_to_string(place.path()).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn another_question_is_refused_and_lost_bytes_begin_anew() {
    let place = Place::new();
    let unfinished = place.interrupted("one\n", 4);
    let other = Unfinished::<u64>::open(&place.path(), "other", NOW);
    let error = other.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("of another export (q)"), "{error}");
    unfinished.file.set_len(3).unwrap();
    let mut again = place.open();
    assert_eq!((again.resume(Tail::Cut).unwrap(), again.length()), (None, 0));
}

#[test]
fn bytes_never_synced_are_not_believed_after_another_boot() {
    let place = Place::new();
    let mut unfinished = place.interrupted("one\ntwo\n", 4);
    let after_boot = |tail| {
        let state = fs::read_to_string(beside(&place.path(), ".part.state")).unwrap();
        fs::write(beside(&place.path(), ".part.state"), state.replace(&boot_id(), "another")).unwrap();
        let mut again = place.open();
        (again.resume(tail).unwrap(), again.length())
    };
    assert_eq!(after_boot(Tail::Cut), (None, 0));
    unfinished.writer().unwrap().write_all(b"one\ntwo\n").unwrap();
    unfinished.save(&1).unwrap();
    assert_eq!(after_boot(Tail::Keep), (Some(1), 4), "what was synced is, what came after is not");
}

#[test]
fn ages_count_back_from_when_the_export_began() {
    let place = Place::new();
    drop(place.interrupted("one\n", 4));
    let later = Timestamp::from_micros(NOW.as_micros() + 1);
    let mut again = Unfinished::<u64>::open(&place.path(), "q", later).unwrap();
    assert_eq!(again.began(), NOW);
    again.begin_anew(later).unwrap();
    assert_eq!((again.began(), again.length()), (later, 0));
}
