//! One case: what the oracle says, and whether the engine says the same however the events reach it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ensue::Value;
use ensue::engine::{ColdKeys, Config, Engine, KeyState, Record, reference};
use ensue::event::PatternId;
use ensue::matcher::{Bounds, Class, Kind};
use ensue::runtime::Workers;

use crate::model::Program;
use crate::random::Random;
use crate::stream::{self, Event};
use crate::support::{self, Compiled};

/// A program and its events, in order of arrival.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Case {
    pub(crate) program: Program,
    pub(crate) events: Vec<Event>,
}

/// How the events reach the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// Whether they arrive in another order, within the disorder.
    pub(crate) shuffled: bool,
    /// How many events of a partition come at once.
    pub(crate) batch: usize,
    pub(crate) shards: u32,
    /// Whether each shard works on a thread of its own.
    pub(crate) threads: bool,
    /// What is done between two steps.
    pub(crate) between: Between,
    /// The executor class of every pattern; `None` for the cheapest of each.
    pub(crate) class: Option<Class>,
}

/// What is done with an engine between two steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Between {
    Nothing,
    /// It is saved, and goes on as another one with another number of shards.
    Restored,
    /// It is saved, and some keys are forgotten, or all.
    Evicted,
}

/// Each kind of arrival with each kind of split.
const VARIANTS: [Variant; 11] = [
    Variant { shuffled: false, batch: 1, shards: 1, threads: false, between: Between::Nothing, class: None },
    Variant { shuffled: false, batch: 3, shards: 2, threads: false, between: Between::Nothing, class: None },
    Variant {
        shuffled: false,
        batch: usize::MAX,
        shards: 5,
        threads: false,
        between: Between::Nothing,
        class: None,
    },
    Variant {
        shuffled: true,
        batch: usize::MAX,
        shards: 1,
        threads: false,
        between: Between::Nothing,
        class: None,
    },
    Variant { shuffled: true, batch: 1, shards: 5, threads: false, between: Between::Nothing, class: None },
    Variant { shuffled: true, batch: 3, shards: 1, threads: false, between: Between::Nothing, class: None },
    Variant { shuffled: true, batch: 2, shards: 3, threads: true, between: Between::Nothing, class: None },
    Variant { shuffled: false, batch: 1, shards: 1, threads: false, between: Between::Restored, class: None },
    Variant { shuffled: true, batch: 2, shards: 3, threads: false, between: Between::Restored, class: None },
    Variant { shuffled: false, batch: 1, shards: 1, threads: false, between: Between::Evicted, class: None },
    Variant { shuffled: true, batch: 2, shards: 3, threads: false, between: Between::Evicted, class: None },
];

/// In how many of these every other class is tried that takes all patterns.
const CLASS_VARIANTS: [usize; 5] = [2, 3, 4, 7, 9];

/// What came of a case.
pub(crate) enum Verdict {
    /// The checker does not take the program.
    Refused,
    Same {
        records: usize,
        /// The classes that evaluated some of its patterns.
        classes: Vec<Class>,
    },
    Differs(Box<Difference>),
}

pub(crate) struct Difference {
    pub(crate) variant: Variant,
    pub(crate) expected: Vec<Record>,
    pub(crate) found: Vec<Record>,
}

/// Runs a case in every way. The seed shuffles.
pub(crate) fn check(case: &Case, seed: u64) -> Verdict {
    let Ok(compiled) = support::compile(&case.program.to_string()) else { return Verdict::Refused };
    let expected = expected(&compiled, case);
    let (on_time, _) = stream::split_late(&case.program, &case.events);
    let numbers = stream::record_numbers(&case.events);
    let (default, others) = classes(&compiled);
    let by_class = |class: &Class| {
        let class = Some(*class);
        CLASS_VARIANTS.map(|at| (at, Variant { class, ..VARIANTS[at] }))
    };
    let variants = VARIANTS.into_iter().enumerate().chain(others.iter().flat_map(by_class));
    for (at, variant) in variants {
        let shuffled;
        let arrival = if variant.shuffled {
            let mut random = Random::of_case(seed, at as u64);
            shuffled = stream::shuffled(&mut random, &case.program, &on_time);
            &shuffled
        } else {
            &case.events
        };
        let found = engine_records(&compiled, arrival, &numbers, variant);
        if !same(&expected, &found) {
            return Verdict::Differs(Box::new(Difference { variant, expected, found }));
        }
    }
    let classes = Class::ALL.into_iter().filter(|class| default.contains(class) || others.contains(class));
    Verdict::Same { records: expected.len(), classes: classes.collect() }
}

