//! From what a run counts anyway to the registry.
//!
//! The engine and the loop of a run count for themselves, without atomics and without asking whether anybody looks. A
//! publisher compares their absolute counts with what it has published before and adds the difference, so that nothing is
//! paid for an event, and a few microseconds for a publication.
//!
//! Counters begin at 0 with every process, also where the run goes on from a state. A state is a little older than what
//! was last seen of the process before it: a counter that carried on would fall by that little, which Prometheus takes
//! for a reset, and would then count everything from 0 again.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::local::LocalHistogram;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec};

use super::registry::{Metrics, NONE, set};
use crate::engine::{Engine, Record, Stats};
use crate::event::{PartitionId, PatternId, StreamId};
use crate::io::BadReason;
use crate::lang::hir::{Origin, Program};
use crate::time::{EventTime, Watermark};

/// What stands in the place of a pattern where something concerns several.
const SHARED: &str = "(shared)";

/// What a run has counted and holds now. Counts are absolute.
pub struct Facts<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// By stream of the program, how many events were read.
    pub events: &'a [u64],
    /// Late events by stream.
    pub late: &'a BTreeMap<StreamId, u64>,
    /// Bad lines by stream and reason.
    pub bad: &'a BTreeMap<(StreamId, &'static str), u64>,
    /// By stream of the program, how many records were made.
    pub records: &'a [u64],
    /// By input, whether it is open.
    pub open: &'a [bool],
    /// Pieces that are read and not yet taken.
    pub pieces: usize,
}

/// Keeps the metrics of a run up to date.
pub struct Publisher {
    metrics: Arc<Metrics>,
    streams: Vec<StreamCounts>,
    patterns: Vec<PatternCounts>,
    records: Vec<RecordCounts>,
    partitions: Vec<Partition>,
    null_keys: Count,
    shared_faults: Count,
}

/// A counter, and what is published of what it counts.
struct Count {
    counter: IntCounter,
    seen: u64,
}

struct StreamCounts {
    stream: StreamId,
    events: Count,
    late: Count,
    bad: Vec<(&'static str, Count)>,
}

struct PatternCounts {
    pattern: PatternId,
    tells_timeouts: bool,
    matches: Count,
    timeouts: Count,
    suppressed: Count,
    dropped_by_keep: Count,
    dropped_at_bound: Count,
    cut_short: Count,
    faults: Count,
    open: Gauge,
    keys: Gauge,
    bytes: Gauge,
}

struct RecordCounts {
    stream: StreamId,
    count: Count,
    latency: LocalHistogram,
}

struct Partition {
    stream: StreamId,
    id: PartitionId,
    /// The name of the stream, the number of the partition.
    labels: [String; 2],
    /// Its watermark, while it is shown.
    watermark: Option<Gauge>,
}

impl Publisher {
    /// A publisher for these patterns and inputs of a program. All that can be counted is there with 0 from now on.
    pub fn new(
        metrics: Arc<Metrics>,
        program: &Program,
        patterns: &[PatternId],
        inputs: &[(StreamId, PartitionId)],
        state_limit: Option<u64>,
    ) -> Publisher {
        let name = |stream: StreamId| program.stream(stream).name.as_str();
        let is_read = |stream: &StreamId| inputs.iter().any(|(of, _)| of == stream);
        let all = || (0..program.streams.len() as u32).map(StreamId);
        let is_made = |stream: &StreamId| match &program.stream(*stream).origin {
            Origin::Derived { patterns: makers, .. } => makers.iter().any(|maker| patterns.contains(maker)),
            Origin::Source { .. } => false,
        };
        let partition = |(stream, id): &(StreamId, PartitionId)| Partition {
            stream: *stream,
            id: *id,
            labels: [name(*stream).to_owned(), id.0.to_string()],
            watermark: None,
        };
        if let Some(bytes) = state_limit {
            set(&metrics.state.limit, bytes as f64);
        }
        Publisher {
            streams: all()
                .filter(is_read)
                .map(|stream| StreamCounts::new(&metrics, stream, name(stream)))
                .collect(),
            patterns: patterns.iter().map(|id| PatternCounts::new(&metrics, program, *id)).collect(),
            records: all()
                .filter(is_made)
                .map(|stream| RecordCounts::new(&metrics, stream, name(stream)))
                .collect(),
            partitions: inputs.iter().map(partition).collect(),
            null_keys: Count::new(&metrics.inputs.null_keys, NONE),
            shared_faults: Count::new(&metrics.patterns.faults, &[SHARED]),
            metrics,
        }
    }

