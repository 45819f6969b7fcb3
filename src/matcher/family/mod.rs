//! The executor for rule families: many patterns that differ only in the numbers they compare with.
//!
//! Two hundred rules with two hundred thresholds ask the same question of every event. One executor takes all of them: a
//! run is shared by all rules that are in the same place with the same events, and carries the set of these rules as a
//! bitmask. What an event fits is a mask too, found by a search among the sorted thresholds; a run whose rules disagree
//! splits in two. So the cost of an event does not depend on how many rules there are, but for the words of a mask.
//!
//! Sharing the state of rules that differ in constants goes back to Cayuga (Demers et al., CIDR 2007); the mask in place
//! of an automaton per rule is ours.

mod members;
mod regrouped;
mod saved;
mod shown;
mod thresholds;

use std::collections::VecDeque;
use std::sync::Arc;

use members::Test;
pub use members::{Family, RULES_MIN, families};
pub use regrouped::regrouped;
use thresholds::Position;

use super::capture::{Arena, Block, Handle, Layout};
use super::cells::{CELLS_CACHED, CellId, Cells, Which, free_room};
use super::chunk::{Group, Row, Wanted};
use super::executor::{Chunk, Findings};
use super::keys::{KeyId, KeyTable};
use super::saved::{SavedKey, Sink, add_deadlines, load_keys, tell};
use super::shown::OpenVisit;
use super::{Cut, Dropped, Exceeded, Executor, KeyFound, Kind, Usage};
use crate::codec::Coded;
use crate::event::{PatternId, StepId};
use crate::lang::hir::Step;
use crate::time::{Duration, EventTime};

/// The most positions of a chain.
const POSITIONS_MAX: usize = 8;

/// A set of rules.
type Mask<const WORDS: usize> = [u64; WORDS];

/// The most rules of a family; more are several families.
pub(super) const RULES_MAX: usize = 1024;

/// A run of some rules.
#[derive(Clone, Copy, Debug)]
struct Run<const WORDS: usize> {
    rules: Mask<WORDS>,
    began: EventTime,
    events: [Handle; POSITIONS_MAX],
    size: u8,
}

/// An executor for one family.
#[derive(Debug)]
struct Shared<const WORDS: usize> {
    /// The patterns, by the number of their bit.
    rules: Vec<PatternId>,
    positions: Vec<Position<WORDS>>,
    /// For each position the first that asks the same.
    same_tests: Vec<usize>,
    steps: Vec<StepId>,
    /// Whether no run begins any more.
    drains: bool,
    within: Duration,
    layout: Arc<Layout>,
    arena: Arena,
    cells: Cells,
    runs_of: Vec<Vec<Run<WORDS>>>,
    /// Keys with runs, by the time at which they are to be looked at again.
    windows: VecDeque<(EventTime, KeyId)>,
    runs: u64,
}

/// The executor of a family.
pub fn executor(family: &Family) -> Box<dyn Executor> {
    match family.rules.len() {
        0..=64 => Box::new(Shared::<1>::new(family)),
        65..=256 => Box::new(Shared::<4>::new(family)),
        _ => Box::new(Shared::<16>::new(family)),
    }
}

impl<const WORDS: usize> Shared<WORDS> {
    fn new(family: &Family) -> Shared<WORDS> {
        let pattern = &family.loosest.pattern;
        let layout = Arc::new(Layout::of(pattern).expect("members were taken with their layout"));
        let asked: Vec<_> =
            family.steps.iter().map(|step| pattern.step(*step)).zip(&family.positions).collect();
        let positions: Vec<Position<WORDS>> =
            asked.iter().map(|(step, tests)| Position::new(pattern, step, tests)).collect();
        let same_tests = asked.iter().map(|(step, tests)| {
            let is_same =
                |(other, others): &(&Step, &Vec<Test>)| other.sources == step.sources && others == tests;
            asked.iter().position(is_same).expect("it equals itself")
        });
        Shared {
            same_tests: same_tests.collect(),
            rules: family.rules.clone(),
            steps: family.steps.clone(),
            drains: pattern.drains,
            within: pattern.within.expect("members have a window"),
            arena: Arena::new(pattern, Arc::clone(&layout)),
            layout,
            positions,
            cells: Cells::default(),
            runs_of: Vec::new(),
            windows: VecDeque::new(),
            runs: 0,
        }
    }

    /// Reads something of the runs of each key, where there are more than the cache holds: asked for one after another,
    /// they come at the same time.
    fn touch(&self, group: &Group<'_>) {
        if self.cells.len() > CELLS_CACHED {
            let cells = group.keys().filter_map(|key| self.cells.find(key));
            let runs = cells.filter_map(|cell| self.runs_of[cell as usize].first());
            std::hint::black_box(runs.fold(0, |sum, run| sum ^ run.began.micros()));
        }
    }

