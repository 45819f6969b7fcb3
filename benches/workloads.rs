//! Six workloads over one file of card transactions, as patterns, through the public interface.
//!
//! `make workloads INPUT=tx.jsonl`. The file is decoded first; what is timed is the way from decoded events in memory
//! to matches counted and hashed, on one thread. Each line says how many matches there were, and a checksum over all of
//! them that does not depend on their order, so that a run can be compared with another engine's.

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
use ensue::io::{Input, JsonSource};
use ensue::lang::hir::Program;
use ensue::{Batch, diag, lang};

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
    for (number, pattern) in (1..).zip([W1, W2, W3, W4, W5]) {
        Workload::new(&format!("W{number}"), pattern, Hashed::Times).run(&batches);
    }
    let many = Workload::new("W6", &rules(), Hashed::RuleAndTimes);
    let few = batches.len().min(FEW / BATCH_EVENTS);
    many.run(&batches[..few]);
    if few < batches.len() {
        many.run(&batches);
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

struct Workload {
    name: String,
    program: Arc<Program>,
    hashed: Hashed,
}

impl Workload {
    fn new(name: &str, patterns: &str, hashed: Hashed) -> Workload {
        Workload { name: name.to_owned(), program: compile(patterns), hashed }
    }

    fn run(&self, batches: &[Batch]) {
        let mut engine =
            Engine::new(Arc::clone(&self.program), &Config::default()).expect("it is small enough");
        engine.add_partition(StreamId(0));
        let mut tally = Tally { hashed: self.hashed, matches: 0, checksum: 0, text: String::new() };
        let events: usize = batches.iter().map(Batch::len).sum();
        let mut time = Duration::ZERO;
        for batch in batches {
            let batch = batch.clone();
            let began = Instant::now();
            engine.push(batch);
            engine.advance().expect("no bound is set");
            tally.add(&engine.take_outcomes());
            time += began.elapsed();
        }
        let began = Instant::now();
        engine.finish(true).expect("no bound is set");
        tally.add(&engine.take_outcomes());
        time += began.elapsed();
        let Tally { matches, checksum, .. } = tally;
        println!(
            "{} events={events} matches={matches} checksum={checksum:016x} engine_ns_per_event={:.1} \
             engine_events_per_s={:.0}",
            self.name,
            time.as_nanos() as f64 / events as f64,
            events as f64 / time.as_secs_f64()
        );
    }
}

struct Tally {
    hashed: Hashed,
    matches: u64,
    checksum: u64,
    text: String,
}

impl Tally {
    fn add(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.text.clear();
            if let Hashed::RuleAndTimes = self.hashed {
                write!(self.text, "{}|", outcome.pattern.0).expect("text can be written to");
            }
            write!(self.text, "{}", outcome.keys[0]).expect("text can be written to");
            for event in outcome.events.iter() {
                let time = event.order().time.micros() / 1000;
                write!(self.text, "|{time}").expect("text can be written to");
            }
            self.matches += 1;
            self.checksum ^= fnv_1a(self.text.as_bytes());
        }
    }
}

fn compile(patterns: &str) -> Arc<Program> {
    let loaded = lang::load::load_text("workloads.cep", &format!("{STREAM}{patterns}"));
    let (program, diagnostics) = lang::check::check(&loaded.sources, &loaded.files);
    let all: Vec<_> = loaded.diagnostics.into_iter().chain(diagnostics).collect();
    assert!(all.is_empty(), "{}", diag::render_text(&loaded.sources, &all, false));
    Arc::new(program)
}

/// The whole file as batches, every field of the stream read.
fn decode(path: &Path) -> std::io::Result<Vec<Batch>> {
    let program = compile(W1);
    let stream = &program.streams[0];
    let types = stream.fields.iter().map(|field| Some(field.ty)).collect();
    let input = Input::File(path.to_owned());
    let mut source = JsonSource::open(&input, StreamId(0), PartitionId(0), stream, types)?;
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
