//! The state of an engine between two steps, on its way out of the process and back.
//!
//! Most of it belongs to keys, and is told key by key, only those that have changed since the last time. The *rest* is
//! small and is told whole: what waits for the watermark, what is found but may still be preceded, counts. An engine that
//! is given both again goes on as if nothing had happened, with any number of shards.

use std::sync::Arc;

use super::cold::ColdKeys;
use super::crew::Work;
use super::outcome::{Events, TalliedEvents};
use super::{Engine, EngineError, EventRef, Outcome, SavedKeys, Stats, UnitShape};
use crate::codec::{Codec, Coded, Damaged};
use crate::event::{Batch, PartitionId, PatternId, SlotId, SourcePosition, StepId, StreamId, Value};
use crate::lang::hir::Program;
use crate::matcher::chunk::Prepared;
use crate::matcher::{Bound, Event, Fields, Kind};
use crate::time::EventTime;

/// What a snapshot tells.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The keys that have changed since the last snapshot.
    pub keys: Vec<KeyState>,
    /// Everything else.
    pub rest: Vec<u8>,
}

/// The state of a key in a unit of the program: in one pattern, or in a family of them.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// The number of the unit, as [`Engine::units`] has it.
    pub unit: u32,
    /// The key.
    pub key: Arc<[Value]>,
    /// Its state; nothing where there is none any more.
    pub bytes: Vec<u8>,
}

impl Engine {
    /// Notes from now on which keys change. Said before the first event.
    pub fn track(&mut self) {
        self.exchange(Work::Track);
    }

    /// The units of the program. [`KeyState::unit`] is the number of one.
    pub fn units(&self) -> &[UnitShape] {
        &self.units
    }

