//! Runs under `--state`, as users see them: they go on, they end, and they say why they do neither.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::{Folder, PAIR};

/// A folder with the patterns and so many events in it.
fn folder(name: &str, events: usize) -> Folder {
    let folder = Folder::empty(&format!("going-on-{name}"));
    folder.write("p.cep", PAIR);
    folder.write("tx.jsonl", &text(0..events));
    folder
}

/// The code, and what was said.
fn run(folder: &Folder, arguments: &str) -> (Option<i32>, String) {
    said(&folder.command(arguments).output().expect("it starts"))
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn text(events: std::ops::Range<usize>) -> String {
    let line = |at: usize| {
        format!(
            "{{\"card\":\"c{}\",\"amount\":{},\"at\":{}}}\n",
            at % 7,
            at * 7919 % 11,
            1_700_000_000_000 + at * 250
        )
    };
    events.map(line).collect()
}

const RUN: &str = "run p.cep --in tx=tx.jsonl --out alert=out.jsonl --state state --checkpoint-every 500";

#[test]
fn a_run_that_has_come_to_its_end_does_nothing_more() {
    let folder = folder("end", 3000);
    let (code, first) = run(&folder, RUN);
    assert_eq!(code, Some(0), "{first}");
    let records = folder.read("out.jsonl");
    assert!(records.lines().count() > 100);
    let (code, second) = run(&folder, RUN);
    assert_eq!(code, Some(0), "{second}");
    assert!(second.contains("has come to its end, with 3000 events; there is nothing to do"), "{second}");
    assert_eq!(folder.read("out.jsonl"), records);
}

#[test]
fn a_signal_stops_a_run_and_the_same_command_goes_on() {
    let folder = folder("signal", 400_000);
    let (code, whole) = run(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.jsonl");
    assert_eq!(code, Some(0), "{whole}");
    let mut child = folder.command(RUN).stderr(Stdio::piped()).spawn().expect("it starts");
    let until = Instant::now() + Duration::from_secs(20);
    while fs::metadata(folder.0.join("out.jsonl")).map_or(0, |out| out.len()) == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill");
    assert!(killed.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let (code, rest) = run(&folder, RUN);
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("going on from epoch") || rest.contains("has come to its end"), "{rest}");
    assert_eq!(folder.read("out.jsonl"), folder.read("whole.jsonl"));
}

/// Leaves a run in the middle: the state is of its first batches, before a bad line broke it off under `--strict`.
fn broken_off(name: &str) -> Folder {
    let folder = folder(name, 9000);
    folder.write("tx.jsonl", &format!("{}nope\n", text(0..9000)));
    let (code, why) = run(&folder, &format!("{RUN} --strict"));
    assert_eq!(code, Some(2), "{why}");
    folder
}

#[test]
fn other_inputs_patterns_and_outputs_are_refused() {
    let folder = broken_off("refused");
    let refused = |arguments: &str, part: &str| {
        let (code, why) = run(&folder, arguments);
        assert_eq!(code, Some(2), "{why}");
        assert!(why.contains(part) && why.contains("help: "), "{part}: {why}");
    };
    folder.write("other.jsonl", "");
    refused(
        &RUN.replace("tx=tx.jsonl", "tx=other.jsonl"),
        "the inputs are tx=other.jsonl, and the state is of a run",
    );
    refused(&RUN.replace("tx=tx.jsonl", "tx=-"), "the inputs are tx=stdin");
    refused("run p.cep --in tx=- --state new", "stdin cannot be read again after a crash");
    folder.write("p.cep", &PAIR.replace("pair", "couple"));
    refused(RUN, "a pattern is not what the state in state is of: `pair` is not there any more, ");
    folder.write("p.cep", &PAIR.replace("> 3", "> 4"));
    refused(RUN, "a pattern is not what the state in state is of: `pair` has changed (its steps), ");
    folder.write("p.cep", PAIR);
    let records = folder.read("out.jsonl");
    folder.write("out.jsonl", &records[..10]);
    refused(RUN, "out.jsonl cannot be gone on with: it has 10 bytes");
    folder.write("out.jsonl", &records);
    folder.write("tx.jsonl", &text(0..9000).replace("\"c1\"", "\"cx\""));
    refused(
        RUN,
        "tx.jsonl is not the file that was read before: what was read of it is not what stands there now",
    );
    folder.write("tx.jsonl", &text(0..10));
    refused(RUN, "tx.jsonl is not the file that was read before: it has");
    folder.write("tx.jsonl", &text(0..9500));
    let (code, rest) = run(&folder, RUN);
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("events   9 500 from 1 input, "), "{rest}");
    let (code, whole) = run(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.jsonl");
    assert_eq!(code, Some(0), "{whole}");
    assert_eq!(folder.read("out.jsonl"), folder.read("whole.jsonl"));
}
