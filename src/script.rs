//! Runs the `test` blocks of a program.
//!
//! A test is a script read from top to bottom: each `given` block is a partition of its stream, the blocks between
//! two watermarks are read side by side in time order, and each group of `expect` blocks is a checkpoint that sees
//! what came out since the checkpoint before. The input ends before the last checkpoint, unless a `watermark` line
//! stands directly before that.
//!
//! All partitions are known from the start, so that a later block holds event time back until it is read: when
//! something comes out depends on the watermarks written in the test, never on where a block stands in it.
//!
//! What is expected is complete. A stream that the tested pattern emits and that no block of a checkpoint names must
//! be empty there, and so must the late events of every stream.

mod coverage;

use std::sync::Arc;

pub use coverage::{Coverage, Events, events};

use crate::engine::{Config, Engine, EngineError, LateEvent, Record, projection};
use crate::event::{BatchBuilder, PartitionId, StreamId, Type, Value};
use crate::lang::hir::{DERIVED_FIELDS, Expectation, Expected, Origin, Program, Test, TestCommand};
use crate::matcher::{Class, Kind};
use crate::time::{Duration, EventTime};

/// How a test is run. Nothing here may change an answer, and the project's own tests try many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TestOptions {
    /// Over how many shards the keys are split.
    pub shards: u32,
    /// The most events of a batch.
    pub batch_events_max: usize,
    /// Shuffles the rows of each block within its stream's disorder; rows of equal time keep their order. Not for
    /// tests that have late rows: whether these are late depends on what is read before them.
    pub shuffle_seed: Option<u64>,
    /// The executor class of every pattern; `None` for the cheapest of each.
    pub executor: Option<Class>,
}

impl Default for TestOptions {
    fn default() -> TestOptions {
        TestOptions { shards: 1, batch_events_max: 64, shuffle_seed: None, executor: None }
    }
}

/// What came of a test.
#[derive(Clone, PartialEq, Debug)]
pub struct TestOutcome {
    /// Each checkpoint, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// Every record of every pattern that ran, as it came: also those that no checkpoint saw, because they come with
    /// the end of the input.
    pub records: Vec<Record>,
}

impl TestOutcome {
    /// Whether everything came out as expected.
    pub fn passed(&self) -> bool {
        self.checkpoints.iter().flat_map(|checkpoint| &checkpoint.blocks).all(Block::passed)
    }
}

/// What was expected at one checkpoint, and what was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoint {
    /// The blocks written, then one for each stream that should have been empty and was not.
    pub blocks: Vec<Block>,
}

/// One table of a checkpoint.
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// What kind of record.
    pub kind: Expected,
    /// The stream.
    pub stream: StreamId,
    /// Whether the test names it; what it does not name should have been empty.
    pub named: bool,
    /// The columns compared: fields of the stream by index.
    pub columns: Vec<usize>,
    /// The rows expected.
    pub expected: Vec<Vec<Value>>,
    /// The rows found, in output order.
    pub found: Vec<Vec<Value>>,
}

impl Block {
    /// Whether the rows are the same, in the same order.
    pub fn passed(&self) -> bool {
        self.expected.len() == self.found.len()
            && self.expected.iter().zip(&self.found).all(|(left, right)| is_same_row(left, right))
    }
}

/// Whether two rows count as equal: floats to nine digits, as nobody writes seventeen, everything else exactly.
pub fn is_same_row(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
}

/// Whether two values count as equal in a test.
pub fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => {
            left == right || (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
        }
        _ => left == right,
    }
}

/// Runs a test of a program.
///
/// # Errors
///
/// Where the engine gives up, as with `keep … fail`.
pub fn run_test(
    program: &Arc<Program>,
    test: &Test,
    options: TestOptions,
) -> Result<TestOutcome, EngineError> {
    run_test_by(program, test, options, &|_| {})
}

