//! Random events, what of them is late, and the orders in which they may arrive.

use std::collections::BTreeMap;
use std::sync::Arc;

use ensue::engine::{Candidate, projection};
use ensue::event::{PartitionId, StreamId};
use ensue::{Batch, BatchBuilder, Decimal, EventTime, Value};

use crate::model::{Element, Kind, Program, Repeat, STREAMS};
use crate::random::Random;
use crate::support::Compiled;

/// An event of a case. Their order is that of arrival.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Event {
    /// Its number in the case: the field `n`.
    pub(crate) n: i64,
    /// Its place among [`STREAMS`].
    pub(crate) stream: usize,
    pub(crate) partition: u32,
    /// In seconds.
    pub(crate) ts: i64,
    pub(crate) k: Option<i64>,
    pub(crate) kind: &'static str,
    pub(crate) v: Option<i64>,
    /// In hundredths.
    pub(crate) d: Option<i64>,
    pub(crate) x: Option<f64>,
    pub(crate) ok: Option<bool>,
}

impl Event {
    /// Where it was read: lateness is a matter of one partition.
    pub(crate) fn place(&self) -> (usize, u32) {
        (self.stream, self.partition)
    }

    /// The value of a field.
    pub(crate) fn value(&self, field: &str) -> Value {
        let int = |value: Option<i64>| value.map_or(Value::Null, Value::Int);
        match field {
            "n" => Value::Int(self.n),
            "k" => int(self.k),
            "kind" => Value::text(self.kind),
            "v" => int(self.v),
            "d" => self.d.map_or(Value::Null, |units| Value::Decimal(Decimal { units, scale: 2 })),
            "x" => self.x.map_or(Value::Null, Value::Float),
            "ok" => self.ok.map_or(Value::Null, Value::Bool),
            _ => Value::Timestamp(self.time()),
        }
    }

    pub(crate) fn time(&self) -> EventTime {
        EventTime::from_millis(self.ts * 1000)
    }
}

/// The most events of a case, by how many runs its patterns can make of them: some grow with every subset.
fn most_events(program: &Program) -> usize {
    let cost: usize = program.patterns.iter().map(|pattern| cost(&pattern.body)).sum();
    25_usize.saturating_sub(cost).max(6)
}

fn cost(body: &[Element]) -> usize {
    let of_loop = |repeat: Repeat, contiguity: &str| match (repeat.max, contiguity) {
        (Some(1), _) => 0,
        (_, "any") => 11,
        (None | Some(3..), _) => 3,
        _ => 1,
    };
    let of_element = |element: &Element| {
        let of_word = if element.word == "then any" { 3 } else { 0 };
        of_word
            + match &element.kind {
                Kind::Step(step) => of_loop(step.repeat, step.contiguity),
                Kind::Group(group) => cost(&group.body) + 2 * of_loop(group.repeat, group.contiguity),
                Kind::Choice(choice) => {
                    choice.branches.len() + if choice.contiguity == "any" { 4 } else { 0 }
                }
                Kind::Absence(_) => 0,
            }
    };
    body.iter().map(of_element).sum()
}

