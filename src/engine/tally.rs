//! One outcome for all matches that one event completes, for patterns with a `tally`.
//!
//! Most executors make matches; here they are put together again, event by event, and counted through by the letter of
//! `docs/semantics.md`. The executor of class *aggregate* counts without making them, and is compared with this.

use std::collections::BTreeMap;

use super::Outcome;
use super::outcome::Events;
use crate::event::{SlotId, StepId, Value};
use crate::lang::hir::{Aggregate, Pattern, Tallied, Tally};
use crate::matcher::watch::Watch;
use crate::matcher::{Faults, Fields, Kind, Order, Scope, fold_values, is_true};

/// Puts the matches of some keys together that one event completes; what is put together already passes. What does
/// not meet `having` is left out.
///
/// An executor tells all matches that an event completes before it sees the next event of the key.
pub(super) fn tallied(
    pattern: &Pattern,
    outcomes: impl Iterator<Item = Outcome>,
    faults: &Faults,
) -> Vec<Outcome> {
    let Some(tally) = &pattern.tally else { return outcomes.collect() };
    let mut whole = together(pattern, tally, outcomes, faults);
    whole.retain(|outcome| meets_having(pattern, tally, outcome, faults));
    whole
}

/// The same, whether it meets `having` or not.
fn together(
    pattern: &Pattern,
    tally: &Tally,
    outcomes: impl Iterator<Item = Outcome>,
    faults: &Faults,
) -> Vec<Outcome> {
    let mut whole: Vec<Outcome> = Vec::new();
    let mut group: Vec<Outcome> = Vec::new();
    let is_same =
        |one: &Outcome, other: &Outcome| completed_by(one) == completed_by(other) && one.keys == other.keys;
    for outcome in outcomes {
        if group.first().is_some_and(|first| !is_same(first, &outcome)) {
            whole.extend(joined(pattern, tally, std::mem::take(&mut group), faults));
        }
        match outcome.events {
            Events::Tallied(_) => whole.push(outcome),
            _ => group.push(outcome),
        }
    }
    whole.extend(joined(pattern, tally, group, faults));
    whole
}

/// The same for all outcomes of one key, in whatever order they are. Timeouts are told of no pattern with a tally.
pub(super) fn tallied_of_key(
    pattern: &Pattern,
    outcomes: impl Iterator<Item = Outcome>,
    watch: Option<&Watch>,
) -> Vec<Outcome> {
    let (faults, Some(tally)) = (Faults::default(), &pattern.tally) else { return outcomes.collect() };
    let mut by_event: BTreeMap<Order, Vec<Outcome>> = BTreeMap::new();
    for one in outcomes.filter(|one| one.kind == Kind::Match) {
        by_event.entry(completed_by(&one)).or_default().push(one);
    }
    let mut whole = together(pattern, tally, by_event.into_values().flatten(), &faults);
    whole.retain(|outcome| {
        let is_met = meets_having(pattern, tally, outcome, &faults);
        if let Some(watch) = watch {
            watch.tallied(tally.having.is_some(), is_met);
        }
        is_met
    });
    whole
}

/// The event that completes a match: its last.
fn completed_by(outcome: &Outcome) -> Order {
    outcome.events.iter().next_back().expect("a match holds an event").order()
}

/// One outcome for some matches of one event; none for none.
fn joined(pattern: &Pattern, tally: &Tally, mut matches: Vec<Outcome>, faults: &Faults) -> Option<Outcome> {
    // A sum of floats depends on the order in which it is made.
    matches.sort_by(Outcome::cmp_output);
    let values = tally.aggregates.iter().map(|aggregate| match *aggregate {
        Tallied::Count => Value::Int(matches.len() as i64),
        Tallied::Over(function, step, slot) => over(pattern, function, (step, slot), &matches, faults),
    });
    let values = values.collect();
    // If the event is of one step here and of another there, it counts as that which is written first.
    let by_step = |one: &Outcome| one.events.iter().next_back().map(|event| event.step());
    let at = (0..matches.len()).min_by_key(|at| by_step(&matches[*at]))?;
    let mut one = matches.swap_remove(at);
    one.events = one.events.last_with(values);
    Some(one)
}

/// An aggregate over the events of a step in some matches.
fn over(
    pattern: &Pattern,
    function: Aggregate,
    (step, slot): (StepId, SlotId),
    matches: &[Outcome],
    faults: &Faults,
) -> Value {
    let events = matches.iter().flat_map(|one| one.events.iter()).filter(|event| event.step() == step);
    let values: Vec<Value> = events.map(|event| event.slot(slot)).filter(|value| !value.is_null()).collect();
    match fold_values(function, &values, pattern.slots[slot.index()].ty, faults) {
        // Of 0.0 and -0.0 neither is less.
        Value::Float(value) => Value::Float(value + 0.0),
        value => value,
    }
}

fn meets_having(pattern: &Pattern, tally: &Tally, outcome: &Outcome, faults: &Faults) -> bool {
    tally.having.as_ref().is_none_or(|having| {
        let held = outcome.held();
        let scope =
            Scope { pattern, candidate: None, held: &held, entering: &[], keys: &outcome.keys, faults };
        is_true(having, &scope)
    })
}
