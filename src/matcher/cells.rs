//! The keys that an executor holds state for, and when to look whether they still need it.

use std::collections::BTreeMap;

use super::keys::{KeyId, NULL_KEY};
use crate::time::{Duration, EventTime};

/// A key that has no cell.
const NONE: CellId = CellId::MAX;

/// The number of a key's state in an executor.
pub(super) type CellId = u32;

/// From keys to the cells that hold their state. A cell that is given back is used again.
#[derive(Debug, Default)]
pub(super) struct Cells {
    by_key: Vec<CellId>,
    keys: Vec<KeyId>,
    free: Vec<CellId>,
}

impl Cells {
    /// The cell of a key.
    #[inline]
    pub(super) fn find(&self, key: KeyId) -> Option<CellId> {
        self.by_key.get(key as usize).copied().filter(|cell| *cell != NONE)
    }

    /// A cell for a key that has none: one that was given back, or the one behind the last.
    pub(super) fn claim(&mut self, key: KeyId) -> CellId {
        if self.by_key.len() <= key as usize {
            self.by_key.resize(key as usize + 1, NONE);
        }
        let cell = match self.free.pop() {
            Some(cell) => {
                self.keys[cell as usize] = key;
                cell
            }
            None => {
                self.keys.push(key);
                self.keys.len() as CellId - 1
            }
        };
        self.by_key[key as usize] = cell;
        cell
    }

    /// Gives a cell back.
    pub(super) fn release(&mut self, cell: CellId) {
        let key = std::mem::replace(&mut self.keys[cell as usize], NULL_KEY);
        self.by_key[key as usize] = NONE;
        self.free.push(cell);
        if self.free.len() == self.keys.len() {
            self.keys.clear();
            self.free.clear();
        }
    }

    /// Gives all cells back.
    pub(super) fn clear(&mut self) {
        *self = Cells::default();
    }

    /// The cells in use, with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CellId, KeyId)> + '_ {
        let cells = self.keys.iter().enumerate().filter(|(_, key)| **key != NULL_KEY);
        cells.map(|(cell, key)| (cell as CellId, *key))
    }

    /// The key of each cell; [`NULL_KEY`] where it was given back.
    pub(super) fn keys(&self) -> &[KeyId] {
        &self.keys
    }

    /// Whether no key has one.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys have one.
    pub(super) fn len(&self) -> u64 {
        (self.keys.len() - self.free.len()) as u64
    }

    /// Bytes, about.
    pub(super) fn bytes(&self) -> u64 {
        ((self.by_key.capacity() + self.keys.capacity() + self.free.capacity()) * 4) as u64
    }
}

/// So many cells are in the cache anyway.
pub(super) const CELLS_CACHED: u64 = 1 << 13;

/// Goes round over the cells, once in a window.
#[derive(Debug, Default)]
pub(super) struct Hand {
    /// The next cell.
    at: usize,
    moved: EventTime,
}

impl Hand {
    /// How many of so many cells to look at now.
    pub(super) fn steps(&mut self, cells: usize, within: Duration, now: EventTime) -> usize {
        let passed = i128::from(now.micros()) - i128::from(self.moved.micros());
        let steps = cells as i128 * passed / i128::from(within.micros().max(1));
        if steps > 0 || cells == 0 {
            self.moved = now;
        }
        usize::try_from(steps).unwrap_or(0).min(cells)
    }

    /// The next cell, if a key has it.
    pub(super) fn next(&mut self, keys: &[KeyId]) -> Option<CellId> {
        self.at = if self.at + 1 < keys.len() { self.at + 1 } else { 0 };
        keys.get(self.at).filter(|key| **key != NULL_KEY).map(|_| self.at as CellId)
    }
}

/// Cells by the time to look at them again, which may come up to an eighth of the window late: a few lists, so that it
/// costs next to nothing. Nothing that is told depends on it.
#[derive(Debug)]
pub(super) struct Expiry {
    width: i64,
    lists: BTreeMap<i64, Vec<CellId>>,
    /// When the first list is due.
    next: EventTime,
}

impl Expiry {
    /// For state that lives for `within`.
    pub(super) fn new(within: Duration) -> Expiry {
        Expiry { width: (within.micros() / 8).max(1), lists: BTreeMap::new(), next: EventTime::END }
    }

    /// Asks for a cell to come up, not before `at`.
    pub(super) fn set(&mut self, cell: CellId, at: EventTime) {
        let number = at.micros().div_euclid(self.width).saturating_add(1);
        self.lists.entry(number).or_default().push(cell);
        self.next = self.next.min(self.due(number));
    }

    /// Whether some cells come up by now.
    #[inline]
    pub(super) fn is_due(&self, now: EventTime) -> bool {
        self.next <= now
    }

    /// Takes cells that come up by now.
    pub(super) fn pop(&mut self, now: EventTime) -> Option<Vec<CellId>> {
        let (number, _) = self.lists.first_key_value()?;
        if self.due(*number) > now {
            return None;
        }
        let (_, cells) = self.lists.pop_first()?;
        self.next = self.lists.keys().next().map_or(EventTime::END, |number| self.due(*number));
        Some(cells)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.lists.clear();
        self.next = EventTime::END;
    }

    fn due(&self, number: i64) -> EventTime {
        EventTime::from_micros(number.saturating_mul(self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_comes_up_in_time() {
        let at = EventTime::from_micros;
        let mut expiry = Expiry::new(Duration::from_micros(80));
        expiry.set(1, at(25));
        expiry.set(2, at(-5));
        assert!(!expiry.is_due(at(-1)));
        assert!(expiry.is_due(at(0)));
        assert_eq!(expiry.pop(at(29)), Some(vec![2]));
        assert_eq!(expiry.pop(at(29)), None);
        assert_eq!(expiry.pop(at(30)), Some(vec![1]));
        expiry.set(3, EventTime::END);
        assert_eq!(expiry.pop(EventTime::END), Some(vec![3]));
        assert_eq!(expiry.pop(EventTime::END), None);
    }
}
