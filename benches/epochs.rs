//! What epochs cost: a run over a million keys, all of which change between two epochs.
//!
//! `make bench-epochs SECONDS=40 ONLY=strict`. For each pattern the run is timed without a store and with one, in turn,
//! twice, with an epoch every ten seconds as `ensue run` has them by default. Events are made on a thread of their own. Then the
//! state is taken up again. Printed are the rates and their ratio; how long batches took, with and without, since
//! that is how long an event may have to wait; how long the run stood still at the start of an epoch; what an epoch has
//! written; how long taking up took; and the bytes on the disk for each key.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

#[path = "support/mixed.rs"]
mod mixed;

use mixed::mixed;

use ensue::engine::projection;
use ensue::event::{Cell, PartitionId, StreamId, Type};
use ensue::lang::hir::Program;
use ensue::runtime::epochs::{Mark, recover};
use ensue::runtime::{Checkpoints, Committer, EpochFacts};
use ensue::state::{Key, RocksStore, Space, Store};
use ensue::{Batch, BatchBuilder, Engine, EngineConfig, EventTime};

const STREAM: &str = "
stream transactions {
    card     string
    amount   decimal(2)
    ts       timestamp

    event time ts
}
";

/// Each has state for every key at any time, and every event of a key changes it.
const PATTERNS: [(&str, &str); 2] = [
    (
        "strict",
        "pattern rise {
             on transactions by card
             match all up{4} strict where amount > prev(amount)
             next x where amount > 990.00
             within 1h
             emit m { card: card, t1: up[0].ts, t5: x.ts }
         }",
    ),
    (
        "queues",
        "pattern probe {
             on transactions by card
             match a where amount < 900.00
             then b where amount < 500.00
             then c where amount > 999.00
             within 2m
             emit m { card: card, t1: a.ts, t2: b.ts, t3: c.ts }
         }",
    ),
];

const KEYS: u64 = 1_000_000;
const BATCH_EVENTS: u64 = 4_096;
const EPOCH_EVERY: Duration = Duration::from_secs(10);

/// Of event time, events are so far apart: every key has one about every ten seconds.
const APART_MICROS: i64 = 10;

fn main() -> ExitCode {
    // `cargo bench` passes `--bench` too.
    let mut asked = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let seconds = asked.next().map_or(Some(40), |asked| asked.parse().ok()).filter(|seconds| *seconds > 0);
    let Some(seconds) = seconds else {
        eprintln!("usage: make bench-epochs SECONDS=40 ONLY=strict");
        return ExitCode::from(2);
    };
    let only = asked.next();
    for (name, pattern) in PATTERNS {
        if only.as_ref().is_none_or(|only| only == name) {
            let program = ensue::compile("epochs.cep", &format!("{STREAM}{pattern}"));
            measure(name, &program.expect("the patterns are right"), Duration::from_secs(seconds));
        }
    }
    ExitCode::SUCCESS
}

fn measure(name: &str, program: &Arc<Program>, time: Duration) {
    let directory = std::env::temp_dir().join(format!("ensue-bench-epochs-{}", std::process::id()));
    let (mut without, mut with) = (Run::default(), Run::default());
    for _ in 0..2 {
        without.go_on(program, time, None);
        if directory.exists() {
            std::fs::remove_dir_all(&directory).expect("the directory can be removed");
        }
        with.go_on(program, time, Some(&directory));
    }
    println!("{name}: {KEYS} keys, twice {} s each", time.as_secs());
    let ratio = 100.0 * (1.0 - with.rate() / without.rate());
    println!("  without epochs {:.2} M events/s, with {:.2}: {ratio:.1} % less", without.rate(), with.rate());
    println!(
        "  batches of {BATCH_EVENTS} events, by how long they took (with what an epoch does in between):"
    );
    println!("    {:>10} {:>10} {:>10}", "up to", "without", "with");
    for (bucket, _) in without.times.iter().chain(&with.times).collect::<BTreeMap<_, _>>() {
        let count = |run: &Run| run.times.get(bucket).copied().unwrap_or_default();
        println!("    {:>7.1} ms {:>10} {:>10}", *bucket as f64 / 1e3, count(&without), count(&with));
    }
    println!("    {:>10} {:>7.1} ms {:>7.1} ms", "longest", ms(without.longest), ms(with.longest));
    for facts in &with.epochs {
        let EpochFacts { epoch, pause, took, written, .. } = facts;
        println!(
            "  epoch {epoch}: stood still {:.2} ms, on the disk after {:.2} s, {} keys, {:.1} MB",
            ms(*pause),
            took.as_secs_f64(),
            written.keys,
            written.bytes as f64 / 1e6
        );
    }
    take_up(program, &directory);
    std::fs::remove_dir_all(&directory).expect("the directory can be removed");
}

