//! Runs that are broken off at every write to their store, and go on.
//!
//! A process is played on a simulated disk: a store whose commits fail as they are told to, and an output of which a crash
//! leaves what was put on the disk and any part of the rest. The run goes through the same [`Checkpoints`] as a real
//! one. For every commit that it makes, it is run again with that commit failing, once so that nothing of it is there
//! and once so that all of it is; and it is killed at random instants besides. Whatever happens, the
//! output must in the end be that of the unbroken run, byte for byte.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ensue::engine::{Config, Engine};
use ensue::runtime::epochs::{InputMark, Mark, Recovered, recover};
use ensue::runtime::{Checkpoints, Committer, OutputError, SyncOutputs};
use ensue::state::{Fault, MemoryStore, Store};

use crate::check::{self, Case, Step};
use crate::random::Random;
use crate::stream::{self, Event};
use crate::support::{self, Compiled};

/// A life that never ends has no way forward.
const LIVES_MAX: u64 = 1000;

/// What came of a case.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Broken {
    /// Runs from the first event to the last, each broken off at least once.
    pub(crate) runs: u64,
    /// How often one was broken off: by a commit, by an output, by a kill.
    pub(crate) by_commit: u64,
    pub(crate) by_output: u64,
    pub(crate) by_kill: u64,
    /// Whether one left another output.
    pub(crate) differs: bool,
}

/// Breaks a case off at every write.
pub(crate) fn check(case: &Case, seed: u64) -> Broken {
    let compiled = support::compile(&case.program.to_string()).expect("it was compiled before");
    let mut random = Random::of_case(seed, 77);
    let numbers = stream::record_numbers(&case.events);
    let mut partitions: BTreeMap<(usize, u32), Vec<&Event>> = BTreeMap::new();
    for event in &case.events {
        partitions.entry(event.place()).or_default().push(event);
    }
    let steps = check::steps(&partitions, random.below(3) + 1);
    let run = Run { compiled: &compiled, places: stream::places(&partitions), steps, numbers: &numbers };
    let expected = run.unbroken();
    let mut broken = Broken::default();
    for commit in 1.. {
        let faults = [Fault::Lost, Fault::Kept];
        let mut is_over = false;
        for fault in faults {
            let disk = Disk::new();
            disk.store.fail_at(commit, fault);
            broken.differs |= run.to_the_end(&disk, &mut random, &mut broken) != expected;
            broken.runs += 1;
            // Where there are fewer commits, that one has not failed.
            is_over |= disk.store.tries() < commit;
        }
        if is_over || broken.differs {
            return broken;
        }
    }
    broken
}

/// What a crash leaves, and what it may take.
struct Disk {
    store: Arc<MemoryStore>,
    output: Arc<Mutex<Output>>,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    /// So many of them outlive a crash.
    synced: usize,
}

impl Disk {
    fn new() -> Disk {
        Disk { store: Arc::new(MemoryStore::new()), output: Arc::default() }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is gone: of what was not put on the disk any part is left.
    fn crash(&self, random: &mut Random) {
        let mut output = self.output();
        let synced = output.synced;
        let left = synced + random.below(output.bytes.len() - synced + 1);
        output.bytes.truncate(left);
        if random.percent(20) {
            // A block that was made longer and not written.
            output.bytes.extend([0; 7]);
        }
    }
}

/// A program with its events.
struct Run<'a> {
    compiled: &'a Compiled,
    places: Vec<(usize, u32)>,
    steps: Vec<Step<'a>>,
    numbers: &'a BTreeMap<i64, u64>,
}

/// Why a life ended.
enum End {
    Done,
    Commit,
    Output,
    Kill,
}

