//! The states of keys that were told, on their way to a store.
//!
//! There may be thousands after every batch, and another thread frees them: so their bytes stand in one buffer.

use std::sync::Arc;

use super::snapshot::KeyState;
use crate::event::Value;

/// The states of some keys, as they were told.
#[derive(Debug, Default)]
pub struct SavedKeys {
    keys: Vec<SavedEnd>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct SavedEnd {
    unit: u32,
    key: Arc<[Value]>,
    /// Where its bytes end.
    end: usize,
}

impl SavedKeys {
    /// How many keys they are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The unit, the key and the state of each; no bytes where there is no state any more.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Arc<[Value]>, &[u8])> {
        let starts = std::iter::once(0).chain(self.keys.iter().map(|saved| saved.end));
        starts.zip(&self.keys).map(|(start, saved)| (saved.unit, &saved.key, &self.bytes[start..saved.end]))
    }

    /// Each by itself.
    pub fn to_states(&self) -> Vec<KeyState> {
        let state = |(unit, key, bytes): (u32, &Arc<[Value]>, &[u8])| KeyState {
            unit,
            key: Arc::clone(key),
            bytes: bytes.to_vec(),
        };
        self.iter().map(state).collect()
    }

    pub(super) fn push(&mut self, unit: u32, key: &Arc<[Value]>, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.keys.push(SavedEnd { unit, key: Arc::clone(key), end: self.bytes.len() });
    }

    /// Takes what another has.
    pub(super) fn append(&mut self, mut other: SavedKeys) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let before = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.keys.extend(other.keys.into_iter().map(|saved| SavedEnd { end: saved.end + before, ..saved }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_apart_comes_as_one() {
        let key = |text: &str| -> Arc<[Value]> { Arc::from([Value::text(text)]) };
        let (mut all, mut other) = (SavedKeys::default(), SavedKeys::default());
        all.append(SavedKeys::default());
        all.push(0, &key("a"), b"one");
        all.push(1, &key("b"), b"");
        other.push(0, &key("c"), b"two");
        other.push(7, &key("d"), b"three");
        all.append(other);
        all.append(SavedKeys::default());
        let states = all.to_states();
        let found: Vec<_> =
            states.iter().map(|state| (state.unit, state.key[0].clone(), state.bytes.as_slice())).collect();
        let text = Value::text;
        let expected: [(u32, Value, &[u8]); 4] =
            [(0, text("a"), b"one"), (1, text("b"), b""), (0, text("c"), b"two"), (7, text("d"), b"three")];
        assert_eq!(found, expected);
        assert_eq!((all.len(), all.is_empty()), (4, false));
    }
}
