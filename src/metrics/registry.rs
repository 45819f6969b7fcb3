//! The registry: all metrics of a run, made of the [catalogue](super::catalogue).
//!
//! What a run has and is not known yet (a watermark before the first event, a restore where there was none) has no value,
//! not 0: a family without a series is not shown. What is counted is there from the start with 0, for every pattern and
//! stream, so that its first increase is seen.

use std::sync::Mutex;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use super::catalogue::{self as all, Definition, Kind};

/// The metrics of a run. What happens seldom is told to it from any thread; what happens for every batch goes by a
/// [`Publisher`](super::Publisher).
pub struct Metrics {
    registry: Registry,
    pub(super) inputs: Inputs,
    pub(super) patterns: Patterns,
    pub(super) state: State,
    pub(super) time: Time,
    pub(super) outputs: Outputs,
    epochs: Epochs,
    copies: Copies,
    restore: Restore,
    pub(super) queues: Queues,
    ready: GaugeVec,
    /// The input that holds the watermark back.
    holder: Mutex<Option<[String; 2]>>,
}

/// What is read.
pub(super) struct Inputs {
    pub(super) events: IntCounterVec,
    pub(super) late: IntCounterVec,
    pub(super) bad: IntCounterVec,
    pub(super) null_keys: IntCounterVec,
    pub(super) open_partitions: GaugeVec,
}

/// What patterns find and hold.
pub(super) struct Patterns {
    pub(super) matches: IntCounterVec,
    pub(super) timeouts: IntCounterVec,
    pub(super) suppressed: IntCounterVec,
    pub(super) dropped: IntCounterVec,
    pub(super) cut_short: IntCounterVec,
    pub(super) faults: IntCounterVec,
    pub(super) open: GaugeVec,
    pub(super) keys: GaugeVec,
    pub(super) bytes: GaugeVec,
}

/// What all of them hold together.
pub(super) struct State {
    pub(super) key_table: GaugeVec,
    pub(super) peak: GaugeVec,
    pub(super) limit: GaugeVec,
}

/// How far event time is.
pub(super) struct Time {
    pub(super) watermark: GaugeVec,
    pub(super) lag: GaugeVec,
    holder: GaugeVec,
    pub(super) partitions: GaugeVec,
    pub(super) newest: GaugeVec,
    pub(super) reorder: GaugeVec,
}

/// What is written.
pub(super) struct Outputs {
    pub(super) records: IntCounterVec,
    pub(super) latency: HistogramVec,
}

struct Epochs {
    count: IntCounterVec,
    duration: HistogramVec,
    pause: HistogramVec,
    bytes: IntCounterVec,
    keys: IntCounterVec,
    last: GaugeVec,
    last_time: GaugeVec,
    last_duration: GaugeVec,
    last_bytes: GaugeVec,
    last_keys: GaugeVec,
    interval: GaugeVec,
}

struct Copies {
    count: IntCounterVec,
    failures: IntCounterVec,
    bytes: IntCounterVec,
    last: GaugeVec,
    last_time: GaugeVec,
    last_bytes: GaugeVec,
    interval: GaugeVec,
}

struct Restore {
    duration: GaugeVec,
    keys: GaugeVec,
    events: GaugeVec,
}

/// What waits between threads.
pub(super) struct Queues {
    pub(super) reader: GaugeVec,
    pub(super) workers: GaugeVec,
}

/// An epoch that was committed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EpochFacts {
    /// Its number.
    pub number: u64,
    /// For how long it held up the engine.
    pub pause: Duration,
    /// From its beginning to the end of its commit.
    pub duration: Duration,
    /// What was given to the store, in bytes.
    pub bytes: u64,
    /// Keys whose state was written or deleted.
    pub keys: u64,
    /// When it was committed, since 1970.
    pub committed_at: Duration,
}

/// A copy of the state that was put somewhere.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CopyFacts {
    /// The epoch that it holds.
    pub epoch: u64,
    /// What it has, in bytes.
    pub bytes: u64,
    /// What had to be put for it, in bytes.
    pub bytes_put: u64,
    /// When it was there, since 1970.
    pub at: Duration,
}

/// A state that was taken up.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RestoreFacts {
    /// How long it took.
    pub duration: Duration,
    /// Keys with state.
    pub keys: u64,
    /// Events that are behind.
    pub events: u64,
}

/// Bounds of buckets of what should be short, in seconds.
const SHORT_BUCKETS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Bounds of buckets of event time, in seconds: from a millisecond to a day.
pub(super) const EVENT_TIME_BUCKETS: [f64; 13] =
    [0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0];

