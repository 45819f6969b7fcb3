//! The file `ENSUE` of a state directory: whose it is, who uses it, and how many commits were made.
//!
//! It is text of fixed width, so that it can be looked at and written in place:
//!
//! ```text
//! ensue state, format 1
//! commits 00000000000000000012 crc 3c1f90ab
//! commits 00000000000000000013 crc 77aa01be
//! process 0000012345
//! ```
//!
//! It is the first file of a new store. A lock on it keeps other processes out, and ends with the process, however that
//! ends. After every commit its number is written on the two lines in turn, so that one is whole whatever happens. The
//! database keeps the same number inside; if it has a smaller one when it is opened, commits were lost that somebody was
//! told of. Nothing else could tell a log that was cut from one whose end was never written.
//!
//! The file is not synced with every commit: it may lag behind after a power failure, and then sees less, but it never
//! says more commits than were made.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::meta::FORMAT;

/// The name of the file.
pub(super) const MARKER: &str = "ENSUE";

const TITLE: &str = "ensue state, format ";

/// The most bytes that are read of it: a marker of any later format tells its format in the first line.
const MARKER_BYTES_MAX: u64 = 4096;

/// What the file says, read without a lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum MarkerSeen {
    /// It is not there.
    Missing,
    /// It says nothing that can be understood.
    Damaged,
    /// It is of another format.
    Format(u32),
    /// So many commits were made.
    Commits(u64),
}

/// The file, open and locked until this is dropped.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    file: File,
    commits: u64,
}

/// Who locks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lock {
    /// One that writes, alone.
    Alone,
    /// One of several that read.
    Shared,
}

impl Marker {
    /// Looks at the file of a directory.
    pub(super) fn look(directory: &Path) -> Result<MarkerSeen, StoreError> {
        let path = directory.join(MARKER);
        match File::open(&path) {
            Ok(mut file) => Ok(parse(&read(&mut file, &path)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(MarkerSeen::Missing),
            Err(error) => Err(StoreError::io("read", path, error)),
        }
    }

    /// Writes the file of a new store and locks it.
    pub(super) fn create(directory: &Path) -> Result<Marker, StoreError> {
        let mut marker = Marker::claim(directory)?;
        marker.begin()?;
        Ok(marker)
    }

    /// Locks the file, which may not be there, and leaves it as it is: who had it before may have written it.
    pub(super) fn claim(directory: &Path) -> Result<Marker, StoreError> {
        let path = directory.join(MARKER);
        let mut open = OpenOptions::new();
        let file = open.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| StoreError::io("write", &path, error))?;
        lock(&file, Lock::Alone, directory, &path)?;
        Ok(Marker { path, file, commits: 0 })
    }

    /// Writes that no commit was made.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        self.write_all(0)
    }

    /// Writes the file of a copy, which nobody has open.
    pub(super) fn create_for_copy(directory: &Path, commits: u64) -> Result<(), StoreError> {
        let mut marker = Marker::create(directory)?;
        marker.write_all(commits)?;
        marker.sync()
    }

    /// Locks the file of a store.
    pub(super) fn lock(directory: &Path, who: Lock) -> Result<Marker, StoreError> {
        let path = directory.join(MARKER);
        let file = OpenOptions::new().read(true).write(who == Lock::Alone).open(&path);
        let mut file = file.map_err(|error| StoreError::io("open", &path, error))?;
        lock(&file, who, directory, &path)?;
        let text = read(&mut file, &path)?;
        let MarkerSeen::Commits(commits) = parse(&text) else {
            return Err(damaged(directory));
        };
        let mut marker = Marker { path, file, commits };
        if who == Lock::Alone {
            marker.write_process()?;
        }
        Ok(marker)
    }

    /// Reads the file of a store that another process has locked.
    pub(super) fn beside(directory: &Path) -> Result<Marker, StoreError> {
        let path = directory.join(MARKER);
        let mut file = File::open(&path).map_err(|error| StoreError::io("open", &path, error))?;
        match parse(&read(&mut file, &path)?) {
            MarkerSeen::Commits(commits) => Ok(Marker { path, file, commits }),
            _ => Err(damaged(directory)),
        }
    }

    /// How many commits were made, as far as it knows.
    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    /// Notes that a commit was made. What it costs is a write of a few bytes to the page cache.
    pub(super) fn note(&mut self, commits: u64) -> Result<(), StoreError> {
        let at = title().len() as u64 + (commits % 2) * commits_line(0).len() as u64;
        self.write_at(at, &commits_line(commits))?;
        self.commits = commits;
        Ok(())
    }

