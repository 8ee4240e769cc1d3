//! The sequencer: the one writer that gives entries their indices and makes them durable.
//!
//! It has a thread of its own, which commits what waits as a group. A producer that is alone commits by itself,
//! in its own thread: waking another one and being woken by it would take as long as the sync.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use audit_tlog::{Frontier, Hash, LeafIndex};
use parking_lot::MutexGuard;

use crate::batch::{Appended, Placement, PreparedBatch, hash_key};
use crate::core::Core;
use crate::error::Error;
use crate::frame::{EncodedFrame, Entries, Frame, FrameBuilder, Packing};
use crate::ledger::OnDone;
use crate::queue::Submission;
use crate::sealer::enough_to_train;
use crate::wal::{RECORD_HEADER_LEN, WalPart, encode_record};
use crate::window::{self, IdWindow, KeyHash, Saved};

/// Of the reserve of free space, this part stays free whoever records.
const LAST_PART: u64 = 8;

/// What the sequencer alone knows and changes.
pub(crate) struct Sequencer {
    /// The tree of all entries written, durable or not.
    frontier: Frontier,
    window: IdWindow,
    /// The window knows the keys of the entries up to here (unless they are too old), and of all since.
    remembered: u64,
    /// The record being put together; kept for its memory.
    record: Vec<u8>,
}

/// Frames that have their place, in order, with the leaves of their entries.
#[derive(Default)]
struct Plan {
    frames: Vec<PlacedFrame>,
    leaves: Vec<Hash>,
    /// Index that the next entry gets.
    next: u64,
}

struct PlacedFrame {
    first: u64,
    frame: EncodedFrame,
}

/// A submission whose entries have their places, or that cannot be recorded.
struct Planned {
    submission: Submission,
    outcome: Result<Vec<Placement>, Error>,
}

/// Producers that are still to be told what became of their batches; not before the sequencer is free again, since
/// one of them may hold the last handle of the ledger.
#[derive(Default)]
#[must_use = "producers wait to be told"]
pub(crate) struct Outcomes(Vec<(OnDone, Result<Appended, Error>)>);

impl Outcomes {
    pub(crate) fn push(&mut self, on_done: OnDone, outcome: Result<Appended, Error>) {
        self.0.push((on_done, outcome));
    }

    pub(crate) fn tell(self) {
        self.0.into_iter().for_each(|(on_done, outcome)| on_done(outcome));
    }
}

impl Sequencer {
    /// A sequencer that goes on after the entries of `frontier`. The window has yet to be told of the entries
    /// from `remembered` on: see [`remember`](Self::remember).
    pub(crate) const fn new(frontier: Frontier, window: IdWindow, remembered: u64) -> Self {
        Self { frontier, window, remembered, record: Vec::new() }
    }

