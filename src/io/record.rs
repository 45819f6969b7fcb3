//! Records and events as JSON lines.
//!
//! A record is `at`, `pattern`, `id`, `meta`, `timeout` where it is one, then every field of its stream in order,
//! nulls included: a reader sees one schema whichever pattern emitted. Decimals are numbers with all their digits.
//! A late event is written as it was read, nested members too, so that the file can be an input again.
//!
//! Bytes go straight into the caller's buffer. What records mostly hold, texts, whole numbers, decimals and times of our
//! era, is written digit by digit here; the formatting machinery of the standard library costs several times as much
//! and writes the rest.

use std::io::Write as _;

use crate::engine::Record;
use crate::event::Value;
use crate::lang::hir::{DERIVED_FIELDS, Field, Program};
use crate::matcher::Kind;

/// Appends a record as a JSON object, without the end of the line.
pub fn push_record(out: &mut Vec<u8>, program: &Program, record: &Record) {
    let fields = &program.stream(record.stream).fields;
    assert_eq!(fields.len(), record.fields.len(), "a record has the fields of its stream");
    let mut members = fields.iter().zip(&record.fields).enumerate();
    out.push(b'{');
    for (at, (field, value)) in members.by_ref().take(DERIVED_FIELDS) {
        push_member(out, at == 0, &field.name, value);
    }
    out.extend_from_slice(b",\"meta\":{");
    for (at, (name, value)) in program.pattern(record.pattern).meta.iter().enumerate() {
        push_member(out, at == 0, name, value);
    }
    out.push(b'}');
    if record.kind == Kind::Timeout {
        out.extend_from_slice(b",\"timeout\":true");
    }
    for (_, (field, value)) in members {
        push_member(out, false, &field.name, value);
    }
    out.push(b'}');
}

/// Appends an event of a source stream as a JSON object of the shape it was read from, without the end of the line.
///
/// `value` gives the value of a field by its index.
pub fn push_event(out: &mut Vec<u8>, fields: &[Field], value: impl Fn(usize) -> Value) {
    let all: Vec<usize> = (0..fields.len()).collect();
    push_object(out, fields, &all, 0, &value);
}

/// Appends the object that the paths of some fields share at a depth; members in order of first appearance.
fn push_object(
    out: &mut Vec<u8>,
    fields: &[Field],
    members: &[usize],
    depth: usize,
    value: &impl Fn(usize) -> Value,
) {
    out.push(b'{');
    let mut first = true;
    for (at, member) in members.iter().enumerate() {
        let Some(name) = fields[*member].path.get(depth) else { continue };
        let shares = |other: &&usize| fields[**other].path.get(depth) == Some(name);
        if members[..at].iter().any(|earlier| shares(&earlier)) {
            continue;
        }
        push_name(out, std::mem::take(&mut first), name);
        let inside: Vec<usize> = members[at..].iter().filter(shares).copied().collect();
        match inside.iter().find(|field| fields[**field].path.len() == depth + 1) {
            Some(field) => push_value(out, &value(*field)),
            None => push_object(out, fields, &inside, depth + 1, value),
        }
    }
    out.push(b'}');
}

pub(super) fn push_member(out: &mut Vec<u8>, first: bool, name: &str, value: &Value) {
    push_name(out, first, name);
    push_value(out, value);
}

fn push_name(out: &mut Vec<u8>, first: bool, name: &str) {
    if !first {
        out.push(b',');
    }
    push_string(out, name);
    out.push(b':');
}

/// Appends a value as JSON: times as RFC 3339, durations as patterns write them, floats in their shortest form.
pub fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(value) => push_units(out, *value, 0),
        Value::Decimal(value) => push_units(out, value.units, usize::from(value.scale)),
        Value::Float(value) if !value.is_finite() => out.extend_from_slice(b"null"),
        Value::Float(value) => put(out, format_args!("{value:?}")),
        Value::String(text) => push_string(out, text),
        Value::Timestamp(time) => {
            out.push(b'"');
            if !push_time(out, time.micros()) {
                put(out, format_args!("{time}"));
            }
            out.push(b'"');
        }
        Value::Duration(value) => put(out, format_args!("\"{value}\"")),
    }
}

