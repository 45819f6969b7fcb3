//! What the pieces cost alone: conditions by column, keys, executors, order, decoding.
//!
//! `make bench-micro`, or some of it with `ONLY=keys`. Every piece is given batches of 4,096 events, through the interface
//! that the engine uses; making a batch is never part of the time. Rates are of events, but of matches where they
//! are enumerated. For whole runs see `workloads`, for how costs grow `growth`: this one says which piece has become
//! slower.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration as Elapsed, Instant};

use criterion::{Criterion, Throughput};

#[path = "support/mixed.rs"]
mod mixed;

use mixed::mixed;

use ensue::event::{Cell, PartitionId, StreamId};
use ensue::io::JsonDecoder;
use ensue::lang::hir::Program;
use ensue::matcher::chunk::{Lens, Prepared, Rows};
use ensue::matcher::keys::{KeyId, KeyTable};
use ensue::matcher::predicates::{PredicateId, Predicates};
use ensue::matcher::{Chunk, Class, Executor, Findings, Plan};
use ensue::stream::Sequencer;
use ensue::{Batch, BatchBuilder, Duration, EventTime};

const STREAM: &str = "
stream payments {
    card    string
    kind    string
    amount  decimal(2)
    at      timestamp

    event time at
}
";

const BATCH_EVENTS: u64 = 4_096;

/// By the number that stands for it.
const KINDS: [&str; 4] = ["purchase", "login", "refund", "pin_change"];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Elapsed::from_millis(200))
        .measurement_time(Elapsed::from_millis(600))
        .sample_size(20)
        .configure_from_args();
    conditions(&mut criterion);
    keys(&mut criterion);
    executors(&mut criterion);
    reorder(&mut criterion);
    decode(&mut criterion);
    criterion.final_summary();
}

/// What is measured, one batch after another.
trait Piece {
    type Batch;

    /// The next batch. This takes no part of the time.
    fn prepare(&mut self) -> Self::Batch;

    /// What is measured.
    fn work(&mut self, batch: &Self::Batch);

    /// Puts away what came of it, outside of the time.
    fn clear(&mut self) {}
}

fn measure(criterion: &mut Criterion, name: &str, counted: u64, mut piece: impl Piece) {
    let mut group = criterion.benchmark_group(name.split(',').next().unwrap_or(name));
    group.throughput(Throughput::Elements(counted));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let mut time = Elapsed::ZERO;
            for _ in 0..rounds {
                let batch = piece.prepare();
                let began = Instant::now();
                piece.work(&batch);
                time += began.elapsed();
                piece.clear();
            }
            time
        });
    });
    group.finish();
}

/// One condition for all rows of a batch.
fn conditions(criterion: &mut Criterion) {
    for (name, condition) in [
        ("condition, a number", "amount < 5.00"),
        ("condition, a text", "kind == \"login\""),
        ("condition, row by row", "amount + amount < 5.00"),
    ] {
        let pattern =
            format!("pattern p {{ on payments match a where {condition} emit m {{ at_a: a.at }} }}");
        let program = compile(&pattern);
        let mut predicates = Predicates::new(1);
        let asked = predicates.add(&plan(&program), 0).steps[0].expect("the step takes these events");
        let maker = Maker::new(&program, Box::new(|number| Made::random(number, 20_000)));
        measure(criterion, name, BATCH_EVENTS, Condition { predicates, asked, maker });
    }
}

struct Condition {
    predicates: Predicates,
    asked: PredicateId,
    maker: Maker,
}

impl Piece for Condition {
    type Batch = Arc<Batch>;

    fn prepare(&mut self) -> Arc<Batch> {
        Arc::new(self.maker.batch())
    }

    fn work(&mut self, batch: &Arc<Batch>) {
        black_box(self.predicates.answers(batch).of(self.asked));
    }
}

/// From the keys of a batch to their numbers.
fn keys(criterion: &mut Criterion) {
    for (name, count, is_dictionary_new) in [
        ("keys, 10^4 of known codes", 10_000, false),
        ("keys, 10^4 of unknown codes", 10_000, true),
        ("keys, 10^6 of unknown codes", 1_000_000, true),
    ] {
        let program = compile("");
        let mut maker = Maker::new(&program, Box::new(move |number| Made::of_key(number, number % count)));
        let mut table = KeyTable::new(vec![Some(vec![0])], 0, 1);
        for _ in 0..count.div_ceil(BATCH_EVENTS) {
            let all = Prepared::new(maker.batch(), &Predicates::new(1));
            table.look_up(&all, 0..BATCH_EVENTS as u32, &mut Vec::new());
        }
        maker.make = Box::new(move |number| Made::random(number, count));
        measure(
            criterion,
            name,
            BATCH_EVENTS,
            Keys { program, is_dictionary_new, maker, table, ids: Vec::new() },
        );
    }
}

