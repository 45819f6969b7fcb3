//! Bytes of a text eight at a time, as numbers (Lamport, "Multiple byte processing with full-word instructions", 1975).

/// The top bit of each byte.
pub(super) const TOPS: u64 = 0x8080_8080_8080_8080;

/// Gives a text in words, the first byte lowest, each with where it stands. The last is filled up with zeros.
#[inline]
pub(super) fn for_each_word(text: &[u8], mut look_at: impl FnMut(usize, u64)) {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        look_at(8 * at, u64::from_le_bytes(*word));
    }
    let word = match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last).checked_shr(8 * (8 - rest.len() as u32)).unwrap_or(0),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    look_at(text.len() - rest.len(), word);
}

/// The top bits of the bytes of a word that are this byte. No carry sets another.
#[inline]
pub(super) fn bytes_that_are(byte: u8, word: u64) -> u64 {
    let word = word ^ u64::from_ne_bytes([byte; 8]);
    !(((word & !TOPS) + !TOPS) | word | !TOPS)
}

/// Which byte the lowest bit is of.
#[inline]
pub(super) fn first(found: u64) -> usize {
    found.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_where_it_stands() {
        for length in 0..30 {
            let text: Vec<u8> =
                (0..length).map(|at| if at % 3 == 1 { b',' } else { 0xac - at % 2 }).collect();
            let mut found = Vec::new();
            for_each_word(&text, |at, word| {
                let mut commas = bytes_that_are(b',', word);
                while commas != 0 {
                    found.push(at + first(commas));
                    commas &= commas - 1;
                }
            });
            let expected: Vec<usize> = (0..length as usize).filter(|at| text[*at] == b',').collect();
            assert_eq!(found, expected);
        }
    }
}
