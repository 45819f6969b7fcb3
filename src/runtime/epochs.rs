//! Epochs: what a store holds so that a run can go on from a moment of its life.
//!
//! An epoch is one commit. It has the state of the keys that have changed since the last one, the rest of the engine's
//! state, and the *mark* of the run: how far each input was read, how long each output was, what was counted. So all of
//! these are of one moment, whenever the process ends. What is derived from an epoch, and an epoch from a run, is worked
//! out here without any I/O but that of the store.
//!
//! ```text
//! keys   unit, key     the state of a key in a pattern or family      only what has changed
//! meta   "engine"      what waits, what is held back, counts           whole
//! meta   "run"         the mark                                        whole, small
//! ```

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use thiserror::Error;

use super::programs::{ProgramText, code_programs, program_key};
use crate::codec::{Codec, Coded, Damaged};
use crate::engine::{ColdKeys, KeyState, PatternShape, UnitShape};
use crate::event::Value;
use crate::matcher::Class;
use crate::state::{Changes, Key, Space, Store, StoreError, shown};

/// How far a run was at the end of an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mark {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Whether the run has come to its end.
    pub is_done: bool,
    /// When it was written: milliseconds since 1970.
    pub at_ms: u64,
    /// What the state of keys depends on, by unit: it can be taken where these are the same.
    pub units: Vec<UnitShape>,
    /// The inputs, in the order of partitions.
    pub inputs: Vec<InputMark>,
    /// The outputs that are files, by path.
    pub outputs: BTreeMap<String, u64>,
    /// What was counted, by name.
    pub counts: BTreeMap<String, u64>,
}

/// How far an input was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InputMark {
    /// The stream.
    pub stream: String,
    /// Which of its partitions it is.
    pub partition: u32,
    /// What it is called: its path.
    pub name: String,
    /// Bytes up to and with the last line that was taken.
    pub bytes: u64,
    /// Lines taken.
    pub lines: u64,
    /// Whether it was at its end.
    pub is_at_end: bool,
    /// What its file is known by.
    pub identity: Vec<u8>,
}

/// What a store says of a run.
#[derive(Debug)]
pub struct Recovered {
    /// How far it was.
    pub mark: Mark,
    /// The engine's state, but for that of keys.
    pub rest: Vec<u8>,
    /// The state of keys.
    pub keys: Vec<KeyState>,
    /// The texts of the patterns: of those that run, then of those that only drain.
    pub programs: Vec<ProgramText>,
}

/// Why a store does not say how to go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The store itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that is whole, but not what can have been written.
    #[error(
        "the state in {directory} is damaged: record {record}: {what}; nothing was changed: restore the directory from a \
         copy, or start with a new one"
    )]
    Record {
        /// The directory.
        directory: String,
        /// The record.
        record: String,
        /// What is wrong with it.
        what: Damaged,
    },
}

/// What a state is written as: these keys, in this order, and everything else.
pub fn changes(keys: &[KeyState], rest: &[u8], mark: &Mark) -> Changes {
    let mut changes = Changes::new();
    keys.iter().for_each(|state| put_key(&mut changes, state.unit, &state.key, &state.bytes));
    put_rest(&mut changes, rest, mark);
    changes
}

/// Writes the state of a key.
pub(super) fn put_key(changes: &mut Changes, unit: u32, values: &Arc<[Value]>, bytes: &[u8]) {
    let mut key = Key::new(Space::KeyState);
    key_of(&mut key, unit, values);
    match bytes.is_empty() {
        true => changes.delete(&key),
        false => changes.put(&key, bytes),
    }
}

/// Writes what is not of a key.
pub(super) fn put_rest(changes: &mut Changes, rest: &[u8], mark: &Mark) {
    changes.put(&engine_key(), rest);
    changes.put_with(&run_key(), |out| {
        code_mark(&mut mark.clone(), &mut Codec::saving(out)).expect("a mark can be written");
    });
}

/// The keys of a store, for an engine that does not hold all of them.
pub struct StoredKeys<S>(pub Arc<S>);

