//! The executor for chains whose matches are tallied: they are counted through, and never made.
//!
//! A run of a chain is nothing but a place, by how many events it has, as far as what comes next goes. So of all runs of
//! a key only what they come to is kept, place by place: a row of amounts (see [`algebra`]). What an event does to such a row
//! is linear: `then any` adds the runs of one place, each with the event, to the next; `then` moves them there; an absence
//! clears a place, and `next` clears it at every event. In other words, an event is a matrix with two diagonals, and the
//! row of now is the empty run times the matrices of all events so far.
//!
//! All events of a match lie in the window exactly if its first does, so what an event completes is the row that the
//! events of the window alone make:
//!
//! ```text
//! (1 0 0 …) · M(first in the window) · … · M(the event before)        at the last place, times the event
//! ```
//!
//! That is a product over a sliding window of something that can be multiplied and not divided, and two stacks do it (see
//! [`state`]). An event costs one multiplication with two diagonals on its way in and one when the stacks turn over,
//! which is when the oldest half of the window has gone: amortised the same for any window, and for any number of partial
//! and complete matches. One event in a window pays for all others. A key holds a few words for each event in the window that
//! could matter, never a run.
//!
//! Counting matches along their events in place of making them is the idea of GRETA (Poppe, Lei, Rundensteiner, Maier,
//! PVLDB 11(1), 2017); the two stacks are known from sliding window aggregation (Tangwongsan, Hirzel, Schneider, Wu,
//! PVLDB 8(7), 2015, and DEBS 2017, which also has a variant without the peaks).

mod algebra;
mod saved;
mod shown;
mod state;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use self::algebra::{Algebra, Values};
use self::state::{Counting, Effect, State};
use super::capture::{Block, Layout, cell_of};
use super::cells::{CellId, Cells, Expiry, Which, free_room};
use super::chunk::{Row, Wanted};
use super::executor::{Chunk, Findings, FoundEvents, KeyFound, TalliedFound};
use super::keys::{KeyId, KeyTable};
use super::linear::{self, Linear, refused};
use super::predicates::SourcePredicates;
use super::saved::{SavedKey, Sink};
use super::shown::OpenVisit;
use super::{Exceeded, Executor, Faults, Kind, Plan, Refused, Usage};
use crate::codec::Coded;
use crate::event::StepId;
use crate::lang::hir::Word;
use crate::time::{Duration, EventTime};

/// Why an amount cannot be had.
type Refusal = &'static str;

/// The most events of a match: the product has an amount for every two of them.
const PLACES_MAX: usize = 32;

/// The executor for tallies of chains.
#[derive(Debug)]
pub(super) struct Aggregate {
    plan: Arc<Plan>,
    counting: Counting,
    shape: Shape,
    layout: Arc<Layout>,
    cells: Cells,
    states: Vec<State>,
    expiry: Expiry,
    /// Events kept, and bytes outside of the states.
    held: u64,
    bytes: u64,
    faults: Faults,
    event: EventBuffer,
    scratch: Vec<u64>,
}

/// What an event that fits a step does, by place, a bit each.
#[derive(Clone, Copy, Default, Debug)]
struct Fit {
    takes: u64,
    /// Where an absence forbids it.
    breaks: u64,
}

#[derive(Debug)]
struct Shape {
    /// For each step that is asked for, what fitting it means.
    tests: Vec<(StepId, Fit)>,
    /// Places that every event clears: `next` comes after them.
    strict: u64,
    /// Places that the events they wait for clear: `then` comes after them.
    moving: u64,
    last: StepId,
    /// For each source the column of each covered field.
    columns: Vec<Vec<Option<usize>>>,
}

/// The covered fields of the event under way, and what it comes to; kept for their memory.
#[derive(Debug, Default)]
struct EventBuffer {
    nulls: u64,
    words: Vec<u64>,
    before: Vec<u64>,
    amount: Vec<u64>,
}

impl Aggregate {
    /// An executor that holds nothing yet.
    ///
    /// # Errors
    ///
    /// Why the pattern is not for it.
    pub(super) fn new(plan: &Arc<Plan>) -> Result<Aggregate, Refused> {
        let Some(tally) = &plan.pattern.tally else {
            return refused("it has no tally: its matches are told");
        };
        let linear = Linear::of(plan)?;
        let within = check(plan, &linear)?;
        let algebra = Algebra::of(&plan.pattern, tally, &linear).or_else(refused)?;
        let Some(layout) = Layout::of(&plan.pattern).map(Arc::new) else {
            return refused("it reads more than 28 fields of events that are held");
        };
        let amount = vec![0; algebra.width];
        let words = vec![0; algebra.fields.len()];
        Ok(Aggregate {
            shape: Shape::of(plan, &linear, &algebra),
            counting: Counting { algebra, places: linear.links.len(), within },
            plan: Arc::clone(plan),
            layout,
            cells: Cells::default(),
            states: Vec::new(),
            expiry: Expiry::new(within),
            held: 0,
            bytes: 0,
            faults: Faults::default(),
            event: EventBuffer { nulls: 0, words, before: amount.clone(), amount },
            scratch: Vec::new(),
        })
    }

