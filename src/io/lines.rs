//! Lines of any reader, with a bound on what is held.

use std::io::{self, BufRead, BufReader, Read};

use crate::limits;

/// A line without its end.
#[derive(PartialEq, Eq, Debug)]
pub enum Line<'a> {
    /// A line that is not blank.
    Text(&'a [u8]),
    /// A line longer than the limit. It was skipped to its end and never held whole.
    Overlong {
        /// Its length without the end of the line.
        bytes: u64,
        /// How it starts.
        start: &'a [u8],
    },
}

/// Reads lines that end with `\n` or `\r\n`; the last one may lack an end.
///
/// Blank lines are passed over, but counted. A byte order mark at the very start is dropped.
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
    /// The line given out last.
    line: Vec<u8>,
    /// Its number, from 1; blank and overlong lines count.
    number: u64,
    /// The longest line that is given whole.
    bytes_max: usize,
}

impl<R: Read> Lines<R> {
    /// The lines of a reader, at most [`limits::LINE_BYTES_MAX`] long.
    pub fn new(reader: R) -> Lines<R> {
        Lines::with_max(reader, limits::LINE_BYTES_MAX)
    }

    fn with_max(reader: R, bytes_max: usize) -> Lines<R> {
        let reader = BufReader::with_capacity(limits::FILE_BUFFER_BYTES, reader);
        Lines { reader, line: Vec::new(), number: 0, bytes_max }
    }

    /// Whether a further line could make the caller wait for more input: nothing is left in the buffer.
    pub fn would_read(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    /// The number of the next line that is not blank, and the line; `None` at the end.
    ///
    /// # Errors
    ///
    /// What the reader says.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            self.line.clear();
            // More than the longest line: its end, and before the first the byte order mark.
            let most = self.bytes_max as u64 + if self.number == 0 { 5 } else { 2 };
            if self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            let ended = self.trim_end();
            if self.line.len() > self.bytes_max {
                let bytes = self.line.len() as u64 + if ended { 0 } else { self.skip_rest()? };
                let kept = self.line.len().min(limits::OVERLONG_KEPT_BYTES);
                return Ok(Some((self.number, Line::Overlong { bytes, start: &self.line[..kept] })));
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((self.number, Line::Text(&self.line))));
            }
        }
    }

    /// Drops the end of the line; says whether it was there.
    fn trim_end(&mut self) -> bool {
        let ended = self.line.last() == Some(&b'\n');
        if ended {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        }
        ended
    }

    /// Passes over the rest of a line; how many bytes it had without its end.
    fn skip_rest(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        let mut last = self.line.last().copied();
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(skipped);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(buffer.len());
            last = buffer[..taken].last().copied().or(last);
            skipped += taken as u64;
            self.reader.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(skipped.saturating_sub(u64::from(last == Some(b'\r'))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces, so that lines cross reads.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(text: &[u8], max: usize, piece: usize) -> Vec<(u64, String)> {
        let mut lines = Lines::with_max(Pieces(text, piece), max);
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next_line().expect("no errors here") {
            let text = match line {
                Line::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Line::Overlong { bytes, start } => format!("{bytes}:{}", String::from_utf8_lossy(start)),
            };
            all.push((number, text));
        }
        all
    }

    #[test]
    fn numbers_count_every_line_and_blank_ones_are_passed_over() {
        for piece in [1, 2, 3, 100] {
            let lines = read(b"\xef\xbb\xbfa\r\n\n  \r\nb\nc", 10, piece);
            assert_eq!(lines, [(1, "a".to_owned()), (4, "b".to_owned()), (5, "c".to_owned())]);
        }
    }

    #[test]
    fn an_overlong_line_is_skipped_to_its_end() {
        for piece in [1, 2, 3, 100] {
            let lines = read(b"abcd\nabcde\nabcdefgh\r\nabcd\r\nabcdef", 4, piece);
            let expected = ["abcd", "5:abcde", "8:abcdef", "abcd", "6:abcdef"];
            assert_eq!(lines.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(lines[4].0, 5);
        }
    }

    #[test]
    fn a_byte_order_mark_does_not_count() {
        for piece in [1, 3, 100] {
            let lines = read(b"\xef\xbb\xbfabcd\r\nabcd", 4, piece);
            assert_eq!(lines, [(1, "abcd".to_owned()), (2, "abcd".to_owned())]);
            let overlong = read(b"\xef\xbb\xbfabcdefgh\nabcd", 4, piece);
            assert_eq!(overlong, [(1, "8:abcdef".to_owned()), (2, "abcd".to_owned())]);
        }
    }

    #[test]
    fn nothing_is_no_line() {
        assert_eq!(read(b"", 4, 1), []);
        assert_eq!(read(b"\n\n", 4, 1), []);
    }
}
