//! The store on disk.
//!
//! RocksDB keeps the records; what is here decides how it is opened, makes its errors ours, and keeps the promises that it
//! does not make by itself: one process for a directory ([`super::marker`]), no commit after one that failed, and no
//! opening of a store that lost a commit it was told of.
//!
//! A store is opened twice. First to be read, which writes nothing: that it is Ensue's, of a format that is known, whole as
//! far as opening shows, and has every commit that was made. Only then to be written, which at once writes files anew and
//! deletes others. So a store that is refused stays as it was found.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, DBRawIterator, Options, Range, ReadOptions, WriteBatch, WriteOptions};

use super::changes::{Change, Changes};
use super::error::StoreError;
use super::marker::{Lock, MARKER, Marker};
use super::meta::{self, FORMAT, Format};
use super::opening::{self, Opening};
use super::options::{self, Remarks};
use super::record::{self, shown};
use super::store::{Scan, Store, Verified};
use super::trouble;

/// Records in a directory, by RocksDB.
///
/// # Example
///
/// ```
/// use ensue::state::{Changes, Key, RocksStore, Space, Store};
///
/// # let directory = std::env::temp_dir().join(format!("ensue-doc-{}", std::process::id()));
/// let store = RocksStore::open(&directory)?;
/// let key = Key::named(Space::Meta, "epoch");
/// let mut changes = Changes::new();
/// changes.put(&key, b"1");
/// store.commit(&mut changes)?;
/// drop(store);
///
/// let store = RocksStore::open(&directory)?;
/// assert_eq!(store.read(&key)?.expect("it was committed").payload(), b"1");
/// # drop(store);
/// # std::fs::remove_dir_all(&directory).expect("it can be removed");
/// # Ok::<(), ensue::state::StoreError>(())
/// ```
#[derive(Debug)]
pub struct RocksStore {
    directory: PathBuf,
    /// Nothing while it is opened again.
    db: RwLock<Option<DB>>,
    /// Holds the lock of the directory. Who has this mutex is the one that commits.
    marker: Mutex<Marker>,
    /// Whether it can only be read.
    read_only: bool,
    /// A commit failed, and nobody resumed.
    stopped: AtomicBool,
}

impl RocksStore {
    /// Opens the store in a directory, or makes one where the directory is empty or not there.
    ///
    /// # Errors
    ///
    /// Where the directory is in use, is not a store's, is of a later format or damaged, or cannot be read or written.
    /// Nothing in it was changed then.
    pub fn open(directory: &Path) -> Result<RocksStore, StoreError> {
        match opening::decide(directory, &opening::look(directory)?)? {
            Opening::CreateDirectory => {
                std::fs::create_dir(directory).map_err(|error| StoreError::io("create", directory, error))?;
                RocksStore::create(directory)
            }
            Opening::Create => RocksStore::create(directory),
            Opening::Open => RocksStore::open_existing(directory, Marker::lock(directory, Lock::Alone)?),
        }
    }

    /// Opens the store in a directory to be read. It is not changed in any way.
    ///
    /// # Errors
    ///
    /// As [`RocksStore::open`], and where there is no store.
    pub fn open_to_read(directory: &Path) -> Result<RocksStore, StoreError> {
        match opening::decide(directory, &opening::look(directory)?)? {
            Opening::Open => {
                let (store, format) =
                    RocksStore::look_into(directory, Marker::lock(directory, Lock::Shared)?)?;
                match format {
                    Some(_) => Ok(store),
                    None => Err(StoreError::NoFormat { directory: directory.to_owned() }),
                }
            }
            Opening::Create => Err(StoreError::NoFormat { directory: directory.to_owned() }),
            Opening::CreateDirectory => {
                let missing = std::io::ErrorKind::NotFound.into();
                Err(StoreError::io("read", directory, missing))
            }
        }
    }

