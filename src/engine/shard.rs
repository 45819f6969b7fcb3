//! The executors of some patterns, for the keys that this shard owns.

use std::sync::Arc;

use super::selector::{Selected, Selector};
use super::unit::Unit;
use super::{Outcome, tally};
use crate::event::PatternId;
use crate::lang::hir::{Pattern, Program};
use crate::matcher::chunk::{Lens, Prepared, Rows};
use crate::matcher::keys::{KeyFields, KeyId, KeyTable, NULL_KEY};
use crate::matcher::{Chunk, Executor, Faults, Findings, KeepExceeded, Kind, Plan, Usage};
use crate::stream::Ordered;
use crate::time::EventTime;

/// One shard: every pattern, for its share of the keys.
pub(super) struct Shard {
    number: u32,
    tables: Vec<Table>,
    parts: Vec<Part>,
    findings: Findings,
    /// Events that a null in their key kept out of every key.
    pub(super) null_keys: u64,
}

/// The keys of the patterns with one `by`, and those of the events under way.
struct Table {
    keys: KeyTable,
    ids: Vec<KeyId>,
    /// Whether one of these is null.
    has_nulls: bool,
    selector: Selector,
}

/// The executor of a pattern, or of a family.
struct Part {
    patterns: Vec<PatternId>,
    level: u32,
    table: usize,
    lens: Lens,
    tells_timeouts: bool,
    executor: Box<dyn Executor>,
    /// The pattern, where it has a tally.
    tallied: Option<Arc<Plan>>,
    /// Arithmetic of tallies without a result.
    faults: Faults,
}

impl Shard {
    /// Shard `number` of `count`.
    pub(super) fn new(program: &Program, units: &[Unit], number: u32, count: u32) -> Shard {
        let mut tables: Vec<Table> = Vec::new();
        let part = |unit: &Unit| {
            let pattern = &unit.plan.pattern;
            let fields = key_fields(program, pattern);
            let table = tables.iter().position(|table| table.keys.is_of(&fields)).unwrap_or_else(|| {
                let keys = KeyTable::new(fields, number, count);
                tables.push(Table { keys, ids: Vec::new(), has_nulls: false, selector: Selector::default() });
                tables.len() - 1
            });
            Part {
                patterns: unit.patterns.clone(),
                level: pattern.level,
                table,
                lens: unit.lens.clone(),
                tells_timeouts: !pattern.timeout_emits.is_empty(),
                executor: unit.executor(),
                tallied: pattern.tally.as_ref().map(|_| Arc::clone(&unit.plan)),
                faults: Faults::default(),
            }
        };
        let parts = units.iter().map(part).collect();
        Shard { number, parts, tables, findings: Findings::default(), null_keys: 0 }
    }

    /// Works on events in total order, then on the deadlines up to `to`, for the patterns of one level.
    pub(super) fn step(
        &mut self,
        level: u32,
        events: &Ordered<Prepared>,
        to: EventTime,
        out: &mut Vec<Outcome>,
    ) -> Result<(), KeepExceeded> {
        for table in 0..self.tables.len() {
            if self.is_of_level(table, level) {
                self.look_up(table, events);
                self.step_table(level, table, events, to, out)?;
            }
        }
        self.sweep();
        Ok(())
    }

    /// The same for the patterns with one `by`.
    fn step_table(
        &mut self,
        level: u32,
        table: usize,
        events: &Ordered<Prepared>,
        to: EventTime,
        out: &mut Vec<Outcome>,
    ) -> Result<(), KeepExceeded> {
        let Table { keys, ids, has_nulls, selector } = &mut self.tables[table];
        let rows = rows(events, ids);
        selector.begin(ids.len());
        for part in self.parts.iter_mut().filter(|part| part.level == level && part.table == table) {
            if self.number == 0 && *has_nulls {
                self.null_keys += part.lens.null_keys(&rows) * part.patterns.len() as u64;
            }
            let (lens, was_idle) = (&part.lens, part.executor.keys().is_empty());
            match selector.select(&rows, ids, lens, part.executor.keys()) {
                // There is nothing to end, and nothing begins.
                Selected::Nothing if was_idle => continue,
                Selected::Nothing => {}
                Selected::Everything => {
                    part.executor.events(&Chunk { rows: &rows, lens }, keys, &mut self.findings)?;
                }
                Selected::Rows => {
                    let rows = selector.selected(&rows);
                    part.executor.events(&Chunk { rows: &rows, lens }, keys, &mut self.findings)?;
                }
            }
            part.executor.advance(to, keys, &mut self.findings);
            collect(part, &mut self.findings, out);
        }
        Ok(())
    }

    /// The input has ended, for the patterns of one level.
    pub(super) fn finish(&mut self, level: u32, out: &mut Vec<Outcome>) {
        for part in self.parts.iter_mut().filter(|part| part.level == level) {
            part.executor.finish(&self.tables[part.table].keys, &mut self.findings);
            collect(part, &mut self.findings, out);
        }
    }

    /// What its executors hold, by pattern; what a family shares counts for its first.
    pub(super) fn usage(&self) -> impl Iterator<Item = (PatternId, Usage)> + '_ {
        let usage = |part: &Part| {
            let usage = part.executor.usage();
            Usage { faults: usage.faults + part.faults.count(), ..usage }
        };
        self.parts.iter().map(move |part| (part.patterns[0], usage(part)))
    }

    /// Takes back the numbers of keys that nobody uses any more, where there may be many.
    fn sweep(&mut self) {
        for (index, table) in self.tables.iter_mut().enumerate() {
            if table.keys.is_sweep_due() {
                let parts = self.parts.iter().filter(|part| part.table == index);
                let held = parts.flat_map(|part| part.executor.keys()).filter(|key| **key != NULL_KEY);
                table.keys.sweep(held.copied().collect());
            }
        }
    }

    /// Whether patterns of a level have these keys.
    fn is_of_level(&self, table: usize, level: u32) -> bool {
        self.parts.iter().any(|part| part.table == table && part.level == level)
    }

    fn look_up(&mut self, table: usize, events: &Ordered<Prepared>) {
        let Table { keys, ids, has_nulls, .. } = &mut self.tables[table];
        ids.clear();
        for span in &events.spans {
            keys.look_up(&events.batches[span.batch as usize], span.start..span.end, ids);
        }
        *has_nulls = ids.contains(&NULL_KEY);
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

fn rows<'a>(events: &'a Ordered<Prepared>, ids: &'a [KeyId]) -> Vec<Rows<'a>> {
    let mut rest = ids;
    let rows = |span: &crate::stream::Span| {
        let (keys, behind) = rest.split_at((span.end - span.start) as usize);
        rest = behind;
        let prepared = &events.batches[span.batch as usize];
        Rows { prepared, start: span.start, end: span.end, keys, only: None }
    };
    events.spans.iter().map(rows).collect()
}

/// Takes what an executor has found. Timeouts of a pattern that does not tell them are nothing to anybody.
fn collect(part: &Part, findings: &mut Findings, out: &mut Vec<Outcome>) {
    let block = findings.block.take().map(Arc::new);
    let found = findings.found.drain(..).filter(|found| found.kind == Kind::Match || part.tells_timeouts);
    let outcomes = found.map(|found| Outcome::of(found, block.as_ref()));
    match &part.tallied {
        None => out.extend(outcomes),
        Some(plan) => out.extend(tally::tallied(&plan.pattern, outcomes, &part.faults)),
    }
}
