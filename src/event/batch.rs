//! Column batches: some events of one partition, a typed column for each field that is needed.
//!
//! A batch holds columns only for the fields that its program reads (projection). Text is dictionary-encoded: batches of
//! one partition share the [`Dictionary`] of each column.

use std::sync::Arc;

use super::dictionary::{Dictionary, Interner};
use super::{Decimal, PartitionId, SourcePosition, StreamId, Type, Value};
use crate::time::{Duration, EventTime};

/// The values of one field, one for each event of a batch.
#[derive(Clone, Debug)]
pub enum Column {
    /// `bool`.
    Bool(Vec<Option<bool>>),
    /// `int`.
    Int(Vec<i64>, Nulls),
    /// `float`.
    Float(Vec<f64>, Nulls),
    /// `decimal`: units, and the scale they share.
    Decimal(Vec<i64>, Nulls, u8),
    /// `string`: codes into the dictionary; [`NULL_CODE`] is null.
    String(Vec<u32>, Arc<Dictionary>),
    /// `timestamp`, in microseconds.
    Timestamp(Vec<i64>, Nulls),
    /// `duration`, in microseconds.
    Duration(Vec<i64>, Nulls),
}

/// The code of null in a string column.
pub const NULL_CODE: u32 = u32::MAX;

/// Which rows of a column are null, one bit each. Empty while none is.
#[derive(Clone, Debug, Default)]
pub struct Nulls(Vec<u64>);

impl Nulls {
    /// Whether no row is null.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bits of 64 rows, from row `64 * word`.
    pub fn word(&self, word: usize) -> u64 {
        self.0.get(word).copied().unwrap_or(0)
    }

    /// Whether this row is null.
    pub fn contains(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn insert(&mut self, row: usize) {
        if self.0.len() <= row / 64 {
            self.0.resize(row / 64 + 1, 0);
        }
        self.0[row / 64] |= 1 << (row % 64);
    }
}

impl Column {
    fn new(ty: Type, interner: &Interner) -> Column {
        match ty {
            Type::Bool => Column::Bool(Vec::new()),
            Type::Int => Column::Int(Vec::new(), Nulls::default()),
            Type::Float => Column::Float(Vec::new(), Nulls::default()),
            Type::Decimal(scale) => Column::Decimal(Vec::new(), Nulls::default(), scale),
            Type::String => Column::String(Vec::new(), Arc::clone(interner.dictionary())),
            Type::Timestamp => Column::Timestamp(Vec::new(), Nulls::default()),
            Type::Duration => Column::Duration(Vec::new(), Nulls::default()),
        }
    }

    /// The value of a row.
    pub fn value(&self, row: usize) -> Value {
        match self {
            Column::Bool(values) => values[row].map_or(Value::Null, Value::Bool),
            Column::Int(_, nulls)
            | Column::Float(_, nulls)
            | Column::Decimal(_, nulls, _)
            | Column::Timestamp(_, nulls)
            | Column::Duration(_, nulls)
                if nulls.contains(row) =>
            {
                Value::Null
            }
            Column::Int(values, _) => Value::Int(values[row]),
            Column::Float(values, _) => Value::Float(values[row]),
            Column::Decimal(values, _, scale) => {
                Value::Decimal(Decimal { units: values[row], scale: *scale })
            }
            Column::String(codes, dictionary) => match codes[row] {
                NULL_CODE => Value::Null,
                code => Value::String(Arc::clone(dictionary.text(code))),
            },
            Column::Timestamp(values, _) => Value::Timestamp(EventTime::from_micros(values[row])),
            Column::Duration(values, _) => Value::Duration(Duration::from_micros(values[row])),
        }
    }
}

/// Some consecutive events of one partition, as columns. Immutable once built.
#[derive(Clone, Debug)]
pub struct Batch {
    stream: StreamId,
    partition: PartitionId,
    times: Vec<EventTime>,
    records: Vec<u64>,
    /// On derived streams.
    origins: Vec<u128>,
    columns: Vec<Option<Column>>,
}

impl AsRef<Batch> for Batch {
    fn as_ref(&self) -> &Batch {
        self
    }
}

impl Batch {
    /// The stream its events are of.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The partition they were read from.
    pub fn partition(&self) -> PartitionId {
        self.partition
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The event time of a row.
    pub fn time(&self, row: usize) -> EventTime {
        self.times[row]
    }

    /// The record number of a row in its partition.
    pub fn record(&self, row: usize) -> u64 {
        self.records[row]
    }

    /// Where a row stands in its source.
    pub fn position(&self, row: usize) -> SourcePosition {
        SourcePosition { stream: self.stream, partition: self.partition, record: self.records[row] }
    }

    /// On a derived stream the id of the record that a row is.
    pub fn origin(&self, row: usize) -> Option<u128> {
        self.origins.get(row).copied()
    }

    /// The event times of all rows.
    pub fn times(&self) -> &[EventTime] {
        &self.times
    }

    /// The column of a field (by its index in the stream's declaration), where it is projected.
    pub fn column(&self, field: usize) -> Option<&Column> {
        self.columns[field].as_ref()
    }

    /// The value of a field (by its index in the stream's declaration) of a row; null where the field is not
    /// projected.
    pub fn value(&self, row: usize, field: usize) -> Value {
        self.columns[field].as_ref().map_or(Value::Null, |column| column.value(row))
    }
}

/// Builds batches of one partition, row by row.
///
/// Set the fields of a row with [`set`](BatchBuilder::set) in any order, then end the row with
/// [`end_row`](BatchBuilder::end_row) or take it back with [`abandon_row`](BatchBuilder::abandon_row).
#[derive(Debug)]
pub struct BatchBuilder {
    stream: StreamId,
    partition: PartitionId,
    types: Vec<Option<Type>>,
    row: Vec<Value>,
    batch: Batch,
    interners: Vec<Interner>,
}

impl BatchBuilder {
    /// A builder for a stream with these field types, `None` for a field that nothing reads.
    pub fn new(stream: StreamId, partition: PartitionId, types: Vec<Option<Type>>) -> BatchBuilder {
        let row = vec![Value::Null; types.len()];
        let interners: Vec<Interner> = types.iter().map(|_| Interner::default()).collect();
        let batch = empty_batch(stream, partition, &types, &interners);
        BatchBuilder { stream, partition, types, row, batch, interners }
    }

