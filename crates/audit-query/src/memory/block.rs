//! One page of rows in memory.

use super::Vocabulary;
use crate::columns::{CodeColumn, Codes, IdColumn, Ids, NumberColumn, Numbers, Texts};
use crate::words::{WordSet, for_each_word_hash};
use audit_event::Fields;
use std::sync::Arc;

/// A page of consecutive rows that does not change any more.
#[derive(Debug)]
pub(crate) struct Block {
    first_index: u64,
    min_time: i64,
    max_time: i64,
    pub(crate) times: Arc<Vec<i64>>,
    /// One entry a column, in the order of [`CodeColumn::ALL`].
    pub(crate) codes: Vec<Arc<Codes>>,
    /// One entry a column, in the order of [`IdColumn::ALL`].
    pub(crate) ids: Vec<Arc<Ids>>,
    /// One entry a column, in the order of [`NumberColumn::ALL`].
    pub(crate) numbers: Vec<Arc<Numbers>>,
    pub(crate) message: Arc<Texts>,
    /// The hashes of the words in the messages, ascending; `None` while the page is still filling.
    words: Option<Vec<u64>>,
}

impl Block {
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// The ledger index of the first row; the others follow without a gap.
    pub(crate) fn first_index(&self) -> u64 {
        self.first_index
    }

    pub(crate) fn min_time(&self) -> i64 {
        self.min_time
    }

    pub(crate) fn max_time(&self) -> i64 {
        self.max_time
    }

    /// Whether a message may hold a word with this hash.
    pub(crate) fn may_have_word(&self, hash: u64) -> bool {
        self.words.as_ref().is_none_or(|words| words.binary_search(&hash).is_ok())
    }

    /// The hashes of the words in the messages, ascending, if they are known.
    pub(crate) fn words(&self) -> Option<&[u64]> {
        self.words.as_deref()
    }
}

/// The page that rows are being appended to.
pub(super) struct OpenBlock {
    first_index: u64,
    times: Vec<i64>,
    codes: Vec<Codes>,
    ids: Vec<Ids>,
    numbers: Vec<Numbers>,
    message: Texts,
}

impl OpenBlock {
    /// An empty one whose first row will have this ledger index.
    pub(super) fn new(first_index: u64) -> OpenBlock {
        OpenBlock {
            first_index,
            times: Vec::new(),
            codes: vec![Codes::default(); CodeColumn::COUNT],
            ids: vec![Ids::default(); IdColumn::COUNT],
            numbers: vec![Numbers::Absent(0); NumberColumn::COUNT],
            message: Texts::default(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.times.len()
    }

    /// The ledger index that the next row must have.
    pub(super) fn next_index(&self) -> u64 {
        self.first_index + self.rows() as u64
    }

    pub(super) fn append(&mut self, event: &Fields<'_>, vocabulary: &mut Vocabulary) {
        self.times.push(event.time.as_micros());
        vocabulary.encode(event, |column, code| self.codes[column as usize].push(code));
        for &column in IdColumn::ALL {
            self.ids[column as usize].push(match column {
                IdColumn::Id => Some(&*event.id),
                IdColumn::Session => event.session_id.as_deref(),
                IdColumn::TargetId => event.target_id.as_deref(),
            });
        }
        for &column in NumberColumn::ALL {
            let numbers = &mut self.numbers[column as usize];
            match column {
                NumberColumn::InputTokens => numbers.push_whole(event.input_tokens),
                NumberColumn::OutputTokens => numbers.push_whole(event.output_tokens),
                NumberColumn::CostUsd => numbers.push_fraction(event.cost_usd),
                NumberColumn::LatencyMs => numbers.push_fraction(event.latency_ms),
            }
        }
        self.message.push(event.message.as_deref());
    }

    /// The rows so far, as a page of their own.
    pub(super) fn snapshot(&self) -> Block {
        Block {
            first_index: self.first_index,
            min_time: self.times.iter().copied().min().unwrap_or(i64::MAX),
            max_time: self.times.iter().copied().max().unwrap_or(i64::MIN),
            times: Arc::new(self.times.clone()),
            codes: self.codes.iter().map(|codes| Arc::new(codes.clone())).collect(),
            ids: self.ids.iter().map(|ids| Arc::new(ids.clone())).collect(),
            numbers: self.numbers.iter().map(|numbers| Arc::new(numbers.clone())).collect(),
            message: Arc::new(self.message.clone()),
            words: None,
        }
    }

    pub(super) fn seal(self) -> Block {
        let words = distinct_words(&self.message);
        Block {
            first_index: self.first_index,
            min_time: self.times.iter().copied().min().unwrap_or(i64::MAX),
            max_time: self.times.iter().copied().max().unwrap_or(i64::MIN),
            times: Arc::new(self.times),
            codes: self.codes.into_iter().map(Arc::new).collect(),
            ids: self.ids.into_iter().map(Arc::new).collect(),
            numbers: self.numbers.into_iter().map(Arc::new).collect(),
            message: Arc::new(self.message),
            words: Some(words),
        }
    }
}

/// The hashes of all words in `texts`, ascending, each once.
pub(crate) fn distinct_words(texts: &Texts) -> Vec<u64> {
    let mut distinct: WordSet = WordSet::default();
    for text in texts.strings().iter() {
        for_each_word_hash(text, |hash| {
            distinct.insert(hash);
        });
    }
    let mut words: Vec<u64> = distinct.into_iter().collect();
    words.sort_unstable();
    words
}
