//! The changes of one commit.

use std::ops::Range;

use super::record;

/// Records to be written and deleted at once.
///
/// Keys and sealed values lie behind one another in one buffer, which [`Changes::clear`] keeps: a set is filled again for
/// every epoch. A store applies it in the order of keys, whatever the order in which it was filled: a million records in
/// key order are written eight times faster than in another. The last change of a key counts.
#[derive(Clone, Default, Debug)]
pub struct Changes {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Whether the entries are in order of keys, each key once.
    sorted: bool,
}

/// A change: the key, and behind it the value.
#[derive(Clone, Debug)]
struct Entry {
    start: usize,
    key_bytes: u32,
    /// Nothing where the key is to be deleted.
    value_bytes: Option<u32>,
}

/// What is done with one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// The record is replaced by this one, which is in its envelope.
    Put(&'a [u8], &'a [u8]),
    /// The record is deleted, where there is one.
    Delete(&'a [u8]),
}

impl Changes {
    /// No changes.
    pub fn new() -> Changes {
        Changes::default()
    }

    /// Writes a record; the envelope is put around the payload here.
    pub fn put(&mut self, key: &[u8], payload: &[u8]) {
        self.put_with(key, |out| out.extend_from_slice(payload));
    }

    /// Writes a record whose payload is what `write` appends.
    ///
    /// # Panics
    ///
    /// Where a key or value has 4 GiB or more: a record is a key's state, and bounded long before.
    pub fn put_with(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.begin(key);
        let value_start = self.bytes.len();
        record::seal(key, &mut self.bytes, write);
        self.end(start, key, Some(bytes_of(value_start..self.bytes.len())));
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: &[u8]) {
        let start = self.begin(key);
        self.end(start, key, None);
    }

    /// How many changes there are, counting those that later ones of the same key replace.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// What it takes of memory, kept by [`Changes::clear`].
    pub fn memory_usage(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Forgets the changes, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.sorted = false;
    }

    /// The changes in order of keys, of each key the last.
    pub fn in_order(&mut self) -> impl Iterator<Item = Change<'_>> {
        self.sort();
        let bytes = &self.bytes;
        self.entries.iter().map(move |entry| entry.change(bytes))
    }

    fn begin(&mut self, key: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.sorted = false;
        start
    }

    fn end(&mut self, start: usize, key: &[u8], value_bytes: Option<u32>) {
        let key_bytes = bytes_of(0..key.len());
        self.entries.push(Entry { start, key_bytes, value_bytes });
    }

    fn sort(&mut self) {
        if self.sorted {
            return;
        }
        let bytes = &self.bytes;
        // Of equal keys the later one comes first, and stays.
        self.entries.sort_unstable_by(|a, b| a.key(bytes).cmp(b.key(bytes)).then(b.start.cmp(&a.start)));
        self.entries.dedup_by(|later, kept| later.key(bytes) == kept.key(bytes));
        self.sorted = true;
    }
}

impl Entry {
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.start + self.key_bytes as usize]
    }

    fn change<'a>(&self, bytes: &'a [u8]) -> Change<'a> {
        let key = self.key(bytes);
        match self.value_bytes {
            Some(length) => {
                let start = self.start + key.len();
                Change::Put(key, &bytes[start..start + length as usize])
            }
            None => Change::Delete(key),
        }
    }
}

fn bytes_of(range: Range<usize>) -> u32 {
    u32::try_from(range.len()).expect("a record is smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::record::open;
    use crate::state::{Key, Space};

    fn shown(changes: &mut Changes) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let of = |change: Change<'_>| match change {
            Change::Put(key, value) => {
                (key.to_vec(), Some(open(key, value).expect("sealed").payload.to_vec()))
            }
            Change::Delete(key) => (key.to_vec(), None),
        };
        changes.in_order().map(of).collect()
    }

    #[test]
    fn changes_come_in_order_of_keys_and_the_last_of_a_key_counts() {
        let mut changes = Changes::new();
        changes.put(b"kb", b"1");
        changes.put(b"ka", b"2");
        changes.delete(b"kb");
        changes.put(b"kc", b"");
        changes.delete(b"ka");
        changes.put(b"ka", b"3");
        let wanted = [
            (b"ka".to_vec(), Some(b"3".to_vec())),
            (b"kb".to_vec(), None),
            (b"kc".to_vec(), Some(Vec::new())),
        ];
        assert_eq!(shown(&mut changes), wanted);
        assert_eq!(shown(&mut changes), wanted, "and once more, for a commit that is tried again");
        changes.put(b"ka", b"4");
        assert_eq!(shown(&mut changes)[0].1.as_deref(), Some(&b"4"[..]), "also after it was sorted");
    }

    #[test]
    fn clearing_keeps_the_memory() {
        let mut changes = Changes::new();
        for number in 0..1000 {
            changes.put(Key::new(Space::KeyState).u32(number), b"payload");
        }
        let memory = changes.memory_usage();
        changes.clear();
        assert!(changes.is_empty() && changes.bytes() == 0);
        assert_eq!(changes.memory_usage(), memory);
    }
}