/// Takes the state up in a new engine.
fn take_up(program: &Arc<Program>, directory: &Path) {
    let began = Instant::now();
    let store = RocksStore::open(directory).expect("it was closed");
    let recovered = recover(&store).expect("it is whole").expect("there were epochs");
    let read = began.elapsed();
    let keys = recovered.keys.len();
    let mut engine = Engine::new(Arc::clone(program), &EngineConfig::default()).expect("it is small");
    engine.restore(&recovered.rest, recovered.keys).expect("it was saved");
    let bytes = store.size(&Key::new(Space::KeyState)).expect("it can be asked");
    println!(
        "  taken up: {keys} keys in {:.2} s ({:.2} s of it to read them); {:.0} bytes a key on the disk",
        began.elapsed().as_secs_f64(),
        read.as_secs_f64(),
        bytes as f64 / keys.max(1) as f64
    );
}

/// What a run came to.
#[derive(Default)]
struct Run {
    events: u64,
    took: Duration,
    /// Batches by the microseconds that they took, in buckets.
    times: BTreeMap<u64, u64>,
    longest: Duration,
    epochs: Vec<EpochFacts>,
}

impl Run {
    fn rate(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64() / 1e6
    }

    /// Runs for so long, once every key has state.
    fn go_on(&mut self, program: &Arc<Program>, time: Duration, directory: Option<&Path>) {
        let mut engine =
            Engine::new(Arc::clone(program), &EngineConfig::default()).expect("the pattern is small");
        let partition = engine.add_partition(StreamId(0));
        let types = projection(program, engine.patterns(), StreamId(0), false);
        let batches = batches(partition, types);
        let mut checkpoints = directory.map(|directory| {
            engine.track();
            let store = Arc::new(RocksStore::open(directory).expect("a directory"));
            Checkpoints::new(Committer::start(store, Arc::new(|_| {})).expect("a thread"), 0)
        });
        for _ in 0..4 * KEYS / BATCH_EVENTS {
            take(&mut engine, &batches);
        }
        let (began, mut last) = (Instant::now(), Instant::now());
        while began.elapsed() < time {
            let one = Instant::now();
            let events = take(&mut engine, &batches);
            if let Some(checkpoints) = &mut checkpoints {
                self.epochs.extend(checkpoints.go_on(&mut engine).expect("the disk has room"));
                if last.elapsed() >= EPOCH_EVERY && checkpoints.is_idle() {
                    last = Instant::now();
                    let sync = Box::new(|| Ok(()));
                    checkpoints.begin(&mut engine, Mark::default(), sync, last).expect("no bound is set");
                }
            }
            self.note(one.elapsed());
            self.events += events;
        }
        self.took += began.elapsed();
        if let Some(checkpoints) = &mut checkpoints {
            self.epochs.extend(checkpoints.finish(&mut engine).expect("the disk has room"));
        }
    }

    fn note(&mut self, time: Duration) {
        self.longest = self.longest.max(time);
        let micros = time.as_micros() as u64;
        let bucket = [500, 1_000, 2_000, 3_000, 4_000, 5_000, 7_000, 10_000, 20_000, 50_000, 100_000];
        let bucket = bucket.into_iter().find(|bucket| micros <= *bucket).unwrap_or(u64::MAX / 2);
        *self.times.entry(bucket).or_default() += 1;
    }
}

/// A batch through the engine. Waiting for it is no part of what is measured, but is over soon.
fn take(engine: &mut Engine, batches: &Receiver<Batch>) -> u64 {
    let batch = batches.recv().expect("there is no end of batches");
    let events = batch.len() as u64;
    engine.push(batch);
    engine.advance().expect("no bound is set");
    engine.take_records();
    events
}

/// Batches without end, made on another thread.
fn batches(partition: PartitionId, types: Vec<Option<Type>>) -> Receiver<Batch> {
    let (to, batches) = sync_channel(8);
    thread::spawn(move || {
        let mut builder = BatchBuilder::new(StreamId(0), partition, types);
        for first in (0..).step_by(BATCH_EVENTS as usize) {
            for number in first..first + BATCH_EVENTS {
                let random = mixed(number);
                let at = EventTime::from_micros(number as i64 * APART_MICROS);
                let mut card = *b"c0000000";
                let mut rest = random % KEYS;
                card[1..].iter_mut().rev().for_each(|digit| {
                    *digit += (rest % 10) as u8;
                    rest /= 10;
                });
                builder.push_row(at, number + 1, |field| match field {
                    0 => Cell::Text(&card),
                    1 => Cell::Units((random >> 32) as i64 % 100_000),
                    _ => Cell::Units(at.micros()),
                });
            }
            if to.send(builder.finish()).is_err() {
                return;
            }
        }
    });
    batches
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
