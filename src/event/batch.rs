//! Column batches: some events of one partition, a typed column for each field that is needed.
//!
//! A batch holds columns only for the fields that its program reads (projection). Text is dictionary-encoded: batches of
//! one partition share the [`Dictionary`] of each column.

use std::sync::Arc;

use super::coder::{Coder, Texts, UncodedBatch};
use super::dictionary::Dictionary;
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

    /// Which of some rows are null.
    fn only(&self, rows: &[usize]) -> Nulls {
        let mut nulls = Nulls::default();
        for (at, _) in rows.iter().enumerate().filter(|(_, row)| self.contains(**row)) {
            nulls.insert(at);
        }
        nulls
    }

    fn insert(&mut self, row: usize) {
        if self.0.len() <= row / 64 {
            self.0.resize(row / 64 + 1, 0);
        }
        self.0[row / 64] |= 1 << (row % 64);
    }
}

impl Column {
    /// A column without rows, with room for so many; `None` for texts, which have no codes yet.
    fn new(ty: Type, rows: usize) -> Option<Column> {
        Some(match ty {
            Type::Bool => Column::Bool(Vec::with_capacity(rows)),
            Type::Int => Column::Int(Vec::with_capacity(rows), Nulls::default()),
            Type::Float => Column::Float(Vec::with_capacity(rows), Nulls::default()),
            Type::Decimal(scale) => Column::Decimal(Vec::with_capacity(rows), Nulls::default(), scale),
            Type::String => return None,
            Type::Timestamp => Column::Timestamp(Vec::with_capacity(rows), Nulls::default()),
            Type::Duration => Column::Duration(Vec::with_capacity(rows), Nulls::default()),
        })
    }

    /// The values of some rows.
    fn only(&self, rows: &[usize]) -> Column {
        fn picked<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row]).collect()
        }
        match self {
            Column::Bool(values) => Column::Bool(picked(values, rows)),
            Column::Int(values, nulls) => Column::Int(picked(values, rows), nulls.only(rows)),
            Column::Float(values, nulls) => Column::Float(picked(values, rows), nulls.only(rows)),
            Column::Decimal(values, nulls, scale) => {
                Column::Decimal(picked(values, rows), nulls.only(rows), *scale)
            }
            Column::String(codes, dictionary) => Column::String(picked(codes, rows), Arc::clone(dictionary)),
            Column::Timestamp(values, nulls) => Column::Timestamp(picked(values, rows), nulls.only(rows)),
            Column::Duration(values, nulls) => Column::Duration(picked(values, rows), nulls.only(rows)),
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

    /// The batch of some of its rows alone, in this order.
    #[must_use]
    pub fn only(&self, rows: &[usize]) -> Batch {
        Batch {
            stream: self.stream,
            partition: self.partition,
            times: rows.iter().map(|row| self.times[*row]).collect(),
            records: rows.iter().map(|row| self.records[*row]).collect(),
            origins: rows.iter().filter_map(|row| self.origins.get(*row).copied()).collect(),
            columns: self
                .columns
                .iter()
                .map(|column| column.as_ref().map(|column| column.only(rows)))
                .collect(),
        }
    }

    /// The event times of all rows.
    pub fn times(&self) -> &[EventTime] {
        &self.times
    }

    pub(super) fn set_column(&mut self, field: usize, column: Column) {
        self.columns[field] = Some(column);
    }

    /// The column of a field (by its index in the stream's declaration), where it is projected.
    pub fn column(&self, field: usize) -> Option<&Column> {
        self.columns[field].as_ref()
    }

    /// The fields that have a column, by their index in the stream's declaration, in order.
    pub fn fields(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(|field| self.columns[*field].is_some())
    }

    /// The value of a field (by its index in the stream's declaration) of a row; null where the field is not
    /// projected.
    pub fn value(&self, row: usize, field: usize) -> Value {
        self.columns[field].as_ref().map_or(Value::Null, |column| column.value(row))
    }
}

/// One value of a row that is handed over whole, borrowed from where it was read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell<'a> {
    /// Null, of any type.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`, the units of a decimal, or the microseconds of a timestamp or a duration: as the column holds it.
    Units(i64),
    /// `float`.
    Float(f64),
    /// `string`, as UTF-8; that it is will be checked where it is new.
    Text(&'a [u8]),
}

