//! The events of matches on their way out.

use std::sync::Arc;

use super::{Arena, Dictionaries, HEAD, Handle, Layout, PLACE, RECORD, STEP_AND_NULLS, TIME, Writer, value};
use crate::event::{PartitionId, SlotId, SourcePosition, StepId, StreamId, Value};
use crate::matcher::Order;
use crate::matcher::chunk::Row;
use crate::time::EventTime;

/// The events of some matches: copies of captured rows, each with its step.
#[derive(Debug)]
pub struct Block {
    layout: Arc<Layout>,
    words: Vec<u64>,
    dictionaries: Dictionaries,
}

impl Block {
    /// A block without events.
    pub fn new(layout: Arc<Layout>) -> Block {
        Block { layout, words: Vec::new(), dictionaries: Dictionaries::default() }
    }

    /// How many events it has.
    pub fn len(&self) -> u32 {
        (self.words.len() / self.layout.stride()) as u32
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds a captured event of a step.
    pub fn push(&mut self, arena: &Arena, handle: Handle, step: StepId) {
        let (segment, at) = arena.at(handle);
        let start = self.words.len();
        self.words.extend_from_slice(&segment.words[at..at + self.layout.stride()]);
        self.words[start + STEP_AND_NULLS] |= u64::from(step.0) << 32;
        self.dictionaries.add_all(&segment.dictionaries);
    }

    /// Adds a written event of a step.
    pub fn push_written(&mut self, writer: &Writer, words: &[u64], step: StepId) {
        let start = self.words.len();
        self.words.extend_from_slice(words);
        self.words[start + STEP_AND_NULLS] |= u64::from(step.0) << 32;
        self.dictionaries.add_all(&writer.recent);
        self.dictionaries.add_all(&writer.older);
    }

    /// Adds an event that was not captured before.
    pub fn push_row(&mut self, row: &Row<'_>, fields: &[Option<usize>], step: StepId) {
        let start = self.words.len();
        let layout = Arc::clone(&self.layout);
        layout.write(row, fields, &mut self.words, &mut self.dictionaries);
        self.words[start + STEP_AND_NULLS] |= u64::from(step.0) << 32;
    }

    fn word(&self, event: u32, word: usize) -> u64 {
        self.words[event as usize * self.layout.stride() + word]
    }

    /// The place of an event in the total order.
    pub fn order(&self, event: u32) -> Order {
        let place = self.word(event, PLACE);
        Order {
            time: EventTime::from_micros(self.word(event, TIME) as i64),
            position: SourcePosition {
                stream: StreamId((place >> 32) as u32),
                partition: PartitionId(place as u32),
                record: self.word(event, RECORD),
            },
        }
    }

    /// The id of the record that an event is, on a derived stream.
    pub fn origin(&self, event: u32) -> Option<u128> {
        let at = HEAD + self.layout.fields.len();
        let word = |at: usize| u128::from(self.word(event, at));
        self.layout.has_origin.then(|| word(at) << 64 | word(at + 1)).filter(|origin| *origin != 0)
    }

    /// The step of an event.
    pub fn step(&self, event: u32) -> StepId {
        StepId((self.word(event, STEP_AND_NULLS) >> 32) as u32)
    }

    /// The value of a slot of an event; null where it was not captured.
    pub fn value(&self, event: u32, slot: SlotId) -> Value {
        let Some(word) = self.layout.word(slot) else { return Value::Null };
        if self.word(event, STEP_AND_NULLS) >> word & 1 == 1 {
            return Value::Null;
        }
        value(self.layout.type_of(word), self.word(event, word), &self.dictionaries)
    }
}
