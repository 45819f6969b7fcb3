//! What a key holds, to be looked at: each first event, with the later ones that may be chosen.

use super::Enumerable;
use super::state::Item;
use crate::matcher::capture::is_before;
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenMatch, OpenVisit};
use crate::time::EventTime;

impl Enumerable {
    /// Visits the first events of a key that are open at `now`.
    pub(super) fn show(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        let Some(cell) = self.cells.find(key) else { return };
        let state = &self.states[cell as usize];
        let links = &self.linear.links;
        let is_open = |item: &&Item| item.time.plus(self.within) > now;
        let mut firsts: Vec<&Item> = state.first.values().flatten().filter(is_open).collect();
        firsts.sort_by_key(|item| item.handle.wrapping_sub(self.arena.first()));
        for first in firsts {
            let mut events = vec![self.arena.shown(first.handle, links[0].step)];
            for (queue, link) in state.middle.iter().zip(&links[1..]) {
                let later = queue.iter().filter(|item| is_before(first.handle, item.handle));
                events.extend(later.map(|item| self.arena.shown(item.handle, link.step)));
            }
            events.sort_by_key(|event| event.order);
            visit(OpenMatch {
                pattern: self.plan.pattern.id,
                began: first.time,
                events,
                deadline: Some(first.time.plus(self.within)),
            });
        }
    }
}
