//! What is done with a directory: a decision from what is seen in it.
//!
//! A new store is made in this order: the directory, the file `ENSUE` with no commits, the database, the record
//! `meta/format` as the first commit. A process may be killed between any two. What is left then is told from a store that
//! lost something by `ENSUE`: as long as no commit was made, there is nothing to lose, and the making goes on.

use std::path::Path;

use super::error::StoreError;
use super::marker::{self, MARKER, MarkerSeen};
use super::meta::FORMAT;

/// What is seen at the path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// Nothing.
    Missing,
    /// Something else than a directory.
    NoDirectory,
    /// A directory, with what its marker says and its other files, in order of name.
    Directory(MarkerSeen, Vec<String>),
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opening {
    /// A new store is made, directory and all.
    CreateDirectory,
    /// A new store is made in the directory that is there, or the making goes on.
    Create,
    /// The store is opened.
    Open,
}

/// Looks at a path.
pub(super) fn look(directory: &Path) -> Result<Seen, StoreError> {
    let listed = match std::fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) => {
            return match error.kind() {
                std::io::ErrorKind::NotFound => Ok(Seen::Missing),
                std::io::ErrorKind::NotADirectory => Ok(Seen::NoDirectory),
                _ => Err(StoreError::io("list", directory, error)),
            };
        }
    };
    let mut files = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|error| StoreError::io("list", directory, error))?;
        files.push(entry.file_name().to_string_lossy().into_owned());
    }
    files.retain(|file| file != MARKER);
    files.sort();
    Ok(Seen::Directory(marker::Marker::look(directory)?, files))
}

/// Decides. `directory` is only for the messages.
pub(super) fn decide(directory: &Path, seen: &Seen) -> Result<Opening, StoreError> {
    let directory = directory.to_owned();
    let (marker, files) = match seen {
        Seen::Missing => return Ok(Opening::CreateDirectory),
        Seen::NoDirectory => return Err(StoreError::NotADirectory { path: directory }),
        Seen::Directory(marker, files) => (marker, files),
    };
    let has_data = files.iter().any(|file| is_data(file));
    let has_current = files.iter().any(|file| file == CURRENT);
    match marker {
        MarkerSeen::Format(format) => {
            Err(StoreError::FutureFormat { directory, format: *format, written_by: None, known: FORMAT })
        }
        MarkerSeen::Missing | MarkerSeen::Damaged if files.is_empty() => Ok(Opening::Create),
        MarkerSeen::Damaged => Err(marker::damaged(&directory)),
        MarkerSeen::Missing if has_current || has_data => {
            Err(StoreError::Unmarked { directory, file: MARKER })
        }
        MarkerSeen::Missing => Err(StoreError::Foreign { directory, file: files[0].clone() }),
        MarkerSeen::Commits(_) if has_current => Ok(Opening::Open),
        MarkerSeen::Commits(0) if !has_data => Ok(Opening::Create),
        MarkerSeen::Commits(_) => Err(StoreError::Damaged {
            directory,
            file: Some(CURRENT.to_owned()),
            what: "it is missing".to_owned(),
        }),
    }
}

/// The file by which a database is found.
const CURRENT: &str = "CURRENT";

/// Whether a file of the database holds records: sorted ones, or the log.
fn is_data(file: &str) -> bool {
    is_log(file) || file.strip_suffix(".sst").is_some_and(is_number)
}

/// Whether a file is a log of commits.
pub(super) fn is_log(file: &str) -> bool {
    file.strip_suffix(".log").is_some_and(is_number)
}

/// Whether a file is one of the database's that its messages may name.
pub(super) fn is_database_file(file: &str) -> bool {
    file == CURRENT || is_data(file) || file.strip_prefix("MANIFEST-").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(marker: MarkerSeen, files: &[&str]) -> Result<Opening, String> {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        decide(Path::new("d"), &Seen::Directory(marker, files)).map_err(|error| error.to_string())
    }

    fn refused(marker: MarkerSeen, files: &[&str], why: &str) {
        let error = decided(marker.clone(), files).expect_err("it is refused");
        assert!(error.starts_with(why), "{marker:?} {files:?}: {error}");
    }

    #[test]
    fn nothing_becomes_a_new_store() {
        assert_eq!(decide(Path::new("d"), &Seen::Missing).expect("it can be"), Opening::CreateDirectory);
        assert_eq!(decided(MarkerSeen::Missing, &[]), Ok(Opening::Create));
    }

    #[test]
    fn a_store_is_opened_whatever_lies_beside_it() {
        let files = ["000004.log", "CURRENT", "IDENTITY", "MANIFEST-000005", "notes.txt"];
        assert_eq!(decided(MarkerSeen::Commits(7), &files), Ok(Opening::Open));
        assert_eq!(decided(MarkerSeen::Commits(0), &files), Ok(Opening::Open));
    }

    #[test]
    fn a_creation_that_was_broken_off_goes_on() {
        assert_eq!(decided(MarkerSeen::Damaged, &[]), Ok(Opening::Create));
        let steps = ["LOCK", "LOG", "IDENTITY", "MANIFEST-000001", "000001.dbtmp"];
        for made in 0..=steps.len() {
            assert_eq!(decided(MarkerSeen::Commits(0), &steps[..made]), Ok(Opening::Create));
        }
    }

    #[test]
    fn what_is_not_a_store_is_refused() {
        let none = decide(Path::new("d"), &Seen::NoDirectory).expect_err("it is refused").to_string();
        assert_eq!(none, "d is not a directory; give the state a directory of its own");
        refused(
            MarkerSeen::Missing,
            &["a.txt", "b"],
            "d is no state directory: it has other files, such as a.txt; ",
        );
        for files in [&["CURRENT", "LOCK"][..], &["000003.log", "x"], &["000003.sst"]] {
            refused(MarkerSeen::Missing, files, "d has a database, but no file ENSUE: ");
        }
    }

    #[test]
    fn what_lost_something_is_refused() {
        for files in [&["000004.log", "MANIFEST-000005"][..], &["LOCK", "MANIFEST-000005"], &[]] {
            refused(MarkerSeen::Commits(3), files, "the state in d is damaged: CURRENT: it is missing; ");
        }
        refused(
            MarkerSeen::Commits(0),
            &["000004.sst"],
            "the state in d is damaged: CURRENT: it is missing; ",
        );
        refused(
            MarkerSeen::Damaged,
            &["CURRENT"],
            "the state in d is damaged: ENSUE: it does not say how many commits were made; ",
        );
    }

    #[test]
    fn another_format_is_refused_before_anything_is_opened() {
        let why = "the state in d has format 2, and this version reads formats up to 1; use that version of Ensue, ";
        refused(MarkerSeen::Format(2), &["CURRENT"], why);
    }
}
