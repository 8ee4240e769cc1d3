use std::io::Write as _;

use super::*;

/// A file and whoever follows it.
struct Scene {
    dir: tempfile::TempDir,
    file: GrowingFile,
    saved: Option<Position>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = GrowingFile::new(dir.path().join("audit.log"), None);
        Self { dir, file, saved: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// The next chunk's lines, taken.
    fn read(&mut self) -> Vec<String> {
        let Some(chunk) = self.file.next().unwrap() else { return Vec::new() };
        self.saved = self.file.taken(&chunk).unwrap();
        chunk.lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    /// Everything there is: rotation takes a second look.
    fn read_all(&mut self) -> Vec<String> {
        (0..8).flat_map(|_| self.read()).collect()
    }

    /// As another process that finds the saved position.
    fn restart(&mut self) {
        self.file = GrowingFile::new(self.path("audit.log"), self.saved.clone());
    }
}

#[test]
fn lines_are_given_when_their_end_is_there() {
    let mut scene = Scene::new();
    assert_eq!(scene.read(), [""; 0], "there is no file yet");
    scene.append("audit.log", "one\ntw");
    assert_eq!(scene.read(), ["one"]);
    assert_eq!(scene.read(), [""; 0], "half a line");
    scene.append("audit.log", "o\n\nthree\n");
    assert_eq!(scene.read(), ["two", "three"]);
}

#[test]
fn half_a_character_waits_for_its_other_half() {
    let mut scene = Scene::new();
    let text = "Zoë\n".as_bytes();
    scene.append("audit.log", &text[..3]);
    assert_eq!(scene.read(), [""; 0]);
    scene.append("audit.log", &text[3..]);
    assert_eq!(scene.read(), ["Zoë"]);
}

#[test]
fn lines_that_were_not_taken_come_again() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.file.next().unwrap().unwrap().lines().count(), 1);
    assert_eq!(scene.read(), ["one"]);
    assert_eq!(scene.read(), [""; 0]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.read(), ["one"]);
    scene.append("audit.log", "two\n");
    scene.rename("audit.log", "audit.2026-11-23_07-00-00_000000.log");
    scene.append("audit.log", "three\n");
    assert_eq!(scene.read_all(), ["two", "three"]);
    assert_eq!(scene.file.counts.rotations, 1);
}

#[test]
fn what_a_writer_adds_after_the_renaming_is_read() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.read(), ["one"]);
    scene.rename("audit.log", "audit.log.1");
    scene.append("audit.log.1", "tw");
    assert_eq!(scene.read(), [""; 0], "seen renamed");
    scene.append("audit.log.1", "o\n");
    scene.append("audit.log", "three\n");
    assert_eq!(scene.read_all(), ["two", "three"]);
}

#[test]
fn a_rest_without_an_end_is_given_when_its_file_grows_no_more() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\ntorn");
    assert_eq!(scene.read(), ["one"]);
    scene.rename("audit.log", "audit.log.1");
    scene.append("audit.log", "two\n");
    assert_eq!(scene.read_all(), ["torn", "two"]);
}

#[test]
fn several_rotations_while_nobody_read_leave_nothing_out() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.read(), ["one"]);
    let age = |scene: &Scene, name: &str, seconds: u64| {
        let file = File::options().append(true).open(scene.path(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    };
    scene.append("audit.log", "two\n");
    age(&scene, "audit.log", 1_000);
    scene.rename("audit.log", "audit.a.log");
    scene.append("audit.log", "three\n");
    age(&scene, "audit.log", 2_000);
    scene.rename("audit.log", "audit.b.log");
    scene.append("audit.log", "four\n");
    scene.append("audit.b.log.gz", "not a log\n");
    scene.append("audit-other.log", "not ours\n");
    scene.restart();
    assert_eq!(scene.read_all(), ["two", "three", "four"]);
}

#[test]
fn a_file_cut_to_nothing_is_read_from_its_beginning() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\ntwo\n");
    assert_eq!(scene.read(), ["one", "two"]);
    fs::write(scene.path("audit.log"), "3\n").unwrap();
    assert_eq!(scene.read(), ["3"]);
    assert_eq!(scene.file.counts.truncations, 1);
    fs::write(scene.path("audit.log"), "longer than it was before\n").unwrap();
    assert_eq!(scene.read(), ["longer than it was before"], "known by how it begins");
    assert_eq!(scene.file.counts.truncations, 2);
}

#[test]
fn after_a_restart_it_goes_on_where_it_stopped() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.read(), ["one"]);
    scene.append("audit.log", "two\n");
    scene.restart();
    assert_eq!(scene.read_all(), ["two"]);
}

#[test]
fn an_inode_that_is_used_again_is_not_taken_for_the_same_file() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.read(), ["one"]);
    fs::write(scene.path("audit.log"), "another file of the same inode\n").unwrap();
    scene.restart();
    assert_eq!(scene.read_all(), ["another file of the same inode"]);
    assert_eq!(scene.file.counts.truncations, 1);
}

#[test]
fn a_file_that_is_gone_is_told() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    assert_eq!(scene.read(), ["one"]);
    scene.rename("audit.log", "elsewhere");
    scene.append("audit.log", "two\n");
    scene.restart();
    assert_eq!(scene.read_all(), ["two"]);
    assert_eq!(scene.file.counts.lost_files, 1);
}

#[test]
fn a_line_longer_than_a_read_is_one_line() {
    let mut scene = Scene::new();
    let long = "x".repeat(CHUNK_BYTES + 7);
    scene.append("audit.log", format!("{long}\nshort\n"));
    assert_eq!(scene.read_all(), [long.as_str(), "short"]);
}

#[test]
fn a_position_is_saved_and_read_again() {
    let mut scene = Scene::new();
    scene.append("audit.log", "one\n");
    scene.read();
    let path = scene.path("audit_file.position");
    assert_eq!(Position::load(&path).unwrap(), None);
    let position = scene.saved.clone().unwrap();
    position.save(&path).unwrap();
    assert_eq!(Position::load(&path).unwrap(), Some(position));
    fs::write(&path, "{").unwrap();
    assert!(Position::load(&path).is_err(), "damage is not taken for a new file");
}