    /// An epoch begins. Gives everything that is not of a key, as it is now; the state of the keys that have changed since
    /// the last epoch is told bit by bit while the engine goes on, each as it is now, and
    /// [taken](Engine::take_saved). Costs nothing for a key. Before it the outcomes and late events of the last step are
    /// to be taken: they are not part of it. The last epoch has been told.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn begin_epoch(&mut self) -> Result<Vec<u8>, EngineError> {
        self.settle()?;
        self.exchange(Work::BeginEpoch);
        let mut rest = Vec::new();
        let saved = self.save_rest(&mut Codec::saving(&mut rest));
        saved.expect("what is held can be saved");
        Ok(rest)
    }

    /// Whether keys of the epoch are still to be told.
    pub fn is_telling(&self) -> bool {
        self.is_telling
    }

    /// Takes the keys that were told, each once in an epoch.
    pub fn take_saved(&mut self) -> SavedKeys {
        std::mem::take(&mut self.saved)
    }

    /// Tells all that is still to be told of the epoch.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn tell_all(&mut self) -> Result<(), EngineError> {
        self.settle()?;
        self.exchange(Work::Save { at_most: usize::MAX });
        Ok(())
    }

    /// Keys that are [evicted](Engine::evict) are fetched from here. Said before the first event, or what is restored.
    pub fn fetch_from(&mut self, store: Arc<dyn ColdKeys>) {
        self.exchange(Work::FetchFrom(store));
    }

    /// Bytes of state of the keys that are in memory, about; 0 unless it is known where others are fetched from.
    pub fn hot_bytes(&self) -> u64 {
        self.hot_bytes.iter().sum()
    }

    /// Forgets the state of keys that have not changed since the last epoch began, of so many bytes, about: keys that
    /// nobody has touched for long, among others. What was told of them is where they are [fetched](Engine::fetch_from) from.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn evict(&mut self, bytes: u64) -> Result<(), EngineError> {
        self.settle()?;
        let share = bytes.div_ceil(self.hot_bytes.len() as u64);
        let answers = self.exchange(Work::Evict { bytes: share });
        for (shard, answer) in answers.into_iter().enumerate() {
            self.usage[shard] = answer.usage;
            self.key_usage[shard] = answer.key_usage;
        }
        self.add_up();
        Ok(())
    }

    /// A whole epoch at once.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn snapshot(&mut self) -> Result<Snapshot, EngineError> {
        let rest = self.begin_epoch()?;
        self.tell_all()?;
        Ok(Snapshot { keys: self.take_saved().to_states(), rest })
    }

    /// Takes what another engine for the same program has told: its last rest, and the last state of every key. Said
    /// before the first event; partitions that it had need not be added again. It [tracks](Engine::track) changes then.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: the engine is not to be used then.
    pub fn restore(&mut self, rest: &[u8], keys: Vec<KeyState>) -> Coded {
        self.track();
        let mut codec = Codec::loading(rest);
        self.load_rest(&mut codec)?;
        codec.end()?;
        self.sequencer.go_on_from(self.now);
        let null_keys = self.stats.null_keys;
        let answers = self.exchange(Work::Load { keys: Arc::new(keys), now: self.now, null_keys });
        answers.iter().find_map(|answer| answer.damaged).map_or(Ok(()), Err)?;
        for (shard, answer) in answers.into_iter().enumerate() {
            self.usage[shard] = answer.usage;
            self.key_usage[shard] = answer.key_usage;
        }
        self.add_up();
        Ok(())
    }

    pub(super) fn save_rest(&self, codec: &mut Codec<'_>) -> Coded {
        let code = |outcome: &mut Outcome, codec: &mut Codec<'_>| code_outcome(&self.program, outcome, codec);
        self.sequencer.save(codec)?;
        let mut numbers: Vec<_> =
            self.numbers.iter().map(|((stream, level), n)| (stream.0, *level, *n)).collect();
        numbers.sort_unstable();
        codec.list(&mut numbers, Default::default, code_number)?;
        let mut held: Vec<Vec<Outcome>> =
            self.held.iter().map(|hold| hold.all().cloned().collect()).collect();
        codec.list(&mut held, Vec::new, |held, codec| codec.list(held, blank_outcome, code))?;
        codec.list(&mut self.told.clone(), blank_outcome, code)?;
        codec.list(&mut self.seen.clone(), || 0, |seen, codec| codec.u64(seen))?;
        codec.time(&mut self.now.clone())?;
        let mut reached: Vec<_> = self.known_reached.iter().map(|(id, bound)| (id.0, *bound)).collect();
        reached.sort_unstable_by_key(|(id, bound)| (*id, bound_number(*bound)));
        codec.list(&mut reached, || (0, Bound::Keep), code_reached)?;
        let mut stats = self.stats();
        stats.patterns.iter_mut().for_each(|counts| (counts.runs, counts.keys) = (0, 0));
        code_stats(&mut stats, codec)
    }

    fn load_rest(&mut self, codec: &mut Codec<'_>) -> Coded {
        let program = Arc::clone(&self.program);
        let code = |outcome: &mut Outcome, codec: &mut Codec<'_>| code_outcome(&program, outcome, codec);
        let types = |stream: StreamId| {
            let stream = program.streams.get(stream.index())?;
            Some(stream.fields.iter().map(|field| field.ty).collect())
        };
        let prepare = |batch: Batch| Prepared::new(batch, &self.predicates);
        self.sequencer.load(codec, &types, &prepare)?;
        let mut numbers = Vec::new();
        codec.list(&mut numbers, Default::default, code_number)?;
        self.numbers = numbers.into_iter().map(|(stream, level, n)| ((StreamId(stream), level), n)).collect();
        let mut held: Vec<Vec<Outcome>> = Vec::new();
        codec.list(&mut held, Vec::new, |held, codec| codec.list(held, blank_outcome, code))?;
        codec.list(&mut self.told, blank_outcome, code)?;
        let mut all = held.iter().flatten().chain(&self.told);
        if held.len() != self.held.len() || !all.all(|outcome| self.is_possible(outcome)) {
            return Err(Damaged::Odd("what was found"));
        }
        self.held.iter_mut().zip(held).for_each(|(hold, held)| hold.put_back(held));
        let levels = self.seen.len();
        codec.list(&mut self.seen, || 0, |seen, codec| codec.u64(seen))?;
        codec.time(&mut self.now)?;
        let mut reached = Vec::new();
        codec.list(&mut reached, || (0, Bound::Keep), code_reached)?;
        self.known_reached = reached.into_iter().map(|(id, bound)| (PatternId(id), bound)).collect();
        let patterns = self.stats.patterns.len();
        code_stats(&mut self.stats, codec)?;
        if self.seen.len() != levels || self.stats.patterns.len() != patterns {
            return Err(Damaged::Odd("the number of patterns"));
        }
        Ok(())
    }

    /// Whether an outcome names only what there is.
    fn is_possible(&self, outcome: &Outcome) -> bool {
        let Some(pattern) = self.program.patterns.get(outcome.pattern.index()) else { return false };
        let is_possible = |event: EventRef<'_>| match event {
            EventRef::Shared(step, event) => {
                step.index() < pattern.steps.len() && event.values.len() == pattern.slots.len()
            }
            EventRef::Flat(..) => true,
        };
        !outcome.events.is_empty() && outcome.events.iter().all(is_possible)
    }
}

