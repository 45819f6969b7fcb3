//! The executor that keeps one record for each first event, whatever the number of runs that begin with it.
//!
//! Two kinds of patterns need no more. In a chain whose conditions compare with earlier steps, a first event has one
//! run, and where it stands is all that there is to know. And under the default `match` a pattern with a loop,
//!
//! ```text
//! match small{3,} where amount < 5.00
//! then  big       where amount > 500.00 and amount > 20 * avg(small.amount)
//! ```
//!
//! has a run for every stretch of small payments in the window, but one match takes the whole episode: when a `big`
//! comes, what is asked for is the earliest start with a stretch that it fits, and of these the longest. So stretches
//! are not kept, they are gone through, and only when an event fits the step behind the loop.
//!
//! Where the loop's own condition looks at one event, the loop of every start is the same list of events from another
//! place on: it is kept once for the key, with running sums, so that a count, sum or mean of any stretch is a difference
//! of two of them. An event of the loop then costs the same however many starts are open. Where the loop's condition
//! reads what it holds (`merchant not in probe.merchant`), each start has a list of its own.
//!
//! Absences, `until` and `greedy` end or cut off starts as they would their runs; windows close in order of starts.

mod advice;
mod cell;
mod list;
mod reads;
mod run;
mod saved;
mod shape;
mod shown;

use std::collections::VecDeque;
use std::sync::Arc;

pub(super) use self::advice::advice;
use self::cell::{At, Cell, Settled, TooMany};
use self::run::Surroundings;
use self::shape::Shape;
use super::bounds::shown_key;
use super::capture::{Arena, Block, Handle, Layout};
use super::cells::{CellId, Cells, Which, free_room};
use super::chunk::{Row, Wanted};
use super::executor::{Chunk, Findings};
use super::keys::{KeyId, KeyTable};
use super::predicates::SourcePredicates;
use super::saved::{SavedKey, Sink, add_deadlines, due, load_keys, tell};
use super::shown::OpenVisit;
use super::{
    Bound, Cut, Dropped, Exceeded, Executor, Faults, KeyFound, Nothing, Order, Plan, Reached, Refused, Scope,
    Usage, is_true,
};
use crate::codec::Coded;
use crate::event::PatternId;
use crate::time::EventTime;

/// So many events may be there that no start holds any more, and as many as are held.
const EVENTS_KEPT: usize = 16_384;

/// An executor for one pattern.
#[derive(Debug)]
pub(super) struct Starts {
    plan: Arc<Plan>,
    shape: Shape,
    wanted: Wanted,
    layout: Arc<Layout>,
    arena: Arena,
    cells: Cells,
    states: Vec<Cell>,
    /// Whether something is told when a window closes. Else a key's starts end when it is looked at the next time.
    is_on_time: bool,
    /// Keys with the time of a first event, or since when they have had starts, if nothing has to be on time.
    windows: VecDeque<(EventTime, KeyId)>,
    /// Keys by the time at which a wait at the end is over.
    waits: VecDeque<(EventTime, KeyId)>,
    /// Keys by the time at which an earlier event no longer matters.
    histories: VecDeque<(EventTime, KeyId)>,
    /// From how many events on the arena is gone through for those that are still held. For patterns without a window.
    compact_at: usize,
    starts: u64,
    dropped: u64,
    /// The bytes of the cells when they were last added up, and the events since then.
    weight: u64,
    unweighed: usize,
    faults: Faults,
    /// What is being settled; kept for its memory.
    settled: Settled,
}

impl Starts {
    /// An executor that holds nothing yet.
    ///
    /// # Errors
    ///
    /// Why it does not take the pattern.
    pub(super) fn new(plan: &Arc<Plan>) -> Result<Starts, Refused> {
        let (shape, layout) = Shape::of(plan)?;
        Ok(Starts {
            wanted: if shape.sees_all() { Wanted::All } else { Wanted::FitsAStep },
            arena: Arena::new(&plan.pattern, Arc::clone(&layout)),
            layout,
            cells: Cells::default(),
            states: Vec::new(),
            is_on_time: shape.tells_timeouts || shape.wait.is_some(),
            windows: VecDeque::new(),
            waits: VecDeque::new(),
            histories: VecDeque::new(),
            compact_at: EVENTS_KEPT,
            starts: 0,
            dropped: 0,
            weight: 0,
            unweighed: 0,
            faults: Faults::default(),
            settled: Settled::default(),
            plan: Arc::clone(plan),
            shape,
        })
    }

