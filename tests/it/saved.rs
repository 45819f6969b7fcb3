//! What executors save of their keys: an engine that takes it goes on as if nothing had happened, also where a bound is
//! reached; a damaged record is refused, or taken for another one; and nothing is kept of a key that holds nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use ensue::engine::{Config, Engine, KeyState, Record, projection};
use ensue::event::{BatchBuilder, PartitionId, StreamId};
use ensue::lang::hir::{KeepPolicy, Program};
use ensue::matcher::{Bounds, Class};
use ensue::{EventTime, Value, diag, lang};

const EVENTS: usize = 400;
const BATCH_EVENTS: usize = 8;

/// Patterns, each with a class that takes it.
const PATTERNS: [(&str, Class); 26] = [
    ("match all a where x < 60 next b where x < 80 within 50ms limit 2 per 60ms", Class::Strict),
    ("match all a where x < 30 then b where x > 70 then c where x < 50 within 60ms", Class::Queues),
    ("match a where x < 30 then b where x > 50 then c where x < 50 within 60ms", Class::Queues),
    ("match a where x < 30 next b where x > 30 then c where x < 30 within 60ms", Class::Queues),
    (
        "match all a where x < 50 then b where x > 50 then not c where x == 50 for 20ms within 60ms",
        Class::Queues,
    ),
    ("match all a where x < 50 then b where x > 50 then not c where x == 50 within 60ms", Class::Queues),
    ("match all a where x < 30 then b where x > 70 within 60ms limit 1 per 100ms", Class::Queues),
    ("match all a where x < 50 limit 2 per 50ms", Class::Queues),
    ("match all a where x < 30 then b where x > 70 then c where x < 50 within 60ms", Class::Family),
    ("match all a where x < 50 then any b where x > 70 within 60ms", Class::Enumerable),
    (
        "match all a where x < 50 then any b where x > 20 then any c where t == a.t within 60ms",
        Class::Enumerable,
    ),
    (
        "match all a where x < 90 then any b where x > 60 then any c where x == a.x and t == a.t within 70ms",
        Class::Enumerable,
    ),
    (
        "match all a where x < 50 then any b where x > 20 then any c where x > 70 within 60ms \
         tally out { key: key, n: count(), least: min(a.x), most: max(b.x), sum: sum(c.x), mean: avg(b.x) }",
        Class::Aggregate,
    ),
    (
        "match all a where x < 50 then b where x > 20 next c within 60ms \
         tally out { key: key, n: count(), sum: sum(a.x) }",
        Class::Aggregate,
    ),
    (
        "match all a where x < 50 then not q where x == 60 then any b where x > 40 then c where x > 50 within 60ms \
         tally out { key: key, n: count(), sum: sum(b.x), first: min(a.ts) }",
        Class::Aggregate,
    ),
    ("match a where x < 30 then b where x > a.x + 40 then c where x < b.x within 60ms", Class::Starts),
    (
        "match all a where x < 50 then b where t != a.t gap 20ms then c where x > b.x within 90ms",
        Class::Starts,
    ),
    (
        "match all a where x < 40 then b where x > a.x then not c where x == a.x for 20ms within 60ms",
        Class::Starts,
    ),
    (
        "match not z where x < 90 and x == a.x for 30ms then a where x < 60 then b where x > a.x within 60ms",
        Class::Starts,
    ),
    (
        "match a where x < 60 then b{2,} where x < 60 then c where x > 70 and x > avg(b.x) + 20 within 60ms",
        Class::Starts,
    ),
    ("match a where x < 30 then b{1,} where t not in b.t then c where x > 80 within 80ms", Class::Starts),
    ("match a where x < 30 then b{1,4} where x < 70 then c where x > a.x + 60 within 80ms", Class::Runs),
    ("match all a where x < 30 then b{1,} any where x > 50 then c where x < a.x within 40ms", Class::Runs),
    ("match longest a where x < 50 then b{1,} where x > 40 then c where x > 60 within 30ms", Class::Runs),
    (
        "match a where x < 50 then b where x > 50 then not c where x == 50 within 60ms limit 1 per 40ms",
        Class::Runs,
    ),
    ("match all a where x < 30 then b where x > 70 within 60ms limit 1 per 10ms", Class::Queues),
];

