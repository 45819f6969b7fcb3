//! Records: what a key looks like, and what is put around a value.
//!
//! A key is a byte that names its [`Space`] and then parts whose byte order is their order: numbers big-endian, signed
//! ones and times with the sign bit flipped, bytes and texts escaped so that none begins another. So everything of one
//! kind lies together, and a scan comes in an order that means something.
//!
//! A value is an envelope: a version byte, the payload, and the CRC-32C of the key and all before it. The key is in the
//! sum, so that a record that turns up under another key is damage too. What a payload means is not known here; each
//! space has a version, which its writer raises when it changes the layout.
//!
//! ```
//! use ensue::state::{Key, Space};
//!
//! let mut key = Key::new(Space::KeyState);
//! key.u32(3).bytes(b"c014754");
//! let mut parts = key.parts().expect("it has a space");
//! assert_eq!((parts.space(), parts.u32()), (Space::KeyState, Some(3)));
//! assert_eq!(parts.bytes().as_deref(), Some(&b"c014754"[..]));
//! ```

use std::fmt;
use std::ops::Deref;

use crate::time::EventTime;

/// The bytes that an envelope puts around a payload.
pub const ENVELOPE_BYTES: usize = VERSION_BYTES + CHECKSUM_BYTES;

const VERSION_BYTES: usize = 1;
const CHECKSUM_BYTES: usize = 4;

/// The most bytes of a key that are shown in an error.
const SHOWN_BYTES: usize = 48;

/// What kind of record a key belongs to: its first byte, a letter, so that a dump of a store can be read.
///
/// A space is added at the end, with a letter that was never used; `docs/state-format.md` has the same list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Space {
    /// What the store is and how far it is: its format, its commits, the epoch, the set of patterns.
    Meta,
    /// What a pattern holds for a key.
    KeyState,
}

impl Space {
    /// Every space, in the order of their declaration.
    pub const ALL: [Space; 2] = [Space::Meta, Space::KeyState];

    /// The first byte of its keys.
    pub const fn byte(self) -> u8 {
        match self {
            Space::Meta => b'm',
            Space::KeyState => b'k',
        }
    }

    /// The space of this first byte.
    pub fn of(byte: u8) -> Option<Space> {
        Space::ALL.into_iter().find(|space| space.byte() == byte)
    }

    /// What it is called in messages and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Space::Meta => "meta",
            Space::KeyState => "keys",
        }
    }

    /// The version that payloads of this space are written with. Whoever changes a layout raises it here, and goes on
    /// reading the older ones, which [`Record::version`] tells apart.
    pub const fn version(self) -> u8 {
        1
    }
}

/// A key, built part by part. It can be used again and again: [`Key::begin`] keeps its memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key that all of a space begin with.
    pub fn new(space: Space) -> Key {
        Key(vec![space.byte()])
    }

    /// The key of a record that has a name, such as `meta/format`.
    pub fn named(space: Space, name: &str) -> Key {
        let mut key = Key::new(space);
        key.rest(name.as_bytes());
        key
    }

    /// Begins anew, in the memory that is there.
    pub fn begin(&mut self, space: Space) -> &mut Key {
        self.0.clear();
        self.0.push(space.byte());
        self
    }

    /// Adds one byte.
    pub fn u8(&mut self, part: u8) -> &mut Key {
        self.0.push(part);
        self
    }

    /// Adds a number.
    pub fn u32(&mut self, part: u32) -> &mut Key {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Adds a number.
    pub fn u64(&mut self, part: u64) -> &mut Key {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Adds a number that may be negative.
    pub fn i64(&mut self, part: i64) -> &mut Key {
        self.u64(part as u64 ^ SIGN_BIT)
    }

    /// Adds a point in event time.
    pub fn time(&mut self, part: EventTime) -> &mut Key {
        self.i64(part.micros())
    }

    /// Adds bytes, after which more parts may come: a zero is written as `00 FF`, and `00 00` ends them.
    pub fn bytes(&mut self, part: &[u8]) -> &mut Key {
        for byte in part {
            self.0.push(*byte);
            if *byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 0]);
        self
    }

    /// Adds the last part, as it is.
    pub fn rest(&mut self, part: &[u8]) -> &mut Key {
        self.0.extend_from_slice(part);
        self
    }

    /// Reads it part by part; nothing where it begins with no space that is known.
    pub fn parts(&self) -> Option<KeyParts<'_>> {
        KeyParts::of(&self.0)
    }
}

