//! The reference: a whole input at once, through the oracle.
//!
//! Patterns are taken level by level, keys one after another, and nothing is shared between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::input::Candidate;
use super::{Outcome, Record, emit, tally};
use crate::event::{PatternId, StreamId, Value};
use crate::lang::hir::Program;
use crate::matcher::oracle::Oracle;
use crate::matcher::watch::Watch;
use crate::matcher::{Arrival, Event, Faults, KeepExceeded, Plan};

/// The records of a program over a bounded input, in output order.
///
/// `events` are those of all source streams, none of them late, in total order. `plans` holds the automaton of every
/// pattern; only `patterns` run.
///
/// # Errors
///
/// [`KeepExceeded`], if a pattern says `keep … fail`.
pub fn run(
    program: &Program,
    plans: &[Arc<Plan>],
    patterns: &[PatternId],
    events: &[Candidate],
) -> Result<Vec<Record>, KeepExceeded> {
    run_watched(program, plans, patterns, events, &[])
}

/// The same, where it is noted what of the patterns the events reach: `watches` has one for each pattern of the program, or
/// none.
///
/// # Errors
///
/// [`KeepExceeded`], if a pattern says `keep … fail`. What was reached before is noted.
pub fn run_watched(
    program: &Program,
    plans: &[Arc<Plan>],
    patterns: &[PatternId],
    events: &[Candidate],
    watches: &[Watch],
) -> Result<Vec<Record>, KeepExceeded> {
    let mut events = events.to_vec();
    let mut records: Vec<Record> = Vec::new();
    let levels = patterns.iter().map(|id| program.pattern(*id).level).max().map_or(0, |level| level + 1);
    for level in 0..levels {
        let mut outcomes = Vec::new();
        for id in patterns.iter().filter(|id| program.pattern(**id).level == level) {
            outcomes.extend(run_pattern(&plans[id.index()], &events, watches.get(id.index()))?);
        }
        outcomes.sort_by(Outcome::cmp_output);
        let mut made = Vec::new();
        for outcome in outcomes {
            emit::records(program, outcome, &Faults::default(), &mut made);
        }
        events.extend(derived(&made, level));
        events.sort_by_key(|event| (event.time(), event.position()));
        records.extend(made);
    }
    records.sort_by(|left, right| left.outcome.cmp_output(&right.outcome));
    Ok(records)
}

/// The records of one level as events of their streams, numbered in output order.
fn derived(records: &[Record], level: u32) -> Vec<Candidate> {
    let mut numbers: BTreeMap<StreamId, u64> = BTreeMap::new();
    records
        .iter()
        .map(|record| {
            let number = numbers.entry(record.stream).or_default();
            *number += 1;
            Candidate::Derived { record: Arc::new(record.clone()), level, number: *number }
        })
        .collect()
}

fn run_pattern(
    plan: &Plan,
    events: &[Candidate],
    watch: Option<&Watch>,
) -> Result<Vec<Outcome>, KeepExceeded> {
    let pattern = &plan.pattern;
    // Keys in the order of their first event; sorted by their text, which is as good as any other order.
    let mut by_key: BTreeMap<String, (Vec<Value>, Vec<Arc<Event>>)> = BTreeMap::new();
    for candidate in events {
        let Some(index) = pattern.source_of(candidate.stream()) else { continue };
        let seen = candidate.seen(&pattern.sources[index], index);
        let passes = seen.passes(pattern, &Faults::default());
        if let Some(watch) = watch {
            watch.filtered(index, passes);
        }
        if !passes {
            continue;
        }
        let mut key = Vec::new();
        if !seen.key(&mut key) {
            continue;
        }
        let event = Arc::new(seen.to_event());
        by_key.entry(format!("{key:?}")).or_insert_with(|| (key, Vec::new())).1.push(event);
    }
    let mut outcomes = Vec::new();
    for (keys, events) in by_key.into_values() {
        let mut oracle = match watch {
            Some(watch) => Oracle::watched(plan, keys.clone(), watch),
            None => Oracle::new(plan, keys.clone()),
        };
        for event in &events {
            oracle.event(event)?;
        }
        oracle.finish();
        let keys: Arc<[Value]> = keys.into();
        let found = oracle.take_found().into_iter();
        let found = found.map(|found| Outcome::of_found(pattern.id, Arc::clone(&keys), found));
        match pattern.tally {
            None => outcomes.extend(found),
            Some(_) => outcomes.extend(tally::tallied_of_key(pattern, found, watch)),
        }
    }
    Ok(outcomes)
}
