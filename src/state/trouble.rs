//! What RocksDB says is wrong, said as one of our errors.
//!
//! It has texts and no data: a kind in front, and the name of a file somewhere within. Both are looked for; a text that is
//! not understood is shown as it is.

use std::path::{Path, PathBuf};

use rocksdb::ErrorKind;

use super::error::StoreError;
use super::opening;

/// The error for what RocksDB said while `doing` something.
pub(super) fn of(directory: &Path, doing: &'static str, error: &rocksdb::Error) -> StoreError {
    told(directory, doing, error.as_ref(), error.kind())
}

fn told(directory: &Path, doing: &'static str, text: &str, kind: ErrorKind) -> StoreError {
    let path = directory.to_owned();
    let file = file_in(text);
    if text.contains("No space left on device") || text.contains("space limit reached") {
        return StoreError::NoSpace { directory: path };
    }
    if text.contains("Permission denied") {
        return StoreError::Denied { doing, path: path_in(text).unwrap_or(path) };
    }
    if text.contains("lock hold by current process") || text.contains("While lock file") {
        return StoreError::InUse { directory: path, process: None };
    }
    let missing = file.is_some() && text.contains("No such file or directory");
    let not_a_file = file.is_some() && text.contains("Is a directory");
    if missing {
        return StoreError::Damaged { directory: path, file, what: "it is missing".to_owned() };
    }
    if not_a_file {
        return StoreError::Damaged { directory: path, file, what: "it is a directory".to_owned() };
    }
    // An unknown kind of record in a manifest or log is damage or a later RocksDB; the format of the store was fine.
    if matches!(kind, ErrorKind::Corruption | ErrorKind::NotSupported | ErrorKind::InvalidArgument) {
        return StoreError::Damaged { directory: path, file, what: without_kind(text).to_owned() };
    }
    StoreError::Failed { doing, directory: path, what: text.to_owned() }
}

/// The file of the database that a text names.
fn file_in(text: &str) -> Option<String> {
    let words = text
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | ':' | ',' | ';' | '(' | ')' | '\'' | '"'));
    words
        .map(|word| word.trim_end_matches('.'))
        .find(|word| opening::is_database_file(word))
        .map(str::to_owned)
}

/// The path that a text names, where that has no blanks in it.
fn path_in(text: &str) -> Option<PathBuf> {
    let start = text.find('/')?;
    text[start..].split(": ").next().map(PathBuf::from)
}

fn without_kind(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, kind: ErrorKind) -> String {
        told(Path::new("d"), "read", text, kind).to_string()
    }

    #[test]
    fn the_file_is_found_in_what_is_said() {
        let text = "Corruption: block checksum mismatch: stored = 1, computed = 2 in /x y/000008.sst offset 0 size 9";
        assert!(
            shown(text, ErrorKind::Corruption)
                .starts_with("the state in d is damaged: 000008.sst: block checksum mismatch: stored = 1, "),
        );
        assert_eq!(
            file_in("The file /x/MANIFEST-000005 may be corrupted.").as_deref(),
            Some("MANIFEST-000005")
        );
        assert_eq!(file_in("something else"), None);
    }

    #[test]
    fn what_the_system_says_is_told_apart() {
        let full = "IO error: No space left on device: While appending to file: /x/000004.log: No space left on device";
        assert!(shown(full, ErrorKind::IOError).starts_with("no space is left for the state in d; "));
        let denied = "IO error: While open a file for random read: /x/000008.sst: Permission denied";
        assert!(
            shown(denied, ErrorKind::IOError).starts_with("no permission to read /x/000008.sst; "),
            "{}",
            shown(denied, ErrorKind::IOError)
        );
        let gone = "IO error: No such file or directory: While open a file: /x/000008.sst: No such file or directory";
        assert!(
            shown(gone, ErrorKind::IOError)
                .starts_with("the state in d is damaged: 000008.sst: it is missing; ")
        );
        let other = "IO error: While fsync: /x/000004.log: Input/output error";
        assert!(
            shown(other, ErrorKind::IOError)
                .starts_with("cannot read the state in d: IO error: While fsync: ")
        );
    }
}
