//! Lines of any reader, with a bound on what is held.
//!
//! A line is given out where it stands in the one buffer that is read into again and again: nothing is copied or
//! allocated for it, except that the start of a line at the end of the buffer moves to its front before more is read.

use std::io::{self, Read};
use std::ops::Range;

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
    reader: R,
    /// Grows only for a line that does not fit, to little more than the longest line.
    buffer: Vec<u8>,
    /// What is read and not given out yet. Nothing before `searched` is the end of a line.
    unread: Range<usize>,
    searched: usize,
    /// The number of the line given out last, from 1; blank and overlong lines count.
    number: u64,
    /// The longest line that is given whole.
    bytes_max: usize,
    /// Bytes read so far, from the start of the input.
    read: u64,
}

/// How far an input was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Bytes up to and with the last line that was given out, and its end.
    pub bytes: u64,
    /// The number of that line.
    pub lines: u64,
}

/// Where a line stands in the buffer; of an overlong one its start, and its whole length.
enum Place {
    Text(Range<usize>),
    Overlong(Range<usize>, u64),
}

impl<R: Read> Lines<R> {
    /// The lines of a reader, at most [`limits::LINE_BYTES_MAX`] long.
    pub fn new(reader: R) -> Lines<R> {
        Lines::with_max(reader, limits::LINE_BYTES_MAX, limits::FILE_BUFFER_BYTES)
    }

    fn with_max(reader: R, bytes_max: usize, buffer_bytes: usize) -> Lines<R> {
        let buffer = vec![0; buffer_bytes];
        Lines { reader, buffer, unread: 0..0, searched: 0, number: 0, bytes_max, read: 0 }
    }

    /// The lines of a reader that stands at a position of its input.
    pub fn resume(reader: R, at: Position) -> Lines<R> {
        Lines { number: at.lines, read: at.bytes, ..Lines::new(reader) }
    }

    /// Where the last line that was given out ends.
    pub fn position(&self) -> Position {
        Position { bytes: self.read - self.unread.len() as u64, lines: self.number }
    }

    /// Whether a further line could make the caller wait for more input: no whole line is left in the buffer.
    pub fn would_read(&self) -> bool {
        memchr::memchr(b'\n', &self.buffer[self.searched..self.unread.end]).is_none()
    }

