//! Decoded columns kept in memory, up to a number of bytes.

use crate::Error;
use crate::words::WordMap;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is kept: a part of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The partition's serial number, unique in the process.
    pub(crate) partition: u64,
    /// Which of its parts, as the partition numbers them.
    pub(crate) part: u8,
    /// Which page of the part.
    pub(crate) page: u8,
}

impl Key {
    /// A number of its own for each key, spread over all bits. (An odd factor maps 64 bits one to one.)
    fn spread(self) -> u64 {
        let packed = self.partition << 16 | u64::from(self.part) << 8 | u64::from(self.page);
        (packed ^ packed >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// A value that says how much memory it takes.
pub(crate) trait Weight: Any + Send + Sync {
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

/// Keeps what was used since it was last considered for removal (the "clock" approximation of least recently
/// used); what is in use elsewhere lives on after it is removed.
pub(crate) struct Cache {
    limit: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_key: WordMap<Slot>,
    /// The clock: the next to be considered is in front.
    queue: VecDeque<u64>,
    bytes: usize,
}

struct Slot {
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: bool,
}

/// Bytes that a slot takes besides its value.
const SLOT_BYTES: usize = 96;

impl Cache {
    /// Holds at most about `limit` bytes.
    pub(crate) fn new(limit: usize) -> Cache {
        Cache { limit, slots: Mutex::default() }
    }

    /// The value of `key`, made by `load` if it is not there. Several threads may load the same value at once.
    pub(crate) fn get<T: Weight>(
        &self,
        key: Key,
        load: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let key = key.spread();
        if let Some(value) = self.find(key) {
            return Ok(value);
        }
        let value = Arc::new(load()?);
        let bytes = value.heap_bytes() + size_of::<T>() + SLOT_BYTES;
        self.slots.lock().insert(key, Slot { value: value.clone(), bytes, used: true }, self.limit);
        Ok(value)
    }

    fn find<T: Weight>(&self, key: u64) -> Option<Arc<T>> {
        let mut slots = self.slots.lock();
        let slot = slots.by_key.get_mut(&key)?;
        slot.used = true;
        let value = Arc::clone(&slot.value);
        drop(slots);
        value.downcast().ok()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.lock().bytes
    }
}

impl Slots {
    fn insert(&mut self, key: u64, slot: Slot, limit: usize) {
        self.bytes += slot.bytes;
        match self.by_key.insert(key, slot) {
            Some(replaced) => self.bytes -= replaced.bytes,
            None => self.queue.push_back(key),
        }
        while self.bytes > limit && self.by_key.len() > 1 {
            self.remove_one();
        }
    }

    fn remove_one(&mut self) {
        let Some(key) = self.queue.pop_front() else { return };
        match self.by_key.get_mut(&key) {
            Some(slot) if slot.used => {
                slot.used = false;
                self.queue.push_back(key);
            }
            Some(_) => {
                if let Some(removed) = self.by_key.remove(&key) {
                    self.bytes -= removed.bytes;
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weight for Vec<u8> {
        fn heap_bytes(&self) -> usize {
            self.len()
        }
    }

    fn get(cache: &Cache, page: u8) -> bool {
        let key = Key { partition: 7, part: 1, page };
        let mut loaded = false;
        let value = cache.get(key, || {
            loaded = true;
            Ok(vec![page; 1000])
        });
        assert_eq!(*value.expect("loads"), vec![page; 1000]);
        loaded
    }

    #[test]
    fn values_stay_until_room_is_needed_and_used_ones_longer() {
        let cache = Cache::new(5 * 1200);
        assert!(get(&cache, 0));
        assert!(!get(&cache, 0));
        for page in 1..100 {
            get(&cache, page);
            assert!(!get(&cache, page), "the newest is there");
            get(&cache, 0);
            assert!(cache.bytes() <= 5 * 1200);
        }
        assert!(!get(&cache, 0), "always used, never removed");
        assert!(get(&cache, 50));
    }
}
