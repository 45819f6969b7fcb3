//! The engine inside another program: compile a pattern from text, push events, print the records.
//!
//! ```text
//! cargo run --example embed
//! ```
//!
//! The engine does no I/O and starts no thread. Its caller says when events arrive, how far event time has come, and
//! when the input has ended; here all of this is a list in memory.

#![allow(clippy::print_stdout, reason = "an example that prints")]

use std::error::Error;
use std::sync::Arc;

use ensue::engine::projection;
use ensue::io::push_record;
use ensue::lang::hir::Program;
use ensue::{BatchBuilder, Decimal, Engine, EngineConfig, EventTime, Value};

/// What is looked for. A program of its own would rather read a file: see `ensue::lang::load`.
const PATTERNS: &str = r#"
stream transactions {
    card    string
    amount  decimal(2)
    at      timestamp
    event time at, disorder 5s
}

/// Three or more probes under $5, then one charge above $500, on one card.
pattern card_testing {
    meta { severity: "critical" }
    on transactions by card
    match small{3,}  where amount < 5.00
    then  big        where amount > 500.00
    within 10m
    emit alert { card: card, probes: count(small), amount: big.amount }
}
"#;

/// Seconds, card, cents; in the order of arrival, which is not that of time.
const EVENTS: [(i64, &str, i64); 6] = [
    (0, "c1", 100),
    (20, "c1", 210),
    (24, "c2", 4_900),
    (22, "c1", 50),
    (130, "c1", 90_000),
    (140, "c2", 99),
];

fn main() -> Result<(), Box<dyn Error>> {
    let program = ensue::compile("card_testing.cep", PATTERNS)?;
    let mut engine = Engine::new(Arc::clone(&program), &EngineConfig::default())?;

    // A partition is a part of a stream that is in order, but for the disorder: a file, or a partition of a topic.
    let stream = program.stream_named("transactions").ok_or("a stream that the program declares")?;
    let partition = engine.add_partition(stream);

    // Batches hold only the fields that some pattern reads, by their place in the stream.
    let fields = projection(&program, engine.patterns(), stream, false);
    let mut builder = BatchBuilder::new(stream, partition, fields);
    for (record, (seconds, card, cents)) in (1..).zip(EVENTS) {
        let at = EventTime::from_millis(seconds * 1000);
        builder.set(0, Value::text(card));
        builder.set(1, Value::Decimal(Decimal { units: cents, scale: 2 }));
        builder.set(2, Value::Timestamp(at));
        builder.end_row(at, record);

        // One event in each batch: the answers do not depend on it, the speed does.
        engine.push(builder.finish());
        engine.advance()?;
        print_records(&mut engine, &program);
    }
    engine.finish(true)?;
    print_records(&mut engine, &program);

    let stats = engine.stats();
    println!("{} events, {} late, {} match", stats.events, stats.late, stats.patterns[0].matches);
    Ok(())
}

/// Prints what is certain by now, as JSON lines.
fn print_records(engine: &mut Engine, program: &Program) {
    for record in engine.take_records() {
        let mut line = Vec::new();
        push_record(&mut line, program, &record);
        println!("{}", String::from_utf8_lossy(&line));
    }
}
