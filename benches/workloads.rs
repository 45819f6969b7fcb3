//! Six workloads over one file of card transactions, as patterns, through the public interface.
//!
//! `make workloads INPUT=tx.jsonl`. The file is decoded first; what is timed, the best of three times, is the way from
//! decoded events in memory to matches counted and hashed, on one thread; `ONLY=W3` measures one of them. Each line says
//! how many matches there were, and a checksum over all of them that does not depend on their order, so that a run can be
//! compared with another engine's.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "support/workloads.rs"]
mod workloads;

use workloads::{STREAM, W1, W2, W3, W4, W5, fnv_1a};

use ensue::engine::{Config, Engine, Outcome};
use ensue::event::{PartitionId, StreamId};
use ensue::io::{Input, InputSource, Reading};
use ensue::lang::hir::Program;
use ensue::{Batch, Value};

/// How many rules the sixth workload has.
const RULES: u32 = 200;

/// How many events the small run of the sixth workload takes.
const FEW: usize = 20_000;

/// The events of a batch: a divisor of [`FEW`].
const BATCH_EVENTS: usize = 4_000;

fn main() -> ExitCode {
    // `cargo bench` passes `--bench` too.
    let mut arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    let Some(input) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: make workloads INPUT=tx.jsonl");
        return ExitCode::from(2);
    };
    let batches = match decode(&input) {
        Ok(batches) => batches,
        Err(error) => {
            eprintln!("{}: {error}", input.display());
            return ExitCode::from(2);
        }
    };
    let only = arguments.next().map(|only| only.to_string_lossy().into_owned());
    let is_wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    for (number, pattern) in (1..).zip([W1, W2, W3, W4, W5]) {
        let name = format!("W{number}");
        if is_wanted(&name) {
            Workload::new(&name, pattern, Hashed::Times).run(&batches);
        }
    }
    if !is_wanted("W6") {
        return ExitCode::SUCCESS;
    }
    let many = Workload::new("W6", &rules(), Hashed::RuleAndTimes);
    let few = batches.len().min(FEW / BATCH_EVENTS);
    many.run(&batches[..few]);
    if few < batches.len() {
        Workload { is_hash_timed: false, ..many }.run(&batches);
    }
    ExitCode::SUCCESS
}

/// The first workload two hundred times, with other thresholds.
fn rules() -> String {
    (0..RULES).fold(String::new(), |mut text, rule| {
        let (low, high) = (100 + 5 * rule, 40_000 + 500 * rule);
        let (low, high) = (decimal(low), decimal(high));
        write!(
            text,
            "
pattern rule_{rule:03} {{
    on transactions by card
    match all a where amount < {low}
    then b where amount < {low}
    then c where amount > {high}
    within 10m
    emit m {{ card: card, t1: a.ts, t2: b.ts, t3: c.ts }}
}}
"
        )
        .expect("text can be written to");
        text
    })
}

fn decimal(hundredths: u32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// What a match is hashed as.
#[derive(Clone, Copy)]
enum Hashed {
    /// `card|t1|t2|…`
    Times,
    /// `rule|card|t1|t2|…`
    RuleAndTimes,
}

/// How often each is measured: others on the machine only ever make it slower.
const ROUNDS: usize = 3;

/// What came of a workload once.
struct Round {
    matches: u64,
    checksum: u64,
    time: Duration,
}

struct Workload {
    name: String,
    program: Arc<Program>,
    hashed: Hashed,
    /// Whether hashing the matches is part of the time, as it is where other engines are measured. Where there are
    /// more matches than events they are only counted.
    is_hash_timed: bool,
}

impl Workload {
    fn new(name: &str, patterns: &str, hashed: Hashed) -> Workload {
        Workload { name: name.to_owned(), program: compile(patterns), hashed, is_hash_timed: true }
    }

    /// Runs it [`ROUNDS`] times, and says what the quickest took.
    fn run(&self, batches: &[Batch]) {
        let rounds: Vec<Round> = (0..ROUNDS).map(|_| self.round(batches)).collect();
        let found = |round: &Round| (round.matches, round.checksum);
        assert!(rounds.iter().all(|round| found(round) == found(&rounds[0])), "every round finds the same");
        let best = rounds.iter().min_by_key(|round| round.time).expect("there are rounds");
        let events: usize = batches.iter().map(Batch::len).sum();
        println!(
            "{} events={events} matches={} checksum={:016x} engine_ns_per_event={:.1} engine_events_per_s={:.0}",
            self.name,
            best.matches,
            best.checksum,
            best.time.as_nanos() as f64 / events as f64,
            events as f64 / best.time.as_secs_f64()
        );
    }

    fn round(&self, batches: &[Batch]) -> Round {
        let mut engine =
            Engine::new(Arc::clone(&self.program), &Config::default()).expect("it is small enough");
        engine.add_partition(StreamId(0));
        let mut tally = Tally { hashed: self.hashed, matches: 0, checksum: 0, text: Vec::new() };
        let mut time = Duration::ZERO;
        for batch in batches {
            let batch = batch.clone();
            let began = Instant::now();
            engine.push(batch);
            engine.advance().expect("no bound is set");
            time += self.take(&mut engine, began, &mut tally);
        }
        let began = Instant::now();
        engine.finish(true).expect("no bound is set");
        time += self.take(&mut engine, began, &mut tally);
        let Tally { matches, checksum, .. } = tally;
        Round { matches, checksum, time }
    }

    /// Takes what was found. Gives the time since `began`.
    fn take(&self, engine: &mut Engine, began: Instant, tally: &mut Tally) -> Duration {
        let outcomes = engine.take_outcomes();
        let counted = began.elapsed();
        tally.add(&outcomes);
        if self.is_hash_timed { began.elapsed() } else { counted }
    }
}

struct Tally {
    hashed: Hashed,
    matches: u64,
    checksum: u64,
    text: Vec<u8>,
}

/// Writes a number in decimal.
fn push_number(text: &mut Vec<u8>, mut number: u64) {
    let start = text.len();
    loop {
        text.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text[start..].reverse();
}

impl Tally {
    fn add(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.text.clear();
            if let Hashed::RuleAndTimes = self.hashed {
                push_number(&mut self.text, u64::from(outcome.pattern.0));
                self.text.push(b'|');
            }
            let Value::String(card) = &outcome.keys[0] else { continue };
            self.text.extend_from_slice(card.as_bytes());
            for event in outcome.events.iter() {
                self.text.push(b'|');
                push_number(&mut self.text, (event.order().time.micros() / 1000).unsigned_abs());
            }
            self.matches += 1;
            self.checksum ^= fnv_1a(&self.text);
        }
    }
}

fn compile(patterns: &str) -> Arc<Program> {
    ensue::compile("workloads.cep", &format!("{STREAM}{patterns}")).expect("the patterns are right")
}

/// The whole file as batches, every field of the stream read.
fn decode(path: &Path) -> std::io::Result<Vec<Batch>> {
    let program = compile(W1);
    let stream = &program.streams[0];
    let types = stream.fields.iter().map(|field| Some(field.ty)).collect();
    let input = Input::File(path.to_owned());
    let reading =
        Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
    let mut source = InputSource::open(&input, stream, reading)?;
    let mut bad_lines = 0_u64;
    let mut batches = Vec::new();
    while let Some(batch) = source.read_batch(BATCH_EVENTS, &mut |_| bad_lines += 1)? {
        batches.push(batch);
    }
    if bad_lines > 0 {
        eprintln!("{}: {bad_lines} bad lines are left out", path.display());
    }
    Ok(batches)
}
