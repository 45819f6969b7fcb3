//! Events that open runs hold, as rows of 64-bit words.
//!
//! An executor keeps no objects for the events of its runs. Each is captured once: its time, its place, and the fields
//! that a later condition or an `emit` reads, as one row of words. Rows stand in segments in the order of capture, which
//! is the order of time, and a run holds only their numbers. A run lives no longer than the pattern's window, so whole
//! segments are freed from the front as event time goes on, without any count of who uses what.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Order;
use super::chunk::Row;
use super::predicates::whole;
use crate::event::{
    Batch, Column, Decimal, Dictionary, NULL_CODE, Nulls, PartitionId, SlotId, SourcePosition, StepId,
    StreamId, Type, Value,
};
use crate::lang::hir::{Emit, Expr, Node, Pattern, Tallied};
use crate::time::{Duration, EventTime};

/// The words of a row before its fields.
const TIME: usize = 0;
const RECORD: usize = 1;
const PLACE: usize = 2;
/// The step in the high half, a bit for each field that is null in the low half.
const STEP_AND_NULLS: usize = 3;
const HEAD: usize = 4;

/// The most fields of an event that can be captured.
pub const FIELDS_MAX: usize = 32;

/// Rows of a segment.
const SEGMENT_ROWS: u32 = 4096;

/// Which fields of an event are captured, and where they stand.
#[derive(Debug)]
pub struct Layout {
    /// For each slot of the pattern its word, if it is captured.
    words: Vec<Option<u8>>,
    /// The slot and type of each word behind the head.
    fields: Vec<(SlotId, Type)>,
    /// Whether the id of the record that an event is stands behind the fields, in two words: on derived streams.
    has_origin: bool,
}

impl Layout {
    /// What the conditions and the records of a pattern read of events that are held. `None` where it is too much.
    pub fn of(pattern: &Pattern) -> Option<Layout> {
        let words = vec![None; pattern.slots.len()];
        let mut layout = Layout { words, fields: Vec::new(), has_origin: pattern.level > 0 };
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
        if self.words[slot.index()].is_none() {
            self.words[slot.index()] = Some(self.fields.len() as u8);
            self.fields.push((slot, pattern.slots[slot.index()].ty));
        }
    }

    /// The words of a row.
    pub fn stride(&self) -> usize {
        HEAD + self.fields.len() + if self.has_origin { 2 } else { 0 }
    }