/// A number of an event, its key, value and time.
type Row = (u64, i64, i64, i64);

/// The same in every run, some of one time.
fn events() -> Vec<Row> {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut time = 0;
    let row = |number| {
        time += random(6) as i64;
        (number, random(3) as i64, random(100) as i64, time)
    };
    (1..=EVENTS as u64).map(row).collect()
}

fn program(text: &str) -> Arc<Program> {
    let text = format!("stream s {{ key int x int t string ts timestamp event time ts }}\n{text}");
    let loaded = lang::load::load_text("saved.cep", &text);
    let (program, diagnostics) = lang::check::check(&loaded.sources, &loaded.files);
    let all: Vec<_> = loaded.diagnostics.into_iter().chain(diagnostics).collect();
    assert!(all.is_empty(), "{}", diag::render_text(&loaded.sources, &all, false));
    Arc::new(program)
}

fn pattern(body: &str) -> Arc<Program> {
    if body.contains("tally") {
        return program(&format!("pattern p {{ on s by key {body} }}"));
    }
    let timeout = if body.contains("match a ") && !body.contains("not") {
        "on timeout emit late { key: key, x: a.x }"
    } else {
        ""
    };
    program(&format!("pattern p {{ on s by key {body} emit out {{ key: key, x: a.x, t: a.t }} {timeout} }}"))
}

/// An engine and what a store would hold of it.
struct Stored {
    program: Arc<Program>,
    config: Config,
    engine: Engine,
    rest: Vec<u8>,
    keys: BTreeMap<(u32, String), KeyState>,
}

impl Stored {
    fn new(program: &Arc<Program>, config: Config) -> Stored {
        let mut engine = Engine::new(Arc::clone(program), &config).expect("the class takes it");
        engine.track();
        engine.add_partition(StreamId(0));
        Stored { program: Arc::clone(program), config, engine, rest: Vec::new(), keys: BTreeMap::new() }
    }

    fn push(&mut self, rows: &[Row], records: &mut Vec<Record>) {
        let types = projection(&self.program, self.engine.patterns(), StreamId(0), false);
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
        for (number, key, x, time) in rows {
            let at = EventTime::from_millis(*time);
            builder.set(0, Value::Int(*key));
            builder.set(1, Value::Int(*x));
            builder.set(2, Value::text(&format!("text {}", x % 7)));
            builder.set(3, Value::Timestamp(at));
            builder.end_row(at, *number);
        }
        self.engine.push(builder.finish());
        self.engine.advance().expect("something is dropped at a bound");
        records.extend(self.engine.take_records());
    }

    fn finish(&mut self, records: &mut Vec<Record>) {
        self.engine.finish(true).expect("something is dropped at a bound");
        records.extend(self.engine.take_records());
    }

    fn save(&mut self) {
        let snapshot = self.engine.snapshot().expect("no bound makes it fail");
        self.rest = snapshot.rest;
        for state in snapshot.keys {
            let place = (state.unit, format!("{:?}", state.key));
            if state.bytes.is_empty() {
                self.keys.remove(&place);
            } else {
                self.keys.insert(place, state);
            }
        }
    }

    /// Goes on as another engine, with another number of shards.
    fn restore(&mut self) {
        self.config.shards = self.config.shards % 3 + 1;
        self.engine = Engine::new(Arc::clone(&self.program), &self.config).expect("it was made before");
        let keys = self.keys.values().cloned().collect();
        self.engine.restore(&self.rest, keys).expect("what was saved can be taken");
    }
}

/// The records, and those of a run that is saved after every batch and restored after every so many.
fn records(program: &Arc<Program>, config: &Config, restored_every: usize) -> (Vec<Record>, Vec<Record>) {
    let rows = events();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    let mut straight = Stored::new(program, config.clone());
    let mut stored = Stored::new(program, config.clone());
    for (at, rows) in rows.chunks(BATCH_EVENTS).enumerate() {
        straight.push(rows, &mut expected);
        stored.push(rows, &mut found);
        stored.save();
        if at % restored_every == 0 {
            stored.restore();
        }
    }
    straight.finish(&mut expected);
    stored.finish(&mut found);
    stored.save();
    assert!(stored.keys.is_empty(), "{:?}", stored.keys);
    (expected, found)
}