    fn event(&mut self, row: &Row<'_>, asked: &SourcePredicates, out: &mut Findings) {
        let Fit { mut takes, breaks } = self.shape.fit(row, asked);
        if self.plan.pattern.drains {
            takes &= !1;
        }
        let mut cell = self.cells.find(row.key);
        if cell.is_none() && takes & 1 == 0 {
            return;
        }
        let last = 1 << (self.counting.places - 1);
        let takes_on = takes & !last;
        if takes != 0 {
            self.event.read(row, &self.shape.columns[row.source], &self.counting.algebra);
        }
        if let Some(cell) = cell {
            self.with_state(cell, |state, counting, scratch| state.evict(counting, row.time(), scratch));
        }
        if takes & last != 0 {
            self.complete(cell, row, out);
        }
        if takes_on & 1 == 1 && cell.is_none() {
            cell = Some(self.claim(row));
        }
        let Some(cell) = cell else { return };
        if takes_on & 1 == 0 && self.states[cell as usize].is_empty() {
            return;
        }
        let clears = (breaks | takes & self.shape.moving | self.shape.strict) & !1;
        let event = std::mem::take(&mut self.event);
        let effect = Effect { time: row.time(), takes: takes_on, clears, values: event.values() };
        self.with_state(cell, |state, counting, _| state.push(counting, effect));
        self.event = event;
    }

    /// Works on a state, and keeps the books.
    fn with_state(&mut self, cell: CellId, work: impl FnOnce(&mut State, &Counting, &mut Vec<u64>)) {
        if self.work_on(cell, work) {
            self.cells.change(cell);
        }
    }

    /// The same, without a word to those who note changes. Says whether there was one.
    fn work_on(&mut self, cell: CellId, work: impl FnOnce(&mut State, &Counting, &mut Vec<u64>)) -> bool {
        let state = &mut self.states[cell as usize];
        let (held, bytes) = (state.events, state.bytes());
        work(state, &self.counting, &mut self.scratch);
        self.held = self.held + state.events - held;
        self.bytes = self.bytes + state.bytes() - bytes;
        state.events != held
    }

    fn claim(&mut self, row: &Row<'_>) -> CellId {
        let cell = self.cells.claim(row.key);
        if self.states.len() <= cell as usize {
            self.states.resize_with(cell as usize + 1, State::default);
        }
        self.expiry.set(cell, row.time().plus(self.counting.within));
        cell
    }

    /// Tells what the matches come to that the event completes, if there is one.
    fn complete(&mut self, cell: Option<CellId>, row: &Row<'_>, out: &mut Findings) {
        let Counting { algebra, places, .. } = &self.counting;
        let place = places - 1;
        let mut event = std::mem::take(&mut self.event);
        match cell.map(|cell| &self.states[cell as usize]) {
            _ if place == 0 => algebra.set_one(&mut event.before),
            Some(state) if state.is_reached(&self.counting, place) => {
                state.at(&self.counting, place, &mut event.before);
            }
            _ => event.before[0] = 0,
        }
        if event.before[0] > 0 {
            event.amount.fill(0);
            let mut amount = std::mem::take(&mut event.amount);
            algebra.add_longer(&mut amount, &event.before, place, event.values());
            let values = algebra.results(&amount, &self.faults);
            event.amount = amount;
            let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
            let number = block.len();
            block.push_row(row, &self.plan.pattern.sources[row.source].fields, self.shape.last);
            out.found.push(KeyFound {
                pattern: self.plan.pattern.id,
                key: row.key,
                kind: Kind::Match,
                at: row.time(),
                completed: row.time(),
                events: FoundEvents::Tallied(Box::new(TalliedFound { event: number, values })),
            });
        }
        self.event = event;
    }

    /// Frees what the window has ended, and the keys that hold nothing any more.
    fn expire(&mut self, now: EventTime) {
        while let Some(cells) = self.expiry.pop(now) {
            for cell in cells {
                self.with_state(cell, |state, counting, scratch| state.evict(counting, now, scratch));
                let state = &mut self.states[cell as usize];
                if state.is_empty() {
                    self.bytes -= state.bytes();
                    *state = State::default();
                    self.cells.release(cell);
                } else {
                    // A busy key is looked at twice in a window.
                    let half = Duration::from_micros(self.counting.within.micros() / 2);
                    let at = state.newest.plus(self.counting.within).min(now.plus(half));
                    self.expiry.set(cell, at);
                }
            }
        }
        if self.cells.is_empty() {
            free_room(&mut self.states);
        }
    }
}

