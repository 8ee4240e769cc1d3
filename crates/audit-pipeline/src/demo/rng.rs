//! A small deterministic generator (SplitMix64): the same seed gives the same year on every machine and in every
//! version of every dependency, which the `rand` crates do not promise.

/// Pseudo-random numbers for the demo; not for anything that must be unpredictable.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0, "nothing is below zero");
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// A number from `low` up to and without `high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low < high, "an empty range has no number");
        low + i64::try_from(self.below(high.abs_diff(low))).unwrap_or(0)
    }

    /// A number in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.below(choices.len() as u64);
        &choices[usize::try_from(at).unwrap_or(0)]
    }

    /// One of `choices`, each as likely as its weight says.
    pub(super) fn pick_weighted<'a, T>(&mut self, choices: &'a [(T, u32)]) -> &'a T {
        let total: u64 = choices.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = self.below(total.max(1));
        for (choice, weight) in choices {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return choice,
            }
        }
        &choices[0].0
    }

    /// How often something happens that goes on with `probability` each time; at most `limit`.
    pub(super) fn repeats(&mut self, probability: f64, limit: u32) -> u32 {
        (0..limit).find(|_| !self.chance(probability)).unwrap_or(limit)
    }

    /// A number around `median`, skewed as token counts and latencies are: half are below it, some far above.
    pub(super) fn skewed(&mut self, median: f64) -> u64 {
        let spread = (self.unit() + self.unit() + self.unit() - 1.5) * 1.4;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, and the demo's medians are small"
        )]
        let value = (median * spread.exp()) as u64;
        value.max(1)
    }
}
