//! Everything between decoded batches and finished records, as one deterministic machine without I/O, threads or a
//! clock.
//!
//! ```text
//! Batch --stream::Sequencer--> events in total order --Shard--> outcomes --sort--> Record
//!          lateness, watermark        (filter, key, executors)            (emit)
//! ```
//!
//! Patterns that read derived streams are of a higher *level*: one advance works through the levels in turn, each on
//! the events below the watermark and the records that the levels before made below it. So a record is an event like
//! any other, and nothing depends on how the input was cut into batches.

mod emit;
mod input;
mod outcome;
pub mod reference;
mod selector;
mod shard;
mod tally;
mod unit;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use thiserror::Error;

use self::shard::Shard;
use self::unit::Unit;
pub use emit::Record;
pub use input::{Candidate, projection};
pub use outcome::{EventRef, Events, Outcome};

use crate::event::{Batch, BatchBuilder, PartitionId, PatternId, StreamId, Value};
use crate::lang::hir::{Origin, Program};
use crate::matcher::chunk::Prepared;
use crate::matcher::predicates::Predicates;
use crate::matcher::{Class, Faults, KeepExceeded, Kind, Plan, Refused};
use crate::nfa::TooLarge;
use crate::stream::{Ordered, Sequencer, Span};
use crate::time::{EventTime, Watermark};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The patterns that run; `None` for all. See [`with_inputs`] for adding those whose records they read.
    pub patterns: Option<Vec<PatternId>>,
    /// The executor class of every pattern; `None` for the cheapest that takes it.
    pub executor: Option<Class>,
    /// Over how many shards keys are split, at least 1.
    pub shards: u32,
    /// The most bytes of state, about; `None` for no bound.
    pub state_bytes_max: Option<u64>,
}

impl Default for Config {
    fn default() -> Config {
        Config { patterns: None, executor: None, shards: 1, state_bytes_max: None }
    }
}

/// Why an engine stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A pattern that is too large to be built.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The class that was asked for does not take a pattern.
    #[error("executor class `{class}` does not take pattern `{pattern}`: {why}")]
    Class {
        /// The class.
        class: Class,
        /// The pattern.
        pattern: String,
        /// Why not.
        why: Refused,
    },
    /// A bound of a pattern that says to fail.
    #[error(transparent)]
    Keep(#[from] KeepExceeded),
    /// The bound on all state.
    #[error(
        "the state of the patterns takes about {used} bytes, and {allowed} are allowed; pattern `{pattern}` holds the \
         most (open partial matches: {runs}, keys: {keys}): give it a shorter `within`, or `keep`, or allow more state"
    )]
    StateExceeded {
        /// About so many bytes are used.
        used: u64,
        /// So many are allowed.
        allowed: u64,
        /// The pattern that uses the most.
        pattern: String,
        /// Its open partial matches.
        runs: u64,
        /// Its keys with state.
        keys: u64,
    },
}

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

/// Counts of one pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PatternStats {
    /// Matches let out.
    pub matches: u64,
    /// Timeouts told.
    pub timeouts: u64,
    /// Matches held back by `limit`.
    pub suppressed: u64,
    /// Starts dropped by `keep`.
    pub dropped: u64,
    /// Arithmetic without a result.
    pub faults: u64,
    /// Open partial matches now.
    pub runs: u64,
    /// Keys with state now.
    pub keys: u64,
}

/// Counts of an engine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Events taken, late ones included.
    pub events: u64,
    /// Late events.
    pub late: u64,
    /// Events that a null key kept out of a pattern, for each such pattern.
    pub null_keys: u64,
    /// Arithmetic without a result in conditions on single events, which patterns share, and in records.
    pub faults: u64,
    /// By pattern of the program.
    pub patterns: Vec<PatternStats>,
    /// The most bytes of state so far, about.
    pub state_bytes_peak: u64,
}

