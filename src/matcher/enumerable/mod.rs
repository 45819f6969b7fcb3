//! The executor for chains of `then any` under `match all`.
//!
//! Every event that fits a link may be taken by every run that waits for it, so the runs are all choices of events in
//! order: many more than there are events. None of them is made. A key keeps, for each link but the last, the events
//! that fit it, in order of time; when an event of the last link comes, the matches that it completes are read off.
//!
//! Before that the newest event that each link can have is found from the last link to the first: the newest of its
//! events before the newest of the next link. No choice that keeps below these bounds comes to a dead end, so the cost
//! is that of the matches themselves, and an event that completes none costs no more than a few searches, however many
//! partial matches there are.
//!
//! The last link may ask that its event has values equal to those of the first (`country == a.country`): the events of
//! the first link then stand in a hash table by these values.

mod join;
mod saved;
mod shown;
mod state;

use std::convert::Infallible;
use std::sync::Arc;

use self::join::Join;
use self::state::{Item, Queue, State, count_before, prune};
use super::capture::{Arena, Block, Handle, Layout, is_before};
use super::cells::{CellId, Cells, Expiry, Which, free_room};
use super::chunk::{Row, Wanted};
use super::executor::{Chunk, Findings, KeyFound};
use super::keys::{KeyId, KeyTable};
use super::linear::{self, Linear, refused};
use super::predicates::SourcePredicates;
use super::saved::{SavedKey, Sink};
use super::shown::OpenVisit;
use super::{Bounds, Cut, Dropped, Exceeded, Executor, Kind, Plan, Refused, Usage};
use crate::codec::Coded;
use crate::event::{PatternId, StepId};
use crate::lang::hir::{Mode, Skip, Word};
use crate::time::{Duration, EventTime};

/// The executor for chains with `then any` alone.
#[derive(Debug)]
pub(super) struct Enumerable {
    plan: Arc<Plan>,
    linear: Linear,
    within: Duration,
    /// The distinct steps, each with the links that take its events.
    steps: Vec<(StepId, u64)>,
    join: Join,
    layout: Arc<Layout>,
    arena: Arena,
    cells: Cells,
    states: Vec<State>,
    expiry: Expiry,
    /// Events in queues.
    held: u64,
    /// The most matches that an event may complete.
    matches_max: u64,
    choice: Choice,
}

/// The events of the match under way, and the newest that each link can have.
#[derive(Debug, Default)]
struct Choice {
    /// For each link but the last: so many of its events may be chosen.
    ends: Vec<usize>,
    events: Vec<Handle>,
}

impl Enumerable {
    /// An executor that holds nothing yet.
    ///
    /// # Errors
    ///
    /// Why the pattern is not for it.
    pub(super) fn new(plan: &Arc<Plan>) -> Result<Enumerable, Refused> {
        let linear = Linear::of(plan)?;
        let within = check(plan, &linear)?;
        let Some(layout) = Layout::of(&plan.pattern).map(Arc::new) else {
            return refused("it reads more than 28 fields of events that are held");
        };
        Ok(Enumerable {
            within,
            steps: linear.steps(),
            join: Join::of(plan, &linear, &layout)?,
            arena: Arena::new(&plan.pattern, Arc::clone(&layout)),
            plan: Arc::clone(plan),
            linear,
            layout,
            cells: Cells::default(),
            states: Vec::new(),
            expiry: Expiry::new(within),
            held: 0,
            matches_max: u64::MAX,
            choice: Choice::default(),
        })
    }

    fn event(&mut self, row: &Row<'_>, asked: &SourcePredicates, out: &mut Findings) {
        let mut fits: u64 = 0;
        for (step, links) in &self.steps {
            if row.fits(asked.steps[step.index()]) {
                fits |= links;
            }
        }
        if self.plan.pattern.drains {
            fits &= !1;
        }
        let mut cell = self.cells.find(row.key);
        if cell.is_none() && fits & 1 == 0 {
            return;
        }
        let last = self.linear.links.len() - 1;
        let mut handle = None;
        // From the last link to the first, so that no match takes the event twice.
        if let Some(cell) = cell {
            if fits >> last & 1 == 1 {
                self.complete(cell, row, out);
            }
            let mut middle = fits & !(1 | 1 << last);
            while middle != 0 {
                let link = middle.ilog2() as usize;
                middle ^= 1 << link;
                self.add(cell, link, row, &mut handle);
            }
        }
        if fits & 1 == 1
            && let Some(values) = self.join.of_first(row)
        {
            let cell = *cell.get_or_insert_with(|| self.claim(row));
            let item = self.item(row, &mut handle);
            let state = &mut self.states[cell as usize];
            let queue = state.first.entry(values).or_default();
            let pruned = prune(queue, self.within, row.time());
            queue.push_back(item);
            state.first_len = state.first_len + 1 - pruned as u64;
            state.newest = row.time();
            self.held = self.held + 1 - pruned as u64;
            self.cells.change(cell);
        }
    }