    /// Opens the store in a directory to be read, also while a process has it open to write: as it is at the last commit
    /// that can be seen. It is not changed in any way, and does not see what comes later.
    ///
    /// # Errors
    ///
    /// As [`RocksStore::open_to_read`], but for a directory that is in use.
    pub fn open_beside(directory: &Path) -> Result<RocksStore, StoreError> {
        let mut tries = 0;
        loop {
            match RocksStore::open_to_read(directory) {
                Err(StoreError::InUse { .. }) => {}
                opened => return opened,
            }
            let opened = Marker::beside(directory)
                .and_then(|marker| RocksStore::look_into_with(directory, marker, options::to_read_beside));
            tries += 1;
            // Files that it was about to open may have been merged into others meanwhile.
            match opened {
                Ok((_, None)) => return Err(StoreError::NoFormat { directory: directory.to_owned() }),
                Ok((store, Some(_))) => return Ok(store),
                Err(error) if error.is_damage() && tries < BESIDE_TRIES_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a new store in a directory in which nothing is lost by it.
    fn create(directory: &Path) -> Result<RocksStore, StoreError> {
        let mut marker = Marker::claim(directory)?;
        // Before it was locked another process may have made the store.
        if opening::decide(directory, &opening::look(directory)?)? == Opening::Open {
            drop(marker);
            return RocksStore::open_existing(directory, Marker::lock(directory, Lock::Alone)?);
        }
        marker.begin()?;
        let db = DB::open(&options::to_write(), directory);
        let db = db.map_err(|error| trouble::of(directory, "create", &error))?;
        let store = RocksStore::of(directory, db, marker, false);
        store.write_format()?;
        Ok(store)
    }

    /// Opens a store that is there, to be written.
    fn open_existing(directory: &Path, marker: Marker) -> Result<RocksStore, StoreError> {
        let (store, format) = RocksStore::look_into(directory, marker)?;
        store.open_to_write(format)
    }

    /// Opens it to be read, and sees whether it may be opened to be written.
    fn look_into(directory: &Path, marker: Marker) -> Result<(RocksStore, Option<Format>), StoreError> {
        RocksStore::look_into_with(directory, marker, options::to_read)
    }

    fn look_into_with(
        directory: &Path,
        marker: Marker,
        options: fn(&Remarks) -> Options,
    ) -> Result<(RocksStore, Option<Format>), StoreError> {
        let remarks = Remarks::default();
        let db = DB::open_for_read_only(&options(&remarks), directory, false);
        let db = db.map_err(|error| trouble::of(directory, "open", &error))?;
        let store = RocksStore::of(directory, db, marker, true);
        let format = store.known_format()?;
        let (found, committed) = (meta::read_commits(&store)?, store.marker().commits());
        if found < committed {
            let log = last_log(directory)?;
            let what = remarks.last();
            let directory = directory.to_owned();
            return Err(StoreError::LostCommits { directory, file: log, found, committed, what });
        }
        if format.is_none() && !store.is_empty()? {
            return Err(StoreError::NoFormat { directory: directory.to_owned() });
        }
        Ok((store, format))
    }

    /// Opens it again, to be written.
    fn open_to_write(self, format: Option<Format>) -> Result<RocksStore, StoreError> {
        let RocksStore { directory, db, marker, .. } = self;
        drop(db);
        let db = DB::open(&options::to_write(), &directory);
        let db = db.map_err(|error| trouble::of(&directory, "open", &error))?;
        let marker = marker.into_inner().unwrap_or_else(PoisonError::into_inner);
        let store = RocksStore::of(&directory, db, marker, false);
        let commits = meta::read_commits(&store)?;
        store.marker().note(commits)?;
        if format.is_none() {
            store.write_format()?;
        }
        Ok(store)
    }

    fn of(directory: &Path, db: DB, marker: Marker, read_only: bool) -> RocksStore {
        RocksStore {
            directory: directory.to_owned(),
            db: RwLock::new(Some(db)),
            marker: Mutex::new(marker),
            read_only,
            stopped: AtomicBool::new(false),
        }
    }

    /// The first commit of every store.
    fn write_format(&self) -> Result<(), StoreError> {
        let mut changes = Changes::new();
        Format::current().put(&mut changes);
        self.commit(&mut changes)
    }

    fn known_format(&self) -> Result<Option<Format>, StoreError> {
        match Format::read(self)? {
            Some(Format { number, written_by }) if number > FORMAT => Err(StoreError::FutureFormat {
                directory: self.directory.clone(),
                format: number,
                written_by: Some(written_by),
                known: FORMAT,
            }),
            format => Ok(format),
        }
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        let mut empty = true;
        self.scan(&[], &mut |_, _| {
            empty = false;
            ControlFlow::Break(())
        })?;
        Ok(empty)
    }

    fn marker(&self) -> MutexGuard<'_, Marker> {
        self.marker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn db(&self) -> RwLockReadGuard<'_, Option<DB>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the database, and makes its errors ours.
    fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&DB) -> Result<T, rocksdb::Error>,
    ) -> Result<T, StoreError> {
        match &*self.db() {
            Some(db) => work(db).map_err(|error| trouble::of(&self.directory, doing, &error)),
            None => Err(self.stopped_error()),
        }
    }

    fn stopped_error(&self) -> StoreError {
        StoreError::Stopped { directory: self.directory.clone() }
    }

    /// Writes a batch, with the number that its commit has.
    fn write(&self, changes: &mut Changes, commits: u64) -> Result<(), StoreError> {
        let mut batch = WriteBatch::with_capacity_bytes(changes.bytes() + changes.len() * BATCH_BYTES);
        fill(&mut batch, changes);
        let mut number = Changes::new();
        meta::put_commits(&mut number, commits);
        fill(&mut batch, &mut number);
        let mut how = WriteOptions::default();
        how.set_sync(true);
        self.with("write", |db| db.write_opt(batch, &how))
    }
}

/// How often a store that another process writes to is opened before what looks like damage is taken for it.
const BESIDE_TRIES_MAX: u32 = 20;

/// What a batch has for a record besides its key and value, at most.
const BATCH_BYTES: usize = 12;

fn fill(batch: &mut WriteBatch, changes: &mut Changes) {
    for change in changes.in_order() {
        match change {
            Change::Put(key, value) => batch.put(key, value),
            Change::Delete(key) => batch.delete(key),
        }
    }
}

impl Store for RocksStore {
    fn directory(&self) -> &Path {
        &self.directory
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with("read", |db| db.get(key))
    }

