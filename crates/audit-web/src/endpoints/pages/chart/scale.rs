//! The axis beside a chart.

/// Steps that people count in, per power of ten.
const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// From zero to a round number at or above everything shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// The end of the axis; above zero.
    pub top: f64,
    /// What stands beside it, zero included.
    pub ticks: Vec<f64>,
}

impl Scale {
    /// An axis for values up to `largest` with about `wanted` ticks above zero; `whole` for things that have no halves.
    pub fn to(largest: f64, wanted: u8, whole: bool) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 { largest } else { 1.0 };
        let least = largest / f64::from(wanted.max(1));
        let power = 10_f64.powf(least.log10().floor());
        let step = STEPS.iter().map(|step| step * power).find(|step| *step >= least * (1.0 - 1e-9));
        let step = step.unwrap_or(power * 10.0);
        let step = if whole { step.max(1.0) } else { step };
        let count = (largest / step * (1.0 - 1e-9)).ceil().clamp(1.0, 12.0);
        let mut ticks = vec![0.0];
        let mut tick = 1.0;
        while tick <= count {
            ticks.push(tick * step);
            tick += 1.0;
        }
        Self { top: count * step, ticks }
    }

    /// How far up a value stands: 0 at the foot, 1 at the top.
    pub fn share(&self, value: f64) -> f64 {
        (value / self.top).clamp(0.0, 1.0)
    }
}