const SIGN_BIT: u64 = 1 << 63;

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// The parts of a key, taken from the front in the order in which they were added. Each is nothing where the key has no
/// such part left.
#[derive(Clone, Debug)]
pub struct KeyParts<'a> {
    space: Space,
    rest: &'a [u8],
}

impl<'a> KeyParts<'a> {
    /// Begins to read a key; nothing where it begins with no space that is known.
    pub fn of(key: &'a [u8]) -> Option<KeyParts<'a>> {
        let (first, rest) = key.split_first()?;
        Some(KeyParts { space: Space::of(*first)?, rest })
    }

    /// The space it belongs to.
    pub fn space(&self) -> Space {
        self.space
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|bytes| bytes[0])
    }

    /// Takes a number.
    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    /// Takes a number.
    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// Takes a number that may be negative.
    pub fn i64(&mut self) -> Option<i64> {
        self.u64().map(|bits| (bits ^ SIGN_BIT) as i64)
    }

    /// Takes a point in event time.
    pub fn time(&mut self) -> Option<EventTime> {
        self.i64().map(EventTime::from_micros)
    }

    /// Takes bytes that [`Key::bytes`] added.
    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let mut taken = Vec::new();
        let mut rest = self.rest;
        loop {
            let (first, behind) = rest.split_first()?;
            rest = behind;
            if *first != 0 {
                taken.push(*first);
                continue;
            }
            let (second, behind) = rest.split_first()?;
            rest = behind;
            match second {
                0xFF => taken.push(0),
                0 => break,
                _ => return None,
            }
        }
        self.rest = rest;
        Some(taken)
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*part)
    }
}

/// What is in an envelope that was found whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The version that the payload was written with, at most that of its space.
    pub version: u8,
    /// What was stored.
    pub payload: &'a [u8],
}

/// What is wrong with a record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// It is too short for an envelope.
    #[error("has {bytes} bytes, fewer than an envelope")]
    Short {
        /// Its bytes.
        bytes: usize,
    },
    /// The sum does not fit.
    #[error("has the checksum {stored:08x}, but its bytes give {computed:08x}")]
    Checksum {
        /// What is stored.
        stored: u32,
        /// What it should be.
        computed: u32,
    },
    /// Its key begins with no space that is known.
    #[error("is in no space that is known")]
    Space,
    /// It was written by a later version.
    #[error("has version {version}, and {known} is the latest that is known")]
    Future {
        /// The version.
        version: u8,
        /// The latest one that can be read.
        known: u8,
    },
    /// The engine could not make sense of what is inside.
    #[error("is not what it should be: {what}")]
    Payload {
        /// What is wrong.
        what: String,
    },
}

/// Puts an envelope around what `write` appends, at the end of `out`.
///
/// # Panics
///
/// Where the key begins with no space: keys are made by [`Key`].
pub(super) fn seal(key: &[u8], out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let space = key.first().and_then(|byte| Space::of(*byte)).expect("a key begins with its space");
    let start = out.len();
    out.push(space.version());
    write(out);
    let sum = checksum(key, &out[start..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

/// Opens an envelope.
pub(super) fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<Record<'a>, Flaw> {
    let short = Flaw::Short { bytes: value.len() };
    let (inside, sum) = value.split_last_chunk::<CHECKSUM_BYTES>().ok_or(short.clone())?;
    let (version, payload) = inside.split_first().ok_or(short)?;
    let (stored, computed) = (u32::from_be_bytes(*sum), checksum(key, inside));
    if stored != computed {
        return Err(Flaw::Checksum { stored, computed });
    }
    let known = key.first().and_then(|byte| Space::of(*byte)).ok_or(Flaw::Space)?.version();
    if *version > known {
        return Err(Flaw::Future { version: *version, known });
    }
    Ok(Record { version: *version, payload })
}

/// The payload of an envelope that [`open`] found whole.
pub(super) fn inside(value: &[u8]) -> &[u8] {
    &value[VERSION_BYTES..value.len() - CHECKSUM_BYTES]
}

fn checksum(key: &[u8], inside: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), inside)
}

/// A key as it stands in a message: its space, and what follows with bytes that are not text escaped.
pub fn shown(key: &[u8]) -> String {
    let (name, rest) = match KeyParts::of(key) {
        Some(parts) => (parts.space().name(), parts.rest()),
        None => ("?", key),
    };
    let cut = &rest[..rest.len().min(SHOWN_BYTES)];
    let dots = if cut.len() < rest.len() { "…" } else { "" };
    format!("{name}/{}{dots}", cut.escape_ascii())
}

