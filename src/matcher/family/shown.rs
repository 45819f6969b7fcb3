//! The runs of a key, to be looked at: one for each rule that is in it.

use super::Shared;
use crate::matcher::keys::KeyId;
use crate::matcher::shown::{OpenMatch, OpenVisit};
use crate::time::EventTime;

impl<const WORDS: usize> Shared<WORDS> {
    /// Visits the runs of a key that are open at `now`.
    pub(super) fn show(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        let Some(slot) = self.cells.find(key) else { return };
        for run in self.runs_of[slot as usize].iter().filter(|run| run.began.plus(self.within) > now) {
            let held = run.events.iter().take(run.size.into()).zip(&self.steps);
            let events: Vec<_> = held.map(|(handle, step)| self.arena.shown(*handle, *step)).collect();
            for (rule, pattern) in self.rules.iter().enumerate() {
                if run.rules[rule / 64] >> (rule % 64) & 1 == 1 {
                    let deadline = Some(run.began.plus(self.within));
                    visit(OpenMatch {
                        pattern: *pattern,
                        began: run.began,
                        events: events.clone(),
                        deadline,
                    });
                }
            }
        }
    }
}
