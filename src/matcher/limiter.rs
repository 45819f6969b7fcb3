//! `limit n per D`: how many matches of one key are let out.

use std::collections::VecDeque;

use super::{Found, Kind};
use crate::lang::hir::Pattern;
use crate::time::EventTime;

/// The times of the last matches let out, for one pattern and key.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    recent: VecDeque<EventTime>,
    suppressed: u64,
}

impl Limiter {
    /// Whether a match or timeout is let out. After the n-th match the next comes no earlier than D after the n-th most
    /// recent; timeouts do not count.
    pub(super) fn allows(&mut self, pattern: &Pattern, found: &Found) -> bool {
        let Some(limit) = pattern.limit.filter(|_| found.kind == Kind::Match) else { return true };
        if self.recent.len() == limit.count as usize {
            if self.recent.front().is_some_and(|oldest| found.at.since(*oldest) < limit.per) {
                self.suppressed += 1;
                return false;
            }
            self.recent.pop_front();
        }
        self.recent.push_back(found.at);
        true
    }

    /// How many matches were held back since the last call.
    pub(super) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }

    /// From when on it remembers nothing that matters; `None` if that is now.
    pub(super) fn forgets_at(&self, pattern: &Pattern) -> Option<EventTime> {
        let limit = pattern.limit?;
        self.recent.back().map(|newest| newest.plus(limit.per))
    }
}
