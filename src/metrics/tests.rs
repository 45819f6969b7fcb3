//! The registry as a whole: it has what the catalogue says, and counts what an engine counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::engine::{Config, Engine, projection};
use crate::event::{BatchBuilder, PartitionId, StreamId, Value};
use crate::time::EventTime;

const PROGRAM: &str = "
stream ticks { key string?  n int  at timestamp  event time at, disorder 1s }

pattern pair {
    on ticks by key
    match a where n == 1
    then b where n == 2
    within 10s
    emit found { key: key }
    on timeout emit lost { key: key }
}
";

/// A run of one input, by hand.
struct Run {
    engine: Engine,
    ticks: StreamId,
    input: PartitionId,
    publisher: Publisher,
    metrics: Arc<Metrics>,
    events: Vec<u64>,
    late: BTreeMap<StreamId, u64>,
    bad: BTreeMap<(StreamId, &'static str), u64>,
    records: Vec<u64>,
    open: Vec<bool>,
    lines: u64,
}

impl Run {
    fn new() -> Run {
        let program = crate::compile("t.cep", PROGRAM).expect("it is well formed");
        let mut engine = Engine::new(Arc::clone(&program), &Config::default()).expect("it fits");
        let ticks = program.stream_named("ticks").expect("it is declared");
        let input = engine.add_partition(ticks);
        let metrics = Arc::new(Metrics::new());
        let patterns = engine.patterns().to_vec();
        let publisher =
            Publisher::new(Arc::clone(&metrics), &program, &patterns, &[(ticks, input)], Some(1 << 30));
        let streams = program.streams.len();
        Run {
            engine,
            ticks,
            input,
            publisher,
            metrics,
            events: vec![0; streams],
            late: BTreeMap::new(),
            bad: BTreeMap::new(),
            records: vec![0; streams],
            open: vec![true],
            lines: 0,
        }
    }

    /// Takes events: a key, a number, a second.
    fn take(&mut self, events: &[(Option<&str>, i64, i64)]) {
        let program = crate::compile("t.cep", PROGRAM).expect("it is well formed");
        let fields = projection(&program, self.engine.patterns(), self.ticks, true);
        let mut builder = BatchBuilder::new(self.ticks, self.input, fields);
        for (key, number, second) in events {
            let at = EventTime::from_millis(second * 1000);
            builder.set(0, key.map_or(Value::Null, Value::text));
            builder.set(1, Value::Int(*number));
            builder.set(2, Value::Timestamp(at));
            self.lines += 1;
            builder.end_row(at, self.lines);
        }
        self.events[self.ticks.index()] += events.len() as u64;
        self.engine.push(builder.finish());
        self.engine.advance().expect("nothing is bounded");
        let records = self.engine.take_records();
        self.publisher.records(&records, self.engine.newest());
        for record in &records {
            self.records[record.stream.index()] += 1;
        }
        for late in self.engine.take_late() {
            *self.late.entry(late.stream).or_default() += 1;
        }
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Publisher, &Facts<'_>)) {
        let facts = Facts {
            engine: &self.engine,
            events: &self.events,
            late: &self.late,
            bad: &self.bad,
            records: &self.records,
            open: &self.open,
            pieces: 3,
        };
        tell(&mut self.publisher, &facts);
    }

    fn publish(&mut self) -> String {
        self.tell(Publisher::publish);
        self.metrics.text(true)
    }
}

#[track_caller]
fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "`{line}` is not in\n{text}");
    }
}

