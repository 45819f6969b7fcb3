//! Five workloads from file to file: the whole process, as it is deployed.
//!
//! `make workloads-e2e INPUT=tx.jsonl`. For each workload a pattern file is written, the release binary reads the input
//! and writes its matches to a file, and the line says how many there were, their checksum, how many events a second
//! that is, from the start of the process to its end, and the most memory it had.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ensue::EventTime;
use serde_json::Value as Json;

#[path = "support/workloads.rs"]
mod workloads;

use workloads::{STREAM, W1, W2, W3, W4, W5, fnv_1a};

/// How often the memory of the process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    let Some(input) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: make workloads-e2e INPUT=tx.jsonl");
        return ExitCode::from(2);
    };
    let folder = std::env::temp_dir().join(format!("ensue-e2e-{}", std::process::id()));
    let result = fs::create_dir_all(&folder).and_then(|()| {
        for (number, pattern) in (1..).zip([W1, W2, W3, W4, W5]) {
            run(&format!("W{number}"), pattern, &input, &folder)?;
        }
        fs::remove_dir_all(&folder)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(name: &str, pattern: &str, input: &Path, folder: &Path) -> std::io::Result<()> {
    let (patterns, output) = (folder.join("w.cep"), folder.join("matches.jsonl"));
    fs::write(&patterns, format!("{STREAM}{pattern}"))?;
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ensue"))
        .arg("run")
        .arg(&patterns)
        .arg("--in")
        .arg(format!("transactions={}", input.display()))
        .arg("--out")
        .arg(format!("m={}", output.display()))
        .args(["--format", "json"])
        .stderr(Stdio::piped())
        .spawn()?;
    let peak = watch(&mut child)?;
    let elapsed = began.elapsed();
    let told = std::io::read_to_string(child.stderr.take().expect("it is piped"))?;
    if !child.wait()?.success() {
        return Err(std::io::Error::other(told));
    }
    let events = serde_json::from_str::<Json>(&told)?["events"].as_u64().unwrap_or(0);
    let (matches, checksum) = tally(&fs::read_to_string(&output)?)?;
    println!(
        "{name} events={events} matches={matches} checksum={checksum:016x} e2e_events_per_s={:.0} peak_rss_mb={}",
        events as f64 / elapsed.as_secs_f64(),
        peak / 1024
    );
    Ok(())
}

/// Waits for a process. Gives the most memory that it had, in KiB; 0 where the system does not say.
fn watch(child: &mut Child) -> std::io::Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(peak)
}

/// How many records there are, and the checksum over what was matched.
fn tally(records: &str) -> std::io::Result<(u64, u64)> {
    let (mut matches, mut checksum) = (0, 0);
    for line in records.lines() {
        let record: Json = serde_json::from_str(line)?;
        let mut text = record["card"].as_str().unwrap_or_default().to_owned();
        for number in 1.. {
            let Some(time) = record[format!("t{number}")].as_str() else { break };
            let time = EventTime::parse_rfc3339(time).expect("the engine writes times that it reads");
            text.push_str(&format!("|{}", time.micros() / 1000));
        }
        matches += 1;
        checksum ^= fnv_1a(text.as_bytes());
    }
    Ok((matches, checksum))
}
