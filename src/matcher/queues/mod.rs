//! The executor for chains of `then`: runs that wait for the same thing stand in one queue.
//!
//! A run that holds `p` events stands in queue `p` of its key. What an event does, it does to a whole queue: where it
//! fits the next position all runs move on, where an absence forbids it all of them end. So an event costs the same
//! whether one run waits or a million, but for those that it moves, and a run is moved once for each of its events.
//!
//! A queue is emptied whenever an event fits, and what enters it later has moved up from the queue below. So every run
//! of a higher queue began before every run of a lower one, a queue is sorted by first event, and the runs whose window
//! closes stand in front (the lemma is proved in `docs/performance.md`).
//!
//! A run is nothing but the numbers of its events in the [`Arena`]: four bytes each.

mod cell;
mod saved;
mod shown;

use std::collections::VecDeque;
use std::sync::Arc;

use self::cell::{Cell, Settled};
use super::capture::{Arena, Block, Handle, Layout};
use super::cells::{CELLS_CACHED, CellId, Cells, Which, free_room};
use super::chunk::{Group, Row, Wanted};
use super::executor::{Chunk, Findings};
use super::keys::{KeyId, KeyTable};
use super::linear::{Linear, absences_are_local, check_clauses, lifetime, refused};
use super::predicates::SourcePredicates;
use super::saved::{SavedKey, Sink, TOUCHED_AT_ONCE, add_deadlines, due, load_keys, tell};
use super::shown::OpenVisit;
use super::{Cut, Dropped, Exceeded, Executor, KeyFound, Kind, Plan, Refused, Usage};
use crate::codec::Coded;
use crate::event::{PatternId, StepId};
use crate::lang::hir::{Mode, Skip, Word};
use crate::nfa::Wait;
use crate::time::{Duration, EventTime};

/// What is the same for all keys.
#[derive(Debug)]
struct Shape {
    /// The step of each position.
    steps: Vec<StepId>,
    /// The positions that only the very next event can take, a bit each.
    strict: u64,
    within: Option<Duration>,
    /// What must not come at the end.
    wait: Option<Wait>,
    skip: Skip,
    /// Whether a timeout is told once per episode, and not for every run.
    by_episode: bool,
    tells_timeouts: bool,
}

impl Shape {
    /// Positions of the chain.
    fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether every event that fits is a match.
    fn is_single(&self) -> bool {
        self.len() == 1 && self.wait.is_none()
    }
}

/// What an event fits.
#[derive(Clone, Copy, Default, Debug)]
struct Fit {
    /// Positions, a bit each.
    takes: u64,
    /// Positions before which it must not come, a bit each.
    breaks: u64,
    /// Whether it must not come at the end.
    ends: bool,
}

/// An executor for one pattern.
#[derive(Debug)]
pub(super) struct Queues {
    pattern: PatternId,
    shape: Shape,
    wanted: Wanted,
    /// For each step that is asked for, what fitting it means.
    tests: Vec<(StepId, Fit)>,
    lifetime: Duration,
    layout: Arc<Layout>,
    arena: Arena,
    cells: Cells,
    queues: Vec<Cell>,
    /// Whether something is told when a window closes. Else a key's runs end when it is looked at the next time.
    is_on_time: bool,
    /// The positions that may be taken: not the first where no run is to begin any more.
    may_take: u64,
    /// Keys with the time of a first event, or since when they have had runs, if nothing has to be on time.
    windows: VecDeque<(EventTime, KeyId)>,
    /// Keys by the time at which a wait at the end is over.
    waits: VecDeque<(EventTime, KeyId)>,
    runs: u64,
    /// What is being settled; kept for its memory.
    settled: Settled,
}

