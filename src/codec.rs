//! State as bytes, one description for both ways.
//!
//! What is saved is walked once, member by member, through a [`Codec`], which writes each member or reads it, as it was
//! made for. So what is read is what was written, and a member cannot be forgotten on one way only. The layout is our own
//! (`docs/state-format.md`): whole numbers in groups of seven bits, the lowest first; signed ones with their sign as the
//! lowest bit; lists with their length in front.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::event::{Decimal, Value};
use crate::time::{Duration, EventTime};

/// What was read is not what can have been written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damaged {
    /// It ends too early.
    Short,
    /// More follows than there can be.
    Long,
    /// A member has a value that it cannot have: which member.
    Odd(&'static str),
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damaged::Short => f.write_str("it ends too early"),
            Damaged::Long => f.write_str("more follows than there can be"),
            Damaged::Odd(what) => write!(f, "{what} has a value that it cannot have"),
        }
    }
}

impl std::error::Error for Damaged {}

/// What came of a member.
pub type Coded = Result<(), Damaged>;

/// Writes or reads what is walked through it.
#[derive(Debug)]
pub struct Codec<'a, X = ()> {
    way: Way<'a>,
    /// What those who are walked need to know.
    pub around: X,
}

#[derive(Debug)]
enum Way<'a> {
    Save(&'a mut Vec<u8>),
    Load(&'a [u8]),
}

/// More than any list can hold for each byte that is left to read: what a damaged length may make us reserve.
const RESERVED_MAX: usize = 1 << 12;

impl<'a> Codec<'a> {
    /// Writes behind `out`.
    pub fn saving(out: &'a mut Vec<u8>) -> Codec<'a> {
        Codec { way: Way::Save(out), around: () }
    }

    /// Reads from the start of `bytes`.
    pub fn loading(bytes: &'a [u8]) -> Codec<'a> {
        Codec { way: Way::Load(bytes), around: () }
    }

    /// The same, for those who need to know more.
    pub fn with<X>(self, around: X) -> Codec<'a, X> {
        Codec { way: self.way, around }
    }
}

impl<'a, X> Codec<'a, X> {
    /// Whether it reads.
    pub fn is_loading(&self) -> bool {
        matches!(self.way, Way::Load(_))
    }

    /// What is left to be read.
    pub fn rest(&self) -> &'a [u8] {
        match self.way {
            Way::Save(_) => &[],
            Way::Load(bytes) => bytes,
        }
    }

    /// All was walked.
    ///
    /// # Errors
    ///
    /// [`Damaged::Long`], where bytes are left to be read.
    pub fn end(self) -> Coded {
        if self.rest().is_empty() { Ok(()) } else { Err(Damaged::Long) }
    }

    /// A byte.
    ///
    /// # Errors
    ///
    /// [`Damaged::Short`], as of every member.
    pub fn byte(&mut self, value: &mut u8) -> Coded {
        match &mut self.way {
            Way::Save(out) => out.push(*value),
            Way::Load(bytes) => {
                let (first, rest) = bytes.split_first().ok_or(Damaged::Short)?;
                (*value, *bytes) = (*first, rest);
            }
        }
        Ok(())
    }

    /// A whole number.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn u64(&mut self, value: &mut u64) -> Coded {
        match &mut self.way {
            Way::Save(out) => put(out, *value),
            Way::Load(bytes) => match bytes.first_chunk::<2>() {
                // Most are small.
                Some([first, _]) if *first < 0x80 => {
                    (*value, *bytes) = (u64::from(*first), &bytes[1..]);
                }
                Some([first, second]) if *second < 0x80 => {
                    *value = u64::from(*first & 0x7f) | u64::from(*second) << 7;
                    *bytes = &bytes[2..];
                }
                Some(_) | None => {
                    let mut wide = 0;
                    self.u128(&mut wide)?;
                    *value = u64::try_from(wide).map_err(|_| Damaged::Odd("a number"))?;
                }
            },
        }
        Ok(())
    }

    /// A whole number of at most 128 bits.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn u128(&mut self, value: &mut u128) -> Coded {
        match &mut self.way {
            Way::Save(out) => {
                let mut left = *value;
                while left > u128::from(u64::MAX) {
                    out.push(left as u8 | 0x80);
                    left >>= 7;
                }
                put(out, left as u64);
            }
            Way::Load(bytes) => {
                *value = 0;
                for shift in (0..128).step_by(7) {
                    let (first, rest) = bytes.split_first().ok_or(Damaged::Short)?;
                    *bytes = rest;
                    *value |= u128::from(first & 0x7f) << shift;
                    if *first < 0x80 {
                        return Ok(());
                    }
                }
                return Err(Damaged::Odd("a number"));
            }
        }
        Ok(())
    }

    /// A whole number.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn u32(&mut self, value: &mut u32) -> Coded {
        let mut wide = u64::from(*value);
        self.u64(&mut wide)?;
        *value = u32::try_from(wide).map_err(|_| Damaged::Odd("a number"))?;
        Ok(())
    }

    /// A length, a number of something, a place.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn usize(&mut self, value: &mut usize) -> Coded {
        let mut wide = *value as u64;
        self.u64(&mut wide)?;
        *value = usize::try_from(wide).map_err(|_| Damaged::Odd("a number"))?;
        Ok(())
    }

    /// A signed number.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn i64(&mut self, value: &mut i64) -> Coded {
        let mut folded = (*value << 1 ^ *value >> 63) as u64;
        self.u64(&mut folded)?;
        *value = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        Ok(())
    }

    /// A signed number of at most 128 bits.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn i128(&mut self, value: &mut i128) -> Coded {
        let mut folded = (*value << 1 ^ *value >> 127) as u128;
        self.u128(&mut folded)?;
        *value = (folded >> 1) as i128 ^ -((folded & 1) as i128);
        Ok(())
    }

    /// Yes or no.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn flag(&mut self, value: &mut bool) -> Coded {
        let mut byte = u8::from(*value);
        self.byte(&mut byte)?;
        *value = match byte {
            0 => false,
            1 => true,
            _ => return Err(Damaged::Odd("a flag")),
        };
        Ok(())
    }

    /// A binary float, bit by bit.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn f64(&mut self, value: &mut f64) -> Coded {
        let mut bits = value.to_bits().swap_bytes();
        self.u64(&mut bits)?;
        *value = f64::from_bits(bits.swap_bytes());
        Ok(())
    }

    /// A point in event time.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn time(&mut self, value: &mut EventTime) -> Coded {
        let mut micros = value.micros();
        self.i64(&mut micros)?;
        *value = EventTime::from_micros(micros);
        Ok(())
    }

    /// Bytes.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn bytes(&mut self, value: &mut Vec<u8>) -> Coded {
        let mut length = value.len();
        self.usize(&mut length)?;
        match &mut self.way {
            Way::Save(out) => out.extend_from_slice(value),
            Way::Load(bytes) => {
                let (taken, rest) = bytes.split_at_checked(length).ok_or(Damaged::Short)?;
                (*value, *bytes) = (taken.to_vec(), rest);
            }
        }
        Ok(())
    }

    /// A text.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn text(&mut self, value: &mut Arc<str>) -> Coded {
        let mut length = value.len();
        self.usize(&mut length)?;
        match &mut self.way {
            Way::Save(out) => out.extend_from_slice(value.as_bytes()),
            Way::Load(bytes) => {
                let (taken, rest) = bytes.split_at_checked(length).ok_or(Damaged::Short)?;
                *value = Arc::from(std::str::from_utf8(taken).map_err(|_| Damaged::Odd("a text"))?);
                *bytes = rest;
            }
        }
        Ok(())
    }

    /// A text of its own.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn string(&mut self, value: &mut String) -> Coded {
        let mut bytes = std::mem::take(value).into_bytes();
        self.bytes(&mut bytes)?;
        *value = String::from_utf8(bytes).map_err(|_| Damaged::Odd("a text"))?;
        Ok(())
    }

    /// What may be there.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn option<T>(
        &mut self,
        value: &mut Option<T>,
        new: impl FnOnce() -> T,
        each: impl FnOnce(&mut T, &mut Codec<'a, X>) -> Coded,
    ) -> Coded {
        let mut is_some = value.is_some();
        self.flag(&mut is_some)?;
        match (is_some, &mut *value) {
            (false, _) => *value = None,
            (true, Some(value)) => each(value, self)?,
            (true, None) => each(value.insert(new()), self)?,
        }
        Ok(())
    }

    /// A list: what is read takes the place of what it has.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn list<T>(
        &mut self,
        items: &mut Vec<T>,
        mut new: impl FnMut() -> T,
        mut each: impl FnMut(&mut T, &mut Codec<'a, X>) -> Coded,
    ) -> Coded {
        let length = self.length(items.len())?;
        if self.is_loading() {
            *items = Vec::with_capacity(length.min(RESERVED_MAX));
            for _ in 0..length {
                let mut item = new();
                each(&mut item, self)?;
                items.push(item);
            }
            return Ok(());
        }
        items.iter_mut().try_for_each(|item| each(item, self))
    }

    /// A queue, as [`list`](Codec::list).
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn queue<T>(
        &mut self,
        items: &mut VecDeque<T>,
        new: impl FnMut() -> T,
        mut each: impl FnMut(&mut T, &mut Codec<'a, X>) -> Coded,
    ) -> Coded {
        if self.is_loading() {
            let mut list = Vec::new();
            self.list(&mut list, new, each)?;
            *items = list.into();
            return Ok(());
        }
        self.length(items.len())?;
        items.iter_mut().try_for_each(|item| each(item, self))
    }

    /// How many follow.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: each takes at least a byte.
    pub fn length(&mut self, mut length: usize) -> Result<usize, Damaged> {
        self.usize(&mut length)?;
        if self.is_loading() && length > self.rest().len() {
            return Err(Damaged::Short);
        }
        Ok(length)
    }

    /// A value of any type, with its type.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn value(&mut self, value: &mut Value) -> Coded {
        let mut kind = match value {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) => 2,
            Value::Float(_) => 3,
            Value::Decimal(_) => 4,
            Value::String(_) => 5,
            Value::Timestamp(_) => 6,
            Value::Duration(_) => 7,
        };
        self.byte(&mut kind)?;
        if self.is_loading() {
            *value = match kind {
                0 => Value::Null,
                1 => Value::Bool(false),
                2 => Value::Int(0),
                3 => Value::Float(0.0),
                4 => Value::Decimal(Decimal { units: 0, scale: 0 }),
                5 => Value::text(""),
                6 => Value::Timestamp(EventTime::START),
                7 => Value::Duration(Duration::ZERO),
                _ => return Err(Damaged::Odd("the type of a value")),
            };
        }
        match value {
            Value::Null => Ok(()),
            Value::Bool(value) => self.flag(value),
            Value::Int(value) => self.i64(value),
            Value::Float(value) => self.f64(value),
            Value::Decimal(value) => {
                self.i64(&mut value.units)?;
                self.byte(&mut value.scale)?;
                let fits = value.scale <= Decimal::MAX_SCALE;
                if fits { Ok(()) } else { Err(Damaged::Odd("the scale of a decimal")) }
            }
            Value::String(value) => self.text(value),
            Value::Timestamp(value) => self.time(value),
            Value::Duration(value) => {
                let mut micros = value.micros();
                self.i64(&mut micros)?;
                *value = Duration::from_micros(micros);
                Ok(())
            }
        }
    }

    /// Some values: a key.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub fn values(&mut self, values: &mut Arc<[Value]>) -> Coded {
        let mut list = values.to_vec();
        self.list(&mut list, || Value::Null, |value, codec| codec.value(value))?;
        *values = Arc::from(list);
        Ok(())
    }
}

