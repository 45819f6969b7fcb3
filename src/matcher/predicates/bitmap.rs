//! One bit for each row of a batch.

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

    /// Keeps the rows that the other has too.
    pub fn intersect(&mut self, other: &Bitmap) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Adds the rows of the other.
    pub fn unite(&mut self, other: &Bitmap) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
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
            all.unite(&even);
            assert_eq!(all, Bitmap::full(rows));
        }
    }
}