/// Gives the window, or what the pattern has that does not go.
fn check(plan: &Plan, linear: &Linear) -> Result<Duration, Refused> {
    linear::check_clauses(plan)?;
    if linear.wait.is_some() {
        return refused("it has an absence at the end");
    }
    if linear.links.iter().any(|link| !link.held_conditions.is_empty()) {
        return refused("a condition compares with an earlier step, so matches are made one by one");
    }
    if !linear::absences_are_local(plan, linear.links.iter().flat_map(|link| &link.absences).copied()) {
        return refused("an absence compares with an earlier step, so matches are made one by one");
    }
    if linear.links.len() > PLACES_MAX {
        return refused("a match has more than 32 events");
    }
    match plan.pattern.within {
        Some(within) => Ok(within),
        None if linear.links.len() == 1 => Ok(Duration::ZERO),
        None => refused("it has no `within`, so what it holds is not bounded"),
    }
}

impl Shape {
    fn of(plan: &Plan, linear: &Linear, algebra: &Algebra) -> Shape {
        let mut tests: Vec<(StepId, Fit)> = Vec::new();
        let mut of = |step: StepId, set: &dyn Fn(&mut Fit)| {
            let at = tests.iter().position(|(known, _)| *known == step).unwrap_or_else(|| {
                tests.push((step, Fit::default()));
                tests.len() - 1
            });
            set(&mut tests[at].1);
        };
        let (mut strict, mut moving) = (0, 0);
        for (place, link) in linear.links.iter().enumerate() {
            of(link.step, &|fit| fit.takes |= 1 << place);
            for absence in &link.absences {
                of(*absence, &|fit| fit.breaks |= 1 << place);
            }
            match link.word {
                _ if place == 0 => {}
                Word::Next => strict |= 1 << place,
                Word::Then => moving |= 1 << place,
                Word::ThenAny => {}
            }
        }
        let columns = |source: &crate::lang::hir::Source| {
            algebra.fields.iter().map(|field| source.fields[field.slot.index()]).collect()
        };
        Shape {
            tests,
            strict,
            moving,
            last: linear.links.last().expect("no pattern is empty").step,
            columns: plan.pattern.sources.iter().map(columns).collect(),
        }
    }

    fn fit(&self, row: &Row<'_>, asked: &SourcePredicates) -> Fit {
        let mut fit = Fit::default();
        for (step, means) in &self.tests {
            if row.fits(asked.steps[step.index()]) {
                fit.takes |= means.takes;
                fit.breaks |= means.breaks;
            }
        }
        fit
    }
}

impl EventBuffer {
    /// Reads the covered fields of an event.
    fn read(&mut self, row: &Row<'_>, columns: &[Option<usize>], algebra: &Algebra) {
        self.words.clear();
        self.nulls = 0;
        for (at, (field, column)) in algebra.fields.iter().zip(columns).enumerate() {
            let word = column.and_then(|column| cell_of(row.batch, row.row, column));
            self.nulls |= u64::from(word.is_none()) << at;
            self.words.push(word.map_or(0, |word| field.ordered(word) as u64));
        }
    }

    fn values(&self) -> Values<'_> {
        Values { nulls: self.nulls, words: &self.words }
    }
}

impl Executor for Aggregate {
    fn events(&mut self, chunk: &Chunk<'_>, _: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        // Where `next` stands, an event that fits nothing does something too.
        let wanted = if self.shape.strict == 0 { Wanted::FitsAStep } else { Wanted::All };
        let done: Result<(), Infallible> = chunk.lens.visit(chunk.rows, wanted, |row| {
            if self.expiry.is_due(row.time()) {
                self.expire(row.time());
            }
            self.event(&row, &chunk.lens.predicates[row.source], out);
            Ok(())
        });
        let Ok(()) = done;
        Ok(())
    }

    fn advance(&mut self, to: EventTime, _: &KeyTable, _: &mut Findings) {
        self.expire(to);
    }

    fn finish(&mut self, _: &KeyTable, _: &mut Findings) {
        self.cells.clear();
        self.states = Vec::new();
        self.expiry.clear();
        (self.held, self.bytes) = (0, 0);
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
        self.save_some(which, now, keys, sink);
        self.cells.is_telling()
    }

    fn load(&mut self, saved: &[SavedKey<'_>], _: EventTime) -> Coded {
        self.load_saved(saved)
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, now, visit);
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        self.evict_some(at_most)
    }

    fn usage(&self) -> Usage {
        let states = (self.states.capacity() * size_of::<State>()) as u64;
        Usage {
            keys: self.cells.len(),
            runs: self.held,
            bytes: states + self.bytes + self.cells.bytes(),
            faults: self.faults.count(),
            ..Usage::default()
        }
    }
}