fn code_number(number: &mut (u32, u32, u64), codec: &mut Codec<'_>) -> Coded {
    codec.u32(&mut number.0)?;
    codec.u32(&mut number.1)?;
    codec.u64(&mut number.2)
}

const BOUNDS: [Bound; 5] =
    [Bound::Keep, Bound::Open, Bound::RunsPerKey, Bound::MatchesPerEvent, Bound::State];

fn bound_number(bound: Bound) -> usize {
    BOUNDS.iter().position(|known| *known == bound).expect("all are there")
}

fn code_reached(reached: &mut (u32, Bound), codec: &mut Codec<'_>) -> Coded {
    codec.u32(&mut reached.0)?;
    let mut number = bound_number(reached.1);
    codec.usize(&mut number)?;
    reached.1 = *BOUNDS.get(number).ok_or(Damaged::Odd("a bound"))?;
    Ok(())
}

fn code_stats(stats: &mut Stats, codec: &mut Codec<'_>) -> Coded {
    let Stats { events, late, null_keys, faults, patterns, state_bytes_peak } = stats;
    for count in [events, late, null_keys, faults, state_bytes_peak] {
        codec.u64(count)?;
    }
    codec.list(patterns, Default::default, |counts, codec| {
        let counts = [
            &mut counts.matches,
            &mut counts.timeouts,
            &mut counts.suppressed,
            &mut counts.dropped,
            &mut counts.ended,
            &mut counts.cut_short,
            &mut counts.faults,
        ];
        counts.into_iter().try_for_each(|count| codec.u64(count))
    })
}

fn blank_outcome() -> Outcome {
    Outcome {
        pattern: PatternId(0),
        keys: Arc::from([]),
        kind: Kind::Match,
        at: EventTime::START,
        completed: EventTime::START,
        events: Events::Shared(Vec::new()),
        is_told: false,
    }
}

fn code_outcome(program: &Program, outcome: &mut Outcome, codec: &mut Codec<'_>) -> Coded {
    codec.u32(&mut outcome.pattern.0)?;
    codec.values(&mut outcome.keys)?;
    let mut is_match = outcome.kind == Kind::Match;
    codec.flag(&mut is_match)?;
    outcome.kind = if is_match { Kind::Match } else { Kind::Timeout };
    codec.time(&mut outcome.at)?;
    codec.time(&mut outcome.completed)?;
    codec.flag(&mut outcome.is_told)?;
    let mut values = match &outcome.events {
        Events::Tallied(tallied) => Some(tallied.values.to_vec()),
        _ => None,
    };
    codec.option(&mut values, Vec::new, |values, codec| {
        codec.list(values, || Value::Null, |value, codec| codec.value(value))
    })?;
    let slots = if codec.is_loading() { 0 } else { program.pattern(outcome.pattern).slots.len() };
    let object = |event: EventRef<'_>| (event.step(), Arc::new(object(event, slots)));
    let mut events: Vec<(StepId, Arc<Event>)> = outcome.events.iter().map(object).collect();
    codec.list(&mut events, blank_event, |(step, event), codec| {
        codec.u32(&mut step.0)?;
        code_event(Arc::make_mut(event), codec)
    })?;
    if codec.is_loading() {
        let events = Events::Shared(events);
        outcome.events = match values {
            Some(values) => {
                Events::Tallied(Box::new(TalliedEvents { completing: events, values: values.into() }))
            }
            None => events,
        };
    }
    Ok(())
}

/// An event of an outcome as one that stands alone.
fn object(event: EventRef<'_>, slots: usize) -> Event {
    let order = event.order();
    Event {
        time: order.time,
        position: order.position,
        origin: event.origin(),
        // Only a candidate is asked for it.
        source: 0,
        values: (0..slots as u32).map(|slot| event.slot(SlotId(slot))).collect(),
    }
}

fn code_event(event: &mut Event, codec: &mut Codec<'_>) -> Coded {
    codec.time(&mut event.time)?;
    let SourcePosition { stream, partition, record } = &mut event.position;
    codec.u32(&mut stream.0)?;
    codec.u32(&mut partition.0)?;
    codec.u64(record)?;
    codec.option(&mut event.origin, || 0, |origin, codec| codec.u128(origin))?;
    let mut values = std::mem::take(&mut event.values).into_vec();
    codec.list(&mut values, || Value::Null, |value, codec| codec.value(value))?;
    event.values = values.into();
    Ok(())
}

fn blank_event() -> (StepId, Arc<Event>) {
    let position = SourcePosition { stream: StreamId(0), partition: PartitionId(0), record: 0 };
    let event = Event { time: EventTime::START, position, origin: None, source: 0, values: Box::default() };
    (StepId(0), Arc::new(event))
}
