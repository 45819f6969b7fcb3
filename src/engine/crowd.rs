//! Events that complete too many matches.
//!
//! Under `then any` one event can complete as many matches as there are choices of those before it. All matches of an
//! event stand in output order, and where there are more than the bound allows, those behind it are cut off. That depends on
//! the event alone: not on how the input was cut, and not on the executor, which may stop once there is one too many.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::crew::Answer;
use super::{EventRef, Outcome};
use crate::event::{PatternId, Value};
use crate::lang::hir::KeepPolicy;
use crate::matcher::{Bound, Bounds, Kind, Order, Reached};

/// An event that completes too many.
pub(super) struct TooMany {
    pub(super) pattern: PatternId,
    pub(super) keys: Arc<[Value]>,
    pub(super) at: Order,
}

/// Adds what an executor has found to an answer, less what is beyond the bound.
///
/// # Errors
///
/// Where the policy is to fail: the first such event.
pub(super) fn cut_short(
    mut found: Vec<Outcome>,
    bounds: &Bounds,
    answer: &mut Answer,
) -> Result<(), TooMany> {
    let allowed = bounds.matches_per_event_max;
    found.sort_by(Outcome::cmp_output);
    // An event belongs to one key of a pattern.
    let mut counts: FxHashMap<(PatternId, Order), u64> = FxHashMap::default();
    let mut firsts: BTreeMap<PatternId, (Order, Outcome)> = BTreeMap::new();
    found.retain(|outcome| {
        if outcome.kind != Kind::Match {
            return true;
        }
        let last = outcome.events.iter().next_back().map(EventRef::order).expect("no match is empty");
        let count = counts.entry((outcome.pattern, last)).or_default();
        *count += 1;
        if *count == allowed + 1 {
            match answer.cut_short.iter_mut().find(|(pattern, _)| *pattern == outcome.pattern) {
                Some((_, events)) => *events += 1,
                None => answer.cut_short.push((outcome.pattern, 1)),
            }
            let first = firsts.entry(outcome.pattern).or_insert_with(|| (last, outcome.clone()));
            if last < first.0 {
                *first = (last, outcome.clone());
            }
        }
        *count <= allowed
    });
    answer.outcomes.append(&mut found);
    let bound = Bound::MatchesPerEvent;
    for (at, Outcome { pattern, keys, .. }) in firsts.values() {
        let (pattern, keys) = (*pattern, Arc::clone(keys));
        answer.reached.push(Reached { pattern, bound, allowed, keys, at: at.time });
    }
    match firsts.into_values().min_by_key(|(at, outcome)| (*at, outcome.pattern)) {
        Some((at, Outcome { pattern, keys, .. })) if bounds.policy == KeepPolicy::Fail => {
            Err(TooMany { pattern, keys, at })
        }
        _ => Ok(()),
    }
}
