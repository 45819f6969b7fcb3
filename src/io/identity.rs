//! By what an input file is known again.
//!
//! A run that goes on reads a file from where it was. What it took before must still stand there, else records would be of
//! events that nobody can find. To read all of it again would cost as much as to begin anew, so what is compared is a
//! sum over the first bytes and over the last before that place: a file that was replaced, cut or edited at either end
//! is found, also on another machine; one that was changed in the middle is not.
//!
//! Of a compressed file how many bytes of it were read is not known, and what was compressed cannot grow by lines: it is
//! the same if all of it is.
//!
//! While a run reads a file, another one may take its name, as when a log is rotated. What is kept must be of the file that
//! is read, so it is looked at through a [`Watch`] over the open file, never by its name.

use std::fmt;
use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::path::Path;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::format::compression_of;

/// How many bytes at each end are looked at.
const LOOKED_AT: u64 = 64 << 10;

/// A sum over what was read of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity(Vec<u8>);

/// Why a file is not the one that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is a pipe or a device: what was read of it is gone.
    NotAFile,
    /// It has fewer bytes than were read: so many, of so many.
    Shorter(u64, u64),
    /// What was read is not what stands there now.
    Changed,
    /// The last line that was read had no end, and goes on now.
    LineGrew,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::NotAFile => f.write_str("it is no regular file, so it cannot be read on"),
            Mismatch::Shorter(found, read) => write!(f, "it has {found} bytes, and {read} were read of it"),
            Mismatch::Changed => f.write_str("what was read of it is not what stands there now"),
            Mismatch::LineGrew => f.write_str(
                "its last line was read without an end, and goes on now: whole lines must be added",
            ),
        }
    }
}

/// What can be seen of a file of which some bytes were read.
#[derive(Clone, Copy, Debug)]
struct Facts {
    is_regular: bool,
    bytes: u64,
    /// Whether the sum over what was read is the one that was kept.
    is_same: bool,
    /// Whether what was read ends with the end of a line.
    is_whole: bool,
}

/// Whether a file is still the one of which so many bytes were read.
fn compare(read: u64, now: Facts) -> Result<(), Mismatch> {
    match now {
        Facts { is_regular: false, .. } => Err(Mismatch::NotAFile),
        Facts { bytes, .. } if bytes < read => Err(Mismatch::Shorter(bytes, read)),
        Facts { is_same: false, .. } => Err(Mismatch::Changed),
        Facts { bytes, is_whole: false, .. } if bytes > read => Err(Mismatch::LineGrew),
        _ => Ok(()),
    }
}

/// A file that is read elsewhere, to be looked at where reading stands.
#[derive(Debug)]
pub struct Watch {
    file: File,
    is_compressed: bool,
}

impl Watch {
    /// A watch over an open file. Where systems can read at a place, reading is not disturbed by it; elsewhere a file has no
    /// second name to be opened by, so the name is as good.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn new(file: &File, path: &Path) -> io::Result<Watch> {
        let file = if cfg!(unix) { file.try_clone()? } else { File::open(path)? };
        let is_compressed = compression_of(path)?.is_some();
        Ok(Watch { file, is_compressed })
    }

    /// The identity of its first so many bytes.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is shorter by now.
    pub fn identity(&self, bytes: u64) -> io::Result<Identity> {
        let bytes = if self.is_compressed { self.file.metadata()?.len() } else { bytes };
        Ok(Pieces::of(&self.file, bytes)?.identity(bytes))
    }
}

/// What is looked at of a file.
struct Pieces {
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Pieces {
    fn of(file: &File, bytes: u64) -> io::Result<Pieces> {
        let count = bytes.min(LOOKED_AT);
        Ok(Pieces { first: read_at(file, 0, count)?, last: read_at(file, bytes - count, count)? })
    }

    fn identity(&self, bytes: u64) -> Identity {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(bytes);
        hasher.write(&self.first);
        hasher.write(&self.last);
        Identity(hasher.finish128().as_bytes().to_vec())
    }
}

#[cfg(unix)]
fn read_at(file: &File, from: u64, count: u64) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut piece = vec![0; count as usize];
    file.read_exact_at(&mut piece, from)?;
    Ok(piece)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, from: u64, count: u64) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut piece = vec![0; count as usize];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut piece)?;
    Ok(piece)
}

impl Identity {
    /// Of the first so many bytes of a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is shorter.
    pub fn of(path: &Path, bytes: u64) -> io::Result<Identity> {
        Ok(Pieces::of(&File::open(path)?, bytes)?.identity(bytes))
    }

