//! The runs of a key, to be looked at.

use super::Runs;
use super::run::Run;
use crate::event::SlotId;
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenEvent, OpenMatch, OpenVisit};

impl Runs {
    /// Visits the runs of a key.
    pub(super) fn show(&self, key: KeyId, visit: &mut OpenVisit<'_>) {
        let slot = self.cells.find(key).and_then(|cell| self.keys[cell as usize].as_ref());
        let runs = slot.iter().flat_map(|slot| &slot.runs.runs);
        let mut all: Vec<OpenMatch> = runs.map(|run| self.shown(run)).collect();
        all.sort_by_key(|open| open.events.iter().map(|event| event.order).collect::<Vec<_>>());
        all.into_iter().for_each(visit);
    }

    fn shown(&self, run: &Run) -> OpenMatch {
        let nodes = std::iter::successors(Some(&run.node), |node| node.parent.as_ref());
        let event = |node: &std::sync::Arc<super::run::Node>| OpenEvent {
            step: node.step,
            order: node.event.order(),
            values: (0..).map(SlotId).zip(node.event.values.iter().cloned()).collect(),
        };
        let mut events: Vec<OpenEvent> = nodes.map(event).collect();
        events.reverse();
        OpenMatch {
            pattern: self.plan.pattern.id,
            began: run.start.time,
            events,
            deadline: run.deadline.or(run.window_end),
        }
    }
}
