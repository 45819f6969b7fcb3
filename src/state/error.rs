//! What can be wrong with a store.

use std::io;
use std::path::PathBuf;

use super::record::{Flaw, shown};

/// Why a store cannot be opened, read or written.
///
/// A message says what is wrong, where, and behind a semicolon what can be done. Nothing is ever deleted or repaired by
/// Ensue itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Something else than a directory is at the path.
    #[error("{} is not a directory; give the state a directory of its own", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The system does not let us.
    #[error("no permission to {doing} {}; give this user the right to read and write there", path.display())]
    Denied {
        /// What was tried.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
    },
    /// A file or directory cannot be used, for a reason that the system gives.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory has files of somebody else.
    #[error(
        "{} is no state directory: it has other files, such as {file}; give an empty or a new directory",
        directory.display()
    )]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// One of the files.
        file: String,
    },
    /// There is a database, but not the file that says whose it is.
    #[error(
        "{} has a database, but no file {file}: it is another program's, or a copy that is not whole; give an empty or a \
         new directory, or copy all files again",
        directory.display()
    )]
    Unmarked {
        /// The directory.
        directory: PathBuf,
        /// The file that is missing.
        file: &'static str,
    },
    /// There are records, but not the one that says what they are.
    #[error(
        "{} has records, but none that says that they are Ensue's: the directory was not written by Ensue, or not to its \
         end; give an empty or a new directory, or restore this one from a copy",
        directory.display()
    )]
    NoFormat {
        /// The directory.
        directory: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "the state in {} has format {format}{}, and this version reads formats up to {known}; use that version of Ensue, \
         or a later one",
        directory.display(),
        written_by.as_ref().map(|version| format!(" of Ensue {version}")).unwrap_or_default()
    )]
    FutureFormat {
        /// The directory.
        directory: PathBuf,
        /// Its format.
        format: u32,
        /// The version that wrote it, where that can be read.
        written_by: Option<String>,
        /// The latest format that can be read.
        known: u32,
    },
    /// Another process, or another part of this one, has it open.
    #[error(
        "the state directory {} is in use{}; wait until it ends, stop it, or give another directory",
        directory.display(),
        process.map(|process| format!(" by process {process}")).unwrap_or_default()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process, where it said so.
        process: Option<u32>,
    },
    /// A file is not what was written.
    #[error(
        "the state in {} is damaged: {}{what}; nothing was changed: restore the directory from a copy, or start with a \
         new one",
        directory.display(),
        file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default()
    )]
    Damaged {
        /// The directory.
        directory: PathBuf,
        /// The file in it, where that is known.
        file: Option<String>,
        /// What is wrong.
        what: String,
    },
    /// Commits that were made are not there.
    #[error(
        "the state in {} is damaged: {}commit {found} is the last that can be read, and {committed} were made{}; nothing \
         was changed: restore the directory from a copy, or start with a new one",
        directory.display(),
        file.as_ref().map(|file| format!("{file} was cut, changed or lost: ")).unwrap_or_default(),
        what.as_ref().map(|what| format!(" ({what})")).unwrap_or_default()
    )]
    LostCommits {
        /// The directory.
        directory: PathBuf,
        /// The log that they should be in.
        file: Option<String>,
        /// How many commits can be read.
        found: u64,
        /// How many were made.
        committed: u64,
        /// What the database says of it.
        what: Option<String>,
    },
    /// A record is not what was written.
    #[error(
        "the state in {} is damaged: record {} {flaw}; restore the directory from a copy, or start with a new one",
        directory.display(),
        shown(key)
    )]
    Record {
        /// The directory.
        directory: PathBuf,
        /// The key of the record.
        key: Vec<u8>,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The disk is full.
    #[error(
        "no space is left for the state in {}; what was committed is safe: free some space, and it goes on from there",
        directory.display()
    )]
    NoSpace {
        /// The directory.
        directory: PathBuf,
    },
    /// The database cannot do it.
    #[error(
        "cannot {doing} the state in {}: {what}; what was committed is safe: see that the disk works, and start again",
        directory.display()
    )]
    Failed {
        /// What was tried.
        doing: &'static str,
        /// The directory.
        directory: PathBuf,
        /// What the database says.
        what: String,
    },
    /// A commit failed before, so that no other is taken.
    #[error(
        "the state in {} takes no commits since one failed; what was committed before is safe: resume it, or start again",
        directory.display()
    )]
    Stopped {
        /// The directory.
        directory: PathBuf,
    },
    /// It was opened to be read.
    #[error("the state in {} was opened to be read, not written; open it to write", directory.display())]
    ReadOnly {
        /// The directory.
        directory: PathBuf,
    },
    /// There is something already where a copy should go.
    #[error("cannot copy the state to {}: it is there already; give a new directory", path.display())]
    CopyExists {
        /// Where it should go.
        path: PathBuf,
    },
}

impl StoreError {
    /// A file operation that failed.
    #[cfg(feature = "state")]
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> StoreError {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => StoreError::Denied { doing, path },
            io::ErrorKind::StorageFull => StoreError::NoSpace { directory: path },
            io::ErrorKind::NotADirectory => StoreError::NotADirectory { path },
            _ => StoreError::Io { doing, path, source },
        }
    }

    /// Whether the same may work later, with nothing about the store changed: once there is room, or the other process
    /// has ended.
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::NoSpace { .. } | StoreError::InUse { .. })
    }

    /// Whether what is stored is not what was written.
    pub fn is_damage(&self) -> bool {
        use StoreError::{Damaged, LostCommits, Record};
        matches!(self, Damaged { .. } | LostCommits { .. } | Record { .. })
    }
}
