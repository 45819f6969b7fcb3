//! Who does the work of the shards, and what passes between them and the engine.
//!
//! The engine gives every shard the same [`Task`] and puts their [`Answer`]s together. It does not know where a shard
//! works: by itself it lets one after the other work where it is called, and a [`Crew`] may take the shards elsewhere,
//! such as to a thread each. Tasks are handed out and answered in order, and what comes of a task depends on nothing but
//! those before it, so the answers are the same wherever they are worked out.

use std::sync::Arc;

use super::Outcome;
use super::shard::Shard;
use crate::event::PatternId;
use crate::matcher::chunk::Prepared;
use crate::matcher::{KeepExceeded, Usage};
use crate::stream::Ordered;
use crate::time::EventTime;

/// What every shard is to do next. Cheap to clone: the events are shared.
#[derive(Clone, Debug)]
pub struct Task {
    /// The patterns of this level.
    pub(super) level: u32,
    /// These events, in total order.
    pub(super) events: Arc<Ordered<Prepared>>,
    /// Then the deadlines up to this time.
    pub(super) to: EventTime,
    /// Whether the input ends there.
    pub(super) is_end: bool,
}

/// What came of a task on one shard.
#[derive(Debug)]
pub struct Answer {
    /// What was found, in output order.
    pub(super) outcomes: Vec<Outcome>,
    /// What a bound ended, if one did: the shard is not to work any further.
    pub(super) failure: Option<Failure>,
    /// What the shard holds and has held back, by pattern.
    pub(super) usage: Vec<(PatternId, Usage)>,
    /// Events that a null key kept out so far, for each pattern.
    pub(super) null_keys: u64,
}

/// A bound that ended the work.
#[derive(Debug)]
pub(super) struct Failure {
    /// The part of the program that reached it. All shards have the same parts, and each stops at its first that
    /// fails: the first of these is where a single shard would have stopped.
    pub(super) part: usize,
    /// The bound.
    pub(super) error: KeepExceeded,
}

/// Shards at work elsewhere.
pub trait Crew: Send {
    /// Gives every shard a task, behind those that it has.
    fn hand_out(&mut self, task: Task);

    /// Waits for the answers of all shards to the oldest task that is not answered, in the order of the shards.
    fn collect(&mut self) -> Vec<Answer>;

    /// How many tasks may be under way before the engine waits for the oldest.
    fn tasks_ahead(&self) -> usize;
}

/// Where the shards are.
pub(super) enum Hands {
    /// With the engine.
    Here(Vec<Shard>),
    /// With others, and so many tasks under way.
    Away(Box<dyn Crew>),
}