/// Runs a test of a program with the shards where `staff` puts them, see [`Engine::staff`].
///
/// # Errors
///
/// Where the engine gives up.
pub fn run_test_by(
    program: &Arc<Program>,
    test: &Test,
    options: TestOptions,
    staff: &dyn Fn(&mut Engine),
) -> Result<TestOutcome, EngineError> {
    let mut script = Script::new(program, test, options)?;
    staff(&mut script.engine);
    let mut checkpoints = Vec::new();
    let last = test.commands.iter().rposition(|command| matches!(command, TestCommand::Expect(_)));
    for (at, command) in test.commands.iter().enumerate() {
        match command {
            TestCommand::Given { rows, .. } => script.wait(rows),
            TestCommand::Watermark(time) => {
                script.read_waiting()?;
                script.engine.set_watermark(*time);
                script.engine.advance()?;
            }
            TestCommand::Expect(expectations) => {
                script.read_waiting()?;
                let stands_still = at > 0 && matches!(test.commands[at - 1], TestCommand::Watermark(_));
                if Some(at) == last && !stands_still {
                    script.engine.finish(true)?;
                }
                script.engine.settle()?;
                checkpoints.push(script.checkpoint(expectations));
            }
        }
    }
    script.read_waiting()?;
    script.engine.finish(true)?;
    script.records.extend(script.engine.take_certain());
    Ok(TestOutcome { checkpoints, records: script.records })
}

/// A test under way.
struct Script<'a> {
    program: &'a Program,
    test: &'a Test,
    options: TestOptions,
    engine: Engine,
    /// A partition for each `given`, in order.
    partitions: Vec<Partition<'a>>,
    /// How many of them were reached.
    reached: usize,
    /// What came out at the checkpoints so far.
    records: Vec<Record>,
}

/// A `given` block.
struct Partition<'a> {
    builder: BatchBuilder,
    columns: &'a [usize],
    time_field: usize,
    disorder: Duration,
    rows: &'a [Vec<Value>],
    /// In which order they are read, by index.
    order: Vec<usize>,
    /// How many rows were read.
    read: usize,
}

impl<'a> Script<'a> {
    fn new(
        program: &'a Arc<Program>,
        test: &'a Test,
        options: TestOptions,
    ) -> Result<Script<'a>, EngineError> {
        let config = Config {
            patterns: Some(test.patterns.clone()),
            executor: options.executor,
            shards: options.shards,
            ..Config::default()
        };
        let mut engine = Engine::new(Arc::clone(program), &config)?;
        let mut partitions = Vec::new();
        for command in &test.commands {
            if let TestCommand::Given { stream, columns, .. } = command {
                let id = engine.add_partition(*stream);
                // Late events show all their fields.
                let types = projection(program, &test.patterns, *stream, true);
                partitions.push(Partition::new(program, *stream, id, columns, types));
            }
        }
        Ok(Script { program, test, options, engine, partitions, reached: 0, records: Vec::new() })
    }

    /// A block was reached: its rows are read with those of the blocks around it.
    fn wait(&mut self, rows: &'a [Vec<Value>]) {
        let partition = &mut self.partitions[self.reached];
        partition.rows = rows;
        partition.order = (0..rows.len()).collect();
        if let Some(seed) = self.options.shuffle_seed {
            partition.shuffle(seed ^ self.reached as u64);
        }
        self.reached += 1;
    }

    /// Reads the rows that wait, side by side in time order.
    fn read_waiting(&mut self) -> Result<(), EngineError> {
        let mut under_way: Option<usize> = None;
        loop {
            let waiting = self.partitions.iter().enumerate().filter(|(_, partition)| partition.waits());
            let next = waiting.min_by_key(|(at, partition)| (partition.next_time(), *at)).map(|(at, _)| at);
            if let Some(current) = under_way
                && (next != under_way
                    || self.partitions[current].builder.len() >= self.options.batch_events_max)
            {
                self.engine.push(self.partitions[current].builder.finish());
                self.engine.advance()?;
            }
            let Some(next) = next else { return Ok(()) };
            self.partitions[next].read_row();
            under_way = Some(next);
        }
    }

    fn checkpoint(&mut self, expectations: &[Expectation]) -> Checkpoint {
        let records = self.engine.take_certain();
        let late = self.engine.take_late();
        self.records.extend(records.iter().cloned());
        let mut blocks: Vec<Block> = (expectations.iter())
            .map(|expectation| Block {
                kind: expectation.kind,
                stream: expectation.stream,
                named: true,
                columns: expectation.columns.clone(),
                expected: expectation.rows.clone(),
                found: found(expectation.kind, expectation.stream, &expectation.columns, &records, &late),
            })
            .collect();
        for (kind, stream) in self.must_be_empty(expectations) {
            let columns = self.shown_columns(stream);
            let found = found(kind, stream, &columns, &records, &late);
            if !found.is_empty() {
                let expected = Vec::new();
                blocks.push(Block { kind, stream, named: false, columns, expected, found });
            }
        }
        Checkpoint { blocks }
    }

    /// What no block names and the test vouches for.
    fn must_be_empty(&self, expectations: &[Expectation]) -> Vec<(Expected, StreamId)> {
        let pattern = self.program.pattern(self.test.pattern);
        let matches = pattern.emits.iter().map(|emit| (Expected::Match, emit.stream));
        let timeouts = pattern.timeout_emits.iter().map(|emit| (Expected::Timeout, emit.stream));
        let late = (0..self.program.streams.len()).map(|at| (Expected::Late, StreamId(at as u32)));
        let mut all = Vec::new();
        for (kind, stream) in matches.chain(timeouts).chain(late) {
            let named = |block: &Expectation| block.kind == kind && block.stream == stream;
            if !all.contains(&(kind, stream)) && !expectations.iter().any(named) {
                all.push((kind, stream));
            }
        }
        all
    }

    /// What is shown of a stream that no block names.
    fn shown_columns(&self, stream: StreamId) -> Vec<usize> {
        let stream = self.program.stream(stream);
        let is_ours =
            |field: &usize| matches!(stream.origin, Origin::Source { .. }) || *field != 1 && *field != 2;
        debug_assert_eq!(DERIVED_FIELDS, 3, "`at`, `pattern` and `id`; only the first is shown");
        (0..stream.fields.len()).filter(is_ours).collect()
    }
}

