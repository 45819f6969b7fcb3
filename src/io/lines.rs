//! Lines of any reader, with a bound on what is held.
//!
//! A line is given out where it stands in the one buffer that is read into again and again: nothing is copied or
//! allocated for it, except that the start of a line at the end of the buffer moves to its front before more is read.
//!
//! Under a [`Dialect`] of CSV a *record* may go over several lines, where their ends stand inside quotes. It is given out as
//! one, and counts as many lines as it has. A quote that is not closed would swallow the rest of a file, so where no end is
//! found within the longest line, or at all, only the line that it stands in is given out, as [`Line::Unclosed`].

use std::io::{self, Read};
use std::ops::Range;

use super::words::{bytes_that_are, first, for_each_word};
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
    /// A line with a quote that no other closes.
    Unclosed(&'a [u8]),
}

/// How lines end, and whether they may end inside quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dialect {
    /// `\n`, which may have an `\r` before it, or `\r` alone.
    pub(super) end: u8,
    /// What stands between fields, where a field may stand in quotes.
    pub(super) separator: Option<u8>,
}

impl Dialect {
    /// That of JSON lines.
    pub(super) const PLAIN: Dialect = Dialect { end: b'\n', separator: None };
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
    dialect: Dialect,
    /// Of the record under way, where it is open at the end of its first line.
    open: Option<Open>,
    /// Up to this byte of the input no quote stands in what is not given out yet.
    bare_to: u64,
}

/// A record that is not at its end where a line is. Places are counted from where it starts.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Behind the end of its first line.
    second_line: usize,
    /// Inside a quote, behind the end of the line looked at last.
    looked_at: usize,
    /// How many of its lines have ended.
    lines: u64,
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
    Unclosed(Range<usize>),
}

impl<R: Read> Lines<R> {
    /// The lines of a reader, at most [`limits::LINE_BYTES_MAX`] long.
    pub fn new(reader: R) -> Lines<R> {
        Lines::with_max(reader, limits::LINE_BYTES_MAX, limits::FILE_BUFFER_BYTES)
    }

    fn with_max(reader: R, bytes_max: usize, buffer_bytes: usize) -> Lines<R> {
        let buffer = vec![0; buffer_bytes];
        let dialect = Dialect::PLAIN;
        Lines {
            reader,
            buffer,
            unread: 0..0,
            searched: 0,
            number: 0,
            bytes_max,
            read: 0,
            dialect,
            open: None,
            bare_to: 0,
        }
    }

