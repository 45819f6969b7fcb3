//! From the key of an event to a small number.
//!
//! Patterns with the same `by` share a table, so that a key is looked up once for all of them. Where the key is one text
//! field, the number is remembered by the code that the text has in its dictionary: then a look-up is one access to an
//! array. Other keys are found in an open-addressed table of hashes. Of many keys little is in the cache: they are looked
//! up in groups, each group first asking memory for all that it will read, so that it comes at the same time.
//!
//! A number lives as long as an executor holds state for its key or a dictionary remembers it. Nobody counts that:
//! once there are many numbers that may have become free, the table asks who still uses which, and takes back the rest.

mod index;

use std::cell::OnceCell;
use std::hash::Hasher;
use std::sync::{Arc, Weak};

use rustc_hash::FxHasher;

use self::index::Index;
use super::chunk::Prepared;
use crate::event::{Batch, Column, Dictionary, NULL_CODE, StreamId, Value};

/// The number of a key in its table.
pub type KeyId = u32;

/// A part of the key is null: the event is in no key.
pub const NULL_KEY: KeyId = u32::MAX;

/// Another shard owns the key.
pub const FOREIGN_KEY: KeyId = u32::MAX - 1;

/// A code that was not looked up yet, or a slot without a key.
const UNKNOWN: KeyId = u32::MAX - 2;

/// Numbers remembered for the dictionaries of so many partitions at most.
const CACHES_MAX: usize = 64;

/// How many keys are looked up together.
const GROUP: usize = 64;

/// So many numbers may have become free before anybody looks.
const LOOSE_MIN: usize = 1 << 14;

/// Which fields make the key, by stream; `None` for a stream that is not read.
pub type KeyFields = Vec<Option<Vec<usize>>>;

/// The keys of some patterns on one shard.
#[derive(Debug)]
pub struct KeyTable {
    fields: KeyFields,
    /// Which shard this is, of how many.
    shard: (u64, u64),
    index: Index,
    entries: Vec<Entry>,
    free: Vec<KeyId>,
    caches: Vec<Cache>,
    /// How many numbers may have become free since somebody looked.
    loose: usize,
    bytes: Vec<u8>,
}

/// A key: a line of the cache.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Entry {
    hash: u64,
    bytes: KeyBytes,
    is_used: bool,
    /// Its values, once a match was made of them.
    values: OnceCell<Arc<[Value]>>,
}

/// The bytes of a key, in place where they are few.
#[derive(Debug)]
enum KeyBytes {
    Short(u8, [u8; SHORT_MAX]),
    Long(Box<[u8]>),
}

const SHORT_MAX: usize = 30;

/// The numbers of the codes of one dictionary.
#[derive(Debug)]
struct Cache {
    /// Held weakly: tables of other shards and patterns remember it too, and it is left once no batch holds it.
    dictionary: Weak<Dictionary>,
    ids: Vec<KeyId>,
}

/// What a table holds, whether or not an executor has state for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyUsage {
    /// Keys that have a number.
    pub keys: u64,
    /// Bytes, about: the keys, and what is remembered of dictionaries, without the texts in these.
    pub bytes: u64,
}

impl KeyUsage {
    /// What two tables hold together.
    #[must_use]
    pub fn plus(self, other: KeyUsage) -> KeyUsage {
        KeyUsage { keys: self.keys + other.keys, bytes: self.bytes + other.bytes }
    }
}

/// Some keys of a table.
#[derive(Debug, Default)]
pub struct KeySet(Vec<u64>);

impl KeySet {
    fn insert(&mut self, id: KeyId) {
        let word = id as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (id % 64);
    }

    fn contains(&self, id: KeyId) -> bool {
        self.0.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }
}

