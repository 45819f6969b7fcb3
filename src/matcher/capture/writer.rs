//! Captured events in places that an executor keeps.

use std::sync::Arc;

use super::{Dictionaries, HEAD, Layout, PLACE, RECORD, STEP_AND_NULLS, TIME, cell, value};
use crate::event::{Batch, Column, Interner, NULL_CODE, Nulls, SlotId, Type, Value};
use crate::lang::hir::Pattern;
use crate::matcher::predicates::whole;
use crate::time::{Duration, EventTime};

/// A column as it is captured: what it is was looked at once, and not for every row.
#[derive(Clone, Copy, Debug)]
pub enum ColumnView<'a> {
    /// Whole numbers.
    Whole(&'a [i64], &'a Nulls),
    /// Text, by code, with the number of its dictionary as the high half.
    Text(&'a [u32], u64),
    /// Anything else.
    Other(&'a Column),
    /// Null.
    Missing,
}

impl<'a> ColumnView<'a> {
    /// A column, if there is one.
    pub fn new(column: Option<&'a Column>) -> ColumnView<'a> {
        match column {
            None => ColumnView::Missing,
            Some(Column::String(codes, dictionary)) => {
                ColumnView::Text(codes, u64::from(dictionary.id()) << 32)
            }
            Some(column) => match whole(column) {
                Some((values, nulls)) => ColumnView::Whole(values, nulls),
                None => ColumnView::Other(column),
            },
        }
    }

    /// A value as a word; `None` for null.
    #[inline]
    pub fn word(self, row: usize) -> Option<u64> {
        match self {
            ColumnView::Whole(values, nulls) => (!nulls.contains(row)).then(|| values[row] as u64),
            ColumnView::Text(codes, high) => (codes[row] != NULL_CODE).then(|| high | u64::from(codes[row])),
            ColumnView::Other(column) => cell(column, row, &mut Dictionaries::default()),
            ColumnView::Missing => None,
        }
    }
}

/// What is written of the events of a batch.
#[derive(Debug)]
pub struct View<'a> {
    batch: &'a Batch,
    place: u64,
    has_origin: bool,
    columns: Vec<ColumnView<'a>>,
}

impl View<'_> {
    /// Writes an event over `words`.
    #[inline]
    pub fn write(&self, row: usize, words: &mut [u64]) {
        let (head, values) = words.split_at_mut(HEAD);
        let mut nulls = 0;
        for (at, (column, word)) in (HEAD..).zip(self.columns.iter().zip(&mut *values)) {
            let value = column.word(row);
            nulls |= u64::from(value.is_none()) << at;
            *word = value.unwrap_or(0);
        }
        if self.has_origin
            && let Some([high, low]) = values.get_mut(self.columns.len()..)
        {
            let origin = self.batch.origin(row).unwrap_or_default();
            (*high, *low) = ((origin >> 64) as u64, origin as u64);
        }
        head[TIME] = self.batch.time(row).micros() as u64;
        head[RECORD] = self.batch.record(row);
        head[PLACE] = self.place;
        head[STEP_AND_NULLS] = nulls;
    }
}

/// Writes rows for an executor that keeps them in places of its own, and keeps the dictionaries that they refer to.
#[derive(Debug)]
pub struct Writer {
    pub(super) layout: Arc<Layout>,
    /// For each source the field of each slot.
    sources: Vec<Vec<Option<usize>>>,
    /// Dictionaries of rows written since the last turn, and of those before.
    pub(super) recent: Dictionaries,
    pub(super) older: Dictionaries,
    turned: EventTime,
    /// The codes of texts that have come back.
    pub(super) interner: Interner,
}

impl Writer {
    /// A writer that has written nothing.
    pub fn new(pattern: &Pattern, layout: Arc<Layout>) -> Writer {
        Writer {
            layout,
            sources: pattern.sources.iter().map(|source| source.fields.clone()).collect(),
            recent: Dictionaries::default(),
            older: Dictionaries::default(),
            turned: EventTime::START,
            interner: Interner::default(),
        }
    }

    /// What is written of the events of a batch, which are of one source.
    pub fn view<'a>(&mut self, batch: &'a Batch, source: usize) -> View<'a> {
        let column = |(slot, _): &(SlotId, Type)| {
            let column = self.sources[source][slot.index()].and_then(|field| batch.column(field));
            if let Some(Column::String(_, dictionary)) = column {
                self.recent.add(dictionary);
            }
            ColumnView::new(column)
        };
        let place = u64::from(batch.stream().0) << 32 | u64::from(batch.partition().0);
        let has_origin = self.layout.has_origin;
        View { batch, place, has_origin, columns: self.layout.fields.iter().map(column).collect() }
    }

    /// Lets go of the dictionaries that only rows of more than `within` ago refer to.
    pub fn forget(&mut self, within: Duration, now: EventTime) {
        // What is set aside now was used before now, and is let go at the next turn.
        if self.turned.plus(within) <= now {
            self.older = std::mem::take(&mut self.recent);
            self.turned = now;
        }
    }

    /// Lets go of all: nothing that was written is kept any more.
    pub fn clear(&mut self) {
        self.recent.0.clear();
        self.older.0.clear();
    }

    /// The time of a written event.
    #[inline]
    pub fn time(words: &[u64]) -> EventTime {
        EventTime::from_micros(words[TIME] as i64)
    }

    /// A field of a written event as a word, `None` for null.
    #[inline]
    pub fn word(words: &[u64], word: usize) -> Option<u64> {
        (words[STEP_AND_NULLS] >> word & 1 == 0).then(|| words[word])
    }

    /// The value of a slot of a written event; null where it was not written.
    pub fn value(&self, words: &[u64], slot: SlotId) -> Value {
        let Some(at) = self.layout.word(slot) else { return Value::Null };
        let Some(word) = Writer::word(words, at) else { return Value::Null };
        let ty = self.layout.type_of(at);
        let is_recent = ty != Type::String || self.recent.has((word >> 32) as u32);
        value(ty, word, if is_recent { &self.recent } else { &self.older })
    }
}
