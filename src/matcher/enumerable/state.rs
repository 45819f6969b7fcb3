//! The events that a key holds, by link.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::matcher::Cut;
use crate::matcher::capture::{Handle, is_before};
use crate::time::{Duration, EventTime};

/// An event in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) time: EventTime,
    pub(super) handle: Handle,
}

/// Events in order of time.
pub(super) type Queue = VecDeque<Item>;

/// What one key holds.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Events of the first link, by the hash of the values that are joined.
    pub(super) first: FxHashMap<u64, Queue>,
    /// How many these are. Some may be past the window.
    pub(super) first_len: u64,
    /// Events of the links between the first and the last.
    pub(super) middle: Box<[Queue]>,
    /// When the last of all came.
    pub(super) newest: EventTime,
}

impl State {
    /// Makes queues for a chain of so many links.
    pub(super) fn open(&mut self, links: usize) {
        self.middle = vec![Queue::new(); links - 2].into();
    }

    /// Drops what the window has ended. Says how many events.
    pub(super) fn prune(&mut self, within: Duration, now: EventTime) -> u64 {
        let mut pruned = 0;
        self.first.retain(|_, queue| {
            pruned += prune(queue, within, now) as u64;
            shrink(queue);
            !queue.is_empty()
        });
        if self.first.capacity() > 4 * self.first.len() + 16 {
            self.first.shrink_to_fit();
        }
        self.first_len -= pruned;
        for queue in &mut self.middle {
            pruned += prune(queue, within, now) as u64;
            shrink(queue);
        }
        pruned
    }

    /// Drops events of the first link, and of the others those that come after none. Says how many of both, and the
    /// oldest of the first.
    pub(super) fn cut(&mut self, cut: Cut) -> (u64, u64, EventTime) {
        let (mut firsts, mut others, mut oldest) = (0, 0, EventTime::END);
        self.first.retain(|_, queue| {
            let before = queue.len();
            if queue.front().is_some_and(|item| cut.drops(item.time)) {
                oldest = oldest.min(queue[0].time);
            }
            while queue.front().is_some_and(|item| cut.drops(item.time)) {
                queue.pop_front();
            }
            while queue.back().is_some_and(|item| cut.drops(item.time)) {
                let item = queue.pop_back().expect("it was looked at");
                oldest = oldest.min(item.time);
            }
            firsts += (before - queue.len()) as u64;
            !queue.is_empty()
        });
        self.first_len -= firsts;
        let first = self.first.values().filter_map(|queue| queue.front()).map(|item| item.time).min();
        for queue in &mut self.middle {
            let before = queue.len();
            while queue.front().is_some_and(|item| first.is_none_or(|first| item.time < first)) {
                queue.pop_front();
            }
            others += (before - queue.len()) as u64;
        }
        (firsts, others, oldest)
    }

    /// How many events are in queues.
    pub(super) fn len(&self) -> u64 {
        self.middle.iter().map(|queue| queue.len() as u64).sum::<u64>() + self.first_len
    }

    /// Visits every event that it holds.
    pub(super) fn each_handle(&mut self, visit: &mut dyn FnMut(&mut Handle)) {
        let queues = self.first.values_mut().chain(&mut self.middle);
        queues.flatten().for_each(|item| visit(&mut item.handle));
    }

    /// Frees everything. Says how many events were left: such as come after no first one.
    pub(super) fn close(&mut self) -> u64 {
        let left = self.len();
        *self = State::default();
        left
    }
}

/// Drops from the front what the window has ended. Says how many.
pub(super) fn prune(queue: &mut Queue, within: Duration, now: EventTime) -> usize {
    let before = queue.len();
    while queue.front().is_some_and(|item| item.time.plus(within) <= now) {
        queue.pop_front();
    }
    before - queue.len()
}

fn shrink(queue: &mut Queue) {
    if queue.capacity() > 4 * queue.len() + 16 {
        queue.shrink_to_fit();
    }
}

/// How many events of a queue come before another event. Mostly it is all of them or nearly so: searched from the end.
pub(super) fn count_before(queue: &Queue, event: Handle) -> usize {
    let is_before = |at: usize| is_before(queue[at].handle, event);
    let (mut low, mut high) = (queue.len(), queue.len());
    let mut step = 1;
    while low > 0 && !is_before(low - 1) {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    // All below `low` come before the event, none from `high` on does.
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_before_another_are_counted() {
        for len in 0..20_u32 {
            // Handles wrap round.
            let first = u32::MAX - 20;
            let item = |at: u32| Item { time: EventTime::START, handle: first.wrapping_add(2 * at) };
            let queue: Queue = (0..len).map(item).collect();
            for event in 0..50 {
                let expected = (event as usize).div_ceil(2).min(len as usize);
                assert_eq!(count_before(&queue, first.wrapping_add(event)), expected);
            }
        }
    }
}
