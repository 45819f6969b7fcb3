//! Savepoints at a place: files that have their own sums, and the names that they were given.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::Path;

use super::error::CopyError;
use super::place::{Place, SAVEPOINTS};
use crate::state::read_savepoint;

/// Puts a savepoint to a place, under its name. One of the same name is replaced, whole by whole. No copy touches it, and nothing
/// removes it.
///
/// # Errors
///
/// Where it has no name that others could have, or cannot be read or put.
pub async fn put_savepoint(place: &Place, path: &Path) -> Result<(), CopyError> {
    place.prepare()?;
    place.put_file(&object(place, &path.file_name().unwrap_or_default().to_string_lossy())?, path).await
}

/// Fetches a savepoint to a file that is not there yet. It is read before it has its name.
///
/// # Errors
///
/// Where it is not there, or is damaged, or cannot be written. Nothing is left of it then.
pub async fn fetch_savepoint(place: &Place, name: &str, path: &Path) -> Result<(), CopyError> {
    if path.symlink_metadata().is_ok() {
        return Err(CopyError::Exists { path: path.to_owned() });
    }
    let object = object(place, name)?;
    let Some(bytes) = place.names(SAVEPOINTS).await?.get(name).copied() else {
        return Err(CopyError::NoSavepoint { url: place.url().to_owned(), name: name.to_owned() });
    };
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".fetching-{}", std::process::id()));
    let partial = Path::new(&partial);
    let fetched = fill(place, &object, bytes, partial)
        .await
        .and_then(|()| fs::rename(partial, path).map_err(|error| CopyError::file("create", path, error)));
    if fetched.is_err() {
        // Nobody else has it, and nobody could use it.
        let _ = fs::remove_file(partial);
    }
    fetched
}

async fn fill(place: &Place, object: &str, bytes: u64, path: &Path) -> Result<(), CopyError> {
    let failed = |source| CopyError::file("write", path, source);
    let mut file = File::create_new(path).map_err(failed)?;
    place.get_parts(object, bytes, |part| file.write_all(part).map_err(failed)).await?;
    file.sync_all().map_err(failed)?;
    let file = File::open(path).map_err(failed)?;
    let read = read_savepoint(path, &mut BufReader::new(file));
    read.map(|_| ()).map_err(|error| place.damaged(object, error.to_string()))
}

/// What it is called at the place.
fn object(place: &Place, name: &str) -> Result<String, CopyError> {
    let is_name = !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match is_name {
        true => Ok(format!("{SAVEPOINTS}/{name}")),
        false => Err(CopyError::Name { url: place.url().to_owned(), name: name.to_owned() }),
    }
}
