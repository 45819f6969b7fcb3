//! `limit n per D`: how many matches of one key are let out.

use std::collections::VecDeque;

use super::Kind;
use crate::codec::{Codec, Coded, Damaged};
use crate::lang::hir::Limit;
use crate::time::EventTime;

/// The times of the last matches let out, for one pattern and key.
#[derive(Clone, Debug, Default)]
pub(super) struct Limiter {
    recent: VecDeque<EventTime>,
    suppressed: u64,
}

impl Limiter {
    /// Whether a match or timeout is let out. After the n-th match the next comes no earlier than D after the n-th most
    /// recent; timeouts do not count.
    pub(super) fn allows(&mut self, limit: Option<Limit>, kind: Kind, at: EventTime) -> bool {
        let Some(limit) = limit.filter(|_| kind == Kind::Match) else { return true };
        if self.recent.len() == limit.count as usize {
            if self.recent.front().is_some_and(|oldest| at.since(*oldest) < limit.per) {
                self.suppressed += 1;
                return false;
            }
            self.recent.pop_front();
        }
        self.recent.push_back(at);
        true
    }

    /// How many matches were held back since the last call.
    pub(super) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }

    /// From when on it need remember nothing; `None` if that is now.
    pub(super) fn forgets_at(&self, limit: Option<Limit>) -> Option<EventTime> {
        self.recent.back().map(|newest| newest.plus(limit.map_or_else(Default::default, |limit| limit.per)))
    }

    /// Forgets what no longer matters.
    pub(super) fn forget(&mut self, limit: Option<Limit>, now: EventTime) {
        let Some(limit) = limit else { return };
        while self.recent.front().is_some_and(|time| now.since(*time) >= limit.per) {
            self.recent.pop_front();
        }
    }

    /// The time of the last match let out that it remembers.
    pub(super) fn last(&self) -> Option<EventTime> {
        self.recent.back().copied()
    }

    /// Whether it remembers nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// Walks what it remembers: the times, in order.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub(super) fn walk<X>(&mut self, limit: Limit, codec: &mut Codec<'_, X>) -> Coded {
        codec.queue(&mut self.recent, EventTime::default, |time, codec| codec.time(time))?;
        if self.recent.len() <= limit.count as usize && self.recent.iter().is_sorted() {
            Ok(())
        } else {
            Err(Damaged::Odd("the times of matches"))
        }
    }
}