impl Run<'_> {
    /// The output of a run that nothing befalls.
    fn unbroken(&self) -> Vec<u8> {
        let mut engine = self.engine(1);
        self.add_partitions(&mut engine);
        let mut output = Vec::new();
        for step in &self.steps {
            check::take_step(self.compiled, &mut engine, step, self.numbers);
            write(&mut engine, &mut output);
        }
        output
    }

    /// Runs and goes on until the end is reached. Gives the output.
    fn to_the_end(&self, disk: &Disk, random: &mut Random, broken: &mut Broken) -> Vec<u8> {
        for _ in 0..LIVES_MAX {
            match self.life(disk, random) {
                End::Done => return disk.output().bytes.clone(),
                End::Commit => broken.by_commit += 1,
                End::Output => broken.by_output += 1,
                End::Kill => broken.by_kill += 1,
            }
            disk.crash(random);
            // What opens a directory looks at what is there.
            disk.store.resume().expect("it was told to fail once");
        }
        panic!("it does not come to its end");
    }

    /// One process, from where the last one was to its end.
    fn life(&self, disk: &Disk, random: &mut Random) -> End {
        let recovered = recover(disk.store.as_ref()).expect("what is there is whole");
        let mut engine = self.engine(random.below(3) as u32 + 1);
        engine.track();
        self.add_partitions(&mut engine);
        let (mut at, epoch) = match recovered {
            Some(Recovered { mark, rest, keys, .. }) => {
                let length = mark.outputs["out"] as usize;
                let mut output = disk.output();
                assert!(output.bytes.len() >= length, "what was committed was on the disk");
                output.bytes.truncate(length);
                output.synced = length;
                if mark.is_done {
                    return End::Done;
                }
                engine.restore(&rest, keys).expect("what was saved can be taken");
                (mark.inputs[0].lines as usize, mark.epoch)
            }
            None => {
                *disk.output() = Output::default();
                (0, 0)
            }
        };
        let store: Arc<dyn Store> = Arc::clone(&disk.store) as Arc<dyn Store>;
        let committer = match random.percent(10) {
            true => Committer::start(store, Arc::new(|_| {})).expect("a thread"),
            false => Committer::here(store, Arc::new(|_| {})),
        };
        let mut checkpoints = Checkpoints::new(committer, epoch);
        let has_failed = Arc::new(AtomicBool::new(false));
        while at < self.steps.len() {
            if random.percent(2) {
                return End::Kill;
            }
            if matches!(self.steps[at], Step::End) && checkpoints.finish(&mut engine).is_err() {
                return why(&has_failed);
            }
            check::take_step(self.compiled, &mut engine, &self.steps[at], self.numbers);
            at += 1;
            write(&mut engine, &mut disk.output().bytes);
            if checkpoints.go_on(&mut engine).is_err() {
                return why(&has_failed);
            }
            if checkpoints.is_idle() && random.percent(60) && at < self.steps.len() {
                let (mark, sync) = self.mark(disk, at, false, (random.percent(2), &has_failed));
                let begun = checkpoints.begin(&mut engine, mark, sync, Instant::now());
                begun.expect("no bound makes it fail");
            }
        }
        let (mark, sync) = self.mark(disk, at, true, (false, &has_failed));
        let begun = checkpoints.begin(&mut engine, mark, sync, Instant::now());
        begun.expect("no bound makes it fail");
        match checkpoints.finish(&mut engine) {
            Ok(_) => End::Done,
            Err(_) => why(&has_failed),
        }
    }

    /// How far the run is, and what puts the output on the disk, or does not.
    fn mark(
        &self,
        disk: &Disk,
        steps: usize,
        is_done: bool,
        (fails, has_failed): (bool, &Arc<AtomicBool>),
    ) -> (Mark, SyncOutputs) {
        let length = disk.output().bytes.len() as u64;
        let input = InputMark { lines: steps as u64, ..InputMark::default() };
        let outputs = BTreeMap::from([("out".to_owned(), length)]);
        let mark = Mark { is_done, inputs: vec![input], outputs, ..Mark::default() };
        let (output, has_failed) = (Arc::clone(&disk.output), Arc::clone(has_failed));
        let sync = move || {
            if fails {
                has_failed.store(true, Ordering::Relaxed);
                return Err(OutputError {
                    path: "out".to_owned(),
                    source: io::Error::other("it was told to fail"),
                });
            }
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.synced = output.bytes.len();
            Ok(())
        };
        (mark, Box::new(sync))
    }

    fn engine(&self, shards: u32) -> Engine {
        let config = Config { shards, ..Config::default() };
        Engine::new(Arc::clone(&self.compiled.program), &config).expect("it was built once")
    }

    fn add_partitions(&self, engine: &mut Engine) {
        for place in &self.places {
            let stream = stream::stream_id(self.compiled, place.0);
            let partition = engine.add_partition(stream);
            let is_read = self
                .steps
                .iter()
                .any(|step| matches!(step, Step::Events(events, _) if events[0].place() == *place));
            if !is_read {
                engine.close_partition(stream, partition);
            }
        }
    }
}

fn why(has_failed: &AtomicBool) -> End {
    if has_failed.load(Ordering::Relaxed) { End::Output } else { End::Commit }
}

/// Writes what the engine has made, a line each.
fn write(engine: &mut Engine, output: &mut Vec<u8>) {
    for record in engine.take_records() {
        let ensue::engine::Record { at, stream, pattern, kind, id, fields, .. } = record;
        output.extend(format!("{at} {} {} {kind:?} {id:x} {fields:?}\n", stream.0, pattern.0).into_bytes());
    }
    for late in engine.take_late() {
        output.extend(format!("late {} {:?}\n", late.stream.0, late.batch.times()[late.row]).into_bytes());
    }
}