/// Builds batches of one partition, row by row.
///
/// Set the fields of a row with [`set`](BatchBuilder::set) in any order, then end the row with
/// [`end_row`](BatchBuilder::end_row) or take it back with [`abandon_row`](BatchBuilder::abandon_row). A row that is known
/// to be good as a whole goes in at once with [`push_row`](BatchBuilder::push_row), without a [`Value`] on the way.
#[derive(Debug)]
pub struct BatchBuilder {
    stream: StreamId,
    partition: PartitionId,
    types: Vec<Option<Type>>,
    row: Vec<Value>,
    uncoded: UncodedBatch,
    coder: Coder,
}

impl BatchBuilder {
    /// A builder for a stream with these field types, `None` for a field that nothing reads.
    pub fn new(stream: StreamId, partition: PartitionId, types: Vec<Option<Type>>) -> BatchBuilder {
        let row = vec![Value::Null; types.len()];
        let uncoded = empty_batch(stream, partition, &types, 0);
        BatchBuilder { stream, partition, types, row, uncoded, coder: Coder::default() }
    }

    /// Whether a field has a column; a value set to another is dropped.
    pub fn is_projected(&self, field: usize) -> bool {
        self.types[field].is_some()
    }

    /// How many rows have ended.
    pub fn len(&self) -> usize {
        self.uncoded.batch.len()
    }

    /// Whether no row has ended.
    pub fn is_empty(&self) -> bool {
        self.uncoded.batch.is_empty()
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
        let UncodedBatch { batch, texts } = &mut self.uncoded;
        let row = batch.times.len();
        batch.times.push(time);
        batch.records.push(record);
        for (field, (column, texts)) in batch.columns.iter_mut().zip(texts).enumerate() {
            let value = std::mem::replace(&mut self.row[field], Value::Null);
            match (column, texts) {
                (Some(column), _) => push(column, row, value),
                (None, Some(texts)) => push_text(texts, &value),
                (None, None) => {}
            }
        }
    }

    /// Adds a whole row. `cell` gives the value of a field by its index, and is asked once for each that has a column.
    /// Costs a few nanoseconds a column.
    ///
    /// # Panics
    ///
    /// If a cell is neither null nor of its field's type.
    pub fn push_row<'a>(&mut self, time: EventTime, record: u64, mut cell: impl FnMut(usize) -> Cell<'a>) {
        let UncodedBatch { batch, texts } = &mut self.uncoded;
        let row = batch.times.len();
        batch.times.push(time);
        batch.records.push(record);
        for (field, (column, texts)) in batch.columns.iter_mut().zip(texts).enumerate() {
            match (column, texts) {
                (Some(column), _) => push_cell(column, row, cell(field)),
                (None, Some(texts)) => match cell(field) {
                    Cell::Text(text) => texts.push(text),
                    Cell::Null => texts.push_null(),
                    cell => panic!("a cell fits the type of its column: {cell:?} among texts"),
                },
                (None, None) => {}
            }
        }
    }

    /// Ends the row under way, of a derived stream: the record of this id.
    pub fn end_derived_row(&mut self, time: EventTime, record: u64, origin: u128) {
        self.uncoded.batch.origins.push(origin);
        self.end_row(time, record);
    }

    /// Forgets the row under way.
    pub fn abandon_row(&mut self) {
        self.row.fill(Value::Null);
    }

    /// The rows that have ended, as a batch; the builder starts a new one.
    ///
    /// # Panics
    ///
    /// If a text is not UTF-8.
    pub fn finish(&mut self) -> Batch {
        let uncoded = self.finish_uncoded();
        self.coder.code(uncoded)
    }

    /// The same, but for the codes of texts: they are left to a [`Coder`], which is then the one for all batches of the
    /// partition.
    pub fn finish_uncoded(&mut self) -> UncodedBatch {
        let next = empty_batch(self.stream, self.partition, &self.types, self.len());
        std::mem::replace(&mut self.uncoded, next)
    }
}

