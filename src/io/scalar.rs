//! One JSON scalar, still as text, to a value of a declared type.
//!
//! Numbers are read from their text: a decimal or an `int` never passes through a float, so nothing is rounded.

use std::borrow::Cow;

use crate::event::{Decimal, Type, Value};
use crate::time::{Duration, EventTime};

/// Why a scalar is not of its type. The decoder adds the field and the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misfit {
    /// Something else stands there.
    WrongType,
    /// A decimal with more digits after the point than declared.
    TooManyDigits,
    /// Too large.
    OutOfRange,
    /// A string whose escapes name no character.
    BadEscape,
}

/// The value of a piece of valid JSON that is not `null`.
///
/// Text is given to `text`, which may share it with equal text.
pub(super) fn read(raw: &str, ty: Type, mut text: impl FnMut(&str) -> Value) -> Result<Value, Misfit> {
    match ty {
        Type::Bool => match raw {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(Misfit::WrongType),
        },
        Type::Int => number(raw).and_then(int).map(Value::Int),
        Type::Float => number(raw).and_then(float).map(Value::Float),
        Type::Decimal(scale) => {
            let text = if is_string(raw) { string(raw)? } else { Cow::Borrowed(raw) };
            number(&text).and_then(|text| decimal(text, scale)).map(Value::Decimal)
        }
        Type::String if is_string(raw) => string(raw).map(|value| text(&value)),
        Type::String => Err(Misfit::WrongType),
        Type::Timestamp => timestamp(raw).map(Value::Timestamp),
        Type::Duration => duration(raw).map(Value::Duration),
    }
}

fn is_string(raw: &str) -> bool {
    raw.starts_with('"')
}

/// The text of a JSON string; borrowed unless it has escapes.
fn string(raw: &str) -> Result<Cow<'_, str>, Misfit> {
    let inner = &raw[1..raw.len() - 1];
    if inner.contains('\\') {
        serde_json::from_str::<String>(raw).map(Cow::Owned).map_err(|_| Misfit::BadEscape)
    } else {
        Ok(Cow::Borrowed(inner))
    }
}

/// The text itself where it is a number.
fn number(text: &str) -> Result<&str, Misfit> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts = digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if starts && text.parse::<f64>().is_ok() { Ok(text) } else { Err(Misfit::WrongType) }
}

fn int(text: &str) -> Result<i64, Misfit> {
    if let Ok(value) = text.parse::<i64>() {
        return Ok(value);
    }
    match Decimal::parse(text, 0) {
        Some(whole) => Ok(whole.units),
        None if magnitude(text) >= i64::MAX as f64 => Err(Misfit::OutOfRange),
        None => Err(Misfit::WrongType),
    }
}

fn float(text: &str) -> Result<f64, Misfit> {
    let value: f64 = text.parse().map_err(|_| Misfit::WrongType)?;
    if value.is_finite() { Ok(value) } else { Err(Misfit::OutOfRange) }
}

fn decimal(text: &str, scale: u8) -> Result<Decimal, Misfit> {
    Decimal::parse(text, scale).ok_or_else(|| {
        if magnitude(text) * 10_f64.powi(i32::from(scale)) >= i64::MAX as f64 {
            Misfit::OutOfRange
        } else {
            Misfit::TooManyDigits
        }
    })
}

/// Only to say which of two reasons it is.
fn magnitude(text: &str) -> f64 {
    text.parse::<f64>().unwrap_or(0.0).abs()
}

fn timestamp(raw: &str) -> Result<EventTime, Misfit> {
    let time = if is_string(raw) {
        EventTime::parse_rfc3339(&string(raw)?).ok_or(Misfit::WrongType)?
    } else {
        EventTime::from_micros(micros(number(raw)?)?)
    };
    if is_on_calendar(time) { Ok(time) } else { Err(Misfit::OutOfRange) }
}

/// A time that no calendar can print is not one: the range is that of RFC 3339, whichever way it is written.
pub(super) fn is_on_calendar(time: EventTime) -> bool {
    jiff::Timestamp::from_microsecond(time.micros()).is_ok()
}

fn duration(raw: &str) -> Result<Duration, Misfit> {
    if !is_string(raw) {
        return micros(number(raw)?).map(Duration::from_micros);
    }
    let text = string(raw)?;
    match text.strip_prefix('-') {
        Some(text) => Duration::parse(text).map(|span| Duration::from_micros(-span.micros())),
        None => Duration::parse(&text),
    }
    .ok_or(Misfit::WrongType)
}