#[test]
fn what_an_engine_counts_is_published() {
    let mut run = Run::new();
    run.tell(Publisher::begin);
    assert_lines(
        &run.publish(),
        &[
            "ensue_events_total{stream=\"ticks\"} 0",
            "ensue_matches_total{pattern=\"pair\"} 0",
            "ensue_records_total{stream=\"found\"} 0",
            "ensue_bad_lines_total{reason=\"malformed\",stream=\"ticks\"} 0",
            "ensue_watermark_holder{partition=\"0\",stream=\"ticks\"} 1",
            "ensue_state_limit_bytes 1073741824",
        ],
    );
    run.bad.insert((run.ticks, "malformed"), 2);
    run.take(&[(Some("a"), 1, 10), (Some("a"), 2, 12), (Some("b"), 1, 13), (None, 1, 14), (Some("c"), 1, 3)]);
    run.take(&[(Some("d"), 1, 30), (Some("d"), 3, 31)]);
    assert_lines(
        &run.publish(),
        &[
            "ensue_events_total{stream=\"ticks\"} 7",
            "ensue_late_events_total{stream=\"ticks\"} 1",
            "ensue_bad_lines_total{reason=\"malformed\",stream=\"ticks\"} 2",
            "ensue_null_key_events_total 1",
            "ensue_matches_total{pattern=\"pair\"} 1",
            "ensue_timeouts_total{pattern=\"pair\"} 1",
            "ensue_records_total{stream=\"found\"} 1",
            "ensue_records_total{stream=\"lost\"} 1",
            "ensue_watermark_timestamp_seconds 30",
            "ensue_newest_event_timestamp_seconds 31",
            "ensue_watermark_lag_seconds 1",
            "ensue_partition_watermark_timestamp_seconds{partition=\"0\",stream=\"ticks\"} 30",
            "ensue_reorder_events 2",
            "ensue_reader_queue_pieces 3",
            "ensue_open_partitions 1",
            // The match of 12 came out at 14, the timeout of 23 at 31.
            "ensue_record_latency_seconds_sum{stream=\"found\"} 2",
            "ensue_record_latency_seconds_sum{stream=\"lost\"} 8",
        ],
    );
}

#[test]
fn what_was_counted_before_the_beginning_is_not_counted_again() {
    let mut run = Run::new();
    run.take(&[(Some("a"), 1, 10), (Some("a"), 2, 12), (Some("a"), 1, 20), (Some("a"), 2, 21)]);
    run.events.fill(0);
    run.tell(Publisher::begin);
    assert_lines(&run.publish(), &["ensue_matches_total{pattern=\"pair\"} 0"]);
    run.take(&[(Some("a"), 1, 40)]);
    assert_lines(
        &run.publish(),
        &[
            "ensue_events_total{stream=\"ticks\"} 1",
            "ensue_matches_total{pattern=\"pair\"} 1",
            "ensue_records_total{stream=\"found\"} 1",
        ],
    );
}

#[test]
fn the_input_that_holds_the_watermark_back_is_named() {
    let metrics = Metrics::new();
    let holder = |stream: &str, partition: &str| Some([stream.to_owned(), partition.to_owned()]);
    let held = || {
        let text = metrics.text(true);
        let lines = text.lines().filter_map(|line| line.strip_prefix("ensue_watermark_holder"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    metrics.set_holder(None);
    assert!(held().is_empty());
    for _ in 0..2 {
        metrics.set_holder(holder("tx", "0"));
        assert_eq!(held(), ["{partition=\"0\",stream=\"tx\"} 1"]);
        metrics.set_holder(holder("tx", "11"));
        assert_eq!(held(), ["{partition=\"11\",stream=\"tx\"} 1"]);
    }
    metrics.set_holder(None);
    assert!(held().is_empty(), "all are closed");
}

#[test]
fn the_input_with_the_least_watermark_holds_the_others_back() {
    let mut run = Run::new();
    let other = run.engine.add_partition(run.ticks);
    let program = crate::compile("t.cep", PROGRAM).expect("it is well formed");
    let patterns = run.engine.patterns().to_vec();
    run.metrics = Arc::new(Metrics::new());
    let inputs = [(run.ticks, run.input), (run.ticks, other)];
    run.publisher = Publisher::new(Arc::clone(&run.metrics), &program, &patterns, &inputs, None);
    run.open = vec![true, true];
    run.take(&[(Some("a"), 1, 10)]);
    assert_lines(&run.publish(), &["ensue_watermark_holder{partition=\"1\",stream=\"ticks\"} 1"]);
    let text = run.publish();
    assert!(!text.contains("ensue_watermark_timestamp"), "it is not known before all inputs have an event");
    assert!(!text.contains("ensue_state_limit_bytes"));
    let of_second = "ensue_partition_watermark_timestamp_seconds{partition=\"1\"";
    run.input = other;
    run.take(&[(Some("a"), 1, 8)]);
    assert!(run.publish().contains(of_second));
    run.open = vec![true, false];
    run.engine.close_partition(run.ticks, other);
    assert!(!run.publish().contains(of_second), "it is closed");
    assert_lines(
        &run.publish(),
        &[
            "ensue_watermark_holder{partition=\"0\",stream=\"ticks\"} 1",
            "ensue_watermark_timestamp_seconds 9",
            "ensue_open_partitions 1",
        ],
    );
}

#[test]
fn epochs_and_restores_are_told() {
    let metrics = Metrics::new();
    assert!(!metrics.text(true).contains("ensue_epoch"), "without a state there are no epochs");
    metrics.expect_epochs(Some(Duration::from_secs(10)));
    assert_lines(
        &metrics.text(true),
        &[
            "ensue_epochs_total 0",
            "ensue_epoch_pause_seconds_count 0",
            "ensue_checkpoint_interval_seconds 10",
        ],
    );
    metrics.epoch(&EpochFacts {
        number: 7,
        pause: Duration::from_micros(200),
        duration: Duration::from_millis(20),
        bytes: 1000,
        keys: 10,
        committed_at: Duration::from_secs(1_700_000_000),
    });
    metrics.restored(&RestoreFacts { duration: Duration::from_millis(1500), keys: 12, events: 99 });
    assert_lines(
        &metrics.text(true),
        &[
            "ensue_epochs_total 1",
            "ensue_epoch_duration_seconds_bucket{le=\"0.025\"} 1",
            "ensue_epoch_pause_seconds_bucket{le=\"0.0001\"} 0",
            "ensue_epoch_pause_seconds_bucket{le=\"0.00025\"} 1",
            "ensue_epoch_written_bytes_total 1000",
            "ensue_epoch_written_keys_total 10",
            "ensue_last_epoch_number 7",
            "ensue_last_epoch_timestamp_seconds 1700000000",
            "ensue_last_epoch_duration_seconds 0.02",
            "ensue_last_epoch_bytes 1000",
            "ensue_last_epoch_keys 10",
            "ensue_restore_duration_seconds 1.5",
            "ensue_restored_keys 12",
            "ensue_restored_events 99",
        ],
    );
}

/// What a text has: by family its kind, its help and its labels.
fn families(text: &str) -> BTreeMap<String, (String, String, BTreeSet<String>)> {
    let mut families: BTreeMap<String, (String, String, BTreeSet<String>)> = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            family = name.to_owned();
            families.entry(family.clone()).or_default().1 = help.to_owned();
        } else if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(family.clone()).or_default().0 = kind.to_owned();
        } else if let Some((_, rest)) = line.split_once('{') {
            let labels = rest.split("\",").filter_map(|label| label.split_once('='));
            let labels = labels.map(|(name, _)| name.trim_start_matches(',').to_owned());
            let labels = labels.filter(|name| name != "le");
            families.entry(family.clone()).or_default().2.extend(labels);
        }
    }
    families
}

