//! The queues of one key.

use std::collections::VecDeque;

use super::{Fit, Shape};
use crate::lang::hir::Skip;
use crate::matcher::capture::{Arena, Handle, is_before};
use crate::matcher::{Cut, Kind};
use crate::time::EventTime;

/// The runs of one key.
///
/// All queues stand in one: runs that hold more events in front. Each run has room for the events of all positions, so
/// that a whole queue moves up where its events are written behind those that it has.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) runs: VecDeque<Handle>,
    /// How many runs hold so many events, by that number.
    pub(super) counts: Counts,
    /// Which positions are waited for, a bit each.
    pub(super) waiting: u64,
    /// No run began before this.
    pub(super) oldest: EventTime,
    /// The last event of the last match or timeout, while a run that began before it is open.
    pub(super) episode_end: Option<Handle>,
    /// The runs that wait for an absence at the end.
    pub(super) ended: Option<Box<Ended>>,
}

/// Runs that hold all their events.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) runs: VecDeque<Handle>,
    /// When the wait of each is over.
    pub(super) until: VecDeque<EventTime>,
}

/// Small numbers by queue, in place for chains of usual length.
#[derive(Debug)]
pub(super) struct Counts {
    few: [u32; COUNTS_IN_PLACE],
    more: Vec<u32>,
}

const COUNTS_IN_PLACE: usize = 6;

/// Room for so many events is kept for the next key.
const RUNS_KEPT: usize = 32;

impl Counts {
    fn new(positions: usize) -> Counts {
        Counts { few: [0; COUNTS_IN_PLACE], more: vec![0; (positions + 1).saturating_sub(COUNTS_IN_PLACE)] }
    }

    #[inline]
    pub(super) fn at(&mut self, size: usize) -> &mut u32 {
        match self.few.get_mut(size) {
            Some(count) => count,
            None => &mut self.more[size - COUNTS_IN_PLACE],
        }
    }

    #[inline]
    pub(super) fn of(&self, size: usize) -> usize {
        self.few.get(size).copied().unwrap_or_else(|| self.more[size - COUNTS_IN_PLACE]) as usize
    }
}

/// What became of an event, or of time.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) found: Vec<Settlement>,
    /// The events of what was found, one after another.
    pub(super) events: Vec<Handle>,
    /// Until when the runs that have come to the end now wait there, where that is not until their windows close.
    pub(super) pending_until: Option<EventTime>,
}

/// A match or a timeout.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) kind: Kind,
    pub(super) at: EventTime,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Settled {
    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.events.clear();
        self.pending_until = None;
    }

    pub(super) fn end(&mut self, kind: Kind, at: EventTime, first: usize) {
        self.found.push(Settlement { kind, at, first, count: self.events.len() - first });
    }
}

/// What begins before this is dropped by a match.
#[derive(Clone, Copy, Debug)]
enum SkipPoint {
    After(Handle),
    At(Handle),
}

impl SkipPoint {
    fn of(shape: &Shape, events: &[Handle]) -> Option<SkipPoint> {
        let mut steps = shape.steps.iter();
        let at = match shape.skip {
            // Nothing older than a match is open, and it was the only run of its first event.
            Skip::None | Skip::ToNext => return None,
            Skip::PastLast => return events.last().map(|last| SkipPoint::After(*last)),
            Skip::ToFirst(step) => steps.position(|other| *other == step),
            Skip::ToLast(step) => steps.rposition(|other| *other == step),
        };
        at.map(|at| SkipPoint::At(events[at]))
    }

    fn drops(self, start: Handle) -> bool {
        match self {
            SkipPoint::After(place) => !is_before(place, start),
            SkipPoint::At(place) => is_before(start, place),
        }
    }
}

impl Cell {
    pub(super) fn new(positions: usize) -> Cell {
        Cell {
            runs: VecDeque::new(),
            counts: Counts::new(positions),
            waiting: 0,
            oldest: EventTime::START,
            episode_end: None,
            ended: None,
        }
    }

