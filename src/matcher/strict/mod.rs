//! The executor for patterns whose every event is the very next of its key.
//!
//! A run of such a pattern holds the last events of its key, without a hole: as many as it has taken. So a key needs no
//! runs, only its last events, in a ring, and a word in which bit *p* says whether the run that
//! holds the last *p* of them is alive. What an event does to all runs is one shift of that word:
//!
//! ```text
//! alive  =  ((alive | 1) & fits) << 1        bit p of `fits`: the event can come after p events
//! ```
//!
//! At most one run completes with an event, the oldest, so nothing ever waits for a choice, and a skip strategy is a
//! mask. A comparison with an event that is held looks at a fixed place of the ring, and if several positions of a loop
//! make the same one (`amount > prev(amount)`), it is made once for all of them. Other conditions on held events are
//! evaluated for each run that they concern.
//!
//! The cost of an event does not depend on how many runs are open, which are fewer than the pattern is long.

mod ring;
mod shape;

use std::sync::Arc;

use self::ring::Rings;
use self::shape::{Shape, Test};
use super::capture::{Block, Layout, Writer, cell_of};
use super::cells::{CellId, Cells, Expiry};
use super::chunk::{Lens, Row, Wanted};
use super::executor::{Chunk, Findings, FoundEvents, KeyFound};
use super::keys::{KeyId, KeyTable};
use super::{Cut, Dropped, Exceeded, Executor, Faults, Kind, Plan, Refused, Scope, Usage, is_true};
use crate::event::PatternId;
use crate::lang::hir::CompareOp;
use crate::time::EventTime;

/// The executor for chains with `next` alone.
#[derive(Debug)]
pub(super) struct Strict {
    plan: Arc<Plan>,
    shape: Shape,
    layout: Arc<Layout>,
    writer: Writer,
    cells: Cells,
    rings: Rings,
    expiry: Expiry,
    faults: Faults,
    runs: u64,
}

impl Strict {
    /// An executor that holds nothing yet.
    ///
    /// # Errors
    ///
    /// Why the pattern is not for it.
    pub(super) fn new(plan: &Arc<Plan>) -> Result<Strict, Refused> {
        let (shape, layout) = Shape::of(plan)?;
        Ok(Strict {
            writer: Writer::new(&plan.pattern, Arc::clone(&layout)),
            rings: Rings::new(shape.len() - 1, layout.stride()),
            expiry: Expiry::new(shape.within),
            plan: Arc::clone(plan),
            shape,
            layout,
            cells: Cells::default(),
            faults: Faults::default(),
            runs: 0,
        })
    }

