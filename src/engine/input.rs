//! What an event is to a pattern: its filter, its key, its slots.

use std::sync::Arc;

use super::Record;
use crate::event::{Batch, PartitionId, PatternId, SlotId, SourcePosition, StreamId, Type, Value};
use crate::lang::hir::{Origin, Program, Source};
use crate::matcher::{Event, Faults, Fields, Nothing, Scope, is_true};
use crate::time::EventTime;

/// The types of the fields of a stream that a batch needs columns for, `None` for a field that nothing reads.
///
/// `patterns` are those that run; `keep_all` asks for every field, as late events and tests need them.
pub fn projection(
    program: &Program,
    patterns: &[PatternId],
    stream: StreamId,
    keep_all: bool,
) -> Vec<Option<Type>> {
    let fields = &program.stream(stream).fields;
    let mut needed = vec![keep_all; fields.len()];
    if let Origin::Source { time_field, .. } = program.stream(stream).origin {
        needed[time_field] = true;
    }
    for source in patterns.iter().flat_map(|id| &program.pattern(*id).sources) {
        if source.stream == stream {
            for field in source.fields.iter().flatten().chain(&source.keys) {
                needed[*field] = true;
            }
        }
    }
    fields.iter().zip(needed).map(|(field, needed)| needed.then_some(field.ty)).collect()
}

/// An event on its way to the patterns: a row of a batch, or a record of a derived stream.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// A row.
    Row {
        /// The batch.
        batch: Arc<Batch>,
        /// The row.
        row: u32,
    },
    /// A record, with its number on its stream.
    Derived {
        /// The record.
        record: Arc<Record>,
        /// The level of the pattern that made it: records of one stream can be made at several.
        level: u32,
        /// Counted from 1 in output order.
        number: u64,
    },
}

impl Candidate {
    /// Its stream.
    pub fn stream(&self) -> StreamId {
        match self {
            Candidate::Row { batch, .. } => batch.stream(),
            Candidate::Derived { record, .. } => record.stream,
        }
    }

    /// Its event time.
    pub fn time(&self) -> EventTime {
        match self {
            Candidate::Row { batch, row } => batch.time(*row as usize),
            Candidate::Derived { record, .. } => record.at,
        }
    }

    /// Where it stands in its source.
    pub fn position(&self) -> SourcePosition {
        match self {
            Candidate::Row { batch, row } => SourcePosition {
                stream: batch.stream(),
                partition: batch.partition(),
                record: batch.record(*row as usize),
            },
            Candidate::Derived { record, level, number } => {
                SourcePosition { stream: record.stream, partition: PartitionId(*level), record: *number }
            }
        }
    }

    /// The value of a field of its stream.
    pub fn value(&self, field: usize) -> Value {
        match self {
            Candidate::Row { batch, row } => batch.value(*row as usize, field),
            Candidate::Derived { record, .. } => record.fields[field].clone(),
        }
    }

    /// As one pattern sees it through one of its sources.
    pub(super) fn seen<'a>(&'a self, source: &'a Source) -> Seen<'a> {
        Seen { candidate: self, source }
    }

    /// The event that runs hold.
    pub(super) fn to_event(&self, source: &Source, source_index: usize) -> Event {
        let values = source.fields.iter().map(|field| field.map_or(Value::Null, |field| self.value(field)));
        Event {
            time: self.time(),
            position: self.position(),
            origin: match self {
                Candidate::Row { .. } => None,
                Candidate::Derived { record, .. } => Some(record.id),
            },
            source: source_index,
            values: values.collect(),
        }
    }
}

/// A candidate through a pattern's eyes.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    candidate: &'a Candidate,
    source: &'a Source,
}

impl Seen<'_> {
    /// The key; `None` if a part is null, or the pattern's source filter does not let the event through.
    pub(super) fn key(&self) -> Option<Vec<Value>> {
        let parts = self.source.keys.iter().map(|field| self.candidate.value(*field));
        parts.map(|value| (!value.is_null()).then_some(value)).collect()
    }

    /// Whether the source's `where` lets the event through.
    pub(super) fn passes(&self, pattern: &crate::lang::hir::Pattern, faults: &Faults) -> bool {
        self.source.filter.as_ref().is_none_or(|filter| {
            let scope =
                Scope { pattern, candidate: Some(self), held: &Nothing, entering: &[], keys: &[], faults };
            is_true(filter, &scope)
        })
    }
}

impl Fields for Seen<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        self.source.fields[slot.index()].map_or(Value::Null, |field| self.candidate.value(field))
    }
}
