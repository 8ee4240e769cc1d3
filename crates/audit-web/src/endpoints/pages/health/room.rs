//! The disk: what is used, what is free, and for how long that lasts.

use std::path::Path;

use audit_event::Timestamp;
use audit_ledger::disk::{Disk as _, RealDisk};
use audit_query::filter::Filter;
use audit_query::question::{Answers as _, Budget, Count, TimeRange};

use crate::figures::{bytes, count};
use crate::problem::Result;
use crate::state::AppState;

/// The rate of these days is taken for that of the days to come.
const DAYS: u64 = 7;
/// More days than this are not worth telling apart.
const LONG: u64 = 3_650;

/// Bytes, and how they will grow.
#[derive(Debug)]
pub(super) struct Room {
    free: Option<u64>,
    reserve: u64,
    ledger: u64,
    index: u64,
    exports: u64,
    /// Bytes that come in a day.
    growth: u64,
}

impl Room {
    /// Looks. Blocks.
    ///
    /// # Errors
    /// When the index cannot answer.
    pub fn of(state: &AppState, budget: &Budget) -> Result<Self> {
        let premises = state.premises();
        let ledger = state.ledger().stats().disk_bytes;
        let index = state.index().status().disk_bytes;
        let recent = TimeRange { from: days_before(state.now(), DAYS), to: Timestamp::MAX };
        let recent = Count { filter: Filter::All, range: recent, snapshot: None };
        let recent = state.index().count(&recent, budget)?;
        let each = (ledger + index) / state.ledger().size().get().max(1);
        Ok(Self {
            free: RealDisk.free_bytes(&premises.root).ok(),
            reserve: premises.reserve_bytes,
            ledger,
            index,
            exports: size_of_files(&premises.exports),
            growth: recent.saturating_mul(each) / DAYS,
        })
    }

    /// What is told of it: name and figure.
    pub fn figures(&self) -> Vec<(&'static str, String)> {
        let free = self.free.map_or_else(|| "cannot be told".to_owned(), bytes);
        vec![
            ("Free", format!("{free} ({} kept in reserve)", bytes(self.reserve))),
            ("Ledger", bytes(self.ledger)),
            (
                "Index",
                if self.index == 0 { "not yet written out: in memory".to_owned() } else { bytes(self.index) },
            ),
            ("Exports", bytes(self.exports)),
            ("Growth", format!("{} a day, as in the last {DAYS} days", bytes(self.growth))),
            ("Lasts", self.lasts()),
        ]
    }

    /// For how long there is room, at the present rate.
    fn lasts(&self) -> String {
        let Some(free) = self.free else { return "cannot be told".to_owned() };
        match free.saturating_sub(self.reserve).checked_div(self.growth) {
            None => "nothing is growing".to_owned(),
            Some(days) if days > LONG => "more than ten years".to_owned(),
            Some(days) => format!("{} days", count(days)),
        }
    }

    /// Whether it ends within a month.
    pub fn is_short(&self) -> bool {
        let days = self.free.and_then(|free| free.saturating_sub(self.reserve).checked_div(self.growth));
        days.is_some_and(|days| days < 30)
    }
}

fn days_before(now: Timestamp, days: u64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() - days.cast_signed() * 86_400_000_000)
}

/// Bytes of the files in a directory; none where there is none.
fn size_of_files(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let metadata = entries.filter_map(|entry| entry.ok()?.metadata().ok());
    metadata.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(free: u64, growth: u64) -> Room {
        Room { free: Some(free), reserve: 100, ledger: 0, index: 0, exports: 0, growth }
    }

    #[test]
    fn the_days_left_are_those_until_the_reserve() {
        assert_eq!(room(1_100, 10).lasts(), "100 days");
        assert_eq!(
            (room(1_100, 0).lasts().as_str(), room(1_100, 0).is_short()),
            ("nothing is growing", false)
        );
        assert_eq!(room(u64::MAX, 1).lasts(), "more than ten years");
        assert!(room(200, 10).is_short() && !room(1_100, 10).is_short());
        assert_eq!(room(50, 10).lasts(), "0 days");
    }
}
