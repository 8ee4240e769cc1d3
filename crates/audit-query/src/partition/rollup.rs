//! Counts and sums made when a partition is written, so that charts need not touch its rows.

use crate::columns::CodeColumn;
use crate::encoding::varint;
use std::collections::BTreeMap;
use std::ops::Range;

/// Microseconds of an hour.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// The most combinations of codes that are tallied in a dense table; beyond, there is no rollup.
const MAX_COMBINATIONS: usize = 1 << 18;

/// What the events are put together by, besides time.
pub(crate) const COUNT_COLUMNS: [CodeColumn; 3] =
    [CodeColumn::Category, CodeColumn::Action, CodeColumn::Outcome];
/// What usage is put together by, besides time.
pub(crate) const USAGE_COLUMNS: [CodeColumn; 3] =
    [CodeColumn::Department, CodeColumn::Model, CodeColumn::Role];

/// The sums of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sums {
    pub(crate) events: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: f64,
    pub(crate) latency_ms: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Sums) {
        self.events += other.events;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_usd += other.cost_usd;
        self.latency_ms += other.latency_ms;
    }
}

/// Cells by time, and within an equal time by three codes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rollup {
    /// Microseconds that a cell spans; its time is a multiple of it.
    pub(crate) width_us: i64,
    /// The beginning of each span that has cells, ascending, and where its cells begin.
    times: Vec<(i64, u32)>,
    /// The codes of each cell.
    codes: Vec<[u16; 3]>,
    events: Vec<u32>,
    /// Empty where only events are counted.
    sums: Vec<Sums>,
}

impl Rollup {
    /// The spans of time that have cells, each with its cells, in order of time.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (i64, Range<usize>)> + '_ {
        let ends = self.times.iter().skip(1).map(|next| next.1 as usize).chain([self.codes.len()]);
        self.times.iter().zip(ends).map(|(time, end)| (time.0, time.1 as usize..end))
    }

    /// The codes of a cell, in the order of [`COUNT_COLUMNS`] or [`USAGE_COLUMNS`].
    pub(crate) fn codes(&self, cell: usize) -> [u16; 3] {
        self.codes[cell]
    }

    /// How many events a cell counts.
    pub(crate) fn events(&self, cell: usize) -> u64 {
        u64::from(self.events[cell])
    }

    /// The sums of a cell; zero where only events are counted.
    pub(crate) fn sums(&self, cell: usize) -> Sums {
        self.sums.get(cell).copied().unwrap_or_default()
    }

    /// The events in cells of a larger width, a multiple of this one's.
    pub(crate) fn coarsened(&self, width_us: i64) -> Rollup {
        let mut coarse = Rollup { width_us, ..Rollup::default() };
        let mut cells: BTreeMap<[u16; 3], u32> = BTreeMap::new();
        let mut spans = self.spans().peekable();
        while let Some((time, these)) = spans.next() {
            these.for_each(|cell| *cells.entry(self.codes[cell]).or_insert(0) += self.events[cell]);
            let begin = time.div_euclid(width_us) * width_us;
            if spans.peek().is_none_or(|(next, _)| *next >= begin + width_us) {
                coarse.times.push((begin, u32::try_from(coarse.codes.len()).expect("fewer cells than rows")));
                for (codes, events) in std::mem::take(&mut cells) {
                    coarse.codes.push(codes);
                    coarse.events.push(events);
                }
            }
        }
        coarse
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.times.len() * 16 + self.codes.len() * 10 + self.sums.len() * size_of::<Sums>()
    }

    /// As bytes of a section.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put_signed(self.width_us, &mut out);
        out.push(u8::from(!self.sums.is_empty()));
        varint::put(self.times.len() as u64, &mut out);
        for (time, cells) in self.spans() {
            varint::put_signed(time / self.width_us.max(1), &mut out);
            varint::put(cells.len() as u64, &mut out);
            for cell in cells {
                self.codes[cell].iter().for_each(|code| varint::put(u64::from(*code), &mut out));
                varint::put(self.events(cell), &mut out);
                if let Some(sums) = self.sums.get(cell) {
                    varint::put(sums.input_tokens, &mut out);
                    varint::put(sums.output_tokens, &mut out);
                    out.extend_from_slice(&sums.cost_usd.to_le_bytes());
                    out.extend_from_slice(&sums.latency_ms.to_le_bytes());
                }
            }
        }
        out
    }

    /// From the bytes of a section.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Rollup> {
        let rest = &mut bytes;
        let mut rollup = Rollup { width_us: varint::take_signed(rest)?, ..Rollup::default() };
        let (has_sums, after) = rest.split_first()?;
        *rest = after;
        for _ in 0..varint::take(rest)? {
            let time = varint::take_signed(rest)?.checked_mul(rollup.width_us)?;
            rollup.times.push((time, u32::try_from(rollup.codes.len()).ok()?));
            for _ in 0..varint::take(rest)? {
                let mut code = || u16::try_from(varint::take(rest)?).ok();
                rollup.codes.push([code()?, code()?, code()?]);
                let events = u32::try_from(varint::take(rest)?).ok()?;
                rollup.events.push(events);
                if *has_sums == 1 {
                    rollup.sums.push(Sums {
                        events: u64::from(events),
                        input_tokens: varint::take(rest)?,
                        output_tokens: varint::take(rest)?,
                        cost_usd: take_double(rest)?,
                        latency_ms: take_double(rest)?,
                    });
                }
            }
        }
        Some(rollup)
    }
}