    /// The metrics that it publishes to.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The run is there now, and has published nothing of how it came there.
    pub fn begin(&mut self, facts: &Facts<'_>) {
        let stats = facts.engine.stats();
        self.each_count(facts, &stats, |count, now| count.seen = now);
        self.show(facts, &stats);
    }

    /// The run is there now.
    pub fn publish(&mut self, facts: &Facts<'_>) {
        let stats = facts.engine.stats();
        self.each_count(facts, &stats, Count::reach);
        self.show(facts, &stats);
    }

    /// These records came out when this was the newest event time seen.
    ///
    /// Those that only the end of the input has brought are not looked at: nothing tells how long that took.
    pub fn records(&self, records: &[Record], newest: EventTime) {
        for record in records.iter().filter(|record| record.at <= newest) {
            if let Some(of) = self.records.iter().find(|of| of.stream == record.stream) {
                of.latency.observe(newest.since(record.at).micros() as f64 / 1e6);
            }
        }
    }

    fn each_count(&mut self, facts: &Facts<'_>, stats: &Stats, mut told: impl FnMut(&mut Count, u64)) {
        for of in &mut self.streams {
            told(&mut of.events, facts.events[of.stream.index()]);
            told(&mut of.late, facts.late.get(&of.stream).copied().unwrap_or_default());
            for (reason, count) in &mut of.bad {
                told(count, facts.bad.get(&(of.stream, *reason)).copied().unwrap_or_default());
            }
        }
        for of in &mut self.patterns {
            let stats = &stats.patterns[of.pattern.index()];
            told(&mut of.matches, stats.matches);
            told(&mut of.timeouts, if of.tells_timeouts { stats.timeouts } else { 0 });
            told(&mut of.suppressed, stats.suppressed);
            told(&mut of.dropped_by_keep, stats.dropped);
            told(&mut of.dropped_at_bound, stats.ended);
            told(&mut of.cut_short, stats.cut_short);
            told(&mut of.faults, stats.faults);
        }
        for of in &mut self.records {
            told(&mut of.count, facts.records[of.stream.index()]);
        }
        told(&mut self.null_keys, stats.null_keys);
        told(&mut self.shared_faults, stats.faults);
    }

    /// Sets what goes up and down.
    fn show(&mut self, facts: &Facts<'_>, stats: &Stats) {
        let bytes = facts.engine.state_bytes_by_pattern();
        for of in &self.patterns {
            let stats = &stats.patterns[of.pattern.index()];
            of.open.set(stats.runs as f64);
            of.keys.set(stats.keys as f64);
            of.bytes.set(bytes[of.pattern.index()] as f64);
        }
        self.records.iter().for_each(|of| of.latency.flush());
        let metrics = &self.metrics;
        set(&metrics.inputs.open_partitions, facts.open.iter().filter(|open| **open).count() as f64);
        set(&metrics.state.key_table, facts.engine.key_usage().bytes as f64);
        set(&metrics.state.peak, stats.state_bytes_peak as f64);
        set(&metrics.time.reorder, facts.engine.waiting() as f64);
        set(&metrics.queues.reader, facts.pieces as f64);
        set(&metrics.queues.workers, facts.engine.tasks_under_way() as f64);
        self.show_time(facts);
    }

