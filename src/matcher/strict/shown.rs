//! The runs of a key, to be looked at.

use super::Strict;
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenMatch, OpenVisit};
use crate::time::EventTime;

impl Strict {
    /// Visits the runs of a key that are open at `now`.
    pub(super) fn show(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        let Some(cell) = self.cells.find(key) else { return };
        let ring = self.rings.of(cell);
        let links = &self.shape.linear.links;
        for (run, began) in ring.starts(ring.alive_within(self.shape.within, now)) {
            let count = run.ilog2() as usize;
            let event = |at: usize| self.writer.shown(ring.event(count - at), links[at].step);
            visit(OpenMatch {
                pattern: self.plan.pattern.id,
                began,
                events: (0..count).map(event).collect(),
                deadline: Some(began.plus(self.shape.within)),
            });
        }
    }
}
