//! Copies of the state of runs, in directories and in buckets.

mod broken;
mod bucket;
mod commands;
mod places;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ensue::copies::{Copied, Copier, CopyError, Fetched, Listed, Place, fetch, list, wait_for};
use ensue::event::{PartitionId, Value};
use ensue::lang::hir::Program;
use ensue::runtime::epochs::{self, Mark};
use ensue::runtime::{Checkpoints, Committer};
use ensue::state::{RocksStore, Store};
use ensue::{BatchBuilder, Engine, EngineConfig, EventTime};

use crate::folder::Folder;

const PROGRAM: &str = "
stream tx { card string  at timestamp  event time at }
pattern pair {
    on tx by card
    match a
    then b
    within 10m
    emit alert { card: card }
}
";

/// A run without inputs and outputs, whose state grows with every epoch.
struct Run {
    store: Arc<RocksStore>,
    program: Arc<Program>,
    partition: PartitionId,
    engine: Engine,
    checkpoints: Checkpoints,
    events: i64,
}

impl Run {
    /// A new one, with its state in this directory.
    fn new(directory: &Path) -> Run {
        let program = ensue::compile("p.cep", PROGRAM).expect("a program");
        let store = Arc::new(RocksStore::open(directory).expect("a store"));
        let committer = Committer::here(Arc::clone(&store) as Arc<dyn Store>, Arc::new(|_| {}));
        let mut engine = Engine::new(Arc::clone(&program), &EngineConfig::default()).expect("an engine");
        engine.track();
        let stream = program.stream_named("tx").expect("it is declared");
        let partition = engine.add_partition(stream);
        Run { store, program, partition, engine, checkpoints: Checkpoints::new(committer, 0), events: 0 }
    }

    /// An epoch after so many keys more.
    fn epoch(&mut self, keys: i64) {
        let program = Arc::clone(&self.program);
        let stream = program.stream_named("tx").expect("it is declared");
        let fields = ensue::engine::projection(&program, self.engine.patterns(), stream, false);
        let mut builder = BatchBuilder::new(stream, self.partition, fields);
        for _ in 0..keys {
            self.events += 1;
            let at = EventTime::from_millis(1_700_000_000_000 + self.events);
            builder.set(0, Value::text(&format!("card {:032}", self.events)));
            builder.set(1, Value::Timestamp(at));
            builder.end_row(at, self.events as u64);
        }
        self.engine.push(builder.finish());
        self.engine.advance().expect("no bound");
        let begun =
            self.checkpoints.begin(&mut self.engine, Mark::default(), Box::new(|| Ok(())), Instant::now());
        begun.expect("an epoch");
        self.checkpoints.finish(&mut self.engine).expect("an epoch");
    }

    fn copier(&self, place: Place) -> Copier {
        Copier::new(Arc::clone(&self.store) as Arc<dyn Store>, place)
    }
}

/// Copies, without anything to complain about.
fn copied(copier: &mut Copier) -> Copied {
    let copied = wait_for(copier.copy()).expect("a runtime").expect("a copy").expect("something is new");
    assert!(copied.left.is_none(), "{copied:?}");
    copied
}

fn listed(place: &Place) -> Vec<Listed> {
    wait_for(list(place, true)).expect("a runtime").expect("a list")
}

fn fetched(place: &Place, directory: &Path) -> Result<Fetched, CopyError> {
    wait_for(fetch(place, directory, None)).expect("a runtime")
}

/// Fetches, and sees that what comes is a whole state of the epoch that it says.
fn fetched_whole(place: &Place, directory: &Path) -> Fetched {
    let fetched = fetched(place, directory).expect("a copy");
    assert_eq!(epoch_in(directory), fetched.manifest.epoch);
    fetched
}

/// The last epoch in a directory, in which nothing is damaged.
fn epoch_in(directory: &Path) -> u64 {
    let store = RocksStore::open(directory).expect("a store");
    assert!(store.verify().expect("it can be read").is_whole());
    epochs::mark(&store).expect("it can be read").expect("an epoch").epoch
}

/// A folder for a test, and in it a place that is a directory.
fn folder(name: &str) -> (Folder, Place) {
    let folder = Folder::empty(&format!("copies-{name}"));
    let place = local(&folder.0.join("place"));
    (folder, place)
}

fn local(directory: &Path) -> Place {
    Place::open(&format!("file://{}", directory.display())).expect("a place")
}

fn names(directory: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(&directory).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
