//! Takes batches of several partitions and gives their events back in total order, as far as the watermark permits.

use rustc_hash::FxHashMap;

use crate::event::{Batch, PartitionId, SourcePosition, StreamId};
use crate::time::{Duration, EventTime, Watermark};

/// Consecutive rows of one batch, from `start` up to and without `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The batch: an index into [`Ordered::batches`].
    pub batch: u32,
    /// The first row.
    pub start: u32,
    /// The row behind the last.
    pub end: u32,
}

/// Events in total order: by time, then by where they came from.
#[derive(Clone, Debug)]
pub struct Ordered<B> {
    /// The batches that hold them.
    pub batches: Vec<B>,
    /// Their rows, in order.
    pub spans: Vec<Span>,
}

impl<B> Default for Ordered<B> {
    fn default() -> Ordered<B> {
        Ordered { batches: Vec::new(), spans: Vec::new() }
    }
}

impl<B: AsRef<Batch> + Clone> Ordered<B> {
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.spans.iter().map(|span| (span.end - span.start) as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The time of the last.
    pub fn last_time(&self) -> Option<EventTime> {
        let span = self.spans.last()?;
        Some(self.batches[span.batch as usize].as_ref().time(span.end as usize - 1))
    }

    /// The first so many, and the others.
    #[must_use]
    pub fn split_at(self, count: usize) -> (Ordered<B>, Ordered<B>) {
        let mut left = count;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for span in self.spans {
            let taken = left.min((span.end - span.start) as usize) as u32;
            left -= taken as usize;
            let middle = span.start + taken;
            first.extend((taken > 0).then_some(Span { end: middle, ..span }));
            second.extend((middle < span.end).then_some(Span { start: middle, ..span }));
        }
        (
            Ordered { batches: self.batches.clone(), spans: first },
            Ordered { batches: self.batches, spans: second },
        )
    }

    /// The events of both, in total order.
    #[must_use]
    pub fn merge(self, other: Ordered<B>) -> Ordered<B> {
        if other.is_empty() {
            return self;
        }
        let mut rows = Vec::with_capacity(self.len() + other.len());
        let mut batches = self.batches;
        let offset = batches.len() as u32;
        batches.extend(other.batches);
        let others = other.spans.iter().map(|span| Span { batch: span.batch + offset, ..*span });
        for span in self.spans.iter().copied().chain(others) {
            rows_of(batches[span.batch as usize].as_ref(), span, &mut rows);
        }
        rows.sort_by_key(|row| row.0);
        let mut spans = Vec::new();
        rows.iter().for_each(|(_, batch, row)| append(&mut spans, *batch, *row));
        Ordered { batches, spans }
    }
}

/// A place in the total order, and the batch and row that stand there.
type PlacedRow = ((EventTime, SourcePosition), u32, u32);

fn rows_of(batch: &Batch, span: Span, into: &mut Vec<PlacedRow>) {
    into.extend((span.start..span.end).map(|row| (place(batch, row), span.batch, row)));
}

fn place(batch: &Batch, row: u32) -> (EventTime, SourcePosition) {
    (batch.time(row as usize), batch.position(row as usize))
}

/// Adds a row behind the others, to the last span where it continues that.
pub(super) fn append(spans: &mut Vec<Span>, batch: u32, row: u32) {
    match spans.last_mut() {
        Some(last) if last.batch == batch && last.end == row => last.end += 1,
        _ => spans.push(Span { batch, start: row, end: row + 1 }),
    }
}

/// How many of some times, and at least one, are in order from the first on.
fn stretch(times: &[EventTime]) -> usize {
    times.windows(2).position(|pair| pair[1] < pair[0]).map_or(times.len(), |last| last + 1)
}

#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) disorder: Duration,
    /// The newest time seen, or told.
    pub(super) newest: EventTime,
    pub(super) is_open: bool,
}

impl Partition {
    fn watermark(&self) -> Watermark {
        match self.newest {
            EventTime::START => Watermark::START,
            newest => Watermark::at(newest.minus(self.disorder)),
        }
    }
}

/// The partitions of a run, and the events that wait for the watermark.
#[derive(Debug)]
pub struct Sequencer<B> {
    pub(super) partitions: FxHashMap<(StreamId, PartitionId), Partition>,
    pub(super) counts: FxHashMap<StreamId, u32>,
    /// What no partition has been told of yet, but later ones are to know.
    pub(super) told: Option<EventTime>,
    /// Batches with rows that wait. Holes are filled again.
    pub(super) batches: Vec<Option<B>>,
    /// The rows that wait; in each span in order.
    pub(super) waiting: Vec<Span>,
    /// The watermark up to which events were released; it never goes back.
    pub(super) released: Option<Watermark>,
}