    /// Whether a field has a column; a value set to another is dropped.
    pub fn is_projected(&self, field: usize) -> bool {
        self.types[field].is_some()
    }

    /// How many rows have ended.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether no row has ended.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Sets a field of the row under way. Fields not set are null.
    ///
    /// # Panics
    ///
    /// At [`end_row`](BatchBuilder::end_row), if the value is neither null nor of the field's type.
    pub fn set(&mut self, field: usize, value: Value) {
        self.row[field] = value;
    }

    /// The value set for a field of the row under way.
    pub fn get(&self, field: usize) -> &Value {
        &self.row[field]
    }

    /// Ends the row under way.
    pub fn end_row(&mut self, time: EventTime, record: u64) {
        let row = self.batch.times.len();
        self.batch.times.push(time);
        self.batch.records.push(record);
        for (field, column) in self.batch.columns.iter_mut().enumerate() {
            let value = std::mem::replace(&mut self.row[field], Value::Null);
            if let Some(column) = column {
                push(column, &mut self.interners[field], row, value);
            }
        }
    }

    /// Ends the row under way, of a derived stream: the record of this id.
    pub fn end_derived_row(&mut self, time: EventTime, record: u64, origin: u128) {
        self.batch.origins.push(origin);
        self.end_row(time, record);
    }

    /// Forgets the row under way.
    pub fn abandon_row(&mut self) {
        self.row.fill(Value::Null);
    }

    /// The rows that have ended, as a batch; the builder starts a new one.
    pub fn finish(&mut self) -> Batch {
        self.interners.iter_mut().for_each(Interner::next_batch);
        let next = empty_batch(self.stream, self.partition, &self.types, &self.interners);
        std::mem::replace(&mut self.batch, next)
    }
}

fn empty_batch(
    stream: StreamId,
    partition: PartitionId,
    types: &[Option<Type>],
    interners: &[Interner],
) -> Batch {
    let column = |(ty, interner): (&Option<Type>, &Interner)| ty.map(|ty| Column::new(ty, interner));
    let columns = types.iter().zip(interners).map(column).collect();
    Batch { stream, partition, times: Vec::new(), records: Vec::new(), origins: Vec::new(), columns }
}

fn push(column: &mut Column, interner: &mut Interner, row: usize, value: Value) {
    match (column, value) {
        (Column::Bool(values), Value::Bool(value)) => values.push(Some(value)),
        (Column::Bool(values), Value::Null) => values.push(None),
        (Column::Int(values, _), Value::Int(value)) => values.push(value),
        (Column::Float(values, _), Value::Float(value)) => values.push(value),
        (Column::Decimal(values, _, scale), Value::Decimal(value)) => {
            assert_eq!(value.scale, *scale, "a decimal has the scale of its column");
            values.push(value.units);
        }
        (Column::Timestamp(values, _), Value::Timestamp(value)) => values.push(value.micros()),
        (Column::Duration(values, _), Value::Duration(value)) => values.push(value.micros()),
        (Column::String(codes, _), Value::String(text)) => codes.push(interner.code(&text)),
        (Column::String(codes, _), Value::Null) => codes.push(NULL_CODE),
        (Column::Float(values, nulls), Value::Null) => {
            values.push(0.0);
            nulls.insert(row);
        }
        (
            Column::Int(values, nulls)
            | Column::Decimal(values, nulls, _)
            | Column::Timestamp(values, nulls)
            | Column::Duration(values, nulls),
            Value::Null,
        ) => {
            values.push(0);
            nulls.insert(row);
        }
        (column, value) => panic!("a value fits the type of its column: {value:?} into {column:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_set() {
        let types = vec![Some(Type::String), None, Some(Type::Decimal(2)), Some(Type::Bool)];
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
        let rows = [
            [Value::text("a"), Value::Int(1), Value::Decimal(Decimal { units: 5, scale: 2 }), Value::Null],
            [Value::text("b"), Value::Null, Value::Null, Value::Bool(true)],
            [Value::text("a"), Value::Null, Value::Null, Value::Bool(false)],
            [Value::Null, Value::Null, Value::Decimal(Decimal { units: -7, scale: 2 }), Value::Null],
        ];
        for (number, row) in rows.iter().enumerate() {
            for (field, value) in row.iter().enumerate() {
                builder.set(field, value.clone());
            }
            builder.end_row(EventTime::from_millis(number as i64), number as u64 + 1);
        }
        let batch = builder.finish();
        assert!(builder.is_empty());
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(batch.value(number, 0), row[0]);
            assert_eq!(batch.value(number, 1), Value::Null, "not projected");
            assert_eq!(batch.value(number, 2), row[2]);
            assert_eq!(batch.value(number, 3), row[3]);
        }
    }

    #[test]
    fn an_abandoned_row_leaves_nothing() {
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), vec![Some(Type::Int)]);
        builder.set(0, Value::Int(1));
        builder.abandon_row();
        builder.end_row(EventTime::START, 1);
        assert_eq!(builder.finish().value(0, 0), Value::Null);
    }
}