    /// How many runs are open.
    pub(super) fn len(&self, shape: &Shape) -> u64 {
        (self.runs.len() / shape.len() + self.ended.as_ref().map_or(0, |ended| ended.until.len())) as u64
    }

    /// Reads something of all that an event reads.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        let front = self.runs.front().copied().unwrap_or(0);
        u64::from(front) ^ self.waiting ^ self.oldest.micros() as u64 ^ u64::from(self.counts.few[0])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.ended.as_ref().is_none_or(|ended| ended.until.is_empty())
    }

    /// Makes an empty cell fit for another key.
    pub(super) fn reset(&mut self) {
        self.episode_end = None;
        self.ended = None;
        self.runs.shrink_to(RUNS_KEPT);
    }

    /// Whether the event moves, begins or completes a run.
    pub(super) fn is_concerned(&self, fit: Fit) -> bool {
        fit.takes & (self.waiting | 1) != 0
    }

    /// An event that no run takes.
    pub(super) fn pass(&mut self, shape: &Shape, fit: Fit) {
        self.break_runs(shape, fit, 0);
    }

    /// An event that some run takes, or that begins one. Says whether it begins one.
    pub(super) fn event(
        &mut self,
        (shape, arena): (&Shape, &Arena),
        fit: Fit,
        event: Handle,
        now: EventTime,
        settled: &mut Settled,
    ) -> bool {
        let last = shape.len() - 1;
        let mut moves = fit.takes & self.waiting;
        self.break_runs(shape, fit, moves);
        let mut point = None;
        if moves >> last & 1 == 1 {
            moves &= !(1 << last);
            match shape.wait {
                Some(_) => self.come_to_wait((shape, arena), event, now, settled),
                None => point = self.come_to_the_end(shape, event, now, settled),
            }
        }
        while moves != 0 {
            let position = moves.ilog2() as usize;
            moves &= !(1 << position);
            self.move_up(shape, position, event);
        }
        if let Some(point) = point {
            self.drop_starts(shape, point);
        }
        let begins = fit.takes & 1 == 1 && !point.is_some_and(|point| point.drops(event));
        if begins {
            self.begin(shape, event, now, settled);
        }
        begins
    }

    fn begin(&mut self, shape: &Shape, event: Handle, now: EventTime, settled: &mut Settled) {
        if shape.len() == 1 {
            let ended = self.ended.get_or_insert_default();
            ended.runs.push_back(event);
            ended.until.push_back(wait_over(shape, now, now, settled));
            return;
        }
        if self.runs.is_empty() {
            self.oldest = now;
        }
        self.runs.push_back(event);
        self.runs.extend(std::iter::repeat_n(0, shape.len() - 1));
        *self.counts.at(1) += 1;
        self.waiting |= 1 << 1;
    }

    /// Where the queue of runs of so many events begins.
    fn start_of(&self, shape: &Shape, size: usize) -> usize {
        let above = self.waiting >> size >> 1;
        if above == 0 {
            return 0;
        }
        (size + 1..shape.len()).map(|size| self.counts.of(size)).sum::<usize>() * shape.len()
    }

    /// Takes a queue out.
    fn clear_queue(&mut self, shape: &Shape, size: usize) {
        let start = self.start_of(shape, size);
        let end = start + self.counts.of(size) * shape.len();
        self.runs.drain(start..end);
        *self.counts.at(size) = 0;
        self.waiting &= !(1 << size);
    }

    /// Ends the runs that the event breaks, but for those in the queues that it moves.
    fn break_runs(&mut self, shape: &Shape, fit: Fit, moves: u64) {
        let mut broken = (fit.breaks | (shape.strict & !fit.takes)) & self.waiting & !moves;
        while broken != 0 {
            let size = broken.trailing_zeros() as usize;
            broken &= broken - 1;
            self.clear_queue(shape, size);
        }
        if fit.ends {
            self.ended = None;
        }
    }

    /// All runs that wait for a position take the event.
    fn move_up(&mut self, shape: &Shape, position: usize, event: Handle) {
        let start = self.start_of(shape, position);
        let count = self.counts.of(position);
        for run in 0..count {
            self.runs[start + run * shape.len() + position] = event;
        }
        *self.counts.at(position) = 0;
        *self.counts.at(position + 1) += count as u32;
        self.waiting = self.waiting & !(1 << position) | 1 << (position + 1);
    }

    /// All runs that wait for the last position take the event. Gives where the last match goes on.
    fn come_to_the_end(
        &mut self,
        shape: &Shape,
        event: Handle,
        now: EventTime,
        settled: &mut Settled,
    ) -> Option<SkipPoint> {
        let last = shape.len() - 1;
        let count = std::mem::take(self.counts.at(last)) as usize;
        self.waiting &= !(1 << last);
        let mut point = None;
        for run in 0..count {
            self.runs[run * shape.len() + last] = event;
            let run = self.runs.range(run * shape.len()..(run + 1) * shape.len());
            complete(shape, run.copied(), now, &mut point, settled);
        }
        self.runs.drain(..count * shape.len());
        if count > 0 {
            self.end_episode(shape, event);
        }
        point
    }

    /// All runs that wait for the last position take the event, and wait for what must not come.
    fn come_to_wait(
        &mut self,
        (shape, arena): (&Shape, &Arena),
        event: Handle,
        now: EventTime,
        settled: &mut Settled,
    ) {
        let last = shape.len() - 1;
        let count = std::mem::take(self.counts.at(last)) as usize;
        self.waiting &= !(1 << last);
        let ended = self.ended.get_or_insert_default();
        for run in 0..count {
            self.runs[run * shape.len() + last] = event;
            let start = arena.time(self.runs[run * shape.len()]);
            ended.until.push_back(wait_over(shape, start, now, settled));
        }
        ended.runs.extend(self.runs.drain(..count * shape.len()));
    }

    fn end_episode(&mut self, shape: &Shape, event: Handle) {
        let is_later = self.episode_end.is_none_or(|end| is_before(end, event));
        if shape.by_episode && shape.tells_timeouts && is_later {
            self.episode_end = Some(event);
        }
    }

    /// The run in front ends.
    fn drop_front(&mut self, shape: &Shape) {
        let size = self.waiting.ilog2() as usize;
        self.runs.drain(..shape.len());
        let count = self.counts.at(size);
        *count -= 1;
        if *count == 0 {
            self.waiting &= !(1 << size);
        }
    }

    /// Drops the runs that begin before a skip point.
    fn drop_starts(&mut self, shape: &Shape, point: SkipPoint) {
        while self.runs.front().is_some_and(|start| point.drops(*start)) {
            self.drop_front(shape);
        }
        if let Some(ended) = &mut self.ended {
            while ended.runs.front().is_some_and(|start| point.drops(*start)) {
                ended.runs.drain(..shape.len());
                ended.until.pop_front();
            }
        }
    }

    /// The first events of the open runs.
    pub(super) fn starts(&self, shape: &Shape) -> impl Iterator<Item = Handle> + '_ {
        let ended = self.ended.iter().flat_map(|ended| &ended.runs);
        self.runs.iter().step_by(shape.len()).chain(ended.step_by(shape.len())).copied()
    }

    /// When the waits of the runs at the end are over.
    pub(super) fn waits(&self) -> impl Iterator<Item = EventTime> + '_ {
        self.ended.iter().flat_map(|ended| &ended.until).copied()
    }

    /// Ends the runs whose first events a cut drops: they stand in front, or at the end.
    pub(super) fn cut(&mut self, shape: &Shape, arena: &Arena, cut: Cut) {
        let goes = |start: Option<&Handle>| start.is_some_and(|start| cut.drops(arena.time(*start)));
        let len = shape.len();
        while goes(self.runs.front()) {
            self.drop_front(shape);
        }
        while self.runs.len() >= len && goes(self.runs.get(self.runs.len() - len)) {
            self.runs.truncate(self.runs.len() - len);
            let size = self.waiting.trailing_zeros() as usize;
            let count = self.counts.at(size);
            *count -= 1;
            if *count == 0 {
                self.waiting &= !(1 << size);
            }
        }
        let Some(ended) = &mut self.ended else { return };
        while goes(ended.runs.front()) {
            ended.runs.drain(..len);
            ended.until.pop_front();
        }
        while ended.runs.len() >= len && goes(ended.runs.get(ended.runs.len() - len)) {
            ended.runs.truncate(ended.runs.len() - len);
            ended.until.pop_back();
        }
    }

    /// Fires the deadlines up to `to`.
    #[inline]
    pub(super) fn fire(&mut self, shape: &Shape, arena: &Arena, to: EventTime, settled: &mut Settled) {
        if self.ended.is_some() {
            self.end_waits(shape, to, settled);
        }
        if let Some(within) = shape.within {
            let begun = to.minus(within);
            if self.oldest <= begun && !self.runs.is_empty() {
                self.close_windows(shape, arena, begun, settled);
            }
        }
    }

    fn end_waits(&mut self, shape: &Shape, to: EventTime, settled: &mut Settled) {
        let over = |cell: &Cell| cell.ended.as_ref()?.until.front().copied().filter(|at| *at <= to);
        while let Some(at) = over(self) {
            let ended = self.ended.as_mut().expect("a run waits");
            let mut point = None;
            while ended.until.front() == Some(&at) {
                ended.until.pop_front();
                complete(shape, ended.runs.drain(..shape.len()), at, &mut point, settled);
            }
            if let Some(point) = point {
                self.drop_starts(shape, point);
            }
        }
    }

    /// Ends the runs that began at or before `begun`, the oldest first.
    fn close_windows(&mut self, shape: &Shape, arena: &Arena, begun: EventTime, settled: &mut Settled) {
        while let Some(start) = self.runs.front().copied() {
            self.oldest = arena.time(start);
            if self.oldest > begun {
                return;
            }
            let size = self.waiting.ilog2() as usize;
            let is_told = self.episode_end.is_none_or(|end| !shape.by_episode || is_before(end, start));
            if shape.tells_timeouts && is_told {
                let within = shape.within.expect("a window closes");
                let first = settled.events.len();
                settled.events.extend(self.runs.range(..size));
                settled.end(Kind::Timeout, self.oldest.plus(within), first);
                self.end_episode(shape, self.runs[size - 1]);
            }
            self.drop_front(shape);
        }
        self.episode_end = None;
    }
}

/// When the wait at the end is over, for a run that has come there now.
fn wait_over(shape: &Shape, start: EventTime, now: EventTime, settled: &mut Settled) -> EventTime {
    let over = wait_ends(shape, start, now);
    if shape.wait.is_some_and(|wait| wait.wait.is_some()) {
        settled.pending_until = Some(over);
    }
    over
}

/// The same, for one that came there with an event of the time `last`.
pub(super) fn wait_ends(shape: &Shape, start: EventTime, last: EventTime) -> EventTime {
    match shape.wait.and_then(|wait| wait.wait) {
        Some(wait) => last.plus(wait),
        None => start.plus(shape.within.expect("a wait without an end has a window")),
    }
}

/// Lets a match out, unless one before it, whose skip point is given, drops it.
fn complete(
    shape: &Shape,
    run: impl Iterator<Item = Handle>,
    at: EventTime,
    point: &mut Option<SkipPoint>,
    settled: &mut Settled,
) {
    let first = settled.events.len();
    settled.events.extend(run);
    let events = &settled.events[first..];
    if point.is_some_and(|point| point.drops(events[0])) {
        settled.events.truncate(first);
        return;
    }
    *point = SkipPoint::of(shape, events).or(*point);
    settled.end(Kind::Match, at, first);
}
