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
#[derive(Debug)]
pub struct Interner {
    dictionary: Arc<Dictionary>,
    codes: FxHashMap<Arc<str>, u32>,
}

impl Default for Interner {
    fn default() -> Interner {
        Interner { dictionary: Arc::new(Dictionary::new()), codes: FxHashMap::default() }
    }
}

impl Interner {
    /// The dictionary that codes refer to.
    pub fn dictionary(&self) -> &Arc<Dictionary> {
        &self.dictionary
    }

    /// The code of a text.
    pub fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let code = self.codes.len() as u32;
        let text: Arc<str> = Arc::from(text);
        self.dictionary.set(code, Arc::clone(&text));
        self.codes.insert(text, code);
        code
    }

    /// Begins a new dictionary, if this one has grown large. To be called between batches.
    pub fn next_batch(&mut self) {
        if self.codes.len() >= GENERATION_TEXTS_MAX {
            *self = Interner::default();
        }
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
