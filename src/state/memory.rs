//! A store in memory, which can be told to fail.
//!
//! It does what the one on disk does, and stands in for it where tests crash at every write: [`MemoryStore::fail_at`] names
//! the commit that fails and whether it is there afterwards. The disk cannot be in a third state: a commit is one record of
//! a log, which after a crash is whole or not there.
//!
//! ```
//! use ensue::state::{Changes, Fault, Key, MemoryStore, Space, Store};
//!
//! let store = MemoryStore::new();
//! let key = Key::named(Space::Meta, "epoch");
//! let mut changes = Changes::new();
//! changes.put(&key, b"1");
//! store.fail_at(1, Fault::Lost);
//! store.commit(&mut changes).expect_err("it was told to fail");
//! store.resume()?;
//! assert_eq!(store.read(&key)?, None);
//! store.commit(&mut changes)?;
//! assert_eq!(store.read(&key)?.expect("it is there").payload(), b"1");
//! # Ok::<(), ensue::state::StoreError>(())
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::changes::{Change, Changes};
use super::error::StoreError;
use super::store::{Scan, Store};

/// What a commit that fails leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing of it is there.
    Lost,
    /// All of it is there, though an error was given.
    Kept,
}

/// Records in a map.
#[derive(Debug, Default)]
pub struct MemoryStore {
    directory: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: Records,
    commits: u64,
    /// How many commits were tried.
    tries: u64,
    /// The try that fails, and how.
    fault: Option<(u64, Fault)>,
    /// A commit failed, and nobody resumed.
    stopped: bool,
    copies: BTreeMap<PathBuf, (Records, u64)>,
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

impl MemoryStore {
    /// A store without records.
    pub fn new() -> MemoryStore {
        MemoryStore { directory: PathBuf::from("memory"), inner: Mutex::default() }
    }

    /// A store with these records, sealed; `path` is where they come from, for messages.
    pub(super) fn of(path: &Path, records: Vec<(Vec<u8>, Vec<u8>)>) -> MemoryStore {
        let inner = Inner { records: records.into_iter().collect(), ..Inner::default() };
        MemoryStore { directory: path.to_owned(), inner: Mutex::new(inner) }
    }

    /// Lets the commit fail that is the `number`th to be tried, counted from 1 over all its life.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        self.inner().fault = Some((number, fault));
    }

    /// How many commits were tried, with those that failed.
    pub fn tries(&self) -> u64 {
        self.inner().tries
    }

    /// A copy that [`Store::copy_to`] made, as a store.
    pub fn copy_at(&self, directory: &Path) -> Option<MemoryStore> {
        let (records, commits) = self.inner().copies.get(directory)?.clone();
        let inner = Inner { records, commits, ..Inner::default() };
        Some(MemoryStore { directory: directory.to_owned(), inner: Mutex::new(inner) })
    }