    fn scan(&self, prefix: &[u8], seen: &mut Scan<'_>) -> Result<(), StoreError> {
        self.with("read", |db| {
            let mut records = db.raw_iterator_opt(scanning(prefix));
            records.seek(prefix);
            go_through(&mut records, seen)
        })
    }

    fn commit(&self, changes: &mut Changes) -> Result<(), StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly { directory: self.directory.clone() });
        }
        let mut marker = self.marker();
        if self.stopped.load(Ordering::Acquire) {
            return Err(self.stopped_error());
        }
        let commits = marker.commits() + 1;
        let done = self.write(changes, commits).and_then(|()| marker.note(commits));
        self.stopped.store(done.is_err(), Ordering::Release);
        done
    }

    fn resume(&self) -> Result<(), StoreError> {
        let mut marker = self.marker();
        if !self.stopped.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        // The old one is closed first: it holds the lock of the database.
        drop(db.take());
        let opened = DB::open(&options::to_write(), &self.directory);
        *db = Some(opened.map_err(|error| trouble::of(&self.directory, "open", &error))?);
        drop(db);
        let (found, committed) = (meta::read_commits(self)?, marker.commits());
        // A commit that failed may be there all the same, and all that were acknowledged must be.
        if found < committed {
            let directory = self.directory.clone();
            return Err(StoreError::LostCommits { directory, file: None, found, committed, what: None });
        }
        marker.note(found)?;
        self.stopped.store(false, Ordering::Release);
        Ok(())
    }

    fn commits(&self) -> u64 {
        self.marker().commits()
    }

    fn size(&self, prefix: &[u8]) -> Result<u64, StoreError> {
        let end = record::behind(prefix).unwrap_or_else(|| vec![0xFF; 16]);
        self.with("read", |db| Ok(db.get_approximate_sizes(&[Range::new(prefix, &end)]).into_iter().sum()))
    }

    fn copy_to(&self, directory: &Path) -> Result<(), StoreError> {
        // No commit comes between the copy and the number on it.
        let marker = self.marker();
        if self.read_only {
            return Err(StoreError::ReadOnly { directory: self.directory.clone() });
        }
        if directory.symlink_metadata().is_ok() {
            return Err(StoreError::CopyExists { path: directory.to_owned() });
        }
        self.with("copy", |db| Checkpoint::new(db)?.create_checkpoint(directory))?;
        Marker::create_for_copy(directory, marker.commits())?;
        sync_directory(directory)
    }

    fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        let db = self.db();
        let db = db.as_ref().ok_or_else(|| self.stopped_error())?;
        let mut from = Vec::new();
        loop {
            let mut records = db.raw_iterator_opt(scanning(&[]));
            records.seek(&from);
            let mut last = None;
            let done = go_through(&mut records, &mut |key, value| {
                verified.look_at(key, value);
                last = Some(key.to_owned());
                ControlFlow::Continue(())
            });
            let Err(error) = done else { return Ok(verified) };
            let error = trouble::of(&self.directory, "read", &error);
            let StoreError::Damaged { file, what, .. } = error else { return Err(error) };
            let file = file.unwrap_or_else(|| "a file".to_owned());
            let behind = behind_damage(db, &file, last.as_deref().unwrap_or(&from));
            verified.tell(|| {
                let after = last.as_ref().map(|key| format!(" after {}", shown(key))).unwrap_or_default();
                let until = behind.as_ref().map(|key| format!(" until {}", shown(key))).unwrap_or_default();
                format!("{file}: records{after}{until} cannot be read: {what}")
            });
            match behind {
                Some(behind) => from = behind,
                None => return Ok(verified),
            }
        }
    }
}

