//! The general executor: any pattern, one object per open run.
//!
//! Runs of one start share the events they have in common (a tree of nodes linked to their parents), what an event
//! fits without looking at a run is worked out once per event, and time-outs come from a queue of keys by deadline.
//! The cost of an event is a few nanoseconds to some dozen for each open run *of its key*, however many keys there are.

mod key;
mod queue;
mod run;
mod saved;
mod select;
mod shown;

use std::sync::Arc;

use self::key::{Context, KeyRuns};
use self::queue::DeadlineQueue;
use super::bounds::shown_key;
use super::cells::{CellId, Cells, Which};
use super::chunk::{Row, Wanted};
use super::executor::{Chunk, Findings};
use super::keys::{KeyId, KeyTable};
use super::predicates::SourcePredicates;
use super::saved::{SavedKey, Sink, tell};
use super::shown::OpenVisit;
use super::{
    Arrival, Bound, Bounds, Cut, Dropped, Event, Exceeded, Executor, Faults, Fields, Order, Plan, Reached,
    Usage,
};
use crate::codec::Coded;
use crate::event::{PatternId, SlotId, StepId, Value};
use crate::lang::hir::{KeepPolicy, Word};
use crate::nfa::Position;
use crate::time::EventTime;

/// The general executor for one pattern.
#[derive(Debug)]
pub struct Runs {
    plan: Arc<Plan>,
    bounds: Bounds,
    /// The bounds that were told to be reached.
    reached: Vec<Bound>,
    faults: Faults,
    cells: Cells,
    keys: Vec<Option<KeySlot>>,
    queue: DeadlineQueue,
    usage: Usage,
    local: LocalFits,
    /// Whether an event that fits no step can change nothing.
    ignores_strangers: bool,
}

#[derive(Debug)]
struct KeySlot {
    keys: Arc<[Value]>,
    runs: KeyRuns,
}

/// For each step whether the event under way fits it as far as that can be said without a run.
#[derive(Debug, Default)]
struct LocalFits(Vec<bool>);

impl LocalFits {
    fn has(&self, step: StepId) -> bool {
        self.0[step.index()]
    }
}

impl Runs {
    /// An executor that holds nothing yet.
    pub fn new(plan: Arc<Plan>) -> Runs {
        Runs {
            ignores_strangers: ignores_strangers(&plan),
            plan,
            bounds: Bounds::default(),
            reached: Vec::new(),
            faults: Faults::default(),
            cells: Cells::default(),
            keys: Vec::new(),
            queue: DeadlineQueue::default(),
            usage: Usage::default(),
            local: LocalFits::default(),
        }
    }

    /// Notes what the event fits locally. Says whether it can matter to a key without runs.
    fn look(&mut self, row: &Row<'_>, asked: &SourcePredicates) -> bool {
        self.local.0.clear();
        self.local.0.extend(asked.steps.iter().map(|step| row.fits(*step)));
        self.plan.first_steps().any(|step| self.local.has(step))
    }

    fn cell_of(&mut self, id: KeyId, create: bool, keys: &KeyTable) -> Option<CellId> {
        if let Some(cell) = self.cells.find(id) {
            return Some(cell);
        }
        if !create {
            return None;
        }
        let slot = KeySlot { keys: Arc::clone(keys.values(id)), runs: KeyRuns::default() };
        self.usage.bytes += slot.runs.bytes();
        let cell = self.cells.claim(id);
        if cell as usize == self.keys.len() {
            self.keys.push(None);
        }
        self.keys[cell as usize] = Some(slot);
        self.usage.keys += 1;
        Some(cell)
    }

