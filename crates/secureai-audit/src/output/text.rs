//! Numbers and strings as people read them.

pub(crate) use audit_web::figures::{bytes, count, printable};

/// So many things in so many seconds, as `1,234/s`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that is shown to whole numbers"
)]
pub(crate) fn rate(things: u64, seconds: f64) -> String {
    format!("{}/s", count((things as f64 / seconds.max(1e-9)).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_well() {
        assert_eq!(rate(1_000, 0.5), "2,000/s");
    }
}
