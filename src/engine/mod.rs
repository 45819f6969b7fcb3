//! Everything between decoded batches and finished records, as one deterministic machine without I/O, threads or a
//! clock.
//!
//! ```text
//! Batch --stream::Sequencer--> events in total order --Shard--> outcomes --merge--> Record
//!          lateness, watermark        (filter, key, executors)            (emit)
//! ```
//!
//! Shards own the keys by their hash and know nothing of each other. They work where the engine is called, one after the
//! other, unless a [`Crew`] takes them elsewhere ([`Engine::staff`]): then the engine puts the next events in
//! order while the shards work on those before them.
//!
//! Patterns that read derived streams are of a higher *level*: one advance works through the levels in turn, each on
//! the events below the watermark and the records that the levels before made below it. So a record is an event like
//! any other, and nothing depends on how the input was cut into batches.

mod bounded;
mod carry;
mod cold;
mod crew;
mod crowd;
mod emit;
mod hold;
mod input;
mod outcome;
pub mod reference;
mod saved_keys;
mod selector;
mod setup;
mod shape;
mod shard;
mod shown;
mod snapshot;
mod stats;
mod tally;
mod unit;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use self::bounded::Totals;
use self::crew::Hands;
use self::hold::Hold;
use self::unit::Unit;
pub use carry::{LeftBehind, OpenState, Reread, Unread};
pub use cold::ColdKeys;
pub use crew::{Answer, Crew, Task};
pub use emit::Record;
pub use input::{Candidate, projection};
pub use outcome::{EventRef, Events, Outcome};
pub use saved_keys::SavedKeys;
pub use setup::{Config, EngineError, Group};
pub use shape::{PatternShape, UnitShape};
pub use shard::Shard;
pub use shown::{OpenKey, cmp_keys};
pub use snapshot::{KeyState, Snapshot};
pub use stats::{PatternStats, Stats};

use crate::event::{Batch, BatchBuilder, PartitionId, PatternId, StreamId, Value};
use crate::lang::hir::{Origin, Program};
use crate::matcher::chunk::Prepared;
use crate::matcher::keys::KeyUsage;
use crate::matcher::predicates::Predicates;
use crate::matcher::{Bound, Bounds, Class, Faults, Plan, Reached, Usage};
use crate::stream::{Ordered, Sequencer, Span};
use crate::time::{EventTime, Watermark};

/// A late event.
#[derive(Clone, Debug)]
pub struct LateEvent {
    /// Its stream.
    pub stream: StreamId,
    /// The batch that holds it.
    pub batch: Arc<Batch>,
    /// Its row there.
    pub row: usize,
}

/// The engine. See the module for how it works, and the crate for an example.
pub struct Engine {
    program: Arc<Program>,
    patterns: Vec<PatternId>,
    classes: FxHashMap<PatternId, Class>,
    units: Vec<UnitShape>,
    levels: u32,
    predicates: Predicates,
    sequencer: Sequencer<Prepared>,
    hands: Hands,
    /// Tasks that the shards work on elsewhere: for each the time before which its outcomes become records.
    under_way: VecDeque<UnderWay>,
    /// By level what later ones of the same time may still have to precede.
    held: Vec<Hold>,
    /// How many events each level has worked on.
    seen: Vec<u64>,
    /// By shard what it held and had held back after its last task.
    usage: Vec<Vec<(PatternId, Usage)>>,
    /// By shard what its tables of keys held.
    key_usage: Vec<KeyUsage>,
    numbers: FxHashMap<(StreamId, u32), u64>,
    told: Vec<Outcome>,
    late: Vec<LateEvent>,
    faults: Faults,
    stats: Stats,
    bounds: Bounds,
    /// What is held, all shards together.
    totals: Totals,
    /// The time up to which deadlines were handed out.
    now: EventTime,
    /// Bounds that were told to be reached, and those to be told.
    known_reached: FxHashSet<(PatternId, Bound)>,
    reached: Vec<Reached>,
    /// Keys that were told of the epoch under way, and whether some are still to be told.
    saved: SavedKeys,
    is_telling: bool,
    /// By shard bytes of the state of keys that are not cold.
    hot_bytes: Vec<u64>,
    /// Why a cold key could not be fetched.
    lost: Option<String>,
}

