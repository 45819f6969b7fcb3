//! What is scraped is what the run says at its end, also where it goes on from a state.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::{EVENTS, Run, events, folder, long_run};

/// Events of which some are late, some have no card, and some lines are no events.
fn mixed() -> String {
    let mut text = String::new();
    for (at, line) in events(0..3000).lines().enumerate() {
        match at % 500 {
            100 => text.push_str("nope\n"),
            200 => text.push_str("{\"card\":\"c1\",\"amount\":5}\n"),
            300 => text.push_str("{\"card\":\"c1\",\"amount\":5,\"at\":1700000000000}\n"),
            400 => text.push_str(&line.replace(":\"c", ":null,\"was\":\"c")),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    // Far behind the others, so that all of these are certain.
    text.push_str("{\"card\":\"last\",\"amount\":0,\"at\":1800000000000}\n");
    text.replace("\n\n", "\n")
}

#[test]
fn what_is_scraped_is_what_the_run_says_at_its_end() {
    for threads in [1, 2] {
        is_as_it_says(threads);
    }
}

fn is_as_it_says(threads: u32) {
    let folder = folder(&format!("summary-{threads}"));
    let outputs = "--out alert=alert.jsonl --out burst=burst.jsonl --out tx.late=late.jsonl";
    let mut run = Run::start(&folder, &format!("--in tx=- {outputs} --format json --threads {threads}"));
    let text = mixed();
    let good = text.lines().count() - 12;
    run.feed(&text);
    let scrape = run.metrics_when(|scrape| scrape.try_value(EVENTS) == Some(good as f64));
    let (status, said) = run.end();
    assert_eq!(status.code(), Some(0), "{said}");
    let summary: Json = serde_json::from_str(said.lines().last().expect("a summary")).expect("JSON");
    let mut compared = 0;
    let mut same = |name: &str, at: &str| {
        let wanted = summary.pointer(at).and_then(Json::as_f64);
        assert_eq!(Some(scrape.value(name)), wanted, "{name}\n{summary:#}\n{}", scrape.text);
        compared += u32::from(wanted != Some(0.0));
    };
    same(EVENTS, "/events");
    same("ensue_late_events_total{stream=\"tx\"}", "/late/tx/events");
    same("ensue_bad_lines_total{reason=\"malformed\",stream=\"tx\"}", "/bad/tx/reasons/malformed");
    same("ensue_bad_lines_total{reason=\"no_time\",stream=\"tx\"}", "/bad/tx/reasons/no_time");
    same("ensue_null_key_events_total", "/null_keys");
    for pattern in ["pair", "burst"] {
        same(
            &format!("ensue_matches_total{{pattern=\"{pattern}\"}}"),
            &format!("/patterns/{pattern}/matches"),
        );
        same(
            &format!("ensue_timeouts_total{{pattern=\"{pattern}\"}}"),
            &format!("/patterns/{pattern}/timeouts"),
        );
    }
    same("ensue_suppressed_matches_total{pattern=\"pair\"}", "/patterns/pair/suppressed");
    same("ensue_dropped_starts_total{pattern=\"pair\",policy=\"keep\"}", "/patterns/pair/dropped");
    same("ensue_records_total{stream=\"alert\"}", "/outputs/alert/records");
    same("ensue_records_total{stream=\"burst\"}", "/outputs/burst/records");
    assert!(compared >= 10, "{compared} of these are not 0: {summary:#}");
    assert_eq!(scrape.value("ensue_watermark_timestamp_seconds"), 1_799_999_999.0);
    assert_eq!(scrape.value("ensue_watermark_lag_seconds"), 1.0);
    assert_eq!(scrape.value("ensue_reorder_events"), 1.0);
}

#[test]
fn a_bound_that_was_reached_is_counted() {
    let folder = folder("bound");
    let arguments = "--in tx=- --out alert=a --out burst=b --max-open 8 --at-bound drop-oldest";
    let mut run = Run::start(&folder, arguments);
    run.feed(
        &(0..2000).map(|at| format!("{{\"card\":\"c{at}\",\"amount\":9,\"at\":{at}}}\n")).collect::<String>(),
    );
    run.feed("{\"card\":\"last\",\"amount\":0,\"at\":9000}\n");
    let dropped = "ensue_dropped_starts_total{pattern=\"pair\",policy=\"bound\"}";
    run.metrics_when(|scrape| scrape.try_value(dropped) > Some(1900.0));
    assert_eq!(run.end().0.code(), Some(0));
}

#[test]
fn a_signal_ends_a_run_with_a_last_epoch_and_counters_begin_anew() {
    let (folder, arguments) = long_run("signal");
    let run = Run::start(&folder, &arguments);
    let scrape = run.metrics_when(|scrape| scrape.try_value("ensue_epochs_total") > Some(2.0));
    let epochs = scrape.value("ensue_epochs_total");
    for histogram in ["ensue_epoch_pause_seconds", "ensue_epoch_duration_seconds"] {
        assert!(scrape.value(&format!("{histogram}_count")) >= epochs - 1.0, "{}", scrape.text);
    }
    for name in ["ensue_last_epoch_bytes", "ensue_last_epoch_keys", "ensue_epoch_written_bytes_total"] {
        assert!(scrape.value(name) > 0.0, "{name}");
    }
    assert_eq!(scrape.value("ensue_checkpoint_interval_seconds"), 0.05);
    assert!(
        scrape.value("ensue_last_epoch_timestamp_seconds") > scrape.value("process_start_time_seconds") - 2.0
    );
    run.terminate();
    let began = Instant::now();
    let (status, said) = run.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(said.contains("stopped by a signal at epoch"), "{said}");
    goes_on(&folder, &arguments);
}

/// The run goes on: what was counted before is not counted again, and said to be behind.
fn goes_on(folder: &crate::folder::Folder, arguments: &str) {
    assert!(fs::metadata(folder.0.join("a.jsonl")).is_ok_and(|file| file.len() > 0));
    let run = Run::start(folder, arguments);
    let scrape = run.metrics_when(|scrape| scrape.try_value("ensue_last_epoch_number").is_some());
    let before = scrape.value("ensue_restored_events");
    assert!(before > 0.0 && scrape.value("ensue_restored_keys") > 0.0, "{}", scrape.text);
    assert!(scrape.value("ensue_restore_duration_seconds") > 0.0);
    assert!(scrape.value("ensue_last_epoch_number") > scrape.value("ensue_epochs_total"));
    run.terminate();
    let (status, said) = run.end();
    assert_eq!(status.code(), Some(0), "{said}");
}
