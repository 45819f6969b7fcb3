//! The automaton: a pattern unrolled into positions, with the ways between them.
//!
//! A pattern unrolls into *positions*: one for each step, one for each required repetition of a loop, one that repeats
//! for its open part, one for each set of branches already taken of `each of`. A run stands at the position of the
//! event it took last, and has a *way* to every position that can come next. The construction is Glushkov's (every
//! position takes exactly one event, and there are no empty moves), from the end of the pattern to its start, as
//! FlinkCEP's compiler does it.
//!
//! An automaton is immutable and knows nothing of events: whoever evaluates it (the oracle, an executor) holds the
//! runs.

mod build;
mod dot;
mod explain;
mod graph;
mod layout;
mod svg;

pub use build::{TooLarge, build};
pub use dot::dot;
pub use explain::explain;
pub use svg::{Picture, svg};

use crate::event::StepId;
use crate::lang::hir::{Expr, Greed, GroupId, Word};
use crate::time::Duration;

/// A position of an automaton.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PositionId(pub u32);

impl PositionId {
    /// As an index into [`Automaton::positions`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A loop over one step, or an optional step, as it was unrolled at one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LoopId(pub u32);

impl LoopId {
    /// As an index into [`Automaton::loops`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A pattern's automaton.
#[derive(Clone, Debug)]
pub struct Automaton {
    /// The ways that every event is offered: those to a first step.
    pub start: Vec<Way>,
    /// The positions.
    pub positions: Vec<Position>,
    /// The loops.
    pub loops: Vec<Loop>,
    /// Absences before the first step.
    pub leading: Vec<LeadingAbsence>,
}

impl Automaton {
    /// A position.
    pub fn position(&self, id: PositionId) -> &Position {
        &self.positions[id.index()]
    }

    /// A loop.
    pub fn loop_(&self, id: LoopId) -> &Loop {
        &self.loops[id.index()]
    }
}

/// Where a run can stand: it has just taken an event of a step.
#[derive(Clone, Debug)]
pub struct Position {
    /// The step of the event taken.
    pub step: StepId,
    /// The loop that it belongs to.
    pub loop_: Option<LoopId>,
    /// What can come next. A repetition stands before the ways out.
    pub ways: Vec<Way>,
    /// How a match can end here.
    pub end: Option<End>,
    /// Absences with `then` that a way from here goes past: an event that fits one ends the run, and takes no way but
    /// those past it.
    pub absences: Vec<StepId>,
    /// Absences with `next`: only the one event after the one taken is looked at; if it fits, it ends the run.
    pub next_absences: Vec<StepId>,
}

/// What a run can do next.
#[derive(Clone, PartialEq, Debug)]
pub struct Way {
    /// Which events can take it.
    pub word: Word,
    /// Where it leads; several for `one of`, where the first that the event fits is taken.
    pub targets: Vec<PositionId>,
    /// The event comes less than this after the one taken before it. Not for a match's first event.
    pub gap: Option<Duration>,
    /// The loop that takes the event.
    pub takes: Option<LoopId>,
    /// Whether it is a loop's own repetition: both its ends belong to [`Way::takes`], in one round of it.
    pub repeats: bool,
    /// The loops that it goes out of or leaves out.
    pub leaves: Vec<LoopId>,
    /// The groups of which it begins an iteration.
    pub enters: Vec<GroupId>,
    /// The absences with `then` that it goes past: the event that takes it is not held against them.
    pub past: Vec<StepId>,
}

/// A loop.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The step that it takes.
    pub step: StepId,
    /// What it prefers.
    pub greed: Greed,
    /// What ends it.
    pub until: Option<Expr>,
}

/// How a match ends.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct End {
    /// Absences to wait for. None, and no [`End::next`]: the match is complete at once.
    pub waits: Vec<Wait>,
    /// Absences that the next event decides.
    pub next: Vec<StepId>,
    /// The loops that it goes out of.
    pub leaves: Vec<LoopId>,
}

impl End {
    /// Whether a match is complete with the event that reached it.
    pub fn is_immediate(&self) -> bool {
        self.waits.is_empty() && self.next.is_empty()
    }
}

/// An absence that a match waits for at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// What must not come.
    pub step: StepId,
    /// For so long after the last event; `None` until the pattern's window closes.
    pub wait: Option<Duration>,
}

/// An absence before the first step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeadingAbsence {
    /// What must not have come.
    pub step: StepId,
    /// In less than so long before the first event.
    pub wait: Duration,
}