    /// Fills the idempotency window from the entries themselves. Stops early when the ledger closes.
    pub(crate) fn remember(&mut self, core: &Core) -> Result<(), Error> {
        let size = core.store.size();
        let mut next = self.remembered.max(self.window.base());
        let mut key = Vec::new();
        while next < size && !core.progress.is_closed() {
            let frame = core.store.frame(next, false)?;
            let range = next..size;
            let Some(frame) = frame.within(&range) else { break };
            let time_us = core.store.time_of(next)?;
            for (index, entry) in frame.iter() {
                key.clear();
                // An entry without a key cannot come again under it.
                if (core.environment.key_fn)(entry, &mut key).is_ok() {
                    self.window.insert(hash_key(&key, core.key_seed), index.get(), time_us);
                }
            }
            next = frame.indices().end;
        }
        self.remembered = next;
        core.figures.window_ids.store(self.window.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Saves the idempotency window, unless it is not complete. Only a cache: if that fails, the next start takes
    /// longer.
    pub(crate) fn save_window(&self, core: &Core) {
        let is_complete = self.remembered >= core.recovery.entries;
        if !is_complete || core.is_poisoned() {
            return;
        }
        let (disk, now_us) = (&*core.store.disk, (core.environment.clock)());
        let saved = Saved { seed: core.key_seed, size: self.frontier.size(), root: self.frontier.root() };
        if let Err(error) = window::save(disk, &core.store.files.ids(), &self.window, &saved, now_us) {
            tracing::warn!(error = %error, "cannot save the idempotency window; the next start takes longer");
        }
    }

    /// Records a group of batches with one sync (one more for each segment that fills up).
    ///
    /// Died before the sync: none of the group is acknowledged; the WAL's tail may hold all, some or nothing
    /// of it. Died after it: all of it is there, acknowledged or not; a retry finds it by its keys.
    fn commit(&mut self, core: &Core, group: Vec<Submission>) -> Outcomes {
        match group.len() {
            1 => core.figures.lone_groups.fetch_add(1, Ordering::Relaxed),
            _ => core.figures.lone_groups.swap(0, Ordering::Relaxed),
        };
        let mut outcomes = Outcomes::default();
        let group = with_room(core, group, &mut outcomes);
        if group.is_empty() {
            return outcomes;
        }
        let weight: usize = group.iter().map(|submission| submission.batch.weight()).sum();
        let started = Instant::now();
        let now_us = (core.environment.clock)();
        let mut plan = Plan { next: self.frontier.size().get(), ..Plan::default() };
        let planned: Vec<Planned> =
            group.into_iter().map(|submission| self.place(core, &mut plan, submission, now_us)).collect();
        let written = self.write(core, plan, now_us);
        core.figures.commits.fetch_add(1, Ordering::Relaxed);
        let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        core.figures.commit_us.fetch_add(elapsed_us, Ordering::Relaxed);
        core.figures.window_ids.store(self.window.len() as u64, Ordering::Relaxed);
        core.queue.release(weight);
        let (failure, others) = written.err().map(|cause| core.stop(&cause.to_string())).unzip();
        let tree_size = self.frontier.size();
        for Planned { submission, outcome } in planned {
            let outcome = match &failure {
                Some(error) => Err(error.clone()),
                None => outcome.map(|placements| Appended { placements, tree_size }),
            };
            outcomes.push(submission.on_done, outcome);
        }
        outcomes.0.extend(others.into_iter().flat_map(|others| others.0));
        outcomes
    }

    // --- placing

    /// Gives a batch's entries their indices. If an entry that may be its duplicate cannot be read, nothing
    /// of the batch is placed.
    fn place(&mut self, core: &Core, plan: &mut Plan, mut submission: Submission, now_us: i64) -> Planned {
        let (frames, leaves, next) = (plan.frames.len(), plan.leaves.len(), plan.next);
        let batch = std::mem::take(&mut submission.batch);
        let outcome = self.place_batch(core, plan, &batch, now_us);
        if outcome.is_err() {
            // What the window was told meanwhile are wrong suggestions, which it may make.
            plan.frames.truncate(frames);
            plan.leaves.truncate(leaves);
            plan.next = next;
        }
        Planned { submission, outcome }
    }

    fn place_batch(
        &mut self,
        core: &Core,
        plan: &mut Plan,
        batch: &PreparedBatch,
        now_us: i64,
    ) -> Result<Vec<Placement>, Error> {
        let mut placements = Vec::with_capacity(batch.len());
        let mut start = 0;
        for frame in &batch.frames {
            let end = start + frame.entries.len();
            let fresh =
                self.place_entries(core, plan, frame, &batch.keys[start..end], now_us, &mut placements)?;
            let leaves = &batch.leaves[start..end];
            if fresh.len() == frame.entries.len() {
                plan.push(core, frame.clone(), leaves);
            } else if !fresh.is_empty() {
                let rebuilt = reframe(core, &frame.entries, fresh.iter().copied());
                let leaves: Vec<Hash> = fresh.iter().map(|at| leaves[*at]).collect();
                plan.push(core, rebuilt, &leaves);
            }
            start = end;
        }
        Ok(placements)
    }

    /// Finds out which entries of a frame are not recorded yet, and gives those their indices.
    fn place_entries(
        &mut self,
        core: &Core,
        plan: &Plan,
        frame: &EncodedFrame,
        keys: &[KeyHash],
        now_us: i64,
        placements: &mut Vec<Placement>,
    ) -> Result<Vec<usize>, Error> {
        let mut fresh = Vec::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            let recorded = self.find_recorded(core, plan, &frame.entries, &fresh, at, *key)?;
            placements.push(recorded.unwrap_or_else(|| {
                let index = plan.next + fresh.len() as u64;
                self.window.insert(*key, index, now_us);
                fresh.push(at);
                Placement { index: LeafIndex::new(index), duplicate: false, differs: false }
            }));
        }
        Ok(fresh)
    }

    /// The entry recorded (or placed just now) under the key of entry `at` of a frame.
    fn find_recorded(
        &self,
        core: &Core,
        plan: &Plan,
        entries: &Entries,
        fresh: &[usize],
        at: usize,
        hash: KeyHash,
    ) -> Result<Option<Placement>, Error> {
        let mut candidates = self.window.candidates(hash).peekable();
        if candidates.peek().is_none() {
            return Ok(None);
        }
        let key_fn = core.environment.key_fn;
        let key_of = |entry: &[u8]| {
            let mut key = Vec::new();
            key_fn(entry, &mut key).ok().map(|()| key)
        };
        let offered = entries.get(at);
        let Some(key) = key_of(offered) else { return Ok(None) };
        let durable = core.store.size();
        for index in candidates {
            let frame = if index < durable { Some(core.store.frame(index, true)?) } else { None };
            let recorded = match &frame {
                Some(frame) => frame.get(LeafIndex::new(index)),
                None if index < plan.next => plan.entry(index),
                None => {
                    let in_frame = usize::try_from(index - plan.next).ok().and_then(|nth| fresh.get(nth));
                    in_frame.map(|nth| entries.get(*nth))
                }
            };
            if let Some(recorded) = recorded.filter(|entry| key_of(entry).as_ref() == Some(&key)) {
                let differs = !(core.environment.same_fn)(recorded, offered);
                return Ok(Some(Placement { index: LeafIndex::new(index), duplicate: true, differs }));
            }
        }
        Ok(None)
    }

    // --- writing

    /// Writes the plan, a record for each WAL file concerned, each durable before the next.
    fn write(&mut self, core: &Core, plan: Plan, now_us: i64) -> Result<(), Error> {
        let mut frames = plan.frames.into_iter().peekable();
        let mut leaves = plan.leaves.as_slice();
        while let Some(first) = frames.peek().map(|placed| placed.first) {
            let part = open_part(core, first)?;
            let end = part.first + u64::from(core.config.segment_entries);
            let mut record = Vec::new();
            while let Some(placed) = frames.next_if(|placed| placed.first < end) {
                record.push(placed.frame);
            }
            let count = record.iter().map(|frame| frame.entries.len()).sum();
            let (own, rest) = leaves.split_at(count);
            leaves = rest;
            self.write_record(core, &part, first, &record, own, now_us)?;
        }
        Ok(())
    }

    fn write_record(
        &mut self,
        core: &Core,
        part: &Arc<WalPart>,
        first: u64,
        frames: &[EncodedFrame],
        leaves: &[Hash],
        now_us: i64,
    ) -> Result<(), Error> {
        let mut blocks = Vec::new();
        let block_level = core.store.block_level();
        for leaf in leaves {
            self.frontier.push_with(*leaf, |node, hash| {
                if node.level == block_level {
                    blocks.push(*hash);
                }
            });
        }
        self.record.clear();
        encode_record(&mut self.record, part.salt, first, now_us, frames);
        part.write(&self.record)?;
        // Durable from here on.
        part.publish(|table| {
            table.push_record(RECORD_HEADER_LEN, now_us, frames);
            table.leaves.extend_from_slice(leaves);
            table.blocks.extend_from_slice(&blocks);
        });
        let mut next = first;
        let in_memory = frames.iter().map(|frame| {
            let shared = Frame::new(next, Arc::clone(&frame.entries));
            next = shared.indices().end;
            shared
        });
        core.store.publish(in_memory.collect(), self.frontier.size().get());
        core.progress.advance(&self.frontier);
        let full = part.entries() == u64::from(core.config.segment_entries);
        let could_train = part.entries() >= enough_to_train(core);
        if full || (could_train && core.store.codec.dictionaries.current().is_none()) {
            core.seal_signal.raise();
        }
        Ok(())
    }
}

impl Plan {
    /// Adds a frame, cut in two where a segment ends inside it.
    fn push(&mut self, core: &Core, frame: EncodedFrame, leaves: &[Hash]) {
        self.leaves.extend_from_slice(leaves);
        let count = frame.entries.len();
        let segment = u64::from(core.config.segment_entries);
        let room = usize::try_from(segment - self.next % segment).unwrap_or(usize::MAX);
        if count <= room {
            self.push_whole(frame);
            return;
        }
        let mut start = 0;
        let mut end = room;
        while start < count {
            self.push_whole(reframe(core, &frame.entries, start..end));
            start = end;
            end = count.min(end + usize::try_from(segment).unwrap_or(usize::MAX));
        }
    }

