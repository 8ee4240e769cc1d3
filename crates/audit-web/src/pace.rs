//! Token buckets: so many at once, then so many a second.
//!
//! A bucket is one number, the time at which it would be full again had nothing more been taken (the generic cell rate
//! algorithm, ITU-T I.371): nothing refills it and no timer runs.

use std::collections::HashMap;

use audit_event::Timestamp;
use parking_lot::Mutex;

const SECOND: i64 = 1_000_000;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// So often a second in the long run; 0: without limit.
    pub per_second: u32,
    /// So often at once after a pause; at least 1.
    pub at_once: u32,
}

impl Pace {
    /// As often as one likes.
    pub const UNLIMITED: Self = Self { per_second: 0, at_once: 1 };

    /// Microseconds from one to the next; `None` without limit.
    fn interval(self) -> Option<i64> {
        (self.per_second > 0).then(|| (SECOND / i64::from(self.per_second)).max(1))
    }
}

/// Buckets of one pace, by a key that the caller makes.
pub(crate) struct Buckets {
    interval: Option<i64>,
    /// How many microseconds a bucket is worth when it is full.
    depth: i64,
    /// Most buckets remembered.
    most: usize,
    full_at: Mutex<HashMap<u64, i64>>,
}

impl Buckets {
    /// Buckets that all are full.
    pub fn new(pace: Pace, most: usize) -> Self {
        let interval = pace.interval();
        let depth = interval.unwrap_or_default() * i64::from(pace.at_once.max(1));
        Self { interval, depth, most, full_at: Mutex::default() }
    }

    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// In how many microseconds there will be one; then nothing was taken.
    pub fn take(&self, key: u64, now: Timestamp) -> Result<(), i64> {
        let Some(interval) = self.interval else { return Ok(()) };
        let now = now.as_micros();
        let mut full_at = self.full_at.lock();
        let before = full_at.get(&key).copied();
        // No bucket is emptier than empty: a time farther away is from before the clock was set back.
        let before = before.filter(|at| *at <= now + self.depth).map_or(now, |at| at.max(now));
        let after = before + interval;
        if after > now + self.depth {
            return Err(after - now - self.depth);
        }
        if full_at.len() >= self.most && !full_at.contains_key(&key) {
            make_room(&mut full_at, now, self.most);
        }
        full_at.insert(key, after);
        Ok(())
    }
}

/// Forgets the buckets that are full, which are like those never seen; if that is not enough, also the eighth part of
/// the rest that is nearest to it, so that the next call does not have to look again.
fn make_room(full_at: &mut HashMap<u64, i64>, now: i64, most: usize) {
    full_at.retain(|_, at| *at > now);
    if full_at.len() < most {
        return;
    }
    let mut times: Vec<i64> = full_at.values().copied().collect();
    let eighth = times.len() / 8;
    let (_, limit, _) = times.select_nth_unstable(eighth);
    let limit = *limit;
    full_at.retain(|_, at| *at > limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_774_008_000 * SECOND;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(START + micros)
    }

    fn buckets(per_second: u32, at_once: u32) -> Buckets {
        Buckets::new(Pace { per_second, at_once }, 100)
    }

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let buckets = buckets(50, 200);
        for number in 0..200 {
            assert_eq!(buckets.take(1, at(0)), Ok(()), "{number}");
        }
        assert_eq!(buckets.take(1, at(0)), Err(20_000), "the next in a fiftieth of a second");
        assert_eq!(buckets.take(1, at(19_999)), Err(1));
        assert_eq!(buckets.take(1, at(20_000)), Ok(()));
        let later = (0..1_000).filter(|n| buckets.take(1, at(20_000 + n * 10_000)).is_ok()).count();
        assert_eq!(later, 499, "fifty a second for ten seconds");
    }

    #[test]
    fn being_refused_costs_nothing_and_a_pause_fills_the_bucket() {
        let buckets = buckets(10, 2);
        assert_eq!([0; 5].map(|_| buckets.take(1, at(0)).is_ok()), [true, true, false, false, false]);
        assert_eq!([0; 3].map(|_| buckets.take(1, at(SECOND)).is_ok()), [true, true, false]);
    }

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let buckets = buckets(1, 1);
        assert!(buckets.take(1, at(0)).is_ok() && buckets.take(1, at(0)).is_err());
        assert!(buckets.take(2, at(0)).is_ok());
    }

    #[test]
    fn without_a_limit_nothing_is_remembered() {
        let buckets = Buckets::new(Pace::UNLIMITED, 100);
        assert!((0..10_000).all(|_| buckets.take(1, at(0)).is_ok()));
        assert!(buckets.full_at.lock().is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let buckets = buckets(1, 5);
        for _ in 0..5 {
            buckets.take(1, at(3_600 * SECOND)).unwrap();
        }
        assert_eq!(buckets.take(1, at(0)), Ok(()));
    }

    #[test]
    fn many_keys_take_bounded_memory_and_whoever_took_most_is_remembered_longest() {
        let buckets = buckets(1, 3);
        for _ in 0..3 {
            buckets.take(u64::MAX, at(0)).unwrap();
        }
        for key in 0..10_000 {
            buckets.take(key, at(0)).unwrap();
            assert!(buckets.full_at.lock().len() <= 100);
        }
        assert!(buckets.take(u64::MAX, at(0)).is_err(), "the empty bucket is still known");
        buckets.take(1, at(4 * SECOND)).unwrap();
    }
}