impl Metrics {
    /// All metrics; those of a run have no series before its [`Publisher`](super::Publisher) begins.
    pub fn new() -> Metrics {
        let made = Maker(Registry::new());
        #[cfg(target_os = "linux")]
        made.0
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("no name is there twice");
        let build_info = made.gauges(&all::BUILD_INFO);
        build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        Metrics {
            inputs: Inputs::new(&made),
            patterns: Patterns::new(&made),
            state: State {
                key_table: made.gauges(&all::KEY_TABLE_BYTES),
                peak: made.gauges(&all::STATE_PEAK),
                limit: made.gauges(&all::STATE_LIMIT),
            },
            time: Time::new(&made),
            outputs: Outputs {
                records: made.counters(&all::RECORDS),
                latency: made.histograms(&all::RECORD_LATENCY, &EVENT_TIME_BUCKETS),
            },
            epochs: Epochs::new(&made),
            copies: Copies::new(&made),
            restore: Restore {
                duration: made.gauges(&all::RESTORE_DURATION),
                keys: made.gauges(&all::RESTORED_KEYS),
                events: made.gauges(&all::RESTORED_EVENTS),
            },
            queues: Queues {
                reader: made.gauges(&all::READER_QUEUE),
                workers: made.gauges(&all::WORKER_QUEUE),
            },
            ready: made.gauges(&all::READY),
            holder: Mutex::new(None),
            registry: made.0,
        }
    }

    /// There will be epochs, and so often where that is a time.
    pub fn expect_epochs(&self, every: Option<Duration>) {
        let Epochs { count, duration, pause, bytes, keys, interval, .. } = &self.epochs;
        for counter in [count, bytes, keys] {
            counter.with_label_values(NONE);
        }
        for histogram in [duration, pause] {
            histogram.with_label_values(NONE);
        }
        if let Some(every) = every {
            set(interval, every.as_secs_f64());
        }
    }

    /// An epoch was committed.
    pub fn epoch(&self, facts: &EpochFacts) {
        let epochs = &self.epochs;
        let seconds = facts.duration.as_secs_f64();
        epochs.count.with_label_values(NONE).inc();
        epochs.duration.with_label_values(NONE).observe(seconds);
        epochs.pause.with_label_values(NONE).observe(facts.pause.as_secs_f64());
        epochs.bytes.with_label_values(NONE).inc_by(facts.bytes);
        epochs.keys.with_label_values(NONE).inc_by(facts.keys);
        set(&epochs.last, facts.number as f64);
        set(&epochs.last_time, facts.committed_at.as_secs_f64());
        set(&epochs.last_duration, seconds);
        set(&epochs.last_bytes, facts.bytes as f64);
        set(&epochs.last_keys, facts.keys as f64);
    }

    /// There will be copies of the state, so often.
    pub fn expect_copies(&self, every: Duration) {
        let Copies { count, failures, bytes, interval, .. } = &self.copies;
        for counter in [count, failures, bytes] {
            counter.with_label_values(NONE);
        }
        set(interval, every.as_secs_f64());
    }

    /// A copy was made.
    pub fn copy(&self, facts: &CopyFacts) {
        let copies = &self.copies;
        copies.count.with_label_values(NONE).inc();
        copies.bytes.with_label_values(NONE).inc_by(facts.bytes_put);
        set(&copies.last, facts.epoch as f64);
        set(&copies.last_time, facts.at.as_secs_f64());
        set(&copies.last_bytes, facts.bytes as f64);
    }

    /// A copy was not made.
    pub fn copy_failed(&self) {
        self.copies.failures.with_label_values(NONE).inc();
    }

    /// The run goes on from a state.
    pub fn restored(&self, facts: &RestoreFacts) {
        set(&self.restore.duration, facts.duration.as_secs_f64());
        set(&self.restore.keys, facts.keys as f64);
        set(&self.restore.events, facts.events as f64);
    }

    /// All metrics in Prometheus' text format, with what `/readyz` says now.
    pub fn text(&self, is_ready: bool) -> String {
        set(&self.ready, f64::from(u8::from(is_ready)));
        let families = self.registry.gather();
        TextEncoder::new().encode_to_string(&families).expect("metrics have names, and text takes everything")
    }