/// A batch without rows, with room for so many: mostly one is as long as the one before it.
fn empty_batch(
    stream: StreamId,
    partition: PartitionId,
    types: &[Option<Type>],
    rows: usize,
) -> UncodedBatch {
    let columns = types.iter().map(|ty| ty.and_then(|ty| Column::new(ty, rows))).collect();
    let (times, records) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let texts = |ty: &Option<Type>| (*ty == Some(Type::String)).then(|| Texts::with_capacity(rows));
    UncodedBatch {
        batch: Batch { stream, partition, times, records, origins: Vec::new(), columns },
        texts: types.iter().map(texts).collect(),
    }
}

#[inline]
fn push_cell(column: &mut Column, row: usize, cell: Cell<'_>) {
    match (column, cell) {
        (
            Column::Int(values, _)
            | Column::Decimal(values, _, _)
            | Column::Timestamp(values, _)
            | Column::Duration(values, _),
            Cell::Units(units),
        ) => values.push(units),
        (Column::Float(values, _), Cell::Float(value)) => values.push(value),
        (Column::Bool(values), Cell::Bool(value)) => values.push(Some(value)),
        (column, Cell::Null) => push(column, row, Value::Null),
        (column, cell) => panic!("a cell fits the type of its column: {cell:?} into {column:?}"),
    }
}

fn push_text(texts: &mut Texts, value: &Value) {
    match value {
        Value::String(text) => texts.push(text.as_bytes()),
        Value::Null => texts.push_null(),
        value => panic!("a value fits the type of its column: {value:?} among texts"),
    }
}

fn push(column: &mut Column, row: usize, value: Value) {
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
    fn a_row_given_whole_is_as_one_set_field_by_field() {
        let types = [Type::String, Type::Int, Type::Decimal(2), Type::Bool, Type::Float, Type::Timestamp];
        let types: Vec<Option<Type>> = types.into_iter().map(Some).chain([None]).collect();
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
        let cells = [
            Cell::Text(b"a"),
            Cell::Units(1),
            Cell::Units(5),
            Cell::Bool(true),
            Cell::Float(0.5),
            Cell::Units(7),
            Cell::Text(b"not projected"),
        ];
        builder.push_row(EventTime::START, 1, |field| cells[field]);
        builder.push_row(EventTime::START, 2, |_| Cell::Null);
        let batch = builder.finish();
        let row = |row| (0..7).map(|field| batch.value(row, field)).collect::<Vec<Value>>();
        let values = [
            Value::text("a"),
            Value::Int(1),
            Value::Decimal(Decimal { units: 5, scale: 2 }),
            Value::Bool(true),
            Value::Float(0.5),
            Value::Timestamp(EventTime::from_micros(7)),
            Value::Null,
        ];
        assert_eq!(row(0), values);
        assert_eq!(row(1), vec![Value::Null; 7]);
        assert_eq!((batch.record(0), batch.record(1)), (1, 2));
    }

    #[test]
    fn some_rows_of_a_batch_have_the_values_that_they_had() {
        let types = [
            Type::String,
            Type::Int,
            Type::Decimal(2),
            Type::Bool,
            Type::Float,
            Type::Timestamp,
            Type::Duration,
        ];
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types.map(Some).to_vec());
        for row in 0..100_i64 {
            let cell = |field: usize| match field {
                _ if row % 3 == field as i64 % 3 => Cell::Null,
                0 => Cell::Text(if row % 2 == 0 { b"even" } else { b"odd" }),
                3 => Cell::Bool(row % 2 == 0),
                4 => Cell::Float(row as f64),
                _ => Cell::Units(row),
            };
            builder.push_row(EventTime::from_micros(row), row as u64 + 1, cell);
        }
        let all = builder.finish();
        let rows: Vec<usize> = (0..100).filter(|row| row % 7 == 3).collect();
        let some = all.only(&rows);
        assert_eq!(
            (some.len(), some.stream(), some.partition()),
            (rows.len(), all.stream(), all.partition())
        );
        for (at, row) in rows.into_iter().enumerate() {
            assert_eq!((some.time(at), some.record(at)), (all.time(row), all.record(row)));
            (0..7).for_each(|field| assert_eq!(some.value(at, field), all.value(row, field)));
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