impl<S: Store> ColdKeys for StoredKeys<S> {
    fn fetch(&self, unit: u32, key: &Arc<[Value]>) -> Result<Option<Vec<u8>>, String> {
        let mut place = Key::new(Space::KeyState);
        key_of(&mut place, unit, key);
        let stored = self.0.read(&place).map_err(|error| error.to_string())?;
        Ok(stored.map(|stored| stored.payload().to_vec()))
    }
}

/// What the last epoch has left; `None` where there was none.
///
/// # Errors
///
/// [`RecoveryError`].
pub fn recover(store: &dyn Store) -> Result<Option<Recovered>, RecoveryError> {
    let damaged = |key: &[u8], what| RecoveryError::Record {
        directory: store.directory().display().to_string(),
        record: shown(key),
        what,
    };
    let Some(stored) = store.read(&run_key())? else { return Ok(None) };
    let mark = mark_of(stored.payload()).map_err(|what| damaged(&run_key(), what))?;
    let programs = match store.read(&program_key())? {
        Some(stored) => programs_of(stored.payload()).map_err(|what| damaged(&program_key(), what))?,
        None => Vec::new(),
    };
    let rest = store.read(&engine_key())?.ok_or_else(|| damaged(&engine_key(), Damaged::Short))?;
    let mut keys = Vec::new();
    let mut odd = Ok(());
    store.visit(&Key::new(Space::KeyState), &mut |key, record| match key_state(key, record.payload) {
        Ok(state) => {
            keys.push(state);
            ControlFlow::Continue(())
        }
        Err(what) => {
            odd = Err(damaged(key, what));
            ControlFlow::Break(())
        }
    })?;
    odd?;
    Ok(Some(Recovered { mark, rest: rest.payload().to_vec(), keys, programs }))
}

/// The mark that a record has.
fn mark_of(payload: &[u8]) -> Result<Mark, Damaged> {
    let (mut mark, mut codec) = (Mark::default(), Codec::loading(payload));
    code_mark(&mut mark, &mut codec)?;
    codec.end()?;
    Ok(mark)
}

fn programs_of(payload: &[u8]) -> Result<Vec<ProgramText>, Damaged> {
    let (mut programs, mut codec) = (Vec::new(), Codec::loading(payload));
    code_programs(&mut programs, &mut codec)?;
    codec.end()?;
    Ok(programs)
}

/// The mark of the last epoch alone; `None` where there was none.
///
/// # Errors
///
/// [`RecoveryError`].
pub fn mark(store: &dyn Store) -> Result<Option<Mark>, RecoveryError> {
    let Some(stored) = store.read(&run_key())? else { return Ok(None) };
    let mark = mark_of(stored.payload()).map_err(|what| RecoveryError::Record {
        directory: store.directory().display().to_string(),
        record: shown(&run_key()),
        what,
    })?;
    Ok(Some(mark))
}

fn run_key() -> Key {
    Key::named(Space::Meta, "run")
}

fn engine_key() -> Key {
    Key::named(Space::Meta, "engine")
}

fn key_of(key: &mut Key, unit: u32, values: &Arc<[Value]>) {
    let mut bytes = Vec::new();
    Codec::saving(&mut bytes).values(&mut Arc::clone(values)).expect("a key can be written");
    key.begin(Space::KeyState).u32(unit).rest(&bytes);
}

fn key_state(key: &[u8], payload: &[u8]) -> Result<KeyState, Damaged> {
    // The first byte is the space.
    let (unit, values) = key.get(1..).and_then(<[u8]>::split_first_chunk::<4>).ok_or(Damaged::Short)?;
    let mut codec = Codec::loading(values);
    let mut key: Arc<[Value]> = Arc::from([]);
    codec.values(&mut key)?;
    codec.end()?;
    Ok(KeyState { unit: u32::from_be_bytes(*unit), key, bytes: payload.to_vec() })
}

