//! How the cost of an event grows with what is open, with the window, the rules, the keys and the length of a chain.
//!
//! `make bench-growth`, or one sweep with `ONLY=keys`. Every line gives the cost at one size and its ratio to the first size of the same sweep; a sweep
//! runs in one go, so ratios can be trusted where rates cannot.

#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

#[path = "support/mixed.rs"]
mod mixed;

use mixed::mixed;

use ensue::engine::{Config, Engine, projection};
use ensue::event::{BatchBuilder, PartitionId, StreamId};
use ensue::lang::hir::Program;
use ensue::{Batch, EventTime, Value};

const STREAM: &str = "stream s { card string kind int x int ts timestamp event time ts }\n";

/// The events whose cost is measured, after what is open was opened.
const MEASURED: u64 = 400_000;

const BATCH_EVENTS: usize = 4_000;

/// The classes that do not grow with what is open, the word between the steps of their patterns, and what these tell.
const RECORDS: [(&str, &str, &str); 3] = [
    ("queues", "then", "emit m { card: card, at_a: a.ts }"),
    ("enumerable", "then any", "emit m { card: card, at_a: a.ts }"),
    ("aggregate", "then any", "tally m { card: card, n: count(), x: sum(b.x), from: min(a.ts) }"),
];

/// An event: its key, what it is, a number, and when it comes, in milliseconds.
#[derive(Clone, Copy)]
struct Made {
    key: u64,
    kind: i64,
    x: i64,
    at: u64,
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| argument != "--bench");
    let sweeps: [(&str, fn()); 6] = [
        ("open", open_runs),
        ("window", window),
        ("tally", tallies),
        ("rules", rules),
        ("keys", keys),
        ("chain", chain),
    ];
    for (name, sweep) in sweeps {
        if only.as_ref().is_none_or(|only| only == name) {
            sweep();
        }
    }
}

/// Partial matches open on one key, at events that complete none of them.
fn open_runs() {
    for (name, word, record) in RECORDS {
        let pattern = format!(
            "pattern p {{ on s by card match all a where kind == 1 {word} b where kind == 2 {word} c where kind == 3 \
             within 100000h {record} }}"
        );
        sweep(&format!("open partial matches, {name}"), &[100, 10_000, 1_000_000], |open| {
            let begin = |number| Made { key: 0, kind: 1, x: 0, at: number };
            let other = move |number| Made {
                key: 0,
                kind: 4 - 3 * ((number % 10 == 0) as i64),
                x: 0,
                at: open + number,
            };
            cost(&pattern, (0..open).map(begin), (0..MEASURED).map(other))
        });
    }
}

/// A window that is a hundred times longer, with as many matches.
fn window() {
    for (name, word, record) in RECORDS {
        sweep(&format!("window in seconds, {name}"), &[60, 600, 6_000], |seconds| {
            let pattern = format!(
                "pattern p {{ on s by card match all a where kind == 1 {word} b where kind == 2 {word} \
                 c where kind == 3 and x == 1 within {seconds}s {record} }}"
            );
            let event = |number: u64| Made {
                key: mixed(number) % 1_000,
                kind: (mixed(number + 1) % 10) as i64,
                x: 0,
                at: number * 10,
            };
            cost(&pattern, std::iter::empty(), (0..MEASURED).map(event))
        });
    }
}

/// Tallies of matches that events do complete, as many as there are pairs of events before: no other class can be asked.
fn tallies() {
    let pattern = |within: String| {
        format!(
            "pattern p {{ on s by card match all a where kind == 1 then any b where kind == 2 then any c where \
             kind == 3 within {within} tally m {{ card: card, n: count(), x: sum(b.x), from: min(a.ts) }} }}"
        )
    };
    sweep("open partial matches, tallied", &[100, 10_000, 1_000_000], |open| {
        let begin = |number| Made { key: 0, kind: 1 + (number % 2) as i64, x: 1, at: number };
        let other = move |number| Made {
            key: 0,
            kind: if number % 10 < 3 { 1 + (number % 10) as i64 } else { 4 },
            x: 1,
            at: open + number,
        };
        cost(&pattern("100000h".to_owned()), (0..open).map(begin), (0..MEASURED).map(other))
    });
    sweep("window in seconds, tallied", &[6, 60, 600], |seconds| {
        let event = |number: u64| Made {
            key: mixed(number) % 10,
            kind: (mixed(number + 1) % 10) as i64,
            x: 1,
            at: number * 10,
        };
        cost(&pattern(format!("{seconds}s")), std::iter::empty(), (0..MEASURED).map(event))
    });
}