    /// Brings it to the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|error| StoreError::io("write", &self.path, error))
    }

    fn write_all(&mut self, commits: u64) -> Result<(), StoreError> {
        self.commits = commits;
        let (even, odd) = (commits & !1, if commits == 0 { 0 } else { (commits - 1) | 1 });
        let text = format!("{}{}{}{}", title(), commits_line(even), commits_line(odd), process_line());
        self.write_at(0, &text)
    }

    fn write_process(&mut self) -> Result<(), StoreError> {
        let at = title().len() + 2 * commits_line(0).len();
        self.write_at(at as u64, &process_line())
    }

    fn write_at(&mut self, at: u64, text: &str) -> Result<(), StoreError> {
        let written = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(text.as_bytes()));
        written.map_err(|error| StoreError::io("write", &self.path, error))
    }
}

/// The error for a file that says nothing.
pub(super) fn damaged(directory: &Path) -> StoreError {
    StoreError::Damaged {
        directory: directory.to_owned(),
        file: Some(MARKER.to_owned()),
        what: "it does not say how many commits were made".to_owned(),
    }
}

fn lock(file: &File, who: Lock, directory: &Path, path: &Path) -> Result<(), StoreError> {
    let locked = match who {
        Lock::Alone => file.try_lock(),
        Lock::Shared => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let text = File::open(path).ok().and_then(|mut file| read(&mut file, path).ok());
            let process = text.as_deref().and_then(process_in);
            Err(StoreError::InUse { directory: directory.to_owned(), process })
        }
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path, error)),
    }
}

fn read(file: &mut File, path: &Path) -> Result<String, StoreError> {
    let mut bytes = Vec::new();
    let read = file.take(MARKER_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| StoreError::io("read", path, error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(text: &str) -> MarkerSeen {
    let mut lines = text.lines();
    let format =
        lines.next().and_then(|line| line.strip_prefix(TITLE)).and_then(|format| format.parse().ok());
    match format {
        Some(FORMAT) => {}
        Some(format) => return MarkerSeen::Format(format),
        None => return MarkerSeen::Damaged,
    }
    let commits = lines.take(2).filter_map(commits_in).max();
    commits.map_or(MarkerSeen::Damaged, MarkerSeen::Commits)
}

fn title() -> String {
    format!("{TITLE}{FORMAT}\n")
}

fn commits_line(commits: u64) -> String {
    let text = format!("commits {commits:020}");
    format!("{text} crc {:08x}\n", crc32c::crc32c(text.as_bytes()))
}

fn commits_in(line: &str) -> Option<u64> {
    let commits = line.strip_prefix("commits ")?.get(..20)?.parse().ok()?;
    (commits_line(commits).trim_end() == line).then_some(commits)
}

fn process_line() -> String {
    format!("process {:010}\n", std::process::id())
}

fn process_in(text: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix("process ")).and_then(|number| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("ensue-marker-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a directory");
        directory
    }

    #[test]
    fn it_says_how_many_commits_were_made() {
        let directory = directory("commits");
        let mut marker = Marker::create(&directory).expect("a marker");
        for commits in 0..5 {
            marker.note(commits).expect("a note");
            assert_eq!(Marker::look(&directory).expect("it is there"), MarkerSeen::Commits(commits));
        }
        drop(marker);
        assert_eq!(Marker::lock(&directory, Lock::Alone).expect("it is free").commits(), 4);
        for commits in 0..5 {
            Marker::create_for_copy(&directory, commits).expect("a marker");
            assert_eq!(Marker::look(&directory).expect("it is there"), MarkerSeen::Commits(commits));
        }
    }

    #[test]
    fn one_line_that_was_torn_leaves_the_other() {
        let directory = directory("torn");
        Marker::create(&directory).expect("a marker").note(6).expect("a note");
        let path = directory.join(MARKER);
        let whole = std::fs::read_to_string(&path).expect("text");
        let torn = whole.replace("00006 crc", "00007 crc");
        assert_ne!(torn, whole);
        std::fs::write(&path, torn).expect("it can be written");
        assert_eq!(Marker::look(&directory).expect("it is there"), MarkerSeen::Commits(0));
        std::fs::write(&path, &whole[..30]).expect("it can be written");
        assert_eq!(Marker::look(&directory).expect("it is there"), MarkerSeen::Damaged);
        std::fs::write(&path, "ensue state, format 12\nwhatever\n").expect("it can be written");
        assert_eq!(Marker::look(&directory).expect("it is there"), MarkerSeen::Format(12));
        std::fs::write(&path, b"").expect("it can be written");
        assert_eq!(Marker::look(&directory).expect("it is there"), MarkerSeen::Damaged);
    }

    #[test]
    fn readers_share_it_and_a_writer_does_not() {
        let directory = directory("lock");
        let writer = Marker::create(&directory).expect("a marker");
        for who in [Lock::Alone, Lock::Shared] {
            let error = Marker::lock(&directory, who).expect_err("it is locked");
            assert!(error.to_string().contains(&format!("by process {}", std::process::id())), "{error}");
        }
        drop(writer);
        let readers = [Lock::Shared; 2].map(|who| Marker::lock(&directory, who).expect("it is free"));
        assert!(Marker::lock(&directory, Lock::Alone).is_err());
        drop(readers);
        Marker::lock(&directory, Lock::Alone).expect("it is free again");
    }
}