/// A task that the shards work on elsewhere.
#[derive(Clone, Copy)]
struct UnderWay {
    /// Its outcomes before this time become records.
    pass: EventTime,
    /// How many events it has.
    events: u64,
}

impl Engine {
    /// An engine for a checked program.
    ///
    /// # Errors
    ///
    /// [`EngineError::TooLarge`], [`EngineError::Class`].
    pub fn new(program: Arc<Program>, config: &Config) -> Result<Engine, EngineError> {
        let plans = Plan::all(&program)?;
        let all = || program.patterns.iter().map(|pattern| pattern.id).collect();
        let patterns: Vec<PatternId> = config.patterns.clone().unwrap_or_else(all);
        let levels = patterns.iter().map(|id| program.pattern(*id).level + 1).max().unwrap_or(0);
        let count = config.shards.max(1);
        let mut predicates = Predicates::new(program.streams.len());
        let running: Vec<Arc<Plan>> = patterns.iter().map(|id| Arc::clone(&plans[id.index()])).collect();
        let units = Unit::all(&program, &running, config, &mut predicates)?;
        let shards: Vec<Shard> =
            (0..count).map(|number| Shard::new(&program, &units, &config.bounds, number, count)).collect();
        let lanes = if config.unordered && levels == 1 { shards.len() } else { 1 };
        let classes =
            units.iter().flat_map(|unit| unit.patterns.iter().map(|id| (*id, unit.class()))).collect();
        let stats =
            Stats { patterns: vec![PatternStats::default(); program.patterns.len()], ..Stats::default() };
        Ok(Engine {
            patterns,
            classes,
            units: units.iter().map(|unit| unit.shape(&program)).collect(),
            levels,
            predicates,
            sequencer: Sequencer::default(),
            usage: vec![Vec::new(); shards.len()],
            key_usage: vec![KeyUsage::default(); shards.len()],
            hands: Hands::Here(shards),
            under_way: VecDeque::new(),
            held: (0..levels).map(|_| Hold::new(lanes)).collect(),
            numbers: FxHashMap::default(),
            told: Vec::new(),
            late: Vec::new(),
            faults: Faults::default(),
            stats,
            seen: vec![0; levels as usize],
            bounds: config.bounds,
            totals: Totals::default(),
            now: EventTime::START,
            known_reached: FxHashSet::default(),
            reached: Vec::new(),
            saved: SavedKeys::default(),
            is_telling: false,
            hot_bytes: vec![0; count as usize],
            lost: None,
            program,
        })
    }

    /// The patterns that run.
    pub fn patterns(&self) -> &[PatternId] {
        &self.patterns
    }

    /// The class of the executor that evaluates a pattern, if it runs.
    pub fn class(&self, pattern: PatternId) -> Option<Class> {
        self.classes.get(&pattern).copied()
    }

    /// Lets others do the work of the shards, from before the first event on: `hire` takes the shards.
    ///
    /// # Errors
    ///
    /// What `hire` gives: the engine has no shards then, and is not to be used.
    pub fn staff<E>(&mut self, hire: impl FnOnce(Vec<Shard>) -> Result<Box<dyn Crew>, E>) -> Result<(), E> {
        if let Hands::Here(shards) = &mut self.hands {
            let shards = std::mem::take(shards);
            self.hands = Hands::Away(hire(shards)?);
        }
        Ok(())
    }

    /// Adds a partition of a source stream.
    ///
    /// # Panics
    ///
    /// If the stream is derived.
    pub fn add_partition(&mut self, stream: StreamId) -> PartitionId {
        let Origin::Source { disorder, .. } = self.program.stream(stream).origin else {
            // Tests may give the records of a derived stream by hand; they come in order.
            return self.sequencer.add_partition(stream, crate::time::Duration::ZERO);
        };
        self.sequencer.add_partition(stream, disorder)
    }

