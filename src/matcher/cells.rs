//! The keys that an executor holds state for, and when to look whether they still need it.

use std::collections::{BTreeMap, hash_set};

use rustc_hash::{FxHashMap, FxHashSet};

use super::keys::{KeyId, NULL_KEY};
use crate::time::{Duration, EventTime};

/// A key that has no cell.
const NONE: CellId = CellId::MAX;

/// The number of a key's state in an executor.
pub(super) type CellId = u32;

/// From keys to the cells that hold their state. A cell that is given back is used again.
#[derive(Debug, Default)]
pub(super) struct Cells {
    by_key: ByKey,
    keys: Vec<KeyId>,
    free: Vec<CellId>,
    changes: Option<Changes>,
}

/// The keys whose state has changed.
#[derive(Debug, Default)]
struct Changes {
    /// Cells that have changed since the last epoch began.
    cells: Marked,
    /// Keys whose cells were given back since then, and that have none.
    released: FxHashSet<KeyId>,
    /// What had changed when the last epoch began, and was not told yet.
    pending: Pending,
}

/// Keys that are to be told as they were when an epoch began.
#[derive(Debug, Default)]
struct Pending {
    /// Cells that nothing has changed since.
    cells: Marked,
    /// Keys without a cell.
    released: hash_set::IntoIter<KeyId>,
    /// Keys whose cells were given back since, when the window had passed: nobody misses what they held.
    expired: Vec<KeyId>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.cells.list.is_empty() && self.released.len() == 0 && self.expired.is_empty()
    }

    /// A key that nothing is held for.
    fn pop_released(&mut self) -> Option<KeyId> {
        self.released.next().or_else(|| self.expired.pop())
    }
}

/// Some cells, each once.
#[derive(Debug, Default)]
struct Marked {
    /// A bit for each cell.
    bits: Vec<u64>,
    /// The cells with a bit, and some that have lost it, each once.
    list: Vec<CellId>,
}

impl Marked {
    #[inline]
    fn add(&mut self, cell: CellId) {
        let (word, bit) = (cell as usize / 64, 1 << (cell % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.list.push(cell);
        }
    }

    #[inline]
    fn has(&self, cell: CellId) -> bool {
        self.bits.get(cell as usize / 64).is_some_and(|word| word >> (cell % 64) & 1 == 1)
    }

    /// Takes the bit of a cell, if it has one.
    #[inline]
    fn remove(&mut self, cell: CellId) -> bool {
        let has = self.has(cell);
        if has {
            self.bits[cell as usize / 64] &= !(1 << (cell % 64));
        }
        has
    }

    fn pop(&mut self) -> Option<CellId> {
        while let Some(cell) = self.list.pop() {
            if self.remove(cell) {
                return Some(cell);
            }
        }
        None
    }
}

/// Which of the keys that are to be told are told now.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Those among these: their state is about to change.
    Of(&'a [KeyId]),
    /// At most so many.
    AtMost(usize),
}

/// The cells of keys: of few keys by a hash of them, so that a thousand rules do not each have room for all keys.
#[derive(Debug)]
enum ByKey {
    Few(FxHashMap<KeyId, CellId>),
    Many(Vec<CellId>),
}

/// A table by key has room for at most so many keys for each that has a cell.
const KEYS_PER_CELL: usize = 8;

/// Room for so many cells is kept.
const CELLS_KEPT: usize = 64;

impl Default for ByKey {
    fn default() -> ByKey {
        ByKey::Few(FxHashMap::default())
    }
}

impl ByKey {
    #[inline]
    fn find(&self, key: KeyId) -> Option<CellId> {
        match self {
            ByKey::Many(cells) => cells.get(key as usize).copied().filter(|cell| *cell != NONE),
            ByKey::Few(cells) => cells.get(&key).copied(),
        }
    }

    fn insert(&mut self, key: KeyId, cell: CellId) {
        match self {
            ByKey::Few(cells) => {
                cells.insert(key, cell);
                // Keys have small numbers first, so this one says how many there are, about.
                if cells.len() > CELLS_KEPT && cells.len() * KEYS_PER_CELL > key as usize {
                    self.widen();
                }
            }
            ByKey::Many(cells) => {
                if cells.len() <= key as usize {
                    cells.resize(key as usize + 1, NONE);
                }
                cells[key as usize] = cell;
            }
        }
    }

