//! A file that records are written to, and that can be cut back to what was committed.
//!
//! Records come out exactly once if what is written after a commit is gone before it is written again. So a commit knows
//! how long each file was with everything down on disk ([`FileOutput::mark`], [`Unsynced::sync`]), and a run that goes on from it cuts each
//! file back to that ([`FileOutput::resume`]). What stands behind the committed length is what the broken run had written
//! since, and will be written again.
//!
//! A pipe, a device and standard output cannot be cut: what goes there comes out *at least* once, and whoever reads it
//! tells by the id of a record what came twice. For these `mark` gives no length.
//!
//! [`cut`] decides, from what is there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::limits;

/// A buffered file, written from where it stands to its end.
#[derive(Debug)]
pub struct FileOutput {
    path: PathBuf,
    file: BufWriter<File>,
    /// Its length, with what is buffered.
    length: u64,
    /// Whether it can be cut.
    is_regular: bool,
    /// Whether its name may not be down on disk yet.
    is_new: bool,
}

impl FileOutput {
    /// Makes a file, or empties it.
    ///
    /// # Errors
    ///
    /// Where that cannot be done.
    pub(super) fn create(path: &Path) -> io::Result<FileOutput> {
        FileOutput::new(path, File::create(path)?, 0, true)
    }

    /// Opens a file that was committed at a length, and cuts off what stands behind that.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened, or somebody else has changed it.
    pub(super) fn resume(path: &Path, committed: u64) -> Result<FileOutput, Resume> {
        let (file, facts) = look(path, committed)?;
        cut(committed, &facts)?;
        let mut file = file.expect("what is not refused is a file");
        file.set_len(committed)?;
        file.seek(SeekFrom::Start(committed))?;
        Ok(FileOutput::new(path, file, committed, false)?)
    }

    fn new(path: &Path, file: File, length: u64, is_new: bool) -> io::Result<FileOutput> {
        let is_regular = file.metadata()?.is_file();
        let file = BufWriter::with_capacity(limits::FILE_BUFFER_BYTES, file);
        Ok(FileOutput { path: path.to_owned(), file, length, is_regular, is_new })
    }

    /// Writes a whole line or several, ends included.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Writes what is buffered: gives the length that can be committed once what is given with it was put on the disk.
    /// `None` where the output cannot be cut back to it.
    ///
    /// # Errors
    ///
    /// What the operating system says; that the file has another length than what was written.
    pub(super) fn mark(&mut self) -> io::Result<Option<(u64, Unsynced)>> {
        self.file.flush()?;
        if !self.is_regular {
            return Ok(None);
        }
        let file = self.file.get_ref();
        let (found, written) = (file.metadata()?.len(), self.length);
        if found != written {
            let message =
                format!("it has {found} bytes, and {written} were written: somebody else changes it");
            return Err(io::Error::other(message));
        }
        let is_new = std::mem::take(&mut self.is_new);
        Ok(Some((written, Unsynced { file: file.try_clone()?, name: is_new.then(|| self.path.clone()) })))
    }
}

/// What was written to a file, and may not be on the disk yet.
#[derive(Debug)]
pub struct Unsynced {
    file: File,
    /// The name of a file that may not be on the disk yet itself.
    name: Option<PathBuf>,
}

impl Unsynced {
    /// Waits until it is on the disk. Costs a write to the disk.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        self.name.as_deref().map_or(Ok(()), sync_folder)
    }
}

/// What there is of an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Facts {
    /// Nothing has its name.
    Missing,
    /// A pipe, a device, a folder.
    NotAFile,
    /// A file.
    File {
        /// Its length.
        length: u64,
        /// Whether a line ends right before the committed length, or this is 0.
        is_whole: bool,
    },
}

/// Why an output cannot be gone on with. Nothing was changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Resume {
    /// It cannot be opened.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else than a file.
    #[error("it is no regular file, so it cannot be cut back to what was written")]
    NotAFile,
    /// Somebody else has taken it away.
    #[error("it is gone, and {written} bytes were written to it")]
    Gone {
        /// The bytes that were written.
        written: u64,
    },
    /// Somebody else has cut it.
    #[error("it has {found} bytes, and {written} were written to it: it was changed by somebody else")]
    TooShort {
        /// Its bytes.
        found: u64,
        /// Those that were written.
        written: u64,
    },
    /// Where it is to be cut no line ends.
    #[error("no line ends at byte {written}, up to which it was written: it was changed by somebody else")]
    Edited {
        /// The bytes that were written.
        written: u64,
    },
}