/// Events for a program, some of them out of order, a few late.
pub(crate) fn events(random: &mut Random, program: &Program) -> Vec<Event> {
    let streams: Vec<usize> = (0..STREAMS.len()).filter(|at| program.reads(*at)).collect();
    let partitions: Vec<u32> = (0..STREAMS.len()).map(|_| if random.percent(25) { 2 } else { 1 }).collect();
    let kinds: &[&'static str] = if random.percent(60) { &["a", "b", "c"] } else { &["a", "b", "c", "e"] };
    let keys = random.between(1, 3);
    let count = random.between(5, most_events(program) as i64);
    let mut ts = 10;
    let mut events = Vec::new();
    for n in 1..=count {
        ts += random.weighted(&[(0, 25), (1, 45), (2, 20), (5, 10)]);
        let stream = *random.pick(&streams);
        let number = |random: &mut Random, high: i64| random.percent(92).then(|| random.between(0, high));
        events.push(Event {
            n,
            stream,
            partition: random.below(partitions[stream] as usize) as u32,
            ts: if random.percent(4) { ts - random.between(1, 9) } else { ts },
            k: random.percent(95).then(|| random.between(1, keys)),
            kind: random.pick::<&'static str>(kinds),
            v: number(random, 9),
            d: number(random, 18).map(|halves| halves * 50),
            x: number(random, 9).map(|tenths| tenths as f64 / 2.0),
            ok: number(random, 1).map(|bit| bit == 1),
        });
    }
    if random.percent(60) { shuffled(random, program, &events) } else { events }
}

/// The same events in another order, those of one partition and time in the order they had. If none was late, none
/// is: an event is held back by no more than the disorder.
pub(crate) fn shuffled(random: &mut Random, program: &Program, events: &[Event]) -> Vec<Event> {
    let mut delays: BTreeMap<(usize, u32, i64), i64> = BTreeMap::new();
    let mut keyed: Vec<((i64, usize, u32, i64), Event)> = Vec::new();
    for event in events {
        let disorder = program.disorder[event.stream] * 10;
        let (stream, partition) = event.place();
        let delay =
            *delays.entry((stream, partition, event.ts)).or_insert_with(|| random.between(0, disorder));
        // Events of one partition that would arrive at one moment come in order of time.
        keyed.push(((event.ts * 10 + delay, stream, partition, event.ts), event.clone()));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

/// The events that are not late, and those that are.
pub(crate) fn split_late(program: &Program, events: &[Event]) -> (Vec<Event>, Vec<Event>) {
    let mut newest: BTreeMap<(usize, u32), i64> = BTreeMap::new();
    events.iter().cloned().partition(|event| {
        let newest = newest.entry(event.place()).or_insert(i64::MIN);
        let on_time = event.ts >= newest.saturating_sub(program.disorder[event.stream]);
        *newest = (*newest).max(event.ts);
        on_time
    })
}

/// The record number of each event in its partition, by `n`.
pub(crate) fn record_numbers(events: &[Event]) -> BTreeMap<i64, u64> {
    let mut last: BTreeMap<(usize, u32), u64> = BTreeMap::new();
    let number = |event: &Event| {
        let number = last.entry(event.place()).or_default();
        *number += 1;
        (event.n, *number)
    };
    events.iter().map(number).collect()
}

/// Some events of one partition as a batch.
pub(crate) fn batch(compiled: &Compiled, events: &[&Event], numbers: &BTreeMap<i64, u64>) -> Batch {
    let first = events.first().expect("a batch is not empty");
    let program = &compiled.program;
    let stream = program.stream_named(STREAMS[first.stream]).expect("the streams of events are declared");
    let types = projection(program, &compiled.patterns, stream, true);
    let mut builder = BatchBuilder::new(stream, PartitionId(first.partition), types);
    for event in events {
        for (index, field) in program.stream(stream).fields.iter().enumerate() {
            builder.set(index, event.value(&field.name));
        }
        builder.end_row(event.time(), numbers[&event.n]);
    }
    builder.finish()
}

/// Events in total order, as the oracle takes them.
pub(crate) fn in_total_order(
    compiled: &Compiled,
    events: &[Event],
    numbers: &BTreeMap<i64, u64>,
) -> Vec<Candidate> {
    let row = |event: &Event| Candidate::Row { batch: Arc::new(batch(compiled, &[event], numbers)), row: 0 };
    let mut candidates: Vec<Candidate> = events.iter().map(row).collect();
    candidates.sort_by_key(|event| (event.time(), event.position()));
    candidates
}

/// A stream's id in a program.
pub(crate) fn stream_id(compiled: &Compiled, stream: usize) -> StreamId {
    compiled.program.stream_named(STREAMS[stream]).expect("the streams of events are declared")
}

/// The partitions to add, so that every number up to the highest used is there: in the order of their numbers.
pub(crate) fn places<T>(used: &BTreeMap<(usize, u32), T>) -> Vec<(usize, u32)> {
    let mut places = Vec::new();
    for stream in 0..STREAMS.len() {
        let highest = used.keys().filter(|(of, _)| *of == stream).map(|(_, partition)| *partition).max();
        places.extend(
            (0..=highest.unwrap_or(0)).filter(|_| highest.is_some()).map(|partition| (stream, partition)),
        );
    }
    places
}