    /// Takes the next rows of a partition, in the order of the source. Nothing is evaluated before
    /// [`advance`](Engine::advance).
    pub fn push(&mut self, batch: Batch) {
        self.stats.events += batch.len() as u64;
        let stream = batch.stream();
        let prepared = Prepared::new(batch, &self.predicates);
        let mut late = Vec::new();
        self.sequencer.push(&prepared, &mut late);
        self.stats.late += late.len() as u64;
        let batch = prepared.batch();
        self.late.extend(late.into_iter().map(|row| LateEvent {
            stream,
            batch: Arc::clone(batch),
            row: row as usize,
        }));
    }

    /// Event time has come to `at` in every partition, also in those added later.
    pub fn set_watermark(&mut self, at: EventTime) {
        self.sequencer.set_watermark(at);
    }

    /// A partition has ended.
    pub fn close_partition(&mut self, stream: StreamId, partition: PartitionId) {
        self.sequencer.close(stream, partition);
    }

    /// A partition that has ended is read on: what is older than events that were worked on already is late in it.
    pub fn open_partition_again(&mut self, stream: StreamId, partition: PartitionId) {
        self.sequencer.open_again(stream, partition);
    }

    /// A partition has ended, and another one of its stream goes on where it has come to in event time.
    pub fn hand_over_partition(&mut self, stream: StreamId, from: PartitionId, to: PartitionId) {
        self.sequencer.hand_over(stream, from, to);
    }

    /// Whether a partition holds the watermark back: it has not been closed.
    pub fn is_partition_open(&self, stream: StreamId, partition: PartitionId) -> bool {
        self.sequencer.is_open(stream, partition)
    }

    /// The watermark of a partition: who feeds the engine reads on where it is least.
    pub fn partition_watermark(&self, stream: StreamId, partition: PartitionId) -> Watermark {
        self.sequencer.partition_watermark(stream, partition)
    }

    /// The time up to which deadlines were handed out.
    pub fn time(&self) -> EventTime {
        self.now
    }

    /// The watermark of the engine.
    pub fn watermark(&self) -> Watermark {
        self.sequencer.watermark()
    }

    /// The newest event time seen in any partition; [`EventTime::START`] before the first event.
    pub fn newest(&self) -> EventTime {
        self.sequencer.newest()
    }

    /// How many events wait for the watermark.
    pub fn waiting(&self) -> usize {
        self.sequencer.waiting()
    }

    /// How many tasks a crew has that are not answered.
    pub fn tasks_under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Evaluates what the watermark permits.
    ///
    /// # Errors
    ///
    /// A bound that was reached; the engine is not to be used any further.
    pub fn advance(&mut self) -> Result<(), EngineError> {
        let watermark = self.sequencer.watermark();
        let events = self.sequencer.release(watermark);
        self.work(events, watermark.time(), watermark.time(), false)
    }

