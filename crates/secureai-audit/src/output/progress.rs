//! Progress bars, on a terminal only.

use std::{borrow::Cow, fmt, time::Duration};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::rate;

/// A bar on standard error; silent when that is no terminal.
#[derive(Debug, Clone)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar that counts `total` things.
    pub(crate) fn counting(what: impl Into<Cow<'static, str>>, total: u64) -> Self {
        Self::styled(what, Some(total), "{msg} {wide_bar} {human_pos}/{human_len} {rate} {eta}")
    }

    /// A bar that counts `total` bytes.
    pub(crate) fn bytes(what: impl Into<Cow<'static, str>>, total: u64) -> Self {
        Self::styled(what, Some(total), "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// A spinner with a count of bytes, when the total is unknown.
    pub(crate) fn open_bytes(what: impl Into<Cow<'static, str>>) -> Self {
        Self::styled(what, None, "{spinner} {msg} {bytes} {bytes_per_sec} {elapsed}")
    }

    /// A spinner with a count of things, when the total is unknown.
    pub(crate) fn open_count(what: impl Into<Cow<'static, str>>) -> Self {
        Self::styled(what, None, "{spinner} {msg} {human_pos} {rate} {elapsed}")
    }

    /// A spinner for a step without a measure.
    pub(crate) fn step(what: impl Into<Cow<'static, str>>) -> Self {
        Self::styled(what, None, "{spinner} {msg} {elapsed}")
    }

    fn styled(what: impl Into<Cow<'static, str>>, total: Option<u64>, template: &str) -> Self {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A terminal that cannot be written to shows no rate.
            let _ = out.write_str(&rate(state.pos(), state.elapsed().as_secs_f64()));
        });
        bar.set_style(style.progress_chars("━╸ "));
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Now at `done`.
    pub(crate) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// `more` further.
    pub(crate) fn advance(&self, more: u64) {
        self.0.inc(more);
    }

    /// The total turned out to be `total`.
    pub(crate) fn set_total(&self, total: u64) {
        self.0.set_length(total);
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
