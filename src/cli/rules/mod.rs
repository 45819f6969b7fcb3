//! Rules that change while there is state of them.
//!
//! ```text
//! patterns of the state ─┐
//!                        ├─compare─▶ what has become of each ─decide─▶ keep, begin, drain, reset, or ask ─apply─▶ state
//! patterns that are to ──┘
//! ```
//!
//! A pattern is the same where its name and what its state depends on are the same ([`PatternShape`]): it keeps its state, wherever it
//! stands in the program and whatever stands beside it, and goes on in the class that it was in. Of one that has changed the
//! old one *drains* (it finishes what is open and begins nothing) or is *reset*. What is made is a whole state, as
//! if the new patterns had written it; it is committed at once, before anything is read.

mod apply;
mod compose;
mod old;
mod reread;
mod told;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use apply::Taker;
pub(super) use old::OldProgram;
pub(super) use told::{json_lines, table};
pub(super) use verdict::{Action, Compared, Wish};

use self::verdict::{Change, compare, decide};
use super::CliError;
use crate::engine::{Engine, Group, KeyState, PatternShape};
use crate::event::PatternId;
use crate::lang::hir::Program;
use crate::matcher::Class;
use crate::runtime::epochs::{self, Recovered};
use crate::runtime::programs::put_programs;
use crate::state::Changes;

/// What a run goes on with.
pub(super) struct TakenUp {
    /// The program, with what drains.
    pub(super) program: Arc<Program>,
    /// How patterns that have state are evaluated.
    pub(super) groups: Vec<Group>,
    /// The state.
    pub(super) recovered: Recovered,
    /// What has changed.
    pub(super) changed: Option<ChangedRules>,
}

/// What has changed.
pub(super) struct ChangedRules {
    /// What is to be written of the state of keys: first what is gone, then what has come.
    pub(super) keys: Vec<KeyState>,
    /// What is said of it, a line for each pattern.
    pub(super) told: Vec<String>,
}

/// Takes a state for some patterns: as it is where these are the ones that wrote it, changed where they are not.
///
/// # Errors
///
/// Where somebody has to say what becomes of a pattern that has changed, or that cannot be done.
pub(super) fn take_up(
    taker: &Taker<'_>,
    left: Recovered,
    place: &str,
    wishes: &[Wish],
) -> Result<TakenUp, CliError> {
    let Survey { compared, old } = survey(taker, &left, place, false)?;
    let all: Vec<(Compared, Action)> =
        compared.into_iter().map(|one| (one.clone(), decide(&one, wishes))).collect();
    if all.iter().any(|(_, action)| *action == Action::Ask) {
        return Err(told::refused(&all, place));
    }
    let Some((old, engine)) = old else {
        let OldProgram { program, groups, .. } = OldProgram::of(&left, place)?;
        return Ok(TakenUp { program, groups, recovered: left, changed: None });
    };
    let is_other = |action: &Action| !matches!(action, Action::Keep | Action::Forget);
    if left.mark.is_done && all.iter().any(|(_, action)| is_other(action)) {
        let message =
            format!("the run in {place} has come to its end, so its patterns cannot change any more");
        return Err(CliError::asked(message, "run the patterns as they were, or give another --state"));
    }
    let taken = apply::apply(taker, left, (&old, &engine), &all, place)?;
    let mut told: Vec<String> = all.iter().filter_map(|(one, action)| told::done(one, *action)).collect();
    if taken.dropped > 0 {
        told.push(format!("{} found and not written yet are dropped with their patterns", taken.dropped));
    }
    let mut keys = taken.removed;
    let has_come = |state: &&KeyState| taken.changed_units.contains(&state.unit);
    keys.extend(taken.recovered.keys.iter().filter(has_come).cloned());
    let changed = Some(ChangedRules { keys, told });
    Ok(TakenUp { program: taken.program, groups: taken.groups, recovered: taken.recovered, changed })
}

/// What is written of a state that was changed: these keys, everything else, and the texts of the patterns.
pub(super) fn changes(keys: &[KeyState], recovered: &Recovered) -> Changes {
    let mut changes = epochs::changes(keys, &recovered.rest, &recovered.mark);
    put_programs(&recovered.programs, &mut changes);
    changes
}

/// What is compared, and what would be done with each.
///
/// # Errors
///
/// Where the state cannot be taken.
pub(super) fn verdicts(
    taker: &Taker<'_>,
    left: &Recovered,
    place: &str,
    wishes: &[Wish],
) -> Result<Vec<(Compared, Action)>, CliError> {
    let Survey { compared, .. } = survey(taker, left, place, true)?;
    Ok(compared.into_iter().map(|one| (one.clone(), decide(&one, wishes))).collect())
}

/// What has become of patterns, and where something has, the engine that the state is of.
struct Survey {
    compared: Vec<Compared>,
    old: Option<(OldProgram, Engine)>,
}

/// Compares. What is held is counted of patterns that have changed, or of `all`.
fn survey(taker: &Taker<'_>, left: &Recovered, place: &str, all: bool) -> Result<Survey, CliError> {
    let shape = |id: &PatternId| PatternShape::of(taker.program, taker.program.pattern(*id));
    let shapes: Vec<PatternShape> = taker.patterns.iter().map(shape).collect();
    let units = &left.mark.units;
    let mut compared = compare(units, &shapes, taker.executor);
    let mut keys: BTreeMap<u32, u64> = BTreeMap::new();
    for state in &left.keys {
        *keys.entry(state.unit).or_default() += 1;
    }
    let keys_of = |at: usize| keys.get(&units[at].number).copied().unwrap_or_default();
    for one in &mut compared {
        if let Some((at, _)) = one.place {
            one.holding.keys = keys_of(at);
            one.holding.is_shared = units[at].class == Class::Family;
        }
    }
    let is_settled = |one: &Compared| {
        one.change == Change::Unchanged || (one.change == Change::Draining && one.holding.keys > 0)
    };
    // The same text gives streams and patterns the same numbers.
    let is_same_text = left.programs.first() == Some(taker.text);
    if is_same_text && compared.iter().all(is_settled) && !all {
        return Ok(Survey { compared, old: None });
    }
    let is_counted = |number: u32| {
        let at = units.iter().position(|unit| unit.number == number);
        all || compared.iter().any(|one| !is_settled(one) && one.place.map(|(unit, _)| unit) == at)
    };
    let counted = left.keys.iter().filter(|state| is_counted(state.unit)).cloned().collect();
    let old = OldProgram::of(left, place)?;
    let mut engine = old.engine((&left.rest, counted), place)?;
    for open in engine.open()? {
        let is_it = |one: &&mut Compared| {
            one.place.is_some_and(|(at, member)| old.groups[at].patterns[member] == open.pattern)
        };
        if let Some(one) = compared.iter_mut().find(is_it) {
            (one.holding.open, one.holding.found) = (open.open, open.found);
        }
    }
    Ok(Survey { compared, old: Some((old, engine)) })
}
