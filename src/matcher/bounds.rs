//! What may be held, and what happens where that is not enough.
//!
//! A pattern may be written so that it never ends what it has begun, or so that one event completes more matches than
//! anybody can read. Bounds turn that into an outcome: an error that says which pattern and key, or a known loss that is
//! counted. Which first events are ended at a bound is decided by their place in event time alone, so that it does not
//! depend on how the input was cut into batches or on the executor.

use std::sync::Arc;

use super::Order;
use crate::event::{PatternId, Value};
use crate::lang::hir::KeepPolicy;
use crate::limits;
use crate::time::EventTime;

/// The bounds of a run, beside those that patterns have by `keep`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// What happens at all of them.
    pub policy: KeepPolicy,
    /// The most open partial matches of a pattern over all keys, counted by their first events.
    pub open_max: u64,
    /// The most partial matches of one key that are kept one by one.
    pub runs_per_key_max: u64,
    /// The most matches of a pattern that one event completes for a key.
    pub matches_per_event_max: u64,
    /// The most bytes of state, about; `None` for no bound.
    pub state_bytes_max: Option<u64>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            policy: KeepPolicy::Fail,
            open_max: limits::OPEN_MAX,
            runs_per_key_max: limits::RUNS_PER_KEY_MAX,
            matches_per_event_max: limits::MATCHES_PER_EVENT_MAX,
            state_bytes_max: None,
        }
    }
}

/// A bound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bound {
    /// `keep` of the pattern.
    Keep,
    /// [`Bounds::open_max`].
    Open,
    /// [`Bounds::runs_per_key_max`].
    RunsPerKey,
    /// [`Bounds::matches_per_event_max`].
    MatchesPerEvent,
    /// [`Bounds::state_bytes_max`].
    State,
}

impl Bound {
    /// What there is more of than it allows.
    pub fn excess(self, allowed: u64) -> String {
        match self {
            Bound::Keep => format!("more than {allowed} open starts for one key"),
            Bound::Open => format!("more than {allowed} open partial matches"),
            Bound::RunsPerKey => format!("more than {allowed} partial matches open for one key"),
            Bound::MatchesPerEvent => format!("more than {allowed} matches that one event completes"),
            Bound::State => format!("more than {allowed} bytes of state"),
        }
    }

    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Bound::Keep => "it says `keep … fail`",
            Bound::Open => "give it a shorter `within`, or `keep`, or allow more (--max-open)",
            Bound::RunsPerKey => "give it a shorter `within`, or `keep`, or allow more (--max-runs-per-key)",
            Bound::MatchesPerEvent => "ask more of its steps, or allow more (--max-matches)",
            Bound::State => "give it a shorter `within`, or `keep`, or allow more (--max-state)",
        }
    }
}

/// Reaching a bound where the policy is to fail.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("pattern `{pattern}` has {} (such as key {key}): {}", .bound.excess(*.allowed), .bound.help())]
#[non_exhaustive]
pub struct Exceeded {
    /// The pattern's name.
    pub pattern: String,
    /// The bound.
    pub bound: Bound,
    /// What it allows.
    pub allowed: u64,
    /// A key that has to do with it.
    pub key: String,
    /// The event at which it was reached.
    pub at: Order,
}

/// Reaching a bound where something is dropped, for the first time.
#[derive(Clone, PartialEq, Debug)]
pub struct Reached {
    /// The pattern.
    pub pattern: PatternId,
    /// The bound.
    pub bound: Bound,
    /// What it allows.
    pub allowed: u64,
    /// A key that has to do with it.
    pub keys: Arc<[Value]>,
    /// The time at which it was reached.
    pub at: EventTime,
}

/// A key as it stands in a message.
pub fn shown_key(keys: &[Value]) -> String {
    match keys {
        [] => "none, as it has no `by`".to_owned(),
        [key] => format!("`{key}`"),
        _ => format!("({})", keys.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Which first events go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Those before a time.
    Before(EventTime),
    /// Those from a time on.
    From(EventTime),
}

impl Cut {
    /// The cut that leaves at most `left` of some times, if nothing forbids that: of equal times all or none go. `None`
    /// where the policy is to fail.
    pub fn of(policy: KeepPolicy, times: &mut [EventTime], left: usize) -> Option<Cut> {
        if times.len() <= left {
            return Some(Cut::Before(EventTime::START));
        }
        match policy {
            KeepPolicy::Fail => None,
            KeepPolicy::DropOldest => {
                let (_, newest_to_go, _) = times.select_nth_unstable(times.len() - left - 1);
                Some(Cut::Before(EventTime::from_micros(newest_to_go.micros().saturating_add(1))))
            }
            KeepPolicy::DropNewest => {
                let (_, oldest_to_go, _) = times.select_nth_unstable(left);
                Some(Cut::From(*oldest_to_go))
            }
        }
    }

    /// Whether a first event of this time goes.
    pub fn drops(self, start: EventTime) -> bool {
        match self {
            Cut::Before(time) => start < time,
            Cut::From(time) => start >= time,
        }
    }
}

/// What a cut has ended.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Dropped {
    /// How many first events.
    pub starts: u64,
    /// The time of the oldest of them, and its key; of several of one time the first as it is shown.
    pub example: Option<(EventTime, Arc<[Value]>)>,
}

impl Dropped {
    /// Adds so many first events of one key, the oldest of which has this time.
    pub fn add(&mut self, starts: u64, oldest: EventTime, keys: &Arc<[Value]>) {
        self.starts += starts;
        let is_first = match &self.example {
            None => true,
            Some((time, _)) if oldest != *time => oldest < *time,
            Some((_, other)) => shown_key(keys) < shown_key(other),
        };
        if starts > 0 && is_first {
            self.example = Some((oldest, Arc::clone(keys)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(times: &[i64]) -> Vec<EventTime> {
        times.iter().copied().map(EventTime::from_micros).collect()
    }

    #[test]
    fn a_cut_leaves_as_many_as_asked_or_fewer_where_times_are_equal() {
        let left = |policy, all: &[i64], left| {
            let cut = Cut::of(policy, &mut times(all), left).expect("something is dropped");
            let mut kept = times(all);
            kept.retain(|time| !cut.drops(*time));
            kept.iter().map(|time| time.micros()).collect::<Vec<_>>()
        };
        assert_eq!(left(KeepPolicy::DropOldest, &[3, 1, 2, 5, 4], 2), [5, 4]);
        assert_eq!(left(KeepPolicy::DropNewest, &[3, 1, 2, 5, 4], 2), [1, 2]);
        assert_eq!(left(KeepPolicy::DropOldest, &[1, 1, 1, 2], 2), [2]);
        assert_eq!(left(KeepPolicy::DropNewest, &[1, 2, 2, 2], 2), [1]);
        assert_eq!(left(KeepPolicy::DropOldest, &[1, 2], 2), [1, 2]);
        assert_eq!(Cut::of(KeepPolicy::Fail, &mut times(&[1, 2]), 1), None);
    }
}