    /// Runs `work` on the state of a key, then brings the books and the queue up to date.
    fn with_key<T>(
        &mut self,
        slot: u32,
        now: EventTime,
        out: &mut Findings,
        work: impl FnOnce(&mut KeyRuns, &Context<'_>, &LocalFits) -> T,
    ) -> T {
        let key = self.keys[slot as usize].as_mut().expect("a slot in use has a key");
        let context =
            Context { plan: &self.plan, bounds: &self.bounds, keys: &key.keys, faults: &self.faults };
        let runs_before = key.runs.run_count();
        let bytes_before = key.runs.bytes();
        let result = work(&mut key.runs, &context, &self.local);
        self.cells.change(slot);
        self.usage.runs = self.usage.runs + key.runs.run_count() - runs_before;
        self.usage.bytes = self.usage.bytes + key.runs.bytes() - bytes_before;
        let held_back = key.runs.take_held_back();
        self.usage.suppressed += held_back.suppressed;
        self.usage.dropped += held_back.dropped;
        self.usage.ended += held_back.ended;
        let keys = &key.keys;
        let kept = self.plan.pattern.keep.map_or(0, |keep| u64::from(keep.count));
        for (bound, allowed, count) in [
            (Bound::Keep, kept, held_back.dropped),
            (Bound::RunsPerKey, self.bounds.runs_per_key_max, held_back.ended),
        ] {
            if count > 0 && !self.reached.contains(&bound) {
                self.reached.push(bound);
                let keys = Arc::clone(keys);
                out.reached.push(Reached { pattern: self.plan.pattern.id, bound, allowed, keys, at: now });
            }
        }
        let id = self.cells.keys()[slot as usize];
        key.runs.take_found().for_each(|found| out.push(self.plan.pattern.id, id, found));
        match key.runs.next_deadline(&self.plan) {
            Some(deadline) => self.queue.set(slot, deadline.max(now)),
            None if key.runs.is_idle(&self.plan) => self.remove(slot),
            None => {}
        }
        result
    }

    /// Many keys at once could take more than there is before anybody looks: this looks at every event.
    fn check_bytes(&self) -> Result<(), (Bound, u64)> {
        let allowed = self.bounds.state_bytes_max.unwrap_or(u64::MAX);
        // Where something is dropped for it, that comes between batches.
        let at_once =
            if self.bounds.policy == KeepPolicy::Fail { allowed } else { allowed.saturating_mul(2) };
        if self.usage.bytes > at_once { Err((Bound::State, allowed)) } else { Ok(()) }
    }

    fn exceeded(&self, (bound, allowed): (Bound, u64), keys: &[Value], at: Order) -> Exceeded {
        Exceeded { pattern: self.plan.pattern.name.clone(), bound, allowed, key: shown_key(keys), at }
    }

    fn remove(&mut self, slot: CellId) {
        let key = self.keys[slot as usize].take().expect("a slot in use has a key");
        self.usage.bytes -= key.runs.bytes();
        self.cells.release(slot);
        self.usage.keys -= 1;
    }
}

/// Whether every way waits for events that fit it, so that one that fits no step passes unseen: no `next`, no `until`.
fn ignores_strangers(plan: &Plan) -> bool {
    let automaton = &plan.automaton;
    let waits = |position: &Position| {
        position.ways.iter().all(|way| way.word != Word::Next)
            && position.next_absences.is_empty()
            && position.end.as_ref().is_none_or(|end| end.next.is_empty())
    };
    automaton.positions.iter().all(waits)
        && automaton.loops.iter().all(|one| one.until.is_none())
        && plan.pattern.groups.iter().all(|group| group.until.is_none())
}

/// A row on its way to the runs of its key.
struct RowArrival<'a> {
    row: Row<'a>,
    plan: &'a Plan,
}

impl Fields for RowArrival<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        self.row.fields(&self.plan.pattern).slot(slot)
    }
}

impl Arrival for RowArrival<'_> {
    fn time(&self) -> EventTime {
        self.row.time()
    }

    fn source(&self) -> usize {
        self.row.source
    }

    fn to_event(&self) -> Event {
        self.row.to_event(&self.plan.pattern)
    }
}

impl Executor for Runs {
    fn set_bounds(&mut self, bounds: &Bounds) {
        self.bounds = *bounds;
    }