impl FromIterator<KeyId> for KeySet {
    fn from_iter<I: IntoIterator<Item = KeyId>>(ids: I) -> KeySet {
        let mut set = KeySet::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

impl KeyTable {
    /// A table for shard `number` of `count`.
    pub fn new(fields: KeyFields, number: u32, count: u32) -> KeyTable {
        KeyTable {
            fields,
            shard: (u64::from(number), u64::from(count)),
            index: Index::default(),
            entries: Vec::new(),
            free: Vec::new(),
            caches: Vec::new(),
            loose: 0,
            bytes: Vec::new(),
        }
    }

    /// Whether its keys are made of these fields.
    pub fn is_of(&self, fields: &KeyFields) -> bool {
        self.fields == *fields
    }

    /// The keys of some rows of a batch, added to `out` in order.
    pub fn look_up(&mut self, batch: &Prepared, rows: std::ops::Range<u32>, out: &mut Vec<KeyId>) {
        let batch: &Batch = batch.as_ref();
        let StreamId(stream) = batch.stream();
        let rows = rows.start as usize..rows.end as usize;
        let Some(fields) = &self.fields[stream as usize] else {
            out.extend(rows.map(|_| FOREIGN_KEY));
            return;
        };
        if let [field] = fields.as_slice()
            && let Some(Column::String(codes, dictionary)) = batch.column(*field)
        {
            let cache = self.cache(dictionary);
            codes[rows].chunks(GROUP).for_each(|codes| self.look_up_codes((cache, dictionary), codes, out));
            return;
        }
        let fields = fields.clone();
        for row in rows {
            let values: Vec<Value> = fields.iter().map(|field| batch.value(row, *field)).collect();
            let is_null = values.iter().any(Value::is_null);
            out.push(if is_null { NULL_KEY } else { self.id_of_values(values) });
        }
    }

    /// Reads something of some keys, so that they come into the cache, all at the same time.
    pub fn touch(&self, ids: impl Iterator<Item = KeyId>) {
        let counts = ids.map(|id| self.entries[id as usize].values.get().map_or(0, Arc::strong_count));
        std::hint::black_box(counts.fold(0, |sum, count| sum ^ count));
    }

    /// The values of a key.
    pub fn values(&self, id: KeyId) -> &Arc<[Value]> {
        let entry = &self.entries[id as usize];
        // Only a key of one text is kept without its values.
        entry.values.get_or_init(|| Arc::from([Value::text(entry.bytes.text())]))
    }

    /// Whether enough may have become free for [`sweep`](KeyTable::sweep) to be worth its while.
    pub fn is_sweep_due(&mut self) -> bool {
        let is_left = |cache: &Cache| cache.dictionary.strong_count() == 0;
        while let Some(at) = self.caches.iter().position(is_left) {
            self.drop_cache(at);
        }
        self.loose > LOOSE_MIN.max(self.len() / 2)
    }

    /// Forgets all keys but those that are held, and those that a dictionary remembers. Numbers that were looked up
    /// before are not to be used any more. The cost is that of a pass over all keys.
    pub fn sweep(&mut self, mut held: KeySet) {
        let remembered = self.caches.iter().flat_map(|cache| &cache.ids).copied();
        remembered.filter(|id| *id < UNKNOWN).for_each(|id| held.insert(id));
        let entries = (0..).zip(&mut self.entries).filter(|(_, entry)| entry.is_used);
        for (id, entry) in entries.filter(|(id, _)| !held.contains(*id)) {
            self.index.remove(entry.hash, id);
            *entry = Entry::default();
            self.free.push(id);
        }
        if self.is_empty() {
            (self.entries, self.free, self.index) = (Vec::new(), Vec::new(), Index::default());
        }
        self.loose = 0;
    }

    /// How many keys have a number.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it holds, without the bytes of keys that are too long for their place.
    pub fn usage(&self) -> KeyUsage {
        let caches = self.caches.iter().map(|cache| cache.ids.capacity() * size_of::<KeyId>());
        let bytes = self.entries.capacity() * size_of::<Entry>()
            + self.index.bytes()
            + self.free.capacity() * size_of::<KeyId>()
            + caches.sum::<usize>();
        KeyUsage { keys: self.len() as u64, bytes: bytes as u64 }
    }

    /// The index of the cache of a dictionary; a new one where there is none.
    fn cache(&mut self, dictionary: &Arc<Dictionary>) -> usize {
        let is_it = |cache: &Cache| Weak::as_ptr(&cache.dictionary) == Arc::as_ptr(dictionary);
        let found = self.caches.iter().position(is_it);
        found.unwrap_or_else(|| {
            if self.caches.len() == CACHES_MAX {
                self.drop_cache(0);
            }
            self.caches.push(Cache { dictionary: Arc::downgrade(dictionary), ids: Vec::new() });
            self.caches.len() - 1
        })
    }

    fn drop_cache(&mut self, at: usize) {
        self.loose += self.caches.remove(at).ids.len();
    }

    /// The keys of at most [`GROUP`] codes.
    fn look_up_codes(
        &mut self,
        (cache, dictionary): (usize, &Dictionary),
        codes: &[u32],
        out: &mut Vec<KeyId>,
    ) {
        let known = &self.caches[cache].ids;
        let start = out.len();
        out.extend(codes.iter().map(|code| known.get(*code as usize).copied().unwrap_or(UNKNOWN)));
        let out = &mut out[start..];
        if !out.contains(&UNKNOWN) {
            return;
        }
        let hashes = self.ask_for(dictionary, codes, out);
        for ((code, id), hash) in codes.iter().zip(out).zip(hashes) {
            if *id == UNKNOWN {
                *id = if *code == NULL_CODE {
                    NULL_KEY
                } else {
                    self.remember((cache, dictionary), *code, hash)
                };
            }
        }
    }

    /// The hashes of the codes that are not known yet. What will be read for them is read once, all at the same time.
    fn ask_for(&self, dictionary: &Dictionary, codes: &[u32], ids: &[KeyId]) -> [u64; GROUP] {
        let mut hashes = [0; GROUP];
        let mut likely = [UNKNOWN; GROUP];
        for (at, (code, id)) in codes.iter().zip(ids).enumerate() {
            if *id == UNKNOWN && *code != NULL_CODE {
                hashes[at] = hash_of(dictionary.text(*code).as_bytes());
            }
        }
        // A step for all before the next for any: what a step reads depends on what the one before it has read.
        let slots = hashes.iter().take(codes.len());
        std::hint::black_box(slots.fold(0, |sum, hash| sum ^ self.index.touch(*hash)));
        for (likely, hash) in likely.iter_mut().zip(hashes).take(codes.len()) {
            *likely = self.index.likely(hash);
        }
        let entries = likely.iter().filter_map(|id| self.entries.get(*id as usize));
        std::hint::black_box(entries.fold(0, |sum, entry| sum ^ entry.hash));
        hashes
    }

    fn remember(&mut self, (cache, dictionary): (usize, &Dictionary), code: u32, hash: u64) -> KeyId {
        if let Some(id) = self.caches[cache].ids.get(code as usize).copied().filter(|id| *id != UNKNOWN) {
            return id;
        }
        let id = self.id_of(dictionary.text(code).as_bytes(), hash, None);
        let ids = &mut self.caches[cache].ids;
        if ids.len() <= code as usize {
            ids.resize(code as usize + 1, UNKNOWN);
        }
        ids[code as usize] = id;
        id
    }

    /// The number of a key that comes back; [`FOREIGN_KEY`] where another shard owns it.
    pub fn restore(&mut self, values: &[Value]) -> KeyId {
        self.id_of_values(values.to_vec())
    }

    fn id_of_values(&mut self, values: Vec<Value>) -> KeyId {
        let mut bytes = std::mem::take(&mut self.bytes);
        encode(&values, &mut bytes);
        let before = self.len();
        let id = self.id_of(&bytes, hash_of(&bytes), Some(values));
        // No dictionary remembers it.
        self.loose += self.len() - before;
        self.bytes = bytes;
        id
    }

    /// The number of a key; a new one where it has none. `values` are not needed of a key of one text.
    fn id_of(&mut self, bytes: &[u8], hash: u64, values: Option<Vec<Value>>) -> KeyId {
        let (number, count) = self.shard;
        if count > 1 && share(hash, count) != number {
            return FOREIGN_KEY;
        }
        let is_it = |id: KeyId| {
            let entry = &self.entries[id as usize];
            entry.hash == hash && entry.bytes.as_slice() == bytes
        };
        if let Some(id) = self.index.find(hash, is_it) {
            return id;
        }
        let values = values.map_or_else(OnceCell::new, |values| OnceCell::from(Arc::from(values)));
        let entry = Entry { hash, bytes: KeyBytes::new(bytes), is_used: true, values };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as KeyId - 1
            }
        };
        self.index.insert(hash, id);
        id
    }
}

