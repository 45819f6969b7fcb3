//! Values on their way into columns, before it is known that the whole row is good.

use super::scalar;
use super::scan::Number;
use crate::event::{Cell, Type, Value};
use crate::time::EventTime;

/// A value on its way into a column; text as a range of the line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Staged {
    Null,
    Bool(bool),
    Units(i64),
    Float(f64),
    Text(u32, u32),
}

impl Staged {
    /// A value that is no text, as its column holds it; texts are ranges.
    pub(super) fn of(value: &Value) -> Option<Staged> {
        Some(match value {
            Value::Bool(value) => Staged::Bool(*value),
            Value::Int(value) => Staged::Units(*value),
            Value::Float(value) => Staged::Float(*value),
            Value::Decimal(value) => Staged::Units(value.units),
            Value::Timestamp(value) => Staged::Units(value.micros()),
            Value::Duration(value) => Staged::Units(value.micros()),
            Value::String(_) | Value::Null => return None,
        })
    }

    /// What goes into the column; `text` is what ranges are of.
    #[inline]
    pub(super) fn cell(self, text: &[u8]) -> Cell<'_> {
        match self {
            Staged::Null => Cell::Null,
            Staged::Bool(value) => Cell::Bool(value),
            Staged::Units(units) => Cell::Units(units),
            Staged::Float(value) => Cell::Float(value),
            Staged::Text(start, end) => Cell::Text(&text[start as usize..end as usize]),
        }
    }
}

/// A number as its column holds it.
#[inline]
pub(super) fn plain_number(number: Number, ty: Type) -> Option<Staged> {
    let Number { is_negative, mantissa, fraction } = number;
    // At most 18 digits.
    let signed = if is_negative { -(mantissa as i64) } else { mantissa as i64 };
    match ty {
        Type::Int if fraction == 0 => Some(Staged::Units(signed)),
        Type::Decimal(scale) => {
            let shift = usize::from(scale).checked_sub(fraction)?;
            signed.checked_mul(*POWERS.get(shift)?).map(Staged::Units)
        }
        Type::Timestamp if fraction == 0 => {
            let time = EventTime::from_micros(signed.checked_mul(1000)?);
            scalar::is_on_calendar(time).then_some(Staged::Units(time.micros()))
        }
        // A whole number below 2^53 divided by a power of ten that a float holds exactly: rounded once, correctly.
        Type::Float if mantissa < 1 << 53 => {
            let value = mantissa as f64 / POWERS[fraction] as f64;
            Some(Staged::Float(if is_negative { -value } else { value }))
        }
        _ => None,
    }
}

/// The powers of ten that an `i64` holds; a [`Number`] has at most 18 digits.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < 19 {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};