struct Keys {
    program: Arc<Program>,
    is_dictionary_new: bool,
    maker: Maker,
    table: KeyTable,
    ids: Vec<KeyId>,
}

impl Piece for Keys {
    type Batch = Prepared;

    fn prepare(&mut self) -> Prepared {
        if self.is_dictionary_new {
            self.maker.builder = builder(&self.program);
        }
        Prepared::new(self.maker.batch(), &Predicates::new(1))
    }

    fn work(&mut self, batch: &Prepared) {
        self.table.look_up(batch, 0..BATCH_EVENTS as u32, &mut self.ids);
    }

    fn clear(&mut self) {
        self.ids.clear();
        // What is remembered of a dictionary goes, where that is left.
        self.table.is_sweep_due();
    }
}

/// The events of a batch that fit a step, all of them; one a millisecond.
fn executors(criterion: &mut Criterion) {
    let chain = |word: &str, window: &str| {
        format!(
            "pattern p {{ on payments by card match all a where kind == \"login\" {word} b where kind == \"refund\" \
             {word} c where kind == \"pin_change\" within {window} emit m {{ at_a: a.at }} }}"
        )
    };
    // Each begins a match or moves one on, and a tenth ends what is open.
    let moving = |number: u64| {
        let random = mixed(number);
        let kind = if random.is_multiple_of(10) { 3 } else { 1 + (random >> 20) % 2 };
        Made { key: (random >> 32) % 1_000, kind, ..Made::of_key(number, 0) }
    };
    // The same, but nothing ever ends.
    let opening = |number: u64| Made { kind: 1 + (mixed(number) >> 20) % 2, ..Made::random(number, 1_000) };
    // Half of the last 32 events can be first and half second, when one of 64 events completes what is open.
    let completing = |number: u64| {
        let kind = if number % 64 == 63 { 3 } else { 1 + number % 2 };
        Made { kind, ..Made::of_key(number, 0) }
    };
    let queues = Step::new(Class::Queues, &chain("then", "1m"), Box::new(moving));
    measure(criterion, "queues, a step", BATCH_EVENTS, queues);
    let enumerable = Step::new(Class::Enumerable, &chain("then any", "1m"), Box::new(opening));
    measure(criterion, "enumerable, an update", BATCH_EVENTS, enumerable);
    let mut enumerable = Step::new(Class::Enumerable, &chain("then any", "32ms"), Box::new(completing));
    let matches = enumerable.matches_of_a_batch();
    measure(criterion, "enumerable, enumeration", matches, enumerable);
}

struct Step {
    maker: Maker,
    predicates: Predicates,
    lens: Lens,
    keys: KeyTable,
    executor: Box<dyn Executor>,
    findings: Findings,
}

impl Step {
    fn new(class: Class, pattern: &str, make: Make) -> Step {
        let program = compile(pattern);
        let plan = plan(&program);
        let mut predicates = Predicates::new(1);
        let lens = Lens { sources: vec![Some(0)], predicates: vec![predicates.add(&plan, 0)] };
        Step {
            maker: Maker::new(&program, make),
            predicates,
            lens,
            keys: KeyTable::new(vec![Some(vec![0])], 0, 1),
            executor: class.executor(&plan).expect("the class takes the pattern"),
            findings: Findings::default(),
        }
    }

    /// How many matches there are, once it is warm.
    fn matches_of_a_batch(&mut self) -> u64 {
        let mut matches = 0;
        for _ in 0..3 {
            let batch = self.prepare();
            self.work(&batch);
            matches = self.findings.found.len() as u64;
            self.clear();
        }
        matches
    }
}

impl Piece for Step {
    type Batch = (Prepared, Vec<KeyId>);

    fn prepare(&mut self) -> Self::Batch {
        let (batch, mut ids) = (Prepared::new(self.maker.batch(), &self.predicates), Vec::new());
        self.keys.look_up(&batch, 0..BATCH_EVENTS as u32, &mut ids);
        (batch, ids)
    }

    fn work(&mut self, (prepared, ids): &Self::Batch) {
        let rows = [Rows { prepared, start: 0, end: BATCH_EVENTS as u32, keys: ids, only: None }];
        let chunk = Chunk { rows: &rows, lens: &self.lens };
        self.executor.events(&chunk, &self.keys, &mut self.findings).expect("no bound is set");
        let last = prepared.batch().time(BATCH_EVENTS as usize - 1);
        self.executor.advance(last, &self.keys, &mut self.findings);
    }

    fn clear(&mut self) {
        self.findings = Findings::default();
    }
}