/// Writes a whole number in groups of seven bits.
fn put(out: &mut Vec<u8>, mut left: u64) {
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_values() -> Vec<Value> {
        let numbers = [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN];
        let mut values: Vec<Value> = numbers.into_iter().map(Value::Int).collect();
        values.extend([0.0, -0.0, 1.5, f64::INFINITY, f64::MIN_POSITIVE].map(Value::Float));
        values.extend([
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::text(""),
            Value::text("é\0x"),
        ]);
        values.push(Value::Decimal(Decimal { units: -705, scale: 2 }));
        values.push(Value::Timestamp(EventTime::END));
        values.push(Value::Duration(Duration::from_micros(-7)));
        values
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let mut values: Arc<[Value]> = Arc::from(all_values());
        let mut out = Vec::new();
        Codec::saving(&mut out).values(&mut values).expect("it can be written");
        let mut codec = Codec::loading(&out);
        let mut read: Arc<[Value]> = Arc::from([]);
        codec.values(&mut read).expect("it can be read");
        codec.end().expect("nothing is left");
        assert_eq!(read, values);
        let negative_zero = |value: &Value| matches!(value, Value::Float(zero) if zero.is_sign_negative());
        assert_eq!(read.iter().filter(|value| negative_zero(value)).count(), 1);
    }

    #[test]
    fn what_was_cut_or_changed_is_refused_or_another_value_but_no_panic() {
        let mut values: Arc<[Value]> = Arc::from(all_values());
        let mut out = Vec::new();
        Codec::saving(&mut out).values(&mut values).expect("it can be written");
        for end in 0..out.len() {
            let mut read: Arc<[Value]> = Arc::from([]);
            assert!(Codec::loading(&out[..end]).values(&mut read).is_err(), "cut at {end}");
        }
        for at in 0..out.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = out.clone();
                bytes[at] ^= flip;
                let mut read: Arc<[Value]> = Arc::from([]);
                let _ = Codec::loading(&bytes).values(&mut read);
            }
        }
    }
}
