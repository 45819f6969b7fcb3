//! A cursor over one line of JSON that knows only the ordinary.
//!
//! Every method takes a piece of valid JSON and steps behind it, or gives `None`: *not sure*. That is no verdict on the
//! line; whoever asked leaves it to the decoder that can say what is wrong. A line is looked at as a whole first: it has
//! no backslash, no control character, and is UTF-8. So a string ends at the next quote, whatever it holds. The rest is
//! verified byte by byte.
//!
//! Texts and digits are looked at eight bytes at a time, as numbers (Mycroft's test for a zero byte, Lamport's "Multiple
//! byte processing with full-word instructions", 1975). The lowest hit of such a test is exact, those above it may be
//! carries, so only the lowest is used.

use std::ops::Range;

use super::words::TOPS;

/// A place in a line.
pub(super) struct Scan<'a> {
    line: &'a [u8],
    at: usize,
}

/// A number without an exponent, of at most 18 digits: `mantissa` divided by 10 to the power of `fraction`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Number {
    pub(super) is_negative: bool,
    pub(super) mantissa: u64,
    /// Digits after the point.
    pub(super) fraction: usize,
}

/// The most digits of a [`Number`]: they always fit an `i64`.
const DIGITS_MAX: usize = 18;

/// How deep a value that is passed over may nest.
const DEPTH_MAX: u32 = 24;

impl<'a> Scan<'a> {
    /// The start of a line, if it is plain: without backslashes and control characters, and UTF-8.
    #[inline]
    pub(super) fn new(line: &'a [u8]) -> Option<Scan<'a>> {
        let is_plain = is_plain_ascii(line) || is_plain_utf8(line);
        is_plain.then_some(Scan { line, at: 0 })
    }

    /// A place in a text that need not be plain, to take numbers from.
    #[inline]
    pub(super) fn over(text: &'a [u8], at: usize) -> Scan<'a> {
        Scan { line: text, at }
    }

    /// What stands in a range.
    #[inline]
    pub(super) fn text(&self, range: Range<usize>) -> &'a [u8] {
        &self.line[range]
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where it stood.
    pub(super) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte; 0, which is never valid, at the end.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.line.get(self.at).copied().unwrap_or(0)
    }

    /// Takes the next byte; 0 at the end.
    #[inline]
    pub(super) fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// Takes this byte, if it is the next one.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes this byte, which must be the next one.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    /// Passes over blanks. Other white space is a control character.
    #[inline]
    pub(super) fn space(&mut self) {
        while self.peek() == b' ' {
            self.at += 1;
        }
    }

    /// Whether the line has ended.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.line.len()
    }

    /// Takes this text, if it comes next. `first` is its first 16 bytes, with `mask` where it has bytes, and `rest` what
    /// follows them: names are mostly short, and comparing a number is cheaper than calling for a comparison of bytes.
    #[inline]
    pub(super) fn take_text(&mut self, first: u128, mask: u128, rest: &[u8], length: usize) -> bool {
        let fits = self.double_word() & mask == first
            && (rest.is_empty() || self.line.get(self.at + 16..).is_some_and(|line| line.starts_with(rest)));
        self.at += if fits { length } else { 0 };
        fits
    }

