use std::path::Path;

use audit_tlog::{Hash, TreeSize};

use super::*;
use crate::disk::{Disk as _, SimDisk};

const HOUR_US: i64 = 3_600_000_000;

fn window(min_ids: u64, min_age_s: u64, max_ids: u64) -> IdWindow {
    IdWindow::new(Window { min_ids, min_age_s, max_ids }, std::iter::empty(), 0, 0)
}

/// Spreads numbers over 64 bits, as a hash does.
fn hash(key: u64) -> KeyHash {
    KeyHash((key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key.rotate_left(40))
}

fn remembers(window: &IdWindow, key: u64) -> bool {
    window.candidates(hash(key)).any(|index| index == key)
}

#[test]
fn the_newest_ids_are_remembered_and_old_ones_make_room() {
    let mut window = window(10_000, 0, 10_000);
    for key in 0..100_000 {
        window.insert(hash(key), key, 0);
    }
    assert!((90_000..100_000).all(|key| remembers(&window, key)));
    assert!(!(0..50_000).any(|key| remembers(&window, key)));
    assert!(window.len() <= 20_000, "{} slots used", window.len());
}

#[test]
fn ids_younger_than_the_age_are_remembered_beyond_the_count() {
    let mut window = window(10, 24 * 3600, 1 << 20);
    for key in 0..60_000 {
        // A thousand an hour.
        window.insert(hash(key), key, i64::try_from(key).expect("small") * HOUR_US / 1_000);
    }
    assert!((36_000..60_000).all(|key| remembers(&window, key)));
    assert!(window.len() < 45_000, "{} slots used", window.len());
}

#[test]
fn memory_is_bounded_whatever_the_age() {
    let mut window = window(10, 24 * 3600, 5_000);
    (0..50_000).for_each(|key| window.insert(hash(key), key, 0));
    assert!((45_000..50_000).all(|key| remembers(&window, key)));
    assert!(window.len() <= 10_000, "{} slots used", window.len());
}

#[test]
fn a_saved_window_comes_back_unless_a_bit_of_it_changed() {
    let disk = SimDisk::new(0);
    disk.create_dir(Path::new("/l")).expect("made");
    let path = Path::new("/l/ids");
    let limits = Window { min_ids: 3_000, min_age_s: 60, max_ids: 5_000 };
    let mut window = IdWindow::new(limits, [(0, 7), (10, MARK_US * 2)].into_iter(), 0, 0);
    (0..9_000)
        .for_each(|key| window.insert(hash(key), key, i64::try_from(key).expect("small") * MARK_US / 100));
    let saved = Saved { seed: 5, size: TreeSize::new(9_000), root: Hash::from_bytes([9; 32]) };
    save(&disk, path, &window, &saved, 90 * MARK_US).expect("saved");
    let (loaded, found) = load(&disk, path, limits).expect("whole");
    assert_eq!((found, &loaded.marks), (saved, &window.marks));
    assert_eq!((loaded.base, loaded.used), (6_000, 3_000), "without what is too old");
    assert!((6_000..9_000).all(|key| remembers(&loaded, key)));
    let bytes = disk.contents(path).expect("there");
    assert_eq!(bytes.len(), 72 + 16 * loaded.marks.len() + 6 * 3_000 + 4);
    for at in (0..bytes.len()).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 16;
        disk.put(path, &damaged);
        assert!(load(&disk, path, limits).is_none(), "byte {at}");
    }
}

#[test]
fn a_window_resumes_where_its_limits_say() {
    let limits = Window { min_ids: 100, min_age_s: 3600, max_ids: 1 << 20 };
    let marks = [(0, 0), (1_000, HOUR_US), (2_000, 2 * HOUR_US), (3_000, 3 * HOUR_US)];
    let base = |now_us| IdWindow::new(limits, marks.into_iter(), 4_000, now_us).base();
    assert_eq!(base(3 * HOUR_US), 2_000, "entries from 2000 on may be younger than an hour");
    assert_eq!(base(9 * HOUR_US), 3_000, "all but the last run are older");
    assert_eq!(base(0), 0);
}