impl<B> Default for Sequencer<B> {
    fn default() -> Sequencer<B> {
        Sequencer {
            partitions: FxHashMap::default(),
            counts: FxHashMap::default(),
            told: None,
            batches: Vec::new(),
            waiting: Vec::new(),
            released: None,
        }
    }
}

impl<B: AsRef<Batch> + Clone> Sequencer<B> {
    /// Adds a partition of a stream. Partitions of one stream are numbered in the order added. What is older than events
    /// that were let through already is late in it.
    pub fn add_partition(&mut self, stream: StreamId, disorder: Duration) -> PartitionId {
        let count = self.counts.entry(stream).or_default();
        let id = PartitionId(*count);
        *count += 1;
        let newest = self.told.map_or(EventTime::START, |at| at.plus(disorder));
        let newest = newest.max(self.newest_after_release(disorder));
        self.partitions.insert((stream, id), Partition { disorder, newest, is_open: true });
        id
    }

    /// Takes the next rows of a partition. The rows that are late go to `late`: those below the partition's newest
    /// earlier time less its disorder.
    ///
    /// # Panics
    ///
    /// If the partition was not added.
    pub fn push(&mut self, batch: &B, late: &mut Vec<u32>) {
        let rows = batch.as_ref();
        let id = (rows.stream(), rows.partition());
        let partition = self.partitions.get_mut(&id).expect("a partition is added before its first batch");
        let at = match self.batches.iter().position(Option::is_none) {
            Some(at) => at,
            None => {
                self.batches.push(None);
                self.batches.len() - 1
            }
        };
        self.batches[at] = Some(batch.clone());
        let times = rows.times();
        let mut row = 0;
        while row < times.len() {
            if Watermark::at(times[row]) < partition.watermark() {
                late.push(row as u32);
                row += 1;
                continue;
            }
            // The watermark does not rise above the times of a stretch in order: none of it is late.
            let end = row + stretch(&times[row..]);
            partition.newest = partition.newest.max(times[end - 1]);
            self.waiting.push(Span { batch: at as u32, start: row as u32, end: end as u32 });
            row = end;
        }
    }

    /// Event time has come to `at` in every partition, also in later ones: as if an event of `at` plus the disorder had
    /// come.
    pub fn set_watermark(&mut self, at: EventTime) {
        self.told = self.told.max(Some(at));
        for partition in self.partitions.values_mut() {
            partition.newest = partition.newest.max(at.plus(partition.disorder));
        }
    }

    /// A partition has ended: it no longer holds the watermark back.
    pub fn close(&mut self, stream: StreamId, partition: PartitionId) {
        if let Some(partition) = self.partitions.get_mut(&(stream, partition)) {
            partition.is_open = false;
        }
    }

    /// The watermark of one partition.
    pub fn partition_watermark(&self, stream: StreamId, partition: PartitionId) -> Watermark {
        self.partitions.get(&(stream, partition)).map_or(Watermark::START, Partition::watermark)
    }

    /// The watermark: the least over the open partitions. Where none is open it stands still until the input is said
    /// to have ended.
    pub fn watermark(&self) -> Watermark {
        let open = self.partitions.values().filter(|partition| partition.is_open);
        let least = open.map(Partition::watermark).min().unwrap_or(Watermark::START);
        self.released.map_or(least, |released| released.max(least))
    }

    /// The newest time seen in any partition.
    pub fn newest(&self) -> EventTime {
        self.partitions.values().map(|partition| partition.newest).max().unwrap_or(EventTime::START)
    }

    /// How many events wait.
    pub fn waiting(&self) -> usize {
        self.waiting.iter().map(|span| (span.end - span.start) as usize).sum()
    }

