//! What waits for the watermark, taken over into another program, in which streams have other numbers and fields.

use std::collections::BTreeMap;

use super::Span;
use super::sequencer::{Partition, Sequencer, append};
use crate::event::{Batch, BatchBuilder, PartitionId, StreamId, Type};
use crate::time::{Duration, EventTime, Watermark};

/// What a stream of the one program is in the other.
#[derive(Clone, Debug)]
pub struct CarriedStream {
    /// Its number there.
    pub to: StreamId,
    /// Its disorder there.
    pub disorder: Duration,
    /// The types of the fields that are read there.
    pub types: Vec<Option<Type>>,
    /// For each field there the same field here.
    pub fields: Vec<Option<usize>>,
}

/// Events that were read, but not with all the fields that are read now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// The stream, as it is numbered now.
    pub stream: StreamId,
    /// The partition.
    pub partition: PartitionId,
    /// Their numbers of record, ascending.
    pub records: Vec<u64>,
}

/// Reads some events again, with all fields that are read now: batches that hold them, perhaps among others.
pub type Reread<'a, E> = dyn FnMut(&Unread) -> Result<Vec<Batch>, E> + 'a;

impl<B: AsRef<Batch> + Clone> Sequencer<B> {
    /// Takes over what another knows. `stream` says what a stream of the other is here, if anything; events that wait and
    /// lack a field that is read here are read again. Those that cannot be found then are left out.
    ///
    /// # Errors
    ///
    /// What reading again gives.
    pub fn carry<E>(
        &mut self,
        other: &Sequencer<B>,
        stream: &dyn Fn(StreamId) -> Option<CarriedStream>,
        prepare: &dyn Fn(Batch) -> B,
        reread: &mut Reread<'_, E>,
    ) -> Result<(), E> {
        (self.told, self.released) = (other.told, other.released);
        let mut waiting: BTreeMap<(StreamId, PartitionId), Vec<(&Batch, usize)>> = BTreeMap::new();
        for span in &other.waiting {
            let batch = other.batches[span.batch as usize].as_ref().expect("a batch with rows that wait");
            let rows = waiting.entry((batch.as_ref().stream(), batch.as_ref().partition())).or_default();
            rows.extend((span.start..span.end).map(|row| (batch.as_ref(), row as usize)));
        }
        let mut ids: Vec<_> = other.partitions.keys().copied().collect();
        ids.sort_unstable();
        for (from, id) in ids {
            let Some(to) = stream(from) else { continue };
            self.carry_partition(&other.partitions[&(from, id)], &to, id);
            let Some(mut rows) = waiting.remove(&(from, id)) else { continue };
            rows.sort_by_key(|(batch, row)| (batch.time(*row), batch.record(*row)));
            if rows.iter().all(|(batch, _)| to.is_whole(batch)) {
                let batch = to.rows(&rows, id);
                let end = batch.len() as u32;
                self.add_waiting(prepare(batch), vec![Span { batch: 0, start: 0, end }]);
                continue;
            }
            let mut records: Vec<u64> = rows.iter().map(|(batch, row)| batch.record(*row)).collect();
            records.sort_unstable();
            for batch in reread(&Unread { stream: to.to, partition: id, records: records.clone() })? {
                let spans = spans_of(&batch, &records);
                self.add_waiting(prepare(batch), spans);
            }
        }
        Ok(())
    }

    fn carry_partition(&mut self, from: &Partition, to: &CarriedStream, id: PartitionId) {
        let mut partition = Partition { disorder: to.disorder, ..from.clone() };
        if to.disorder > from.disorder {
            partition.newest = partition.newest.max(self.newest_after_release(to.disorder));
        }
        self.partitions.insert((to.to, id), partition);
        let count = self.counts.entry(to.to).or_default();
        *count = (*count).max(id.0 + 1);
    }

    /// Where the input had ended and event time had not: it goes on from there.
    pub fn go_on_from(&mut self, now: EventTime) {
        if self.released == Some(Watermark::END) && now < EventTime::END {
            self.released = Some(Watermark::at(now));
        }
    }

    /// A partition has ended, and another that was not read so far goes on where it has come to: what would be late in the
    /// one is late in the other.
    pub fn hand_over(&mut self, stream: StreamId, from: PartitionId, to: PartitionId) {
        let newest = self.partitions.get(&(stream, from)).map_or(EventTime::START, |from| from.newest);
        self.close(stream, from);
        if let Some(partition) = self.partitions.get_mut(&(stream, to)) {
            partition.is_open = true;
            partition.newest = partition.newest.max(newest);
        }
    }

    /// Whether a partition holds the watermark back.
    pub fn is_open(&self, stream: StreamId, id: PartitionId) -> bool {
        self.partitions.get(&(stream, id)).is_some_and(|partition| partition.is_open)
    }

    /// A partition that was added, or had ended, is read on from now: events that come before what was let through
    /// already are late.
    pub fn open_again(&mut self, stream: StreamId, id: PartitionId) {
        let told = self.told;
        let Some(disorder) = self.partitions.get(&(stream, id)).map(|partition| partition.disorder) else {
            return;
        };
        let least = told.map_or(EventTime::START, |told| told.plus(disorder));
        let least = least.max(self.newest_after_release(disorder));
        if let Some(partition) = self.partitions.get_mut(&(stream, id)) {
            partition.is_open = true;
            partition.newest = partition.newest.max(least);
        }
    }

    /// The time that a partition must at least have come to, so that none of its events comes before those that were let
    /// through already: what is older is late.
    pub(super) fn newest_after_release(&self, disorder: Duration) -> EventTime {
        self.released.map_or(EventTime::START, |released| match released.time() {
            EventTime::START => EventTime::START,
            time => time.plus(disorder),
        })
    }

    fn add_waiting(&mut self, batch: B, spans: Vec<Span>) {
        let number = self.batches.len() as u32;
        self.batches.push((!spans.is_empty()).then_some(batch));
        self.waiting.extend(spans.into_iter().map(|span| Span { batch: number, ..span }));
    }
}

impl CarriedStream {
    /// Whether a batch of the other program has all fields that are read here.
    fn is_whole(&self, batch: &Batch) -> bool {
        let has = |field: usize| self.fields[field].is_some_and(|from| batch.column(from).is_some());
        (0..self.types.len()).all(|field| self.types[field].is_none() || has(field))
    }

    /// A batch of some rows.
    fn rows(&self, rows: &[(&Batch, usize)], partition: PartitionId) -> Batch {
        let mut builder = BatchBuilder::new(self.to, partition, self.types.clone());
        for (batch, row) in rows {
            for field in (0..self.types.len()).filter(|field| self.types[*field].is_some()) {
                if let Some(from) = self.fields[field] {
                    builder.set(field, batch.value(*row, from));
                }
            }
            match batch.origin(*row) {
                Some(origin) => builder.end_derived_row(batch.time(*row), batch.record(*row), origin),
                None => builder.end_row(batch.time(*row), batch.record(*row)),
            }
        }
        builder.finish()
    }
}

/// The rows of a batch that have one of some numbers of record, as spans whose times are in order.
fn spans_of(batch: &Batch, records: &[u64]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for row in 0..batch.len() {
        if records.binary_search(&batch.record(row)).is_err() {
            continue;
        }
        match spans.last() {
            Some(last) if batch.time(row) < batch.time(last.end as usize - 1) => {
                spans.push(Span { batch: 0, start: row as u32, end: row as u32 + 1 });
            }
            _ => append(&mut spans, 0, row as u32),
        }
    }
    spans
}