    /// The input has ended: every event is evaluated. With `drain` event time goes on to its end, so that deadlines
    /// fire; without, partial matches stay open.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn finish(&mut self, drain: bool) -> Result<(), EngineError> {
        let events = self.sequencer.release(Watermark::END);
        let to = if drain { EventTime::END } else { self.sequencer.newest() };
        self.work(events, to, EventTime::END, drain)
    }

    /// Takes the matches and timeouts that no other can precede any more, in output order.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.told)
    }

    /// Takes the records of what [`take_outcomes`](Engine::take_outcomes) gives.
    pub fn take_records(&mut self) -> Vec<Record> {
        let outcomes = self.take_outcomes();
        self.records(outcomes)
    }

    /// Takes all records that are certain: also those at the watermark itself, which later ones of the same time may
    /// still precede in the output. Where a crew works, [`settle`](Engine::settle) comes before it.
    pub fn take_certain(&mut self) -> Vec<Record> {
        let mut outcomes = self.take_outcomes();
        let mut more: Vec<Outcome> = self.held.iter_mut().flat_map(Hold::tell).collect();
        more.sort_by(Outcome::cmp_output);
        outcomes.extend(more);
        self.records(outcomes)
    }

    fn records(&self, outcomes: Vec<Outcome>) -> Vec<Record> {
        let mut records = Vec::new();
        for outcome in outcomes {
            emit::records(&self.program, outcome, &self.faults, &mut records);
        }
        records
    }

    /// Takes the late events, in the order they came.
    pub fn take_late(&mut self) -> Vec<LateEvent> {
        std::mem::take(&mut self.late)
    }

    /// Takes what is to be told of bounds: each that was reached for the first time by a pattern, and not by failing.
    pub fn take_reached(&mut self) -> Vec<Reached> {
        std::mem::take(&mut self.reached)
    }

    /// What was counted so far; of tasks that are under way nothing.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.faults += self.faults.count() + self.predicates.faults();
        for (pattern, usage) in self.usage.iter().flatten() {
            let counts = &mut stats.patterns[pattern.index()];
            counts.suppressed += usage.suppressed;
            counts.dropped += usage.dropped;
            counts.ended += usage.ended;
            counts.faults += usage.faults;
            counts.runs += usage.runs;
            counts.keys += usage.keys;
        }
        stats
    }

    /// Bytes of state that a pattern held after the last task, about; those of a family count for its first pattern.
    pub fn state_bytes(&self, pattern: PatternId) -> u64 {
        let of_it = self.usage.iter().flatten().filter(|(of, _)| *of == pattern);
        of_it.map(|(_, usage)| usage.bytes).sum()
    }

    /// The same of all patterns of the program, by their numbers.
    pub fn state_bytes_by_pattern(&self) -> Vec<u64> {
        let mut bytes = vec![0; self.program.patterns.len()];
        self.usage.iter().flatten().for_each(|(of, usage)| bytes[of.index()] += usage.bytes);
        bytes
    }

    /// What the tables held, after the last task, from which patterns with the same `by` have the numbers of keys.
    pub fn key_usage(&self) -> KeyUsage {
        self.key_usage.iter().copied().fold(KeyUsage::default(), KeyUsage::plus)
    }

    /// Waits until everything that was to be evaluated is. After a failure there is nothing to wait for.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn settle(&mut self) -> Result<(), EngineError> {
        self.collect(0)
    }

    /// The records of a level as events for the levels above.
    fn derive(&mut self, level: u32, through: &[Outcome]) -> Ordered<Prepared> {
        let mut builders: BTreeMap<StreamId, BatchBuilder> = BTreeMap::new();
        let records = self.records(through.to_vec());
        for record in &records {
            let builder = builders.entry(record.stream).or_insert_with(|| {
                let types = self.program.stream(record.stream).fields.iter().map(|field| Some(field.ty));
                BatchBuilder::new(record.stream, PartitionId(level), types.collect())
            });
            let set = |(field, value): (usize, &Value)| builder.set(field, value.clone());
            record.fields.iter().enumerate().for_each(set);
            let number = self.numbers.entry((record.stream, level)).or_default();
            *number += 1;
            builder.end_derived_row(record.at, *number, record.id);
        }
        let batches: Vec<Prepared> = builders
            .into_values()
            .map(|mut builder| Prepared::new(builder.finish(), &self.predicates))
            .collect();
        let span = |(number, batch): (usize, &Prepared)| Span {
            batch: number as u32,
            start: 0,
            end: batch.batch().len() as u32,
        };
        Ordered { spans: batches.iter().enumerate().map(span).collect(), batches }
    }
}

/// Some patterns with those whose records they read, in file order.
pub fn with_inputs(program: &Program, selected: &[PatternId]) -> Vec<PatternId> {
    let mut wanted: Vec<PatternId> = selected.to_vec();
    let mut next = 0;
    while next < wanted.len() {
        for source in &program.pattern(wanted[next]).sources {
            if let Origin::Derived { patterns, .. } = &program.stream(source.stream).origin {
                let more: Vec<PatternId> =
                    patterns.iter().copied().filter(|id| !wanted.contains(id)).collect();
                wanted.extend(more);
            }
        }
        next += 1;
    }
    program.patterns.iter().map(|pattern| pattern.id).filter(|id| wanted.contains(id)).collect()
}