    fn event(&mut self, row: &Row<'_>, out: &mut Findings) {
        let first = self.positions[0].rules(row);
        let begins = if self.drains { [0; WORDS] } else { first };
        let slot = match self.cells.find(row.key) {
            Some(slot) => slot,
            None if is_any(&begins) => self.add_cell(row),
            None => return,
        };
        let mut cell = std::mem::take(&mut self.runs_of[slot as usize]);
        let before = cell.len();
        self.runs -= before as u64;
        let began_before = row.time().minus(self.within);
        cell.retain(|run| run.began > began_before);
        let mut event = None;
        self.offer(&mut cell, row, (&first, &mut event), out);
        if is_any(&begins) {
            let handle = *event.get_or_insert_with(|| self.arena.capture(row));
            let mut events = [0; POSITIONS_MAX];
            events[0] = handle;
            cell.push(Run { rules: begins, began: row.time(), events, size: 1 });
        }
        self.runs += cell.len() as u64;
        if event.is_some() || cell.len() != before {
            self.cells.change(slot);
        }
        let is_empty = cell.is_empty();
        self.runs_of[slot as usize] = cell;
        if is_empty {
            self.remove_cell(slot);
        }
    }

    /// Every rule of every run takes the event where it fits.
    fn offer(
        &mut self,
        cell: &mut Vec<Run<WORDS>>,
        row: &Row<'_>,
        (first, event): (&Mask<WORDS>, &mut Option<Handle>),
        out: &mut Findings,
    ) {
        // Of every position the rules that take the event, once they were asked for.
        let mut fits: [Mask<WORDS>; POSITIONS_MAX] = [[0; WORDS]; POSITIONS_MAX];
        fits[0] = *first;
        let mut known = 1_u32;
        let mut has_spent = false;
        for at in 0..cell.len() {
            let size = cell[at].size as usize;
            let asked = self.same_tests[size];
            if known >> asked & 1 == 0 {
                known |= 1 << asked;
                fits[asked] = self.positions[asked].rules(row);
            }
            let taking = intersection(&cell[at].rules, &fits[asked]);
            if !is_any(&taking) {
                continue;
            }
            let handle = *event.get_or_insert_with(|| self.arena.capture(row));
            let mut moved = Run { rules: taking, ..cell[at] };
            moved.events[size] = handle;
            moved.size += 1;
            if size + 1 == self.positions.len() {
                self.tell(&moved, row, out);
            } else {
                cell.push(moved);
            }
            let left = &mut cell[at].rules;
            left.iter_mut().zip(&taking).for_each(|(left, taking)| *left &= !taking);
            has_spent |= !is_any(left);
        }
        if has_spent {
            cell.retain(|run| is_any(&run.rules));
        }
    }

    /// A match of each of the rules.
    fn tell(&self, run: &Run<WORDS>, row: &Row<'_>, out: &mut Findings) {
        let block = out.block.get_or_insert_with(|| Block::new(Arc::clone(&self.layout)));
        let first = block.len();
        for (handle, step) in run.events.iter().zip(&self.steps) {
            block.push(&self.arena, *handle, *step);
        }
        for (index, word) in run.rules.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let rule = index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                let (pattern, events) = (self.rules[rule], (first, self.steps.len()));
                out.found.push(KeyFound::flat(pattern, row.key, Kind::Match, row.time(), events));
            }
        }
    }

    fn add_cell(&mut self, row: &Row<'_>) -> CellId {
        let slot = self.cells.claim(row.key);
        if slot as usize == self.runs_of.len() {
            self.runs_of.push(Vec::new());
        }
        self.windows.push_back((row.time().plus(self.within), row.key));
        slot
    }

    fn remove_cell(&mut self, slot: CellId) {
        self.runs_of[slot as usize] = Vec::new();
        self.cells.release(slot);
    }

    /// Ends the runs of a key whose window has closed. Says whether some are left.
    fn end_runs(&mut self, key: KeyId, to: EventTime) -> bool {
        let Some(slot) = self.cells.find(key) else { return false };
        let cell = &mut self.runs_of[slot as usize];
        let before = cell.len();
        cell.retain(|run| run.began > to.minus(self.within));
        self.runs -= (before - cell.len()) as u64;
        if cell.len() != before {
            self.cells.change(slot);
        }
        if cell.is_empty() {
            self.remove_cell(slot);
            return false;
        }
        true
    }
}

fn is_any<const WORDS: usize>(mask: &Mask<WORDS>) -> bool {
    mask.iter().fold(0, |any, word| any | word) != 0
}

fn intersection<const WORDS: usize>(left: &Mask<WORDS>, right: &Mask<WORDS>) -> Mask<WORDS> {
    std::array::from_fn(|word| left[word] & right[word])
}

