//! A savepoint: all records of a store in one file, to be carried elsewhere.
//!
//! ```text
//! ensue savepoint⏎   16 bytes
//! format              4 bytes, big-endian
//! version             1 byte with its length, then the text: which Ensue wrote it
//! record, again and again, in order of keys:
//!     length of the key      4 bytes, never 0
//!     length of the value    4 bytes
//!     key, value             as they stand in the store, the value in its envelope
//! end                 4 bytes of zero
//! count               8 bytes: how many records
//! CRC-32C             4 bytes: of everything before
//! ```
//!
//! A file that was cut anywhere has no end, and one that was changed anywhere has another sum. It is read into a store in
//! memory, so whoever reads a store reads a savepoint.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::memory::MemoryStore;
use super::record::{self, Key, Space, shown};
use super::store::Store;

/// The format that is written, and the latest that is read.
pub const SAVEPOINT_FORMAT: u32 = 1;

const MAGIC: &[u8; 16] = b"ensue savepoint\n";

/// More than a record can have: what a damaged length may make us reserve at once.
const PIECE_BYTES: u64 = 1 << 20;

/// Why a savepoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavepointError {
    /// The store that it is to be of.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written or read.
    #[error("cannot {doing} the savepoint {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no savepoint: it does not begin as one; name a file that `ensue savepoint` has written", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "the savepoint {} has format {format} of Ensue {written_by}, and this version reads formats up to {SAVEPOINT_FORMAT}; \
         use that version of Ensue, or a later one",
        path.display()
    )]
    Future {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The version that wrote it.
        written_by: String,
    },
    /// It ends too early.
    #[error("the savepoint {} is cut: {what}; copy it again, or write it again", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// Where.
        what: String,
    },
    /// It is not what was written.
    #[error("the savepoint {} is damaged: {what}; copy it again, or write it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// How large a savepoint is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SavepointSize {
    /// Its records.
    pub records: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Writes all records of a store, as they are at one moment. `path` is for messages.
///
/// # Errors
///
/// [`SavepointError`]: what was written then is no savepoint.
pub fn write_savepoint(
    store: &dyn Store,
    path: &Path,
    out: &mut dyn Write,
) -> Result<SavepointSize, SavepointError> {
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let mut out = Summed { inner: out, sum: 0, bytes: 0 };
    let failed = |source| SavepointError::Io { doing: "write", path: path.to_owned(), source };
    out.put(MAGIC).map_err(failed)?;
    out.put(&SAVEPOINT_FORMAT.to_be_bytes()).map_err(failed)?;
    out.put(&[version.len() as u8]).and_then(|()| out.put(version)).map_err(failed)?;
    let mut records = 0;
    let mut done = Ok(());
    let own = Key::named(Space::Meta, "commits");
    store.scan(&[], &mut |key, value| {
        // It counts the commits of one directory.
        if key == &*own {
            return ControlFlow::Continue(());
        }
        records += 1;
        done = match record::open(key, value) {
            Ok(_) => out.put_record(key, value).map_err(failed),
            Err(flaw) => Err(store.flawed(key, flaw).into()),
        };
        if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    done?;
    out.put(&[0; 4]).and_then(|()| out.put(&u64::to_be_bytes(records))).map_err(failed)?;
    let sum = out.sum;
    out.put(&sum.to_be_bytes()).map_err(failed)?;
    Ok(SavepointSize { records, bytes: out.bytes })
}

/// Reads a savepoint. `path` is for messages.
///
/// # Errors
///
/// [`SavepointError`].
pub fn read_savepoint(path: &Path, input: &mut dyn Read) -> Result<MemoryStore, SavepointError> {
    let mut input = Reading { inner: input, path, sum: 0 };
    let mut magic = Vec::new();
    input.fill(MAGIC.len() as u64, &mut magic)?;
    if magic != MAGIC {
        return Err(SavepointError::Foreign { path: path.to_owned() });
    }
    let format = input.number("in its format")?;
    let length = input.array::<1>("in its version")?[0];
    let version = input.take(length.into(), "in its version")?;
    if format > SAVEPOINT_FORMAT {
        let written_by = String::from_utf8_lossy(&version).into_owned();
        return Err(SavepointError::Future { path: path.to_owned(), format, written_by });
    }
    let mut records: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        let place = || match records.last() {
            Some((key, _)) => format!("after record {}", shown(key)),
            None => "before its first record".to_owned(),
        };
        let key_bytes = input.number(&place())?;
        if key_bytes == 0 {
            break;
        }
        let value_bytes = input.number(&place())?;
        let key = input.take(key_bytes.into(), &place())?;
        let value = input.take(value_bytes.into(), &place())?;
        if records.last().is_some_and(|(last, _)| *last >= key) {
            return Err(input.damaged(format!("record {} is out of order", shown(&key))));
        }
        records.push((key, value));
    }
    input.end(records.len() as u64)?;
    Ok(MemoryStore::of(path, records))
}

/// An output whose bytes are summed up.
struct Summed<'a> {
    inner: &'a mut dyn Write,
    sum: u32,
    bytes: u64,
}

