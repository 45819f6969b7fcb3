//! How much of a file was read, for whoever says how far a run is.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of a file was read. It may be read on another thread; to count costs an addition for each buffer that is filled.
#[derive(Clone, Debug)]
pub struct Meter {
    read: Arc<AtomicU64>,
    bytes: u64,
}

impl Meter {
    /// Over a file of so many bytes.
    pub(super) fn new(bytes: u64) -> Meter {
        Meter { read: Arc::default(), bytes }
    }

    /// How many bytes the file had when it was opened, compressed where it is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of them were read.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed).min(self.bytes)
    }

    /// Reading goes on behind so many bytes.
    pub(super) fn go_to(&self, bytes: u64) {
        self.read.store(bytes, Ordering::Relaxed);
    }
}

/// A reader whose bytes are counted.
pub(super) struct Metered<R> {
    reader: R,
    meter: Meter,
}

impl<R> Metered<R> {
    pub(super) fn new(reader: R, meter: Meter) -> Metered<R> {
        Metered { reader, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.meter.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_counted_and_never_more_than_there_was() {
        let meter = Meter::new(10);
        let mut reader = Metered::new(&b"0123456789ab"[..], meter.clone());
        let mut piece = [0; 4];
        reader.read_exact(&mut piece).expect("four bytes");
        assert_eq!((meter.read(), meter.bytes()), (4, 10));
        meter.go_to(2);
        assert_eq!(meter.read(), 2);
        io::copy(&mut reader, &mut io::sink()).expect("readable");
        assert_eq!(meter.read(), 10);
    }
}