fn take_double(rest: &mut &[u8]) -> Option<f64> {
    let (bytes, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(f64::from_le_bytes(*bytes))
}

/// Tallies rows that come in order of time.
pub(crate) struct RollupBuilder {
    rollup: Rollup,
    with_sums: bool,
    /// Codes of each column.
    radix: [usize; 3],
    /// The cells of the current span by combination of codes, and which of them are in use.
    table: Vec<Sums>,
    in_use: Vec<usize>,
    current: Option<i64>,
}

impl RollupBuilder {
    /// For columns with so many codes each, "absent" included; `None` if the combinations are too many.
    pub(crate) fn new(width_us: i64, codes: [usize; 3], with_sums: bool) -> Option<RollupBuilder> {
        let combinations = codes.iter().try_fold(1_usize, |product, count| product.checked_mul(*count))?;
        let fits =
            combinations <= MAX_COMBINATIONS && codes.iter().all(|count| *count <= usize::from(u16::MAX));
        fits.then(|| RollupBuilder {
            rollup: Rollup { width_us, ..Rollup::default() },
            with_sums,
            radix: codes,
            table: vec![Sums::default(); combinations],
            in_use: Vec::new(),
            current: None,
        })
    }

    pub(crate) fn add(&mut self, time: i64, codes: [u32; 3], row: &Sums) {
        let span = time.div_euclid(self.rollup.width_us) * self.rollup.width_us;
        if self.current != Some(span) {
            self.end_span();
            self.current = Some(span);
        }
        let [a, b, c] = codes.map(|code| code as usize);
        let at = (a * self.radix[1] + b) * self.radix[2] + c;
        if self.table[at].events == 0 {
            self.in_use.push(at);
        }
        self.table[at].add(row);
    }

    pub(crate) fn finish(mut self) -> Rollup {
        self.end_span();
        self.rollup
    }

    fn end_span(&mut self) {
        let Some(span) = self.current else { return };
        self.rollup
            .times
            .push((span, u32::try_from(self.rollup.codes.len()).expect("fewer cells than rows")));
        self.in_use.sort_unstable();
        for at in self.in_use.drain(..) {
            let sums = std::mem::take(&mut self.table[at]);
            let codes =
                [at / self.radix[2] / self.radix[1], at / self.radix[2] % self.radix[1], at % self.radix[2]];
            self.rollup.codes.push(codes.map(|code| u16::try_from(code).expect("checked in new")));
            self.rollup.events.push(u32::try_from(sums.events).expect("fewer than rows"));
            if self.with_sums {
                self.rollup.sums.push(sums);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_add_up_and_come_back() {
        for with_sums in [false, true] {
            let mut builder = RollupBuilder::new(HOUR_US, [3, 4, 5], with_sums).expect("few");
            for n in 0..1000_i64 {
                let row =
                    Sums { events: 1, input_tokens: 10, output_tokens: 1, cost_usd: 0.5, latency_ms: 2.0 };
                let code = |modulus: i64| u32::try_from(n % modulus).expect("small");
                builder.add((n / 100 - 3) * HOUR_US + n, [code(3), code(4), code(5)], &row);
            }
            let rollup = builder.finish();
            let decoded = Rollup::decode(&rollup.encode()).expect("complete");
            assert_eq!(decoded, rollup);
            assert_eq!(
                rollup.spans().map(|(time, _)| time / HOUR_US).collect::<Vec<_>>(),
                (-3..7).collect::<Vec<_>>()
            );
            let cells: Vec<usize> = rollup.spans().flat_map(|(_, cells)| cells).collect();
            assert_eq!(cells.iter().map(|cell| rollup.events(*cell)).sum::<u64>(), 1000);
            let daily = rollup.coarsened(DAY_US);
            let days: Vec<i64> = daily.spans().map(|(time, _)| time / DAY_US).collect();
            assert_eq!(days, [-1, 0]);
            let events = |day: usize| {
                daily.spans().nth(day).map(|(_, cells)| cells.map(|cell| daily.events(cell)).sum::<u64>())
            };
            assert_eq!((events(0), events(1)), (Some(300), Some(700)));
            let tokens = cells.iter().map(|cell| rollup.sums(*cell).input_tokens).sum::<u64>();
            assert_eq!(tokens, if with_sums { 10_000 } else { 0 });
        }
    }

    #[test]
    fn too_many_combinations_are_not_tallied() {
        assert!(RollupBuilder::new(HOUR_US, [1000, 1000, 1000], false).is_none());
        assert!(RollupBuilder::new(HOUR_US, [1, 70_000, 1], false).is_none());
    }
}