/// The classes that the patterns have by default, and those others that take all of them.
fn classes(compiled: &Compiled) -> (Vec<Class>, Vec<Class>) {
    let plans: Vec<_> = compiled.patterns.iter().map(|PatternId(at)| &compiled.plans[*at as usize]).collect();
    let default: Vec<Class> = plans.iter().map(|plan| Class::of(plan)).collect();
    let is_other = |class: &Class| {
        default.iter().any(|by_default| by_default != class)
            && plans.iter().all(|plan| class.executor(plan).is_ok())
    };
    let others = Class::ALL.into_iter().filter(is_other).collect();
    (default, others)
}

/// The most open runs that a case may reach: some patterns make one of every subset of the events.
const RUNS_MAX: u64 = 3000;

/// Leaves out the last events of a case until the runs that it makes are few enough to be gone through.
pub(crate) fn bound(compiled: &Compiled, case: &mut Case) {
    while case.events.len() > 2 && !is_bounded(compiled, case) {
        case.events.truncate(case.events.len() * 3 / 4);
    }
}

/// Whether the engine holds no more than [`RUNS_MAX`] runs at any event.
fn is_bounded(compiled: &Compiled, case: &Case) -> bool {
    let (mut on_time, _) = stream::split_late(&case.program, &case.events);
    let numbers = stream::record_numbers(&case.events);
    on_time.sort_by_key(|event| event.ts);
    // Only the general executor keeps runs one by one.
    let bounds = Bounds { runs_per_key_max: RUNS_MAX, ..Bounds::default() };
    let config = Config { executor: Some(Class::Runs), bounds, ..Config::default() };
    let mut engine = Engine::new(Arc::clone(&compiled.program), &config).expect("it was built once");
    let used: BTreeMap<(usize, u32), ()> = on_time.iter().map(|event| (event.place(), ())).collect();
    for (stream, _) in stream::places(&used) {
        engine.add_partition(stream::stream_id(compiled, stream));
    }
    let is_in_bounds =
        |engine: &Engine| engine.stats().patterns.iter().map(|pattern| pattern.runs).sum::<u64>() <= RUNS_MAX;
    let is_bounded = on_time.iter().all(|event| {
        engine.push(stream::batch(compiled, &[event], &numbers));
        engine.set_watermark(event.time());
        engine.advance().is_ok() && is_in_bounds(&engine)
    });
    // The events of the last time are only evaluated now, and those that the last deadlines make for other patterns.
    is_bounded && engine.finish(true).is_ok()
}

/// The oracle's records.
pub(crate) fn expected(compiled: &Compiled, case: &Case) -> Vec<Record> {
    let (on_time, _) = stream::split_late(&case.program, &case.events);
    let numbers = stream::record_numbers(&case.events);
    let events = stream::in_total_order(compiled, &on_time, &numbers);
    let records = reference::run(&compiled.program, &compiled.plans, &compiled.patterns, &events);
    records.expect("no pattern says `keep … fail`")
}

/// The engine's records, in output order.
fn engine_records(
    compiled: &Compiled,
    arrival: &[Event],
    numbers: &BTreeMap<i64, u64>,
    variant: Variant,
) -> Vec<Record> {
    let mut config = Config { shards: variant.shards, executor: variant.class, ..Config::default() };
    let mut engine = Engine::new(Arc::clone(&compiled.program), &config).expect("it was built once");
    let saved = Arc::new(Saved::default());
    if variant.between != Between::Nothing {
        engine.track();
    }
    if variant.between == Between::Evicted {
        engine.fetch_from(Arc::clone(&saved) as Arc<dyn ColdKeys>);
    }
    if variant.threads {
        engine.staff(Workers::start).expect("a few threads");
    }
    let mut partitions: BTreeMap<(usize, u32), Vec<&Event>> = BTreeMap::new();
    for event in arrival {
        partitions.entry(event.place()).or_default().push(event);
    }
    for place in stream::places(&partitions) {
        let stream = stream::stream_id(compiled, place.0);
        let partition = engine.add_partition(stream);
        if !partitions.contains_key(&place) {
            engine.close_partition(stream, partition);
        }
    }
    let mut records = Vec::new();
    let steps = steps(&partitions, variant.batch);
    for (number, step) in steps.iter().enumerate() {
        let rest = match variant.between {
            Between::Nothing => Vec::new(),
            _ => engine.begin_epoch().expect("no bound makes it fail"),
        };
        match variant.between {
            Between::Nothing => take_step(compiled, &mut engine, step, numbers),
            Between::Restored => {
                // Every other epoch is told while the engine goes on, and the next one has to do the same step again.
                if number % 2 == 1 {
                    take_step(compiled, &mut engine, step, numbers);
                }
                saved.take(rest, &mut engine);
                config.shards = config.shards % 3 + 1;
                engine = saved.restored(compiled, &config);
                take_step(compiled, &mut engine, step, numbers);
            }
            Between::Evicted => {
                // What changes while the epoch is told stays.
                if number % 3 == 1 {
                    take_step(compiled, &mut engine, step, numbers);
                }
                saved.take(rest, &mut engine);
                let bytes = if number % 2 == 0 { u64::MAX } else { engine.hot_bytes() / 2 };
                engine.evict(bytes).expect("no bound makes it fail");
                if number % 3 != 1 {
                    take_step(compiled, &mut engine, step, numbers);
                }
            }
        }
        records.extend(engine.take_records());
    }
    records
}

