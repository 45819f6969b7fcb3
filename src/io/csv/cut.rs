//! Cuts a row at its separators.

use crate::io::words::{TOPS, bytes_that_are, first, for_each_word};

/// A field of a row.
#[derive(Clone, Copy, Debug)]
pub(in crate::io) struct Cut {
    pub(in crate::io) start: u32,
    pub(in crate::io) end: u32,
    pub(in crate::io) is_quoted: bool,
    /// The first byte, for messages.
    pub(in crate::io) column: u32,
}

/// What is in a row besides its separators.
struct Seen {
    /// How many quotes.
    quotes: u32,
    /// Not 0 where there are bytes beyond ASCII.
    strange: u64,
}

/// Cuts rows, one after another.
#[derive(Debug)]
pub(in crate::io) struct Cutter {
    separator: u8,
    /// Where the fields of the row under way stand.
    cells: Vec<Cut>,
    /// The text of fields with doubled quotes. Places in it are counted on from the end of the row.
    unescaped: Vec<u8>,
}

impl Cutter {
    /// For rows with this between their fields.
    pub(in crate::io) fn new(separator: u8) -> Cutter {
        Cutter { separator, cells: Vec::new(), unescaped: Vec::new() }
    }

    /// Cuts a row; says whether it is ASCII.
    #[inline]
    pub(in crate::io) fn cut(&mut self, row: &[u8]) -> bool {
        let Seen { quotes, strange } = self.cut_bare(row);
        if quotes != 0 && !self.strip(row, quotes) {
            self.cells.clear();
            self.cut_quoted(row);
        }
        strange == 0
    }

    /// The fields of the row that was cut last.
    #[inline]
    pub(in crate::io) fn cells(&self) -> &[Cut] {
        &self.cells
    }

    /// A field of the row that was cut last.
    #[inline]
    pub(in crate::io) fn cell(&self, column: usize) -> Cut {
        self.cells[column]
    }

    /// What was taken out of doubled quotes.
    pub(in crate::io) fn unescaped(&self) -> &[u8] {
        &self.unescaped
    }

    /// Cuts a row at its separators as if no quote were in it, and says what else there is.
    #[inline]
    fn cut_bare(&mut self, row: &[u8]) -> Seen {
        let mut seen = Seen { quotes: 0, strange: 0 };
        let mut start = 0;
        let (cells, separator) = (&mut self.cells, self.separator);
        cells.clear();
        let mut push = |end: usize| {
            cells.push(Cut { start, end: end as u32, is_quoted: false, column: start });
            start = end as u32 + 1;
        };
        for_each_word(row, |at, word| {
            seen.quotes += bytes_that_are(b'"', word).count_ones();
            seen.strange |= word & TOPS;
            let mut found = bytes_that_are(separator, word);
            while found != 0 {
                push(at + first(found));
                found &= found - 1;
            }
        });
        push(row.len());
        seen
    }

    /// Takes the quotes off the fields of a row that was cut as if there were none. That was right where each of the quotes
    /// is the first or the last byte of a field that has both; only then it says so.
    fn strip(&mut self, row: &[u8], mut quotes: u32) -> bool {
        for cell in &mut self.cells {
            if let [b'"', .., b'"'] = &row[cell.start as usize..cell.end as usize] {
                (cell.start, cell.end, cell.is_quoted) = (cell.start + 1, cell.end - 1, true);
                quotes -= 2;
            }
        }
        quotes == 0
    }

    /// Cuts a row with quotes in it.
    fn cut_quoted(&mut self, row: &[u8]) {
        self.unescaped.clear();
        let mut at = 0;
        loop {
            let column = at as u32;
            let next = match row.get(at) {
                Some(b'"') => self.cut_quote(row, at),
                _ => {
                    let end = self.end_of_cell(row, at);
                    self.cells.push(Cut { start: column, end: end as u32, is_quoted: false, column });
                    end
                }
            };
            if next >= row.len() {
                return;
            }
            at = next + 1;
        }
    }

    /// Where a field ends whose rest has no meaning of its own.
    fn end_of_cell(&self, row: &[u8], from: usize) -> usize {
        memchr::memchr(self.separator, &row[from..]).map_or(row.len(), |length| from + length)
    }

    /// Cuts a field that begins with a quote; gives where it ends.
    fn cut_quote(&mut self, row: &[u8], quote: usize) -> usize {
        let inside = quote + 1;
        let closing = |from: usize| memchr::memchr(b'"', &row[from..]).map_or(row.len(), |at| from + at);
        let mut close = closing(inside);
        let column = quote as u32;
        let end = self.end_of_cell(row, (close + 1).min(row.len()));
        if row.get(close + 1) != Some(&b'"') && end <= close + 1 {
            let (start, stop) = (inside as u32, close as u32);
            self.cells.push(Cut { start, end: stop, is_quoted: true, column });
            return end;
        }
        let start = row.len() + self.unescaped.len();
        let mut from = inside;
        while row.get(close + 1) == Some(&b'"') {
            self.unescaped.extend_from_slice(&row[from..=close]);
            from = close + 2;
            close = closing(from);
        }
        self.unescaped.extend_from_slice(&row[from..close]);
        // What stands between the closing quote and the separator belongs to it, as other readers have it.
        let rest = (close + 1).min(row.len());
        let end = self.end_of_cell(row, rest);
        self.unescaped.extend_from_slice(&row[rest..end]);
        let stop = (row.len() + self.unescaped.len()) as u32;
        self.cells.push(Cut { start: start as u32, end: stop, is_quoted: true, column });
        end
    }

    /// Where a field stands in the row that was cut last, quotes included.
    pub(in crate::io) fn place(&self, column: usize, row: &[u8]) -> std::ops::Range<usize> {
        let start = self.cells[column].column as usize;
        let end = self.cells.get(column + 1).map_or(row.len(), |next| next.column as usize - 1);
        start..end
    }

    /// The bytes of a field of a row.
    pub(in crate::io) fn bytes<'a>(&'a self, cell: Cut, row: &'a [u8]) -> &'a [u8] {
        let (start, end) = (cell.start as usize, cell.end as usize);
        match cell.is_quoted && start >= row.len() {
            true => &self.unescaped[start - row.len()..end - row.len()],
            false => &row[start..end],
        }
    }
}