    /// Takes the events below a watermark, in total order.
    pub fn release(&mut self, watermark: Watermark) -> Ordered<B> {
        self.released = self.released.max(Some(watermark));
        let mut ready = Vec::new();
        let mut rest = Vec::new();
        for span in self.waiting.drain(..) {
            let batch = self.batches[span.batch as usize].as_ref().expect("a batch with rows that wait");
            let times = &batch.as_ref().times()[span.start as usize..span.end as usize];
            let count = match watermark {
                Watermark::END => times.len(),
                _ => times.partition_point(|time| *time < watermark.time()),
            };
            let middle = span.start + count as u32;
            if count > 0 {
                ready.push(Span { end: middle, ..span });
            }
            if middle < span.end {
                rest.push(Span { start: middle, ..span });
            }
        }
        self.waiting = rest;
        if !self.is_in_order(&ready) {
            self.sort(&mut ready);
        }
        self.take(ready)
    }

    fn is_in_order(&self, spans: &[Span]) -> bool {
        let place = |span: &Span, row: u32| {
            let batch = self.batches[span.batch as usize].as_ref().expect("a batch with rows that wait");
            place(batch.as_ref(), row)
        };
        spans.windows(2).all(|pair| place(&pair[0], pair[0].end - 1) < place(&pair[1], pair[1].start))
    }

    fn sort(&self, spans: &mut Vec<Span>) {
        let mut rows = Vec::new();
        for span in spans.drain(..) {
            let batch = self.batches[span.batch as usize].as_ref().expect("a batch with rows that wait");
            rows_of(batch.as_ref(), span, &mut rows);
        }
        // A merge sort finds the runs that are sorted already: close to linear on input that is nearly in order.
        rows.sort_by_key(|row| row.0);
        rows.iter().for_each(|(_, batch, row)| append(spans, *batch, *row));
    }

    /// The spans with their batches; batches of which nothing waits any more are let go.
    fn take(&mut self, mut spans: Vec<Span>) -> Ordered<B> {
        let mut number_of = vec![None; self.batches.len()];
        let mut batches = Vec::new();
        for span in &mut spans {
            let number = *number_of[span.batch as usize].get_or_insert_with(|| {
                let batch = self.batches[span.batch as usize].as_ref();
                batches.push(batch.expect("a batch with rows that wait").clone());
                batches.len() as u32 - 1
            });
            span.batch = number;
        }
        let mut waits = vec![false; self.batches.len()];
        self.waiting.iter().for_each(|span| waits[span.batch as usize] = true);
        self.batches.iter_mut().zip(waits).filter(|(_, waits)| !waits).for_each(|(batch, _)| *batch = None);
        Ordered { batches, spans }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{BatchBuilder, Type};

    fn batch(partition: u32, times: &[(i64, u64)]) -> Arc<Batch> {
        let types = vec![None::<Type>];
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(partition), types);
        for (time, record) in times {
            builder.end_row(EventTime::from_millis(*time), *record);
        }
        Arc::new(builder.finish())
    }

    fn records(ordered: &Ordered<Arc<Batch>>) -> Vec<u64> {
        let rows = ordered.spans.iter().flat_map(|span| (span.start..span.end).map(|row| (span.batch, row)));
        rows.map(|(batch, row)| ordered.batches[batch as usize].record(row as usize)).collect()
    }

    #[test]
    fn late_is_below_the_newest_of_the_own_partition_less_its_disorder() {
        let mut sequencer = Sequencer::default();
        sequencer.add_partition(StreamId(0), Duration::from_millis(5));
        sequencer.add_partition(StreamId(0), Duration::from_millis(5));
        let mut late = Vec::new();
        sequencer.push(&batch(0, &[(10, 1), (5, 2), (4, 3), (11, 4), (6, 5), (5, 6)]), &mut late);
        sequencer.push(&batch(1, &[(1, 1)]), &mut late);
        assert_eq!(late, [2, 5], "the third and the sixth row");
        assert_eq!(sequencer.watermark(), Watermark::at(EventTime::from_millis(-4)));
    }

    #[test]
    fn events_below_the_watermark_come_in_order_and_equal_times_as_read() {
        let mut sequencer = Sequencer::default();
        let partition = sequencer.add_partition(StreamId(0), Duration::from_millis(2));
        let mut late = Vec::new();
        sequencer.push(&batch(0, &[(3, 1), (2, 2), (3, 3), (5, 4)]), &mut late);
        let watermark = sequencer.watermark();
        assert_eq!(records(&sequencer.release(watermark)), [2]);
        sequencer.close(StreamId(0), partition);
        assert_eq!(sequencer.watermark(), watermark, "no partition is open: it stands still");
        assert_eq!(records(&sequencer.release(Watermark::END)), [1, 3, 4]);
    }
}