/// A batch into the sequencer, and what the watermark permits out of it.
fn reorder(criterion: &mut Criterion) {
    for (name, disorder) in [("order, as it comes", 0), ("order, 100 ms apart", 100)] {
        // Only so far apart that nothing is late.
        let late_by = move |number| if disorder == 0 { 0 } else { mixed(number) % disorder };
        let make = move |number| Made { at: number + disorder - late_by(number), ..Made::of_key(number, 0) };
        let maker = Maker::new(&compile(""), Box::new(make));
        let mut sequencer = Sequencer::default();
        sequencer.add_partition(StreamId(0), Duration::from_millis(disorder as i64));
        measure(criterion, name, BATCH_EVENTS, Reorder { maker, sequencer });
    }
}

struct Reorder {
    maker: Maker,
    sequencer: Sequencer<Arc<Batch>>,
}

impl Piece for Reorder {
    type Batch = Arc<Batch>;

    fn prepare(&mut self) -> Arc<Batch> {
        Arc::new(self.maker.batch())
    }

    fn work(&mut self, batch: &Arc<Batch>) {
        let mut late = Vec::new();
        self.sequencer.push(batch, &mut late);
        assert!(late.is_empty(), "nothing is late");
        let watermark = self.sequencer.watermark();
        black_box(self.sequencer.release(watermark));
    }
}

/// Lines of JSON to a batch.
fn decode(criterion: &mut Criterion) {
    let program = compile("");
    let decoder = JsonDecoder::new(&program.streams[0], |_| true);
    measure(
        criterion,
        "decode, JSON lines",
        BATCH_EVENTS,
        Decode { decoder, builder: builder(&program), made: 0 },
    );
}

struct Decode {
    decoder: JsonDecoder,
    builder: BatchBuilder,
    made: u64,
}

impl Piece for Decode {
    type Batch = Vec<String>;

    fn prepare(&mut self) -> Vec<String> {
        let line = |number: u64| {
            let Made { key, kind, cents, at } = Made::random(number, 20_000);
            format!(
                "{{\"card\":\"c{key:06}\",\"kind\":\"{}\",\"amount\":{}.{:02},\"at\":{}}}",
                KINDS[kind as usize],
                cents / 100,
                cents % 100,
                1_700_000_000_000 + at
            )
        };
        self.made += BATCH_EVENTS;
        (self.made - BATCH_EVENTS..self.made).map(line).collect()
    }

    fn work(&mut self, lines: &Vec<String>) {
        for (line, record) in lines.iter().zip(1..) {
            self.decoder.decode_row(line.as_bytes(), record, &mut self.builder).expect("a good line");
        }
        black_box(self.builder.finish());
    }
}

/// An event: its key, what it is, how much, and when, in milliseconds.
#[derive(Clone, Copy)]
struct Made {
    key: u64,
    kind: u64,
    cents: u64,
    at: u64,
}

impl Made {
    fn of_key(number: u64, key: u64) -> Made {
        Made { key, kind: 0, cents: 0, at: number }
    }

    fn random(number: u64, keys: u64) -> Made {
        let random = mixed(number);
        Made { key: (random >> 32) % keys, kind: (random >> 20) % 4, cents: random % 20_000, at: number }
    }
}

/// An event of its number.
type Make = Box<dyn Fn(u64) -> Made>;

/// Makes one batch after another.
struct Maker {
    builder: BatchBuilder,
    make: Make,
    made: u64,
}

impl Maker {
    fn new(program: &Program, make: Make) -> Maker {
        Maker { builder: builder(program), make, made: 0 }
    }

    fn batch(&mut self) -> Batch {
        for number in self.made..self.made + BATCH_EVENTS {
            let Made { key, kind, cents, at } = (self.make)(number);
            let (card, at) = (format!("c{key:07}"), EventTime::from_millis(at as i64));
            self.builder.push_row(at, number + 1, |field| match field {
                0 => Cell::Text(card.as_bytes()),
                1 => Cell::Text(KINDS[kind as usize].as_bytes()),
                2 => Cell::Units(cents as i64),
                _ => Cell::Units(at.micros()),
            });
        }
        self.made += BATCH_EVENTS;
        self.builder.finish()
    }
}

fn builder(program: &Program) -> BatchBuilder {
    let types = program.streams[0].fields.iter().map(|field| Some(field.ty)).collect();
    BatchBuilder::new(StreamId(0), PartitionId(0), types)
}

fn compile(patterns: &str) -> Arc<Program> {
    ensue::compile("micro.cep", &format!("{STREAM}{patterns}")).expect("the patterns are right")
}

/// The plan of the only pattern.
fn plan(program: &Program) -> Arc<Plan> {
    let plans = Plan::all(program).expect("the pattern is small");
    Arc::clone(&plans[0])
}
