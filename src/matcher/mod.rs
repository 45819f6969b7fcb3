//! Matching: one pattern, one key, one event after another.
//!
//! [`oracle`] keeps every run as it is written down in `docs/semantics.md`, slowly and obviously; [`runs`] is the
//! executor that the engine uses. Both run the same automaton and evaluate expressions with `eval`; everything else
//! they do apart, so that one can be held against the other. Neither knows of batches of several keys, of
//! watermarks, or of disorder: events come in total order, and time is told to them.

mod aggregate;
pub mod bounds;
pub mod capture;
mod cells;
pub mod chunk;
mod class;
mod enumerable;
mod eval;
mod executor;
pub mod family;
pub mod keys;
mod limited;
mod limiter;
mod linear;
pub mod oracle;
pub mod predicates;
mod queues;
mod rank;
pub mod runs;
mod saved;
mod shown;
mod starts;
mod strict;
pub mod watch;

use std::sync::Arc;

pub use bounds::{Bound, Bounds, Cut, Dropped, Exceeded, Reached};
pub use cells::Which;
pub use class::{Class, Refused};
pub use eval::{Faults, Fields, Held, Nothing, Scope, Taken, evaluate, fold_values, is_true};
pub use executor::{Arrival, Chunk, Executor, Findings, FoundEvents, KeyFound, TalliedFound, Usage};
pub use saved::{SavedKey, Sink};
pub use shown::{OpenEvent, OpenMatch, OpenVisit};

use crate::event::{SlotId, SourcePosition, StepId, Value};
use crate::lang::hir::{Pattern, Program};
use crate::nfa::{self, Automaton, TooLarge};
use crate::time::EventTime;

/// A pattern with its automaton. Immutable, and shared by all who evaluate it.
#[derive(Debug)]
pub struct Plan {
    /// The pattern.
    pub pattern: Pattern,
    /// Its automaton.
    pub automaton: Automaton,
}

impl Plan {
    /// The plans of all patterns of a program, indexed by pattern.
    ///
    /// # Errors
    ///
    /// [`TooLarge`], for the first pattern that unrolls into too many positions.
    pub fn all(program: &Program) -> Result<Vec<Arc<Plan>>, TooLarge> {
        let plan = |pattern: &Pattern| {
            let automaton = nfa::build(pattern)?;
            Ok(Arc::new(Plan { pattern: pattern.clone(), automaton }))
        };
        program.patterns.iter().map(plan).collect()
    }

    /// The steps whose events matter to a key of which nothing is held: those that a match can begin with, and those of
    /// absences before it.
    pub fn first_steps(&self) -> impl Iterator<Item = StepId> + '_ {
        let starts = self.automaton.start.iter().flat_map(|way| &way.targets);
        let starts = starts.map(|target| self.automaton.position(*target).step);
        starts.chain(self.automaton.leading.iter().map(|absence| absence.step))
    }
}

/// An event as a pattern sees it: the fields that the pattern reads, and its place in the total order.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its time.
    pub time: EventTime,
    /// Where it came from; orders events of one time.
    pub position: SourcePosition,
    /// The id of the record that it is, on a derived stream.
    pub origin: Option<u128>,
    /// Which of the pattern's sources it is of.
    pub source: usize,
    /// The pattern's slots.
    pub values: Box<[Value]>,
}

impl Event {
    /// Its place in the total order.
    pub fn order(&self) -> Order {
        Order { time: self.time, position: self.position }
    }
}

impl Fields for Event {
    fn slot(&self, slot: SlotId) -> Value {
        self.values[slot.index()].clone()
    }
}

/// A place in the total order of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Order {
    /// The time.
    pub time: EventTime,
    /// The stream, partition and record.
    pub position: SourcePosition,
}

/// What came of matching.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A match.
    Match,
    /// A partial match that the window closed.
    Timeout,
}

/// A match or a timeout.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// Which.
    pub kind: Kind,
    /// When it became certain. [`EventTime::END`] where only the end of the input ended the wait.
    pub at: EventTime,
    /// When its last condition was met; `at` unless it had to wait for others.
    pub completed: EventTime,
    /// Its events with their steps, in order.
    pub events: Vec<(StepId, Arc<Event>)>,
}

impl Found {
    /// Orders what became certain at one time: by the places of its events, then by their steps.
    pub fn cmp_events(&self, other: &Found) -> std::cmp::Ordering {
        let places = |found: &Found| found.events.iter().map(|(_, event)| event.order()).collect::<Vec<_>>();
        let steps = |found: &Found| found.events.iter().map(|(step, _)| *step).collect::<Vec<_>>();
        places(self)
            .cmp(&places(other))
            .then_with(|| self.kind.cmp(&other.kind))
            .then_with(|| steps(self).cmp(&steps(other)))
    }
}

/// Reaching a bound that the pattern says to fail at.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("pattern `{pattern}` has more than {allowed} open starts for one key, and says `keep … fail`")]
#[non_exhaustive]
pub struct KeepExceeded {
    /// The pattern's name.
    pub pattern: String,
    /// What `keep` allows.
    pub allowed: u32,
}