    fn claim(&mut self, row: &Row<'_>) -> CellId {
        let cell = self.cells.claim(row.key);
        if self.states.len() <= cell as usize {
            self.states.resize_with(cell as usize + 1, State::default);
        }
        self.states[cell as usize].open(self.linear.links.len());
        self.expiry.set(cell, row.time().plus(self.within));
        cell
    }

    /// The event as an item of a queue; captured once for all of them.
    fn item(&mut self, row: &Row<'_>, handle: &mut Option<Handle>) -> Item {
        let handle = *handle.get_or_insert_with(|| self.arena.capture(row));
        Item { time: row.time(), handle }
    }

    /// Adds the event to the queue of a link behind the first, if anything can come before it.
    fn add(&mut self, cell: CellId, link: usize, row: &Row<'_>, handle: &mut Option<Handle>) {
        let state = &self.states[cell as usize];
        let can_follow = if link == 1 { state.first_len > 0 } else { !state.middle[link - 2].is_empty() };
        if !can_follow {
            return;
        }
        let item = self.item(row, handle);
        let state = &mut self.states[cell as usize];
        let queue = &mut state.middle[link - 1];
        let pruned = prune(queue, self.within, row.time());
        queue.push_back(item);
        state.newest = row.time();
        self.held = self.held + 1 - pruned as u64;
        self.cells.change(cell);
    }

    /// Tells the matches that an event of the last link completes, the oldest choice first.
    fn complete(&mut self, cell: CellId, row: &Row<'_>, out: &mut Findings) {
        let Some(values) = self.join.of_last(row) else { return };
        let state = &mut self.states[cell as usize];
        let Some(first) = state.first.get_mut(&values) else { return };
        let pruned = prune(first, self.within, row.time());
        if pruned > 0 {
            state.first_len -= pruned as u64;
            self.held -= pruned as u64;
            self.cells.change(cell);
        }
        if first.is_empty() {
            state.first.remove(&values);
            return;
        }
        if !self.choice.bound(first, &state.middle) {
            return;
        }
        let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
        let mut telling = Telling {
            pattern: self.plan.pattern.id,
            arena: &self.arena,
            linear: &self.linear,
            row,
            fields: &self.plan.pattern.sources[row.source].fields,
            block,
            found: &mut out.found,
            // One more than may be, so that it shows.
            left: self.matches_max.saturating_add(1),
        };
        self.choice.events.clear();
        for item in first.range(..self.choice.ends[0]) {
            if self.join.is_equal(row, &self.arena, item.handle) {
                self.choice.events.push(item.handle);
                self.choice.choose(&state.middle, &mut telling);
                self.choice.events.pop();
            }
            if telling.left == 0 {
                return;
            }
        }
    }

    /// Frees what the window has ended, and the keys that hold nothing any more.
    fn expire(&mut self, now: EventTime) {
        while let Some(cells) = self.expiry.pop(now) {
            for cell in cells {
                let state = &mut self.states[cell as usize];
                let pruned = state.prune(self.within, now);
                self.held -= pruned;
                if state.first_len == 0 {
                    self.held -= state.close();
                    self.cells.release(cell);
                } else {
                    if pruned > 0 {
                        self.cells.change(cell);
                    }
                    // A busy key is looked at twice in a window.
                    let half = Duration::from_micros(self.within.micros() / 2);
                    let at = state.newest.plus(self.within).min(now.plus(half));
                    self.expiry.set(cell, at);
                }
            }
        }
        if self.cells.is_empty() {
            free_room(&mut self.states);
            self.arena.clear();
        }
        self.arena.free_before(now.minus(self.within));
    }
}

