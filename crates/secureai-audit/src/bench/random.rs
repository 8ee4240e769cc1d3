//! Random numbers that are the same on every machine, and draws from given distributions.

/// A stream of numbers drawn from a seed (SplitMix64: Steele, Lea, Flood 2014). For workloads, never for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream that belongs to `seed` and `stream`; different streams are unrelated.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut start = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        Self(start.next())
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end` (Lemire's multiplication; the bias is below 2⁻³² for the small ends used here).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        (product >> 64) as u64
    }

    /// An index below `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number in [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws an index with given weights in constant time (Walker's alias method).
#[derive(Debug)]
pub(crate) struct Weighted {
    /// For each slot: the share that stays, and where the rest goes.
    slots: Vec<(f64, usize)>,
}

impl Weighted {
    /// Index `k` is drawn in proportion to `weights[k]`.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand weights")]
    pub(crate) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut scaled: Vec<f64> =
            weights.iter().map(|weight| weight / total * weights.len() as f64).collect();
        let mut slots: Vec<(f64, usize)> = (0..weights.len()).map(|at| (1.0, at)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|at| scaled[*at] < 1.0);
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            slots[poor] = (scaled[poor], rich);
            scaled[rich] -= 1.0 - scaled[poor];
            if scaled[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { slots }
    }

    /// As numpy's `(rng.zipf(exponent) - 1) % classes`: a heavy tail, folded.
    #[expect(clippy::cast_precision_loss, reason = "weights are approximate beyond the first thousands")]
    pub(crate) fn folded_zipf(exponent: f64, classes: usize, first: usize) -> Self {
        const FOLDS: usize = 400;
        let mut weights = vec![0.0; classes];
        for rank in 1..=classes * FOLDS {
            weights[(rank - first) % classes] += (rank as f64).powf(-exponent);
        }
        let beyond = ((classes * FOLDS) as f64).powf(1.0 - exponent) / (exponent - 1.0);
        for weight in &mut weights {
            *weight += beyond / classes as f64;
        }
        Self::new(&weights)
    }

    /// Draws an index.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let slot = random.index(self.slots.len());
        let (stay, other) = self.slots[slot];
        if random.unit() < stay { slot } else { other }
    }
}