impl Queues {
    /// An executor that holds nothing yet.
    ///
    /// # Errors
    ///
    /// Why it does not take the pattern.
    pub(super) fn new(plan: &Arc<Plan>) -> Result<Queues, Refused> {
        check_clauses(plan)?;
        let linear = Linear::of(plan)?;
        let links = &linear.links;
        if links.iter().skip(1).any(|link| link.word == Word::ThenAny) {
            return refused("`any` keeps every way open");
        }
        if links.iter().any(|link| !link.held_conditions.is_empty()) {
            return refused("a condition compares with an earlier step, so runs are kept one by one");
        }
        let absences = links.iter().flat_map(|link| &link.absences).copied();
        if !absences_are_local(plan, absences.chain(linear.wait.map(|wait| wait.step))) {
            return refused("an absence compares with an earlier step, so runs are kept one by one");
        }
        let pattern = &plan.pattern;
        let tells_timeouts = !pattern.timeout_emits.is_empty();
        if tells_timeouts && linear.wait.is_some() {
            return refused("it tells timeouts beside an absence at the end");
        }
        let Some(lifetime) = lifetime(plan, &linear) else { return refused("it has no `within`") };
        let Some(layout) = Layout::of(pattern) else { return refused("it reads more than 28 fields") };
        let layout = Arc::new(layout);
        let strict = links.iter().enumerate().skip(1).filter(|(_, link)| link.word == Word::Next);
        let strict = strict.fold(0, |strict, (position, _)| strict | 1 << position);
        let shape = Shape {
            steps: links.iter().map(|link| link.step).collect(),
            strict,
            within: pattern.within,
            wait: linear.wait,
            skip: pattern.skip,
            by_episode: pattern.mode == Mode::First,
            tells_timeouts,
        };
        Ok(Queues {
            pattern: pattern.id,
            wanted: if strict == 0 { Wanted::FitsAStep } else { Wanted::All },
            tests: tests(&linear),
            lifetime,
            arena: Arena::new(pattern, Arc::clone(&layout)),
            layout,
            cells: Cells::default(),
            queues: Vec::new(),
            windows: VecDeque::new(),
            waits: VecDeque::new(),
            runs: 0,
            settled: Settled::default(),
            may_take: if plan.pattern.drains { !1 } else { !0 },
            is_on_time: tells_timeouts || linear.wait.is_some_and(|wait| wait.wait.is_none()),
            shape,
        })
    }

    /// Reads something of the cell of each row, where there are more cells than the cache holds: asked for one after
    /// another, they come at the same time.
    fn touch(&self, group: &Group<'_>) {
        if self.cells.len() > CELLS_CACHED {
            let cells = group.keys().filter_map(|key| self.cells.find(key));
            std::hint::black_box(cells.fold(0, |sum, cell| sum ^ self.queues[cell as usize].touch()));
        }
    }

    fn fit(&self, row: &Row<'_>, asked: &SourcePredicates) -> Fit {
        let mut fit = Fit::default();
        for (step, means) in &self.tests {
            if row.fits(asked.steps[step.index()]) {
                fit.takes |= means.takes;
                fit.breaks |= means.breaks;
                fit.ends |= means.ends;
            }
        }
        fit.takes &= self.may_take;
        fit
    }

    fn event(&mut self, row: &Row<'_>, fit: Fit, out: &mut Findings) {
        let begins = fit.takes & 1 == 1;
        let slot = match self.cells.find(row.key) {
            Some(slot) => slot,
            None if begins => self.add_cell(row.key, row.time()),
            None => return,
        };
        let cell = &mut self.queues[slot as usize];
        let before = cell.len(&self.shape);
        self.settled.clear();
        cell.fire(&self.shape, &self.arena, row.time(), &mut self.settled);
        let mut has_begun = false;
        let is_concerned = cell.is_concerned(fit);
        if is_concerned {
            let event = self.arena.capture(row);
            let place = (&self.shape, &self.arena);
            has_begun = cell.event(place, fit, event, row.time(), &mut self.settled);
        } else {
            cell.pass(&self.shape, fit);
        }
        let after = cell.len(&self.shape);
        self.runs = self.runs + after - before;
        let is_empty = cell.is_empty();
        if is_concerned || after != before {
            self.cells.change(slot);
        }
        if let Some(until) = self.settled.pending_until {
            self.waits.push_back((until, row.key));
        }
        if has_begun && self.is_on_time {
            self.windows.push_back((row.time(), row.key));
        }
        if !self.settled.found.is_empty() {
            self.tell(row.key, out);
        }
        if is_empty {
            self.remove_cell(slot);
        }
    }

    /// A chain of one position without an absence: every event that fits is a match.
    fn single(&mut self, row: &Row<'_>, out: &mut Findings) {
        let event = self.arena.capture(row);
        self.settled.clear();
        self.settled.events.push(event);
        self.settled.end(Kind::Match, row.time(), 0);
        self.tell(row.key, out);
    }

    fn add_cell(&mut self, key: KeyId, now: EventTime) -> CellId {
        let slot = self.cells.claim(key);
        if slot as usize == self.queues.len() {
            self.queues.push(Cell::new(self.shape.len()));
        }
        if !self.is_on_time && self.shape.within.is_some() {
            self.windows.push_back((now, key));
        }
        slot
    }

    fn remove_cell(&mut self, slot: CellId) {
        self.queues[slot as usize].reset();
        self.cells.release(slot);
    }

