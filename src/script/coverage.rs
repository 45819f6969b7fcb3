//! What of the patterns their tests reach.
//!
//! Each test is run once more, through the [reference](crate::engine::reference), with a [`Watch`] over every pattern. The
//! reference is the definition and gives what the engine gives, so what is noted is what the test really does; the speed
//! of the engine is not wanted here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Candidate, projection, reference};
use crate::event::{BatchBuilder, PartitionId, PatternId, StepId, StreamId, Value};
use crate::lang::hir::{Origin, Program, Test, TestCommand};
use crate::matcher::Plan;
use crate::matcher::watch::{Point, Reached, Watch};
use crate::nfa::TooLarge;
use crate::time::{Duration, EventTime};

/// What some tests reach.
#[derive(Debug)]
pub struct Coverage {
    plans: Vec<Arc<Plan>>,
    watches: Vec<Watch>,
    /// For each pattern how many tests ran it.
    tests: Vec<usize>,
}

impl Coverage {
    /// Of no test.
    ///
    /// # Errors
    ///
    /// [`TooLarge`], for the first pattern that unrolls into too many positions.
    pub fn new(program: &Program) -> Result<Coverage, TooLarge> {
        let plans = Plan::all(program)?;
        let watches = plans.iter().map(|plan| Watch::of(plan)).collect();
        Ok(Coverage { tests: vec![0; plans.len()], plans, watches })
    }

    /// Adds what a test reaches, of all patterns that run in it. Where a pattern says `keep … fail` and that happens, what
    /// came before counts.
    pub fn add(&mut self, program: &Program, test: &Test) {
        let Events { on_time, .. } = events(program, test);
        test.patterns.iter().for_each(|id| self.tests[id.index()] += 1);
        // What comes out is judged elsewhere.
        let _ = reference::run_watched(program, &self.plans, &test.patterns, &on_time, &self.watches);
    }

    /// How many of the tests ran a pattern.
    pub fn tests(&self, pattern: PatternId) -> usize {
        self.tests[pattern.index()]
    }

    /// How far events came with a step of a pattern.
    pub fn reached(&self, pattern: PatternId, step: StepId) -> Reached {
        self.watches[pattern.index()].reached(step)
    }

    /// Everything about a pattern that events can show, and whether a test has shown it.
    pub fn points(&self, pattern: PatternId) -> impl Iterator<Item = (Point, bool)> + '_ {
        self.watches[pattern.index()].points()
    }
}

/// The events of a test.
#[derive(Debug)]
pub struct Events {
    /// Those that are not late, in total order.
    pub on_time: Vec<Candidate>,
    /// Whether there are others.
    pub has_late: bool,
}

/// The events of a test, as the definition has them: in total order, and without those that are late.
pub fn events(program: &Program, test: &Test) -> Events {
    let mut partitions: BTreeMap<StreamId, u32> = BTreeMap::new();
    let mut told: Option<EventTime> = None;
    let mut events = Events { on_time: Vec::new(), has_late: false };
    for command in &test.commands {
        match command {
            TestCommand::Watermark(at) => told = told.max(Some(*at)),
            TestCommand::Expect(_) => {}
            TestCommand::Given { stream, columns, rows } => {
                let partition = partitions.entry(*stream).or_default();
                let types = projection(program, &test.patterns, *stream, true);
                let mut builder = BatchBuilder::new(*stream, PartitionId(*partition), types);
                *partition += 1;
                events.has_late |= read(program, *stream, (columns, rows), told, &mut builder);
                let batch = Arc::new(builder.finish());
                let rows = 0..batch.len() as u32;
                events.on_time.extend(rows.map(|row| Candidate::Row { batch: Arc::clone(&batch), row }));
            }
        }
    }
    events.on_time.sort_by_key(|event| (event.time(), event.position()));
    events
}

/// Reads the rows of a `given` that are not late. Whether others are.
fn read(
    program: &Program,
    stream: StreamId,
    (columns, rows): (&[usize], &[Vec<Value>]),
    told: Option<EventTime>,
    builder: &mut BatchBuilder,
) -> bool {
    let (time_field, disorder) = match program.stream(stream).origin {
        Origin::Source { time_field, disorder, .. } => (time_field, disorder),
        Origin::Derived { .. } => (0, Duration::ZERO),
    };
    let column = columns.iter().position(|field| *field == time_field);
    let mut newest = told.map(|told| told.plus(disorder));
    let mut has_late = false;
    for (at, row) in rows.iter().enumerate() {
        // The checker asks for a time in every row.
        let Some(Value::Timestamp(time)) = column.map(|column| &row[column]) else { continue };
        if newest.is_some_and(|newest| *time < newest.minus(disorder)) {
            has_late = true;
            continue;
        }
        newest = newest.max(Some(*time));
        for (field, value) in columns.iter().zip(row) {
            builder.set(*field, value.clone());
        }
        builder.end_row(*time, at as u64 + 1);
    }
    has_late
}