/// Microseconds of a number of milliseconds. Finer digits are cut: the result lies at or before the number.
fn micros(text: &str) -> Result<i64, Misfit> {
    if let Ok(millis) = text.parse::<i64>() {
        return millis.checked_mul(1000).ok_or(Misfit::OutOfRange);
    }
    exact_micros(text).ok_or(Misfit::OutOfRange)
}

fn exact_micros(text: &str) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let units: i128 = format!("{whole}{fraction}").parse().ok()?;
    let shift = 3 + i64::from(exponent) - fraction.len() as i64;
    let power = |digits: i64| 10_i128.checked_pow(u32::try_from(digits).ok()?);
    let micros = if units == 0 {
        0
    } else if shift >= 0 {
        units.checked_mul(power(shift)?)?
    } else {
        // A divisor beyond all digits leaves 0 or −1, as one just beyond them does.
        units.div_euclid(power(-shift).unwrap_or(i128::MAX))
    };
    i64::try_from(micros).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(raw: &str, ty: Type) -> Result<Value, Misfit> {
        read(raw, ty, Value::text)
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        assert_eq!(value("9223372036854775807", Type::Int), Ok(Value::Int(i64::MAX)));
        assert_eq!(value("9223372036854775808", Type::Int), Err(Misfit::OutOfRange));
        assert_eq!(value("-1e3", Type::Int), Ok(Value::Int(-1000)));
        assert_eq!(value("1.5", Type::Int), Err(Misfit::WrongType));
        assert_eq!(value("1e400", Type::Float), Err(Misfit::OutOfRange));
        assert_eq!(value("-1", Type::Float), Ok(Value::Float(-1.0)));
        assert_eq!(value("\"1\"", Type::Int), Err(Misfit::WrongType));
        assert_eq!(value("true", Type::Int), Err(Misfit::WrongType));
    }

    #[test]
    fn a_decimal_may_stand_in_a_string_and_is_never_rounded() {
        let cents = |units| Ok(Value::Decimal(Decimal { units, scale: 2 }));
        assert_eq!(value("0.1", Type::Decimal(2)), cents(10));
        assert_eq!(value("\"19.99\"", Type::Decimal(2)), cents(1999));
        assert_eq!(value("19.999", Type::Decimal(2)), Err(Misfit::TooManyDigits));
        assert_eq!(value("1e30", Type::Decimal(2)), Err(Misfit::OutOfRange));
        assert_eq!(value("\"ten\"", Type::Decimal(2)), Err(Misfit::WrongType));
        assert_eq!(value("\"inf\"", Type::Decimal(2)), Err(Misfit::WrongType));
        assert_eq!(value("\"\"", Type::Decimal(2)), Err(Misfit::WrongType));
    }

    #[test]
    fn times_are_rfc_3339_or_milliseconds() {
        let at = |micros| Ok(Value::Timestamp(EventTime::from_micros(micros)));
        assert_eq!(value("1500", Type::Timestamp), at(1_500_000));
        assert_eq!(value("1.5005", Type::Timestamp), at(1500));
        assert_eq!(value("-0.0001", Type::Timestamp), at(-1), "cut, not rounded to zero");
        assert_eq!(value("1e-90", Type::Timestamp), at(0));
        assert_eq!(value("1.5e3", Type::Timestamp), at(1_500_000));
        assert_eq!(value("\"1970-01-01T00:00:01Z\"", Type::Timestamp), at(1_000_000));
        assert_eq!(value("\"yesterday\"", Type::Timestamp), Err(Misfit::WrongType));
        assert_eq!(value("9223372036854775807", Type::Timestamp), Err(Misfit::OutOfRange));
        assert_eq!(
            value("9223372036854775", Type::Timestamp),
            Err(Misfit::OutOfRange),
            "beyond the calendar"
        );
        assert_eq!(value("1e999999999999", Type::Timestamp), Err(Misfit::OutOfRange));
    }

    #[test]
    fn durations_are_written_as_in_patterns_or_milliseconds() {
        let span = |secs| Ok(Value::Duration(Duration::from_secs(secs)));
        assert_eq!(value("\"10m\"", Type::Duration), span(600));
        assert_eq!(value("\"-10m\"", Type::Duration), span(-600));
        assert_eq!(value("2000", Type::Duration), span(2));
        assert_eq!(value("\"soon\"", Type::Duration), Err(Misfit::WrongType));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(value(r#""a\"b\u00e9""#, Type::String), Ok(Value::text("a\"bé")));
        assert_eq!(value(r#""\ud800""#, Type::String), Err(Misfit::BadEscape));
        assert_eq!(value("5", Type::String), Err(Misfit::WrongType));
    }
}
