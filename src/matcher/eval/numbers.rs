//! Numbers: exact where they can be, null where they cannot, never wrapping.

use std::cmp::Ordering;

use super::Faults;
use crate::event::{Decimal, Type, Value};
use crate::lang::hir::Arithmetic;
use crate::time::{Duration, EventTime};

/// A number as an exact count of its smallest digit, with the number of digits after the point.
fn exact(value: &Value) -> Option<(i128, u8)> {
    match value {
        Value::Int(value) => Some((i128::from(*value), 0)),
        Value::Decimal(value) => Some((i128::from(value.units), value.scale)),
        _ => None,
    }
}

/// A number as a float.
pub(super) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Decimal(value) => Some(value.to_f64()),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}

/// A float as a value: what is not finite is null, and counted.
pub(super) fn from_float(value: f64, faults: &Faults) -> Value {
    if value.is_finite() { Value::Float(value) } else { fault(faults) }
}

pub(crate) fn fault(faults: &Faults) -> Value {
    faults.add();
    Value::Null
}

/// Digits after the point as 64 bits allow, else null.
fn from_exact(units: i128, ty_scale: Option<u8>, faults: &Faults) -> Value {
    match (i64::try_from(units), ty_scale) {
        (Ok(units), None) => Value::Int(units),
        (Ok(units), Some(scale)) => Value::Decimal(Decimal { units, scale }),
        (Err(_), _) => fault(faults),
    }
}

pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    // The common case needs no scaling.
    if let (Value::Decimal(left), Value::Decimal(right)) = (left, right)
        && left.scale == right.scale
    {
        return Some(left.units.cmp(&right.units));
    }
    match (exact(left), exact(right)) {
        (Some((left, left_scale)), Some((right, right_scale))) => {
            let scale = left_scale.max(right_scale);
            // 64 bits times 10^18 fits 128.
            Some((left * power(scale - left_scale)).cmp(&(right * power(scale - right_scale))))
        }
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}

fn power(digits: u8) -> i128 {
    10_i128.pow(u32::from(digits))
}

pub(super) fn negate(value: Value, faults: &Faults) -> Value {
    match value {
        Value::Int(value) => value.checked_neg().map_or_else(|| fault(faults), Value::Int),
        Value::Decimal(Decimal { units, scale }) => units
            .checked_neg()
            .map_or_else(|| fault(faults), |units| Value::Decimal(Decimal { units, scale })),
        Value::Float(value) => Value::Float(-value),
        Value::Duration(value) => {
            let micros = value.micros().checked_neg();
            micros.map_or_else(|| fault(faults), |micros| Value::Duration(Duration::from_micros(micros)))
        }
        _ => Value::Null,
    }
}

pub(super) fn arithmetic(op: Arithmetic, left: Value, right: Value, faults: &Faults) -> Value {
    if left.is_null() || right.is_null() {
        return Value::Null;
    }
    match (&left, &right) {
        (Value::String(left), Value::String(right)) if op == Arithmetic::Add => {
            Value::text(&format!("{left}{right}"))
        }
        (Value::Timestamp(_) | Value::Duration(_), _) | (_, Value::Timestamp(_) | Value::Duration(_)) => {
            with_time(op, &left, &right, faults)
        }
        _ => with_numbers(op, &left, &right, faults),
    }
}

fn with_numbers(op: Arithmetic, left: &Value, right: &Value, faults: &Faults) -> Value {
    let exact_pair = exact(left).zip(exact(right)).filter(|_| op != Arithmetic::Divide);
    let Some(((left_units, left_scale), (right_units, right_scale))) = exact_pair else {
        let (Some(left), Some(right)) = (float(left), float(right)) else { return Value::Null };
        return with_floats(op, left, right, faults);
    };
    let is_int = matches!((left, right), (Value::Int(_), Value::Int(_)));
    if op == Arithmetic::Multiply {
        let scale = left_scale + right_scale;
        return match left_units.checked_mul(right_units) {
            Some(units) => from_exact(units, (!is_int).then_some(scale), faults),
            None => fault(faults),
        };
    }
    let scale = left_scale.max(right_scale);
    let (left, right) = (left_units * power(scale - left_scale), right_units * power(scale - right_scale));
    let units = match op {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        _ if right == 0 => return fault(faults),
        _ => left % right,
    };
    from_exact(units, (!is_int).then_some(scale), faults)
}

fn with_floats(op: Arithmetic, left: f64, right: f64, faults: &Faults) -> Value {
    let value = match op {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => left % right,
    };
    from_float(value, faults)
}

