//! The runs of a key, to be looked at.

use super::Queues;
use crate::event::StepId;
use crate::matcher::capture::Handle;
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenMatch, OpenVisit};
use crate::time::EventTime;

impl Queues {
    /// Visits the runs of a key that are open at `now`.
    pub(super) fn show(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        let Some(slot) = self.cells.find(key) else { return };
        let (cell, shape, arena) = (&self.queues[slot as usize], &self.shape, &self.arena);
        let len = shape.len();
        let of = |events: Vec<Handle>, until: Option<EventTime>| {
            let began = arena.time(events[0]);
            let event = |(handle, step): (&Handle, &StepId)| arena.shown(*handle, *step);
            OpenMatch {
                pattern: self.pattern,
                began,
                deadline: until.or(shape.within.map(|within| began.plus(within))),
                events: events.iter().zip(&shape.steps).map(event).collect(),
            }
        };
        let is_open =
            |events: &[Handle]| shape.within.is_none_or(|within| arena.time(events[0]).plus(within) > now);
        if let Some(ended) = &cell.ended {
            for (run, until) in ended.until.iter().enumerate() {
                visit(of(ended.runs.range(run * len..(run + 1) * len).copied().collect(), Some(*until)));
            }
        }
        let mut at = 0;
        for size in (1..len).rev() {
            for _ in 0..cell.counts.of(size) {
                let events: Vec<Handle> = cell.runs.range(at..at + size).copied().collect();
                at += len;
                if is_open(&events) {
                    visit(of(events, None));
                }
            }
        }
    }
}
