//! From a match to the records that it emits.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::Outcome;
use crate::event::{PatternId, SourcePosition, StreamId, Value};
use crate::lang::hir::{DERIVED_FIELDS, Emit, Program};
use crate::matcher::{Faults, Kind, Scope, evaluate};
use crate::time::EventTime;

/// A record on an output stream.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// When it became certain; orders the output. [`EventTime::END`] where only the end of the input decided.
    pub at: EventTime,
    /// The stream.
    pub stream: StreamId,
    /// The pattern.
    pub pattern: PatternId,
    /// A match or a timeout.
    pub kind: Kind,
    /// The match id: the same after a replay, and on any number of shards.
    pub id: u128,
    /// The fields of the stream, in its order: `at`, `pattern` and `id` first.
    pub fields: Vec<Value>,
    /// What was found, with its events.
    pub outcome: Arc<Outcome>,
}

/// Makes the records of an outcome: one for each `emit` of its kind.
pub(super) fn records(program: &Program, outcome: Outcome, faults: &Faults, out: &mut Vec<Record>) {
    let pattern = program.pattern(outcome.pattern);
    let emits = match outcome.kind {
        Kind::Match => &pattern.emits,
        Kind::Timeout => &pattern.timeout_emits,
    };
    let id = match_id(program, &outcome);
    let outcome = Arc::new(outcome);
    for emit in emits {
        let fields = fields(program, emit, &outcome, id, faults);
        let Outcome { at, kind, pattern, .. } = *outcome;
        out.push(Record {
            at,
            stream: emit.stream,
            pattern,
            kind,
            id,
            fields,
            outcome: Arc::clone(&outcome),
        });
    }
}

fn fields(program: &Program, emit: &Emit, outcome: &Outcome, id: u128, faults: &Faults) -> Vec<Value> {
    let pattern = program.pattern(outcome.pattern);
    let mut fields = vec![Value::Null; program.stream(emit.stream).fields.len()];
    let shown_at = if outcome.at == EventTime::END { outcome.completed } else { outcome.at };
    fields[0] = Value::Timestamp(shown_at);
    fields[1] = Value::text(&pattern.name);
    fields[2] = Value::text(&format!("{id:032x}"));
    let held = outcome.held();
    let scope = Scope { pattern, candidate: None, held: &held, entering: &[], keys: &outcome.keys, faults };
    for (field, value) in &emit.fields {
        debug_assert!(*field >= DERIVED_FIELDS, "a pattern sets no field that the engine gives");
        fields[*field] = evaluate(value, &scope);
    }
    fields
}

/// A 128-bit hash of the pattern, the kind, the key, and the step and place of every event. A derived event's place is
/// the id of the record that it is.
fn match_id(program: &Program, outcome: &Outcome) -> u128 {
    let mut hasher = SipHasher13::new();
    let pattern = program.pattern(outcome.pattern);
    text(&pattern.name, &mut hasher);
    (outcome.kind == Kind::Timeout).hash(&mut hasher);
    for key in outcome.keys.iter() {
        text(&key.to_string(), &mut hasher);
    }
    for event in outcome.events.iter() {
        text(&pattern.step(event.step()).name, &mut hasher);
        if let Some(id) = event.origin() {
            hasher.write(&id.to_be_bytes());
            continue;
        }
        let SourcePosition { stream, partition, record } = event.order().position;
        text(&program.stream(stream).name, &mut hasher);
        hasher.write(&partition.0.to_be_bytes());
        hasher.write(&record.to_be_bytes());
    }
    hasher.finish128().as_u128()
}

/// Text with its length, so that two texts in a row cannot be mistaken for two others. Bytes are written in an order
/// that no machine changes.
fn text(text: &str, hasher: &mut SipHasher13) {
    hasher.write(&(text.len() as u64).to_be_bytes());
    hasher.write(text.as_bytes());
}