/// Rules of one family, and rules that have nothing in common.
fn rules() {
    let event = |number: u64| Made {
        key: mixed(number) % 5_000,
        kind: (mixed(number + 1) % 100_000) as i64,
        x: (mixed(number + 2) % 1_000) as i64,
        at: number * 10,
    };
    sweep("rules of a family", &[1, 20, 200], |count| {
        let text = (0..count).fold(String::new(), |mut text, rule| {
            let (low, high) = (20 + rule / 4, 990 + rule / 25);
            writeln!(
                text,
                "pattern r{rule} {{ on s by card match all a where x < {low} then b where x < {low} \
                 then c where x > {high} within 10m emit m {{ card: card, at_a: a.ts }} }}"
            )
            .expect("text can be written to");
            text
        });
        cost(&text, std::iter::empty(), (0..MEASURED).map(event))
    });
    sweep("rules without anything in common", &[1, 100, 1_000], |count| {
        let text = (0..count).fold(String::new(), |mut text, rule| {
            let second = if rule % 2 == 0 { "then" } else { "then any" };
            writeln!(
                text,
                "pattern r{rule} {{ on s by card match all a where kind == {rule} {second} b where x > {rule} \
                 {second} c where kind == {} within {}m emit m {{ card: card, at_a: a.ts }} }}",
                rule + 1,
                rule % 50 + 1
            )
            .expect("text can be written to");
            text
        });
        cost(&text, std::iter::empty(), (0..MEASURED / 4).map(event))
    });
}

/// Keys with a partial match open on each.
fn keys() {
    let pattern = "pattern p { on s by card match all a where kind == 1 then b where kind == 2 then c where kind == 3 \
                   within 100000h emit m { card: card, at_a: a.ts } }";
    sweep("keys", &[10_000, 1_000_000, 10_000_000], |keys| {
        let begin = |number| Made { key: number, kind: 1, x: 0, at: number };
        let event = move |number| Made {
            key: mixed(number) % keys,
            kind: (mixed(number + 1) % 8) as i64,
            x: 0,
            at: keys + number,
        };
        cost(pattern, (0..keys).map(begin), (0..MEASURED).map(event))
    });
}

/// Positions of a chain whose last event never comes, among events of which each fits one of the others.
fn chain() {
    sweep("positions of a chain", &[3, 6, 12, 24], |positions| {
        let steps = (1..positions).fold(String::new(), |mut steps, position| {
            write!(
                steps,
                "then s{position} where kind == {} ",
                if position + 1 == positions { 99 } else { position }
            )
            .expect("text can be written to");
            steps
        });
        let pattern = format!(
            "pattern p {{ on s by card match all s0 where kind == 0 {steps} within 10m emit m {{ at_a: s0.ts }} }}"
        );
        let event = move |number: u64| Made {
            key: mixed(number) % 1_000,
            kind: (mixed(number + 1) % positions) as i64,
            x: 0,
            at: number * 10,
        };
        cost(&pattern, std::iter::empty(), (0..MEASURED).map(event))
    });
}

fn sweep(name: &str, sizes: &[u64], cost: impl Fn(u64) -> f64) {
    let mut first = None;
    for size in sizes {
        // The best of three: the machine does other things too.
        let best = (0..3).map(|_| cost(*size)).fold(f64::INFINITY, f64::min);
        let ratio = best / *first.get_or_insert(best);
        println!("{name}: {size:>9}  {best:>8.1} ns/event  {ratio:>5.2} times");
    }
}

/// Nanoseconds for each of the events behind those that prepare.
fn cost(patterns: &str, before: impl Iterator<Item = Made>, events: impl Iterator<Item = Made>) -> f64 {
    let program = compile(patterns);
    let mut engine = Engine::new(Arc::clone(&program), &Config::default()).expect("the patterns are small");
    engine.add_partition(StreamId(0));
    let types = projection(&program, engine.patterns(), StreamId(0), false);
    let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
    for batch in batches(&mut builder, before) {
        engine.push(batch);
        engine.advance().expect("no bound is set");
        engine.take_outcomes();
    }
    let batches = batches(&mut builder, events);
    let count: usize = batches.iter().map(Batch::len).sum();
    let began = Instant::now();
    for batch in batches {
        engine.push(batch);
        engine.advance().expect("no bound is set");
        engine.take_outcomes();
    }
    began.elapsed().as_nanos() as f64 / count as f64
}

fn batches(builder: &mut BatchBuilder, events: impl Iterator<Item = Made>) -> Vec<Batch> {
    let mut batches = Vec::new();
    for (number, event) in (1..).zip(events) {
        let at = EventTime::from_millis(event.at as i64);
        builder.set(0, Value::text(&event.key.to_string()));
        builder.set(1, Value::Int(event.kind));
        builder.set(2, Value::Int(event.x));
        builder.set(3, Value::Timestamp(at));
        builder.end_row(at, number);
        if builder.len() == BATCH_EVENTS {
            batches.push(builder.finish());
        }
    }
    batches.push(builder.finish());
    batches
}

fn compile(patterns: &str) -> Arc<Program> {
    ensue::compile("growth.cep", &format!("{STREAM}{patterns}")).expect("the patterns are right")
}