    /// Where a slot stands behind the head.
    pub fn field(&self, slot: SlotId) -> Option<usize> {
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
        for (at, ((slot, _), word)) in self.fields.iter().zip(&mut *values).enumerate() {
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

/// The number of a captured event. Numbers grow with the order of events, and wrap round.
pub type Handle = u32;

/// Whether one handle was given before another. Handles that are held at one time lie less than 2³¹ apart.
#[inline]
pub fn is_before(left: Handle, right: Handle) -> bool {
    (right.wrapping_sub(left) as i32) > 0
}

/// The captured events of one pattern.
#[derive(Debug)]
pub struct Arena {
    layout: Arc<Layout>,
    /// For each source the field of each slot.
    sources: Vec<Vec<Option<usize>>>,
    segments: VecDeque<Segment>,
    /// A segment to be used again.
    spare: Option<Segment>,
    /// The number of the first event of the first segment.
    first: Handle,
    next: Handle,
}

#[derive(Debug, Default)]
struct Segment {
    words: Vec<u64>,
    dictionaries: Dictionaries,
    newest: EventTime,
}

impl Arena {
    /// An arena that holds nothing.
    pub fn new(pattern: &Pattern, layout: Arc<Layout>) -> Arena {
        let sources = pattern.sources.iter().map(|source| source.fields.clone()).collect();
        Arena { layout, sources, segments: VecDeque::new(), spare: None, first: 0, next: 0 }
    }

    /// Captures an event.
    pub fn capture(&mut self, row: &Row<'_>) -> Handle {
        if self.next.wrapping_sub(self.first).is_multiple_of(SEGMENT_ROWS) {
            let mut segment = self.spare.take().unwrap_or_default();
            segment.words.clear();
            segment.dictionaries.0.clear();
            if segment.words.capacity() == 0 && self.next.wrapping_sub(self.first) > 0 {
                segment.words.reserve_exact(SEGMENT_ROWS as usize * self.layout.stride());
            }
            self.segments.push_back(segment);
        }
        let segment = self.segments.back_mut().expect("there is one");
        segment.newest = row.time();
        self.layout.write(row, &self.sources[row.source], &mut segment.words, &mut segment.dictionaries);
        let handle = self.next;
        self.next = self.next.wrapping_add(1);
        handle
    }

    /// Frees what is older than this, as far as it can be freed.
    pub fn free_before(&mut self, time: EventTime) {
        while self.segments.len() > 1 && self.segments[0].newest < time {
            self.spare = self.segments.pop_front();
            self.first = self.first.wrapping_add(SEGMENT_ROWS);
        }
    }

    /// The number of its first event.
    pub fn first(&self) -> Handle {
        self.first
    }

    /// How many events it has room taken for.
    pub fn len(&self) -> usize {
        self.next.wrapping_sub(self.first) as usize
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps these events alone, for a pattern that no window frees for. They are given in order and get new numbers, in
    /// that order too; the first of them is returned.
    pub fn keep_only(&mut self, live: &[Handle]) -> Handle {
        let mut kept: VecDeque<Segment> = VecDeque::new();
        for (at, handle) in live.iter().enumerate() {
            if at.is_multiple_of(SEGMENT_ROWS as usize) {
                kept.push_back(Segment::default());
            }
            let (from, start) = self.at(*handle);
            let row = &from.words[start..start + self.layout.stride()];
            let into = kept.back_mut().expect("there is one");
            into.newest = EventTime::from_micros(row[TIME] as i64);
            into.words.extend_from_slice(row);
            for (field, (_, ty)) in self.layout.fields.iter().enumerate() {
                if *ty == Type::String && row[STEP_AND_NULLS] >> field & 1 == 0 {
                    into.dictionaries.add(from.dictionaries.of((row[HEAD + field] >> 32) as u32));
                }
            }
        }
        self.segments = kept;
        self.first = self.next;
        self.next = self.first.wrapping_add(live.len() as u32);
        self.first
    }

    /// Frees everything: nothing is held any more.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.first = self.next;
    }

    /// Bytes, about.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| (segment.words.capacity() * 8) as u64).sum()
    }

    #[inline]
    fn at(&self, handle: Handle) -> (&Segment, usize) {
        let number = handle.wrapping_sub(self.first);
        let segment = &self.segments[(number / SEGMENT_ROWS) as usize];
        (segment, (number % SEGMENT_ROWS) as usize * self.layout.stride())
    }

    /// Whether an event was captured and not freed since.
    #[inline]
    pub fn holds(&self, handle: Handle) -> bool {
        ((handle.wrapping_sub(self.first) / SEGMENT_ROWS) as usize) < self.segments.len()
    }

    /// The time of an event; before all times, if it was freed.
    #[inline]
    pub fn time(&self, handle: Handle) -> EventTime {
        let number = handle.wrapping_sub(self.first);
        let Some(segment) = self.segments.get((number / SEGMENT_ROWS) as usize) else {
            return EventTime::START;
        };
        let at = (number % SEGMENT_ROWS) as usize * self.layout.stride();
        EventTime::from_micros(segment.words[at + TIME] as i64)
    }

    /// A captured field as a word, `None` for null.
    #[inline]
    pub fn word(&self, handle: Handle, field: usize) -> Option<u64> {
        let (segment, at) = self.at(handle);
        (segment.words[at + STEP_AND_NULLS] >> field & 1 == 0).then(|| segment.words[at + HEAD + field])
    }

    /// The value of a slot; null where it was not captured.
    pub fn value(&self, handle: Handle, slot: SlotId) -> Value {
        let Some(field) = self.layout.field(slot) else { return Value::Null };
        let (segment, _) = self.at(handle);
        let ty = self.layout.fields[field].1;
        self.word(handle, field).map_or(Value::Null, |word| value(ty, word, &segment.dictionaries))
    }
}

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
        for (at, (column, word)) in self.columns.iter().zip(&mut *values).enumerate() {
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
    layout: Arc<Layout>,
    /// For each source the field of each slot.
    sources: Vec<Vec<Option<usize>>>,
    /// Dictionaries of rows written since the last turn, and of those before.
    recent: Dictionaries,
    older: Dictionaries,
    turned: EventTime,
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
    pub fn word(words: &[u64], field: usize) -> Option<u64> {
        (words[STEP_AND_NULLS] >> field & 1 == 0).then(|| words[HEAD + field])
    }

    /// The value of a slot of a written event; null where it was not written.
    pub fn value(&self, words: &[u64], slot: SlotId) -> Value {
        let Some(field) = self.layout.field(slot) else { return Value::Null };
        let Some(word) = Writer::word(words, field) else { return Value::Null };
        let ty = self.layout.fields[field].1;
        let is_recent = ty != Type::String || self.recent.has((word >> 32) as u32);
        value(ty, word, if is_recent { &self.recent } else { &self.older })
    }
}

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
        let Some(field) = self.layout.field(slot) else { return Value::Null };
        if self.word(event, STEP_AND_NULLS) >> field & 1 == 1 {
            return Value::Null;
        }
        value(self.layout.fields[field].1, self.word(event, HEAD + field), &self.dictionaries)
    }
}
