//! Decompresses on a thread of its own, a few pieces ahead of whoever reads.
//!
//! What a compressed file costs is mostly its decompression, which then runs beside the decoding of its lines.

use std::io::{self, Read};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::limits;

/// What comes out of a reader that works on another thread. That ends when this is dropped.
pub(super) struct Unpacker {
    /// None any more after the end.
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// Pieces that were read come back to be filled again.
    spare: Sender<Vec<u8>>,
    piece: Vec<u8>,
    /// How much of it was read.
    read: usize,
}

impl Unpacker {
    /// How many pieces are filled, or wait, at once.
    const PIECES: usize = 3;

    /// Reads on, from now on, on a thread of its own.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub(super) fn start(mut reader: Box<dyn Read + Send>) -> io::Result<Unpacker> {
        let (full, pieces) = bounded(Unpacker::PIECES);
        let (spare, empty) = bounded(Unpacker::PIECES);
        for _ in 1..Unpacker::PIECES {
            spare.send(Vec::new()).expect("the other end is here");
        }
        let unpack = move || {
            for mut piece in empty {
                piece.resize(limits::FILE_BUFFER_BYTES, 0);
                let (count, ended) = fill(&mut reader, &mut piece);
                piece.truncate(count);
                if count > 0 && full.send(Ok(piece)).is_err() {
                    return;
                }
                if let Some(end) = ended {
                    // Whoever does not listen any more has no need of it.
                    end.err().and_then(|error| full.send(Err(error)).ok());
                    return;
                }
            }
        };
        thread::Builder::new().name("unpacker".to_owned()).spawn(unpack)?;
        Ok(Unpacker { pieces, spare, piece: Vec::new(), read: 0 })
    }
}

/// Reads until a piece is full or nothing more comes; how much came, and how it ended if it did.
fn fill(reader: &mut impl Read, piece: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut count = 0;
    while count < piece.len() {
        match reader.read(&mut piece[count..]) {
            Ok(0) => return (count, Some(Ok(()))),
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (count, Some(Err(error))),
        }
    }
    (count, None)
}

impl Read for Unpacker {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() {
            // After the end nobody waits for it.
            self.spare.send(std::mem::take(&mut self.piece)).ok();
            self.read = 0;
            match self.pieces.recv() {
                Ok(piece) => self.piece = piece?,
                Err(_) => return Ok(0),
            }
        }
        let count = (&self.piece[self.read..]).read(into)?;
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, and then an error.
    struct Broken(Vec<u8>);

    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = into.len().min(self.0.len()).min(1000);
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            if count == 0 { Err(io::Error::other("it is torn")) } else { Ok(count) }
        }
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 7919 % 251) as u8).collect()
    }

    #[test]
    fn everything_comes_in_order() {
        for count in [0, 1, limits::FILE_BUFFER_BYTES, 5 * limits::FILE_BUFFER_BYTES + 1] {
            let mut unpacker = Unpacker::start(Box::new(io::Cursor::new(bytes(count)))).expect("a thread");
            let mut all = Vec::new();
            unpacker.read_to_end(&mut all).expect("readable");
            assert!(all == bytes(count), "{count} bytes");
            assert_eq!(unpacker.read(&mut [0; 8]).expect("the end stays the end"), 0);
        }
    }

    #[test]
    fn what_came_before_an_error_comes_before_it() {
        let mut unpacker = Unpacker::start(Box::new(Broken(bytes(700_000)))).expect("a thread");
        let mut all = Vec::new();
        let error = unpacker.read_to_end(&mut all).expect_err("it is torn");
        assert_eq!(error.to_string(), "it is torn");
        assert!(all == bytes(700_000));
    }

    #[test]
    fn it_may_be_dropped_at_any_time() {
        let mut unpacker = Unpacker::start(Box::new(io::repeat(1))).expect("a thread");
        assert_eq!(unpacker.read(&mut [0; 8]).expect("readable"), 8);
    }
}
