//! The first events of a key, to be looked at. What they took on is counted through and not kept.

use super::Aggregate;
use super::state::{TAKES, TIME};
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenMatch, OpenVisit};
use crate::time::EventTime;

impl Aggregate {
    /// Visits the first events of a key that are open at `now`.
    pub(super) fn show(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        let Some(cell) = self.cells.find(key) else { return };
        let (state, counting) = (&self.states[cell as usize], &self.counting);
        // The front has its oldest event last.
        let front = state.front.chunks_exact(counting.front_stride()).rev();
        let back = state.back.chunks_exact(counting.stride()).filter(|words| words[TAKES] & 1 == 1);
        for words in front.chain(back) {
            let began = EventTime::from_micros(words[TIME] as i64);
            let deadline = began.plus(counting.within);
            if deadline > now {
                let pattern = self.plan.pattern.id;
                visit(OpenMatch { pattern, began, events: Vec::new(), deadline: Some(deadline) });
            }
        }
    }
}
