//! Text that occurs again and again, kept once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

/// The texts of one column, each with a code. Equal text has equal codes within one dictionary.
///
/// The builder of a column adds to it while batches that were built earlier are read elsewhere: an entry is written once
/// and never changes. A dictionary that has grown large is left behind and a new one begun (a *generation*), so memory
/// does not grow with the length of a run.
#[derive(Debug)]
pub struct Dictionary {
    id: u32,
    chunks: [OnceLock<Chunk>; CHUNKS],
}

type Chunk = Box<[OnceLock<Arc<str>>]>;

/// Chunk `n` holds this many entries, doubled `n` times: a small dictionary is small, and no entry ever moves.
const FIRST_CHUNK: u32 = 64;

/// Enough for four million entries: many more than the rows of a batch and [`GENERATION_TEXTS_MAX`] together.
const CHUNKS: usize = 16;

/// Once a dictionary holds so many texts, the next batch begins a new one.
const GENERATION_TEXTS_MAX: usize = 1 << 16;

impl Dictionary {
    fn new() -> Dictionary {
        static NEXT_ID: AtomicU32 = AtomicU32::new(0);
        Dictionary {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// Distinguishes it from every other dictionary of this process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The text of a code.
    ///
    /// # Panics
    ///
    /// If no batch holds this code.
    pub fn text(&self, code: u32) -> &Arc<str> {
        let (chunk, offset) = place(code);
        self.chunks[chunk].get().and_then(|chunk| chunk[offset].get()).expect("a code stands for a text")
    }

    fn set(&self, code: u32, text: Arc<str>) {
        let (chunk, offset) = place(code);
        let entries = self.chunks[chunk]
            .get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| OnceLock::new()).collect::<Chunk>());
        entries[offset].set(text).expect("a code is given once");
    }
}

/// The chunk of a code, and where it stands in it.
fn place(code: u32) -> (usize, usize) {
    let chunk = (code / FIRST_CHUNK + 1).ilog2();
    let before = FIRST_CHUNK * ((1 << chunk) - 1);
    (chunk as usize, (code - before) as usize)
}

/// Gives codes to texts: the writing side of a [`Dictionary`].
///
/// Most texts of events are short: a card, a country, a kind. One of at most 15 bytes is looked up as a number of 16
/// bytes, which is compared without following a pointer to the text.
#[derive(Debug)]
pub struct Interner {
    dictionary: Arc<Dictionary>,
    short: FxHashMap<ShortText, u32>,
    long: FxHashMap<Arc<[u8]>, u32>,
}

impl Default for Interner {
    fn default() -> Interner {
        Interner {
            dictionary: Arc::new(Dictionary::new()),
            short: FxHashMap::default(),
            long: FxHashMap::default(),
        }
    }
}

impl Interner {
    /// The dictionary that codes refer to.
    pub fn dictionary(&self) -> &Arc<Dictionary> {
        &self.dictionary
    }

    /// The code of a text.
    pub fn code(&mut self, text: &str) -> u32 {
        self.code_of_bytes(text.as_bytes())
    }

    /// The code of a text in UTF-8.
    ///
    /// # Panics
    ///
    /// If it is new and not UTF-8.
    pub fn code_of_bytes(&mut self, text: &[u8]) -> u32 {
        match ShortText::new(text) {
            Some(short) => self.code_of_short(short),
            None => match self.long.get(text) {
                Some(code) => *code,
                None => self.add_long(text),
            },
        }
    }

    /// The code of a short text.
    ///
    /// # Panics
    ///
    /// If it is new and not UTF-8.
    pub(super) fn code_of_short(&mut self, text: ShortText) -> u32 {
        match self.short.get(&text) {
            Some(code) => *code,
            None => self.add_short(text),
        }
    }

    /// Begins a new dictionary, if this one has grown large. To be called between batches.
    pub fn next_batch(&mut self) {
        if self.len() >= GENERATION_TEXTS_MAX {
            *self = Interner::default();
        }
    }

    fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    #[cold]
    fn add_short(&mut self, short: ShortText) -> u32 {
        let (bytes, length) = short.bytes();
        let (code, _) = self.add(&bytes[..length]);
        self.short.insert(short, code);
        code
    }

    #[cold]
    fn add_long(&mut self, text: &[u8]) -> u32 {
        let (code, text) = self.add(text);
        self.long.insert(text.into(), code);
        code
    }

    fn add(&mut self, text: &[u8]) -> (u32, Arc<str>) {
        let code = self.len() as u32;
        let text: Arc<str> = Arc::from(std::str::from_utf8(text).expect("a text is UTF-8"));
        self.dictionary.set(code, Arc::clone(&text));
        (code, text)
    }
}

/// A text of at most 15 bytes as two numbers: its bytes, zeros, and its length as the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ShortText {
    low: u64,
    high: u64,
}

impl ShortText {
    const BYTES_MAX: usize = 15;

    /// `None` for a longer text.
    #[inline]
    pub(super) fn new(bytes: &[u8]) -> Option<ShortText> {
        let length = bytes.len();
        let end = (length as u64) << 56;
        if let Some((low, _)) = bytes.split_first_chunk::<8>() {
            if length > ShortText::BYTES_MAX {
                return None;
            }
            let last = bytes.last_chunk::<8>().expect("there are eight bytes");
            // The last eight bytes without those that `low` has; of eight bytes nothing is left.
            let rest = u64::from_le_bytes(*last).checked_shr(8 * (16 - length as u32)).unwrap_or(0);
            return Some(ShortText { low: u64::from_le_bytes(*low), high: rest | end });
        }
        let mut low = 0;
        if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            low = u64::from(u32::from_le_bytes(*first));
            low |= u64::from(u32::from_le_bytes(*last)) << (8 * (length - 4));
        } else {
            for (at, byte) in bytes.iter().enumerate() {
                low |= u64::from(*byte) << (8 * at);
            }
        }
        Some(ShortText { low, high: end })
    }

    /// The text with zeros behind it, and its length.
    fn bytes(self) -> ([u8; 16], usize) {
        let bytes = (u128::from(self.high) << 64 | u128::from(self.low)).to_le_bytes();
        (bytes, usize::from(bytes[ShortText::BYTES_MAX]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for code in 0..10_000 {
            assert_eq!(place(code), expected);
            expected.1 += 1;
            if expected.1 == (FIRST_CHUNK as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn equal_texts_and_no_others_have_equal_codes() {
        let mut interner = Interner::default();
        let mut texts: Vec<String> =
            (0..40).map(|length| "abcdefghij".repeat(4)[..length].to_owned()).collect();
        texts.extend((0..20).map(|length| "\0".repeat(length + 1)));
        texts.extend((1..20).map(|length| format!("{}é", "x".repeat(length))));
        let codes: Vec<u32> = texts.iter().map(|text| interner.code(text)).collect();
        assert_eq!(codes, (0..texts.len() as u32).collect::<Vec<u32>>());
        for (code, text) in codes.iter().zip(&texts) {
            assert_eq!(interner.code(text), *code);
            assert_eq!(&**interner.dictionary().text(*code), text);
        }
    }

    #[test]
    fn a_large_dictionary_is_left_behind_and_stays_readable() {
        let mut interner = Interner::default();
        let codes: Vec<u32> =
            (0..GENERATION_TEXTS_MAX).map(|number| interner.code(&number.to_string())).collect();
        assert_eq!(interner.code("7"), codes[7]);
        let first = Arc::clone(interner.dictionary());
        interner.next_batch();
        assert_ne!(interner.dictionary().id(), first.id());
        assert_eq!(interner.code("new"), 0);
        assert_eq!(&**first.text(codes[70]), "70");
    }
}
