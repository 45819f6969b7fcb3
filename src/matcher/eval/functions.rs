//! The functions of the language. Each gives null for null.

use std::cmp::Ordering;

use jiff::tz::TimeZone;

use super::numbers::{fault, float, from_float};
use super::{Faults, extreme};
use crate::event::{Decimal, Value};
use crate::lang::hir::Function;
use crate::time::{Duration, EventTime};

/// Calls a function; the checker has seen that the arguments fit it.
pub(super) fn call(function: Function, arguments: &[Value], faults: &Faults) -> Value {
    if arguments.iter().any(Value::is_null) {
        return Value::Null;
    }
    match (function, arguments) {
        (Function::Least, values) => extreme(values, Ordering::Less),
        (Function::Greatest, values) => extreme(values, Ordering::Greater),
        (Function::Concat, values) => Value::text(&values.iter().map(Value::to_string).collect::<String>()),
        (Function::DistanceKm, [a, b, c, d]) => distance_km([a, b, c, d], faults),
        (_, [value]) => of_one(function, value, faults),
        (_, [Value::Timestamp(time), Value::String(zone)]) => calendar(function, *time, Some(zone)),
        (Function::Round, [value, Value::Int(digits)]) => round_to(value, *digits, faults),
        (Function::Substring, [Value::String(text), Value::Int(from), Value::Int(length)]) => {
            let clamp = |number: i64| usize::try_from(number.max(0)).unwrap_or(usize::MAX);
            Value::text(&text.chars().skip(clamp(*from)).take(clamp(*length)).collect::<String>())
        }
        (_, [Value::String(text), Value::String(part)]) => match function {
            Function::StartsWith => Value::Bool(text.starts_with(&**part)),
            Function::EndsWith => Value::Bool(text.ends_with(&**part)),
            Function::Contains => Value::Bool(text.contains(&**part)),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

fn of_one(function: Function, value: &Value, faults: &Faults) -> Value {
    match (function, value) {
        (Function::Abs, _) => abs(value, faults),
        (Function::Round | Function::Floor | Function::Ceil, _) => whole(function, value, faults),
        (Function::Sqrt, _) => float(value).map_or(Value::Null, |value| from_float(value.sqrt(), faults)),
        (Function::ToString, _) => Value::text(&value.to_string()),
        (Function::ToInt, _) => to_int(value, faults),
        (Function::ToFloat, Value::String(text)) => {
            text.trim().parse().ok().filter(|value: &f64| value.is_finite()).map_or(Value::Null, Value::Float)
        }
        (Function::ToFloat, _) => float(value).map_or(Value::Null, Value::Float),
        (Function::Len, Value::String(text)) => Value::Int(text.chars().count() as i64),
        (Function::Lower, Value::String(text)) => Value::text(&text.to_lowercase()),
        (Function::Upper, Value::String(text)) => Value::text(&text.to_uppercase()),
        (Function::Trim, Value::String(text)) => Value::text(text.trim()),
        (Function::Seconds, Value::Duration(value)) => Value::Float(value.micros() as f64 / 1e6),
        (_, Value::Timestamp(time)) => calendar(function, *time, None),
        _ => Value::Null,
    }
}

fn abs(value: &Value, faults: &Faults) -> Value {
    match value {
        Value::Int(value) => value.checked_abs().map_or_else(|| fault(faults), Value::Int),
        Value::Float(value) => Value::Float(value.abs()),
        Value::Decimal(Decimal { units, scale }) => units
            .checked_abs()
            .map_or_else(|| fault(faults), |units| Value::Decimal(Decimal { units, scale: *scale })),
        Value::Duration(value) => Value::Duration(Duration::from_micros(value.micros().saturating_abs())),
        _ => Value::Null,
    }
}

/// `round`, `floor` and `ceil` give an int; `round` goes half away from zero.
fn whole(function: Function, value: &Value, faults: &Faults) -> Value {
    match value {
        Value::Int(value) => Value::Int(*value),
        Value::Decimal(Decimal { units, scale }) => {
            let one = 10_i128.pow(u32::from(*scale));
            let units = i128::from(*units);
            let result = match function {
                Function::Floor => units.div_euclid(one),
                Function::Ceil => -(-units).div_euclid(one),
                _ => (units.abs() + one / 2) / one * units.signum(),
            };
            i64::try_from(result).map_or_else(|_| fault(faults), Value::Int)
        }
        Value::Float(value) => {
            let result = match function {
                Function::Floor => value.floor(),
                Function::Ceil => value.ceil(),
                _ => value.round(),
            };
            from_whole_float(result, faults)
        }
        _ => Value::Null,
    }
}

fn from_whole_float(value: f64, faults: &Faults) -> Value {
    if value.abs() < 9.2e18 { Value::Int(value as i64) } else { fault(faults) }
}

/// `round(x, digits)`: a float.
fn round_to(value: &Value, digits: i64, faults: &Faults) -> Value {
    let Some(value) = float(value) else { return Value::Null };
    let factor = 10_f64.powi(digits.clamp(-18, 18) as i32);
    from_float((value * factor).round() / factor, faults)
}

fn to_int(value: &Value, faults: &Faults) -> Value {
    match value {
        Value::String(text) => text.trim().parse().map_or(Value::Null, Value::Int),
        Value::Decimal(Decimal { units, scale }) => Value::Int(units / 10_i64.pow(u32::from(*scale))),
        Value::Float(value) => from_whole_float(value.trunc(), faults),
        Value::Int(value) => Value::Int(*value),
        Value::Bool(value) => Value::Int(i64::from(*value)),
        _ => Value::Null,
    }
}

/// The mean radius of the earth, in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Great-circle distance by the haversine formula, which is accurate for near points too.
fn distance_km(arguments: [&Value; 4], faults: &Faults) -> Value {
    let [Some(lat1), Some(lon1), Some(lat2), Some(lon2)] =
        arguments.map(|argument| float(argument).map(f64::to_radians))
    else {
        return Value::Null;
    };
    let half = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
    let square = half(lat1, lat2) + lat1.cos() * lat2.cos() * half(lon1, lon2);
    from_float(2.0 * EARTH_RADIUS_KM * square.sqrt().min(1.0).asin(), faults)
}

/// The parts of a date, in UTC unless a zone is given.
fn calendar(function: Function, time: EventTime, zone: Option<&str>) -> Value {
    let zone = match zone {
        None => TimeZone::UTC,
        Some(name) => match TimeZone::get(name) {
            Ok(zone) => zone,
            Err(_) => return Value::Null,
        },
    };
    let Ok(timestamp) = jiff::Timestamp::from_microsecond(time.micros()) else { return Value::Null };
    let date = timestamp.to_zoned(zone);
    Value::Int(i64::from(match function {
        Function::Hour => i16::from(date.hour()),
        Function::Minute => i16::from(date.minute()),
        Function::Weekday => i16::from(date.weekday().to_monday_one_offset()),
        Function::Day => i16::from(date.day()),
        Function::Month => i16::from(date.month()),
        Function::Year => date.year(),
        _ => return Value::Null,
    }))
}
