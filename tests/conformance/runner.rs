//! Runs the text of a case through the language, the oracle and the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ensue::diag::Code;
use ensue::engine::{self, Candidate, Record, projection, reference};
use ensue::event::{PartitionId, StreamId};
use ensue::lang::hir::{Field, Program};
use ensue::matcher::{Class, Kind};
use ensue::{Batch, BatchBuilder, EventTime, Type, Value};
use serde_json::Value as Json;

use crate::case::{Case, Found};
use crate::support::{self, Compiled};
use crate::translate::Translated;

/// What came out, as sets: the order within one event is nobody's promise.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) matches: BTreeSet<Found>,
    pub(crate) timeouts: BTreeSet<Found>,
    /// Those of the matches that only the end of the input made certain.
    pub(crate) at_end: BTreeSet<Found>,
}

/// The answers of the oracle and of the engine.
pub(crate) struct Answers {
    pub(crate) oracle: Outcome,
    /// That of the first executor class that does not answer as the oracle does, if there is one.
    pub(crate) engine: Outcome,
}

/// Runs a case; the code and message where the language refuses it.
pub(crate) fn run(case: &Case, translated: &Translated) -> Result<Answers, (Code, String)> {
    let compiled = support::compile(&translated.text)?;
    let batch = Arc::new(batch(case, &compiled));
    let mut events: Vec<Candidate> =
        (0..batch.len() as u32).map(|row| Candidate::Row { batch: Arc::clone(&batch), row }).collect();
    events.sort_by_key(|event| (event.time(), event.position()));
    let records = reference::run(&compiled.program, &compiled.plans, &compiled.patterns, &events);
    let oracle = outcome(&compiled.program, translated, &records.expect("no pattern says `keep … fail`"));
    let by_class = |class: Option<Class>| {
        outcome(&compiled.program, translated, &engine_records(&compiled, &batch, class))
    };
    let takes = |class: &Class| compiled.plans.iter().all(|plan| class.executor(plan).is_ok());
    let mut engine = by_class(None);
    for class in Class::ALL.into_iter().filter(takes) {
        if engine == oracle {
            engine = by_class(Some(class));
        }
    }
    Ok(Answers { oracle, engine })
}

/// What the engine makes of the events, in one batch.
fn engine_records(compiled: &Compiled, batch: &Batch, executor: Option<Class>) -> Vec<Record> {
    let config = engine::Config { executor, ..engine::Config::default() };
    let mut engine = engine::Engine::new(Arc::clone(&compiled.program), &config).expect("it was built once");
    let partition = engine.add_partition(batch.stream());
    assert_eq!(partition, batch.partition(), "there is one partition");
    engine.push(batch.clone());
    engine.advance().expect("nothing is bounded");
    engine.finish(true).expect("nothing is bounded");
    engine.take_records()
}

/// The events of a case, numbered from 1 in the order of its file.
fn batch(case: &Case, compiled: &Compiled) -> Batch {
    let stream = compiled.program.stream_named("s").expect("the stream of the case");
    let types = projection(&compiled.program, &compiled.patterns, stream, true);
    let mut builder = BatchBuilder::new(stream, PartitionId(0), types);
    let fields = &compiled.program.stream(stream).fields;
    for (at, event) in case.events.iter().enumerate() {
        let time = EventTime::from_millis(case.millis(at));
        for (index, field) in fields.iter().enumerate() {
            builder.set(index, value(field, event.get(&field.name), time));
        }
        builder.end_row(time, at as u64 + 1);
    }
    builder.finish()
}

fn value(field: &Field, json: Option<&Json>, time: EventTime) -> Value {
    let value = match (field.ty, json) {
        (Type::Timestamp, _) => Some(Value::Timestamp(time)),
        (Type::String, Some(Json::String(text))) => Some(Value::text(text)),
        (Type::Bool, Some(Json::Bool(value))) => Some(Value::Bool(*value)),
        (Type::Int, Some(Json::Number(number))) => number.as_i64().map(Value::Int),
        (Type::Float, Some(Json::Number(number))) => number.as_f64().map(Value::Float),
        _ => None,
    };
    value.unwrap_or(Value::Null)
}

/// Records as sets of event indexes, by stage.
fn outcome(program: &Program, translated: &Translated, records: &[Record]) -> Outcome {
    let mut outcome = Outcome::default();
    for record in records {
        let pattern = program.pattern(record.pattern);
        let mut found: Found = BTreeMap::new();
        for event in record.outcome.events.iter() {
            let position = event.order().position;
            assert_eq!(position.stream, StreamId(0), "there is one stream");
            let stage = &translated.stages[&pattern.step(event.step()).name];
            found.entry(stage.clone()).or_default().push(position.record as usize - 1);
        }
        found.values_mut().for_each(|events| events.sort_unstable());
        if record.at == EventTime::END && record.outcome.completed != EventTime::END {
            outcome.at_end.insert(found.clone());
        }
        match record.kind {
            Kind::Match => outcome.matches.insert(found),
            Kind::Timeout => outcome.timeouts.insert(found),
        };
    }
    outcome
}