    fn event(
        &mut self,
        row: &Row<'_>,
        asked: &SourcePredicates,
        keys: &KeyTable,
        out: &mut Findings,
    ) -> Result<(), Exceeded> {
        let fits = |bits: u64, (step, takes): &(crate::event::StepId, u64)| {
            if row.fits(asked.steps[step.index()]) { bits | takes } else { bits }
        };
        let takes = self.shape.steps.iter().fold(0, fits);
        let leading = self.shape.leading.iter().enumerate();
        let precedes = |bits: u64, (at, (absent, _)): (usize, &(shape::Absent, _))| {
            if row.fits(asked.steps[absent.step.index()]) { bits | 1 << at } else { bits }
        };
        let is_draining = self.plan.pattern.drains;
        let precedes = if is_draining { 0 } else { leading.fold(0, precedes) };
        let slot = match self.cells.find(row.key) {
            Some(slot) => {
                self.cells.change(slot);
                slot
            }
            None if (takes & 1 == 1 && !is_draining) || precedes != 0 => self.add_cell(row.key, row.time()),
            None => return Ok(()),
        };
        self.unweighed += 1;
        let is_until = self.is_until(row, keys);
        let event = if takes | precedes == 0 { Handle::default() } else { self.arena.capture(row) };
        let Starts { shape, arena, faults, settled, plan, states, .. } = self;
        let around =
            Surroundings { pattern: &plan.pattern, shape, arena, keys: keys.values(row.key), faults };
        let cell = &mut states[slot as usize];
        let before = cell.len();
        settled.clear();
        cell.fire(around, row.time(), settled);
        cell.forget(shape, row.time());
        let at = At { around, row, asked, event, takes, is_until, precedes };
        let kept = cell.event(&at, settled);
        self.starts = self.starts + cell.len() - before;
        let is_empty = cell.is_empty();
        if let Some(looks_back) = self.shape.looks_back().filter(|_| precedes != 0) {
            self.histories.push_back((row.time().plus(looks_back), row.key));
        }
        self.after(row, slot, is_empty, keys, out);
        kept.map_err(|TooMany| Exceeded {
            pattern: self.plan.pattern.name.clone(),
            bound: Bound::Keep,
            allowed: self.kept(),
            key: shown_key(keys.values(row.key)),
            at: Order { time: row.time(), position: row.position() },
        })
    }

    /// How many starts of a key `keep` allows.
    fn kept(&self) -> u64 {
        self.shape.keep.map_or(0, |keep| u64::from(keep.count))
    }

    /// Whether the event ends loops.
    fn is_until(&self, row: &Row<'_>, keys: &KeyTable) -> bool {
        let until = self.shape.repeated.as_ref().and_then(|repeated| repeated.until.as_ref());
        until.is_some_and(|until| {
            let fields = row.fields(&self.plan.pattern);
            let scope = Scope {
                pattern: &self.plan.pattern,
                candidate: Some(&fields),
                held: &Nothing,
                entering: &[],
                keys: keys.values(row.key),
                faults: &self.faults,
            };
            is_true(until, &scope)
        })
    }

    /// Remembers deadlines, and tells what was settled.
    fn after(&mut self, row: &Row<'_>, slot: CellId, is_empty: bool, keys: &KeyTable, out: &mut Findings) {
        if self.dropped == 0 && self.settled.dropped > 0 {
            let (pattern, keys) = (self.plan.pattern.id, Arc::clone(keys.values(row.key)));
            let allowed = self.kept();
            out.reached.push(Reached { pattern, bound: Bound::Keep, allowed, keys, at: row.time() });
        }
        self.dropped += self.settled.dropped;
        if let Some(until) = self.settled.pending_until {
            self.waits.push_back((until, row.key));
        }
        if self.settled.has_begun && self.is_on_time && self.shape.within.is_some() {
            self.windows.push_back((row.time(), row.key));
        }
        if !self.settled.found.is_empty() {
            self.tell(row.key, out);
        }
        if is_empty {
            self.remove_cell(slot);
        }
    }