    /// Fires the deadlines of a key. Says whether it still has runs.
    fn fire(&mut self, key: KeyId, to: EventTime, out: &mut Findings) -> bool {
        let Some(slot) = self.cells.find(key) else { return false };
        let cell = &mut self.queues[slot as usize];
        let before = cell.len(&self.shape);
        self.settled.clear();
        cell.fire(&self.shape, &self.arena, to, &mut self.settled);
        let after = cell.len(&self.shape);
        self.runs = self.runs + after - before;
        let is_empty = cell.is_empty();
        if after != before {
            self.cells.change(slot);
        }
        self.tell(key, out);
        if is_empty {
            self.remove_cell(slot);
        }
        !is_empty
    }

    /// Makes the deadlines of what has come back.
    fn set_deadlines(&mut self, loaded: &[(CellId, KeyId)]) {
        let (mut windows, mut waits) = (Vec::new(), Vec::new());
        for (slot, key) in loaded.iter().copied() {
            let cell = &self.queues[slot as usize];
            let starts = cell.starts(&self.shape).map(|start| (self.arena.time(start), key));
            match self.is_on_time {
                true => windows.extend(starts),
                false => windows.extend(starts.min()),
            }
            waits.extend(cell.waits().map(|until| (until, key)));
        }
        for (queue, mut deadlines, is_needed) in [
            (&mut self.windows, windows, self.shape.within.is_some()),
            (&mut self.waits, waits, self.shape.wait.is_some_and(|wait| wait.wait.is_some())),
        ] {
            deadlines.retain(|_| is_needed);
            deadlines.sort_unstable();
            deadlines.dedup();
            add_deadlines(queue, deadlines);
        }
    }

    /// Tells what was settled.
    fn tell(&self, key: KeyId, out: &mut Findings) {
        for found in &self.settled.found {
            let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
            let first = block.len();
            let events = &self.settled.events[found.first..found.first + found.count];
            for (handle, step) in events.iter().zip(&self.shape.steps) {
                block.push(&self.arena, *handle, *step);
            }
            out.found.push(KeyFound::flat(self.pattern, key, found.kind, found.at, (first, found.count)));
        }
    }
}

/// For each step that is asked for, what fitting it means.
fn tests(linear: &Linear) -> Vec<(StepId, Fit)> {
    let mut tests: Vec<(StepId, Fit)> = Vec::new();
    let mut of = |step: StepId, set: &dyn Fn(&mut Fit)| {
        let at = tests.iter().position(|(known, _)| *known == step).unwrap_or_else(|| {
            tests.push((step, Fit::default()));
            tests.len() - 1
        });
        set(&mut tests[at].1);
    };
    for (position, link) in linear.links.iter().enumerate() {
        of(link.step, &|fit| fit.takes |= 1 << position);
        for absence in &link.absences {
            of(*absence, &|fit| fit.breaks |= 1 << position);
        }
    }
    if let Some(wait) = linear.wait {
        of(wait.step, &|fit| fit.ends = true);
    }
    tests
}

