//! What a store can do, whatever it is made of.

use std::ops::ControlFlow;
use std::path::Path;

use super::changes::Changes;
use super::error::StoreError;
use super::record::{self, Flaw, Record, shown};
use crate::limits;

/// Sealed records under keys, in order of the bytes of the keys.
///
/// A commit is all or nothing, and on the disk once [`Store::commit`] returns. After one that failed, whether it is in
/// the store is open: the store takes no other commit until [`Store::resume`] has looked, and then the same changes may be
/// committed again, as each says what a record is to be and not how it differs.
///
/// A store is shared: one thread may commit while others read. A reader sees commits whole, but two reads may have one
/// between them.
pub trait Store: Send + Sync {
    /// Where it is, for messages.
    fn directory(&self) -> &Path;

    /// The sealed value under a key.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows every key that begins with `prefix`, and its sealed value, in order, as they were when it began, until `seen`
    /// breaks off.
    ///
    /// # Errors
    ///
    /// Where one cannot be read. Those before it were shown.
    fn scan(&self, prefix: &[u8], seen: &mut Scan<'_>) -> Result<(), StoreError>;

    /// Writes and deletes at once, synced to the disk. The changes are kept, so that they can be committed again.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, or a commit before could not be.
    fn commit(&self, changes: &mut Changes) -> Result<(), StoreError>;

    /// Takes commits again after one failed: looks at what is on the disk and goes on from there. Where nothing failed it
    /// does nothing.
    ///
    /// # Errors
    ///
    /// Where it still does not work.
    fn resume(&self) -> Result<(), StoreError>;

    /// How many commits were made in all its life.
    fn commits(&self) -> u64;

    /// About how many bytes the records that begin with `prefix` take on the disk.
    ///
    /// # Errors
    ///
    /// Where that cannot be found out.
    fn size(&self, prefix: &[u8]) -> Result<u64, StoreError>;

    /// Makes a copy of the whole, as it is at one moment between two commits, in a directory that is not there yet.
    ///
    /// # Errors
    ///
    /// Where something is there, or it cannot be written.
    fn copy_to(&self, directory: &Path) -> Result<(), StoreError>;

    /// Reads everything, and says what is damaged.
    ///
    /// # Errors
    ///
    /// Where it cannot be read at all; damage is no error here.
    fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        self.scan(&[], &mut |key, value| {
            verified.look_at(key, value);
            ControlFlow::Continue(())
        })?;
        Ok(verified)
    }

    /// The record under a key, taken out of its envelope.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or is damaged.
    fn read(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        match record::open(key, &bytes) {
            Ok(Record { version, .. }) => Ok(Some(Stored { version, bytes })),
            Err(flaw) => Err(self.flawed(key, flaw)),
        }
    }

    /// Shows the records whose keys begin with `prefix`, in order, until `seen` breaks off.
    ///
    /// # Errors
    ///
    /// Where one cannot be read or is damaged. Those before it were shown.
    fn visit(&self, prefix: &[u8], seen: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut flawed = Ok(());
        self.scan(prefix, &mut |key, value| match record::open(key, value) {
            Ok(record) => seen(key, record),
            Err(flaw) => {
                flawed = Err(self.flawed(key, flaw));
                ControlFlow::Break(())
            }
        })?;
        flawed
    }

    /// The error for a record with a flaw, also one that only who reads the payload can see.
    fn flawed(&self, key: &[u8], flaw: Flaw) -> StoreError {
        StoreError::Record { directory: self.directory().to_owned(), key: key.to_owned(), flaw }
    }
}

/// Sees a key and its sealed value.
pub type Scan<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Sees a key and its record.
pub type Visit<'a> = dyn FnMut(&[u8], Record<'_>) -> ControlFlow<()> + 'a;

/// A record that was read, with its own memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    version: u8,
    /// With the envelope.
    bytes: Vec<u8>,
}

impl Stored {
    /// The version that the payload was written with.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// What was stored.
    pub fn payload(&self) -> &[u8] {
        record::inside(&self.bytes)
    }
}

/// What [`Store::verify`] found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// The records that are whole.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// How many places are damaged.
    pub damages: u64,
    /// A line for each, the first [`limits::DAMAGES_TOLD_MAX`] of them.
    pub told: Vec<String>,
}

impl Verified {
    /// Whether nothing is damaged.
    pub fn is_whole(&self) -> bool {
        self.damages == 0
    }

    pub(super) fn look_at(&mut self, key: &[u8], value: &[u8]) {
        match record::open(key, value) {
            Ok(_) => {
                self.records += 1;
                self.bytes += (key.len() + value.len()) as u64;
            }
            Err(flaw) => self.tell(|| format!("record {} {flaw}", shown(key))),
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        self.damages += 1;
        if self.told.len() < limits::DAMAGES_TOLD_MAX {
            self.told.push(line());
        }
    }
}