fn with_time(op: Arithmetic, left: &Value, right: &Value, faults: &Faults) -> Value {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    let span = |micros: Option<i64>| {
        micros.map_or_else(|| fault(faults), |micros| Value::Duration(Duration::from_micros(micros)))
    };
    let point = |micros: Option<i64>| {
        micros.map_or_else(|| fault(faults), |micros| Value::Timestamp(EventTime::from_micros(micros)))
    };
    match (op, left, right) {
        (Subtract, Value::Timestamp(left), Value::Timestamp(right)) => {
            span(left.micros().checked_sub(right.micros()))
        }
        (Add, Value::Timestamp(time), Value::Duration(by))
        | (Add, Value::Duration(by), Value::Timestamp(time)) => point(time.micros().checked_add(by.micros())),
        (Subtract, Value::Timestamp(time), Value::Duration(by)) => {
            point(time.micros().checked_sub(by.micros()))
        }
        (Add, Value::Duration(left), Value::Duration(right)) => {
            span(left.micros().checked_add(right.micros()))
        }
        (Subtract, Value::Duration(left), Value::Duration(right)) => {
            span(left.micros().checked_sub(right.micros()))
        }
        (Divide, Value::Duration(left), Value::Duration(right)) => {
            from_float(left.micros() as f64 / right.micros() as f64, faults)
        }
        (Remainder, Value::Duration(left), Value::Duration(right)) => {
            span(left.micros().checked_rem(right.micros()))
        }
        (Multiply, Value::Duration(by), number) | (Multiply, number, Value::Duration(by)) => match number {
            Value::Int(number) => span(by.micros().checked_mul(*number)),
            number => scaled(*by, float(number), faults),
        },
        (Divide, Value::Duration(by), number) => scaled(*by, float(number).map(f64::recip), faults),
        _ => Value::Null,
    }
}

fn scaled(by: Duration, factor: Option<f64>, faults: &Faults) -> Value {
    let micros = factor.map(|factor| (by.micros() as f64 * factor).round());
    match micros {
        Some(micros) if micros.abs() < 9.2e18 => Value::Duration(Duration::from_micros(micros as i64)),
        Some(_) => fault(faults),
        None => Value::Null,
    }
}

/// The exact sum; of nothing 0 of the field's type.
pub(super) fn sum(values: &[Value], ty: Type, faults: &Faults) -> Value {
    match ty {
        Type::Float => from_float(values.iter().filter_map(float).sum::<f64>() + 0.0, faults),
        Type::Duration => {
            let micros = values.iter().try_fold(0_i64, |sum, value| match value {
                Value::Duration(value) => sum.checked_add(value.micros()),
                _ => Some(sum),
            });
            micros.map_or_else(|| fault(faults), |micros| Value::Duration(Duration::from_micros(micros)))
        }
        _ => sum_of(values.iter().filter_map(exact).map(|(units, _)| units).sum(), ty, faults),
    }
}

/// A sum of ints or decimals of one type, given in its smallest digit.
pub(in crate::matcher) fn sum_of(units: i128, ty: Type, faults: &Faults) -> Value {
    let scale = if let Type::Decimal(scale) = ty { Some(scale) } else { None };
    from_exact(units, scale, faults)
}

/// The mean of ints or decimals of one type, given their sum and how many they are; null of none.
pub(in crate::matcher) fn mean_of((units, count): (i128, u64), ty: Type) -> Value {
    let scale = if let Type::Decimal(scale) = ty { scale } else { 0 };
    if count == 0 { Value::Null } else { Value::Float(exact_mean(units, count as f64, scale)) }
}

fn exact_mean(units: i128, count: f64, scale: u8) -> f64 {
    units as f64 / (count * 10_f64.powi(i32::from(scale)))
}

/// The mean, from the exact sum where the values are exact.
pub(super) fn avg(values: &[Value]) -> Value {
    match mean(values) {
        Some(mean) => Value::Float(mean),
        None => match values {
            [Value::Duration(_), ..] => {
                let micros = values.iter().map(|value| match value {
                    Value::Duration(value) => i128::from(value.micros()),
                    _ => 0,
                });
                let mean = micros.sum::<i128>() / values.len() as i128;
                Value::Duration(Duration::from_micros(mean as i64))
            }
            _ => Value::Null,
        },
    }
}

fn mean(values: &[Value]) -> Option<f64> {
    let count = values.len() as f64;
    let (_, scale) = match values.first()? {
        Value::Float(_) => return Some(values.iter().filter_map(float).sum::<f64>() / count),
        first => exact(first)?,
    };
    let units: i128 = values.iter().filter_map(exact).map(|(units, _)| units).sum();
    Some(exact_mean(units, count, scale))
}

/// The standard deviation of a sample; null of fewer than two values.
pub(super) fn stddev(values: &[Value]) -> Value {
    if values.len() < 2 {
        return Value::Null;
    }
    let Some(mean) = mean(values) else { return Value::Null };
    let squares: f64 = values.iter().filter_map(float).map(|value| (value - mean).powi(2)).sum();
    Value::Float((squares / (values.len() - 1) as f64).sqrt())
}

/// A number as another numeric type with room for it.
pub(super) fn convert(ty: Type, value: Value, faults: &Faults) -> Value {
    match (ty, &value) {
        (Type::Float, _) => float(&value).map_or(Value::Null, Value::Float),
        (Type::Decimal(scale), _) => match exact(&value) {
            Some((units, from)) if from <= scale => {
                from_exact(units * power(scale - from), Some(scale), faults)
            }
            _ => Value::Null,
        },
        _ => value,
    }
}
