//! What every executor class offers, and what the engine gives it.

use std::sync::Arc;

use super::capture::Block;
use super::cells::Which;
use super::chunk::{Lens, Rows};
use super::keys::{KeyId, KeyTable};
use super::saved::{SavedKey, Sink};
use super::shown::OpenVisit;
use super::{Bounds, Cut, Dropped, Event, Exceeded, Fields, Found, Kind, Reached};
use crate::codec::Coded;
use crate::event::{PatternId, StepId, Value};
use crate::time::EventTime;

/// An event as it arrives at an executor: its fields can be looked at before anything is made of it.
pub trait Arrival: Fields {
    /// Its time.
    fn time(&self) -> EventTime;

    /// Which of the pattern's sources it is of.
    fn source(&self) -> usize;

    /// The event, with all slots of the pattern; made only once a run holds it.
    fn to_event(&self) -> Event;
}

/// Some events in total order, as one pattern sees them.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The events.
    pub rows: &'a [Rows<'a>],
    /// How the pattern sees them.
    pub lens: &'a Lens,
}

/// A match or timeout of one key.
#[derive(Clone, Debug)]
pub struct KeyFound {
    /// The pattern.
    pub pattern: PatternId,
    /// The key: a number of the key table, while the table is not swept.
    pub key: KeyId,
    /// A match or a timeout.
    pub kind: Kind,
    /// When it became certain.
    pub at: EventTime,
    /// When its last condition was met.
    pub completed: EventTime,
    /// Its events.
    pub events: FoundEvents,
}

impl KeyFound {
    /// What became certain when its last condition was met, with its events in [`Findings::block`]: the first of them,
    /// and how many there are.
    pub fn flat(pattern: PatternId, key: KeyId, kind: Kind, at: EventTime, events: (u32, usize)) -> KeyFound {
        let (first, count) = events;
        let events = FoundEvents::Flat(first, count as u32);
        KeyFound { pattern, key, kind, at, completed: at, events }
    }
}

/// The events of a match.
#[derive(Clone, Debug)]
pub enum FoundEvents {
    /// As objects.
    Shared(Vec<(StepId, Arc<Event>)>),
    /// So many of [`Findings::block`], from this on.
    Flat(u32, u32),
    /// Of all matches that one event completes that event, and what they come to.
    Tallied(Box<TalliedFound>),
}

/// What the matches come to that one event completes.
#[derive(Clone, Debug)]
pub struct TalliedFound {
    /// The event, of [`Findings::block`].
    pub event: u32,
    /// The aggregates of the pattern's tally.
    pub values: Box<[Value]>,
}

/// What an executor has found since it was last asked.
#[derive(Debug, Default)]
pub struct Findings {
    /// Matches and timeouts, in order of time per key.
    pub found: Vec<KeyFound>,
    /// The events of those that are flat.
    pub block: Option<Block>,
    /// Bounds that were reached for the first time.
    pub reached: Vec<Reached>,
}

impl Findings {
    /// Adds what was found with its events as objects.
    pub fn push(&mut self, pattern: PatternId, key: KeyId, found: Found) {
        let Found { kind, at, completed, events } = found;
        let events = FoundEvents::Shared(events);
        self.found.push(KeyFound { pattern, key, kind, at, completed, events });
    }
}

/// What an executor holds and has held back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Keys with state.
    pub keys: u64,
    /// Open partial matches.
    pub runs: u64,
    /// Bytes of state, about.
    pub bytes: u64,
    /// Matches held back by `limit`, ever.
    pub suppressed: u64,
    /// Starts dropped by `keep`, ever.
    pub dropped: u64,
    /// First events whose partial matches a bound of the run has ended, ever.
    pub ended: u64,
    /// Arithmetic without a result, ever.
    pub faults: u64,
}

/// Evaluates one pattern, or a family of patterns, for all keys of a shard.
///
/// Events come in total order; what is found goes to `out` in order of time per key, not over keys.
///
/// One that never holds an open partial match need not say how these are bounded.
pub trait Executor: Send {
    /// What it may hold; said before the first event.
    fn set_bounds(&mut self, _: &Bounds) {}

    /// Takes events. Deadlines of a key up to the time of its event fire first.
    ///
    /// # Errors
    ///
    /// [`Exceeded`], if a bound is reached that says to fail.
    fn events(&mut self, chunk: &Chunk<'_>, keys: &KeyTable, out: &mut Findings) -> Result<(), Exceeded>;

    /// Event time has come so far: deadlines of all keys up to and at this time fire.
    fn advance(&mut self, to: EventTime, keys: &KeyTable, out: &mut Findings);

    /// The input has ended: deadlines fire, runs end, nothing waits any longer.
    fn finish(&mut self, keys: &KeyTable, out: &mut Findings);

    /// The keys that it holds state for, in no order; [`NULL_KEY`](super::keys::NULL_KEY) is none. While there are no
    /// keys, nothing happens as time goes on.
    fn keys(&self) -> &[KeyId];

    /// What it holds.
    fn usage(&self) -> Usage;

    /// Notes from now on which keys change, for [`begin_epoch`](Executor::begin_epoch). Said before the first event, and before
    /// [`load`](Executor::load).
    fn track(&mut self);

    /// Keys that it holds no state for any more, but whose numbers are still needed to tell so.
    fn released(&self) -> Vec<KeyId>;

    /// An epoch begins: [`save`](Executor::save) is to tell the state of the keys that have changed up to now, as it is
    /// now. A key of whom something was found is one of them, if anything is held for it. Everything that was to be told
    /// before was told. Costs the same for many keys as for few.
    fn begin_epoch(&mut self);

    /// Tells the state of some of the keys that it is to be told of; no event or deadline before `now` is still to come.
    /// Says whether more are to be told. Before an event of a key, and before time comes to a deadline of a key, the key
    /// is told: until then its state is what it was when the epoch began.
    fn save(&mut self, which: Which<'_>, now: EventTime, keys: &KeyTable, sink: &mut Sink<'_>) -> bool;

    /// Adds the keys of which something may be told, or their state may change, when time comes to `to`. State that time
    /// just makes worthless is no such change.
    fn due(&mut self, _to: EventTime, _keys: &mut Vec<KeyId>) {}

    /// Takes the state of some keys as it was told, by itself or by an executor of the same class for the same pattern, of
    /// keys that it holds nothing of; `now` is how far event time has come.
    ///
    /// # Errors
    ///
    /// [`Damaged`](crate::codec::Damaged): what was told was something else. The executor is not to be used then.
    fn load(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded;

    /// Visits what is open for a key at `now`, to be looked at.
    fn each_open(&self, _key: KeyId, _now: EventTime, _visit: &mut OpenVisit<'_>) {}

    /// Forgets the state of at most so many keys that has not changed since it was told: gives them, each with the time of
    /// its next deadline, up to which the executor is to have it [back](Executor::load), and otherwise before the next
    /// event of the key. Where nothing is told by a deadline, it is the time from which the state is worth nothing. Costs
    /// something for each key that it holds.
    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)>;

    /// Visits the pattern and first event of what is open at `now`, each first event once: its time. Goes through
    /// everything that is held.
    fn each_start(&self, _now: EventTime, _visit: &mut dyn FnMut(PatternId, EventTime)) {}

    /// Ends what is open of a pattern, as far as a cut drops its first event; `now` is the time of what this decides.
    fn drop_starts(
        &mut self,
        _pattern: PatternId,
        _cut: Cut,
        _now: EventTime,
        _keys: &KeyTable,
        _out: &mut Findings,
    ) -> Dropped {
        Dropped::default()
    }
}