/// Gives the window, or what the pattern has that does not go.
fn check(plan: &Plan, linear: &Linear) -> Result<Duration, Refused> {
    linear::check_clauses(plan)?;
    if plan.pattern.limit.is_some() {
        return refused("`limit` lets matches of one moment out in an order of its own");
    }
    if plan.pattern.mode != Mode::All || plan.pattern.skip != Skip::None {
        return refused("only under `match all`, without `skip`, does every choice give a match");
    }
    if !plan.pattern.timeout_emits.is_empty() {
        return refused("it tells timeouts");
    }
    if linear.wait.is_some() || linear.links.iter().any(|link| !link.absences.is_empty()) {
        return refused("it has an absence");
    }
    if linear.links.len() < 2 {
        return refused("a match has one event");
    }
    if linear.links.iter().skip(1).any(|link| link.word != Word::ThenAny) {
        return refused("not every event comes with `then any` after the one before it");
    }
    match plan.pattern.within {
        Some(within) => Ok(within),
        None => refused("it has no `within`, so what it holds is not bounded"),
    }
}

impl Choice {
    /// Finds what may be chosen for each link. Says whether there is a match.
    fn bound(&mut self, first: &Queue, middle: &[Queue]) -> bool {
        self.ends.clear();
        self.ends.resize(middle.len() + 1, 0);
        let mut before = None;
        for link in (0..=middle.len()).rev() {
            let queue = if link == 0 { first } else { &middle[link - 1] };
            let end = before.map_or(queue.len(), |before| count_before(queue, before));
            if end == 0 {
                return false;
            }
            self.ends[link] = end;
            before = Some(queue[end - 1].handle);
        }
        true
    }

    /// Tells every match that begins with the events chosen so far.
    fn choose(&mut self, middle: &[Queue], telling: &mut Telling<'_, '_>) {
        let link = self.events.len();
        let Some(queue) = middle.get(link - 1) else {
            telling.tell(&self.events);
            return;
        };
        let before = *self.events.last().expect("the first event is chosen");
        let start = queue.partition_point(|item| !is_before(before, item.handle));
        for item in queue.range(start..self.ends[link]) {
            self.events.push(item.handle);
            self.choose(middle, telling);
            self.events.pop();
            if telling.left == 0 {
                return;
            }
        }
    }
}

/// What it takes to tell the matches of one last event.
struct Telling<'a, 'r> {
    pattern: PatternId,
    arena: &'a Arena,
    linear: &'a Linear,
    row: &'a Row<'r>,
    fields: &'a [Option<usize>],
    block: &'a mut Block,
    found: &'a mut Vec<KeyFound>,
    /// How many more matches are told. The first in output order come first.
    left: u64,
}

impl Telling<'_, '_> {
    fn tell(&mut self, events: &[Handle]) {
        self.left -= 1;
        let first = self.block.len();
        for (handle, link) in events.iter().zip(&self.linear.links) {
            self.block.push(self.arena, *handle, link.step);
        }
        let last = self.linear.links.last().expect("no pattern is empty");
        self.block.push_row(self.row, self.fields, last.step);
        let (key, at) = (self.row.key, self.row.time());
        let events = (first, events.len() + 1);
        self.found.push(KeyFound::flat(self.pattern, key, Kind::Match, at, events));
    }
}

impl Executor for Enumerable {
    fn set_bounds(&mut self, bounds: &Bounds) {
        self.matches_max = bounds.matches_per_event_max;
    }

    fn events(&mut self, chunk: &Chunk<'_>, _: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        let done: Result<(), Infallible> = chunk.lens.visit(chunk.rows, Wanted::FitsAStep, |row| {
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
        self.arena.clear();
        self.held = 0;
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, now, visit);
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        for (cell, _) in self.cells.iter() {
            let firsts = self.states[cell as usize].first.values().flatten();
            let open = firsts.filter(|item| item.time.plus(self.within) > now);
            open.for_each(|item| visit(self.plan.pattern.id, item.time));
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
            let state = &mut self.states[cell as usize];
            self.held -= state.prune(self.within, now);
            let (firsts, others, oldest) = state.cut(cut);
            self.held -= firsts + others;
            touched.push(cell);
            dropped.add(firsts, oldest, keys.values(key));
        }
        touched.into_iter().for_each(|cell| self.cells.change(cell));
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
        self.save_some(which, now, keys, sink);
        self.cells.is_telling()
    }

    fn load(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded {
        self.load_saved(saved, now)
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        self.evict_some(at_most)
    }

    fn usage(&self) -> Usage {
        let states = self.states.capacity() * size_of::<State>();
        // A map of one value with its queue, and a queue for each link between, are allocated for every key.
        let by_key = self.cells.len() as usize * (200 + self.linear.links.len() * 64);
        let held = self.held as usize * size_of::<Item>();
        Usage {
            keys: self.cells.len(),
            runs: self.held,
            bytes: (states + by_key + held) as u64 + self.cells.bytes() + self.arena.bytes(),
            ..Usage::default()
        }
    }
}
