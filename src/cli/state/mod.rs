//! `ensue state`: what a state directory or a savepoint holds, for people and programs.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::CliError;
use crate::runtime::epochs::{self, Recovered};
use crate::state::{MemoryStore, RocksStore, SavepointError, Store, read_savepoint};

/// A state that was opened to be looked at.
pub(super) struct Found {
    /// Its records.
    pub(super) store: Box<dyn Store>,
    /// Its last epoch.
    pub(super) recovered: Recovered,
}

/// Opens a state directory, also one that a run has open, or a savepoint. It is not changed in any way.
///
/// # Errors
///
/// Where it is none, or damaged, or has no epoch.
pub(super) fn open(place: &Path) -> Result<Found, CliError> {
    let store: Box<dyn Store> = match place.is_file() {
        true => Box::new(open_savepoint(place)?),
        false => Box::new(RocksStore::open_beside(place)?),
    };
    match epochs::recover(&*store)? {
        Some(recovered) => Ok(Found { store, recovered }),
        None => {
            let message = format!("there is no epoch in {} yet", place.display());
            Err(CliError::asked(message, "wait until the run there has come to one (see --checkpoint-every)"))
        }
    }
}

/// Reads a savepoint.
///
/// # Errors
///
/// Where it is none, or damaged, or cannot be read.
pub(super) fn open_savepoint(path: &Path) -> Result<MemoryStore, CliError> {
    let failed = |source| SavepointError::Io { doing: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    Ok(read_savepoint(path, &mut BufReader::with_capacity(1 << 20, file))?)
}
