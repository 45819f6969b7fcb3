//! SHA-256 of files: what an object is named and checked by.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use ring::digest::{Context, SHA256};

use super::error::CopyError;

/// The SHA-256 of some bytes, as `sha256sum` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sum([u8; 32]);

impl Sum {
    /// The sum of these bytes.
    pub fn of(bytes: &[u8]) -> Sum {
        let mut summing = Summing::new();
        summing.add(bytes);
        summing.finish()
    }

    /// Reads what is shown.
    pub fn parse(text: &str) -> Option<Sum> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Sum(bytes))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A sum that grows.
pub(super) struct Summing(Context);

impl Summing {
    pub(super) fn new() -> Summing {
        Summing(Context::new(&SHA256))
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Sum {
        let digest = self.0.finish();
        Sum(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// The sums of files that were read before.
///
/// A sorted file of the database never changes, and its number is never given again; a hard link to it has its time. So
/// it is read once in the life of a process, however many copies it is part of.
#[derive(Default)]
pub(super) struct KnownSums(HashMap<(String, u64, SystemTime), Sum>);

impl KnownSums {
    /// The size and sum of a file.
    pub(super) async fn of(&mut self, directory: &Path, name: &str) -> Result<(u64, Sum), CopyError> {
        let path = directory.join(name);
        let failed = |source| CopyError::file("read", &path, source);
        let about = fs::metadata(&path).map_err(failed)?;
        let known = (name.to_owned(), about.len(), about.modified().map_err(failed)?);
        if let Some(sum) = self.0.get(&known) {
            return Ok((about.len(), *sum));
        }
        let sum = sum_of(&path).await?;
        if name.ends_with(".sst") {
            self.0.insert(known, sum);
        }
        Ok((about.len(), sum))
    }

    /// Forgets files that are not there any more.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|(name, ..), _| is_there(name));
    }
}

/// How much is read at once, between two looks at whether to stop.
const PIECE_BYTES: usize = 1 << 20;

async fn sum_of(path: &Path) -> Result<Sum, CopyError> {
    let failed = |source| CopyError::file("read", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let mut summing = Summing::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok(summing.finish());
        }
        summing.add(&piece[..read]);
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_shown_as_others_show_it_and_read_again() {
        let sum = Sum::of(b"abc");
        let shown = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sum.to_string(), shown);
        assert_eq!(Sum::parse(shown), Some(sum));
        for text in ["", "ba78", &shown.to_uppercase(), &shown.replace('b', "g")] {
            assert_eq!(Sum::parse(text), None, "{text}");
        }
    }
}
