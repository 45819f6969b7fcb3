//! The numbers of keys by their hashes.

use super::{KeyId, UNKNOWN};

/// The numbers of keys by their hashes: an open-addressed table with linear probing, at most three quarters full.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    slots: Vec<Slot>,
    len: usize,
}

/// Half of the hash of a key, which says where the slot should be, and mostly that it is the right one.
#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    id: KeyId,
}

const EMPTY: Slot = Slot { tag: 0, id: UNKNOWN };

impl Index {
    pub(super) fn with_room_for(keys: usize) -> Index {
        Index { slots: vec![EMPTY; (keys * 2).next_power_of_two().max(64)], len: 0 }
    }

    /// Bytes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// Where looking for a tag begins.
    fn start(&self, tag: u32) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    fn behind(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// Reads the slot at which looking for a hash begins.
    pub(super) fn touch(&self, hash: u64) -> u32 {
        if self.slots.is_empty() { 0 } else { self.slots[self.start(hash as u32)].tag }
    }

    /// The number that is found if no two hashes are alike.
    pub(super) fn likely(&self, hash: u64) -> KeyId {
        self.find(hash, |_| true).unwrap_or(UNKNOWN)
    }

    pub(super) fn find(&self, hash: u64, is_it: impl Fn(KeyId) -> bool) -> Option<KeyId> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.start(hash as u32);
        while self.slots[at].id != UNKNOWN {
            let Slot { tag, id } = self.slots[at];
            if tag == hash as u32 && is_it(id) {
                return Some(id);
            }
            at = self.behind(at);
        }
        None
    }

    /// Enters a number that is not there.
    pub(super) fn insert(&mut self, hash: u64, id: KeyId) {
        if self.len * 4 >= self.slots.len() * 3 {
            let mut larger = Index::with_room_for(self.slots.len());
            self.slots.iter().filter(|slot| slot.id != UNKNOWN).for_each(|slot| larger.place(*slot));
            *self = larger;
        }
        self.place(Slot { tag: hash as u32, id });
    }

    /// Removes a number that is there. The slots behind it move up, so that no search ends before its slot.
    pub(super) fn remove(&mut self, hash: u64, id: KeyId) {
        let mut hole = self.start(hash as u32);
        while self.slots[hole].id != id {
            hole = self.behind(hole);
        }
        let mut at = self.behind(hole);
        while self.slots[at].id != UNKNOWN {
            let distance =
                |to: usize| to.wrapping_sub(self.start(self.slots[at].tag)) & (self.slots.len() - 1);
            // A slot may stand anywhere between where its search begins and where it stands.
            if distance(hole) <= distance(at) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.behind(at);
        }
        self.slots[hole] = EMPTY;
        self.len -= 1;
    }

    fn place(&mut self, slot: Slot) {
        let mut at = self.start(slot.tag);
        while self.slots[at].id != UNKNOWN {
            at = self.behind(at);
        }
        self.slots[at] = slot;
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_until_they_are_removed() {
        // Half of the hashes begin at the last slots, so that searches go round.
        let hash =
            |id: KeyId| if id.is_multiple_of(2) { u64::from(id / 8) } else { u64::from(u32::MAX - id / 16) };
        let mut index = Index::default();
        (0..500).for_each(|id| index.insert(hash(id), id));
        for removed in (0..500).filter(|id| id % 3 != 0) {
            index.remove(hash(removed), removed);
            for id in 0..500 {
                let is_left = id % 3 == 0 || id > removed;
                assert_eq!(index.find(hash(id), |found| found == id).is_some(), is_left, "{id}");
            }
        }
        assert_eq!(index.len, 167);
    }
}
