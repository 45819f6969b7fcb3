//! Takes batches of several partitions and gives their events back in total order, as far as the watermark permits.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::event::{Batch, PartitionId, SourcePosition, StreamId};
use crate::time::{Duration, EventTime, Watermark};

/// An event in the total order: by time, then by where it came from.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its time.
    pub time: EventTime,
    /// Where it came from.
    pub position: SourcePosition,
    /// The batch that holds it.
    pub batch: Arc<Batch>,
    /// Its row there.
    pub row: u32,
}

#[derive(Debug)]
struct Partition {
    disorder: Duration,
    /// The newest time seen, or told.
    newest: EventTime,
    is_open: bool,
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
#[derive(Debug, Default)]
pub struct Sequencer {
    partitions: FxHashMap<(StreamId, PartitionId), Partition>,
    counts: FxHashMap<StreamId, u32>,
    /// What no partition has been told of yet, but later ones are to know.
    told: Option<EventTime>,
    waiting: Vec<Entry>,
    /// The watermark up to which events were released; it never goes back.
    released: Option<Watermark>,
}

impl Sequencer {
    /// Adds a partition of a stream. Partitions of one stream are numbered in the order added.
    pub fn add_partition(&mut self, stream: StreamId, disorder: Duration) -> PartitionId {
        let count = self.counts.entry(stream).or_default();
        let id = PartitionId(*count);
        *count += 1;
        let newest = self.told.map_or(EventTime::START, |at| at.plus(disorder));
        self.partitions.insert((stream, id), Partition { disorder, newest, is_open: true });
        id
    }

    /// Takes the next rows of a partition. Late ones go to `late`: those below the partition's newest earlier time less
    /// its disorder.
    ///
    /// # Panics
    ///
    /// If the partition was not added.
    pub fn push(&mut self, batch: &Arc<Batch>, late: &mut Vec<Entry>) {
        let id = (batch.stream(), batch.partition());
        let partition = self.partitions.get_mut(&id).expect("a partition is added before its first batch");
        for row in 0..batch.len() {
            let time = batch.time(row);
            let position = SourcePosition { stream: id.0, partition: id.1, record: batch.record(row) };
            let entry = Entry { time, position, batch: Arc::clone(batch), row: row as u32 };
            if Watermark::at(time) < partition.watermark() {
                late.push(entry);
            } else {
                self.waiting.push(entry);
            }
            partition.newest = partition.newest.max(time);
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
        self.waiting.len()
    }

    /// Takes the events below a watermark, in total order.
    pub fn release(&mut self, watermark: Watermark) -> Vec<Entry> {
        self.released = self.released.max(Some(watermark));
        // A merge sort finds the runs that are sorted already: close to linear on input that is nearly in order.
        self.waiting.sort_by_key(|entry| (entry.time, entry.position));
        let ready = match watermark {
            Watermark::END => self.waiting.len(),
            _ => self.waiting.partition_point(|entry| entry.time < watermark.time()),
        };
        let rest = self.waiting.split_off(ready);
        std::mem::replace(&mut self.waiting, rest)
    }
}

#[cfg(test)]
mod tests {
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

    fn records(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.position.record).collect()
    }

    #[test]
    fn late_is_below_the_newest_of_the_own_partition_less_its_disorder() {
        let mut sequencer = Sequencer::default();
        sequencer.add_partition(StreamId(0), Duration::from_millis(5));
        sequencer.add_partition(StreamId(0), Duration::from_millis(5));
        let mut late = Vec::new();
        sequencer.push(&batch(0, &[(10, 1), (5, 2), (4, 3), (11, 4), (6, 5), (5, 6)]), &mut late);
        sequencer.push(&batch(1, &[(1, 1)]), &mut late);
        assert_eq!(records(&late), [3, 6]);
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
