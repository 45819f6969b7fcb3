//! Keys by their next deadline.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::EventTime;

/// A queue of key slots. A slot may stand in it several times; only the entry that was set last counts, the others are
/// passed over when they come up.
#[derive(Debug, Default)]
pub(super) struct DeadlineQueue {
    heap: BinaryHeap<Reverse<(EventTime, u32)>>,
    /// For each slot the deadline that counts.
    current: Vec<Option<EventTime>>,
}

impl DeadlineQueue {
    /// Sets the next deadline of a slot. A later one than before costs nothing until the earlier comes up.
    pub(super) fn set(&mut self, slot: u32, deadline: EventTime) {
        if self.current.len() <= slot as usize {
            self.current.resize(slot as usize + 1, None);
        }
        let current = &mut self.current[slot as usize];
        if current.is_none_or(|current| deadline < current) {
            *current = Some(deadline);
            self.heap.push(Reverse((deadline, slot)));
        }
    }

    /// A slot has no deadline any more.
    pub(super) fn unset(&mut self, slot: u32) {
        if let Some(current) = self.current.get_mut(slot as usize) {
            *current = None;
        }
    }

    /// Takes the slot with the earliest deadline, if that is at or before `to`. Whoever takes it sets its next one.
    pub(super) fn pop(&mut self, to: EventTime) -> Option<u32> {
        self.pop_entry(to).map(|(_, slot)| slot)
    }

    /// The slots that [`pop`](DeadlineQueue::pop) would give.
    pub(super) fn due(&mut self, to: EventTime) -> impl Iterator<Item = u32> {
        let due: Vec<(EventTime, u32)> = std::iter::from_fn(|| self.pop_entry(to)).collect();
        due.iter().for_each(|(deadline, slot)| self.set(*slot, *deadline));
        due.into_iter().map(|(_, slot)| slot)
    }

    fn pop_entry(&mut self, to: EventTime) -> Option<(EventTime, u32)> {
        loop {
            let entry @ Reverse((deadline, slot)) = *self.heap.peek()?;
            if deadline > to {
                return None;
            }
            self.heap.pop();
            if self.current[slot as usize] == Some(deadline) {
                self.current[slot as usize] = None;
                return Some(entry.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_earliest_deadline_of_a_slot_comes_up() {
        let at = EventTime::from_millis;
        let mut queue = DeadlineQueue::default();
        queue.set(0, at(30));
        queue.set(1, at(20));
        queue.set(0, at(10));
        queue.set(1, at(25));
        assert_eq!(queue.pop(at(5)), None);
        assert_eq!(queue.pop(at(40)), Some(0));
        assert_eq!(queue.pop(at(40)), Some(1));
        assert_eq!(queue.pop(at(40)), None);
    }
}