    /// From the next line on they are read in this way.
    pub(super) fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// How an input begins, before any line of it was given out: its first line with its end and more, unless that is
    /// longer than a buffer; or all of it.
    ///
    /// # Errors
    ///
    /// What the reader says.
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        self.skip_byte_order_mark()?;
        let has_line = |head: &[u8]| {
            let text = head.iter().position(|byte| !byte.is_ascii_whitespace());
            // Behind an `\r` there must be something that tells whether it ends a line alone.
            text.is_some_and(|text| {
                memchr::memchr2(b'\n', b'\r', &head[text..]).is_some_and(|end| text + end + 1 < head.len())
            })
        };
        while self.unread.len() < self.buffer.len() && !has_line(&self.buffer[self.unread.clone()]) {
            if self.read_more()? == 0 {
                break;
            }
        }
        Ok(&self.buffer[self.unread.clone()])
    }

    /// Goes on with a reader that stands at a position of the same input.
    pub(super) fn go_to(&mut self, reader: R, at: Position) {
        let dialect = self.dialect;
        *self = Lines { number: at.lines, read: at.bytes, dialect, ..Lines::new(reader) };
    }

    /// Passes over everything before a line, so that it is the next one.
    pub(super) fn skip_to(&mut self, line: u64) -> io::Result<()> {
        while self.number + 1 < line && self.next_place()?.is_some() {
            self.number += 1;
        }
        Ok(())
    }

    /// Puts something between the reader and the lines. What was read already comes before it.
    pub(super) fn map_reader(&mut self, none: R, map: impl FnOnce(R) -> io::Result<R>) -> io::Result<()> {
        self.reader = map(std::mem::replace(&mut self.reader, none))?;
        Ok(())
    }

    /// Where the last line that was given out ends.
    pub fn position(&self) -> Position {
        Position { bytes: self.read - self.unread.len() as u64, lines: self.number }
    }

    /// Whether a further line could make the caller wait for more input: no whole line is left in the buffer.
    pub fn would_read(&self) -> bool {
        let rest = &self.buffer[self.unread.clone()];
        let mut searched = self.searched - self.unread.start;
        let (mut from, mut is_open) = self.open.map_or((0, false), |open| (open.looked_at, true));
        while let Some(length) = memchr::memchr(self.dialect.end, &rest[searched..]) {
            let end = searched + length;
            is_open =
                self.dialect.separator.is_some_and(|mark| is_open_at_end(&rest[from..end], is_open, mark));
            if !is_open {
                return false;
            }
            (searched, from) = (end + 1, end + 1);
        }
        true
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
            let first = self.number + 1;
            let Some(place) = self.next_place()? else { return Ok(None) };
            self.number += 1;
            let line = match place {
                Place::Text(range) if self.is_blank(range.clone()) => continue,
                Place::Text(range) => Line::Text(&self.buffer[range]),
                Place::Overlong(range, bytes) => Line::Overlong { bytes, start: &self.buffer[range] },
                Place::Unclosed(range) => Line::Unclosed(&self.buffer[range]),
            };
            return Ok(Some((first, line)));
        }
    }

    /// Whether nothing stands in a line. A tab may be what stands between the fields of a record.
    fn is_blank(&self, range: Range<usize>) -> bool {
        let is_space = |byte: &u8| byte.is_ascii_whitespace() && self.dialect.separator != Some(*byte);
        self.buffer[range].iter().all(is_space)
    }

    fn next_place(&mut self) -> io::Result<Option<Place>> {
        loop {
            let Range { start, end } = self.unread;
            if let Some(length) = memchr::memchr(self.dialect.end, &self.buffer[self.searched..end]) {
                let newline = self.searched + length;
                if self.goes_on_behind(newline) {
                    continue;
                }
                if let Some(open) = self.open.filter(|_| newline - start > self.bytes_max + 1) {
                    return Ok(Some(self.first_line(open)));
                }
                self.number += self.open.map_or(0, |open| open.lines);
                self.pass(newline + 1);
                return Ok(Some(self.place(start..self.without_end(start, newline))));
            }
            self.searched = end;
            // One byte more than the longest line could still be its `\r`.
            if end - start > self.bytes_max + 1 {
                return match self.open {
                    Some(open) => Ok(Some(self.first_line(open))),
                    None => self.skip_overlong().map(Some),
                };
            }
            if self.read_more()? == 0 {
                return Ok(self.last_place());
            }
        }
    }

    /// What stands at the end of an input, without an end of its own.
    fn last_place(&mut self) -> Option<Place> {
        let rest = self.unread.clone();
        let (from, is_inside) = self.open.map_or((0, false), |open| (open.looked_at, true));
        let is_open = |mark| is_open_at_end(&self.buffer[rest.start + from..rest.end], is_inside, mark);
        let is_open = !rest.is_empty() && self.dialect.separator.is_some_and(is_open);
        match self.open {
            Some(open) if is_open => Some(self.first_line(open)),
            open => {
                self.number += open.map_or(0, |open| open.lines);
                self.pass(rest.end);
                let place = if is_open { Place::Unclosed(rest.clone()) } else { self.place(rest.clone()) };
                (!rest.is_empty()).then_some(place)
            }
        }
    }

    /// Whether the line that ends here ends inside quotes; its record then goes on.
    #[inline]
    fn goes_on_behind(&mut self, newline: usize) -> bool {
        let Some(mark) = self.dialect.separator else { return false };
        if self.open.is_none() && self.is_bare_to(newline) {
            return false;
        }
        let start = self.unread.start;
        let from = self.open.map_or(0, |open| open.looked_at);
        if !is_open_at_end(&self.buffer[start + from..newline], self.open.is_some(), mark) {
            return false;
        }
        let behind = newline + 1 - start;
        let (second_line, lines) = self.open.map_or((behind, 0), |open| (open.second_line, open.lines));
        self.open = Some(Open { second_line, looked_at: behind, lines: lines + 1 });
        self.searched = newline + 1;
        true
    }

    /// Whether no quote stands before this place of the buffer. What was looked at once is not looked at again: a file
    /// without quotes is searched a buffer at a time.
    #[inline]
    fn is_bare_to(&mut self, end: usize) -> bool {
        let buffer_start = self.read - self.unread.end as u64;
        let end = buffer_start + end as u64;
        if self.bare_to < end {
            let from = self.bare_to.saturating_sub(buffer_start) as usize;
            let from = from.max(self.unread.start);
            let quote = memchr::memchr(b'"', &self.buffer[from..self.unread.end]);
            self.bare_to = buffer_start + quote.map_or(self.unread.end, |length| from + length) as u64;
        }
        self.bare_to >= end
    }

    /// Gives out only the first line of a record that does not end.
    fn first_line(&mut self, open: Open) -> Place {
        let start = self.unread.start;
        let newline = start + open.second_line - 1;
        let range = start..self.without_end(start, newline);
        self.pass(newline + 1);
        match self.place(range) {
            Place::Text(range) => Place::Unclosed(range),
            place => place,
        }
    }

    /// Where the text of a line ends that has its end here.
    fn without_end(&self, start: usize, newline: usize) -> usize {
        let is_windows = self.dialect.end == b'\n' && newline > start && self.buffer[newline - 1] == b'\r';
        newline - usize::from(is_windows)
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
            let newline = memchr::memchr(self.dialect.end, piece);
            let text = &piece[..newline.unwrap_or(count)];
            bytes += text.len() as u64;
            last = text.last().copied().unwrap_or(last);
            if newline.is_some() || count == 0 {
                let next = kept + newline.map_or(0, |at| at + 1);
                self.unread = next..kept + count;
                self.searched = next;
                let is_windows = self.dialect.end == b'\n' && newline.is_some() && last == b'\r';
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
        self.open = None;
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

/// Whether a piece of a record ends inside quotes. Only a quote at the start of a field opens; inside, two of them are one
/// that closes nothing. A piece that does not begin inside begins with a field.
fn is_open_at_end(piece: &[u8], mut is_inside: bool, separator: u8) -> bool {
    // The second of two that are one.
    let mut second = usize::MAX;
    for_each_word(piece, |at, word| {
        let mut quotes = bytes_that_are(b'"', word);
        while quotes != 0 {
            let quote = at + first(quotes);
            quotes &= quotes - 1;
            if quote == second {
                continue;
            }
            if !is_inside {
                is_inside = quote == 0 || piece[quote - 1] == separator;
            } else if piece.get(quote + 1) == Some(&b'"') {
                second = quote + 1;
            } else {
                is_inside = false;
            }
        }
    });
    is_inside
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
                Line::Unclosed(text) => format!("?{}", String::from_utf8_lossy(text)),
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
                let mut rest = Lines { bytes_max: 4, number: at.lines, read: at.bytes, ..Lines::new(rest) };
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

    /// The records of a CSV file, whatever the buffer.
    fn records(text: &str, max: usize, end: u8) -> Vec<(u64, String)> {
        let with = |buffer, piece| {
            let mut lines = Lines::with_max(Pieces(text.as_bytes(), piece), max, buffer);
            lines.set_dialect(Dialect { end, separator: Some(b',') });
            all_of(&mut lines)
        };
        let all = with(64, 100);
        for (buffer, piece) in [(1, 1), (2, 100), (3, 2), (5, 3), (8, 8), (200, 200)] {
            assert_eq!(with(buffer, piece), all, "a buffer of {buffer} bytes");
        }
        all
    }

    fn told(records: &[(u64, &str)]) -> Vec<(u64, String)> {
        records.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn a_record_goes_on_where_a_line_ends_inside_quotes() {
        let text = "a,b\r\n\"x\r\ny\",\"\"\"\n\"\n1,\"\"\n\n2,5\" pipe\n\"z\n\"\n";
        let expected =
            [(1, "a,b"), (2, "\"x\r\ny\",\"\"\"\n\""), (5, "1,\"\""), (7, "2,5\" pipe"), (8, "\"z\n\"")];
        assert_eq!(records(text, 40, b'\n'), told(&expected));
        let old = records(&text.replace("\r\n", "\n").replace('\n', "\r"), 40, b'\r');
        let expected =
            expected.map(|(number, text)| (number, text.replace("\r\n", "\n").replace('\n', "\r")));
        assert_eq!(old, expected);
    }

    #[test]
    fn a_quote_that_is_not_closed_spoils_only_its_line() {
        let text = "a\n1,\"b\nc\nd\n";
        assert_eq!(records(text, 30, b'\n'), told(&[(1, "a"), (2, "?1,\"b"), (3, "c"), (4, "d")]));
        assert_eq!(records("a\n1,\"b", 30, b'\n'), told(&[(1, "a"), (2, "?1,\"b")]));
        let long = format!("\"b\n{}\nx\",y\nz\n", "1234\n".repeat(10));
        let found = records(&long, 12, b'\n');
        assert_eq!(found[0], (1, "?\"b".to_owned()));
        assert_eq!(found[1], (2, "1234".to_owned()));
        assert_eq!(found[found.len() - 2..], told(&[(13, "x\",y"), (14, "z")]));
    }

    #[test]
    fn whether_a_record_is_there_is_known_also_where_it_has_lines() {
        let mut lines = Lines::with_max(Pieces(b"a\n\"b\nc\nd\",e\nf\n", 6), 100, 64);
        lines.set_dialect(Dialect { end: b'\n', separator: Some(b',') });
        lines.next_line().expect("no errors here");
        assert!(lines.would_read(), "a record is open");
        lines.next_line().expect("no errors here");
    }

    #[test]
    fn nothing_is_no_line() {
        assert_eq!(read(b"", 4, 1), []);
        assert_eq!(read(b"\n\n", 4, 1), []);
    }
}