    fn add_cell(&mut self, key: KeyId, now: EventTime) -> CellId {
        let slot = self.cells.claim(key);
        if slot as usize == self.states.len() {
            self.states.push(Cell::default());
        }
        if !self.is_on_time && self.shape.within.is_some() {
            self.windows.push_back((now, key));
        }
        slot
    }

    fn remove_cell(&mut self, slot: CellId) {
        self.states[slot as usize].reset();
        self.cells.release(slot);
    }

    /// Fires the deadlines of a key. Says whether it still has starts.
    fn fire(&mut self, key: KeyId, to: EventTime, keys: &KeyTable, out: &mut Findings) -> bool {
        let Some(slot) = self.cells.find(key) else { return false };
        let Starts { shape, arena, faults, settled, plan, states, .. } = self;
        let around = Surroundings { pattern: &plan.pattern, shape, arena, keys: keys.values(key), faults };
        let cell = &mut states[slot as usize];
        let (before, held_before) = (cell.len(), cell.held());
        settled.clear();
        cell.fire(around, to, settled);
        cell.forget(shape, to);
        self.starts = self.starts + cell.len() - before;
        let is_empty = cell.is_empty();
        if cell.held() != held_before {
            self.cells.change(slot);
        }
        self.tell(key, out);
        if is_empty {
            self.remove_cell(slot);
        }
        !is_empty
    }

    /// Adds up the bytes of all cells, once there were as many events as there is to add.
    fn weigh(&mut self) {
        if self.unweighed > self.states.len() + self.starts as usize {
            self.weight = self.states.iter().map(Cell::bytes).sum::<usize>() as u64;
            self.unweighed = 0;
        }
    }

    /// Frees the events that no start holds, where no window does that.
    fn compact(&mut self) {
        let Starts { arena, states, .. } = self;
        arena.compact(|visit| states.iter_mut().for_each(|cell| cell.each_handle(visit)));
        self.compact_at = self.arena.len() * 2 + EVENTS_KEPT;
    }

    /// Works out from the starts of keys that have come back what else there is.
    fn derive(&mut self, loaded: &[(CellId, KeyId)]) {
        let (mut windows, mut waits, mut histories) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, key) in loaded.iter().copied() {
            let cell = &self.states[slot as usize];
            let times = cell.starts.iter().map(|start| start.began);
            match self.shape.within {
                Some(_) if self.is_on_time => windows.extend(times.map(|began| (began, key))),
                Some(_) => windows.extend(cell.oldest().map(|oldest| (oldest, key))),
                None => {}
            }
            let untils = cell.starts.iter().filter_map(|start| start.until);
            waits.extend(untils.map(|until| (until, key)));
            if let Some(looks_back) = self.shape.looks_back() {
                let matters = cell.history.iter().map(|(time, ..)| (time.plus(looks_back), key));
                histories.extend(matters);
            }
            self.starts += cell.len();
            self.weight += cell.bytes() as u64;
        }
        add_deadlines(&mut self.windows, windows);
        add_deadlines(&mut self.waits, waits);
        add_deadlines(&mut self.histories, histories);
        self.compact_at = self.arena.len() * 2 + EVENTS_KEPT;
    }

    /// Tells what was settled.
    fn tell(&self, key: KeyId, out: &mut Findings) {
        for found in &self.settled.found {
            let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
            let first = block.len();
            for (event, step) in &self.settled.events[found.first..found.first + found.count] {
                block.push(&self.arena, *event, *step);
            }
            let pattern = self.plan.pattern.id;
            out.found.push(KeyFound::flat(pattern, key, found.kind, found.at, (first, found.count)));
        }
    }
}

