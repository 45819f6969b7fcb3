//! By what an input file is known again.
//!
//! A run that goes on reads a file from where it was. What it took before must still stand there, else records would be of
//! events that nobody can find. To read all of it again would cost as much as to begin anew, so what is compared is a
//! sum over the first bytes and over the last before that place: a file that was replaced, cut or edited at either end
//! is found, also on another machine; one that was changed in the middle is not.

use std::fmt;
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use siphasher::sip128::{Hasher128, SipHasher13};

/// How many bytes at each end are looked at.
const LOOKED_AT: u64 = 64 << 10;

/// A sum over what was read of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity(Vec<u8>);

/// Why a file is not the one that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mismatch {
    /// It has fewer bytes than were read: so many, of so many.
    Shorter(u64, u64),
    /// What was read is not what stands there now.
    Changed,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Shorter(found, read) => write!(f, "it has {found} bytes, and {read} were read of it"),
            Mismatch::Changed => f.write_str("what was read of it is not what stands there now"),
        }
    }
}

impl Identity {
    /// Of the first so many bytes of a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is shorter.
    pub fn of(path: &Path, bytes: u64) -> io::Result<Identity> {
        let mut file = File::open(path)?;
        let mut hasher = SipHasher13::new();
        hasher.write_u64(bytes);
        let mut look = |from: u64, count: u64| -> io::Result<()> {
            let mut piece = vec![0; count as usize];
            file.seek(SeekFrom::Start(from))?;
            file.read_exact(&mut piece)?;
            hasher.write(&piece);
            Ok(())
        };
        let count = bytes.min(LOOKED_AT);
        look(0, count)?;
        look(bytes - count, count)?;
        Ok(Identity(hasher.finish128().as_bytes().to_vec()))
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
        let found = std::fs::metadata(path)?.len();
        if found < bytes {
            return Ok(Err(Mismatch::Shorter(found, bytes)));
        }
        Ok(if Identity::of(path, bytes)? == *self { Ok(()) } else { Err(Mismatch::Changed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grows_is_known_again_and_one_that_was_changed_is_not() {
        let path = std::env::temp_dir().join(format!("ensue-identity-{}", std::process::id()));
        let text: Vec<u8> = (0..200_000_u32).flat_map(|number| number.to_le_bytes()).collect();
        std::fs::write(&path, &text).expect("a file");
        for bytes in [0, 1, 1000, LOOKED_AT, LOOKED_AT + 1, 500_000, text.len() as u64] {
            let identity = Identity::of(&path, bytes).expect("readable");
            assert_eq!(identity.check(&path, bytes).expect("readable"), Ok(()));
            let mut longer = text.clone();
            longer.extend_from_slice(b"more");
            std::fs::write(&path, &longer).expect("a file");
            assert_eq!(identity.check(&path, bytes).expect("readable"), Ok(()), "it may grow");
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