    /// The number of the next line that is not blank, and the line; `None` at the end.
    ///
    /// # Errors
    ///
    /// What the reader says.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        if self.number == 0 {
            self.skip_byte_order_mark()?;
        }
        loop {
            let Some(place) = self.next_place()? else { return Ok(None) };
            self.number += 1;
            match place {
                Place::Text(range) if is_blank(&self.buffer[range.clone()]) => {}
                Place::Text(range) => return Ok(Some((self.number, Line::Text(&self.buffer[range])))),
                Place::Overlong(range, bytes) => {
                    return Ok(Some((self.number, Line::Overlong { bytes, start: &self.buffer[range] })));
                }
            }
        }
    }

    fn next_place(&mut self) -> io::Result<Option<Place>> {
        loop {
            let Range { start, end } = self.unread;
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[self.searched..end]) {
                let newline = self.searched + length;
                self.pass(newline + 1);
                let is_windows = newline > start && self.buffer[newline - 1] == b'\r';
                return Ok(Some(self.place(start..newline - usize::from(is_windows))));
            }
            self.searched = end;
            // One byte more than the longest line could still be its `\r`.
            if end - start > self.bytes_max + 1 {
                return self.skip_overlong().map(Some);
            }
            if self.read_more()? == 0 {
                // The line may have moved.
                let rest = self.unread.clone();
                self.pass(rest.end);
                return Ok((!rest.is_empty()).then(|| self.place(rest)));
            }
        }
    }

    /// A line that stands whole in the buffer.
    fn place(&self, range: Range<usize>) -> Place {
        if range.len() <= self.bytes_max {
            return Place::Text(range);
        }
        let kept = self.kept_of(range.len());
        Place::Overlong(range.start..range.start + kept, range.len() as u64)
    }

    /// How much is kept of an overlong line of which so much is there: never more where more happens to be there.
    fn kept_of(&self, length: usize) -> usize {
        length.min(self.bytes_max + 2).min(limits::OVERLONG_KEPT_BYTES)
    }

    /// Passes over the rest of an overlong line. Its start stays at the front of the buffer.
    fn skip_overlong(&mut self) -> io::Result<Place> {
        let Range { start, end } = self.unread;
        let kept = self.kept_of(end - start);
        self.buffer.copy_within(start..start + kept, 0);
        let mut bytes = (end - start) as u64;
        let mut last = self.buffer[end - 1];
        if self.buffer.len() == kept {
            self.buffer.resize(2 * kept, 0);
        }
        loop {
            let count = read(&mut self.reader, &mut self.buffer[kept..])?;
            self.read += count as u64;
            let piece = &self.buffer[kept..kept + count];
            let newline = memchr::memchr(b'\n', piece);
            let text = &piece[..newline.unwrap_or(count)];
            bytes += text.len() as u64;
            last = text.last().copied().unwrap_or(last);
            if newline.is_some() || count == 0 {
                let next = kept + newline.map_or(0, |at| at + 1);
                self.unread = next..kept + count;
                self.searched = next;
                let is_windows = newline.is_some() && last == b'\r';
                return Ok(Place::Overlong(0..kept, bytes - u64::from(is_windows)));
            }
        }
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        while self.unread.len() < MARK.len() && MARK.starts_with(&self.buffer[self.unread.clone()]) {
            if self.read_more()? == 0 {
                return Ok(());
            }
        }
        if self.buffer[self.unread.clone()].starts_with(MARK) {
            self.pass(self.unread.start + MARK.len());
        }
        Ok(())
    }

    /// Everything before `start` is given out.
    fn pass(&mut self, start: usize) {
        self.unread.start = start;
        self.searched = start;
    }

    /// Reads what there is behind what is unread, and makes room for it first; how many bytes came, 0 at the end.
    fn read_more(&mut self) -> io::Result<usize> {
        if self.unread.end == self.buffer.len() || self.unread.is_empty() {
            let shift = self.unread.start;
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            self.searched -= shift;
        }
        if self.unread.end == self.buffer.len() {
            // The line is not overlong yet, so the buffer is smaller than the longest line and its end.
            let bytes = (2 * self.buffer.len()).min(self.bytes_max + 2);
            assert!(bytes > self.buffer.len(), "a line that fills so large a buffer is overlong");
            self.buffer.resize(bytes, 0);
        }
        let count = read(&mut self.reader, &mut self.buffer[self.unread.end..])?;
        self.unread.end += count;
        self.read += count as u64;
        Ok(count)
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Reads once; a signal that interrupts it is no error.
fn read(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
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

    /// The lines, which must not depend on the size of the buffer.
    fn read(text: &[u8], max: usize, piece: usize) -> Vec<(u64, String)> {
        let all = read_with(text, max, piece, 64);
        for buffer in [1, 2, 3, 5, 8] {
            assert_eq!(read_with(text, max, piece, buffer), all, "a buffer of {buffer} bytes");
        }
        all
    }

    fn read_with(text: &[u8], max: usize, piece: usize, buffer: usize) -> Vec<(u64, String)> {
        all_of(&mut Lines::with_max(Pieces(text, piece), max, buffer))
    }

    fn all_of(lines: &mut Lines<Pieces<'_>>) -> Vec<(u64, String)> {
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
    fn reading_goes_on_behind_any_line() {
        let text = b"\xef\xbb\xbfabcd\n\n  \nabcdefgh\r\nab\r\nabcdefghi\nc";
        for (piece, buffer) in [(1, 1), (2, 64), (3, 5), (100, 2), (100, 64)] {
            let all = read(text, 4, piece);
            let mut lines = Lines::with_max(Pieces(text, piece), 4, buffer);
            for given in 0..=all.len() {
                let at = lines.position();
                let rest = Pieces(&text[at.bytes as usize..], piece);
                let mut rest = Lines { bytes_max: 4, ..Lines::resume(rest, at) };
                assert_eq!(all_of(&mut rest), all[given..], "behind line {}", at.lines);
                assert_eq!(rest.position(), Position { bytes: text.len() as u64, lines: 7 });
                lines.next_line().expect("no errors here");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        for piece in [1, 2, 3, 100] {
            let lines = read(b"\xef\xbb\xbfabcd\r\n\xef\xbb\xbf\n", 4, piece);
            assert_eq!(lines, [(1, "abcd".to_owned()), (2, "\u{feff}".to_owned())]);
            assert_eq!(read(b"\xef\xbb", 4, piece).len(), 1, "not a whole mark");
            assert_eq!(read(b"\xef\xbb\xbf", 4, piece), []);
        }
    }

    #[test]
    fn it_knows_whether_a_whole_line_is_left() {
        let mut lines = Lines::with_max(Pieces(b"a\nb\nc", 5), 4, 64);
        assert!(lines.would_read());
        lines.next_line().expect("no errors here");
        assert!(!lines.would_read());
        lines.next_line().expect("no errors here");
        assert!(lines.would_read(), "`c` may go on");
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
