//! The general executor: any pattern, one object per open run.
//!
//! Runs of one start share the events they have in common (a tree of nodes linked to their parents), what an event
//! fits without looking at a run is worked out once per event, and time-outs come from a queue of keys by deadline.
//! The cost of an event is a few nanoseconds to some dozen for each open run *of its key*, however many keys there are.

mod key;
mod queue;
mod run;
mod select;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::key::{Context, KeyRuns};
use self::queue::DeadlineQueue;
use super::{Arrival, Executor, Faults, KeepExceeded, KeyFound, Nothing, Plan, Scope, Usage, is_true};
use crate::event::{StepId, Value};
use crate::lang::hir::Word;
use crate::nfa::Position;
use crate::time::EventTime;

/// The general executor for one pattern.
#[derive(Debug)]
pub struct Runs {
    plan: Arc<Plan>,
    faults: Faults,
    slots: FxHashMap<Box<[u8]>, u32>,
    keys: Vec<Option<KeySlot>>,
    free: Vec<u32>,
    queue: DeadlineQueue,
    usage: Usage,
    key_bytes: Vec<u8>,
    local: LocalFits,
    /// Whether an event that fits no step can change nothing.
    ignores_strangers: bool,
}

#[derive(Debug)]
struct KeySlot {
    bytes: Box<[u8]>,
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
            faults: Faults::default(),
            slots: FxHashMap::default(),
            keys: Vec::new(),
            free: Vec::new(),
            queue: DeadlineQueue::default(),
            usage: Usage::default(),
            key_bytes: Vec::new(),
            local: LocalFits::default(),
        }
    }

    /// Works out what the event fits locally. Says to which keys it can matter.
    fn look(&mut self, keys: &[Value], arrival: &dyn Arrival) -> Matters {
        let pattern = &self.plan.pattern;
        let scope = Scope {
            pattern,
            candidate: Some(as_fields(&arrival)),
            held: &Nothing,
            entering: &[],
            keys,
            faults: &self.faults,
        };
        self.local.0.clear();
        self.local.0.extend(pattern.steps.iter().map(|step| {
            step.sources.contains(&arrival.source())
                && step.conditions.iter().all(|part| !part.local || is_true(&part.expr, &scope))
        }));
        if self.ignores_strangers && !self.local.0.contains(&true) {
            return Matters::Never;
        }
        let automaton = &self.plan.automaton;
        let starts = automaton.start.iter().flat_map(|way| &way.targets);
        let mut first_steps = starts.map(|target| automaton.position(*target).step);
        let can_begin = first_steps.any(|step| self.local.has(step))
            || automaton.leading.iter().any(|absence| self.local.has(absence.step));
        if can_begin { Matters::Always } else { Matters::ToOpenRuns }
    }

    fn slot_of(&mut self, keys: &[Value], create: bool) -> Option<u32> {
        encode_key(keys, &mut self.key_bytes);
        if let Some(slot) = self.slots.get(&*self.key_bytes) {
            return Some(*slot);
        }
        if !create {
            return None;
        }
        let bytes: Box<[u8]> = self.key_bytes.as_slice().into();
        let slot = KeySlot { bytes: bytes.clone(), keys: keys.into(), runs: KeyRuns::default() };
        self.usage.bytes += slot.runs.bytes();
        let at = match self.free.pop() {
            Some(at) => {
                self.keys[at as usize] = Some(slot);
                at
            }
            None => {
                self.keys.push(Some(slot));
                self.keys.len() as u32 - 1
            }
        };
        let slot = self.keys[at as usize].as_ref().expect("the slot just filled");
        self.usage.bytes += slot.runs.bytes();
        self.slots.insert(bytes, at);
        self.usage.keys += 1;
        Some(at)
    }

    /// Runs `work` on the state of a key, then brings the books and the queue up to date.
    fn with_key<T>(
        &mut self,
        slot: u32,
        now: EventTime,
        out: &mut Vec<KeyFound>,
        work: impl FnOnce(&mut KeyRuns, &Context<'_>, &LocalFits) -> T,
    ) -> T {
        let key = self.keys[slot as usize].as_mut().expect("a slot in use has a key");
        let context = Context { plan: &self.plan, keys: &key.keys, faults: &self.faults };
        let runs_before = key.runs.run_count();
        let bytes_before = key.runs.bytes();
        let result = work(&mut key.runs, &context, &self.local);
        self.usage.runs = self.usage.runs + key.runs.run_count() - runs_before;
        self.usage.bytes = self.usage.bytes + key.runs.bytes() - bytes_before;
        let (suppressed, dropped) = key.runs.take_held_back();
        self.usage.suppressed += suppressed;
        self.usage.dropped += dropped;
        let keys = &key.keys;
        out.extend(key.runs.take_found().map(|found| KeyFound { keys: Arc::clone(keys), found }));
        match key.runs.next_deadline(&self.plan) {
            Some(deadline) => self.queue.set(slot, deadline.max(now)),
            None if key.runs.is_idle(&self.plan) => self.remove(slot),
            None => {}
        }
        result
    }

    fn remove(&mut self, slot: u32) {
        let key = self.keys[slot as usize].take().expect("a slot in use has a key");
        self.usage.bytes -= key.runs.bytes();
        self.slots.remove(&key.bytes);
        self.free.push(slot);
        self.usage.keys -= 1;
    }
}

/// To which keys an event can matter.
enum Matters {
    Never,
    ToOpenRuns,
    Always,
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

/// An arrival's fields.
fn as_fields<'a>(arrival: &'a &dyn Arrival) -> &'a dyn super::Fields {
    *arrival
}

impl Executor for Runs {
    fn event(
        &mut self,
        keys: &[Value],
        arrival: &dyn Arrival,
        out: &mut Vec<KeyFound>,
    ) -> Result<(), KeepExceeded> {
        let create = match self.look(keys, arrival) {
            Matters::Never => return Ok(()),
            Matters::ToOpenRuns => false,
            Matters::Always => true,
        };
        let Some(slot) = self.slot_of(keys, create) else { return Ok(()) };
        self.with_key(slot, arrival.time(), out, |runs, context, local| runs.event(context, local, arrival))
    }

    fn advance(&mut self, to: EventTime, out: &mut Vec<KeyFound>) {
        while let Some(slot) = self.queue.pop(to) {
            if self.keys[slot as usize].is_some() {
                self.with_key(slot, to, out, |runs, context, _| runs.advance(context, to));
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<KeyFound>) {
        for slot in 0..self.keys.len() as u32 {
            if self.keys[slot as usize].is_some() {
                self.with_key(slot, EventTime::END, out, |runs, context, _| runs.finish(context));
            }
        }
    }

    fn usage(&self) -> Usage {
        Usage { faults: self.faults.count(), ..self.usage }
    }
}

/// A key as bytes that are equal exactly if the values are. Numbers of one field have one type.
fn encode_key(keys: &[Value], out: &mut Vec<u8>) {
    out.clear();
    for key in keys {
        match key {
            Value::Null => out.push(0),
            Value::Bool(value) => out.push(1 + u8::from(*value)),
            Value::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Float(value) => out.extend_from_slice(&(value + 0.0).to_bits().to_be_bytes()),
            Value::Decimal(value) => out.extend_from_slice(&value.units.to_be_bytes()),
            Value::Timestamp(value) => out.extend_from_slice(&value.micros().to_be_bytes()),
            Value::Duration(value) => out.extend_from_slice(&value.micros().to_be_bytes()),
            Value::String(value) => {
                out.extend_from_slice(&(value.len() as u32).to_be_bytes());
                out.extend_from_slice(value.as_bytes());
            }
        }
    }
}
