//! Every metric that Ensue has, in one place: what it is called, what it is, how it is labelled.
//!
//! The registry is made of these definitions, and `docs/metrics.md` is compared with them, so that neither can know a
//! metric that the other does not. Names follow Prometheus: base units, `_total` for what only grows. Labels are bounded
//! by what the run was started with (patterns, streams, inputs, fixed lists of reasons), and never hold a key.

/// What kind of metric it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values by size.
    Histogram,
}

impl Kind {
    /// What the text format calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means, in a sentence.
    pub help: &'static str,
}

const STREAM: &[&str] = &["stream"];
const PATTERN: &[&str] = &["pattern"];
const PARTITION: &[&str] = &["stream", "partition"];

const fn define(
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Definition {
    Definition { name, kind, labels, help }
}

macro_rules! catalogue {
    ($($id:ident = $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(pub(super) const $id: Definition = define(Kind::$kind, $name, $labels, $help);)*

        /// All of them, but for those that every process has (`process_…`).
        pub const CATALOGUE: &[Definition] = &[$($id),*];
    };
}

catalogue! {
    EVENTS = Counter "ensue_events_total" STREAM, "Events read, late ones included.";
    LATE = Counter "ensue_late_events_total" STREAM, "Events that came too late and touched nothing.";
    BAD = Counter "ensue_bad_lines_total" &["stream", "reason"], "Lines that could not become events.";
    NULL_KEYS = Counter "ensue_null_key_events_total" &[],
        "Events that a null in their key kept out of a pattern, one for each such pattern.";
    OPEN_PARTITIONS = Gauge "ensue_open_partitions" &[], "Inputs that are not at their end.";

    MATCHES = Counter "ensue_matches_total" PATTERN, "Matches let out.";
    TIMEOUTS = Counter "ensue_timeouts_total" PATTERN, "Timeouts told.";
    SUPPRESSED = Counter "ensue_suppressed_matches_total" PATTERN, "Matches that limit held back.";
    DROPPED = Counter "ensue_dropped_starts_total" &["pattern", "policy"],
        "First events whose partial matches were dropped, by keep of the pattern or at a bound of the run.";
    CUT_SHORT = Counter "ensue_cut_short_events_total" PATTERN,
        "Events that completed more matches than a bound allows.";
    FAULTS = Counter "ensue_faults_total" PATTERN,
        "Overflows and divisions by zero, which gave null; pattern (shared) has those that concern several.";
    OPEN_PARTIAL_MATCHES = Gauge "ensue_open_partial_matches" PATTERN, "Partial matches that are open.";
    KEYS = Gauge "ensue_keys" PATTERN, "Keys with state.";
    STATE_BYTES = Gauge "ensue_state_bytes" PATTERN, "Memory that the state of a pattern takes, about.";
    KEY_TABLE_BYTES = Gauge "ensue_key_table_bytes" &[], "Memory that the tables of keys take, about.";
    STATE_PEAK = Gauge "ensue_state_peak_bytes" &[], "The most memory that all state took so far, about.";
    STATE_LIMIT = Gauge "ensue_state_limit_bytes" &[], "The memory that all state may take.";

    WATERMARK = Gauge "ensue_watermark_timestamp_seconds" &[], "How far event time has come for all inputs.";
    WATERMARK_LAG = Gauge "ensue_watermark_lag_seconds" &[],
        "How far the watermark is behind the newest event of any input, in event time.";
    WATERMARK_HOLDER = Gauge "ensue_watermark_holder" PARTITION,
        "1 for the open input with the least watermark, on which all others wait.";
    PARTITION_WATERMARK = Gauge "ensue_partition_watermark_timestamp_seconds" PARTITION,
        "How far event time has come for an open input.";
    NEWEST_EVENT = Gauge "ensue_newest_event_timestamp_seconds" &[], "The newest event time that was read.";
    REORDER_EVENTS = Gauge "ensue_reorder_events" &[], "Events that wait for the watermark.";

    RECORDS = Counter "ensue_records_total" STREAM, "Records made, written or not.";
    RECORD_LATENCY = Histogram "ensue_record_latency_seconds" STREAM,
        "How far event time had gone on beyond the time of a record when it came out.";

    EPOCHS = Counter "ensue_epochs_total" &[], "Epochs that were committed.";
    EPOCH_DURATION = Histogram "ensue_epoch_duration_seconds" &[],
        "Time from the beginning of an epoch to the end of its commit.";
    EPOCH_PAUSE = Histogram "ensue_epoch_pause_seconds" &[], "Time for which an epoch held up the engine.";
    EPOCH_BYTES = Counter "ensue_epoch_written_bytes_total" &[], "Bytes that epochs gave to the store.";
    EPOCH_KEYS = Counter "ensue_epoch_written_keys_total" &[],
        "Keys whose state epochs wrote or deleted, one for each pattern or family.";
    LAST_EPOCH = Gauge "ensue_last_epoch_number" &[], "The number of the last epoch.";
    LAST_EPOCH_TIME = Gauge "ensue_last_epoch_timestamp_seconds" &[], "When the last epoch was committed.";
    LAST_EPOCH_DURATION = Gauge "ensue_last_epoch_duration_seconds" &[], "How long the last epoch took.";
    LAST_EPOCH_BYTES = Gauge "ensue_last_epoch_bytes" &[], "Bytes of the last epoch.";
    LAST_EPOCH_KEYS = Gauge "ensue_last_epoch_keys" &[], "Keys of the last epoch.";
    CHECKPOINT_INTERVAL = Gauge "ensue_checkpoint_interval_seconds" &[],
        "How often there is to be an epoch, where that is a time.";

    COPIES = Counter "ensue_copies_total" &[], "Copies of the state that were put to where --copy-to says.";
    COPY_FAILURES = Counter "ensue_copy_failures_total" &[], "Copies of the state that could not be put or tidied up.";
    COPIED_BYTES = Counter "ensue_copied_bytes_total" &[], "Bytes that were put for copies of the state.";
    LAST_COPY = Gauge "ensue_last_copy_epoch_number" &[], "The epoch of the last copy of the state.";
    LAST_COPY_TIME = Gauge "ensue_last_copy_timestamp_seconds" &[], "When the last copy of the state was there.";
    LAST_COPY_BYTES = Gauge "ensue_last_copy_bytes" &[], "Bytes of the last copy, with those that were there before.";
    COPY_INTERVAL = Gauge "ensue_copy_interval_seconds" &[], "How often there is to be a copy of the state.";

    RESTORE_DURATION = Gauge "ensue_restore_duration_seconds" &[], "How long it took to take up the state.";
    RESTORED_KEYS = Gauge "ensue_restored_keys" &[], "Keys whose state was taken up.";
    RESTORED_EVENTS = Gauge "ensue_restored_events" &[], "Events that runs before this one have read.";

    READER_QUEUE = Gauge "ensue_reader_queue_pieces" &[], "Batches that are read and not yet taken.";
    WORKER_QUEUE = Gauge "ensue_worker_queue_tasks" &[], "Tasks that the worker threads have and have not done.";
    READY = Gauge "ensue_ready" &[], "1 while the run consumes its inputs, as /readyz says.";
    BUILD_INFO = Gauge "ensue_build_info" &["version"], "1; the version of Ensue.";
}