/// Appends text as a JSON string.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        serde_json::to_writer(out, text).expect("writing text into memory cannot fail");
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Appends a number of units with the last `scale` digits behind a point.
fn push_units(out: &mut Vec<u8>, units: i64, scale: usize) {
    // A sign, 19 digits, a point, and zeros before the point and behind it: at most 18 digits stand behind it.
    let mut bytes = [0; 24];
    let mut start = bytes.len();
    let mut rest = units.unsigned_abs();
    let mut digits = 0;
    while rest > 0 || digits <= scale {
        if digits == scale && scale > 0 {
            start -= 1;
            bytes[start] = b'.';
        }
        start -= 1;
        bytes[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        digits += 1;
    }
    if units < 0 {
        start -= 1;
        bytes[start] = b'-';
    }
    out.extend_from_slice(&bytes[start..]);
}

/// Appends a time as `2023-11-14T22:13:20.123Z`, with six digits where milliseconds are not enough. `false` for a time
/// before 1970 or after 9999, for which nothing is written.
pub(super) fn push_time(out: &mut Vec<u8>, micros: i64) -> bool {
    const DAY: i64 = 86_400_000_000;
    const LAST_DAY: i64 = 2_932_895;
    if micros < 0 || micros / DAY >= LAST_DAY {
        return false;
    }
    let (year, month, day) = civil_date((micros / DAY) as u32);
    let (seconds, fraction) = (micros % DAY / 1_000_000, micros % 1_000_000);
    push_padded(out, year, 4);
    for (mark, part) in [(b'-', month), (b'-', day)] {
        out.push(mark);
        push_padded(out, part, 2);
    }
    for (mark, part) in [(b'T', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
        out.push(mark);
        push_padded(out, part as u32, 2);
    }
    out.push(b'.');
    match fraction % 1000 {
        0 => push_padded(out, fraction as u32 / 1000, 3),
        _ => push_padded(out, fraction as u32, 6),
    }
    out.push(b'Z');
    true
}

fn push_padded(out: &mut Vec<u8>, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b'0' + (number / 10_u32.pow(place) % 10) as u8);
    }
}

/// Year, month and day of a day after 1970-01-01, in the Gregorian calendar. Years are counted from March, so that a leap
/// day comes last, in periods of 400 years, which all have the same days (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil_date(days: u32) -> (u32, u32, u32) {
    const PERIOD: u32 = 146_097;
    let days = days + 719_468;
    let (period, day) = (days / PERIOD, days % PERIOD);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * period + year + next, month, date)
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing into memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Decimal, Type};
    use crate::lang::hir::Form;
    use crate::time::{Duration, EventTime};

    fn field(name: &str, path: &[&str]) -> Field {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        Field { name: name.to_owned(), doc: None, ty: Type::Int, nullable: true, path, form: Form::Plain }
    }

    fn written(value: Value) -> String {
        let mut out = Vec::new();
        push_value(&mut out, &value);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn values_are_json() {
        assert_eq!(written(Value::Null), "null");
        assert_eq!(written(Value::Decimal(Decimal { units: 90000, scale: 2 })), "900.00");
        assert_eq!(written(Value::Float(0.1)), "0.1");
        assert_eq!(written(Value::Float(1e300)), "1e300");
        assert_eq!(written(Value::Float(f64::INFINITY)), "null");
        assert_eq!(written(Value::text("a\"\n")), r#""a\"\n""#);
        assert_eq!(written(Value::Duration(Duration::from_secs(119))), r#""1m59s""#);
        assert_eq!(written(Value::Timestamp(EventTime::from_millis(1))), r#""1970-01-01T00:00:00.001Z""#);
    }

    #[test]
    fn what_is_written_digit_by_digit_is_what_displaying_says() {
        for units in [0, 1, -1, 9, 10, -10, 99, 100, 12345, -12345, i64::MAX, i64::MIN] {
            assert_eq!(written(Value::Int(units)), units.to_string());
            for scale in 0..=18 {
                let value = Value::Decimal(Decimal { units, scale });
                assert_eq!(written(value.clone()), value.to_string());
            }
        }
        let day = 86_400_000_000;
        let years = (0..4000).map(|step| step * 733 * day + step * 7_654_321);
        let around =
            [-1, 0, 1, 999, 1000, 253_402_207_200_999_999, 253_402_300_800_000_000, i64::MAX, i64::MIN];
        let leaps = [(2000, 11_016), (2024, 19_782), (2100, 47_540)].map(|(_, day_number)| day_number * day);
        for micros in years.chain(around).chain(leaps.into_iter().flat_map(|at| [at - 1, at, at + day])) {
            let time = EventTime::from_micros(micros);
            assert_eq!(written(Value::Timestamp(time)), format!("\"{time}\""));
        }
    }

    #[test]
    fn texts_are_escaped_as_json_wants_it() {
        for text in ["", "plain", "é\u{7f}\u{2028}", "a\"b", "\\", "\t", "\u{1f}", "\0"] {
            assert_eq!(written(Value::text(text)), serde_json::to_string(text).expect("text"));
        }
    }

    #[test]
    fn an_event_is_written_in_the_shape_it_was_read_from() {
        let fields =
            [field("city", &["geo", "city"]), field("a", &["a"]), field("lat", &["geo", "point", "lat"])];
        let mut out = Vec::new();
        push_event(&mut out, &fields, |at| Value::Int(at as i64));
        assert_eq!(String::from_utf8_lossy(&out), r#"{"geo":{"city":0,"point":{"lat":2}},"a":1}"#);
    }
}