    fn events(&mut self, chunk: &Chunk<'_>, keys: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        let wanted = if self.ignores_strangers { Wanted::FitsAStep } else { Wanted::All };
        let plan = Arc::clone(&self.plan);
        chunk.lens.visit(chunk.rows, wanted, |row| {
            let can_begin = self.look(&row, &chunk.lens.predicates[row.source]);
            let Some(slot) = self.cell_of(row.key, can_begin, keys) else { return Ok(()) };
            let arrival = RowArrival { row, plan: &plan };
            let taken = self
                .with_key(slot, row.time(), out, |runs, context, local| runs.event(context, local, &arrival));
            taken.and_then(|()| self.check_bytes()).map_err(|bound| {
                let at = Order { time: row.time(), position: row.position() };
                self.exceeded(bound, keys.values(row.key), at)
            })
        })
    }

    fn advance(&mut self, to: EventTime, _: &KeyTable, out: &mut Findings) {
        while let Some(slot) = self.queue.pop(to) {
            if self.keys[slot as usize].is_some() {
                self.with_key(slot, to, out, |runs, context, _| runs.advance(context, to));
            }
        }
    }

    fn finish(&mut self, _: &KeyTable, out: &mut Findings) {
        for slot in 0..self.keys.len() as u32 {
            if self.keys[slot as usize].is_some() {
                self.with_key(slot, EventTime::END, out, |runs, context, _| runs.finish(context));
            }
        }
    }

    fn each_open(&self, key: KeyId, _: EventTime, visit: &mut OpenVisit<'_>) {
        self.show(key, visit);
    }

    fn each_start(&self, _: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        for key in self.keys.iter().flatten() {
            key.runs.starts().into_iter().for_each(|start| visit(self.plan.pattern.id, start.time));
        }
    }

    fn drop_starts(
        &mut self,
        _: PatternId,
        cut: Cut,
        now: EventTime,
        _: &KeyTable,
        out: &mut Findings,
    ) -> Dropped {
        let mut dropped = Dropped::default();
        for slot in 0..self.keys.len() as u32 {
            let Some(key) = &self.keys[slot as usize] else { continue };
            let goes: Vec<Order> =
                key.runs.starts().into_iter().filter(|start| cut.drops(start.time)).collect();
            let Some(oldest) = goes.first() else { continue };
            dropped.add(goes.len() as u64, oldest.time, &key.keys);
            self.with_key(slot, now, out, |runs, context, _| runs.cut(context, cut, now));
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

    fn save(&mut self, which: Which<'_>, _: EventTime, keys: &KeyTable, sink: &mut Sink<'_>) -> bool {
        tell(&self.cells.take_pending(which), keys, sink, |cell, record| {
            if let Some(held) = &mut self.keys[cell as usize] {
                held.runs.save(&self.plan, &mut record.bytes);
            }
        });
        self.cells.is_telling()
    }

    fn due(&mut self, to: EventTime, keys: &mut Vec<KeyId>) {
        // Some have been given back.
        keys.extend(self.queue.due(to).filter_map(|slot| self.cells.keys().get(slot as usize)));
    }

    fn load(&mut self, saved: &[SavedKey<'_>], _: EventTime) -> Coded {
        for SavedKey { key, values, bytes } in saved {
            let runs = KeyRuns::load(&self.plan, bytes)?;
            let slot = self.cells.take_up(*key);
            if let Some(deadline) = runs.next_deadline(&self.plan) {
                self.queue.set(slot, deadline);
            }
            self.usage.keys += 1;
            self.usage.runs += runs.run_count();
            self.usage.bytes += runs.bytes();
            self.keys.resize_with(self.keys.len().max(slot as usize + 1), || None);
            self.keys[slot as usize] = Some(KeySlot { keys: Arc::clone(values), runs });
        }
        Ok(())
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let mut evicted = Vec::new();
        for (slot, key) in self.cells.unchanged(at_most) {
            let held = self.keys[slot as usize].take().expect("a slot in use has a key");
            evicted.push((key, held.runs.next_deadline(&self.plan).unwrap_or(EventTime::END)));
            self.usage.keys -= 1;
            self.usage.runs -= held.runs.run_count();
            self.usage.bytes -= held.runs.bytes();
            self.queue.unset(slot);
            self.cells.evict(slot);
        }
        evicted
    }

    fn usage(&self) -> Usage {
        Usage { faults: self.faults.count(), ..self.usage }
    }
}