    fn widen(&mut self) {
        let ByKey::Few(few) = self else { return };
        let most = few.keys().max().map_or(0, |most| *most as usize + 1);
        let mut cells = vec![NONE; most];
        few.iter().for_each(|(key, cell)| cells[*key as usize] = *cell);
        *self = ByKey::Many(cells);
    }

    fn remove(&mut self, key: KeyId) {
        match self {
            ByKey::Few(cells) => {
                cells.remove(&key);
            }
            ByKey::Many(cells) => cells[key as usize] = NONE,
        }
    }
}

impl Cells {
    /// The cell of a key.
    #[inline]
    pub(super) fn find(&self, key: KeyId) -> Option<CellId> {
        self.by_key.find(key)
    }

    /// A cell for a key that has none: one that was given back, or the one behind the last.
    pub(super) fn claim(&mut self, key: KeyId) -> CellId {
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
        self.by_key.insert(key, cell);
        if let Some(changes) = &mut self.changes {
            changes.released.remove(&key);
            changes.pending.cells.remove(cell);
            changes.cells.add(cell);
        }
        cell
    }

    /// A cell for a key whose state comes back as it was told: that is no change.
    pub(super) fn take_up(&mut self, key: KeyId) -> CellId {
        let changes = self.changes.take();
        let cell = self.claim(key);
        self.changes = changes;
        cell
    }

    /// Some cells that have not changed since the last epoch began, which is told: at most so many, with their keys.
    pub(super) fn unchanged(&self, at_most: usize) -> Vec<(CellId, KeyId)> {
        let Some(changes) = &self.changes else { return Vec::new() };
        let is_unchanged =
            |(cell, _): &(CellId, KeyId)| !changes.cells.has(*cell) && !changes.pending.cells.has(*cell);
        self.iter().filter(is_unchanged).take(at_most).collect()
    }

    /// Notes from now on which keys change.
    pub(super) fn track(&mut self) {
        self.changes.get_or_insert_default();
    }

    /// Notes that what a cell holds changes. A cell that is claimed or given back is noted anyway.
    #[inline]
    pub(super) fn change(&mut self, cell: CellId) {
        if let Some(changes) = &mut self.changes {
            changes.cells.add(cell);
        }
    }

    /// The keys without a cell that had one when the last epoch began, or since.
    pub(super) fn released(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.changes.iter().flat_map(|changes| changes.released.iter().copied())
    }

    /// What has changed up to now is to be told, all that was to be told before was. Costs the same for many as for few.
    pub(super) fn begin_epoch(&mut self) {
        let Some(Changes { cells, released, pending }) = &mut self.changes else { return };
        assert!(pending.is_empty(), "an epoch is told before the next begins");
        std::mem::swap(&mut pending.cells, cells);
        pending.released = std::mem::take(released).into_iter();
    }

    /// Whether some keys are still to be told.
    pub(super) fn is_telling(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| !changes.pending.is_empty())
    }

    /// Takes some of the keys that are to be told, with their cells if they have them.
    pub(super) fn take_pending(&mut self, which: Which<'_>) -> Vec<(KeyId, Option<CellId>)> {
        let mut taken = Vec::new();
        let Some(changes) = &mut self.changes else { return taken };
        let pending = &mut changes.pending;
        match which {
            Which::Of(_) if pending.cells.list.is_empty() => {}
            Which::Of(keys) => {
                for key in keys {
                    let cell = self.by_key.find(*key).filter(|cell| pending.cells.remove(*cell));
                    taken.extend(cell.map(|cell| (*key, Some(cell))));
                }
            }
            Which::AtMost(count) => {
                taken
                    .extend(std::iter::from_fn(|| pending.pop_released()).map(|key| (key, None)).take(count));
                let keys = &self.keys;
                let cells = std::iter::from_fn(|| pending.cells.pop());
                // Some were given back before the epoch began.
                let held = cells.filter_map(|cell| Some((*keys.get(cell as usize)?, Some(cell))));
                let left = count - taken.len();
                taken.extend(held.filter(|(key, _)| *key != NULL_KEY).take(left));
            }
        }
        taken
    }

    /// Gives a cell back whose key holds nothing any more.
    pub(super) fn release(&mut self, cell: CellId) {
        let key = self.keys[cell as usize];
        if let Some(changes) = &mut self.changes {
            changes.released.insert(key);
            if changes.pending.cells.remove(cell) {
                changes.pending.expired.push(key);
            }
        }
        self.evict(cell);
    }