impl KeyBytes {
    fn new(bytes: &[u8]) -> KeyBytes {
        let mut short = [0; SHORT_MAX];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                KeyBytes::Short(bytes.len() as u8, short)
            }
            None => KeyBytes::Long(bytes.into()),
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            KeyBytes::Short(len, bytes) => &bytes[..usize::from(*len)],
            KeyBytes::Long(bytes) => bytes,
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.as_slice()).expect("a key of one text is text")
    }
}

impl Default for KeyBytes {
    fn default() -> KeyBytes {
        KeyBytes::Short(0, [0; SHORT_MAX])
    }
}

fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// Which of `count` shards owns a key, by the half of its hash that the index does not use.
fn share(hash: u64, count: u64) -> u64 {
    ((hash >> 32) * count) >> 32
}

/// A key as bytes that are equal exactly if the values are. Numbers of one field have one type.
pub(super) fn encode(values: &[Value], out: &mut Vec<u8>) {
    out.clear();
    if let [Value::String(text)] = values {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for value in values {
        match value {
            Value::Null => out.push(0),
            Value::Bool(value) => out.push(1 + u8::from(*value)),
            Value::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Float(value) => out.extend_from_slice(&(value + 0.0).to_bits().to_be_bytes()),
            Value::Decimal(value) => out.extend_from_slice(&value.units.to_be_bytes()),
            Value::Timestamp(value) => out.extend_from_slice(&value.micros().to_be_bytes()),
            Value::Duration(value) => out.extend_from_slice(&value.micros().to_be_bytes()),
            Value::String(value) => {
                out.extend_from_slice(&(value.len() as u32).to_be_bytes());
                out.extend_from_slice(value.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BatchBuilder, PartitionId, Type};
    use crate::matcher::predicates::Predicates;
    use crate::time::EventTime;

    fn batch(builder: &mut BatchBuilder, cards: &[&str]) -> Prepared {
        for card in cards {
            let value = if card.is_empty() { Value::Null } else { Value::text(card) };
            builder.set(0, value);
            builder.end_row(EventTime::START, 1);
        }
        Prepared::new(builder.finish(), &Predicates::new(1))
    }

    #[test]
    fn a_key_has_one_number_until_nobody_holds_it() {
        let mut table = KeyTable::new(vec![Some(vec![0])], 0, 1);
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::String)]);
        let mut ids = Vec::new();
        table.look_up(&batch(&mut builder, &["a", "b", "", "a"]), 0..4, &mut ids);
        assert_eq!(ids, [0, 1, NULL_KEY, 0]);
        table.sweep(KeySet::default());
        assert_eq!(table.len(), 2, "their dictionary remembers them");
        drop(builder);
        assert!(!table.is_sweep_due());
        table.sweep([1].into_iter().collect());
        assert_eq!(table.len(), 1, "`a` went with its dictionary");
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::String)]);
        ids.clear();
        table.look_up(&batch(&mut builder, &["b", "c"]), 0..2, &mut ids);
        assert_eq!(ids, [1, 0]);
        assert_eq!(**table.values(1), [Value::text("b")]);
        drop(builder);
        assert!(!table.is_sweep_due());
        table.sweep(KeySet::default());
        assert!(table.is_empty());
    }

    #[test]
    fn many_keys_that_nobody_holds_are_forgotten() {
        let mut table = KeyTable::new(vec![Some(vec![0])], 0, 1);
        let mut most = 0;
        for number in 0..20 {
            let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::String)]);
            let cards: Vec<String> =
                (0..5_000).map(|card| format!("a rather long card number {number} {card}")).collect();
            let cards: Vec<&str> = cards.iter().map(String::as_str).collect();
            let mut ids = Vec::new();
            table.look_up(&batch(&mut builder, &cards), 0..5_000, &mut ids);
            ids.iter().zip(&cards).for_each(|(id, card)| {
                assert_eq!(**table.values(*id), [Value::text(card)]);
            });
            drop(builder);
            if table.is_sweep_due() {
                table.sweep(KeySet::default());
            }
            most = most.max(table.len());
        }
        assert!(most < 30_000, "{most}");
    }

    #[test]
    fn every_key_belongs_to_one_shard() {
        let cards: Vec<String> = (0..100).map(|card| card.to_string()).collect();
        let cards: Vec<&str> = cards.iter().map(String::as_str).collect();
        let mut owners = vec![0; cards.len()];
        for number in 0..3 {
            let mut table = KeyTable::new(vec![Some(vec![0])], number, 3);
            let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::String)]);
            let mut ids = Vec::new();
            table.look_up(&batch(&mut builder, &cards), 0..100, &mut ids);
            ids.iter().zip(&mut owners).for_each(|(id, owners)| *owners += u32::from(*id != FOREIGN_KEY));
        }
        assert!(owners.iter().all(|count| *count == 1));
    }
}
