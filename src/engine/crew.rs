//! Who does the work of the shards, and what passes between them and the engine.
//!
//! The engine gives every shard the same [`Task`] and puts their [`Answer`]s together. It does not know where a shard
//! works: by itself it lets one after the other work where it is called, and a [`Crew`] may take the shards elsewhere,
//! such as to a thread each. Tasks are handed out and answered in order, and what comes of a task depends on nothing but
//! those before it, so the answers are the same wherever they are worked out.

use std::sync::Arc;

use super::Outcome;
use super::cold::ColdKeys;
use super::saved_keys::SavedKeys;
use super::shard::Shard;
use super::snapshot::KeyState;
use crate::codec::Damaged;
use crate::event::PatternId;
use crate::matcher::chunk::Prepared;
use crate::matcher::keys::KeyUsage;
use crate::matcher::{Cut, Dropped, Exceeded, Reached, Usage};
use crate::stream::Ordered;
use crate::time::EventTime;

/// What every shard is to do next. Cheap to clone: the events are shared.
#[derive(Clone)]
pub struct Task(pub(super) Work);

#[derive(Clone)]
pub(super) enum Work {
    /// Events in total order for the patterns of a level, then deadlines up to a time, and perhaps the end.
    Events { level: u32, events: Arc<Ordered<Prepared>>, to: EventTime, is_end: bool },
    /// To count what is open of the patterns of a level.
    Count { level: u32, now: EventTime },
    /// To list the times of the first events of what is open, of a pattern or of all.
    List { of: Option<PatternId>, now: EventTime },
    /// To end what is open, as far as a cut drops its first events.
    Drop { of: Option<PatternId>, cut: Cut, now: EventTime },
    /// To note from now on which keys change.
    Track,
    /// An epoch begins: to tell the state of the keys that have changed, some with each task from now on.
    BeginEpoch,
    /// To tell at most so many of them.
    Save { at_most: usize },
    /// To forget the state of keys that the store has, of so many bytes, about.
    Evict { bytes: u64 },
    /// From now on keys that were forgotten are to be fetched from here.
    FetchFrom(Arc<dyn ColdKeys>),
    /// To take the state of those keys that the shard owns, as it was at a time; so many events had a null key.
    Load { keys: Arc<Vec<KeyState>>, now: EventTime, null_keys: u64 },
}

/// What came of a task on one shard.
#[derive(Debug, Default)]
pub struct Answer {
    /// What was found, in output order.
    pub(super) outcomes: Vec<Outcome>,
    /// What a bound ended, if one did: the shard is not to work any further.
    pub(super) failure: Option<Failure>,
    /// What the shard holds and has held back, by pattern.
    pub(super) usage: Vec<(PatternId, Usage)>,
    /// What its tables of keys hold.
    pub(super) key_usage: KeyUsage,
    /// Events that a null key kept out so far, for each pattern.
    pub(super) null_keys: u64,
    /// Bounds that were reached for the first time on this shard.
    pub(super) reached: Vec<Reached>,
    /// At how many events the matches of a pattern were cut short.
    pub(super) cut_short: Vec<(PatternId, u64)>,
    /// What was counted: the first events of what is open.
    pub(super) counts: Vec<(PatternId, u64)>,
    /// What was listed.
    pub(super) times: Vec<EventTime>,
    /// What was dropped.
    pub(super) dropped: Vec<(PatternId, Dropped)>,
    /// The state of keys.
    pub(super) saved: SavedKeys,
    /// Whether more keys are to be told.
    pub(super) is_telling: bool,
    /// What is wrong with the state that was to be taken.
    pub(super) damaged: Option<Damaged>,
    /// Why a cold key could not be fetched: the shard is not to work any further.
    pub(super) lost: Option<String>,
    /// Bytes of state that its keys take, without room that is kept for others.
    pub(super) hot_bytes: u64,
}

/// A bound that ended the work.
#[derive(Debug)]
pub(super) struct Failure {
    /// The part of the program that reached it.
    pub(super) part: usize,
    /// The bound.
    pub(super) error: Exceeded,
}

impl Failure {
    /// The first of two: where a single shard would have stopped that takes one event after another.
    pub(super) fn first(self, other: Option<Failure>) -> Failure {
        match other {
            Some(other) if (other.error.at, other.part) < (self.error.at, self.part) => other,
            _ => self,
        }
    }
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
