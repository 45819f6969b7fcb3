//! Events that open runs hold, as rows of 64-bit words.
//!
//! An executor keeps no objects for the events of its runs. Each is captured once: its time, its place, and the fields
//! that a later condition or an `emit` reads, as one row of words. Rows stand in segments in the order of capture, which
//! is the order of time, and a run holds only their numbers. A run lives no longer than the pattern's window, so whole
//! segments are freed from the front as event time goes on, without any count of who uses what.

mod arena;
mod block;
mod saved;
mod shown;
mod writer;

use std::sync::Arc;

pub use arena::{Arena, Handle, is_before};
pub use block::Block;
pub use saved::LoadedEvents;
pub use writer::{ColumnView, View, Writer};

use super::chunk::Row;
use crate::event::{
    Batch, Column, Decimal, Dictionary, NULL_CODE, SlotId, SourcePosition, StreamId, Type, Value,
};
use crate::lang::hir::{Emit, Expr, Node, Pattern, Tallied};
use crate::time::{Duration, EventTime};

/// The words of a row before its fields.
const TIME: usize = 0;
const RECORD: usize = 1;
const PLACE: usize = 2;
/// The step in the high half, a bit for each word that is null in the low half.
const STEP_AND_NULLS: usize = 3;
const HEAD: usize = 4;

/// The most fields of an event that can be captured beside its time.
pub const FIELDS_MAX: usize = 32 - HEAD;

/// Which fields of an event are captured, and where they stand.
#[derive(Debug)]
pub struct Layout {
    /// For each slot of the pattern its word, if it is captured. The event time is not captured a second time.
    words: Vec<Option<u8>>,
    /// The slot and type of each word behind the head.
    fields: Vec<(SlotId, Type)>,
    /// Whether the id of the record that an event is stands behind the fields, in two words: on derived streams.
    has_origin: bool,
    /// The streams of the pattern, by which saved events name theirs: their numbers depend on the program.
    streams: Vec<StreamId>,
}

impl Layout {
    /// What the conditions and the records of a pattern read of events that are held. `None` where it is too much.
    pub fn of(pattern: &Pattern) -> Option<Layout> {
        let words = vec![None; pattern.slots.len()];
        let streams = pattern.sources.iter().map(|source| source.stream).collect();
        let mut layout = Layout { words, fields: Vec::new(), has_origin: pattern.level > 0, streams };
        let conditions = pattern.steps.iter().flat_map(|step| &step.conditions).map(|part| &part.expr);
        let emits = pattern.emits.iter().chain(&pattern.timeout_emits);
        let emitted = emits.flat_map(|Emit { fields, .. }| fields.iter().map(|(_, value)| value));
        let tally = pattern.tally.as_ref();
        let having = pattern.having.iter().chain(tally.and_then(|tally| tally.having.as_ref()));
        for expr in conditions.chain(emitted).chain(having) {
            layout.add(pattern, expr);
        }
        for aggregate in tally.iter().flat_map(|tally| &tally.aggregates) {
            if let Tallied::Over(_, _, slot) = aggregate {
                layout.add_slot(pattern, *slot);
            }
        }
        // An absence before the first step compares events that came before with that.
        let leading = pattern.body.iter().map_while(|node| match node {
            Node::Absence(absence) => Some(pattern.step(absence.step)),
            _ => None,
        });
        for part in leading.flat_map(|step| &step.conditions).filter(|part| !part.local) {
            layout.add_fields(pattern, &part.expr);
        }
        (layout.fields.len() <= FIELDS_MAX).then_some(layout)
    }

    fn add_fields(&mut self, pattern: &Pattern, expr: &Expr) {
        if let Expr::Field(slot) = expr {
            self.add_slot(pattern, *slot);
        }
        expr.for_each_part(&mut |part| self.add_fields(pattern, part));
    }

    fn add(&mut self, pattern: &Pattern, expr: &Expr) {
        let slot = match expr {
            Expr::Held { slot, .. } | Expr::IsAmong { slot, .. } => Some(*slot),
            Expr::Aggregate { slot, .. } => *slot,
            _ => None,
        };
        if let Some(slot) = slot {
            self.add_slot(pattern, slot);
        }
        expr.for_each_part(&mut |part| self.add(pattern, part));
    }

    fn add_slot(&mut self, pattern: &Pattern, slot: SlotId) {
        let word = &mut self.words[slot.index()];
        if pattern.slots[slot.index()].is_event_time {
            *word = Some(TIME as u8);
        } else if word.is_none() {
            *word = Some((HEAD + self.fields.len()) as u8);
            self.fields.push((slot, pattern.slots[slot.index()].ty));
        }
    }

    /// The type of what stands in a word.
    fn type_of(&self, word: usize) -> Type {
        if word == TIME { Type::Timestamp } else { self.fields[word - HEAD].1 }
    }

