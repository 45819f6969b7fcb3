//! Random programs over many events, as files that `ensue run` reads.
//!
//! A program is one of those that the oracle is compared on. Its events are many small streams, each with keys of its own,
//! laid over one another: so there are open partial matches and deadlines of many keys at every instant, events out of
//! order and late ones, and no key has so many events that a pattern makes a run of every subset of them.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::model::{Program, STREAMS};
use crate::random::Random;
use crate::stream::{self, Event};
use crate::{Case, generate, support};

/// How many small streams are laid over one another.
const ROUNDS: i64 = 1200;

/// How much later each begins, in seconds.
const APART: i64 = 1;

/// The most keys of a small stream.
const KEYS: i64 = 10;

/// Writes so many programs with their events.
pub(crate) fn write(folder: &Path, seed: u64, count: usize) -> Vec<Case> {
    (0..count).map(|number| write_case(folder, seed, number)).collect()
}

fn write_case(folder: &Path, seed: u64, number: usize) -> Case {
    let mut random = Random::of_case(seed, number as u64);
    let program = program(&mut random);
    let name = format!("random{number}");
    let folder = folder.join(&name);
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("case.cep");
    fs::write(&path, program.to_string()).expect("a file");
    let events = events(&mut random, &program);
    let mut inputs = Vec::new();
    for place in stream::places(&events.iter().map(|event| (event.place(), ())).collect()) {
        let path = folder.join(format!("{}-{}.jsonl", STREAMS[place.0], place.1));
        let mut file = std::io::BufWriter::new(fs::File::create(&path).expect("a file"));
        for event in events.iter().filter(|event| event.place() == place) {
            writeln!(file, "{}", line(event)).expect("a file can be written");
        }
        inputs.push(format!("{}={}", STREAMS[place.0], path.display()));
    }
    let mut outputs: Vec<String> = program
        .patterns
        .iter()
        .flat_map(|pattern| pattern.timeout.iter().chain([&pattern.emit]))
        .map(|record| record.stream.clone())
        .collect();
    let is_read =
        |stream: &usize| inputs.iter().any(|input| input.starts_with(&format!("{}=", STREAMS[*stream])));
    outputs.extend((0..STREAMS.len()).filter(is_read).map(|stream| format!("{}.late", STREAMS[stream])));
    outputs.sort();
    outputs.dedup();
    Case { name, program: path.display().to_string(), inputs, outputs }
}

/// A program all of whose patterns have the key of a small stream.
pub(crate) fn program(random: &mut Random) -> Program {
    loop {
        let program = generate::program(random);
        let is_keyed = program.patterns.iter().all(|pattern| pattern.keys.iter().any(|key| key == "k"));
        let is_bounded = program.patterns.iter().all(|pattern| pattern.within.is_some());
        if is_keyed && is_bounded && support::compile(&program.to_string()).is_ok() {
            return program;
        }
    }
}

/// Small streams laid over one another, in order of arrival.
pub(crate) fn events(random: &mut Random, program: &Program) -> Vec<Event> {
    let mut all: Vec<(i64, Event)> = Vec::new();
    for round in 0..ROUNDS {
        let mut newest = i64::MIN;
        for mut event in stream::events(random, program) {
            event.ts += round * APART;
            event.k = event.k.map(|k| k + round * KEYS);
            newest = newest.max(event.ts);
            all.push((newest, event));
        }
    }
    all.sort_by_key(|(arrival, _)| *arrival);
    let numbered = (1..).zip(all);
    numbered.map(|(n, (_, event))| Event { n, ..event }).collect()
}

pub(crate) fn line(event: &Event) -> serde_json::Value {
    serde_json::json!({
        "n": event.n, "k": event.k, "kind": event.kind, "v": event.v, "d": event.d.map(|d| d as f64 / 100.0),
        "x": event.x, "ok": event.ok, "ts": event.ts * 1000,
    })
}