    /// One that was kept.
    pub fn from_bytes(bytes: Vec<u8>) -> Identity {
        Identity(bytes)
    }

    /// To be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a file is still the one of which so many bytes were read.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn check(&self, path: &Path, bytes: u64) -> io::Result<Result<(), Mismatch>> {
        // A pipe is not even opened: that could wait for its writer.
        let mut now =
            Facts { is_regular: path.metadata()?.is_file(), bytes: 0, is_same: false, is_whole: false };
        if now.is_regular {
            let file = File::open(path)?;
            now.bytes = file.metadata()?.len();
            if compression_of(path)?.is_some() {
                let is_same = Pieces::of(&file, now.bytes)?.identity(now.bytes) == *self;
                return Ok(if is_same { Ok(()) } else { Err(Mismatch::Changed) });
            }
            if now.bytes >= bytes {
                let pieces = Pieces::of(&file, bytes)?;
                now.is_same = pieces.identity(bytes) == *self;
                now.is_whole = pieces.last.last().is_none_or(|last| matches!(last, b'\n' | b'\r'));
            }
        }
        Ok(compare(bytes, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_only_grow_and_by_whole_lines() {
        let same = Facts { is_regular: true, bytes: 60, is_same: true, is_whole: true };
        for (now, expected) in [
            (same, Ok(())),
            (Facts { bytes: 1000, ..same }, Ok(())),
            (Facts { is_whole: false, ..same }, Ok(())),
            (Facts { is_whole: false, bytes: 61, ..same }, Err(Mismatch::LineGrew)),
            (Facts { bytes: 59, ..same }, Err(Mismatch::Shorter(59, 60))),
            (Facts { is_same: false, ..same }, Err(Mismatch::Changed)),
            (Facts { is_same: false, is_whole: false, bytes: 61, ..same }, Err(Mismatch::Changed)),
            (Facts { is_regular: false, ..same }, Err(Mismatch::NotAFile)),
        ] {
            assert_eq!(compare(60, now), expected, "{now:?}");
        }
    }

    #[test]
    fn a_watch_stays_with_the_file_when_another_takes_its_name() {
        let path = std::env::temp_dir().join(format!("ensue-watch-{}", std::process::id()));
        std::fs::write(&path, "one\n").expect("a file");
        let mut file = File::open(&path).expect("a file");
        let watch = Watch::new(&file, &path).expect("a watch");
        let rotated = path.with_extension("1");
        std::fs::rename(&path, &rotated).expect("it is there");
        std::fs::write(&path, "another\n").expect("a file");
        let identity = watch.identity(4).expect("readable");
        assert_eq!(identity.check(&rotated, 4).expect("readable"), Ok(()));
        assert_eq!(identity.check(&path, 4).expect("readable"), Err(Mismatch::Changed));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).expect("readable");
        assert_eq!(text, "one\n", "reading is where it was");
        [path, rotated].iter().for_each(|path| std::fs::remove_file(path).expect("it is there"));
    }

    #[test]
    fn a_file_that_grows_is_known_again_and_one_that_was_changed_is_not() {
        let path = std::env::temp_dir().join(format!("ensue-identity-{}", std::process::id()));
        let text: Vec<u8> = (0..40_000).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        std::fs::write(&path, &text).expect("a file");
        for bytes in [0, 1, 7, 1000, LOOKED_AT, LOOKED_AT + 1, 400_000, text.len() as u64] {
            let identity = Identity::of(&path, bytes).expect("readable");
            let is_whole = bytes == 0 || text[bytes as usize - 1] == b'\n';
            let grown = if is_whole || text.len() as u64 == bytes { Ok(()) } else { Err(Mismatch::LineGrew) };
            assert_eq!(identity.check(&path, bytes).expect("readable"), grown);
            let mut longer = text.clone();
            longer.extend_from_slice(b"more");
            std::fs::write(&path, &longer).expect("a file");
            assert_eq!(identity.check(&path, bytes).expect("readable"), grown, "it may grow by whole lines");
            if bytes > 0 {
                for at in [0, bytes as usize - 1] {
                    let mut edited = text.clone();
                    edited[at] ^= 1;
                    std::fs::write(&path, &edited).expect("a file");
                    assert_eq!(identity.check(&path, bytes).expect("readable"), Err(Mismatch::Changed));
                }
                std::fs::write(&path, &text[..bytes as usize - 1]).expect("a file");
                let shorter = Mismatch::Shorter(bytes - 1, bytes);
                assert_eq!(identity.check(&path, bytes).expect("readable"), Err(shorter));
            }
            std::fs::write(&path, &text).expect("a file");
        }
        std::fs::remove_file(&path).expect("the file");
    }
}
