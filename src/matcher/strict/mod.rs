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
mod shown;

use std::sync::Arc;

use self::ring::{Ring, Rings};
use self::shape::{Shape, Test};
use super::capture::{Block, ColumnView, Layout, View, Writer};
use super::cells::{CELLS_CACHED, CellId, Cells, Hand, Which};
use super::chunk::{Group, Lens, Row, Wanted};
use super::executor::{Chunk, Findings, KeyFound};
use super::keys::{KeyId, KeyTable};
use super::predicates::Part;
use super::saved::{SavedKey, Sink, tell};
use super::shown::OpenVisit;
use super::{Cut, Dropped, Exceeded, Executor, Faults, Fields, Kind, Plan, Refused, Scope, Usage, is_true};
use crate::codec::{Codec, Coded};
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
    hand: Hand,
    /// The cells of the events under way; kept for its memory.
    known: Vec<Option<CellId>>,
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
            hand: Hand::default(),
            known: Vec::new(),
            plan: Arc::clone(plan),
            shape,
            layout,
            cells: Cells::default(),
            faults: Faults::default(),
            runs: 0,
        })
    }

    /// Takes some events.
    fn take(&mut self, group: &Group<'_>, lens: &Lens, keys: &KeyTable, out: &mut Findings) {
        // Before anything is written: what is written now refers to the dictionaries that the writer knows now.
        self.expire(group.first_time());
        let mut known = std::mem::take(&mut self.known);
        known.clear();
        known.extend(group.keys().map(|key| self.cells.find(key)));
        // The cells of many keys are not in the cache. Asked for one after another, they come at the same time.
        if self.cells.len() > CELLS_CACHED {
            let cells = known.iter().flatten();
            std::hint::black_box(cells.fold(0, |sum, cell| sum ^ self.rings.of(*cell).touch()));
        }
        for (first, rows) in group.stretches() {
            let view = BatchView {
                times: first.batch.times(),
                writes: self.writer.view(first.batch, first.source),
                tests: self.shape.test_columns(&self.plan, first),
                steps: self.shape.asked(lens, first),
            };
            for (at, row) in rows {
                // An event before it in the group may have been the first of its key.
                let cell = known[at].or_else(|| self.cells.find(row.key));
                self.event(&row, cell, &view, keys, out);
            }
        }
        self.known = known;
    }

    #[inline]
    fn event(
        &mut self,
        row: &Row<'_>,
        cell: Option<CellId>,
        view: &BatchView<'_>,
        keys: &KeyTable,
        out: &mut Findings,
    ) {
        let fits = view.fits(row.row) & self.shape.may_take;
        let Some(cell) = cell else {
            if fits & 1 == 1 {
                self.first_event(row, view, keys, out);
            }
            return;
        };
        let ring = self.rings.of(cell);
        let before = ring.alive();
        if before == 0 && fits & 1 == 0 {
            return;
        }
        let mut taking = fits & (1 | ring.alive_within(self.shape.within, view.times[row.row]));
        if taking != 0 && self.shape.is_conditional {
            taking = self.meets_tests(ring, row, view, taking);
            if taking & self.shape.general != 0 {
                taking = self.meets_conditions(Some(cell), row, taking, keys);
            }
        }
        let alive = self.taken(Some(cell), row, taking, out);
        if alive != before {
            self.runs = self.runs + u64::from(alive.count_ones()) - u64::from(before.count_ones());
        }
        self.cells.change(cell);
        self.rings.put(cell, alive, row.row, &view.writes);
    }

    /// An event of a key without runs.
    fn first_event(&mut self, row: &Row<'_>, view: &BatchView<'_>, keys: &KeyTable, out: &mut Findings) {
        let taking = self.meets_conditions(None, row, 1, keys);
        let alive = self.taken(None, row, taking, out);
        if alive != 0 {
            self.runs += 1;
            let cell = self.cells.claim(row.key);
            self.rings.reset(cell);
            self.rings.put(cell, alive, row.row, &view.writes);
        }
    }

    /// The runs that are alive after an event that these have taken. One that has taken all is told.
    #[inline]
    fn taken(&self, cell: Option<CellId>, row: &Row<'_>, taking: u64, out: &mut Findings) -> u64 {
        let alive = taking << 1;
        let complete = 1 << self.shape.len();
        if alive & complete == 0 {
            return alive;
        }
        self.found(cell, row, out);
        alive & self.shape.kept & !complete
    }

    /// Which of the runs that take the event meet the comparisons.
    #[inline]
    fn meets_tests(&self, ring: Ring<'_>, row: &Row<'_>, view: &BatchView<'_>, mut taking: u64) -> u64 {
        for (test, column) in self.shape.tests.iter().zip(&view.tests) {
            if taking & test.links != 0 && !self.meets(test, *column, ring, row) {
                taking &= !test.links;
            }
        }
        taking
    }

    #[inline]
    fn meets(&self, test: &Test, column: ColumnView<'_>, ring: Ring<'_>, row: &Row<'_>) -> bool {
        let event = ring.event(test.back);
        let held = Writer::word(event, test.captured);
        let (Some(left), Some(right)) = (column.word(row.row), held) else { return false };
        if !test.is_text {
            return test.op.meets((left as i64).cmp(&(right as i64)));
        }
        let is_equal = left == right || (left >> 32 != right >> 32 && self.is_same_text(test, event, row));
        is_equal == (test.op == CompareOp::Equal)
    }

    /// Whether two texts of different dictionaries are equal.
    #[cold]
    fn is_same_text(&self, test: &Test, event: &[u64], row: &Row<'_>) -> bool {
        row.fields(&self.plan.pattern).slot(test.candidate) == self.writer.value(event, test.held)
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
        let of_cell = |cell| self.rings.of(cell).held(link, &self.shape.linear, &self.writer);
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
    fn found(&self, cell: Option<CellId>, row: &Row<'_>, out: &mut Findings) {
        let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
        let first = block.len();
        let links = &self.shape.linear.links;
        let count = links.len();
        let (last, before) = links.split_last().expect("no pattern is empty");
        if let Some(cell) = cell {
            for (at, link) in before.iter().enumerate() {
                block.push_written(&self.writer, self.rings.of(cell).event(count - 1 - at), link.step);
            }
        }
        block.push_row(row, &self.plan.pattern.sources[row.source].fields, last.step);
        let pattern = self.plan.pattern.id;
        out.found.push(KeyFound::flat(pattern, row.key, Kind::Match, row.time(), (first, count)));
    }

    /// Gives back the cells of keys whose runs the window has ended. A hand goes round over all cells once in a window,
    /// so that a cell is kept for two windows at most, and what is done for one event is little.
    fn expire(&mut self, now: EventTime) {
        self.writer.forget(self.shape.within, now);
        for _ in 0..self.hand.steps(self.cells.keys().len(), self.shape.within, now) {
            let Some(cell) = self.hand.next(self.cells.keys()) else { continue };
            let ring = self.rings.of(cell);
            let alive = ring.alive();
            if alive == 0 || ring.newest().plus(self.shape.within) <= now {
                self.runs -= u64::from(alive.count_ones());
                self.rings.set_alive(cell, 0);
                self.cells.release(cell);
            }
        }
        if self.cells.is_empty() {
            self.rings.free_room();
        }
    }
}

