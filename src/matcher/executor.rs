//! What every executor class offers, and what the engine gives it.

use std::sync::Arc;

use super::{Event, Fields, Found, KeepExceeded};
use crate::event::Value;
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

/// A match or timeout of one key.
#[derive(Clone, Debug)]
pub struct KeyFound {
    /// The key.
    pub keys: Arc<[Value]>,
    /// What was found.
    pub found: Found,
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
    /// Arithmetic without a result, ever.
    pub faults: u64,
}

/// Evaluates one pattern for all keys of a shard.
///
/// Events come in total order; matches and timeouts go to `out` in order of time per key, not over keys.
pub trait Executor: Send {
    /// Takes an event that the source's filter let through. Deadlines of its key up to its time fire first.
    ///
    /// # Errors
    ///
    /// [`KeepExceeded`], if the pattern says `keep … fail`.
    fn event(
        &mut self,
        keys: &[Value],
        arrival: &dyn Arrival,
        out: &mut Vec<KeyFound>,
    ) -> Result<(), KeepExceeded>;

    /// Event time has come so far: deadlines of all keys up to and at this time fire.
    fn advance(&mut self, to: EventTime, out: &mut Vec<KeyFound>);

    /// The input has ended: deadlines fire, runs end, nothing waits any longer.
    fn finish(&mut self, out: &mut Vec<KeyFound>);

    /// What it holds.
    fn usage(&self) -> Usage;
}