    fn show_time(&mut self, facts: &Facts<'_>) {
        let time = &self.metrics.time;
        let newest = seconds(facts.engine.newest());
        let watermark = seconds(facts.engine.watermark().time());
        if let Some(newest) = newest {
            set(&time.newest, newest);
        }
        if let Some(watermark) = watermark {
            set(&time.watermark, watermark);
        }
        if let (Some(newest), Some(watermark)) = (newest, watermark) {
            set(&time.lag, newest - watermark);
        }
        let mut least: Option<(Watermark, &[String; 2])> = None;
        for (partition, is_open) in self.partitions.iter_mut().zip(facts.open) {
            let watermark = facts.engine.partition_watermark(partition.stream, partition.id);
            partition.show(&time.partitions, *is_open, watermark);
            if *is_open && least.is_none_or(|(least, _)| watermark < least) {
                least = Some((watermark, &partition.labels));
            }
        }
        self.metrics.set_holder(least.map(|(_, labels)| labels.clone()));
    }
}

impl Partition {
    /// Shows how far it is while it is open: of a thousand files that are read one after the other, one.
    fn show(&mut self, family: &GaugeVec, is_open: bool, watermark: Watermark) {
        if !is_open {
            if self.watermark.take().is_some() {
                // It was shown, so it is there.
                let _ = family.remove_label_values(&self.labels);
            }
        } else if let Some(time) = seconds(watermark.time()) {
            let gauge = self.watermark.get_or_insert_with(|| family.with_label_values(&self.labels));
            gauge.set(time);
        }
    }
}

/// Seconds since 1970, of a time that is one.
fn seconds(time: EventTime) -> Option<f64> {
    let is_known = time != EventTime::START && time != EventTime::END;
    is_known.then_some(time.micros() as f64 / 1e6)
}

impl Count {
    fn new(of: &IntCounterVec, labels: &[&str]) -> Count {
        Count { counter: of.with_label_values(labels), seen: 0 }
    }

    /// So many were counted by now.
    fn reach(&mut self, now: u64) {
        if now > self.seen {
            self.counter.inc_by(now - self.seen);
            self.seen = now;
        }
    }
}

impl StreamCounts {
    fn new(metrics: &Metrics, stream: StreamId, name: &str) -> StreamCounts {
        let bad = |reason| (reason, Count::new(&metrics.inputs.bad, &[name, reason]));
        StreamCounts {
            stream,
            events: Count::new(&metrics.inputs.events, &[name]),
            late: Count::new(&metrics.inputs.late, &[name]),
            bad: BadReason::LABELS.into_iter().map(bad).collect(),
        }
    }
}

impl PatternCounts {
    fn new(metrics: &Metrics, program: &Program, id: PatternId) -> PatternCounts {
        let pattern = program.pattern(id);
        let (of, title) = (&metrics.patterns, pattern.title());
        let name = title.as_str();
        PatternCounts {
            pattern: id,
            tells_timeouts: !pattern.timeout_emits.is_empty(),
            matches: Count::new(&of.matches, &[name]),
            timeouts: Count::new(&of.timeouts, &[name]),
            suppressed: Count::new(&of.suppressed, &[name]),
            dropped_by_keep: Count::new(&of.dropped, &[name, "keep"]),
            dropped_at_bound: Count::new(&of.dropped, &[name, "bound"]),
            cut_short: Count::new(&of.cut_short, &[name]),
            faults: Count::new(&of.faults, &[name]),
            open: of.open.with_label_values(&[name]),
            keys: of.keys.with_label_values(&[name]),
            bytes: of.bytes.with_label_values(&[name]),
        }
    }
}

impl RecordCounts {
    fn new(metrics: &Metrics, stream: StreamId, name: &str) -> RecordCounts {
        RecordCounts {
            stream,
            count: Count::new(&metrics.outputs.records, &[name]),
            latency: metrics.outputs.latency.with_label_values(&[name]).local(),
        }
    }
}