/// What is asked and written of the events of a batch.
struct BatchView<'a> {
    times: &'a [EventTime],
    writes: View<'a>,
    /// For each test the candidate's field.
    tests: Vec<ColumnView<'a>>,
    /// What the steps ask, each with the links that take its events.
    steps: Vec<(Part<'a>, u64)>,
}

impl BatchView<'_> {
    /// The links that an event fits, as far as that can be said without a run.
    #[inline]
    fn fits(&self, row: usize) -> u64 {
        let fits = |(part, links): &(Part<'_>, u64)| if part.holds(row) { *links } else { 0 };
        self.steps.iter().fold(0, |all, step| all | fits(step))
    }
}

impl Executor for Strict {
    fn events(&mut self, chunk: &Chunk<'_>, keys: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        // An event that fits nothing still stands between two others.
        let wanted = if self.shape.len() == 1 { Wanted::FitsAStep } else { Wanted::All };
        chunk.lens.visit_groups(chunk.rows, wanted, |group| self.take(group, chunk.lens, keys, out));
        Ok(())
    }

    fn advance(&mut self, to: EventTime, _: &KeyTable, _: &mut Findings) {
        self.expire(to);
    }

    fn finish(&mut self, _: &KeyTable, _: &mut Findings) {
        self.cells.clear();
        self.rings.clear();
        self.writer.clear();
        self.runs = 0;
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, now, visit);
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        for (cell, _) in self.cells.iter() {
            let ring = self.rings.of(cell);
            ring.starts(ring.alive_within(self.shape.within, now))
                .for_each(|(_, time)| visit(self.plan.pattern.id, time));
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
        let mut touched = Vec::new();
        for (cell, key) in self.cells.iter() {
            let ring = self.rings.of(cell);
            let before = ring.alive();
            let alive = ring.alive_within(self.shape.within, now);
            let goes = ring.starts(alive).filter(|(_, time)| cut.drops(*time));
            let (ended, oldest) = goes
                .fold((0, EventTime::END), |(ended, oldest), (bit, time)| (ended | bit, oldest.min(time)));
            self.rings.set_alive(cell, alive & !ended);
            touched.push(cell);
            self.runs -= u64::from((before & !(alive & !ended)).count_ones());
            dropped.add(u64::from(ended.count_ones()), oldest, keys.values(key));
        }
        touched.into_iter().for_each(|cell| self.cells.change(cell));
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
        tell(&self.cells.take_pending(which), keys, sink, |cell, record| {
            let ring = self.rings.of(cell);
            let alive = ring.alive_within(self.shape.within, now);
            if alive != 0 {
                let saved = ring.save(alive, &self.writer, &mut Codec::saving(&mut record.bytes));
                saved.expect("what is held can be saved");
            }
        });
        self.cells.is_telling()
    }

    fn load(&mut self, saved: &[SavedKey<'_>], _: EventTime) -> Coded {
        for SavedKey { key, bytes, .. } in saved {
            let cell = self.cells.take_up(*key);
            self.rings.reset(cell);
            let mut codec = Codec::loading(bytes);
            self.rings.load(cell, &mut self.writer, &mut codec)?;
            codec.end()?;
            self.runs += u64::from(self.rings.of(cell).alive().count_ones());
        }
        Ok(())
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let unchanged = self.cells.unchanged(at_most);
        let evict = |(cell, key)| {
            let ring = self.rings.of(cell);
            let (alive, newest) = (ring.alive(), ring.newest());
            self.runs -= u64::from(alive.count_ones());
            self.rings.set_alive(cell, 0);
            self.cells.evict(cell);
            (key, newest.plus(self.shape.within))
        };
        unchanged.into_iter().map(evict).collect()
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