/// The engine. See the module for how it works, and the crate for an example.
pub struct Engine {
    program: Arc<Program>,
    patterns: Vec<PatternId>,
    classes: FxHashMap<PatternId, Class>,
    levels: u32,
    predicates: Predicates,
    sequencer: Sequencer<Prepared>,
    shards: Vec<Shard>,
    /// By level what later ones of the same time may still have to precede.
    held: Vec<Vec<Outcome>>,
    numbers: FxHashMap<(StreamId, u32), u64>,
    told: Vec<Outcome>,
    late: Vec<LateEvent>,
    faults: Faults,
    stats: Stats,
    state_bytes_max: Option<u64>,
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
        let units = Unit::all(&program, &running, config.executor, &mut predicates)?;
        let shards = (0..count).map(|number| Shard::new(&program, &units, number, count)).collect();
        let classes =
            units.iter().flat_map(|unit| unit.patterns.iter().map(|id| (*id, unit.class()))).collect();
        let stats =
            Stats { patterns: vec![PatternStats::default(); program.patterns.len()], ..Stats::default() };
        Ok(Engine {
            patterns,
            classes,
            levels,
            predicates,
            sequencer: Sequencer::default(),
            shards,
            held: (0..levels).map(|_| Vec::new()).collect(),
            numbers: FxHashMap::default(),
            told: Vec::new(),
            late: Vec::new(),
            faults: Faults::default(),
            stats,
            state_bytes_max: config.state_bytes_max,
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

    /// The watermark of a partition: who feeds the engine reads on where it is least.
    pub fn partition_watermark(&self, stream: StreamId, partition: PartitionId) -> Watermark {
        self.sequencer.partition_watermark(stream, partition)
    }

    /// The watermark of the engine.
    pub fn watermark(&self) -> Watermark {
        self.sequencer.watermark()
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
    /// still precede in the output.
    pub fn take_certain(&mut self) -> Vec<Record> {
        let mut outcomes = self.take_outcomes();
        let mut more = Vec::new();
        for held in self.held.iter_mut().flatten().filter(|held| !held.is_told) {
            more.push(held.clone());
            held.is_told = true;
        }
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

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.faults = self.faults.count() + self.predicates.faults();
        stats.null_keys = self.shards.iter().map(|shard| shard.null_keys).sum();
        for (pattern, usage) in self.shards.iter().flat_map(Shard::usage) {
            let counts = &mut stats.patterns[pattern.index()];
            counts.suppressed += usage.suppressed;
            counts.dropped += usage.dropped;
            counts.faults += usage.faults;
            counts.runs += usage.runs;
            counts.keys += usage.keys;
        }
        stats
    }

    /// Works through the levels: events in total order, deadlines up to `to`. Outcomes before `pass` become records.
    fn work(
        &mut self,
        mut events: Ordered<Prepared>,
        to: EventTime,
        pass: EventTime,
        is_end: bool,
    ) -> Result<(), EngineError> {
        let mut told = Vec::new();
        for level in 0..self.levels {
            let mut outcomes = Vec::new();
            for shard in &mut self.shards {
                shard.step(level, &events, to, &mut outcomes)?;
                if is_end {
                    shard.finish(level, &mut outcomes);
                }
            }
            let through = self.pass(level, outcomes, pass);
            if level + 1 < self.levels {
                events = events.merge(self.derive(level, &through));
            }
            if told.is_empty() {
                told = through;
            } else {
                told.extend(through);
            }
        }
        told.retain(|outcome| !outcome.is_told);
        if self.levels > 1 {
            told.sort_by(Outcome::cmp_output);
        }
        if self.told.is_empty() {
            self.told = told;
        } else {
            self.told.append(&mut told);
        }
        self.check_state()
    }

    /// Holds outcomes until no other can precede them, and gives those that are through, in output order.
    fn pass(&mut self, level: u32, outcomes: Vec<Outcome>, pass: EventTime) -> Vec<Outcome> {
        for outcome in &outcomes {
            let counts = &mut self.stats.patterns[outcome.pattern.index()];
            match outcome.kind {
                Kind::Match => counts.matches += 1,
                Kind::Timeout => counts.timeouts += 1,
            }
        }
        let held = &mut self.held[level as usize];
        if held.is_empty() {
            *held = outcomes;
        } else {
            held.extend(outcomes);
        }
        held.sort_by(Outcome::cmp_output);
        let through = match pass {
            EventTime::END => held.len(),
            pass => held.partition_point(|held| held.at < pass),
        };
        let rest = held.split_off(through);
        std::mem::replace(held, rest)
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

    fn check_state(&mut self) -> Result<(), EngineError> {
        let mut by_pattern = vec![(0, 0, 0); self.program.patterns.len()];
        for (pattern, usage) in self.shards.iter().flat_map(Shard::usage) {
            by_pattern[pattern.index()].0 += usage.bytes;
            by_pattern[pattern.index()].1 += usage.runs;
            by_pattern[pattern.index()].2 += usage.keys;
        }
        let used = by_pattern.iter().map(|(bytes, ..)| bytes).sum();
        self.stats.state_bytes_peak = self.stats.state_bytes_peak.max(used);
        let Some(allowed) = self.state_bytes_max.filter(|allowed| used > *allowed) else { return Ok(()) };
        let most = by_pattern.iter().enumerate().max_by_key(|(_, (bytes, ..))| *bytes);
        let (pattern, (_, runs, keys)) = most.expect("state belongs to a pattern");
        let pattern = self.program.patterns[pattern].name.clone();
        Err(EngineError::StateExceeded { used, allowed, pattern, runs: *runs, keys: *keys })
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
