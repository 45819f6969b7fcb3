//! A single value and its type.

use std::fmt;
use std::sync::Arc;

use crate::time::{Duration, EventTime};

/// The type of a field or an expression. Every one may also be null.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed number.
    Int,
    /// A 64-bit binary float.
    Float,
    /// An exact number with so many digits after the point, at most 18.
    Decimal(u8),
    /// Text; compared by bytes.
    String,
    /// A point in event time.
    Timestamp,
    /// A span of event time.
    Duration,
}

impl Type {
    /// Whether it is `int`, `float` or a decimal.
    pub const fn is_numeric(self) -> bool {
        matches!(self, Type::Int | Type::Float | Type::Decimal(_))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::Decimal(scale) => write!(f, "decimal({scale})"),
            Type::String => f.write_str("string"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
        }
    }
}

/// An exact number: `units` divided by 10 to the power of `scale`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Decimal {
    /// The number without its point.
    pub units: i64,
    /// Digits after the point, at most [`Decimal::MAX_SCALE`].
    pub scale: u8,
}

impl Decimal {
    /// The most digits after the point.
    pub const MAX_SCALE: u8 = 18;

    /// Reads a plain number from its text, never through a float: `None` where it is not one, has more digits
    /// after the point than `scale` (trailing zeros aside), or does not fit. An exponent is understood.
    ///
    /// # Example
    ///
    /// ```
    /// use ensue::Decimal;
    ///
    /// assert_eq!(Decimal::parse("-7.1", 2), Some(Decimal { units: -710, scale: 2 }));
    /// assert_eq!(Decimal::parse("7.125", 2), None);
    /// ```
    pub fn parse(text: &str, scale: u8) -> Option<Decimal> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut units: i128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            units = units.checked_mul(10)?.checked_add(i128::from(digit))?;
        }
        let mut shift = i64::from(scale) + i64::from(exponent) - fraction.len() as i64;
        while shift < 0 && units % 10 == 0 && units != 0 {
            units /= 10;
            shift += 1;
        }
        if shift < 0 && units != 0 {
            return None;
        }
        if units != 0 {
            units = units.checked_mul(10_i128.checked_pow(u32::try_from(shift).ok()?)?)?;
        }
        let units = i64::try_from(if negative { -units } else { units }).ok()?;
        Some(Decimal { units, scale })
    }

    /// The nearest binary float.
    pub fn to_f64(self) -> f64 {
        // Division of two exactly represented numbers is correctly rounded; 10^18 is exact in a float.
        self.units as f64 / 10_f64.powi(i32::from(self.scale))
    }

    /// The same number with `scale` digits, at least as many as now, without the limits of 64 bits.
    pub fn units_at(self, scale: u8) -> i128 {
        i128::from(self.units) * 10_i128.pow(u32::from(scale.saturating_sub(self.scale)))
    }
}

impl fmt::Display for Decimal {
    /// With all its digits: `7.10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.units);
        }
        let base = 10_u64.pow(u32::from(self.scale));
        let sign = if self.units < 0 { "-" } else { "" };
        let absolute = self.units.unsigned_abs();
        write!(f, "{sign}{}.{:0width$}", absolute / base, absolute % base, width = usize::from(self.scale))
    }
}

/// One value of an event or an expression. Cloning is cheap: text is shared.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Missing, or not known.
    Null,
    /// A truth value.
    Bool(bool),
    /// A 64-bit number.
    Int(i64),
    /// A float; never NaN, which is null.
    Float(f64),
    /// An exact number.
    Decimal(Decimal),
    /// Text.
    String(Arc<str>),
    /// A point in event time.
    Timestamp(EventTime),
    /// A span of event time.
    Duration(Duration),
}

impl Value {
    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Text as a value.
    pub fn text(text: &str) -> Value {
        Value::String(Arc::from(text))
    }

    /// The type, unless it is null.
    pub const fn ty(&self) -> Option<Type> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Float(_) => Type::Float,
            Value::Decimal(decimal) => Type::Decimal(decimal.scale),
            Value::String(_) => Type::String,
            Value::Timestamp(_) => Type::Timestamp,
            Value::Duration(_) => Type::Duration,
        })
    }
}

impl fmt::Display for Value {
    /// As interpolation in a message prints it: text bare, null as `null`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Decimal(value) => write!(f, "{value}"),
            Value::String(value) => f.write_str(value),
            Value::Timestamp(value) => write!(f, "{value}"),
            Value::Duration(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        let read = |text, scale| Decimal::parse(text, scale).map(|decimal| decimal.units);
        assert_eq!(read("5", 2), Some(500));
        assert_eq!(read("5.10", 1), Some(51));
        assert_eq!(read("5.11", 1), None);
        assert_eq!(read("-0.05", 2), Some(-5));
        assert_eq!(read("1e2", 0), Some(100));
        assert_eq!(read("1.5e-1", 2), Some(15));
        assert_eq!(read("0.000e9", 0), Some(0));
        assert_eq!(read("9223372036854775808", 0), None);
        for text in ["", "-", ".", "1.2.3", "1x", "0x1", "1e", "NaN"] {
            assert_eq!(read(text, 2), None, "{text}");
        }
    }

    #[test]
    fn a_decimal_prints_all_its_digits() {
        assert_eq!(Decimal { units: -5, scale: 2 }.to_string(), "-0.05");
        assert_eq!(Decimal { units: i64::MIN, scale: 2 }.to_string(), "-92233720368547758.08");
    }
}
