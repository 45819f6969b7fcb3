use super::numbers::{arithmetic, avg, stddev, sum};
use super::*;
use crate::event::Decimal;
use crate::lang::hir::{Arithmetic, Function};
use crate::time::{Duration, EventTime};

fn decimal(units: i64, scale: u8) -> Value {
    Value::Decimal(Decimal { units, scale })
}

#[test]
fn overflow_and_division_by_zero_are_null_and_counted() {
    let faults = Faults::default();
    let big = || Value::Int(i64::MAX);
    assert_eq!(arithmetic(Arithmetic::Add, big(), Value::Int(1), &faults), Value::Null);
    assert_eq!(arithmetic(Arithmetic::Multiply, big(), big(), &faults), Value::Null);
    assert_eq!(arithmetic(Arithmetic::Divide, Value::Int(1), Value::Int(0), &faults), Value::Null);
    assert_eq!(arithmetic(Arithmetic::Remainder, Value::Int(1), Value::Int(0), &faults), Value::Null);
    assert_eq!(numbers::negate(Value::Int(i64::MIN), &faults), Value::Null);
    assert_eq!(faults.count(), 5);
}

#[test]
fn decimals_are_exact() {
    let faults = Faults::default();
    let product = arithmetic(Arithmetic::Multiply, decimal(10, 2), decimal(3, 1), &faults);
    assert_eq!(product, decimal(30, 3));
    assert_eq!(arithmetic(Arithmetic::Add, decimal(10, 2), decimal(1, 1), &faults), decimal(20, 2));
    assert_eq!(compare(&decimal(710, 2), &decimal(71, 1)), Some(Ordering::Equal));
    assert_eq!(compare(&decimal(710, 2), &Value::Int(7)), Some(Ordering::Greater));
    assert_eq!(arithmetic(Arithmetic::Divide, Value::Int(1), Value::Int(4), &faults), Value::Float(0.25));
}

#[test]
fn aggregates_of_nothing() {
    let faults = Faults::default();
    assert_eq!(sum(&[], Type::Decimal(2), &faults), decimal(0, 2));
    assert_eq!(sum(&[], Type::Int, &faults), Value::Int(0));
    assert_eq!(avg(&[]), Value::Null);
    assert_eq!(stddev(&[Value::Int(1)]), Value::Null);
    assert_eq!(extreme(&[], Ordering::Less), Value::Null);
}

#[test]
fn averages_come_from_exact_sums() {
    let values = [decimal(10, 2), decimal(20, 2), decimal(30, 2)];
    assert_eq!(avg(&values), Value::Float(0.2));
    assert_eq!(stddev(&[Value::Int(2), Value::Int(4)]), Value::Float(2_f64.sqrt()));
}

#[test]
fn time_arithmetic() {
    let faults = Faults::default();
    let at = |secs| Value::Timestamp(EventTime::from_millis(secs * 1000));
    let span = |secs| Value::Duration(Duration::from_secs(secs));
    assert_eq!(arithmetic(Arithmetic::Subtract, at(10), at(4), &faults), span(6));
    assert_eq!(arithmetic(Arithmetic::Add, at(10), span(4), &faults), at(14));
    assert_eq!(arithmetic(Arithmetic::Divide, span(30), span(60), &faults), Value::Float(0.5));
    assert_eq!(arithmetic(Arithmetic::Multiply, Value::Float(0.5), span(60), &faults), span(30));
}

#[test]
fn functions() {
    let faults = Faults::default();
    let call = |function, arguments: &[Value]| functions::call(function, arguments, &faults);
    assert_eq!(call(Function::Round, &[decimal(-250, 2)]), Value::Int(-3));
    assert_eq!(call(Function::Floor, &[decimal(-250, 2)]), Value::Int(-3));
    assert_eq!(call(Function::Ceil, &[decimal(-250, 2)]), Value::Int(-2));
    assert_eq!(call(Function::Abs, &[Value::Null]), Value::Null);
    assert_eq!(call(Function::Least, &[Value::Int(2), decimal(15, 1)]), decimal(15, 1));
    let place = [48.85, 2.35, 40.71, -74.0].map(Value::Float);
    let Value::Float(km) = call(Function::DistanceKm, &place) else { panic!("a distance") };
    assert!((5830.0..5845.0).contains(&km), "{km}");
    let time = Value::Timestamp(EventTime::parse_rfc3339("2024-07-01T22:30:00Z").expect("a time"));
    assert_eq!(call(Function::Hour, std::slice::from_ref(&time)), Value::Int(22));
    assert_eq!(call(Function::Hour, &[time.clone(), Value::text("Europe/Paris")]), Value::Int(0));
    assert_eq!(call(Function::Weekday, &[time]), Value::Int(1));
}