    fn push_whole(&mut self, frame: EncodedFrame) {
        let first = self.next;
        self.next += frame.entries.len() as u64;
        self.frames.push(PlacedFrame { first, frame });
    }

    fn entry(&self, index: u64) -> Option<&[u8]> {
        let next = self.frames.partition_point(|placed| placed.first <= index);
        let placed = self.frames.get(next.checked_sub(1)?)?;
        let at = usize::try_from(index - placed.first).ok()?;
        (at < placed.frame.entries.len()).then(|| placed.frame.entries.get(at))
    }
}

/// Some of a frame's entries as a frame of their own, left for the sealer to compress.
fn reframe(core: &Core, entries: &Entries, which: impl Iterator<Item = usize>) -> EncodedFrame {
    let mut builder = FrameBuilder::default();
    which.for_each(|at| builder.push(entries.get(at)));
    builder.encode(&core.store.codec, Packing::Never)
}

/// The WAL file that entry `first` goes to; a new one if the last one is full.
fn open_part(core: &Core, first: u64) -> Result<Arc<WalPart>, Error> {
    if let Some(part) = core.store.open_part() {
        return Ok(part);
    }
    let path = core.store.files.wal(first);
    let part = Arc::new(WalPart::create(&*core.store.disk, path, first, crate::open::unpredictable())?);
    core.store.add_part(Arc::clone(&part));
    Ok(part)
}

/// Those of a group that there is room for. A batch that would eat into the reserve of free space is refused, and one
/// that may do so when it would eat into the last eighth of it.
fn with_room(core: &Core, group: Vec<Submission>, outcomes: &mut Outcomes) -> Vec<Submission> {
    let Ok(free_bytes) = core.store.disk.free_bytes(core.store.files.root()) else { return group };
    let record: u64 = group.iter().map(|submission| submission.batch.stored_len()).sum();
    let needed = |reserve_bytes: u64| reserve_bytes + record + RECORD_HEADER_LEN as u64;
    let needed_bytes = needed(core.config.min_free_bytes);
    let is_full = free_bytes < needed_bytes;
    let was_full = core.figures.disk_full.swap(is_full, Ordering::Relaxed);
    if !is_full {
        return group;
    }
    if !was_full {
        tracing::warn!(
            disk.free_bytes = free_bytes,
            disk.needed_bytes = needed_bytes,
            "too little room to record"
        );
    }
    let least_bytes = needed(core.config.min_free_bytes / LAST_PART);
    let may_use_reserve = free_bytes >= least_bytes;
    let (taken, refused): (Vec<_>, Vec<_>) =
        group.into_iter().partition(|submission| may_use_reserve && submission.batch.uses_reserve);
    core.queue.release(refused.iter().map(|submission| submission.batch.weight()).sum());
    for submission in refused {
        let needed_bytes = if submission.batch.uses_reserve { least_bytes } else { needed_bytes };
        outcomes.push(submission.on_done, Err(Error::DiskFull { free_bytes, needed_bytes }));
    }
    taken
}

/// Commits what waits and tells its producers; `false` if there is no sequencer any more.
pub(crate) fn commit_waiting(core: &Core) -> bool {
    let mut place = core.sequencer.lock();
    let Some(sequencer) = place.take() else { return false };
    let group = core.queue.take();
    if group.is_empty() {
        *place = Some(sequencer);
        return true;
    }
    finish(core, place, sequencer, group);
    true
}

/// Commits a batch in the caller's thread if nobody else commits or waits; else the sequencer's thread will.
pub(crate) fn commit_alone(core: &Core, submission: Submission) -> Result<(), Error> {
    let Some(mut place) = core.sequencer.try_lock() else { return core.queue.push(submission) };
    let Some(sequencer) = place.take() else { return core.queue.push(submission) };
    match core.queue.pass(submission) {
        Ok(Some(submission)) => finish(core, place, sequencer, vec![submission]),
        queued_or_refused => {
            *place = Some(sequencer);
            queued_or_refused?;
        }
    }
    Ok(())
}

/// Commits a group with the sequencer taken from its place, where it returns to unless committing panics.
fn finish(
    core: &Core,
    mut place: MutexGuard<'_, Option<Sequencer>>,
    mut sequencer: Sequencer,
    group: Vec<Submission>,
) {
    let outcomes = sequencer.commit(core, group);
    *place = Some(sequencer);
    drop(place);
    outcomes.tell();
    core.progress.announce();
}

/// The sequencer's thread: until the queue is closed and empty.
pub(crate) fn run(core: &Core, mut sequencer: Sequencer) {
    if let Err(error) = sequencer.remember(core) {
        // Without the window a retry would be recorded twice.
        core.poison(&error);
    }
    *core.sequencer.lock() = Some(sequencer);
    while core.queue.wait() && commit_waiting(core) {}
}
