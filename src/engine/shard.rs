//! The executors of some patterns, for the keys that this shard owns.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::Outcome;
use super::input::Candidate;
use crate::event::{PatternId, Value};
use crate::lang::hir::Program;
use crate::matcher::runs::Runs;
use crate::matcher::{Executor, Faults, KeepExceeded, KeyFound, Plan, Usage};
use crate::time::EventTime;

/// One shard: every pattern, for its share of the keys.
pub(super) struct Shard {
    number: u64,
    count: u64,
    patterns: Vec<Part>,
    faults: Faults,
    found: Vec<KeyFound>,
    keys: Vec<Value>,
    /// Events that a null in their key kept out of every key.
    pub(super) null_keys: u64,
}

struct Part {
    pattern: PatternId,
    level: u32,
    plan: Arc<Plan>,
    executor: Box<dyn Executor>,
}

impl Shard {
    /// Shard `number` of `count`.
    pub(super) fn new(
        program: &Program,
        plans: &[Arc<Plan>],
        patterns: &[PatternId],
        number: u32,
        count: u32,
    ) -> Shard {
        let part = |pattern: &PatternId| Part {
            pattern: *pattern,
            level: program.pattern(*pattern).level,
            plan: Arc::clone(&plans[pattern.index()]),
            executor: Box::new(Runs::new(Arc::clone(&plans[pattern.index()]))),
        };
        Shard {
            number: u64::from(number),
            count: u64::from(count),
            patterns: patterns.iter().map(part).collect(),
            faults: Faults::default(),
            found: Vec::new(),
            keys: Vec::new(),
            null_keys: 0,
        }
    }

    /// Works on events in total order, then on the deadlines up to `to`, for the patterns of one level.
    pub(super) fn step(
        &mut self,
        level: u32,
        events: &[Candidate],
        to: EventTime,
        out: &mut Vec<Outcome>,
    ) -> Result<(), KeepExceeded> {
        for index in 0..self.patterns.len() {
            if self.patterns[index].level != level {
                continue;
            }
            for event in events {
                self.event(index, event)?;
            }
            self.patterns[index].executor.advance(to, &mut self.found);
            self.collect(index, out);
        }
        Ok(())
    }

    /// The input has ended, for the patterns of one level.
    pub(super) fn finish(&mut self, level: u32, out: &mut Vec<Outcome>) {
        for index in 0..self.patterns.len() {
            if self.patterns[index].level == level {
                self.patterns[index].executor.finish(&mut self.found);
                self.collect(index, out);
            }
        }
    }

    /// What its executors hold, by pattern.
    pub(super) fn usage(&self) -> impl Iterator<Item = (PatternId, Usage)> + '_ {
        self.patterns.iter().map(|part| (part.pattern, part.executor.usage()))
    }

    fn event(&mut self, index: usize, event: &Candidate) -> Result<(), KeepExceeded> {
        let part = &mut self.patterns[index];
        let pattern = &part.plan.pattern;
        let Some(source) = pattern.source_of(event.stream()) else { return Ok(()) };
        let seen = event.seen(&pattern.sources[source], source);
        if !seen.passes(pattern, &self.faults) {
            return Ok(());
        }
        if !seen.key(&mut self.keys) {
            self.null_keys += u64::from(self.number == 0);
            return Ok(());
        }
        if self.count > 1 && share(&self.keys, self.count) != self.number {
            return Ok(());
        }
        part.executor.event(&self.keys, &seen, &mut self.found)
    }

    fn collect(&mut self, index: usize, out: &mut Vec<Outcome>) {
        let pattern = self.patterns[index].pattern;
        out.extend(self.found.drain(..).map(|KeyFound { keys, found }| Outcome { pattern, keys, found }));
    }
}

/// Which of `count` shards owns a key.
fn share(keys: &[Value], count: u64) -> u64 {
    let mut hasher = FxHasher::default();
    for key in keys {
        hasher.write(key.to_string().as_bytes());
        hasher.write_u8(0xff);
    }
    // The low bits of this hash are its worst.
    (hasher.finish() >> 20) % count
}
