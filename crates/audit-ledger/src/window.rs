//! The idempotency window: which of the newest entries may have a given key.
//!
//! An open-addressing table of 8-byte slots: 40 bits of the key's hash and 24 bits of position. It only ever
//! suggests; whoever asks compares the keys themselves, so a wrong suggestion costs a read and nothing else.
//! With a million ids that happens once in a million lookups.

mod saved;

pub(crate) use saved::{Saved, load, save};

use std::collections::VecDeque;

use crate::config::Window;

const POSITION_BITS: u32 = 24;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;
const MIN_SLOTS: usize = 1 << 10;
/// Time marks are at least this far apart, so that a day has at most 1,440 of them.
const MARK_US: i64 = 60_000_000;

/// Hash of an idempotency key, seeded so that nobody can aim for collisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyHash(pub(crate) u64);

/// Keys of the newest entries; owned by the sequencer.
pub(crate) struct IdWindow {
    limits: Window,
    /// 0 is empty; else the hash's upper 40 bits and the position after `base`, counted from 1.
    slots: Box<[u64]>,
    base: u64,
    /// Slots that are not empty.
    used: usize,
    /// Entries before an index were recorded before a time: (index, microseconds since the Unix epoch),
    /// ascending.
    marks: VecDeque<(u64, i64)>,
}

impl IdWindow {
    /// An empty window that will take the entries from [`base`](Self::base) to `end`. `marks` says of runs of
    /// entries with which index each begins and when its last one was recorded, oldest first.
    pub(crate) fn new(
        limits: Window,
        marks: impl Iterator<Item = (u64, i64)>,
        end: u64,
        now_us: i64,
    ) -> Self {
        let mut window = Self { limits, slots: Box::default(), base: 0, used: 0, marks: VecDeque::new() };
        marks.for_each(|(first, last_us)| window.mark(first, last_us));
        window.base = window.start(end, now_us);
        window.slots = slots_for(usize::try_from(end - window.base).unwrap_or(0));
        window
    }

    /// The oldest entry that may be remembered.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    /// Number of keys remembered, those too old not yet dropped included.
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    /// Where a window that ends with entry `end`, recorded at `now_us`, begins.
    fn start(&self, end: u64, now_us: i64) -> u64 {
        let oldest_us = now_us.saturating_sub_unsigned(self.limits.min_age_s.saturating_mul(1_000_000));
        let old_enough = self.marks.iter().rev().find(|(_, time_us)| *time_us <= oldest_us);
        let by_age = old_enough.map_or(0, |(first, _)| *first);
        let by_count = end.saturating_sub(self.limits.min_ids);
        by_age.min(by_count).max(end.saturating_sub(self.limits.max_ids))
    }

    /// Indices of entries that may have the key, oldest first is not promised.
    pub(crate) fn candidates(&self, hash: KeyHash) -> impl Iterator<Item = u64> {
        let tag = hash.0 >> POSITION_BITS;
        let mut at = self.home(tag);
        std::iter::from_fn(move || {
            loop {
                let slot = self.slots[at];
                if slot == 0 {
                    return None;
                }
                at = (at + 1) & (self.slots.len() - 1);
                if slot >> POSITION_BITS == tag {
                    return Some(self.base + (slot & POSITION_MASK) - 1);
                }
            }
        })
    }

    /// Remembers the key of entry `index`, recorded at `now_us`.
    pub(crate) fn insert(&mut self, hash: KeyHash, index: u64, now_us: i64) {
        self.mark(index, now_us);
        let too_full = (self.used + 1) * 4 > self.slots.len() * 3;
        if too_full || index - self.base >= POSITION_MASK {
            self.rebuild(index, now_us);
        }
        self.put((hash.0 >> POSITION_BITS) << POSITION_BITS | (index - self.base + 1));
    }

    fn mark(&mut self, index: u64, now_us: i64) {
        if self.marks.back().is_none_or(|(_, last_us)| now_us >= last_us.saturating_add(MARK_US)) {
            self.marks.push_back((index, now_us));
        }
    }

    fn put(&mut self, slot: u64) {
        let mut at = self.home(slot >> POSITION_BITS);
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
        self.used += 1;
    }

    /// Drops what is too old.
    fn rebuild(&mut self, end: u64, now_us: i64) {
        let start = self.start(end, now_us).max(self.base);
        while self.marks.get(1).is_some_and(|(first, _)| *first <= start) {
            self.marks.pop_front();
        }
        let shift = start - self.base;
        let kept: usize = self.slots.iter().filter(|slot| is_kept(**slot, shift)).count();
        let old = std::mem::replace(&mut self.slots, slots_for(kept));
        self.base = start;
        self.used = 0;
        old.iter().filter(|slot| is_kept(**slot, shift)).for_each(|slot| self.put(slot - shift));
    }

    fn home(&self, tag: u64) -> usize {
        usize::try_from(tag).unwrap_or(0) & (self.slots.len() - 1)
    }
}

/// Empty slots for so many keys and a quarter more, three quarters full then.
fn slots_for(keys: usize) -> Box<[u64]> {
    let slots = ((keys + keys / 4) * 4 / 3 + 1).next_power_of_two().max(MIN_SLOTS);
    vec![0; slots].into_boxed_slice()
}

/// Whether a slot holds an entry at least `shift` after the base.
const fn is_kept(slot: u64, shift: u64) -> bool {
    slot & POSITION_MASK > shift
}

#[cfg(test)]
mod tests;
