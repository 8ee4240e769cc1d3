//! Frames in memory: the newest ones for followers, and those lately read.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use crate::frame::Frame;

/// The newest frames, as many as fit a number of bytes: what followers that keep up read, without disk or
/// decompression.
pub(crate) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    limit: usize,
}

impl Ring {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, limit }
    }

    /// Adds the frame that follows the last one.
    pub(crate) fn push(&mut self, frame: Frame) {
        let follows = self.frames.back().is_none_or(|last| last.indices().end == frame.indices().start);
        if !follows {
            self.clear();
        }
        self.bytes += frame.weight();
        self.frames.push_back(frame);
        while self.bytes > self.limit {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }

    pub(crate) fn get(&self, index: u64) -> Option<Frame> {
        let next = self.frames.partition_point(|frame| frame.indices().start <= index);
        let frame = self.frames.get(next.checked_sub(1)?)?;
        frame.indices().contains(&index).then(|| frame.clone())
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

/// Values lately used, as many as fit a weight. Few and heavy ones: the oldest is found by looking at all.
pub(crate) struct Cache<K, V> {
    values: HashMap<K, Cached<V>>,
    weight: usize,
    limit: usize,
    uses: u64,
}

struct Cached<V> {
    value: Arc<V>,
    weight: usize,
    last_use: u64,
}

impl<K: Hash + Eq + Copy, V> Cache<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { values: HashMap::new(), weight: 0, limit, uses: 0 }
    }

    pub(crate) fn get(&mut self, key: K) -> Option<Arc<V>> {
        self.uses += 1;
        let cached = self.values.get_mut(&key)?;
        cached.last_use = self.uses;
        Some(Arc::clone(&cached.value))
    }

    pub(crate) fn insert(&mut self, key: K, value: Arc<V>, weight: usize) {
        self.remove(key);
        self.uses += 1;
        self.weight += weight;
        self.values.insert(key, Cached { value, weight, last_use: self.uses });
        while self.weight > self.limit && self.values.len() > 1 {
            let Some(oldest) = self.values.iter().min_by_key(|(_, cached)| cached.last_use) else { break };
            let oldest = *oldest.0;
            self.remove(oldest);
        }
    }

    pub(crate) fn remove(&mut self, key: K) {
        if let Some(cached) = self.values.remove(&key) {
            self.weight -= cached.weight;
        }
    }
}