/// What an engine is given at once.
pub(crate) enum Step<'a> {
    /// Events of a partition, and whether they are its last.
    Events(&'a [&'a Event], bool),
    /// That the input has ended.
    End,
}

/// So many events of each partition in turn, and then the end.
pub(crate) fn steps<'a>(
    partitions: &'a BTreeMap<(usize, u32), Vec<&'a Event>>,
    batch: usize,
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let mut at = 0;
    while partitions.values().any(|events| events.len() > at) {
        for events in partitions.values().filter(|events| events.len() > at) {
            let end = at.saturating_add(batch).min(events.len());
            steps.push(Step::Events(&events[at..end], end == events.len()));
        }
        at = at.saturating_add(batch);
    }
    steps.push(Step::End);
    steps
}

pub(crate) fn take_step(
    compiled: &Compiled,
    engine: &mut Engine,
    step: &Step<'_>,
    numbers: &BTreeMap<i64, u64>,
) {
    let done = match step {
        Step::Events(events, is_last) => {
            let batch = stream::batch(compiled, events, numbers);
            let (stream, partition) = (batch.stream(), batch.partition());
            engine.push(batch);
            if *is_last {
                engine.close_partition(stream, partition);
            }
            engine.advance()
        }
        Step::End => engine.finish(true),
    };
    done.expect("no bound makes it fail");
}

/// What a store would hold.
#[derive(Default)]
struct Saved(Mutex<(Vec<u8>, States)>);

/// By unit and key.
type States = BTreeMap<(u32, String), KeyState>;

impl Saved {
    /// Ends the epoch under way.
    fn take(&self, rest: Vec<u8>, engine: &mut Engine) {
        engine.tell_all().expect("no bound makes it fail");
        let mut saved = self.0.lock().expect("nobody panics with it");
        saved.0 = rest;
        for state in engine.take_saved().to_states() {
            let place = (state.unit, format!("{:?}", state.key));
            match state.bytes.is_empty() {
                true => saved.1.remove(&place),
                false => saved.1.insert(place, state),
            };
        }
    }

    fn restored(&self, compiled: &Compiled, config: &Config) -> Engine {
        let mut engine = Engine::new(Arc::clone(&compiled.program), config).expect("it was built once");
        let saved = self.0.lock().expect("nobody panics with it");
        let keys = saved.1.values().cloned().collect();
        engine.restore(&saved.0, keys).expect("what was saved can be taken");
        engine
    }
}

impl ColdKeys for Saved {
    fn fetch(&self, unit: u32, key: &Arc<[Value]>) -> Result<Option<Vec<u8>>, String> {
        let saved = self.0.lock().expect("nobody panics with it");
        Ok(saved.1.get(&(unit, format!("{key:?}"))).map(|state| state.bytes.clone()))
    }
}

fn same(left: &[Record], right: &[Record]) -> bool {
    let plain = |record: &Record| -> (ensue::EventTime, u32, u32, Kind, u128, Vec<ensue::Value>) {
        let Record { at, stream, pattern, kind, id, fields, .. } = record.clone();
        (at, stream.0, pattern.0, kind, id, fields)
    };
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| plain(left) == plain(right))
}
