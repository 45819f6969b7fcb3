//! The executors of some patterns, for the keys that this shard owns.
//!
//! Every shard sees all events and passes over those of keys that another one owns, which for a key of one text is an
//! access to an array. Patterns without `by` have one key: each of them is on one shard only, in turn.

use std::sync::Arc;

use super::Outcome;
use super::crew::{Answer, Failure, Task};
use super::unit::Unit;
use crate::event::PatternId;
use crate::lang::hir::{Pattern, Program};
use crate::matcher::chunk::{Lens, Prepared, Rows};
use crate::matcher::keys::{KeyFields, KeyId, KeyTable};
use crate::matcher::{Chunk, Executor, Findings, Kind};
use crate::stream::Ordered;

/// One shard: every pattern, for its share of the keys.
pub struct Shard {
    number: u32,
    tables: Vec<Table>,
    parts: Vec<Part>,
    findings: Findings,
    /// Events that a null in their key kept out of every key.
    null_keys: u64,
}

/// The keys of the patterns with one `by`, and those of the events under way.
struct Table {
    keys: KeyTable,
    ids: Vec<KeyId>,
}

/// The executor of a pattern, or of a family.
struct Part {
    /// The same on every shard.
    number: usize,
    patterns: Vec<PatternId>,
    level: u32,
    table: usize,
    lens: Lens,
    tells_timeouts: bool,
    executor: Box<dyn Executor>,
}

impl Shard {
    /// Shard `number` of `count`.
    pub(super) fn new(program: &Program, units: &[Unit], number: u32, count: u32) -> Shard {
        let mut tables: Vec<Table> = Vec::new();
        let part = |(at, unit): (usize, &Unit)| {
            let pattern = &unit.plan.pattern;
            let fields = key_fields(program, pattern);
            let (number, count) = if has_keys(&fields) { (number, count) } else { (0, 1) };
            let table = tables.iter().position(|table| table.keys.is_of(&fields)).unwrap_or_else(|| {
                tables.push(Table { keys: KeyTable::new(fields, number, count), ids: Vec::new() });
                tables.len() - 1
            });
            Part {
                number: at,
                patterns: unit.patterns.clone(),
                level: pattern.level,
                table,
                lens: unit.lens.clone(),
                tells_timeouts: !pattern.timeout_emits.is_empty(),
                executor: unit.executor(),
            }
        };
        let is_here = |(at, unit): &(usize, &Unit)| {
            has_keys(&key_fields(program, &unit.plan.pattern)) || *at as u32 % count == number
        };
        let parts = units.iter().enumerate().filter(is_here).map(part).collect();
        Shard { number, parts, tables, findings: Findings::default(), null_keys: 0 }
    }

    /// Works on the events of a task, then on its deadlines.
    pub fn work(&mut self, task: &Task) -> Answer {
        let mut outcomes = Vec::new();
        let failure = self.step(task, &mut outcomes).err();
        if failure.is_none() && task.is_end {
            self.finish(task.level, &mut outcomes);
        }
        outcomes.sort_by(Outcome::cmp_output);
        let usage = self.parts.iter().map(|part| (part.patterns[0], part.executor.usage())).collect();
        Answer { outcomes, failure, usage, null_keys: self.null_keys }
    }

    fn step(&mut self, task: &Task, out: &mut Vec<Outcome>) -> Result<(), Failure> {
        let Task { level, events, to, .. } = task;
        self.look_up(*level, events);
        for part in self.parts.iter_mut().filter(|part| part.level == *level) {
            let table = &mut self.tables[part.table];
            let rows = rows(events, &table.ids);
            if self.number == 0 {
                self.null_keys += part.lens.null_keys(&rows) * part.patterns.len() as u64;
            }
            let chunk = Chunk { rows: &rows, lens: &part.lens };
            part.executor
                .events(&chunk, &mut table.keys, &mut self.findings)
                .map_err(|error| Failure { part: part.number, error })?;
            part.executor.advance(*to, &mut table.keys, &mut self.findings);
            collect(part, &mut self.findings, out);
        }
        self.tables.iter_mut().for_each(|table| table.keys.sweep());
        Ok(())
    }

    /// The input has ended, for the patterns of one level.
    fn finish(&mut self, level: u32, out: &mut Vec<Outcome>) {
        for part in self.parts.iter_mut().filter(|part| part.level == level) {
            part.executor.finish(&mut self.tables[part.table].keys, &mut self.findings);
            collect(part, &mut self.findings, out);
        }
    }

    fn look_up(&mut self, level: u32, events: &Ordered<Prepared>) {
        for (index, table) in self.tables.iter_mut().enumerate() {
            table.ids.clear();
            if self.parts.iter().any(|part| part.table == index && part.level == level) {
                for span in &events.spans {
                    let batch = &events.batches[span.batch as usize];
                    table.keys.look_up(batch, span.start..span.end, &mut table.ids);
                }
            }
        }
    }
}

/// Which fields make the key of a pattern, by stream.
fn key_fields(program: &Program, pattern: &Pattern) -> KeyFields {
    let mut fields = vec![None; program.streams.len()];
    for source in &pattern.sources {
        fields[source.stream.index()] = Some(source.keys.clone());
    }
    fields
}

/// Whether there is more than one key.
fn has_keys(fields: &KeyFields) -> bool {
    fields.iter().flatten().any(|fields| !fields.is_empty())
}

fn rows<'a>(events: &'a Ordered<Prepared>, ids: &'a [KeyId]) -> Vec<Rows<'a>> {
    let mut rest = ids;
    let rows = |span: &crate::stream::Span| {
        let (keys, behind) = rest.split_at((span.end - span.start) as usize);
        rest = behind;
        Rows { prepared: &events.batches[span.batch as usize], start: span.start, end: span.end, keys }
    };
    events.spans.iter().map(rows).collect()
}

/// Takes what an executor has found. Timeouts of a pattern that does not tell them are nothing to anybody.
fn collect(part: &Part, findings: &mut Findings, out: &mut Vec<Outcome>) {
    let block = findings.block.take().map(Arc::new);
    let found = findings.found.drain(..).filter(|found| found.kind == Kind::Match || part.tells_timeouts);
    out.extend(found.map(|found| Outcome::of(found, block.as_ref())));
}
