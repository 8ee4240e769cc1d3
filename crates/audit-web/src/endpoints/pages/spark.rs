//! Small charts of one line: bars of a row of counts, and how something grew.

use std::fmt::Write as _;

/// Width and height of the drawing, in its own units.
const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 20.0;

/// The path of bars, one for each count, as high as the largest allows.
#[expect(clippy::cast_precision_loss, reason = "a drawing")]
pub(crate) fn bars(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / counts.len().max(1) as f64;
    let mut path = String::new();
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (HEIGHT * *count as f64 / most).max(1.0);
        let (x, y, width) = (step * at as f64, HEIGHT - height, step * 0.8);
        // Writing to a string does not fail.
        let _ = write!(path, "M{x:.2} {y:.2}h{width:.2}V{HEIGHT}H{x:.2}z");
    }
    path
}

/// The path of a line through points (time, value) that goes level until the next point, over the whole width, and
/// closed below so that it can be filled.
#[expect(clippy::cast_precision_loss, reason = "a drawing")]
pub(crate) fn growth(points: &[(i64, u64)], (width, height): (f64, f64)) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let span = (last.0 - first.0).max(1) as f64;
    let most = points.iter().map(|point| point.1).max().unwrap_or(0).max(1) as f64;
    let mut path = format!("M0 {height}");
    for (time, value) in points {
        let x = width * (time - first.0) as f64 / span;
        let y = height - (height - 2.0) * *value as f64 / most;
        let _ = write!(path, "H{x:.2}V{y:.2}");
    }
    let _ = write!(path, "H{width}V{height}z");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_where_there_is_something() {
        assert_eq!(bars(&[0, 4, 2]), "M33.33 0.00h26.67V20H33.33zM66.67 10.00h26.67V20H66.67z");
        assert_eq!(bars(&[]), "");
    }

    #[test]
    fn growth_goes_in_steps() {
        let path = growth(&[(0, 0), (50, 10), (100, 20)], (100.0, 22.0));
        assert_eq!(path, "M0 22H0.00V22.00H50.00V12.00H100.00V2.00H100V22z");
    }
}