impl Executor for Queues {
    fn events(&mut self, chunk: &Chunk<'_>, _: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        chunk.lens.visit_groups(chunk.rows, self.wanted, |group| {
            self.touch(group);
            for row in group.rows() {
                let fit = self.fit(&row, &chunk.lens.predicates[row.source]);
                match self.shape.is_single() {
                    true if fit.takes != 0 => self.single(&row, out),
                    true => {}
                    false => self.event(&row, fit, out),
                }
            }
        });
        Ok(())
    }

    fn advance(&mut self, to: EventTime, _: &KeyTable, out: &mut Findings) {
        while let Some((_, key)) = self.waits.front().copied().filter(|(at, _)| *at <= to) {
            self.waits.pop_front();
            self.fire(key, to, out);
        }
        if let Some(within) = self.shape.within {
            let is_over = |(start, _): &(EventTime, KeyId)| start.plus(within) <= to;
            while let Some((_, key)) = self.windows.front().copied().filter(is_over) {
                self.windows.pop_front();
                if self.fire(key, to, out) && !self.is_on_time && to < EventTime::END {
                    self.windows.push_back((to, key));
                }
            }
        }
        if self.cells.is_empty() {
            free_room(&mut self.queues);
            self.windows = VecDeque::new();
            self.waits = VecDeque::new();
            self.arena.clear();
        }
        self.arena.free_before(to.minus(self.lifetime));
    }

    fn finish(&mut self, keys: &KeyTable, out: &mut Findings) {
        self.advance(EventTime::END, keys, out);
        self.arena.clear();
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, now, visit);
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        let is_open = |time: &EventTime| self.shape.within.is_none_or(|within| time.plus(within) > now);
        for (slot, _) in self.cells.iter() {
            let starts = self.queues[slot as usize].starts(&self.shape).map(|start| self.arena.time(start));
            starts.filter(is_open).for_each(|time| visit(self.pattern, time));
        }
    }

    fn drop_starts(
        &mut self,
        _: PatternId,
        cut: Cut,
        now: EventTime,
        keys: &KeyTable,
        out: &mut Findings,
    ) -> Dropped {
        let mut dropped = Dropped::default();
        for (slot, key) in self.cells.iter().collect::<Vec<_>>() {
            // What the window has ended by now is not dropped.
            if !self.fire(key, now, out) {
                continue;
            }
            let cell = &mut self.queues[slot as usize];
            let goes = |start: &EventTime| cut.drops(*start);
            let oldest = cell.starts(&self.shape).map(|start| self.arena.time(start)).filter(goes).min();
            let Some(oldest) = oldest else { continue };
            let before = cell.len(&self.shape);
            cell.cut(&self.shape, &self.arena, cut);
            let ended = before - cell.len(&self.shape);
            let is_empty = cell.is_empty();
            self.runs -= ended;
            self.cells.change(slot);
            dropped.add(ended, oldest, keys.values(key));
            if is_empty {
                self.remove_cell(slot);
            }
        }
        if let Cut::Before(time) = cut {
            self.arena.free_before(time);
        }
        dropped
    }

    fn keys(&self) -> &[KeyId] {
        self.cells.keys()
    }

    fn track(&mut self) {
        self.cells.track();
    }

    fn released(&self) -> Vec<KeyId> {
        self.cells.released().collect()
    }

    fn begin_epoch(&mut self) {
        self.cells.begin_epoch();
    }

    fn save(&mut self, which: Which<'_>, now: EventTime, keys: &KeyTable, sink: &mut Sink<'_>) -> bool {
        let place = (&self.shape, &self.arena, now);
        for some in self.cells.take_pending(which).chunks(TOUCHED_AT_ONCE) {
            let cells = || some.iter().filter_map(|(_, cell)| self.queues.get((*cell)? as usize));
            std::hint::black_box(cells().fold(0, |sum, cell| sum ^ cell.touch()));
            // When the oldest run began is asked of each.
            let starts = cells().filter_map(|cell| cell.runs.front());
            std::hint::black_box(starts.fold(0, |sum, start| sum ^ self.arena.time(*start).micros()));
            tell(some, keys, sink, |cell, record| {
                let cell = &mut self.queues[cell as usize];
                if cell.is_worth_saving(place) {
                    record.put(&self.arena, |codec| cell.walk(place, codec));
                }
            });
        }
        self.cells.is_telling()
    }

    fn due(&mut self, to: EventTime, keys: &mut Vec<KeyId>) {
        keys.extend(due(&self.waits, to));
        if let Some(within) = self.shape.within {
            keys.extend(due(&self.windows, to.minus(within)));
        }
    }

    fn load(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded {
        let mut loaded = Vec::with_capacity(saved.len());
        load_keys(&mut self.arena, saved, now, |key, arena, codec| {
            let mut cell = Cell::new(self.shape.len());
            cell.walk((&self.shape, arena, now), codec)?;
            let slot = self.cells.take_up(key.key);
            self.runs += cell.len(&self.shape);
            self.queues.resize_with(self.queues.len().max(slot as usize + 1), || Cell::new(self.shape.len()));
            self.queues[slot as usize] = cell;
            loaded.push((slot, key.key));
            Ok(())
        })?;
        self.set_deadlines(&loaded);
        Ok(())
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let mut evicted = Vec::new();
        for (slot, key) in self.cells.unchanged(at_most) {
            let cell = &mut self.queues[slot as usize];
            evicted.push((key, cell.wakes_at(&self.shape, &self.arena, self.is_on_time)));
            self.runs -= cell.len(&self.shape);
            *cell = Cell::new(self.shape.len());
            self.cells.evict(slot);
        }
        if !evicted.is_empty() {
            let cells = &mut self.queues;
            self.arena.compact(|visit| cells.iter_mut().for_each(|cell| cell.each_handle(visit)));
        }
        evicted
    }

    fn usage(&self) -> Usage {
        let cells = self.cells.bytes() + self.cells.len() * size_of::<Cell>() as u64;
        let queues = (self.windows.len() + self.waits.len()) * size_of::<(EventTime, KeyId)>();
        let runs = self.runs * (size_of::<Handle>() * self.shape.len()) as u64;
        Usage {
            keys: self.cells.len(),
            runs: self.runs,
            bytes: cells + queues as u64 + runs + self.arena.bytes(),
            ..Usage::default()
        }
    }
}
