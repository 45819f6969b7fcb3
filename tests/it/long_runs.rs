//! What only shows once a run is long: dictionaries are left behind, and captured events are freed.

use std::sync::Arc;

use ensue::engine::{Config, Engine, projection};
use ensue::event::{BatchBuilder, PartitionId, StreamId};
use ensue::{EventTime, Value};

const PROGRAM: &str = r#"
stream s { card string  text string  x int  ts timestamp  event time ts }

pattern varied {
    on s by card
    match a{2,} where x == 0
    then  b     where x == 1 and distinct(a.text) >= 2400
    within 25s
    emit m { card: card, texts: distinct(a.text) }
}
"#;

/// More texts than a dictionary takes, with thousands of them in a window: what a loop holds outlives its dictionary,
/// and events that were freed stand in front of those that it holds.
#[test]
fn values_are_counted_over_dictionaries() {
    let program = ensue::compile("long.cep", PROGRAM).expect("the pattern is right");
    let mut engine = Engine::new(Arc::clone(&program), &Config::default()).expect("it is small enough");
    engine.add_partition(StreamId(0));
    let types = projection(&program, engine.patterns(), StreamId(0), false);
    let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
    let mut texts = Vec::new();
    for number in 0..75_000_i64 {
        let at = EventTime::from_millis(number * 10);
        builder.set(0, Value::text("one"));
        builder.set(1, Value::text(&format!("text {number}")));
        builder.set(2, Value::Int(i64::from(number % 36_000 == 35_999)));
        builder.set(3, Value::Timestamp(at));
        builder.end_row(at, number as u64 + 1);
        if builder.len() == 100 {
            engine.push(builder.finish());
            engine.advance().expect("no bound is reached");
            let records = engine.take_records().into_iter();
            texts.extend(records.map(|record| record.fields.last().cloned()));
        }
    }
    // Each of two events ends an episode of those before it that are less than 25 seconds old.
    assert_eq!(texts, vec![Some(Value::Int(2_499)); 2]);
}
