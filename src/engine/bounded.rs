//! The bounds that concern all keys: open partial matches of a pattern, and bytes of state.
//!
//! *Open partial matches* are counted by their first events, as `keep` does. Counting goes through all that is held, so it
//! is done only while there could be too many: an event adds at most one first event, so what the shards said last and
//! the events since then are enough to know. Where there could be, events are worked on in pieces that end at fixed places
//! of the total order, and it is counted there: so what is dropped depends neither on how the input was cut into batches
//! nor on the number of shards.
//!
//! *Bytes* depend on both, as memory is taken in pieces, and they are looked at when a task is done.

use std::sync::Arc;

use super::crew::{Answer, Work};
use super::work::Found;
use super::{Engine, EngineError};
use crate::event::{PartitionId, PatternId, SourcePosition, StreamId};
use crate::lang::hir::KeepPolicy;
use crate::limits;
use crate::matcher::bounds::shown_key;
use crate::matcher::chunk::Prepared;
use crate::matcher::{Bound, Cut, Dropped, Exceeded, Order, Reached};
use crate::stream::Ordered;
use crate::time::EventTime;

/// What is held, all shards together.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    /// By pattern bytes, open partial matches and keys, as its executor counts them.
    by_pattern: Vec<(u64, u64, u64)>,
    bytes: u64,
    /// The most open partial matches of a pattern.
    open_most: u64,
}

impl Engine {
    /// Adds up what the shards said last.
    pub(super) fn add_up(&mut self) {
        let totals = &mut self.totals;
        totals.by_pattern.clear();
        totals.by_pattern.resize(self.program.patterns.len(), (0, 0, 0));
        for (pattern, usage) in self.usage.iter().flatten() {
            let of = &mut totals.by_pattern[pattern.index()];
            *of = (of.0 + usage.bytes, of.1 + usage.runs, of.2 + usage.keys);
        }
        totals.bytes = totals.by_pattern.iter().map(|(bytes, ..)| bytes).sum();
        totals.open_most = totals.by_pattern.iter().map(|(_, open, _)| *open).max().unwrap_or(0);
        self.stats.state_bytes_peak = self.stats.state_bytes_peak.max(totals.bytes);
    }

    /// Whether some pattern may have too many open partial matches after so many more events.
    pub(super) fn may_hold_too_much(&self, events: u64) -> bool {
        let under_way: u64 = self.under_way.iter().map(|task| task.events).sum();
        self.totals.open_most + under_way + events > self.bounds.open_max
    }

    /// Has a level work on events, then on deadlines; counts what is open where that could be too much.
    pub(super) fn work_on_level(
        &mut self,
        level: u32,
        events: &Arc<Ordered<Prepared>>,
        to: EventTime,
        is_end: bool,
    ) -> Result<Found, EngineError> {
        let every = (self.bounds.open_max / 8).clamp(1, limits::OPEN_COUNT_EVENTS);
        let mut events = Arc::clone(events);
        let mut count = events.len() as u64;
        let mut found = Found::new();
        while self.may_hold_too_much(count) {
            let piece = every - self.seen[level as usize] % every;
            if count < piece {
                break;
            }
            let (first, others) = Ordered::clone(&events).split_at(piece as usize);
            let now = first.last_time().expect("a piece has an event");
            let answers =
                self.exchange(Work::Events { level, events: Arc::new(first), to: now, is_end: false });
            add(&mut found, self.absorb(answers)?);
            self.seen[level as usize] += piece;
            self.bound_open(level, now, &mut found)?;
            events = Arc::new(others);
            count -= piece;
        }
        self.seen[level as usize] += count;
        let answers = self.exchange(Work::Events { level, events, to, is_end });
        add(&mut found, self.absorb(answers)?);
        Ok(found)
    }

    /// Counts what is open of each pattern of a level, and ends what is too much.
    fn bound_open(&mut self, level: u32, now: EventTime, found: &mut Found) -> Result<(), EngineError> {
        let mut counts = vec![0; self.program.patterns.len()];
        let answers = self.exchange(Work::Count { level, now });
        for (pattern, count) in answers.iter().flat_map(|answer| &answer.counts) {
            counts[pattern.index()] += count;
        }
        let allowed = self.bounds.open_max;
        for index in (0..counts.len()).filter(|index| counts[*index] > allowed) {
            let pattern = self.program.patterns[index].id;
            let of = Some(pattern);
            // An eighth more goes than must, so that it is some time until the next.
            let left = allowed - allowed / 8;
            let mut times = self.listed(of, now);
            let cut = Cut::of(self.bounds.policy, &mut times, left as usize);
            let whole = Cut::Before(EventTime::END);
            let answers = self.exchange(Work::Drop { of, cut: cut.unwrap_or(whole), now });
            let dropped = dropped(&answers);
            if cut.is_none() {
                return Err(self.exceeded(pattern, now, &dropped).into());
            }
            self.note_dropped(Bound::Open, allowed, now, dropped);
            add(found, self.absorb(answers)?);
        }
        Ok(())
    }

    /// The times of the first events of what is open.
    fn listed(&mut self, of: Option<PatternId>, now: EventTime) -> Vec<EventTime> {
        let answers = self.exchange(Work::List { of, now });
        let mut times = Vec::with_capacity(answers.iter().map(|answer| answer.times.len()).sum());
        answers.into_iter().for_each(|answer| times.extend(answer.times));
        times
    }

