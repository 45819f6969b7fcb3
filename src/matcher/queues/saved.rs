//! The runs of a key on their way out of the process and back.
//!
//! The record of a key has its events, each once, and then the runs, which name them:
//!
//! ```text
//! at the end, where the pattern waits there:      how many runs, and of each all its events
//! each queue, from the last to the first:         how many runs, and of each the events that it has taken
//! where timeouts are told once per episode:       the last event of the episode, if it matters
//! ```
//!
//! Runs stand in order of their first events. Everything else follows from the events: when the wait of a run is over,
//! when its window closes, which positions are waited for. Runs in front whose window has closed, which are kept where
//! nothing is told of them until somebody looks at the key, are left out: they would be dropped before anything else.

use std::collections::VecDeque;

use super::Shape;
use super::cell::{Cell, Ended, wait_ends};
use crate::codec::{Coded, Damaged};
use crate::matcher::capture::{Arena, Handle, is_before};
use crate::matcher::saved::KeyCodec;
use crate::time::EventTime;

/// What the runs of a cell are looked at with: the time is now.
pub(super) type Place<'a> = (&'a Shape, &'a Arena, EventTime);

/// Some runs of a cell.
struct Part {
    /// Where they begin.
    at: usize,
    count: usize,
    /// How many events each holds, and has room for.
    size: usize,
    room: usize,
}

impl Cell {
    /// How many runs in front the window has ended. The events of some of them may have been freed.
    fn stale_runs(&self, (shape, arena, now): Place<'_>) -> usize {
        let Some(within) = shape.within else { return 0 };
        let is_over = |start: &&Handle| arena.time(**start) <= now.minus(within);
        self.runs.iter().step_by(shape.len()).take_while(is_over).count()
    }

    /// Whether there is something to be saved.
    pub(super) fn is_worth_saving(&self, place: Place<'_>) -> bool {
        self.len(place.0) > self.stale_runs(place) as u64
    }

    /// When the first of its deadlines fires. Where nothing is told of windows, those count once all have closed.
    pub(super) fn wakes_at(&self, shape: &Shape, arena: &Arena, is_on_time: bool) -> EventTime {
        let starts = || self.starts(shape).map(|start| arena.time(start));
        let start = if is_on_time { starts().min() } else { starts().max() };
        let closes = start.zip(shape.within).map(|(start, within)| start.plus(within));
        self.waits().chain(closes).min().unwrap_or(EventTime::END)
    }

    /// Visits every event that it holds, and perhaps others.
    pub(super) fn each_handle(&mut self, visit: &mut dyn FnMut(&mut Handle)) {
        self.runs.iter_mut().for_each(&mut *visit);
        self.episode_end.iter_mut().for_each(&mut *visit);
        self.ended.iter_mut().flat_map(|ended| &mut ended.runs).for_each(visit);
    }

    /// Walks what it holds. What is loaded goes into a new cell.
    pub(super) fn walk(&mut self, place: Place<'_>, codec: &mut KeyCodec<'_>) -> Coded {
        let (shape, arena, _) = place;
        let mut start = None;
        if shape.wait.is_some() {
            self.walk_ended((shape, arena), &mut start, codec)?;
        }
        let mut stale = self.stale_runs(place);
        let mut at = 0;
        for size in (1..shape.len()).rev() {
            let left_out = stale.min(self.counts.of(size));
            stale -= left_out;
            at += left_out * shape.len();
            let count = codec.length(self.counts.of(size) - left_out)?;
            let part = Part { at, count, size, room: shape.len() };
            walk_runs(&mut self.runs, &part, &mut start, codec)?;
            at += count * shape.len();
            if codec.is_loading() && count > 0 {
                *self.counts.at(size) = u32::try_from(count).map_err(|_| Damaged::Odd("how many runs"))?;
                self.waiting |= 1 << size;
            }
        }
        if shape.by_episode && shape.tells_timeouts {
            // One that was freed is before all that is open, as if there were none.
            let mut end = self.episode_end.filter(|end| arena.holds(*end));
            codec.option(&mut end, || 0, |end, codec| codec.held_handle(end))?;
            if codec.is_loading() {
                self.episode_end = end;
            }
        }
        if codec.is_loading() {
            self.oldest = self.runs.front().map_or(self.oldest, |start| arena.time(*start));
            // The episode ends with the runs that began in it.
            if self.is_empty() || self.runs.is_empty() && self.episode_end.is_some() {
                return Err(Damaged::Odd("which runs are open"));
            }
        }
        Ok(())
    }

    /// The runs that wait at the end.
    fn walk_ended(
        &mut self,
        (shape, arena): (&Shape, &Arena),
        start: &mut Option<Handle>,
        codec: &mut KeyCodec<'_>,
    ) -> Coded {
        let len = shape.len();
        let mut none = Ended::default();
        let ended = self.ended.as_deref_mut().unwrap_or(&mut none);
        let count = codec.length(ended.until.len())?;
        walk_runs(&mut ended.runs, &Part { at: 0, count, size: len, room: len }, start, codec)?;
        if codec.is_loading() && count > 0 {
            let time = |at: usize| arena.time(none.runs[at]);
            none.until =
                (0..count).map(|run| wait_ends(shape, time(run * len), time(run * len + len - 1))).collect();
            self.ended = Some(Box::new(none));
        }
        Ok(())
    }
}

/// Walks some runs. `start` is the first event of the run before them.
fn walk_runs(
    runs: &mut VecDeque<Handle>,
    part: &Part,
    start: &mut Option<Handle>,
    codec: &mut KeyCodec<'_>,
) -> Coded {
    if codec.is_loading() {
        runs.extend(std::iter::repeat_n(0, part.room * part.count));
    }
    for run in 0..part.count {
        let at = part.at + run * part.room;
        codec.run(runs.range_mut(at..at + part.size))?;
        if codec.is_loading() && start.is_some_and(|start| !is_before(start, runs[at])) {
            return Err(Damaged::Odd("the order of runs"));
        }
        *start = Some(runs[at]);
    }
    Ok(())
}