    /// Takes a string up to and with its closing quote; the opening one is taken already. Gives where its text stands.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        loop {
            let quotes = quotes(self.word());
            if quotes != 0 {
                let end = self.at + quotes.trailing_zeros() as usize / 8;
                self.at = end + 1;
                return Some(start..end);
            }
            self.at += 8;
            if self.is_at_end() {
                return None;
            }
        }
    }

    /// Takes a number as [`Number`] holds it.
    #[inline]
    pub(super) fn number(&mut self) -> Option<Number> {
        let is_negative = self.take(b'-');
        let start = self.at;
        let mut mantissa = 0;
        self.digits(&mut mantissa);
        let whole = self.at - start;
        if whole == 0 || (whole > 1 && self.line[start] == b'0') {
            return None;
        }
        let mut fraction = 0;
        if self.take(b'.') {
            let point = self.at;
            self.digits(&mut mantissa);
            fraction = self.at - point;
            if fraction == 0 {
                return None;
            }
        }
        let is_plain = whole + fraction <= DIGITS_MAX && !matches!(self.peek(), b'e' | b'E');
        is_plain.then_some(Number { is_negative, mantissa, fraction })
    }

    /// Takes this word, which must come next.
    pub(super) fn literal(&mut self, word: &[u8]) -> Option<()> {
        let fits = self.line.get(self.at..).is_some_and(|line| line.starts_with(word));
        self.at += word.len();
        fits.then_some(())
    }

    /// Takes a value, whatever it is; gives where it stands.
    pub(super) fn value(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.value_at(0)?;
        Some(start..self.at)
    }

    /// Takes a value, wherever it stands.
    #[inline]
    pub(super) fn skip(&mut self) -> Option<()> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: u32) -> Option<()> {
        match self.peek() {
            b'"' => {
                self.at += 1;
                self.string()?;
                Some(())
            }
            b'-' | b'0'..=b'9' => self.any_number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'{' if depth < DEPTH_MAX => self.members(depth),
            b'[' if depth < DEPTH_MAX => self.elements(depth),
            _ => None,
        }
    }

    fn members(&mut self, depth: u32) -> Option<()> {
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Some(());
        }
        loop {
            self.expect(b'"')?;
            self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            self.value_at(depth + 1)?;
            self.space();
            match self.next() {
                b',' => self.space(),
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn elements(&mut self, depth: u32) -> Option<()> {
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Some(());
        }
        loop {
            self.value_at(depth + 1)?;
            self.space();
            match self.next() {
                b',' => self.space(),
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Takes a number of any length, with an exponent or without.
    fn any_number(&mut self) -> Option<()> {
        self.take(b'-');
        let start = self.at;
        let mut ignored = 0;
        self.digits(&mut ignored);
        if self.at == start || (self.at > start + 1 && self.line[start] == b'0') {
            return None;
        }
        if self.take(b'.') {
            self.some_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Some(())
    }

    fn some_digits(&mut self) -> Option<()> {
        let start = self.at;
        self.digits(&mut 0);
        (self.at > start).then_some(())
    }

    /// Takes digits, none or many, and puts them behind those of `value`; it wraps where there are too many.
    ///
    /// However many of the next eight bytes are digits, it is the same few instructions: how long a number is cannot be
    /// guessed, and a wrong guess costs more than all of them.
    #[inline]
    fn digits(&mut self, value: &mut u64) {
        loop {
            let word = self.word() ^ (ONES * b'0' as u64);
            // A byte above 9 carries into its top bit, or has it.
            let others = (word.wrapping_add(ONES * 0x76) | word) & TOPS;
            let count = others.trailing_zeros() as usize / 8;
            if count == 0 {
                return;
            }
            let number = eight_digits(word << (8 * (8 - count)));
            *value = value.wrapping_mul(POWERS[count]).wrapping_add(number);
            self.at += count;
            if count < 8 {
                return;
            }
        }
    }

    /// The next eight bytes; zeros behind the end of the line.
    #[inline]
    fn word(&self) -> u64 {
        match self.line.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => self.last_word() as u64,
        }
    }

    /// The next sixteen bytes; zeros behind the end of the line.
    #[inline]
    fn double_word(&self) -> u128 {
        match self.line.get(self.at..).and_then(|rest| rest.first_chunk::<16>()) {
            Some(bytes) => u128::from_le_bytes(*bytes),
            None => self.last_word(),
        }
    }

    /// The next bytes, fewer than 16 of them; zeros behind the end of the line.
    #[inline]
    fn last_word(&self) -> u128 {
        let missing = (self.at + 16).saturating_sub(self.line.len());
        match self.line.last_chunk::<16>() {
            Some(bytes) => u128::from_le_bytes(*bytes).checked_shr(8 * missing as u32).unwrap_or(0),
            None => self.short_line(),
        }
    }

    #[cold]
    fn short_line(&self) -> u128 {
        let rest = self.line.get(self.at..).unwrap_or_default();
        rest.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte))
    }
}

/// A number with 1 in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

const POWERS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Marks the quotes.
#[inline]
fn quotes(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    quote.wrapping_sub(ONES) & !quote & TOPS
}

/// Whether a line is ASCII, without control characters and backslashes. Written so that the compiler makes vector
/// instructions of it, two comparisons for sixteen bytes.
#[inline]
fn is_plain_ascii(line: &[u8]) -> bool {
    let Some(last) = line.last_chunk::<16>() else { return is_plain_utf8(line) };
    let mut strange = [0; 16];
    for chunk in line.as_chunks::<16>().0 {
        mark_strange(&mut strange, chunk);
    }
    // Some bytes twice, which changes nothing.
    mark_strange(&mut strange, last);
    strange == [0; 16]
}

#[inline]
fn mark_strange(strange: &mut [u8; 16], bytes: &[u8; 16]) {
    for at in 0..16 {
        // Signed, the bytes beyond ASCII are below all others.
        let is_strange = (bytes[at] as i8) < 0x20 || bytes[at] == b'\\';
        strange[at] |= 0_u8.wrapping_sub(u8::from(is_strange));
    }
}

#[cold]
fn is_plain_utf8(line: &[u8]) -> bool {
    let is_strange = |byte: &u8| *byte < 0x20 || *byte == b'\\';
    !line.iter().fold(false, |any, byte| any | is_strange(byte)) && std::str::from_utf8(line).is_ok()
}

/// The number that eight digits are, the first in the lowest byte, each byte from 0 to 9: first of two digits each, then
/// of four, then of eight.
#[inline]
fn eight_digits(word: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let low = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scan<'_> {
        Scan::new(text.as_bytes()).expect("plain")
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        for length in 1..=DIGITS_MAX {
            let digits = &"123456789012345678"[..length];
            for end in ["", ",", "}           ", "          "] {
                let text = format!("{digits}{end}");
                let mut scan = plain(&text);
                let number = scan.number().expect("plain");
                assert_eq!(
                    (number.mantissa, number.fraction),
                    (digits.parse().expect("digits"), 0),
                    "{text}"
                );
                assert_eq!(scan.at(), length);
                let text = format!("-0.{digits}{end}");
                let number = plain(&text).number();
                assert_eq!(number.is_some(), length < DIGITS_MAX, "{text}");
                assert!(number.is_none_or(|number| number.is_negative && number.fraction == length));
            }
        }
    }

    #[test]
    fn what_is_no_plain_number_is_left_to_others() {
        for text in ["", "-", "01", "1.", ".5", "1e5", "1.5E1", "1234567890123456789", "+1", "x"] {
            assert_eq!(plain(text).number(), None, "{text}");
        }
    }

    #[test]
    fn a_string_ends_at_its_quote_wherever_it_is() {
        for length in 0..40 {
            let text = format!("{}\"{}", "é".repeat(length), "x\"y".repeat(5));
            let mut scan = plain(&text);
            assert_eq!(scan.string(), Some(0..2 * length));
            assert_eq!(scan.at(), 2 * length + 1);
            assert_eq!(plain(&"a".repeat(length)).string(), None, "it does not end");
        }
    }

    #[test]
    fn one_strange_byte_anywhere_makes_a_line_not_plain() {
        for length in 0..40 {
            for at in 0..=length {
                for strange in [&b"\\"[..], b"\n", b"\x1f", b"\0", b"\xff", b"\xc3"] {
                    let mut line = vec![b'~'; length];
                    line.splice(at..at, strange.iter().copied());
                    assert!(Scan::new(&line).is_none(), "{line:?}");
                }
                let mut line = vec![b'\x7f'; length];
                line.splice(at..at, "é ".bytes());
                assert!(Scan::new(&line).is_some(), "{line:?}");
            }
        }
    }
}