fn assert_same(what: &str, (expected, found): &(Vec<Record>, Vec<Record>)) {
    let plain = |record: &Record| (record.at, record.kind, record.id, format!("{:?}", record.fields));
    let (expected, found): (Vec<_>, Vec<_>) =
        (expected.iter().map(plain).collect(), found.iter().map(plain).collect());
    assert!(expected == found, "{what}: {} and {} records", expected.len(), found.len());
}

#[test]
fn what_is_saved_goes_on_where_a_bound_is_reached() {
    for (body, class) in PATTERNS {
        for policy in [KeepPolicy::DropOldest, KeepPolicy::DropNewest] {
            for open_max in [Bounds::default().open_max, 5] {
                let bounds = Bounds { policy, open_max, ..Bounds::default() };
                let config = Config { executor: Some(class), bounds, ..Config::default() };
                let program = pattern(body);
                for restored_every in [1, 5] {
                    let both = records(&program, &config, restored_every);
                    assert!(!both.0.is_empty(), "{body}");
                    assert_same(body, &both);
                }
            }
        }
    }
}

#[test]
fn a_family_of_many_rules_goes_on() {
    let mut text = String::new();
    for rule in 0..70 {
        let (low, high) = (20 + rule % 11, 60 + rule % 17);
        writeln!(
            text,
            "pattern rule_{rule} {{ on s by key match all a where x <= {low} then b where x > {high} \
             then c where x < {high} within 40ms emit out {{ key: key, first: a.t, n: {rule} }} }}"
        )
        .expect("text can be written to");
    }
    let program = program(&text);
    let both = records(&program, &Config::default(), 1);
    assert!(both.0.len() > 1_000, "{} records", both.0.len());
    assert_same("a family", &both);
}

#[test]
fn a_damaged_record_is_refused_or_taken_for_another() {
    let rows = events();
    for (body, class) in PATTERNS {
        let program = pattern(body);
        let config = Config { executor: Some(class), ..Config::default() };
        let mut stored = Stored::new(&program, config.clone());
        let mut records = Vec::new();
        let (before, after) = rows.split_at(BATCH_EVENTS * 4);
        stored.push(before, &mut records);
        stored.save();
        let mut refused = 0;
        let mut tried = 0;
        for (place, state) in &stored.keys {
            for damaged in damages(&state.bytes) {
                let mut keys = stored.keys.clone();
                keys.insert(place.clone(), KeyState { bytes: damaged, ..state.clone() });
                let mut other = Stored::new(&program, config.clone());
                other.engine = Engine::new(Arc::clone(&program), &config).expect("it was made before");
                tried += 1;
                match other.engine.restore(&stored.rest, keys.into_values().collect()) {
                    Err(_) => refused += 1,
                    Ok(()) => {
                        other.push(&after[..BATCH_EVENTS * 4], &mut records);
                        other.save();
                        other.finish(&mut records);
                    }
                }
            }
        }
        assert!(refused * 3 > tried, "{body}: {refused} of {tried}");
    }
}

/// What may become of some bytes: each cut short, and each with another value.
fn damages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (1..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    for at in 0..bytes.len() {
        for flip in [1, 2, 0x80, 0xff] {
            let mut other = bytes.to_vec();
            other[at] ^= flip;
            all.push(other);
        }
    }
    all
}

#[test]
fn nothing_is_kept_of_a_key_that_holds_nothing() {
    for (body, class) in PATTERNS {
        let program = pattern(body);
        let mut stored = Stored::new(&program, Config { executor: Some(class), ..Config::default() });
        let mut records = Vec::new();
        let (mut most, mut number) = (0, 0);
        for rows in events().chunks(BATCH_EVENTS) {
            stored.push(rows, &mut records);
            stored.save();
            stored.restore();
            most = most.max(stored.keys.len());
            number = rows.last().expect("a batch has rows").0;
        }
        assert!(most > 0, "{body}");
        // Another key, with which nothing begins, for long enough.
        for later in 1..=40 {
            let row = (number + later, 9, 99, 10_000 + 50 * later as i64);
            stored.push(&[row], &mut records);
            stored.save();
        }
        assert!(stored.keys.is_empty(), "{body}: {:?}", stored.keys);
    }
}