impl Summed<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum = crc32c::crc32c_append(self.sum, bytes);
        self.bytes += bytes.len() as u64;
        self.inner.write_all(bytes)
    }

    fn put_record(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.put(&(key.len() as u32).to_be_bytes())?;
        self.put(&(value.len() as u32).to_be_bytes())?;
        self.put(key)?;
        self.put(value)
    }
}

/// An input whose bytes are summed up.
struct Reading<'a> {
    inner: &'a mut dyn Read,
    path: &'a Path,
    sum: u32,
}

impl Reading<'_> {
    /// So many bytes, or fewer where it ends before.
    fn fill(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), SavepointError> {
        while (into.len() as u64) < count {
            let before = into.len();
            let piece = (count - before as u64).min(PIECE_BYTES);
            let read = (&mut *self.inner).take(piece).read_to_end(into);
            let read = read.map_err(|source| {
                let path = self.path.to_owned();
                SavepointError::Io { doing: "read", path, source }
            })?;
            self.sum = crc32c::crc32c_append(self.sum, &into[before..]);
            if read == 0 {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, count: u64, what: &str) -> Result<Vec<u8>, SavepointError> {
        let mut bytes = Vec::new();
        self.fill(count, &mut bytes)?;
        if bytes.len() as u64 == count {
            return Ok(bytes);
        }
        Err(SavepointError::Cut { path: self.path.to_owned(), what: format!("it ends {what}") })
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], SavepointError> {
        let bytes = self.take(N as u64, what)?;
        Ok(bytes.try_into().expect("so many were taken"))
    }

    fn number(&mut self, what: &str) -> Result<u32, SavepointError> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn damaged(&self, what: String) -> SavepointError {
        SavepointError::Damaged { path: self.path.to_owned(), what }
    }

    /// The end: the count and the sum, and nothing behind.
    fn end(mut self, records: u64) -> Result<(), SavepointError> {
        let count = u64::from_be_bytes(self.array("in its end")?);
        let computed = self.sum;
        let stored = self.number("in its checksum")?;
        if stored != computed {
            return Err(
                self.damaged(format!("it has the checksum {stored:08x}, but its bytes give {computed:08x}"))
            );
        }
        if count != records {
            return Err(self.damaged(format!("it has {records} records, and says {count}")));
        }
        let mut more = Vec::new();
        self.fill(1, &mut more)?;
        if more.is_empty() { Ok(()) } else { Err(self.damaged("something follows its end".to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Changes;

    fn store() -> MemoryStore {
        let store = MemoryStore::new();
        let mut changes = Changes::new();
        for number in 0..20 {
            let mut key = Key::new(Space::KeyState);
            key.u32(number);
            changes.put(&key, format!("record {number}").as_bytes());
        }
        changes.put(&Key::named(Space::Meta, "commits"), b"12345678");
        changes.put(&Key::named(Space::Meta, "run"), b"");
        store.commit(&mut changes).expect("no fault");
        store
    }

    fn written(store: &dyn Store) -> Vec<u8> {
        let mut bytes = Vec::new();
        let size = write_savepoint(store, Path::new("s"), &mut bytes).expect("it can be written");
        assert_eq!((size.records, size.bytes), (21, bytes.len() as u64));
        bytes
    }

    fn read(mut bytes: &[u8]) -> Result<MemoryStore, String> {
        read_savepoint(Path::new("s"), &mut bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_read_is_what_was_written_but_for_the_count_of_commits() {
        let bytes = written(&store());
        let again = read(&bytes).expect("it is whole");
        assert_eq!(written(&again), bytes);
        assert_eq!(again.get(&Key::named(Space::Meta, "commits")).expect("memory"), None);
        assert!(again.verify().expect("memory").is_whole());
        let mut key = Key::new(Space::KeyState);
        key.u32(7);
        assert_eq!(again.read(&key).expect("whole").expect("there").payload(), b"record 7");
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_seen() {
        let bytes = written(&store());
        for end in 0..bytes.len() {
            let error = read(&bytes[..end]).expect_err("it is cut");
            let what = if end < MAGIC.len() { "is no savepoint" } else { "is cut: it ends " };
            assert!(error.contains(what), "cut at {end}: {error}");
        }
        for at in 0..bytes.len() {
            for bit in [1, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= bit;
                assert!(read(&damaged).is_err(), "byte {at}");
            }
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert!(read(&longer).expect_err("it is longer").contains("something follows its end"));
    }

    #[test]
    fn a_later_format_is_told_with_its_version() {
        let mut bytes = written(&store());
        bytes[19] = 9;
        let error = read(&bytes).expect_err("it is of a later format");
        assert!(error.contains("has format 9 of Ensue 0.") && error.contains("use that version"), "{error}");
    }
}