    fn exceeded(&self, pattern: PatternId, now: EventTime, dropped: &[(PatternId, Dropped)]) -> Exceeded {
        let example = dropped.iter().find_map(|(_, dropped)| dropped.example.as_ref());
        let position = SourcePosition { stream: StreamId(0), partition: PartitionId(0), record: 0 };
        Exceeded {
            pattern: self.program.pattern(pattern).name.clone(),
            bound: Bound::Open,
            allowed: self.bounds.open_max,
            key: example.map_or_else(String::new, |(_, keys)| shown_key(keys)),
            at: Order { time: now, position },
        }
    }

    fn note_dropped(
        &mut self,
        bound: Bound,
        allowed: u64,
        now: EventTime,
        dropped: Vec<(PatternId, Dropped)>,
    ) {
        for (pattern, dropped) in dropped {
            self.stats.patterns[pattern.index()].ended += dropped.starts;
            if let Some((_, keys)) = dropped.example {
                self.note_reached(vec![Reached { pattern, bound, allowed, keys, at: now }]);
            }
        }
    }

    /// Notes the first time that each bound is reached by each pattern.
    pub(super) fn note_reached(&mut self, mut reached: Vec<Reached>) {
        reached.sort_by_key(|one| (one.at, one.pattern, one.bound, shown_key(&one.keys)));
        for one in reached {
            if self.known_reached.insert((one.pattern, one.bound)) {
                self.reached.push(one);
            }
        }
    }

    fn is_over(&self) -> Option<u64> {
        self.bounds.state_bytes_max.filter(|allowed| self.totals.bytes > *allowed)
    }

    /// Whether something is to be dropped before anything else is done.
    pub(super) fn needs_room(&self) -> bool {
        self.bounds.policy == KeepPolicy::DropOldest && self.is_over().is_some()
    }

    /// Fails where the state takes too many bytes and nothing can be done about it. To drop what is newest gives nothing
    /// back, as its events stand among those that older partial matches hold.
    pub(super) fn check_state(&self) -> Result<(), EngineError> {
        match self.is_over() {
            Some(allowed) if self.bounds.policy != KeepPolicy::DropOldest => {
                Err(self.state_exceeded(allowed))
            }
            _ => Ok(()),
        }
    }

    fn state_exceeded(&self, allowed: u64) -> EngineError {
        let most = self.totals.by_pattern.iter().enumerate().max_by_key(|(_, (bytes, ..))| *bytes);
        let (pattern, (_, runs, keys)) = most.expect("state belongs to a pattern");
        let pattern = self.program.patterns[pattern].name.clone();
        EngineError::StateExceeded { used: self.totals.bytes, allowed, pattern, runs: *runs, keys: *keys }
    }

    /// Drops the oldest quarter of what is open, of all patterns together, until the state is small enough.
    pub(super) fn make_room(&mut self) -> Result<(), EngineError> {
        while self.needs_room()
            && let Some(allowed) = self.is_over()
        {
            let now = self.now;
            let mut times = self.listed(None, now);
            if times.is_empty() {
                return Err(self.state_exceeded(allowed));
            }
            let left = times.len() - times.len().div_ceil(4);
            let cut = Cut::of(KeepPolicy::DropOldest, &mut times, left).expect("it says to drop");
            drop(times);
            let answers = self.exchange(Work::Drop { of: None, cut, now });
            self.note_dropped(Bound::State, allowed, now, dropped(&answers));
            let found = self.absorb(answers)?;
            self.hold(found);
        }
        Ok(())
    }

    /// Puts outcomes of several levels where they wait.
    fn hold(&mut self, found: Found) {
        for level in 0..self.levels {
            let is_of =
                |outcome: &crate::engine::Outcome| self.program.pattern(outcome.pattern).level == level;
            let of_level = found.iter().map(|found| found.iter().filter(|one| is_of(one)).cloned().collect());
            let of_level = of_level.collect();
            let through = self.held[level as usize].pass(of_level, EventTime::START);
            debug_assert!(through.is_empty(), "nothing comes before all times");
        }
    }
}

/// Adds what shards have found to what they had found.
fn add(all: &mut Found, found: Found) {
    if all.is_empty() {
        *all = found;
        return;
    }
    all.iter_mut().zip(found).for_each(|(all, found)| all.extend(found));
}

/// What was dropped on all shards, by pattern: with the oldest example, and of several of one time the first key.
fn dropped(answers: &[Answer]) -> Vec<(PatternId, Dropped)> {
    let mut all: Vec<(PatternId, Dropped)> = Vec::new();
    for (pattern, one) in answers.iter().flat_map(|answer| &answer.dropped) {
        let Some((_, sum)) = all.iter_mut().find(|(id, _)| id == pattern) else {
            all.push((*pattern, one.clone()));
            continue;
        };
        sum.starts += one.starts;
        let rank = |example: &Option<(EventTime, Arc<[crate::event::Value]>)>| {
            example.as_ref().map(|(time, keys)| (*time, shown_key(keys)))
        };
        if one.example.is_some() && (sum.example.is_none() || rank(&one.example) < rank(&sum.example)) {
            sum.example = one.example.clone();
        }
    }
    all
}