    /// Gives a cell back whose state is kept elsewhere.
    pub(super) fn evict(&mut self, cell: CellId) {
        let key = std::mem::replace(&mut self.keys[cell as usize], NULL_KEY);
        self.by_key.remove(key);
        self.free.push(cell);
        if self.free.len() < self.keys.len() {
            return;
        }
        if self.keys.len() > CELLS_KEPT {
            *self = Cells { changes: self.changes.take(), ..Cells::default() };
        } else {
            self.keys.clear();
            self.free.clear();
        }
    }

    /// Gives all cells back.
    pub(super) fn clear(&mut self) {
        let mut changes = self.changes.take();
        if let Some(changes) = &mut changes {
            assert!(changes.pending.is_empty(), "an epoch is told before the end");
            changes.cells = Marked::default();
            changes.released.extend(self.keys.iter().filter(|key| **key != NULL_KEY));
        }
        *self = Cells { changes, ..Cells::default() };
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

    /// The cells in use, with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CellId, KeyId)> + '_ {
        let cells = self.keys.iter().enumerate().filter(|(_, key)| **key != NULL_KEY);
        cells.map(|(cell, key)| (cell as CellId, *key))
    }

    /// Bytes, about.
    pub(super) fn bytes(&self) -> u64 {
        let by_key = match &self.by_key {
            ByKey::Few(cells) => cells.capacity() * 9,
            ByKey::Many(cells) => cells.capacity() * 4,
        };
        (by_key + (self.keys.capacity() + self.free.capacity()) * 4) as u64
    }
}

/// Gives back the room of cells, if it is more than a little. For when no key has a cell.
pub(super) fn free_room<T>(cells: &mut Vec<T>) {
    if cells.capacity() > CELLS_KEPT {
        *cells = Vec::new();
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
    /// By cell the list that it stands in; it may stand in others, which do not count.
    current: Vec<Option<i64>>,
    /// When the first list is due.
    next: EventTime,
}

impl Expiry {
    /// For state that lives for `within`.
    pub(super) fn new(within: Duration) -> Expiry {
        Expiry {
            width: (within.micros() / 8).max(1),
            lists: BTreeMap::new(),
            current: Vec::new(),
            next: EventTime::END,
        }
    }

    /// Asks for a cell to come up, not before `at`.
    pub(super) fn set(&mut self, cell: CellId, at: EventTime) {
        let number = at.micros().div_euclid(self.width).saturating_add(1);
        self.lists.entry(number).or_default().push(cell);
        if self.current.len() <= cell as usize {
            self.current.resize(cell as usize + 1, None);
        }
        self.current[cell as usize] = Some(number);
        self.next = self.next.min(self.due(number));
    }

    /// A cell does not come up any more.
    pub(super) fn unset(&mut self, cell: CellId) {
        self.current[cell as usize] = None;
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
        let (number, mut cells) = self.lists.pop_first()?;
        // Each once: another time it stands there for a key that had it before.
        cells.retain(|cell| self.current[*cell as usize].take_if(|current| *current == number).is_some());
        self.next = self.lists.keys().next().map_or(EventTime::END, |number| self.due(*number));
        Some(cells)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.lists.clear();
        self.current.clear();
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
    fn keys_have_their_cells_whether_they_are_few_or_many() {
        let mut cells = Cells::default();
        let key = |number: KeyId| number * 7 % 1_000;
        let claimed: Vec<CellId> = (0..1_000).map(|number| cells.claim(key(number))).collect();
        assert_eq!(claimed, (0..1_000).collect::<Vec<CellId>>());
        assert!(matches!(cells.by_key, ByKey::Many(_)));
        (0..1_000).filter(|cell| cell % 3 != 0).for_each(|cell| cells.release(cell));
        for number in 0..1_000 {
            let expected = (number % 3 == 0).then_some(number);
            assert_eq!(cells.find(key(number)), expected);
        }
        assert_eq!(cells.len(), 334);
        (0..1_000).filter(|cell| cell % 3 == 0).for_each(|cell| cells.release(cell));
        assert!(cells.is_empty());
        assert_eq!(cells.bytes(), 0);
        assert_eq!(cells.claim(7), 0);
        assert_eq!((cells.find(7), cells.find(8)), (Some(0), None));
    }

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