/// How records are read one after another: with checksums, past the cache, and no further than the prefix.
fn scanning(prefix: &[u8]) -> ReadOptions {
    let mut how = ReadOptions::default();
    how.set_verify_checksums(true);
    how.fill_cache(false);
    how.set_readahead_size(READ_AHEAD_BYTES);
    if let Some(end) = record::behind(prefix) {
        how.set_iterate_upper_bound(end);
    }
    how
}

const READ_AHEAD_BYTES: usize = 1 << 20;

/// Shows records from where the iterator stands.
fn go_through(records: &mut DBRawIterator<'_>, seen: &mut Scan<'_>) -> Result<(), rocksdb::Error> {
    while let Some((key, value)) = records.item() {
        if seen(key, value).is_break() {
            return Ok(());
        }
        records.next();
    }
    records.status()
}

/// A key from which reading goes on behind a damaged block of a file, at the latest behind the last key of the file.
///
/// The block covers keys that lie together. Which, only its file could say, so it is asked: keys between the last that
/// could be read and the end of the file are taken as numbers, and the first that can be looked for is searched for among them.
fn behind_damage(db: &DB, file: &str, last: &[u8]) -> Option<Vec<u8>> {
    let files = db.live_files().ok()?;
    let damaged = files.into_iter().find(|live| live.name.trim_start_matches('/') == file)?;
    let mut behind = damaged.end_key?;
    behind.push(0);
    if behind.as_slice() <= last {
        return None;
    }
    let shared = last.iter().zip(&behind).take_while(|(a, b)| a == b).count();
    let prefix = behind[..shared].to_vec();
    let (mut low, mut high) = (number_of(&last[shared..]), number_of(&behind[shared..]));
    while low < high && high - low > 1 {
        let middle = low + (high - low) / 2;
        let key = [prefix.as_slice(), &middle.to_be_bytes()].concat();
        let mut records = db.raw_iterator_opt(scanning(&[]));
        records.seek(&key);
        if records.status().is_ok() {
            (high, behind) = (middle, key);
        } else {
            low = middle;
        }
    }
    Some(behind)
}

/// The first bytes as a number, with zeros behind them.
fn number_of(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    let length = bytes.len().min(first.len());
    first[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(first)
}

/// The newest log of a directory, where the last commits are.
fn last_log(directory: &Path) -> Result<Option<String>, StoreError> {
    match opening::look(directory)? {
        opening::Seen::Directory(_, files) => {
            Ok(Some(files.into_iter().rfind(|file| opening::is_log(file)).unwrap_or("the log".to_owned())))
        }
        _ => Ok(None),
    }
}

/// Brings the names of the files in a directory to the disk, the marker's among them.
fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| StoreError::io("write", directory.join(MARKER), error))
}

#[cfg(test)]
mod tests;