    /// Changes the sealed value of a key behind the back of the store, for tests of what sees it.
    pub fn damage(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(value) = self.inner().records.get_mut(key) {
            change(value);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A test that panics meanwhile leaves it whole: nothing in here stops half way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn apply(&mut self, changes: &mut Changes) {
        for change in changes.in_order() {
            match change {
                Change::Put(key, value) => {
                    self.records.insert(key.to_owned(), value.to_owned());
                }
                Change::Delete(key) => {
                    self.records.remove(key);
                }
            }
        }
        self.commits += 1;
    }

    fn with_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        let range = (Bound::Included(prefix), Bound::Unbounded);
        self.records.range::<[u8], _>(range).take_while(move |(key, _)| key.starts_with(prefix))
    }
}

impl Store for MemoryStore {
    fn directory(&self) -> &Path {
        &self.directory
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner().records.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], seen: &mut Scan<'_>) -> Result<(), StoreError> {
        // A copy: who sees a record may use the store.
        let records: Records =
            self.inner().with_prefix(prefix).map(|(key, value)| (key.clone(), value.clone())).collect();
        for (key, value) in &records {
            if seen(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, changes: &mut Changes) -> Result<(), StoreError> {
        let directory = || self.directory.clone();
        let mut inner = self.inner();
        if inner.stopped {
            return Err(StoreError::Stopped { directory: directory() });
        }
        inner.tries += 1;
        let fault = inner.fault.filter(|(number, _)| *number == inner.tries).map(|(_, fault)| fault);
        if fault != Some(Fault::Lost) {
            inner.apply(changes);
        }
        if fault.is_some() {
            inner.stopped = true;
            return Err(StoreError::NoSpace { directory: directory() });
        }
        Ok(())
    }

    fn resume(&self) -> Result<(), StoreError> {
        self.inner().stopped = false;
        Ok(())
    }

    fn commits(&self) -> u64 {
        self.inner().commits
    }

    fn size(&self, prefix: &[u8]) -> Result<u64, StoreError> {
        Ok(self.inner().with_prefix(prefix).map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }

    fn copy_to(&self, directory: &Path) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.copies.contains_key(directory) {
            return Err(StoreError::CopyExists { path: directory.to_owned() });
        }
        let copy = (inner.records.clone(), inner.commits);
        inner.copies.insert(directory.to_owned(), copy);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::state::record::Flaw;
    use crate::state::{Key, Space};

    fn key(name: &str) -> Key {
        Key::named(Space::KeyState, name)
    }

    fn put(store: &MemoryStore, name: &str, payload: &[u8]) -> Result<(), StoreError> {
        let mut changes = Changes::new();
        changes.put(&key(name), payload);
        store.commit(&mut changes)
    }

    fn names(store: &MemoryStore, prefix: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        let seen = &mut |key: &[u8], _: crate::state::Record<'_>| {
            names.push(String::from_utf8_lossy(&key[1..]).into_owned());
            ControlFlow::Continue(())
        };
        store.visit(prefix, seen).expect("it can be read");
        names
    }

    #[test]
    fn records_are_visited_by_prefix_in_order() {
        let store = MemoryStore::new();
        for name in ["b", "ab", "aa", "c", "a"] {
            put(&store, name, name.as_bytes()).expect("a commit");
        }
        assert_eq!(names(&store, b"ka"), ["a", "aa", "ab"]);
        assert_eq!(names(&store, b"k"), ["a", "aa", "ab", "b", "c"]);
        assert_eq!(names(&store, b"x"), [""; 0]);
        assert_eq!(store.commits(), 5);
        assert!(store.size(b"ka").expect("a size") < store.size(b"k").expect("a size"));
    }

    #[test]
    fn a_commit_that_fails_is_there_as_a_whole_or_not_at_all() {
        for (fault, there) in [(Fault::Lost, false), (Fault::Kept, true)] {
            let store = MemoryStore::new();
            put(&store, "a", b"1").expect("a commit");
            store.fail_at(2, fault);
            assert!(put(&store, "b", b"2").is_err());
            assert!(matches!(put(&store, "c", b"3"), Err(StoreError::Stopped { .. })), "no other is taken");
            store.resume().expect("it works again");
            assert_eq!(store.read(&key("b")).expect("it can be read").is_some(), there);
            put(&store, "b", b"2").expect("once more");
            assert_eq!(names(&store, b"k"), ["a", "b"]);
            assert_eq!(store.tries(), 3);
        }
    }

    #[test]
    fn damage_is_seen_by_who_reads_and_by_who_verifies() {
        let store = MemoryStore::new();
        for name in ["a", "b", "c"] {
            put(&store, name, b"payload").expect("a commit");
        }
        assert!(store.verify().expect("it can be read").is_whole());
        store.damage(&key("b"), |value| value[3] ^= 1);
        let error = store.read(&key("b")).expect_err("it is damaged");
        assert!(matches!(&error, StoreError::Record { flaw: Flaw::Checksum { .. }, .. }), "{error}");
        assert!(error.to_string().contains("record keys/b has the checksum "), "{error}");
        let seen = &mut |_: &[u8], _: crate::state::Record<'_>| ControlFlow::Continue(());
        assert!(store.visit(b"k", seen).expect_err("it is damaged").is_damage());
        let verified = store.verify().expect("it can be read");
        assert_eq!((verified.records, verified.damages), (2, 1));
        assert!(verified.told[0].starts_with("record keys/b has the checksum "), "{}", verified.told[0]);
    }

    #[test]
    fn a_copy_stays_as_it_is() {
        let store = MemoryStore::new();
        put(&store, "a", b"1").expect("a commit");
        store.copy_to(Path::new("copy")).expect("a copy");
        assert!(matches!(store.copy_to(Path::new("copy")), Err(StoreError::CopyExists { .. })));
        put(&store, "b", b"2").expect("a commit");
        let copy = store.copy_at(Path::new("copy")).expect("it was made");
        assert_eq!((names(&copy, b"k"), copy.commits()), (vec!["a".to_owned()], 1));
    }
}
