//! From a match to the records that it emits.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::event::{PatternId, StreamId, Value};
use crate::lang::hir::{DERIVED_FIELDS, Emit, Program};
use crate::matcher::{Faults, Found, Held, Kind, Scope, Taken, evaluate};
use crate::time::EventTime;

/// A match or timeout, with its pattern and key: what is sorted before it becomes records.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The pattern.
    pub pattern: PatternId,
    /// The key.
    pub keys: Arc<[Value]>,
    /// What was found.
    pub found: Found,
}

impl Outcome {
    /// Output order: time, pattern in file order, the places of the events.
    pub fn cmp_output(&self, other: &Outcome) -> Ordering {
        self.found
            .at
            .cmp(&other.found.at)
            .then_with(|| self.pattern.cmp(&other.pattern))
            .then_with(|| self.found.cmp_events(&other.found))
    }
}

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
    let emits = match outcome.found.kind {
        Kind::Match => &pattern.emits,
        Kind::Timeout => &pattern.timeout_emits,
    };
    let id = match_id(program, &outcome);
    let outcome = Arc::new(outcome);
    for emit in emits {
        let fields = fields(program, emit, &outcome, id, faults);
        let Outcome { found: Found { at, kind, .. }, pattern, .. } = *outcome;
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
    let found = &outcome.found;
    let shown_at = if found.at == EventTime::END { found.completed } else { found.at };
    fields[0] = Value::Timestamp(shown_at);
    fields[1] = Value::text(&pattern.name);
    fields[2] = Value::text(&format!("{id:032x}"));
    let held = FoundEvents(found);
    let scope = Scope { pattern, candidate: None, held: &held, entering: &[], keys: &outcome.keys, faults };
    for (field, value) in &emit.fields {
        debug_assert!(*field >= DERIVED_FIELDS, "a pattern sets no field that the engine gives");
        fields[*field] = evaluate(value, &scope);
    }
    fields
}

struct FoundEvents<'a>(&'a Found);

impl Held for FoundEvents<'_> {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {
        for (step, event) in self.0.events.iter().rev() {
            if visit(Taken { step: *step, event, enters: &[] }).is_break() {
                return;
            }
        }
    }
}

/// A 128-bit hash of the pattern, the kind, the key, and the step and place of every event. A derived event's place is
/// the id of the record that it is.
fn match_id(program: &Program, outcome: &Outcome) -> u128 {
    let mut hasher = SipHasher13::new();
    let pattern = program.pattern(outcome.pattern);
    text(&pattern.name, &mut hasher);
    (outcome.found.kind == Kind::Timeout).hash(&mut hasher);
    for key in outcome.keys.iter() {
        text(&key.to_string(), &mut hasher);
    }
    for (step, event) in &outcome.found.events {
        text(&pattern.step(*step).name, &mut hasher);
        match event.origin {
            Some(id) => hasher.write(&id.to_be_bytes()),
            None => {
                text(&program.stream(event.position.stream).name, &mut hasher);
                hasher.write(&event.position.partition.0.to_be_bytes());
                hasher.write(&event.position.record.to_be_bytes());
            }
        }
    }
    hasher.finish128().as_u128()
}

/// Text with its length, so that two texts in a row cannot be mistaken for two others. Bytes are written in an order
/// that no machine changes.
fn text(text: &str, hasher: &mut SipHasher13) {
    hasher.write(&(text.len() as u64).to_be_bytes());
    hasher.write(text.as_bytes());
}
