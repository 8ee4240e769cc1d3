//! The sections of a summary: value counts, word and identifier tables, rollups.

use super::{SortedDictionaries, SortedPage, SortedRows, ValueCounts};
use crate::columns::{CodeColumn, IdColumn, NumberColumn};
use crate::encoding::varint;
use crate::memory::Vocabulary;
use crate::partition::page_table::{self, PageSet};
use crate::partition::rollup::{COUNT_COLUMNS, DAY_US, HOUR_US, RollupBuilder, Sums, USAGE_COLUMNS};
use crate::partition::summary::SectionKind;
use crate::words::{WordMap, for_each_word_hash};

/// Sections in the order of the file.
#[derive(Default)]
pub(super) struct Sections {
    kinds: Vec<SectionKind>,
    bodies: Vec<Vec<u8>>,
}

impl Sections {
    fn add(&mut self, kind: SectionKind, body: Vec<u8>) {
        self.kinds.push(kind);
        self.bodies.push(body);
    }

    fn add_compressed(&mut self, kind: SectionKind, body: &[u8]) {
        let compressed =
            zstd::bulk::compress(body, super::pages::ZSTD_LEVEL).expect("memory suffices to compress");
        self.add(kind, compressed);
    }

    pub(super) fn into_parts(self) -> (Vec<SectionKind>, Vec<Vec<u8>>) {
        (self.kinds, self.bodies)
    }

    pub(super) fn add_value_counts(&mut self, counts: &ValueCounts) {
        for &column in CodeColumn::ALL {
            let mut body = Vec::new();
            counts.of(column).iter().for_each(|count| varint::put(u64::from(*count), &mut body));
            self.add_compressed(SectionKind::ValueCounts(column), &body);
        }
    }
}

/// Tables of the words in the messages by page, and of those in the dictionaries by column.
pub(super) fn add_words(sections: &mut Sections, rows: &SortedRows<'_>, vocabulary: &Vocabulary) {
    let mut by_page: WordMap<PageSet> = WordMap::default();
    for (at, page) in rows.pages().enumerate() {
        let mut note = |hash: u64| *by_page.entry(hash).or_insert(0) |= 1 << at;
        match &page {
            SortedPage::Block(block) if block.words().is_some() => {
                block.words().unwrap_or(&[]).iter().for_each(|hash| note(*hash));
            }
            page => page.for_each(|block, row| {
                for_each_word_hash(block.message.get(row).unwrap_or(""), &mut note);
            }),
        }
    }
    sections.add(SectionKind::MessageWords, page_table::build(by_page.into_iter().collect(), 2));
    let mut by_column: WordMap<u64> = WordMap::default();
    for &column in CodeColumn::SEARCHED {
        vocabulary.words(column).for_each(|hash| *by_column.entry(hash).or_insert(0) |= 1 << column as u8);
    }
    sections.add(SectionKind::DictionaryWords, page_table::build(by_column.into_iter().collect(), 2));
}

/// A table of the pages of each identifier, for each column of them.
pub(super) fn add_ids(sections: &mut Sections, rows: &SortedRows<'_>) {
    for &column in IdColumn::ALL {
        let mut entries: Vec<(u64, PageSet)> = Vec::with_capacity(rows.rows);
        for (at, page) in rows.pages().enumerate() {
            page.for_each(|block, row| {
                entries.extend(block.ids[column as usize].hash(row).map(|hash| (hash, 1 << at)));
            });
        }
        entries.sort_unstable();
        entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 |= next.1;
            }
            same
        });
        // An event is looked up by its id more often than by the others, and is in one page only.
        let fingerprint_bytes = if column == IdColumn::Id { 2 } else { 1 };
        sections.add(SectionKind::Ids(column), page_table::build(entries, fingerprint_bytes));
    }
}

/// Events by hour and usage by day, where the columns have few enough values.
pub(super) fn add_rollups(sections: &mut Sections, rows: &SortedRows<'_>, dictionaries: &SortedDictionaries) {
    let kinds = [
        (SectionKind::HourlyCounts, HOUR_US, COUNT_COLUMNS, false),
        (SectionKind::DailyUsage, DAY_US, USAGE_COLUMNS, true),
    ];
    for (kind, width_us, columns, with_sums) in kinds {
        let radix = columns.map(|column| dictionaries.codes(column));
        let Some(mut builder) = RollupBuilder::new(width_us, radix, with_sums) else { continue };
        let ranks = columns.map(|column| dictionaries.ranks(column));
        for page in rows.pages() {
            page.for_each(|block, row| {
                let code = |at: usize| ranks[at][block.codes[columns[at] as usize].get(row) as usize];
                let whole = |name: NumberColumn| block.numbers[name as usize].whole(row).unwrap_or(0);
                let fraction = |name: NumberColumn| block.numbers[name as usize].fraction(row).unwrap_or(0.0);
                let sums = if with_sums {
                    Sums {
                        events: 1,
                        input_tokens: whole(NumberColumn::InputTokens),
                        output_tokens: whole(NumberColumn::OutputTokens),
                        cost_usd: fraction(NumberColumn::CostUsd),
                        latency_ms: fraction(NumberColumn::LatencyMs),
                    }
                } else {
                    Sums { events: 1, ..Sums::default() }
                };
                builder.add(block.times[row], [code(0), code(1), code(2)], &sums);
            });
        }
        sections.add_compressed(kind, &builder.finish().encode());
    }
}
