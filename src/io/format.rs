//! What a file is: JSON lines or columns, compressed or not, as its first bytes say.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::csv::{has_column_of, is_unreadable};
use crate::lang::hir::Stream;

/// How events are written in an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputFormat {
    /// A JSON object on every line.
    Json,
    /// Columns that the first line names.
    Csv,
}

/// What an input is, where nobody has said it. Content counts before the name: a file that begins with `{` has JSON lines.
/// Of one whose name says nothing it is looked whether its first line names a column of the stream; broken JSON is told as
/// what it is.
pub(super) fn format_of(head: &[u8], name: &str, stream: &Stream) -> InputFormat {
    let name = name.to_lowercase();
    let name = [".gz", ".zst", ".zstd"].iter().fold(name.as_str(), |name, end| name.trim_end_matches(end));
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    let says = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match first {
        Some(b'{') => InputFormat::Json,
        // Who looks for its columns says what it is.
        Some(_) if is_unreadable(head) => InputFormat::Csv,
        _ if says(&[".csv", ".tsv", ".psv"]) => InputFormat::Csv,
        _ if says(&[".json", ".jsonl", ".ndjson"]) => InputFormat::Json,
        Some(b'[') | None => InputFormat::Json,
        Some(_) if has_column_of(head, stream) => InputFormat::Csv,
        Some(_) => InputFormat::Json,
    }
}

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

/// How a file is compressed that begins so.
fn compression(start: &[u8]) -> Option<Compression> {
    match start {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// How a file is compressed, without reading on.
pub(super) fn compression_of(path: &Path) -> io::Result<Option<Compression>> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(compression(&start))
}

/// What a reader has, decompressed where it is compressed. Reads its first bytes.
pub(super) fn decompressed(mut reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut start = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut start)?;
    let compression = compression(&start);
    let whole = Cursor::new(start).chain(reader);
    match compression {
        None => Ok(Box::new(whole)),
        Some(compression) => decoder(compression, Box::new(BufReader::with_capacity(1 << 16, whole))),
    }
}

#[cfg(feature = "compression")]
fn decoder(
    compression: Compression,
    reader: Box<dyn io::BufRead + Send>,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        // A file may have several parts, one behind another.
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(Frames::new(reader)?),
    })
}

#[cfg(not(feature = "compression"))]
fn decoder(compression: Compression, _: Box<dyn io::BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
    let message =
        format!("it is compressed ({compression:?}), and this is built without the feature `compression`");
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// The frames of a zstd file, one behind another, as `pzstd` and `cat` leave them.
#[cfg(feature = "compression")]
struct Frames {
    reader: Box<dyn io::BufRead + Send>,
    decoder: Box<ruzstd::decoding::FrameDecoder>,
    is_open: bool,
}

#[cfg(feature = "compression")]
impl Frames {
    /// What is decoded at once, at least.
    const PIECE_BYTES: usize = 1 << 17;

    fn new(reader: Box<dyn io::BufRead + Send>) -> io::Result<Frames> {
        Ok(Frames { reader, decoder: Box::new(ruzstd::decoding::FrameDecoder::new()), is_open: false })
    }

    /// Opens the next frame that is not to be skipped; `false` at the end.
    fn open_next(&mut self) -> io::Result<bool> {
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
        loop {
            if self.reader.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.reader) {
                Ok(()) => {
                    self.is_open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.reader.by_ref().take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }
}

#[cfg(feature = "compression")]
impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy;
        loop {
            if !self.is_open && !self.open_next()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let piece = BlockDecodingStrategy::UptoBytes(Frames::PIECE_BYTES.max(into.len()));
                self.decoder
                    .decode_blocks(&mut self.reader, piece)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
            let count = self.decoder.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            let (kept, found) =
                (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
            if kept.is_some() && found.is_some() && kept != found {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "what was compressed has been damaged",
                ));
            }
            self.is_open = false;
        }
    }
}
