//! What waits for the watermark, and how far each partition has come, on their way out of the process and back.

use rustc_hash::FxHashMap;

use super::Span;
use super::sequencer::{Partition, Sequencer};
use crate::codec::{Codec, Coded, Damaged};
use crate::event::{Batch, BatchBuilder, PartitionId, StreamId, Type, Value};
use crate::time::{Duration, EventTime, Watermark};

/// Some rows that wait, of one partition.
#[derive(Default)]
struct Stretch {
    stream: u32,
    partition: u32,
    /// The fields that have a column.
    fields: Vec<usize>,
    rows: Vec<Row>,
}

struct Row {
    time: EventTime,
    record: u64,
    origin: Option<u128>,
    /// A value for each field that has a column.
    values: Vec<Value>,
}

impl<B: AsRef<Batch> + Clone> Sequencer<B> {
    /// Writes everything that it knows.
    ///
    /// # Errors
    ///
    /// [`Damaged`]: never.
    pub fn save(&self, codec: &mut Codec<'_>) -> Coded {
        let mut partitions: Vec<_> = self.partitions.iter().collect();
        partitions.sort_by_key(|(id, _)| **id);
        codec.length(partitions.len())?;
        for ((stream, partition), state) in partitions {
            code_partition(codec, &mut (stream.0, partition.0), &mut state.clone())?;
        }
        codec.option(&mut self.told.clone(), EventTime::default, |told, codec| codec.time(told))?;
        codec.option(&mut self.released.map(Watermark::time), EventTime::default, |time, codec| {
            codec.time(time)
        })?;
        let mut waiting: Vec<Stretch> = self.waiting.iter().map(|span| self.stretch(*span)).collect();
        codec.list(&mut waiting, Stretch::default, code_stretch)
    }

    fn stretch(&self, span: Span) -> Stretch {
        let batch = self.batches[span.batch as usize].as_ref().expect("a batch with rows that wait").as_ref();
        let row = |row: usize| Row {
            time: batch.time(row),
            record: batch.record(row),
            origin: batch.origin(row),
            values: batch.fields().map(|field| batch.value(row, field)).collect(),
        };
        Stretch {
            stream: batch.stream().0,
            partition: batch.partition().0,
            fields: batch.fields().collect(),
            rows: (span.start as usize..span.end as usize).map(row).collect(),
        }
    }

    /// Takes what another has written. `types` gives the types of the fields of a stream, and `prepare` makes of a batch
    /// what is kept of it.
    ///
    /// # Errors
    ///
    /// [`Damaged`], also where the fields are others.
    pub fn load(
        &mut self,
        codec: &mut Codec<'_>,
        types: &dyn Fn(StreamId) -> Option<Vec<Type>>,
        prepare: &dyn Fn(Batch) -> B,
    ) -> Coded {
        let mut others: Vec<_> = self.partitions.keys().copied().collect();
        for _ in 0..codec.length(0)? {
            let mut id = (0, 0);
            let mut state = Partition { disorder: Duration::ZERO, newest: EventTime::START, is_open: true };
            code_partition(codec, &mut id, &mut state)?;
            let count = self.counts.entry(StreamId(id.0)).or_default();
            *count = (*count).max(id.1.checked_add(1).ok_or(Damaged::Odd("the number of a partition"))?);
            self.partitions.insert((StreamId(id.0), PartitionId(id.1)), state);
            others.retain(|other| *other != (StreamId(id.0), PartitionId(id.1)));
        }
        codec.option(&mut self.told, EventTime::default, |told, codec| codec.time(told))?;
        let mut released = None;
        codec.option(&mut released, EventTime::default, |time, codec| codec.time(time))?;
        self.released = released.map(Watermark::at);
        others.into_iter().for_each(|(stream, partition)| self.open_again(stream, partition));
        let mut waiting = Vec::new();
        codec.list(&mut waiting, Stretch::default, code_stretch)?;
        self.wait_for(waiting, types, prepare)
    }

    /// Makes batches of rows, one for each partition, and lets the rows wait.
    fn wait_for(
        &mut self,
        waiting: Vec<Stretch>,
        types: &dyn Fn(StreamId) -> Option<Vec<Type>>,
        prepare: &dyn Fn(Batch) -> B,
    ) -> Coded {
        let mut numbers: FxHashMap<(u32, u32, Vec<usize>), usize> = FxHashMap::default();
        let mut builders: Vec<BatchBuilder> = Vec::new();
        for Stretch { stream, partition, fields, rows } in waiting {
            let types = types(StreamId(stream)).ok_or(Damaged::Odd("the stream of an event"))?;
            if fields.iter().any(|field| *field >= types.len())
                || !fields.is_sorted_by(|one, next| one < next)
            {
                return Err(Damaged::Odd("the fields of an event"));
            }
            let column = |(field, ty): (usize, &Type)| fields.contains(&field).then_some(*ty);
            let columns = types.iter().enumerate().map(column).collect();
            let number = *numbers.entry((stream, partition, fields.clone())).or_insert_with(|| {
                builders.push(BatchBuilder::new(StreamId(stream), PartitionId(partition), columns));
                builders.len() - 1
            });
            let builder = &mut builders[number];
            let start = builder.len() as u32;
            rows.iter().try_for_each(|row| add_row(builder, row, &fields, &types))?;
            self.waiting.push(Span { batch: number as u32, start, end: builder.len() as u32 });
        }
        self.waiting.retain(|span| span.start < span.end);
        self.batches = builders.iter_mut().map(|builder| Some(prepare(builder.finish()))).collect();
        Ok(())
    }
}

fn add_row(builder: &mut BatchBuilder, row: &Row, fields: &[usize], types: &[Type]) -> Coded {
    if fields.len() != row.values.len() {
        return Err(Damaged::Odd("the fields of an event"));
    }
    for (field, value) in fields.iter().zip(&row.values) {
        if value.ty().is_some_and(|found| found != types[*field]) {
            return Err(Damaged::Odd("the type of a field"));
        }
        builder.set(*field, value.clone());
    }
    match row.origin {
        Some(origin) => builder.end_derived_row(row.time, row.record, origin),
        None => builder.end_row(row.time, row.record),
    }
    Ok(())
}

fn code_partition(codec: &mut Codec<'_>, id: &mut (u32, u32), state: &mut Partition) -> Coded {
    codec.u32(&mut id.0)?;
    codec.u32(&mut id.1)?;
    let mut disorder = state.disorder.micros();
    codec.i64(&mut disorder)?;
    state.disorder = Duration::from_micros(disorder);
    codec.time(&mut state.newest)?;
    codec.flag(&mut state.is_open)
}

fn code_stretch(stretch: &mut Stretch, codec: &mut Codec<'_>) -> Coded {
    codec.u32(&mut stretch.stream)?;
    codec.u32(&mut stretch.partition)?;
    codec.list(&mut stretch.fields, || 0, |field, codec| codec.usize(field))?;
    let new = || Row { time: EventTime::START, record: 0, origin: None, values: Vec::new() };
    codec.list(&mut stretch.rows, new, |row, codec| {
        codec.time(&mut row.time)?;
        codec.u64(&mut row.record)?;
        codec.option(&mut row.origin, || 0, |origin, codec| codec.u128(origin))?;
        codec.list(&mut row.values, || Value::Null, |value, codec| codec.value(value))
    })
}
