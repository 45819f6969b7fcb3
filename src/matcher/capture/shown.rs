//! Captured events as people look at them.

use super::{Arena, Handle, Layout, PLACE, RECORD, TIME, Writer};
use crate::event::{PartitionId, SlotId, SourcePosition, StepId, StreamId, Value};
use crate::matcher::Order;
use crate::matcher::shown::OpenEvent;
use crate::time::EventTime;

impl Layout {
    fn shown(&self, words: &[u64], step: StepId, value: &dyn Fn(SlotId) -> Value) -> OpenEvent {
        let position = SourcePosition {
            stream: StreamId((words[PLACE] >> 32) as u32),
            partition: PartitionId(words[PLACE] as u32),
            record: words[RECORD],
        };
        let slots = (0..self.words.len() as u32).map(SlotId).filter(|slot| self.word(*slot).is_some());
        OpenEvent {
            step,
            order: Order { time: EventTime::from_micros(words[TIME] as i64), position },
            values: slots.map(|slot| (slot, value(slot))).collect(),
        }
    }
}

impl Arena {
    /// An event that it holds.
    pub fn shown(&self, handle: Handle, step: StepId) -> OpenEvent {
        let (segment, at) = self.at(handle);
        self.layout.shown(&segment.words[at..], step, &|slot| self.value(handle, slot))
    }
}

impl Writer {
    /// A written event.
    pub fn shown(&self, words: &[u64], step: StepId) -> OpenEvent {
        self.layout.shown(words, step, &|slot| self.value(words, slot))
    }
}
