//! From the key of an event to a small number.
//!
//! Patterns with the same `by` share a table, so that a key is looked up once for all of them. Where the key is one text
//! field, the number is remembered by the code that the text has in its dictionary: then a look-up is one access to an
//! array. A number lives as long as an executor holds state for its key or a dictionary remembers it; an idle key
//! leaves nothing behind.

use std::hash::Hasher;
use std::sync::{Arc, Weak};

use rustc_hash::{FxHashMap, FxHasher};

use super::chunk::Prepared;
use crate::event::{Batch, Column, Dictionary, NULL_CODE, StreamId, Value};

/// The number of a key in its table.
pub type KeyId = u32;

/// A part of the key is null: the event is in no key.
pub const NULL_KEY: KeyId = u32::MAX;

/// Another shard owns the key.
pub const FOREIGN_KEY: KeyId = u32::MAX - 1;

/// A code that was not looked up yet.
const UNKNOWN: KeyId = u32::MAX - 2;

/// Numbers remembered for the dictionaries of so many partitions at most.
const CACHES_MAX: usize = 64;

/// Which fields make the key, by stream; `None` for a stream that is not read.
pub type KeyFields = Vec<Option<Vec<usize>>>;

/// The keys of some patterns on one shard.
#[derive(Debug)]
pub struct KeyTable {
    fields: KeyFields,
    /// Which shard this is, of how many.
    shard: (u64, u64),
    index: FxHashMap<Box<[u8]>, KeyId>,
    entries: Vec<Option<Entry>>,
    free: Vec<KeyId>,
    caches: Vec<Cache>,
    /// Keys that may be held by nobody.
    loose: Vec<KeyId>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    values: Arc<[Value]>,
    /// How many executors hold state for it, and how many dictionaries remember it.
    holders: u32,
}

/// The numbers of the codes of one dictionary.
#[derive(Debug)]
struct Cache {
    /// Held weakly: tables of other shards and patterns remember it too, and it is left once no batch holds it.
    dictionary: Weak<Dictionary>,
    ids: Vec<KeyId>,
}

impl KeyTable {
    /// A table for shard `number` of `count`.
    pub fn new(fields: KeyFields, number: u32, count: u32) -> KeyTable {
        KeyTable {
            fields,
            shard: (u64::from(number), u64::from(count)),
            index: FxHashMap::default(),
            entries: Vec::new(),
            free: Vec::new(),
            caches: Vec::new(),
            loose: Vec::new(),
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
            for row in rows {
                let code = codes[row];
                let known = self.caches[cache].ids.get(code as usize).copied().unwrap_or(UNKNOWN);
                out.push(match known {
                    UNKNOWN if code == NULL_CODE => NULL_KEY,
                    UNKNOWN => self.remember(cache, dictionary, code),
                    id => id,
                });
            }
            return;
        }
        let fields = fields.clone();
        for row in rows {
            let values: Vec<Value> = fields.iter().map(|field| batch.value(row, *field)).collect();
            let id = if values.iter().any(Value::is_null) { NULL_KEY } else { self.id_of(values) };
            if id < UNKNOWN {
                self.loose.push(id);
            }
            out.push(id);
        }
    }

    /// The values of a key.
    pub fn values(&self, id: KeyId) -> &Arc<[Value]> {
        &self.entry(id).values
    }

    /// An executor has state for the key.
    pub fn hold(&mut self, id: KeyId) {
        self.entry_mut(id).holders += 1;
    }

    /// It has none any more.
    pub fn release(&mut self, id: KeyId) {
        let entry = self.entry_mut(id);
        entry.holders -= 1;
        if entry.holders == 0 {
            self.loose.push(id);
        }
    }

    /// Forgets what nobody holds. Numbers that were looked up before are not to be used any more.
    pub fn sweep(&mut self) {
        let is_left = |cache: &Cache| cache.dictionary.strong_count() == 0;
        while let Some(at) = self.caches.iter().position(is_left) {
            self.drop_cache(at);
        }
        for id in std::mem::take(&mut self.loose) {
            let slot = &mut self.entries[id as usize];
            if slot.as_ref().is_some_and(|entry| entry.holders == 0) {
                let entry = slot.take().expect("it is there");
                self.index.remove(&entry.bytes);
                self.free.push(id);
            }
        }
    }

