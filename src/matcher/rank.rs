//! Which of several matches, or timeouts, comes first.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Event, Found, Order};
use crate::event::StepId;
use crate::lang::hir::Skip;

/// Orders the matches of one first event and one completion: most events in the first step, in the second, and so on;
/// then the earliest events; then the branches as written. The lesser is the better.
pub(super) fn by_fullness(left: &Found, right: &Found) -> Ordering {
    counts(right).cmp(&counts(left)).then_with(|| left.cmp_events(right))
}

/// How many events each step has, in the order of steps.
fn counts(found: &Found) -> Vec<u32> {
    let steps = found.events.iter().map(|(step, _)| step.index()).max().map_or(0, |last| last + 1);
    let mut counts = vec![0; steps];
    for (StepId(step), _) in &found.events {
        counts[*step as usize] += 1;
    }
    counts
}

/// Orders matches under `match`, all complete at one time: the earliest first event, then by fullness.
pub(super) fn by_start(left: &Found, right: &Found) -> Ordering {
    first(left).cmp(&first(right)).then_with(|| by_fullness(left, right))
}

/// A match that waits for runs that started before it, with the number of the moment that completed it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) moment: u64,
    pub(super) found: Found,
}

/// Orders matches that wait under `match all … skip`: first event, completion, then by fullness.
pub(super) fn by_start_and_completion(left: &Waiting, right: &Waiting) -> Ordering {
    first(&left.found)
        .cmp(&first(&right.found))
        .then_with(|| left.moment.cmp(&right.moment))
        .then_with(|| by_fullness(&left.found, &right.found))
}

/// Orders matches that wait under `match longest`: the earliest first event, then by fullness.
pub(super) fn by_start_and_fullness(left: &Waiting, right: &Waiting) -> Ordering {
    by_start(&left.found, &right.found)
}

/// Orders the timeouts of one start under `match`: the most events, then by fullness.
pub(super) fn by_length(left: &Found, right: &Found) -> Ordering {
    right.events.len().cmp(&left.events.len()).then_with(|| by_fullness(left, right))
}

/// The place of the first event.
pub(super) fn first(found: &Found) -> Order {
    found.events.first().expect("no match is empty").1.order()
}

/// The place of the last event.
pub(super) fn last(found: &Found) -> Order {
    found.events.last().expect("no match is empty").1.order()
}

/// Where matching goes on after a match: what starts before the bound is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SkipPoint {
    /// Starts at or before this place are dropped.
    After(Order),
    /// Starts before this place are dropped.
    At(Order),
}

impl SkipPoint {
    /// The skip point that a match sets; `None` where it drops nothing.
    pub(super) fn of(skip: Skip, found: &Found) -> Option<SkipPoint> {
        let place_of = |step: StepId, event: Option<&(StepId, Arc<Event>)>| {
            event.filter(|(taken, _)| *taken == step).map(|(_, event)| SkipPoint::At(event.order()))
        };
        match skip {
            Skip::None => None,
            Skip::ToNext => Some(SkipPoint::After(first(found))),
            Skip::PastLast => Some(SkipPoint::After(last(found))),
            Skip::ToFirst(step) => place_of(step, found.events.iter().find(|(taken, _)| *taken == step)),
            Skip::ToLast(step) => place_of(step, found.events.iter().rev().find(|(taken, _)| *taken == step)),
        }
    }

    /// Whether something that starts here is dropped.
    pub(super) fn drops(self, start: Order) -> bool {
        match self {
            SkipPoint::After(place) => start <= place,
            SkipPoint::At(place) => start < place,
        }
    }
}
