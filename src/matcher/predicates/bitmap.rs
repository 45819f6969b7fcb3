//! One bit for each row of a batch.

use std::ops::Range;

/// A set of rows. Bits behind the last row are 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bitmap(Vec<u64>);

impl Bitmap {
    /// The rows for which a test holds.
    pub fn of(rows: usize, mut test: impl FnMut(usize) -> bool) -> Bitmap {
        let word = |start: usize| {
            (start..rows.min(start + 64)).fold(0, |word, row| word | u64::from(test(row)) << (row - start))
        };
        Bitmap((0..rows).step_by(64).map(word).collect())
    }

    /// From words of 64 rows.
    pub(super) fn from_words(words: Vec<u64>) -> Bitmap {
        Bitmap(words)
    }

    /// No row.
    pub fn empty(rows: usize) -> Bitmap {
        Bitmap(vec![0; rows.div_ceil(64)])
    }

    /// Every row.
    pub fn full(rows: usize) -> Bitmap {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let Some(last) = words.last_mut().filter(|_| !rows.is_multiple_of(64)) {
            *last = (1 << (rows % 64)) - 1;
        }
        Bitmap(words)
    }

    /// The bits of 64 rows, from row `64 * index`.
    pub fn word(&self, index: usize) -> u64 {
        self.0[index]
    }

    /// Whether it has this row.
    pub fn contains(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 1
    }

    /// The rows of a range that it has, in order.
    pub fn rows(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        self.words(range).flat_map(|(first, word)| Ones(word).map(move |bit| first + bit))
    }

    /// How many rows of a range it has.
    pub fn count(&self, range: Range<usize>) -> usize {
        self.words(range).map(|(_, word)| word.count_ones() as usize).sum()
    }

    /// The words of a range, without the bits outside of it, each with its first row.
    fn words(&self, range: Range<usize>) -> impl Iterator<Item = (usize, u64)> + '_ {
        (range.start / 64..range.end.div_ceil(64)).map(move |index| {
            let first = index * 64;
            let mut word = self.0[index];
            if first < range.start {
                word &= u64::MAX << (range.start - first);
            }
            if first + 64 > range.end {
                word &= u64::MAX >> (first + 64 - range.end);
            }
            (first, word)
        })
    }

    /// Keeps the rows that the other has too.
    pub fn intersect(&mut self, other: &Bitmap) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Adds the rows of the other.
    pub fn unite(&mut self, other: &Bitmap) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }
}

/// The bits of a word that are set, from the lowest.
struct Ones(u64);

impl Iterator for Ones {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_are_sets_of_rows() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let even = Bitmap::of(rows, |row| row.is_multiple_of(2));
            let mut all = Bitmap::of(rows, |row| !row.is_multiple_of(2));
            assert!((0..rows).all(|row| even.contains(row) != all.contains(row)));
            let mut none = even.clone();
            none.intersect(&all);
            assert_eq!(none, Bitmap::empty(rows));
            for (start, end) in [(0, rows), (rows / 3, rows / 2), (rows / 2, rows)] {
                let expected: Vec<usize> = (start..end).filter(|row| row.is_multiple_of(2)).collect();
                assert_eq!(even.rows(start..end).collect::<Vec<_>>(), expected);
                assert_eq!(even.count(start..end), expected.len());
            }
            all.unite(&even);
            assert_eq!(all, Bitmap::full(rows));
        }
    }
}
