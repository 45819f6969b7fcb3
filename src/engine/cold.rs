//! Keys whose state is not in memory.
//!
//! Where the state of all keys is more than there is room for, that of keys which nobody has touched for an epoch is
//! forgotten: the store has it. Such a key is *cold*. It comes back before the next event of it, and by its next deadline, so
//! that nothing is found otherwise than if it had never left. Of a cold key are kept its number in the table of keys, a
//! bit, and when it is to wake up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::event::Value;
use crate::matcher::keys::KeyId;
use crate::time::EventTime;

/// Where the state of cold keys is: what the last epoch that told of a key has said.
pub trait ColdKeys: Send + Sync {
    /// The state of a key in a unit of the program; `None` where nothing is held for it.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn fetch(&self, unit: u32, key: &Arc<[Value]>) -> Result<Option<Vec<u8>>, String>;
}

/// The cold keys of a part.
#[derive(Debug, Default)]
pub(super) struct Cold {
    /// A bit for each key.
    bits: Vec<u64>,
    count: u64,
    /// Keys by when they are to wake up. Some have come back since.
    wakes: BinaryHeap<Reverse<(EventTime, KeyId)>>,
}

impl Cold {
    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// A key goes, until a time.
    pub(super) fn add(&mut self, key: KeyId, wakes_at: EventTime) {
        let word = key as usize / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (key % 64);
        self.count += 1;
        if wakes_at < EventTime::END {
            self.wakes.push(Reverse((wakes_at, key)));
        }
    }

    /// Takes those among some keys.
    pub(super) fn take(&mut self, keys: &[KeyId]) -> Vec<KeyId> {
        match self.count {
            0 => Vec::new(),
            _ => keys.iter().copied().filter(|key| self.remove(*key)).collect(),
        }
    }

    /// Takes keys that wake up by a time, at most so many, with the time by which all of these do; at the end of time
    /// everybody wakes up. `None` once there is nobody left.
    pub(super) fn wake(&mut self, to: EventTime, at_most: usize) -> Option<(EventTime, Vec<KeyId>)> {
        let (mut taken, mut by) = (Vec::new(), EventTime::START);
        while taken.len() < at_most
            && let Some(Reverse((at, key))) = self.wakes.peek().copied()
            && at <= to
        {
            self.wakes.pop();
            if self.remove(key) {
                taken.push(key);
                by = at;
            }
        }
        if taken.is_empty() && to == EventTime::END {
            by = to;
            taken = self.keys().take(at_most).collect();
            taken.iter().for_each(|key| _ = self.remove(*key));
        }
        (!taken.is_empty()).then_some((by, taken))
    }

    /// All of them.
    pub(super) fn keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        let bits = |(word, bits): (usize, &u64)| {
            let bits = *bits;
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word as KeyId * 64 + bit)
        };
        self.bits.iter().enumerate().flat_map(bits)
    }

    fn remove(&mut self, key: KeyId) -> bool {
        let Some(word) = self.bits.get_mut(key as usize / 64) else { return false };
        let had = *word >> (key % 64) & 1 == 1;
        *word &= !(1 << (key % 64));
        self.count -= u64::from(had);
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_event_or_by_its_time() {
        let at = EventTime::from_micros;
        let mut cold = Cold::default();
        cold.add(3, at(30));
        cold.add(200, at(20));
        cold.add(64, EventTime::END);
        assert_eq!(cold.keys().collect::<Vec<_>>(), [3, 64, 200]);
        assert_eq!(cold.take(&[5, 3, 3, KeyId::MAX]), [3]);
        assert_eq!(cold.wake(at(19), 10), None);
        cold.add(3, at(25));
        assert_eq!(cold.wake(at(100), 1), Some((at(20), vec![200])));
        assert_eq!(cold.wake(at(100), 10), Some((at(25), vec![3])));
        assert_eq!((cold.len(), cold.wake(at(1000), 10)), (1, None));
        assert_eq!(cold.wake(EventTime::END, 10), Some((EventTime::END, vec![64])));
        assert_eq!((cold.len(), cold.take(&[64])), (0, vec![]));
    }
}
