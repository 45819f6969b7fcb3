//! The starts of a key, to be looked at.

use super::Starts;
use super::cell::{Cell, Start};
use crate::event::StepId;
use crate::matcher::capture::Handle;
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenMatch, OpenVisit};
use crate::time::EventTime;

impl Starts {
    /// Visits the starts of a key that are open at `now`.
    pub(super) fn show(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        let Some(slot) = self.cells.find(key) else { return };
        let cell = &self.states[slot as usize];
        for start in cell.starts.iter().filter(|start| start.is_open(&self.shape, &self.arena, now)) {
            let mut events = self.events_of(cell, start);
            // Handles wrap round, so they are numbered from the first that can be held.
            events.sort_by_key(|(handle, _)| handle.wrapping_sub(self.arena.first()));
            let due = start.due(&self.shape);
            visit(OpenMatch {
                pattern: self.plan.pattern.id,
                began: start.began,
                events: events.into_iter().map(|(handle, step)| self.arena.shown(handle, step)).collect(),
                deadline: Some(due).filter(|due| *due < EventTime::END),
            });
        }
    }

    fn events_of(&self, cell: &Cell, start: &Start) -> Vec<(Handle, StepId)> {
        let shape = &self.shape;
        let fixed = start.fixed.as_slice();
        let mut events: Vec<(Handle, StepId)> =
            fixed.iter().copied().zip(shape.fixed.iter().copied()).collect();
        if let Some(repeated) = shape.repeated.as_ref().filter(|_| fixed.len() >= shape.prefix.len()) {
            let (list, (from, to)) = start.looped(&cell.list, shape);
            let looped = list.handles(from, to.max(from)).iter();
            events.extend(looped.map(|handle| (*handle, repeated.first.step)));
        }
        events.retain(|(handle, _)| self.arena.holds(*handle));
        events
    }
}