    /// The words of a row.
    pub fn stride(&self) -> usize {
        HEAD + self.fields.len() + if self.has_origin { 2 } else { 0 }
    }

    /// The word of a slot.
    pub fn word(&self, slot: SlotId) -> Option<usize> {
        self.words[slot.index()].map(usize::from)
    }

    /// Writes a row behind `words`, and the dictionaries that it refers to into `dictionaries`.
    fn write(
        &self,
        row: &Row<'_>,
        fields: &[Option<usize>],
        words: &mut Vec<u64>,
        dictionaries: &mut Dictionaries,
    ) {
        let start = words.len();
        words.resize(start + self.stride(), 0);
        self.write_to(row, fields, &mut words[start..], dictionaries);
    }

    /// Writes a row over `words`.
    #[inline]
    fn write_to(
        &self,
        row: &Row<'_>,
        fields: &[Option<usize>],
        words: &mut [u64],
        dictionaries: &mut Dictionaries,
    ) {
        let SourcePosition { stream, partition, record } = row.position();
        let (head, values) = words.split_at_mut(HEAD);
        let mut nulls = 0;
        for (at, ((slot, _), word)) in (HEAD..).zip(self.fields.iter().zip(&mut *values)) {
            let column = fields[slot.index()].and_then(|field| row.batch.column(field));
            let cell = column.and_then(|column| cell(column, row.row, dictionaries));
            nulls |= u64::from(cell.is_none()) << at;
            *word = cell.unwrap_or(0);
        }
        if let Some([high, low]) = values.get_mut(self.fields.len()..).filter(|_| self.has_origin) {
            let origin = row.batch.origin(row.row).unwrap_or_default();
            (*high, *low) = ((origin >> 64) as u64, origin as u64);
        }
        head[TIME] = row.time().micros() as u64;
        head[RECORD] = record;
        head[PLACE] = u64::from(stream.0) << 32 | u64::from(partition.0);
        head[STEP_AND_NULLS] = nulls;
    }
}

/// A value as a word; `None` for null.
#[inline]
fn cell(column: &Column, row: usize, dictionaries: &mut Dictionaries) -> Option<u64> {
    match column {
        Column::Int(values, nulls)
        | Column::Decimal(values, nulls, _)
        | Column::Timestamp(values, nulls)
        | Column::Duration(values, nulls) => (!nulls.contains(row)).then(|| values[row] as u64),
        Column::Float(values, nulls) => (!nulls.contains(row)).then(|| values[row].to_bits()),
        Column::Bool(values) => values[row].map(u64::from),
        Column::String(codes, dictionary) => (codes[row] != NULL_CODE).then(|| {
            dictionaries.add(dictionary);
            u64::from(dictionary.id()) << 32 | u64::from(codes[row])
        }),
    }
}

/// The word that a field of a row would be captured as; `None` for null.
#[inline]
pub fn cell_of(batch: &Batch, row: usize, field: usize) -> Option<u64> {
    match batch.column(field)? {
        Column::String(codes, dictionary) => {
            (codes[row] != NULL_CODE).then(|| u64::from(dictionary.id()) << 32 | u64::from(codes[row]))
        }
        column => cell(column, row, &mut Dictionaries::default()),
    }
}

/// The dictionaries that some words refer to.
#[derive(Clone, Debug, Default)]
struct Dictionaries(Vec<Arc<Dictionary>>);

impl Dictionaries {
    #[inline]
    fn add(&mut self, dictionary: &Arc<Dictionary>) {
        if !self.0.iter().rev().any(|known| Arc::ptr_eq(known, dictionary)) {
            self.0.push(Arc::clone(dictionary));
        }
    }

    fn add_all(&mut self, others: &Dictionaries) {
        others.0.iter().for_each(|dictionary| self.add(dictionary));
    }

    fn has(&self, id: u32) -> bool {
        self.0.iter().any(|dictionary| dictionary.id() == id)
    }

    fn of(&self, id: u32) -> &Arc<Dictionary> {
        let dictionary = self.0.iter().find(|dictionary| dictionary.id() == id);
        dictionary.expect("a captured text has its dictionary")
    }

    fn text(&self, word: u64) -> &Arc<str> {
        self.of((word >> 32) as u32).text(word as u32)
    }
}

fn value(ty: Type, word: u64, dictionaries: &Dictionaries) -> Value {
    match ty {
        Type::Bool => Value::Bool(word == 1),
        Type::Int => Value::Int(word as i64),
        Type::Float => Value::Float(f64::from_bits(word)),
        Type::Decimal(scale) => Value::Decimal(Decimal { units: word as i64, scale }),
        Type::String => Value::String(Arc::clone(dictionaries.text(word))),
        Type::Timestamp => Value::Timestamp(EventTime::from_micros(word as i64)),
        Type::Duration => Value::Duration(Duration::from_micros(word as i64)),
    }
}
