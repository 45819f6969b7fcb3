//! Records and events as JSON lines.
//!
//! A record is `at`, `pattern`, `id`, `meta`, `timeout` where it is one, then every field of its stream in order,
//! nulls included: a reader sees one schema whichever pattern emitted. Decimals are numbers with all their digits.
//! A late event is written as it was read, nested members too, so that the file can be an input again.

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

fn push_member(out: &mut Vec<u8>, first: bool, name: &str, value: &Value) {
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
        Value::Float(value) if !value.is_finite() => out.extend_from_slice(b"null"),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {
            put(out, format_args!("{value}"));
        }
        Value::String(text) => push_string(out, text),
        Value::Timestamp(_) | Value::Duration(_) => put(out, format_args!("\"{value}\"")),
    }
}

/// Appends text as a JSON string.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing text into memory cannot fail");
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing into memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Decimal, Type};
    use crate::time::{Duration, EventTime};

    fn field(name: &str, path: &[&str]) -> Field {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        Field { name: name.to_owned(), doc: None, ty: Type::Int, nullable: true, path }
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
    fn an_event_is_written_in_the_shape_it_was_read_from() {
        let fields =
            [field("city", &["geo", "city"]), field("a", &["a"]), field("lat", &["geo", "point", "lat"])];
        let mut out = Vec::new();
        push_event(&mut out, &fields, |at| Value::Int(at as i64));
        assert_eq!(String::from_utf8_lossy(&out), r#"{"geo":{"city":0,"point":{"lat":2}},"a":1}"#);
    }
}
