//! Why something cannot be copied, or a copy not be had.

use std::io;
use std::path::PathBuf;

use crate::runtime::epochs::RecoveryError;
use crate::state::StoreError;

/// Why a copy was not made, or cannot be had.
///
/// A message says what is wrong, where, and behind a semicolon what can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The address of a place cannot be understood.
    #[error("`{url}` is no place for copies: {what}; write file:///PATH or s3://BUCKET/PREFIX")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The state cannot be copied or opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state that was copied does not say what it is of.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A file on this machine.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The place cannot be reached, or refuses.
    #[error("cannot {doing} {object} in {url}: {why}")]
    Remote {
        /// What was tried.
        doing: &'static str,
        /// The place.
        url: String,
        /// With which object.
        object: String,
        /// What the place says.
        why: Box<object_store::Error>,
    },
    /// There was no time for it.
    #[error("the copy to {url} was broken off as the run ended; the copies there are older than the state")]
    BrokenOff {
        /// The place.
        url: String,
    },
    /// The copies that are there are of another state.
    #[error(
        "{url} has copies of another run, the newest of its epoch {epoch}; give another place, or remove these"
    )]
    OtherState {
        /// The place.
        url: String,
        /// The epoch of the newest copy.
        epoch: u64,
    },
    /// An object is not what was put.
    #[error("{object} in {url} is damaged: {what}")]
    Damaged {
        /// The place.
        url: String,
        /// The object.
        object: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no copy.
    #[error("there is no copy{} in {url}; `ensue state copies {url}` lists what is there",
        epoch.map(|epoch| format!(" of epoch {epoch}")).unwrap_or_default())]
    NoCopy {
        /// The place.
        url: String,
        /// The epoch that was asked for.
        epoch: Option<u64>,
    },
    /// There are copies, and none is whole.
    #[error("no copy in {url} is whole: {}", what.join("; "))]
    NoneWhole {
        /// The place.
        url: String,
        /// What is wrong with each.
        what: Vec<String>,
    },
    /// There is no such savepoint.
    #[error("there is no savepoint {name} in {url}")]
    NoSavepoint {
        /// The place.
        url: String,
        /// What it should be called.
        name: String,
    },
    /// A savepoint cannot be called that at a place.
    #[error("a savepoint in {url} cannot be called `{name}`; use letters, digits, `.`, `-` and `_`")]
    Name {
        /// The place.
        url: String,
        /// What it should be called.
        name: String,
    },
    /// There is something where a copy should go.
    #[error("cannot fetch to {}: it is there already; give a new name", path.display())]
    Exists {
        /// Where it should go.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space is left for {}; free some space, and fetch again", path.display())]
    NoSpace {
        /// What was to be written.
        path: PathBuf,
    },
}

impl CopyError {
    /// A file operation that failed.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> CopyError {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull => CopyError::NoSpace { path },
            _ => CopyError::File { doing, path, source },
        }
    }

    /// Whether another copy may be whole where this one is not.
    pub(super) fn is_of_one_copy(&self) -> bool {
        match self {
            CopyError::Damaged { .. } => true,
            CopyError::Store(error) => error.is_damage(),
            CopyError::Remote { why, .. } => matches!(**why, object_store::Error::NotFound { .. }),
            _ => false,
        }
    }
}