    /// The input that holds the watermark back, where there is one.
    pub(super) fn set_holder(&self, now: Option<[String; 2]>) {
        let mut held = self.holder.lock().expect("whoever has it does not panic");
        if *held == now {
            return;
        }
        if let Some(labels) = &now {
            self.time.holder.with_label_values(labels).set(1.0);
        }
        if let Some(before) = std::mem::replace(&mut *held, now) {
            // It is gone already where it was never shown.
            let _ = self.time.holder.remove_label_values(&before);
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Inputs {
    fn new(made: &Maker) -> Inputs {
        Inputs {
            events: made.counters(&all::EVENTS),
            late: made.counters(&all::LATE),
            bad: made.counters(&all::BAD),
            null_keys: made.counters(&all::NULL_KEYS),
            open_partitions: made.gauges(&all::OPEN_PARTITIONS),
        }
    }
}

impl Patterns {
    fn new(made: &Maker) -> Patterns {
        Patterns {
            matches: made.counters(&all::MATCHES),
            timeouts: made.counters(&all::TIMEOUTS),
            suppressed: made.counters(&all::SUPPRESSED),
            dropped: made.counters(&all::DROPPED),
            cut_short: made.counters(&all::CUT_SHORT),
            faults: made.counters(&all::FAULTS),
            open: made.gauges(&all::OPEN_PARTIAL_MATCHES),
            keys: made.gauges(&all::KEYS),
            bytes: made.gauges(&all::STATE_BYTES),
        }
    }
}

impl Time {
    fn new(made: &Maker) -> Time {
        Time {
            watermark: made.gauges(&all::WATERMARK),
            lag: made.gauges(&all::WATERMARK_LAG),
            holder: made.gauges(&all::WATERMARK_HOLDER),
            partitions: made.gauges(&all::PARTITION_WATERMARK),
            newest: made.gauges(&all::NEWEST_EVENT),
            reorder: made.gauges(&all::REORDER_EVENTS),
        }
    }
}

impl Epochs {
    fn new(made: &Maker) -> Epochs {
        Epochs {
            count: made.counters(&all::EPOCHS),
            duration: made.histograms(&all::EPOCH_DURATION, &SHORT_BUCKETS),
            pause: made.histograms(&all::EPOCH_PAUSE, &SHORT_BUCKETS),
            bytes: made.counters(&all::EPOCH_BYTES),
            keys: made.counters(&all::EPOCH_KEYS),
            last: made.gauges(&all::LAST_EPOCH),
            last_time: made.gauges(&all::LAST_EPOCH_TIME),
            last_duration: made.gauges(&all::LAST_EPOCH_DURATION),
            last_bytes: made.gauges(&all::LAST_EPOCH_BYTES),
            last_keys: made.gauges(&all::LAST_EPOCH_KEYS),
            interval: made.gauges(&all::CHECKPOINT_INTERVAL),
        }
    }
}

impl Copies {
    fn new(made: &Maker) -> Copies {
        Copies {
            count: made.counters(&all::COPIES),
            failures: made.counters(&all::COPY_FAILURES),
            bytes: made.counters(&all::COPIED_BYTES),
            last: made.gauges(&all::LAST_COPY),
            last_time: made.gauges(&all::LAST_COPY_TIME),
            last_bytes: made.gauges(&all::LAST_COPY_BYTES),
            interval: made.gauges(&all::COPY_INTERVAL),
        }
    }
}

/// Values of no labels.
pub(super) const NONE: &[&str] = &[];

/// Sets a gauge that has no labels.
pub(super) fn set(gauge: &GaugeVec, value: f64) {
    gauge.with_label_values(NONE).set(value);
}

/// Makes families of metrics and registers them.
struct Maker(Registry);

impl Maker {
    fn counters(&self, of: &Definition) -> IntCounterVec {
        debug_assert_eq!(of.kind, Kind::Counter);
        let made = IntCounterVec::new(Opts::new(of.name, of.help), of.labels);
        self.register(made.expect("names and labels are well formed"))
    }

    fn gauges(&self, of: &Definition) -> GaugeVec {
        debug_assert_eq!(of.kind, Kind::Gauge);
        let made = GaugeVec::new(Opts::new(of.name, of.help), of.labels);
        self.register(made.expect("names and labels are well formed"))
    }

    fn histograms(&self, of: &Definition, buckets: &[f64]) -> HistogramVec {
        debug_assert_eq!(of.kind, Kind::Histogram);
        let options = HistogramOpts::new(of.name, of.help).buckets(buckets.to_vec());
        let made = HistogramVec::new(options, of.labels);
        self.register(made.expect("names and labels are well formed, and bounds in order"))
    }

    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        self.0.register(Box::new(collector.clone())).expect("no name is there twice");
        collector
    }
}