    /// How many keys have a number.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn entry(&self, id: KeyId) -> &Entry {
        self.entries[id as usize].as_ref().expect("a number in use has a key")
    }

    fn entry_mut(&mut self, id: KeyId) -> &mut Entry {
        self.entries[id as usize].as_mut().expect("a number in use has a key")
    }

    /// The index of the cache of a dictionary; a new one where there is none.
    fn cache(&mut self, dictionary: &Arc<Dictionary>) -> usize {
        let found =
            self.caches.iter().position(|cache| Weak::as_ptr(&cache.dictionary) == Arc::as_ptr(dictionary));
        found.unwrap_or_else(|| {
            if self.caches.len() == CACHES_MAX {
                self.drop_cache(0);
            }
            self.caches.push(Cache { dictionary: Arc::downgrade(dictionary), ids: Vec::new() });
            self.caches.len() - 1
        })
    }

    fn drop_cache(&mut self, at: usize) {
        for id in self.caches.remove(at).ids.into_iter().filter(|id| *id < UNKNOWN) {
            self.release(id);
        }
    }

    fn remember(&mut self, cache: usize, dictionary: &Dictionary, code: u32) -> KeyId {
        let text = Arc::clone(dictionary.text(code));
        encode_text(&text, &mut self.bytes);
        let id = match self.index.get(self.bytes.as_slice()) {
            Some(id) => *id,
            None => self.id_of(vec![Value::String(text)]),
        };
        if id < UNKNOWN {
            self.hold(id);
        }
        let ids = &mut self.caches[cache].ids;
        if ids.len() <= code as usize {
            ids.resize(code as usize + 1, UNKNOWN);
        }
        ids[code as usize] = id;
        id
    }

    fn id_of(&mut self, values: Vec<Value>) -> KeyId {
        let (number, count) = self.shard;
        if count > 1 && share(&values, count) != number {
            return FOREIGN_KEY;
        }
        encode(&values, &mut self.bytes);
        if let Some(id) = self.index.get(self.bytes.as_slice()) {
            return *id;
        }
        let bytes: Box<[u8]> = self.bytes.as_slice().into();
        let entry = Entry { bytes: bytes.clone(), values: values.into(), holders: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = Some(entry);
                id
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() as KeyId - 1
            }
        };
        self.index.insert(bytes, id);
        id
    }
}

/// Which of `count` shards owns a key.
fn share(values: &[Value], count: u64) -> u64 {
    let mut hasher = FxHasher::default();
    for value in values {
        hasher.write(value.to_string().as_bytes());
        hasher.write_u8(0xff);
    }
    // The low bits of this hash are its worst.
    (hasher.finish() >> 20) % count
}

/// A key as bytes that are equal exactly if the values are. Numbers of one field have one type.
fn encode(values: &[Value], out: &mut Vec<u8>) {
    out.clear();
    for value in values {
        match value {
            Value::Null => out.push(0),
            Value::Bool(value) => out.push(1 + u8::from(*value)),
            Value::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Float(value) => out.extend_from_slice(&(value + 0.0).to_bits().to_be_bytes()),
            Value::Decimal(value) => out.extend_from_slice(&value.units.to_be_bytes()),
            Value::Timestamp(value) => out.extend_from_slice(&value.micros().to_be_bytes()),
            Value::Duration(value) => out.extend_from_slice(&value.micros().to_be_bytes()),
            Value::String(value) => add_text(value, out),
        }
    }
}

/// A key of one text.
fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.clear();
    add_text(text, out);
}

fn add_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BatchBuilder, PartitionId, Type};
    use crate::matcher::predicates::Answers;
    use crate::time::EventTime;

    fn batch(builder: &mut BatchBuilder, cards: &[&str]) -> Prepared {
        for card in cards {
            let value = if card.is_empty() { Value::Null } else { Value::text(card) };
            builder.set(0, value);
            builder.end_row(EventTime::START, 1);
        }
        Prepared::new(builder.finish(), Answers::default())
    }

    #[test]
    fn a_key_has_one_number_until_nobody_holds_it() {
        let mut table = KeyTable::new(vec![Some(vec![0])], 0, 1);
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::String)]);
        let mut ids = Vec::new();
        table.look_up(&batch(&mut builder, &["a", "b", "", "a"]), 0..4, &mut ids);
        assert_eq!(ids, [0, 1, NULL_KEY, 0]);
        table.hold(1);
        drop(builder);
        table.sweep();
        assert_eq!(table.len(), 1, "`a` went with its dictionary");
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::String)]);
        ids.clear();
        table.look_up(&batch(&mut builder, &["b", "c"]), 0..2, &mut ids);
        assert_eq!(ids, [1, 0]);
        table.release(1);
        drop(builder);
        table.sweep();
        assert!(table.is_empty());
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