    /// Takes some events.
    fn take(&mut self, rows: &[Row<'_>], lens: &Lens, keys: &KeyTable, out: &mut Findings) {
        // The cells of many keys are not in the cache. Asked for one after another, they come at the same time.
        let cells = rows.iter().filter_map(|row| self.cells.find(row.key));
        std::hint::black_box(cells.fold(0, |sum, cell| sum ^ self.rings.touch(cell)));
        for row in rows {
            if self.expiry.is_due(row.time()) {
                self.expire(row.time());
            }
            let asked = &lens.predicates[row.source];
            let mut fits = 0;
            for (step, links) in &self.shape.steps {
                if row.fits(asked.steps[step.index()]) {
                    fits |= links;
                }
            }
            self.event(row, fits, keys, out);
        }
    }

    /// Takes an event that fits some links, as far as that can be said without a run.
    fn event(&mut self, row: &Row<'_>, fits: u64, keys: &KeyTable, out: &mut Findings) {
        let cell = self.cells.find(row.key);
        let before = cell.map_or(0, |cell| self.rings.alive(cell));
        if before == 0 && fits & 1 == 0 {
            return;
        }
        let now = row.time();
        let mut taking = 1;
        if let Some(cell) = cell {
            taking |= self.rings.alive_within(cell, self.shape.within, now);
        }
        taking &= fits;
        if taking != 0 && self.shape.is_conditional {
            taking = self.meets_tests(cell, row, taking);
            taking = self.meets_conditions(cell, row, taking, keys);
        }
        let mut alive = taking << 1;
        let complete = 1 << self.shape.len();
        if alive & complete != 0 {
            self.found(cell, row, keys, out);
            alive &= self.shape.kept;
        }
        alive &= !complete;
        self.runs = self.runs + u64::from(alive.count_ones()) - u64::from(before.count_ones());
        match cell {
            Some(cell) => self.rings.set_alive(cell, alive),
            None if alive == 0 => return,
            None => {}
        }
        if alive != 0 {
            let cell = cell.unwrap_or_else(|| self.claim(row, alive));
            self.rings.push(cell, row, &mut self.writer);
        }
    }

    fn claim(&mut self, row: &Row<'_>, alive: u64) -> CellId {
        let cell = self.cells.claim(row.key);
        self.rings.reset(cell);
        self.rings.set_alive(cell, alive);
        self.expiry.set(cell, row.time().plus(self.shape.within));
        cell
    }

    /// Which of the runs that take the event meet the comparisons.
    fn meets_tests(&self, cell: Option<CellId>, row: &Row<'_>, mut taking: u64) -> u64 {
        for test in &self.shape.tests {
            if taking & test.links != 0 && !cell.is_some_and(|cell| self.meets(test, cell, row)) {
                taking &= !test.links;
            }
        }
        taking
    }

    fn meets(&self, test: &Test, cell: CellId, row: &Row<'_>) -> bool {
        let Some(field) = self.plan.pattern.sources[row.source].fields[test.candidate.index()] else {
            return false;
        };
        let event = self.rings.event(cell, test.back);
        let held = Writer::word(event, test.captured);
        let (Some(left), Some(right)) = (cell_of(row.batch, row.row, field), held) else { return false };
        if !test.is_text {
            return test.op.meets((left as i64).cmp(&(right as i64)));
        }
        let is_equal = left == right
            || (left >> 32 != right >> 32
                && row.batch.value(row.row, field) == self.writer.value(event, test.held));
        is_equal == (test.op == CompareOp::Equal)
    }

    /// Which of the runs that take the event meet all other conditions.
    fn meets_conditions(&self, cell: Option<CellId>, row: &Row<'_>, mut taking: u64, keys: &KeyTable) -> u64 {
        let mut left = taking & self.shape.general;
        while left != 0 {
            let link = left.trailing_zeros() as usize;
            left &= left - 1;
            if !self.meets_all(cell, row, link, keys) {
                taking &= !(1 << link);
            }
        }
        taking
    }

    fn meets_all(&self, cell: Option<CellId>, row: &Row<'_>, link: usize, keys: &KeyTable) -> bool {
        let of_cell = |cell| self.rings.held(cell, link, &self.shape.linear, &self.writer);
        let held = cell.map(of_cell).unwrap_or_default();
        let fields = row.fields(&self.plan.pattern);
        let scope = Scope {
            pattern: &self.plan.pattern,
            candidate: Some(&fields),
            held: &held,
            entering: &self.shape.linear.links[link].enters,
            keys: keys.values(row.key),
            faults: &self.faults,
        };
        let step = self.plan.pattern.step(self.shape.linear.links[link].step);
        self.shape.conditions[link].iter().all(|part| is_true(&step.conditions[*part].expr, &scope))
    }

    /// The oldest run has taken its last event.
    fn found(&self, cell: Option<CellId>, row: &Row<'_>, keys: &KeyTable, out: &mut Findings) {
        let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
        let first = block.len();
        let links = &self.shape.linear.links;
        let count = links.len();
        let (last, before) = links.split_last().expect("no pattern is empty");
        if let Some(cell) = cell {
            for (at, link) in before.iter().enumerate() {
                block.push_written(&self.writer, self.rings.event(cell, count - 1 - at), link.step);
            }
        }
        block.push_row(row, &self.plan.pattern.sources[row.source].fields, last.step);
        let now = row.time();
        out.found.push(KeyFound {
            pattern: self.plan.pattern.id,
            keys: Arc::clone(keys.values(row.key)),
            kind: Kind::Match,
            at: now,
            completed: now,
            events: FoundEvents::Flat(first, count as u32),
        });
    }

    /// Gives back the cells of keys whose runs the window has ended.
    fn expire(&mut self, now: EventTime) {
        while let Some(cells) = self.expiry.pop(now) {
            for cell in cells {
                let alive = self.rings.alive(cell);
                let until = self.rings.newest(cell).plus(self.shape.within);
                if alive == 0 || until <= now {
                    self.runs -= u64::from(alive.count_ones());
                    self.rings.set_alive(cell, 0);
                    self.cells.release(cell);
                } else {
                    self.expiry.set(cell, until);
                }
            }
        }
        self.writer.forget(self.shape.within, now);
    }
}

impl Executor for Strict {
    fn events(&mut self, chunk: &Chunk<'_>, keys: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        // An event that fits nothing still stands between two others.
        let wanted = if self.shape.len() == 1 { Wanted::FitsAStep } else { Wanted::All };
        chunk.lens.visit_groups(chunk.rows, wanted, |rows| self.take(rows, chunk.lens, keys, out));
        Ok(())
    }

    fn advance(&mut self, to: EventTime, _: &KeyTable, _: &mut Findings) {
        self.expire(to);
    }

    fn finish(&mut self, _: &KeyTable, _: &mut Findings) {
        self.cells.clear();
        self.rings.clear();
        self.expiry.clear();
        self.writer.clear();
        self.runs = 0;
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        for (cell, _) in self.cells.iter() {
            let alive = self.rings.alive_within(cell, self.shape.within, now);
            self.rings.starts(cell, alive).for_each(|(_, time)| visit(self.plan.pattern.id, time));
        }
    }

    fn drop_starts(
        &mut self,
        _: PatternId,
        cut: Cut,
        now: EventTime,
        keys: &KeyTable,
        _: &mut Findings,
    ) -> Dropped {
        let mut dropped = Dropped::default();
        for (cell, key) in self.cells.iter() {
            let before = self.rings.alive(cell);
            let alive = self.rings.alive_within(cell, self.shape.within, now);
            let goes = self.rings.starts(cell, alive).filter(|(_, time)| cut.drops(*time));
            let (ended, oldest) = goes
                .fold((0, EventTime::END), |(ended, oldest), (bit, time)| (ended | bit, oldest.min(time)));
            self.rings.set_alive(cell, alive & !ended);
            self.runs -= u64::from((before & !(alive & !ended)).count_ones());
            dropped.add(u64::from(ended.count_ones()), oldest, keys.values(key));
        }
        dropped
    }

    fn keys(&self) -> &[KeyId] {
        self.cells.keys()
    }

    fn usage(&self) -> Usage {
        Usage {
            keys: self.cells.len(),
            runs: self.runs,
            bytes: self.cells.bytes() + self.rings.bytes(),
            faults: self.faults.count(),
            ..Usage::default()
        }
    }
}
