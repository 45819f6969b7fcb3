//! One scalar, still as text, to a value of a declared type: of JSON ([`read`]), or of a file with columns ([`read_text`]).
//!
//! Numbers are read from their text: a decimal or an `int` never passes through a float, so nothing is rounded.

use std::borrow::Cow;

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::event::{Decimal, Type, Value};
use crate::lang::hir::Form;
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
pub(super) fn read(
    raw: &str,
    ty: Type,
    form: &Form,
    mut text: impl FnMut(&str) -> Value,
) -> Result<Value, Misfit> {
    if !matches!(form, Form::Plain) && matches!(raw.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9')) {
        return match (is_string(raw), form) {
            (true, _) => read_text(&string(raw)?, ty, form, text),
            // A JSON number has its own way of being written.
            (false, Form::Number { .. }) => read_text(raw, ty, &Form::Plain, text),
            (false, _) => read_text(raw, ty, form, text),
        };
    }
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

/// The value of a text that is not null; blanks around anything but text do not count.
pub(super) fn read_text(
    text: &str,
    ty: Type,
    form: &Form,
    mut share: impl FnMut(&str) -> Value,
) -> Result<Value, Misfit> {
    let trimmed = text.trim();
    let unmarked = match form {
        Form::Number { group, point } => Cow::Owned(unmarked(trimmed, *group, *point)?),
        _ => Cow::Borrowed(trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    match ty {
        Type::String => Ok(share(text)),
        Type::Bool => truth(trimmed).map(Value::Bool).ok_or(Misfit::WrongType),
        Type::Int => number(&unmarked).and_then(int).map(Value::Int),
        Type::Float => number(with_zero(&unmarked).as_ref()).and_then(float).map(Value::Float),
        Type::Decimal(scale) => {
            number(with_zero(&unmarked).as_ref()).and_then(|text| decimal(text, scale)).map(Value::Decimal)
        }
        Type::Timestamp => time_text(trimmed, form).map(Value::Timestamp),
        Type::Duration => duration_text(trimmed).map(Value::Duration),
    }
}

/// What is expected of a value, in words.
pub(super) fn expected(ty: Type, form: &Form) -> String {
    match (ty, form) {
        (Type::Timestamp, Form::Plain) => "RFC 3339 or a number of milliseconds".to_owned(),
        (_, Form::Calendar(format, _)) => format!("a time as `{format}`"),
        (_, Form::Units(nanos)) => {
            let unit = match nanos {
                1 => "nanoseconds",
                1000 => "microseconds",
                1_000_000 => "milliseconds",
                1_000_000_000 => "seconds",
                60_000_000_000 => "minutes",
                3_600_000_000_000 => "hours",
                _ => "days",
            };
            format!("a number of {unit} since 1970")
        }
        (ty, Form::Number { group, point }) => {
            format!("{ty} with `{group}` between thousands and `{point}` before the fraction")
        }
        (ty, Form::Plain) => ty.to_string(),
    }
}

/// A truth value, as spreadsheets, databases and people write it, in some languages.
pub fn truth(text: &str) -> Option<bool> {
    const TRUE: [&str; 11] = ["true", "t", "yes", "y", "1", "ja", "wahr", "oui", "vrai", "si", "verdadero"];
    const FALSE: [&str; 10] = ["false", "f", "no", "n", "0", "nein", "falsch", "non", "faux", "falso"];
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&TRUE) { Some(true) } else { is(&FALSE).then_some(false) }
}

/// `.5` as `0.5`, which other tools leave out.
fn with_zero(text: &str) -> Cow<'_, str> {
    match text.strip_prefix('-').unwrap_or(text).starts_with('.') {
        true => Cow::Owned(text.replacen('.', "0.", 1)),
        false => Cow::Borrowed(text),
    }
}

/// A number without the marks between its thousands, which may also be left out, and with a point before its fraction.
fn unmarked(text: &str, group: char, point: char) -> Result<String, Misfit> {
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or_default();
    let is_first_short = first.trim_start_matches(['-', '+']).len() <= 3;
    let mut plain = first.trim_start_matches('+').to_owned();
    for digits in groups {
        if !is_first_short || digits.len() != 3 {
            return Err(Misfit::WrongType);
        }
        plain.push_str(digits);
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    let is_number = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if is_number { Ok(plain) } else { Err(Misfit::WrongType) }
}

fn time_text(text: &str, form: &Form) -> Result<EventTime, Misfit> {
    let time = match form {
        Form::Calendar(format, zone) => calendar(text, format, zone)
            .or_else(|| EventTime::parse_rfc3339(text))
            .ok_or(Misfit::WrongType)?,
        Form::Units(nanos) => counted(text, *nanos)?,
        _ => counted(text, 1_000_000)?,
    };
    if is_on_calendar(time) { Ok(time) } else { Err(Misfit::OutOfRange) }
}

/// A number of so many nanoseconds each, or RFC 3339.
fn counted(text: &str, nanos: i64) -> Result<EventTime, Misfit> {
    match number(text) {
        Ok(number) => units(number, nanos).map(EventTime::from_micros),
        Err(misfit) => EventTime::parse_rfc3339(text).ok_or(misfit),
    }
}

/// A time in a format; without an offset it is one of the zone. Of two that a clock shows twice it is the first, and one
/// that a clock leaves out is as much later.
fn calendar(text: &str, format: &str, zone: &TimeZone) -> Option<EventTime> {
    let parts = calendar_parts(text, format)?;
    let timestamp = match parts.offset() {
        Some(_) => parts.to_timestamp().ok()?,
        None => {
            let time =
                parts.to_datetime().or_else(|_| parts.to_date().map(|date| date.at(0, 0, 0, 0))).ok()?;
            zone.to_timestamp(time).ok()?
        }
    };
    Some(EventTime::from_micros(timestamp.as_nanosecond().div_euclid(1000) as i64))
}

/// Whether a text is a time in a format, as it would be read.
pub fn is_time_as(text: &str, format: &str) -> bool {
    calendar_parts(text, format).is_some_and(|time| time.to_datetime().is_ok() || time.to_date().is_ok())
}

/// What a format finds in a text. A year has four digits, or is that of `%y`: `%Y` would take `26` for the year 26.
fn calendar_parts(text: &str, format: &str) -> Option<BrokenDownTime> {
    let parts = BrokenDownTime::parse(format, text).ok()?;
    let is_whole = |year: i16| year >= 1000 || text.contains(&format!("{year:04}"));
    parts.year().is_none_or(is_whole).then_some(parts)
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
    span(&string(raw)?).ok_or(Misfit::WrongType)
}

fn duration_text(text: &str) -> Result<Duration, Misfit> {
    match number(text) {
        Ok(number) => micros(number).map(Duration::from_micros),
        Err(misfit) => span(text).ok_or(misfit),
    }
}

fn span(text: &str) -> Option<Duration> {
    match text.strip_prefix('-') {
        Some(text) => Duration::parse(text).map(|span| Duration::from_micros(-span.micros())),
        None => Duration::parse(text),
    }
}

/// Microseconds of a number of milliseconds. Finer digits are cut: the result lies at or before the number.
fn micros(text: &str) -> Result<i64, Misfit> {
    if let Ok(millis) = text.parse::<i64>() {
        return millis.checked_mul(1000).ok_or(Misfit::OutOfRange);
    }
    units(text, 1_000_000)
}

/// Microseconds of a number of so many nanoseconds each, cut in the same way.
fn units(text: &str, nanos: i64) -> Result<i64, Misfit> {
    exact_micros(text, nanos).ok_or(Misfit::OutOfRange)
}

fn exact_micros(text: &str, nanos: i64) -> Option<i64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let units = format!("{whole}{fraction}").parse::<i128>().ok()?.checked_mul(i128::from(nanos))?;
    let shift = i64::from(exponent) - fraction.len() as i64 - 3;
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
        read(raw, ty, &Form::Plain, Value::text)
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
    fn a_text_is_read_as_people_write_it() {
        let text = |text, ty| read_text(text, ty, &Form::Plain, Value::text);
        assert_eq!(text(" 7 ", Type::Int), Ok(Value::Int(7)));
        assert_eq!(text("+.5", Type::Float), Ok(Value::Float(0.5)));
        assert_eq!(text("-.50", Type::Decimal(1)), Ok(Value::Decimal(Decimal { units: -5, scale: 1 })));
        assert_eq!(text("True", Type::Bool), Ok(Value::Bool(true)));
        assert_eq!(text("0", Type::Bool), Ok(Value::Bool(false)));
        assert_eq!(text("1,234", Type::Int), Err(Misfit::WrongType));
        assert_eq!(text("2", Type::Bool), Err(Misfit::WrongType));
        assert_eq!(text(" a", Type::String), Ok(Value::text(" a")));
        assert_eq!(text("10m", Type::Duration), Ok(Value::Duration(Duration::from_secs(600))));
        assert_eq!(
            text("1970-01-01T00:00:01Z", Type::Timestamp),
            Ok(Value::Timestamp(EventTime::from_millis(1000)))
        );
    }

    #[test]
    fn marks_between_thousands_are_taken_out_where_they_were_announced() {
        let cents = |text, group, point| {
            read_text(text, Type::Decimal(2), &Form::Number { group, point }, Value::text)
                .map(|value| value.to_string())
        };
        assert_eq!(cents("1,234.5", ',', '.'), Ok("1234.50".to_owned()));
        assert_eq!(cents("-1.234.567,89", '.', ','), Ok("-1234567.89".to_owned()));
        assert_eq!(cents("12 345,00", ' ', ','), Ok("12345.00".to_owned()));
        assert_eq!(cents("1234,5", '.', ','), Ok("1234.50".to_owned()));
        for wrong in ["1,23.4", "12,3456", "1234,567", "1,,234", "1e5", "x"] {
            assert_eq!(cents(wrong, ',', '.'), Err(Misfit::WrongType), "{wrong}");
        }
    }

    #[test]
    fn times_are_read_in_their_format_and_zone() {
        let paris = TimeZone::get("Europe/Paris").expect("a zone");
        let time = |text: &str, format: &str, zone: &TimeZone| {
            read_text(text, Type::Timestamp, &Form::Calendar(format.to_owned(), zone.clone()), Value::text)
                .map(|value| value.to_string())
        };
        let utc = TimeZone::UTC;
        let is = |text: &str| Ok(text.to_owned());
        assert_eq!(time("31/12/2024 23:59:58", "%d/%m/%Y %H:%M:%S", &utc), is("2024-12-31T23:59:58.000Z"));
        assert_eq!(time("31/12/2024 23:59:58", "%d/%m/%Y %H:%M:%S", &paris), is("2024-12-31T22:59:58.000Z"));
        assert_eq!(time("1/7/24 0:05", "%d/%m/%y %H:%M", &paris), is("2024-06-30T22:05:00.000Z"));
        assert_eq!(time("01.03.26", "%d.%m.%y", &utc), is("2026-03-01T00:00:00.000Z"));
        assert_eq!(time("01.03.26", "%d.%m.%Y", &utc), Err(Misfit::WrongType), "no year of two digits");
        assert_eq!(time("01.03.0026", "%d.%m.%Y", &utc), is("0026-03-01T00:00:00.000Z"));
        assert_eq!(time("20240229", "%Y%m%d", &utc), is("2024-02-29T00:00:00.000Z"));
        assert_eq!(
            time("2024-02-29 01:02:03+02:00", "%Y-%m-%d %H:%M:%S%:z", &paris),
            is("2024-02-28T23:02:03.000Z")
        );
        assert_eq!(
            time("2024-02-29T01:02:03Z", "%Y%m%d", &paris),
            is("2024-02-29T01:02:03.000Z"),
            "as it is written here"
        );
        assert_eq!(time("30/02/2024", "%d/%m/%Y", &utc), Err(Misfit::WrongType));
        let counted = |text, nanos| {
            read_text(text, Type::Timestamp, &Form::Units(nanos), Value::text).map(|value| value.to_string())
        };
        assert_eq!(counted("1.5", 3_600_000_000_000), is("1970-01-01T01:30:00.000Z"));
        assert_eq!(counted("1700000000", 1_000_000_000), is("2023-11-14T22:13:20.000Z"));
        assert_eq!(counted("1500", 1), is("1970-01-01T00:00:00.000001Z"));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(value(r#""a\"b\u00e9""#, Type::String), Ok(Value::text("a\"bé")));
        assert_eq!(value(r#""\ud800""#, Type::String), Err(Misfit::BadEscape));
        assert_eq!(value("5", Type::String), Err(Misfit::WrongType));
    }
}