fn found(
    kind: Expected,
    stream: StreamId,
    columns: &[usize],
    records: &[Record],
    late: &[LateEvent],
) -> Vec<Vec<Value>> {
    let kind = match kind {
        Expected::Match => Kind::Match,
        Expected::Timeout => Kind::Timeout,
        Expected::Late => {
            return late
                .iter()
                .filter(|event| event.stream == stream)
                .map(|event| columns.iter().map(|field| event.batch.value(event.row, *field)).collect())
                .collect();
        }
    };
    records
        .iter()
        .filter(|record| record.stream == stream && record.kind == kind)
        .map(|record| columns.iter().map(|field| record.fields[*field].clone()).collect())
        .collect()
}

impl<'a> Partition<'a> {
    fn new(
        program: &Program,
        stream: StreamId,
        id: PartitionId,
        columns: &'a [usize],
        types: Vec<Option<Type>>,
    ) -> Partition<'a> {
        let (time_field, disorder) = match program.stream(stream).origin {
            Origin::Source { time_field, disorder, .. } => (time_field, disorder),
            Origin::Derived { .. } => (0, Duration::ZERO),
        };
        let builder = BatchBuilder::new(stream, id, types);
        Partition { builder, columns, time_field, disorder, rows: &[], order: Vec::new(), read: 0 }
    }

    fn waits(&self) -> bool {
        self.read < self.rows.len()
    }

    /// The event time of the next row.
    fn next_time(&self) -> EventTime {
        self.time_of(self.order[self.read])
    }

    /// The event time of a row. The checker asks for one in every row.
    fn time_of(&self, row: usize) -> EventTime {
        let column = self.columns.iter().position(|field| *field == self.time_field);
        match column.map(|column| &self.rows[row][column]) {
            Some(Value::Timestamp(time)) => *time,
            _ => EventTime::from_micros(0),
        }
    }

    /// Delays the rows of each time by at most the disorder: what was not late is not late then.
    fn shuffle(&mut self, seed: u64) {
        let spread = self.disorder.micros().max(0) as u64 + 1;
        let arrival = |row: &usize| {
            let time = self.time_of(*row);
            let delay = mixed(seed ^ mixed(time.micros() as u64)) % spread;
            (time.plus(Duration::from_micros(delay as i64)), time)
        };
        let mut order = self.order.clone();
        order.sort_by_key(arrival);
        self.order = order;
    }

    fn read_row(&mut self) {
        let time = self.next_time();
        let row = self.order[self.read];
        for (field, value) in self.columns.iter().zip(&self.rows[row]) {
            self.builder.set(*field, value.clone());
        }
        self.read += 1;
        // Numbered as written, so that a shuffled test has the same positions.
        self.builder.end_row(time, row as u64 + 1);
    }
}

/// The mixing function of splitmix64.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