impl Executor for Starts {
    fn events(&mut self, chunk: &Chunk<'_>, keys: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        chunk.lens.visit(chunk.rows, self.wanted, |row| {
            let asked = &chunk.lens.predicates[row.source];
            self.event(&row, asked, keys, out)
        })
    }

    fn advance(&mut self, to: EventTime, keys: &KeyTable, out: &mut Findings) {
        while let Some((_, key)) = self.waits.front().copied().filter(|(at, _)| *at <= to) {
            self.waits.pop_front();
            self.fire(key, to, keys, out);
        }
        while let Some((_, key)) = self.histories.front().copied().filter(|(at, _)| *at <= to) {
            self.histories.pop_front();
            self.fire(key, to, keys, out);
        }
        if let Some(within) = self.shape.within {
            let is_over = |(start, _): &(EventTime, KeyId)| start.plus(within) <= to;
            while let Some((_, key)) = self.windows.front().copied().filter(is_over) {
                self.windows.pop_front();
                if self.fire(key, to, keys, out) && !self.is_on_time && to < EventTime::END {
                    self.windows.push_back((to, key));
                }
            }
        }
        if self.cells.is_empty() {
            free_room(&mut self.states);
            self.windows = VecDeque::new();
            self.waits = VecDeque::new();
            self.arena.clear();
        }
        self.weigh();
        match self.shape.lifetime() {
            Some(lifetime) => self.arena.free_before(to.minus(lifetime)),
            None if self.arena.len() > self.compact_at => self.compact(),
            None => {}
        }
    }

    fn finish(&mut self, keys: &KeyTable, out: &mut Findings) {
        self.advance(EventTime::END, keys, out);
        self.states.iter_mut().for_each(|cell| *cell = Cell::default());
        self.cells.clear();
        self.starts = 0;
        self.weight = 0;
        self.arena.clear();
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

    fn save(&mut self, which: Which<'_>, _: EventTime, keys: &KeyTable, sink: &mut Sink<'_>) -> bool {
        let Starts { cells, states, shape, arena, .. } = self;
        let pending = cells.take_pending(which);
        tell(&pending, keys, sink, |cell, record| states[cell as usize].save(shape, arena, record));
        cells.is_telling()
    }

    fn due(&mut self, to: EventTime, keys: &mut Vec<KeyId>) {
        keys.extend(due(&self.waits, to));
        keys.extend(due(&self.histories, to));
        if let Some(within) = self.shape.within {
            keys.extend(due(&self.windows, to.minus(within)));
        }
    }

    fn load(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded {
        let mut loaded = Vec::with_capacity(saved.len());
        let Starts { cells, states, shape, arena, .. } = self;
        load_keys(arena, saved, now, |saved, arena, codec| {
            let cell = Cell::load(shape, arena, codec)?;
            let slot = cells.take_up(saved.key);
            states.resize_with(states.len().max(slot as usize + 1), Cell::default);
            states[slot as usize] = cell;
            loaded.push((slot, saved.key));
            Ok(())
        })?;
        self.derive(&loaded);
        Ok(())
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, now, visit);
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let mut evicted = Vec::new();
        for (slot, key) in self.cells.unchanged(at_most) {
            let cell = &mut self.states[slot as usize];
            evicted.push((key, cell.wakes_at(&self.shape, self.is_on_time)));
            self.starts -= cell.len();
            *cell = Cell::default();
            self.cells.evict(slot);
        }
        if !evicted.is_empty() {
            self.compact();
            self.weight = self.states.iter().map(Cell::bytes).sum::<usize>() as u64;
        }
        evicted
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        for (slot, _) in self.cells.iter() {
            let open = self.states[slot as usize].open(&self.shape, &self.arena, now);
            open.for_each(|time| visit(self.plan.pattern.id, time));
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
            // What ends by now is told, and not dropped.
            if !self.fire(key, now, keys, out) {
                continue;
            }
            let cell = &mut self.states[slot as usize];
            let before = cell.len();
            let (count, oldest) = cell.cut(&self.shape, &self.arena, cut, now);
            self.starts -= before - cell.len();
            let is_empty = cell.is_empty();
            dropped.add(count, oldest, keys.values(key));
            self.cells.change(slot);
            if is_empty {
                self.remove_cell(slot);
            }
        }
        dropped
    }

    fn usage(&self) -> Usage {
        let queues =
            (self.windows.len() + self.waits.len() + self.histories.len()) * size_of::<(EventTime, KeyId)>();
        Usage {
            keys: self.cells.len(),
            runs: self.starts,
            bytes: self.cells.bytes() + self.weight + queues as u64 + self.arena.bytes(),
            dropped: self.dropped,
            faults: self.faults.count(),
            ..Usage::default()
        }
    }
}
