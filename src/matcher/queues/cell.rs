//! The queues of one key.

use std::collections::VecDeque;

use super::{Fit, Shape};
use crate::lang::hir::Skip;
use crate::matcher::Kind;
use crate::matcher::capture::{Arena, Handle, is_before};
use crate::time::EventTime;

/// The runs of one key.
#[derive(Debug)]
pub(super) struct Cell {
    /// Queue `p` at index `p - 1`: runs of `p` events each, one behind the other. The last holds those that wait for an
    /// absence at the end.
    queues: Box<[VecDeque<Handle>]>,
    /// For each of the runs that wait at the end, when its wait is over.
    until: VecDeque<EventTime>,
    /// Which positions are waited for: a bit for each queue that is not empty, that of the position it waits for.
    waiting: u64,
    /// The last event of the last match or timeout, while a run that began before it is open.
    episode_end: Option<Handle>,
    runs: u32,
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
    fn add(&mut self, kind: Kind, at: EventTime, events: impl Iterator<Item = Handle>) {
        let first = self.events.len();
        self.events.extend(events);
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
            Skip::None | Skip::ToNext => return None,
            Skip::PastLast => return Some(SkipPoint::After(events[events.len() - 1])),
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
            queues: (0..positions).map(|_| VecDeque::new()).collect(),
            until: VecDeque::new(),
            waiting: 0,
            episode_end: None,
            runs: 0,
        }
    }

    pub(super) fn run_count(&self) -> u64 {
        u64::from(self.runs)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs == 0
    }

    /// The first event of the run that began last, if that has not moved on.
    pub(super) fn last_start(&self) -> Option<Handle> {
        self.queues[0].back().copied()
    }

    /// Whether the event moves, begins or completes a run.
    pub(super) fn is_concerned(&self, fit: Fit) -> bool {
        let reachable = self.waiting | 1;
        fit.takes & reachable != 0
    }

    /// An event that no run takes.
    pub(super) fn pass(&mut self, shape: &Shape, fit: Fit) {
        self.break_runs(shape, fit, 0);
    }

    /// An event that some run takes, or that begins one.
    pub(super) fn event(
        &mut self,
        (shape, arena): (&Shape, &Arena),
        fit: Fit,
        event: Handle,
        now: EventTime,
        settled: &mut Settled,
    ) {
        let last = shape.len() - 1;
        let moves = fit.takes & self.waiting;
        self.break_runs(shape, fit, moves);
        let mut point = None;
        if moves >> last & 1 == 1 {
            point = match shape.wait {
                Some(_) => {
                    self.come_to_wait((shape, arena), last, event, now, settled);
                    None
                }
                None => self.come_to_the_end(shape, last, event, now, settled),
            };
        }
        let mut rest = moves & !(1 << last);
        while rest != 0 {
            let position = rest.ilog2() as usize;
            rest &= !(1 << position);
            self.move_up(position, event);
        }
        if let Some(point) = point {
            self.drop_starts(shape, point);
        }
        if fit.takes & 1 == 1 && !point.is_some_and(|point| point.drops(event)) {
            self.begin(shape, event, now, settled);
        }
    }

    fn begin(&mut self, shape: &Shape, event: Handle, now: EventTime, settled: &mut Settled) {
        if shape.len() > 1 {
            self.queues[0].push_back(event);
            self.waiting |= 1 << 1;
            self.runs += 1;
        } else if shape.wait.is_some() {
            self.wait_at_the_end(shape, now, now, settled);
            self.queues[0].push_back(event);
            self.runs += 1;
        } else {
            settled.add(Kind::Match, now, std::iter::once(event));
        }
    }

    /// Ends the runs that the event breaks, but for those in the queues that it moves.
    fn break_runs(&mut self, shape: &Shape, fit: Fit, moves: u64) {
        let mut broken = (fit.breaks | (shape.strict & !fit.takes)) & self.waiting & !moves;
        while broken != 0 {
            let position = broken.trailing_zeros() as usize;
            broken &= broken - 1;
            self.runs -= (self.queues[position - 1].len() / position) as u32;
            self.queues[position - 1].clear();
            self.waiting &= !(1 << position);
        }
        if fit.ends && !self.until.is_empty() {
            self.runs -= self.until.len() as u32;
            self.queues[shape.len() - 1].clear();
            self.until.clear();
        }
    }

    /// All runs that wait for a position take the event.
    fn move_up(&mut self, position: usize, event: Handle) {
        let (below, above) = self.queues.split_at_mut(position);
        let (from, to) = (&mut below[position - 1], &mut above[0]);
        let mut handles = from.drain(..);
        let count = handles.len() / position;
        to.reserve(count * (position + 1));
        for _ in 0..count {
            to.extend(handles.by_ref().take(position));
            to.push_back(event);
        }
        drop(handles);
        self.waiting &= !(1 << position);
        self.waiting |= 1 << (position + 1);
    }

    /// All runs that wait for the last position take the event. Gives where the last match goes on.
    fn come_to_the_end(
        &mut self,
        shape: &Shape,
        last: usize,
        event: Handle,
        now: EventTime,
        settled: &mut Settled,
    ) -> Option<SkipPoint> {
        self.waiting &= !(1 << last);
        let runs = std::mem::take(&mut self.queues[last - 1]);
        self.runs -= (runs.len() / last) as u32;
        self.complete(shape, runs.into_iter(), last, Some(event), now, settled)
    }

    /// All runs that wait for the last position take the event, and wait for what must not come.
    fn come_to_wait(
        &mut self,
        (shape, arena): (&Shape, &Arena),
        last: usize,
        event: Handle,
        now: EventTime,
        settled: &mut Settled,
    ) {
        let starts: Vec<Handle> = self.queues[last - 1].iter().step_by(last).copied().collect();
        self.move_up(last, event);
        self.waiting &= !(1 << (last + 1));
        starts.iter().for_each(|start| self.wait_at_the_end(shape, arena.time(*start), now, settled));
    }

    fn wait_at_the_end(&mut self, shape: &Shape, start: EventTime, now: EventTime, settled: &mut Settled) {
        let until = match shape.wait.and_then(|wait| wait.wait) {
            Some(wait) => {
                settled.pending_until = Some(now.plus(wait));
                now.plus(wait)
            }
            None => start.plus(shape.within.expect("a wait without an end has a window")),
        };
        self.until.push_back(until);
    }

    /// Lets matches out, the earliest first event first, and drops what each of them skips.
    fn complete(
        &mut self,
        shape: &Shape,
        mut handles: impl Iterator<Item = Handle>,
        size: usize,
        event: Option<Handle>,
        at: EventTime,
        settled: &mut Settled,
    ) -> Option<SkipPoint> {
        let mut point: Option<SkipPoint> = None;
        let mut run: Vec<Handle> = Vec::with_capacity(size + 1);
        loop {
            run.clear();
            run.extend(handles.by_ref().take(size).chain(event));
            if run.len() < size || (event.is_some() && run.len() == 1) {
                return point;
            }
            if point.is_some_and(|point| point.drops(run[0])) {
                continue;
            }
            point = SkipPoint::of(shape, &run).or(point);
            self.end_episode(shape, run[run.len() - 1]);
            settled.add(Kind::Match, at, run.iter().copied());
        }
    }

    fn end_episode(&mut self, shape: &Shape, event: Handle) {
        let is_later = self.episode_end.is_none_or(|end| is_before(end, event));
        if shape.by_episode && shape.tells_timeouts && is_later {
            self.episode_end = Some(event);
        }
    }

    /// Drops the runs that begin before a skip point.
    fn drop_starts(&mut self, shape: &Shape, point: SkipPoint) {
        for size in 1..=shape.len() {
            let queue = &mut self.queues[size - 1];
            while queue.front().is_some_and(|start| point.drops(*start)) {
                queue.drain(..size);
                self.runs -= 1;
                if size == shape.len() {
                    self.until.pop_front();
                }
            }
            if queue.is_empty() && size < shape.len() {
                self.waiting &= !(1 << size);
            }
        }
    }

    /// Fires the deadlines up to `to`.
    pub(super) fn fire(&mut self, shape: &Shape, arena: &Arena, to: EventTime, settled: &mut Settled) {
        while let Some(at) = self.until.front().copied().filter(|at| *at <= to) {
            let count = self.until.iter().take_while(|until| **until == at).count();
            self.until.drain(..count);
            let size = shape.len();
            let runs: Vec<Handle> = self.queues[size - 1].drain(..count * size).collect();
            self.runs -= count as u32;
            if let Some(point) = self.complete(shape, runs.into_iter(), size, None, at, settled) {
                self.drop_starts(shape, point);
            }
        }
        if let Some(within) = shape.within {
            self.close_windows(shape, arena, to.minus(within), settled);
        }
    }

    /// Ends the runs that began at or before `begun`, the oldest first.
    fn close_windows(&mut self, shape: &Shape, arena: &Arena, begun: EventTime, settled: &mut Settled) {
        for size in (1..shape.len()).rev() {
            if self.waiting >> size & 1 == 0 {
                continue;
            }
            let is_over =
                |queue: &VecDeque<Handle>| queue.front().is_some_and(|start| arena.time(*start) <= begun);
            while is_over(&self.queues[size - 1]) {
                let run = self.queues[size - 1].drain(..size);
                self.runs -= 1;
                if !shape.tells_timeouts {
                    continue;
                }
                let run: Vec<Handle> = run.collect();
                let is_told = !shape.by_episode || self.episode_end.is_none_or(|end| is_before(end, run[0]));
                if is_told {
                    let within = shape.within.expect("a window closes");
                    settled.add(Kind::Timeout, arena.time(run[0]).plus(within), run.iter().copied());
                    self.end_episode(shape, run[size - 1]);
                }
            }
            if self.queues[size - 1].is_empty() {
                self.waiting &= !(1 << size);
            }
        }
        if self.is_empty() {
            self.episode_end = None;
        }
    }
}