/// Whether an output can be cut back to a committed length.
///
/// # Errors
///
/// Why not.
fn cut(committed: u64, facts: &Facts) -> Result<(), Resume> {
    match *facts {
        Facts::Missing => Err(Resume::Gone { written: committed }),
        Facts::NotAFile => Err(Resume::NotAFile),
        Facts::File { length, .. } if length < committed => {
            Err(Resume::TooShort { found: length, written: committed })
        }
        Facts::File { is_whole: false, .. } => Err(Resume::Edited { written: committed }),
        Facts::File { .. } => Ok(()),
    }
}

/// What there is, and the file where it is one.
fn look(path: &Path, committed: u64) -> io::Result<(Option<File>, Facts)> {
    // A pipe is not even opened: that could wait for its reader.
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, Facts::Missing)),
        Err(error) => return Err(error),
        Ok(data) if !data.is_file() => return Ok((None, Facts::NotAFile)),
        Ok(_) => {}
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if committed > 0 && committed <= length {
        file.seek(SeekFrom::Start(committed - 1))?;
        file.read_exact(&mut last)?;
    }
    Ok((Some(file), Facts::File { length, is_whole: last == *b"\n" }))
}

/// Waits until the name of a new file is down on disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_a_file_that_is_as_long_as_what_was_committed_or_longer_is_cut() {
        let file = |length, is_whole| Facts::File { length, is_whole };
        for (committed, facts, expected) in [
            (10, file(10, true), Ok(())),
            (10, file(11, true), Ok(())),
            (0, file(0, true), Ok(())),
            (10, file(9, true), Err(Resume::TooShort { found: 9, written: 10 })),
            (10, file(12, false), Err(Resume::Edited { written: 10 })),
            (10, Facts::Missing, Err(Resume::Gone { written: 10 })),
            (0, Facts::Missing, Err(Resume::Gone { written: 0 })),
            (10, Facts::NotAFile, Err(Resume::NotAFile)),
        ] {
            let why = |outcome: Result<(), Resume>| outcome.map_err(|why| why.to_string());
            assert_eq!(why(cut(committed, &facts)), why(expected), "{committed} {facts:?}");
        }
    }

    /// A folder of its own for a test.
    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ensue-output-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        path
    }

    #[test]
    fn what_was_written_since_is_cut_off_and_written_again() {
        let folder = folder("cut");
        let path = folder.join("a.jsonl");
        let mut output = FileOutput::create(&path).expect("a file");
        output.write(b"one\n").expect("written");
        let (committed, unsynced) = output.mark().expect("written").expect("a file can be cut");
        unsynced.sync().expect("synced");
        assert_eq!(committed, 4);
        output.write(b"two\nthr").expect("written");
        output.flush().expect("written");
        drop(output);
        for rest in ["two\n", "", "another\n"] {
            let mut output = FileOutput::resume(&path, committed).expect("it can be cut");
            assert_eq!(fs::read(&path).expect("readable"), b"one\n");
            output.write(rest.as_bytes()).expect("written");
            let (length, _) = output.mark().expect("written").expect("a file can be cut");
            assert_eq!(length, 4 + rest.len() as u64);
            assert_eq!(fs::read_to_string(&path).expect("readable"), format!("one\n{rest}"));
        }
        fs::remove_dir_all(folder).expect("it was there");
    }

    #[test]
    fn what_somebody_else_has_changed_is_left_alone() {
        let folder = folder("changed");
        let path = folder.join("a.jsonl");
        let refused = |committed| FileOutput::resume(&path, committed).expect_err("it has changed");
        assert!(matches!(refused(4), Resume::Gone { .. }));
        fs::write(&path, "one").expect("written");
        assert!(matches!(refused(4), Resume::TooShort { .. }));
        fs::write(&path, "oneself\n").expect("written");
        assert!(matches!(refused(4), Resume::Edited { .. }));
        assert_eq!(fs::read(&path).expect("readable"), b"oneself\n");
        let mut output = FileOutput::create(&path).expect("a file");
        output.write(b"one\n").expect("written");
        output.flush().expect("written");
        fs::write(&path, "").expect("emptied");
        assert!(output.mark().is_err(), "it is shorter than what was written");
        let error = FileOutput::resume(&folder, 4).expect_err("a folder is no file");
        assert!(matches!(error, Resume::NotAFile), "{error:?}");
        fs::remove_dir_all(folder).expect("it was there");
    }

    #[test]
    #[cfg(unix)]
    fn a_device_has_no_length_to_commit() {
        let mut output = FileOutput::create(Path::new("/dev/null")).expect("a device");
        output.write(b"one\n").expect("written");
        assert!(output.mark().expect("flushed").is_none());
    }
}