impl<const WORDS: usize> Executor for Shared<WORDS> {
    fn events(&mut self, chunk: &Chunk<'_>, _: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        chunk.lens.visit_groups(chunk.rows, Wanted::FitsAStep, |group| {
            self.touch(group);
            group.rows().for_each(|row| self.event(&row, out));
        });
        Ok(())
    }

    fn advance(&mut self, to: EventTime, _: &KeyTable, _: &mut Findings) {
        while let Some((_, key)) = self.windows.front().copied().filter(|(at, _)| *at <= to) {
            self.windows.pop_front();
            if self.end_runs(key, to) {
                self.windows.push_back((to.plus(self.within), key));
            }
        }
        if self.cells.is_empty() {
            free_room(&mut self.runs_of);
            self.windows = VecDeque::new();
            self.arena.clear();
        }
        self.arena.free_before(to.minus(self.within));
    }

    fn finish(&mut self, keys: &KeyTable, out: &mut Findings) {
        self.advance(EventTime::END, keys, out);
        self.arena.clear();
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, now, visit);
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        let cells = self.cells.iter().flat_map(|(slot, _)| &self.runs_of[slot as usize]);
        for run in cells.filter(|run| run.began.plus(self.within) > now) {
            for (rule, pattern) in self.rules.iter().enumerate() {
                if run.rules[rule / 64] >> (rule % 64) & 1 == 1 {
                    visit(*pattern, run.began);
                }
            }
        }
    }

    fn drop_starts(
        &mut self,
        pattern: PatternId,
        cut: Cut,
        now: EventTime,
        keys: &KeyTable,
        _: &mut Findings,
    ) -> Dropped {
        let mut dropped = Dropped::default();
        let Some(rule) = self.rules.iter().position(|rule| *rule == pattern) else { return dropped };
        for (slot, key) in self.cells.iter().collect::<Vec<_>>() {
            if !self.end_runs(key, now) {
                continue;
            }
            let cell = &mut self.runs_of[slot as usize];
            let (before, dropped_before) = (cell.len(), dropped.starts);
            cell.retain_mut(|run| {
                let word = &mut run.rules[rule / 64];
                if *word >> (rule % 64) & 1 == 1 && cut.drops(run.began) {
                    *word &= !(1 << (rule % 64));
                    dropped.add(1, run.began, keys.values(key));
                }
                is_any(&run.rules)
            });
            self.runs -= (before - cell.len()) as u64;
            if dropped.starts != dropped_before {
                self.cells.change(slot);
            }
            if cell.is_empty() {
                self.remove_cell(slot);
            }
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
        let about = (self.about(), now.minus(self.within));
        tell(&self.cells.take_pending(which), keys, sink, |cell, record| {
            let runs = &mut self.runs_of[cell as usize];
            if runs.iter().any(|run| run.began > about.1) {
                record.put(&self.arena, |codec| saved::walk(runs, about, &self.arena, codec));
            }
        });
        self.cells.is_telling()
    }

    fn load(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded {
        let about = (self.about(), now.minus(self.within));
        let mut windows = Vec::new();
        load_keys(&mut self.arena, saved, now, |key, arena, codec| {
            let mut runs = Vec::new();
            saved::walk(&mut runs, about, arena, codec)?;
            let slot = self.cells.take_up(key.key) as usize;
            self.runs += runs.len() as u64;
            let begun = runs.iter().map(|run| run.began).min();
            windows.extend(begun.map(|begun| (begun.plus(self.within), key.key)));
            self.runs_of.resize_with(self.runs_of.len().max(slot + 1), Vec::new);
            self.runs_of[slot] = runs;
            Ok(())
        })?;
        add_deadlines(&mut self.windows, windows);
        Ok(())
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let mut evicted = Vec::new();
        for (slot, key) in self.cells.unchanged(at_most) {
            let runs = std::mem::take(&mut self.runs_of[slot as usize]);
            let begun = runs.iter().map(|run| run.began).max().unwrap_or(EventTime::START);
            evicted.push((key, begun.plus(self.within)));
            self.runs -= runs.len() as u64;
            self.cells.evict(slot);
        }
        if !evicted.is_empty() {
            let runs = &mut self.runs_of;
            let events = |run: &mut Run<WORDS>, visit: &mut dyn FnMut(&mut Handle)| {
                run.events[..usize::from(run.size)].iter_mut().for_each(visit);
            };
            self.arena.compact(|visit| runs.iter_mut().flatten().for_each(|run| events(run, visit)));
        }
        evicted
    }

    fn usage(&self) -> Usage {
        let runs = self.runs * size_of::<Run<WORDS>>() as u64;
        let queue = self.windows.len() * size_of::<(EventTime, KeyId)>();
        Usage {
            keys: self.cells.len(),
            runs: self.runs,
            bytes: runs + queue as u64 + self.cells.bytes() + self.arena.bytes(),
            ..Usage::default()
        }
    }
}