#[test]
fn the_registry_has_what_the_catalogue_says() {
    let mut run = Run::new();
    run.take(&[(Some("a"), 1, 10), (Some("a"), 2, 12), (Some("a"), 1, 40)]);
    run.metrics.expect_epochs(Some(Duration::from_secs(10)));
    let at = Duration::from_secs(1);
    run.metrics.epoch(&EpochFacts {
        number: 1,
        pause: at,
        duration: at,
        bytes: 1,
        keys: 1,
        committed_at: at,
    });
    run.metrics.restored(&RestoreFacts { duration: at, keys: 1, events: 1 });
    let mut found = families(&run.publish());
    for definition in CATALOGUE {
        let wanted = (
            definition.kind.label().to_owned(),
            definition.help.to_owned(),
            definition.labels.iter().map(|label| (*label).to_owned()).collect(),
        );
        assert_eq!(found.remove(definition.name), Some(wanted), "{}", definition.name);
    }
    found.retain(|name, _| !name.starts_with("process_"));
    assert!(found.is_empty(), "not in the catalogue: {found:?}");
}

#[test]
fn copies_are_there_from_the_start_where_there_will_be_some() {
    let metrics = Metrics::new();
    assert!(!metrics.text(true).contains("ensue_cop"));
    metrics.expect_copies(Duration::from_secs(60));
    let has = |line: &str| assert!(metrics.text(true).lines().any(|found| found == line), "{line}");
    has("ensue_copy_failures_total 0");
    assert!(!metrics.text(true).contains("ensue_last_copy"), "there was none yet");
    for (epoch, bytes_put) in [(3, 100), (5, 20)] {
        metrics.copy(&CopyFacts { epoch, bytes: 110, bytes_put, at: Duration::from_secs(1_700_000_000) });
    }
    metrics.copy_failed();
    has("ensue_copies_total 2");
    has("ensue_copied_bytes_total 120");
    has("ensue_copy_failures_total 1");
    has("ensue_last_copy_epoch_number 5");
    has("ensue_last_copy_bytes 110");
    has("ensue_last_copy_timestamp_seconds 1700000000");
    has("ensue_copy_interval_seconds 60");
}