/// The first key behind all that begin with `prefix`; nothing where there is none.
#[cfg(any(feature = "state", test))]
pub(super) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_has_a_letter_of_its_own() {
        for space in Space::ALL {
            assert_eq!(Space::of(space.byte()), Some(space), "{}", space.name());
            assert!(space.byte().is_ascii_lowercase());
        }
        assert_eq!(Space::of(b'?'), None);
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_their_parts() {
        let key = |time: i64, text: &str, number: u64| {
            let mut key = Key::new(Space::KeyState);
            key.time(EventTime::from_micros(time)).bytes(text.as_bytes()).u64(number);
            key
        };
        let mut parts = Vec::new();
        for time in [i64::MIN, -1_000, -1, 0, 1, 255, 256, i64::MAX] {
            for text in ["", "\0", "\0\0", "\0a", "\u{1}", "a", "a\0", "a\0b", "aa", "b"] {
                parts.extend([0, 1, 255, 256, u64::MAX].map(|number| (time, text, number)));
            }
        }
        assert!(parts.is_sorted());
        let keys: Vec<Key> = parts.iter().map(|(time, text, number)| key(*time, text, *number)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        for (key, (time, text, number)) in keys.iter().zip(parts) {
            let mut read = key.parts().expect("it has a space");
            assert_eq!(read.time(), Some(EventTime::from_micros(time)));
            assert_eq!(read.bytes().as_deref(), Some(text.as_bytes()));
            assert_eq!(read.u64(), Some(number));
            assert!(read.rest().is_empty());
        }
    }

    #[test]
    fn parts_that_are_not_there_are_nothing() {
        assert!(KeyParts::of(b"").is_none() && KeyParts::of(b"?x").is_none());
        let mut parts = KeyParts::of(b"kabc").expect("a space");
        assert_eq!((parts.u32(), parts.u64(), parts.bytes()), (None, None, None));
        assert_eq!(parts.rest(), b"abc");
    }

    #[test]
    fn an_envelope_gives_back_what_was_put_in() {
        let key = Key::named(Space::Meta, "x");
        for payload in [&b""[..], b"a", b"abc\0\xFF"] {
            let mut value = Vec::new();
            seal(&key, &mut value, |out| out.extend_from_slice(payload));
            assert_eq!(value.len(), payload.len() + ENVELOPE_BYTES);
            assert_eq!(open(&key, &value), Ok(Record { version: 1, payload }));
        }
    }

    #[test]
    fn every_flipped_bit_every_cut_and_another_key_are_seen() {
        let key = Key::named(Space::KeyState, "c1");
        let mut value = Vec::new();
        seal(&key, &mut value, |out| out.extend_from_slice(b"payload"));
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut damaged = value.clone();
                damaged[at] ^= 1 << bit;
                assert!(matches!(open(&key, &damaged), Err(Flaw::Checksum { .. })), "byte {at}, bit {bit}");
            }
            assert!(open(&key, &value[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&Key::named(Space::KeyState, "c2"), &value).is_err());
    }

    #[test]
    fn a_record_of_a_later_version_or_an_unknown_space_is_told_apart_from_damage() {
        let sealed = |key: &[u8], version: u8| {
            let mut value = vec![version, 7];
            let sum = checksum(key, &value);
            value.extend_from_slice(&sum.to_be_bytes());
            value
        };
        assert_eq!(open(b"mx", &sealed(b"mx", 9)), Err(Flaw::Future { version: 9, known: 1 }));
        assert_eq!(open(b"?x", &sealed(b"?x", 1)), Err(Flaw::Space));
    }

    #[test]
    fn behind_a_prefix_comes_the_next_one() {
        assert_eq!(behind(b"k"), Some(b"l".to_vec()));
        assert_eq!(behind(b"k\xFF\xFF"), Some(b"l".to_vec()));
        assert_eq!(behind(b"k\x00"), Some(b"k\x01".to_vec()));
        assert_eq!((behind(b"\xFF"), behind(b"")), (None, None));
    }

    #[test]
    fn a_key_can_be_read_in_a_message() {
        assert_eq!(shown(&Key::named(Space::Meta, "format")), "meta/format");
        let mut key = Key::new(Space::KeyState);
        key.u32(3).bytes(b"c1");
        assert_eq!(shown(&key), r"keys/\x00\x00\x00\x03c1\x00\x00");
        assert_eq!(shown(&[b'k'; 80]), format!("keys/{}…", "k".repeat(48)));
        assert_eq!(shown(b"?"), "?/?");
    }
}