fn code_mark(mark: &mut Mark, codec: &mut Codec<'_>) -> Coded {
    codec.u64(&mut mark.epoch)?;
    codec.flag(&mut mark.is_done)?;
    codec.u64(&mut mark.at_ms)?;
    let unit = || UnitShape { number: 0, class: Class::Runs, patterns: Vec::new() };
    codec.list(&mut mark.units, unit, code_unit)?;
    codec.list(&mut mark.inputs, InputMark::default, |input, codec| {
        codec.string(&mut input.stream)?;
        codec.u32(&mut input.partition)?;
        codec.string(&mut input.name)?;
        codec.u64(&mut input.bytes)?;
        codec.u64(&mut input.lines)?;
        codec.flag(&mut input.is_at_end)?;
        codec.bytes(&mut input.identity)
    })?;
    code_counts(&mut mark.outputs, codec)?;
    code_counts(&mut mark.counts, codec)
}

fn code_unit(unit: &mut UnitShape, codec: &mut Codec<'_>) -> Coded {
    codec.u32(&mut unit.number)?;
    let mut class = unit.class.name().to_owned();
    codec.string(&mut class)?;
    unit.class = class.parse().map_err(|_| Damaged::Odd("the class of a pattern"))?;
    codec.list(&mut unit.patterns, PatternShape::default, |pattern, codec| {
        codec.string(&mut pattern.name)?;
        codec.flag(&mut pattern.drains)?;
        codec.list(&mut pattern.parts, Default::default, |(part, hash), codec| {
            codec.string(part)?;
            codec.u64(hash)
        })
    })
}

fn code_counts(counts: &mut BTreeMap<String, u64>, codec: &mut Codec<'_>) -> Coded {
    let mut list: Vec<(String, u64)> = std::mem::take(counts).into_iter().collect();
    codec.list(&mut list, Default::default, |(name, count), codec| {
        codec.string(name)?;
        codec.u64(count)
    })?;
    *counts = list.into_iter().collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Snapshot;
    use crate::state::MemoryStore;

    fn mark(epoch: u64) -> Mark {
        let input = InputMark {
            stream: "transactions".to_owned(),
            partition: 2,
            name: "tx.jsonl".to_owned(),
            bytes: 1 << 40,
            lines: 7,
            is_at_end: false,
            identity: vec![1, 2, 3],
        };
        Mark {
            epoch,
            units: vec![UnitShape {
                number: 7,
                class: Class::Strict,
                patterns: vec![PatternShape {
                    name: "velocity".to_owned(),
                    drains: true,
                    parts: vec![("its key".to_owned(), u64::MAX)],
                }],
            }],
            inputs: vec![input],
            outputs: BTreeMap::from([("alerts.jsonl".to_owned(), 99)]),
            counts: BTreeMap::from([("events".to_owned(), 12)]),
            ..Mark::default()
        }
    }

    fn state(key: &str, bytes: &[u8]) -> KeyState {
        KeyState { unit: 3, key: Arc::from([Value::text(key), Value::Int(-1)]), bytes: bytes.to_vec() }
    }

    fn commit(store: &MemoryStore, snapshot: &Snapshot, mark: &Mark) {
        let mut changes = Changes::new();
        snapshot.keys.iter().for_each(|state| put_key(&mut changes, state.unit, &state.key, &state.bytes));
        put_rest(&mut changes, &snapshot.rest, mark);
        store.commit(&mut changes).expect("no fault");
    }

    #[test]
    fn what_is_recovered_is_the_last_epoch_whole() {
        let store = MemoryStore::new();
        assert!(recover(&store).expect("an empty store").is_none());
        let first = Snapshot { keys: vec![state("a", b"1"), state("b", b"2")], rest: b"first".to_vec() };
        commit(&store, &first, &mark(1));
        let second = Snapshot { keys: vec![state("b", b""), state("c", b"3")], rest: b"second".to_vec() };
        commit(&store, &second, &mark(2));
        let Recovered { mark: found, rest, keys, .. } =
            recover(&store).expect("it is whole").expect("there are epochs");
        assert_eq!((found, rest.as_slice()), (mark(2), &b"second"[..]));
        let found: Vec<_> = keys.iter().map(|state| (state.key[0].clone(), state.bytes.clone())).collect();
        assert_eq!(found, [(Value::text("a"), b"1".to_vec()), (Value::text("c"), b"3".to_vec())]);
    }
}
