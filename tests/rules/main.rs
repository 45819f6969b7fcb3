//! Rules that change at random while there is state of them: what has not changed must not show it.
//!
//! ```text
//! rules [--cases N] [--seed S]
//! ```
//!
//! Each case has random patterns over generated files. Some of them, in one order, run under a state directory until a
//! signal stops the run at a random instant; then others run on, in another order: some are gone, some are new.
//! What a pattern finds that is in both must be, line by line, what it finds in an unbroken run; what is found of one
//! that drains must be what it would have found that began before the change. The last line is `rules: cases=N kept=K drained=D differ=D`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test that reports")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../crash/cases.rs"]
#[allow(dead_code, reason = "only some of it is for this test")]
mod cases;
#[path = "../oracle/conditions.rs"]
#[allow(dead_code, reason = "only some of it is for this test")]
mod conditions;
#[path = "../oracle/generate/mod.rs"]
mod generate;
#[path = "../oracle/model.rs"]
#[allow(dead_code, reason = "only some of it is for this test")]
mod model;
#[path = "../oracle/random.rs"]
mod random;
#[path = "../oracle/stream.rs"]
#[allow(dead_code, reason = "only some of it is for this test")]
mod stream;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "only some of it is for this test")]
mod support;

use model::{Mode, Pattern, Program, STREAMS};
use random::Random;
use stream::Event;

/// How many cases `cargo test` runs.
const DEFAULT_CASES: u64 = 4;

/// How many cases' events are read one behind the other.
const REPEATED: usize = 6;

/// A program and what it reads and writes, as the writer of cases makes it.
struct Case {
    #[allow(dead_code, reason = "the crash test prints it")]
    name: String,
    #[allow(dead_code, reason = "the crash test runs it")]
    program: String,
    #[allow(dead_code, reason = "the crash test runs it")]
    inputs: Vec<String>,
    #[allow(dead_code, reason = "the crash test runs it")]
    outputs: Vec<String>,
}

/// What came of the cases.
#[derive(Default)]
struct Tally {
    cases: u64,
    /// Cases in which the run came to its end before it was stopped.
    at_end: u64,
    /// Patterns that were kept and have found something.
    kept: u64,
    /// Patterns of which something was found while they drained.
    drained: u64,
    differ: u64,
}

fn main() -> ExitCode {
    let (cases, seed) = options();
    let root = std::env::temp_dir().join(format!("ensue-rules-{}", std::process::id()));
    let mut tally = Tally::default();
    for number in 0..cases {
        let folder = root.join(number.to_string());
        let before = tally.differ;
        run_case(&folder, &mut Random::of_case(seed, number), &mut tally);
        if tally.differ == before {
            fs::remove_dir_all(&folder).expect("the folder can be removed");
        } else {
            println!("rules: case {number} DIFFERS: {}", folder.display());
        }
    }
    let Tally { cases, at_end, kept, drained, differ } = tally;
    println!("rules: cases={cases} at-end={at_end} kept={kept} drained={drained} differ={differ}");
    if differ == 0 {
        fs::remove_dir_all(&root).expect("the folder can be removed");
    }
    assert!(at_end * 2 <= cases, "most runs are stopped");
    if differ > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn options() -> (u64, u64) {
    let arguments: Vec<String> = std::env::args().collect();
    let of = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse().ok()
    };
    (of("--cases").unwrap_or(DEFAULT_CASES), of("--seed").unwrap_or(7))
}

fn run_case(folder: &Path, random: &mut Random, tally: &mut Tally) {
    fs::create_dir_all(folder).expect("a folder");
    let all = program(random);
    let events = events(random, &all);
    let (old, new) = (some_of(random, &all), some_of(random, &all));
    tally.cases += 1;
    write_inputs(folder, &events);
    let runs = Runs { folder, all: &all };
    let began = Instant::now();
    runs.run(&old, "whole", &[]).expect("the old patterns run");
    let wait = began.elapsed().mul_f64(random.between(20, 90) as f64 / 100.0);
    let is_stopped = runs.stop(&old, "out", wait);
    let event_time = if is_stopped { runs.event_time() } else { 0 };
    let wish = if random.percent(60) { "drain" } else { "reset" };
    let go_on =
        |wish| runs.run(&new, "out", &["--state", "state", "--checkpoint-every", "5000", "--changed", wish]);
    if !is_stopped {
        tally.at_end += 1;
        return;
    }
    let said = go_on(wish).or_else(|why| match why.contains("cannot finish what is open") {
        true => go_on("reset"),
        false => Err(why),
    });
    let said = said.unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let times: BTreeMap<i64, i64> = events.iter().map(|event| (event.n, event.ts)).collect();
    let began_before = |line: &String| began_at(line, &times) < event_time;
    compare(folder, (&old, &new), (&said, &began_before), tally);
}

/// When what is told in a line began: its first event, of those that it names.
fn began_at(line: &str, times: &BTreeMap<i64, i64>) -> i64 {
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).expect("a record");
    let is_event = |name: &str| name != "last_n" && (name.ends_with("_n") || name.ends_with("_first"));
    let events = fields.iter().filter(|(name, _)| is_event(name)).filter_map(|(_, value)| value.as_i64());
    events.map(|event| times[&event]).min().expect("it names an event")
}

/// Compares what an unbroken run of the old patterns finds with what was found.
fn compare(
    folder: &Path,
    (old, new): (&Program, &Program),
    (said, began_before): (&str, &dyn Fn(&String) -> bool),
    tally: &mut Tally,
) {
    let is_draining = said.contains("the old one finishes them");
    for pattern in &old.patterns {
        let (whole, found) = (of(&folder.join("whole"), pattern), of(&folder.join("out"), pattern));
        let is_kept = is_same_in(old, new, pattern);
        let is_drained = is_draining
            && !new.patterns.contains(pattern)
            && pattern.mode == Mode::All
            && !pattern.tally
            && pattern.limit.is_none()
            && pattern.keep.is_none()
            && pattern.skip.is_none()
            && makers(old, pattern).is_empty();
        let is_right = if is_kept {
            tally.kept += u64::from(!whole.is_empty());
            whole == found && !said.contains(&format!("`{}` has changed", pattern.name))
        } else if is_drained {
            let expected: Vec<&String> = whole.iter().filter(|line| began_before(line)).collect();
            tally.drained += u64::from(!expected.is_empty() && expected.len() < whole.len());
            found.iter().eq(expected)
        } else {
            true
        };
        if !is_right {
            tally.differ += 1;
            println!("rules: {} has {} lines, and should have {}", pattern.name, found.len(), whole.len());
        }
    }
}

/// The patterns whose records a pattern reads.
fn makers<'a>(program: &'a Program, pattern: &Pattern) -> Vec<&'a Pattern> {
    let makes = |other: &&Pattern| {
        let streams = other.timeout.iter().chain([&other.emit]).map(|record| &record.stream);
        pattern.sources.iter().any(|(name, _)| streams.clone().any(|stream| stream == name))
    };
    program.patterns.iter().filter(makes).collect()
}

/// Whether a pattern is in both, and reads the same in both.
fn is_same_in(old: &Program, new: &Program, pattern: &Pattern) -> bool {
    let (before, after) = (makers(old, pattern), makers(new, pattern));
    new.patterns.contains(pattern)
        && before.len() == after.len()
        && before.iter().all(|maker| after.contains(maker) && is_same_in(old, new, maker))
}

/// The lines that a pattern has written, file by file.
fn of(folder: &Path, pattern: &Pattern) -> Vec<String> {
    let named = format!("\"pattern\":\"{}\"", pattern.name);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("text"));
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.contains(&named))
        .map(|line| without_nulls(&line))
        .collect()
}

/// A line in one order of its fields and without nulls: other patterns may give its stream more fields.
fn without_nulls(line: &str) -> String {
    let mut fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).expect("a record");
    fields.retain(|_, value| !value.is_null());
    serde_json::to_string(&fields).expect("it was read before")
}

/// Random patterns of several programs, with names of their own.
fn program(random: &mut Random) -> Program {
    let disorder = [random.between(0, 4), random.between(0, 4)];
    loop {
        let mut patterns: Vec<Pattern> = Vec::new();
        for number in 0..3 {
            let mut more = cases::program(random).patterns;
            more.iter_mut().for_each(|pattern| rename(pattern, number));
            patterns.extend(more);
        }
        let all = Program { disorder, patterns };
        if support::compile(&all.to_string()).is_ok() {
            return all;
        }
    }
}

/// Many events, so that inputs are read in many batches: those of several cases, one behind the other.
fn events(random: &mut Random, program: &Program) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    for _ in 0..REPEATED {
        let newest = all.iter().map(|event| event.ts).max().unwrap_or(0);
        let keys = all.iter().filter_map(|event| event.k).max().unwrap_or(0);
        let more = cases::events(random, program).into_iter();
        all.extend(more.map(|event| Event { ts: event.ts + newest, k: event.k.map(|k| k + keys), ..event }));
    }
    (1..).zip(all).map(|(n, event)| Event { n, ..event }).collect()
}

/// Gives a pattern, and the derived streams that it makes and reads, names with a number.
fn rename(pattern: &mut Pattern, number: usize) {
    pattern.name = format!("{}_{number}", pattern.name);
    for (stream, _) in pattern.sources.iter_mut().filter(|(stream, _)| !STREAMS.contains(&stream.as_str())) {
        *stream = format!("{stream}_{number}");
    }
    for record in pattern.timeout.iter_mut().chain([&mut pattern.emit]) {
        record.stream = format!("{}_{number}", record.stream);
    }
}

/// Some of the patterns, in some order.
fn some_of(random: &mut Random, all: &Program) -> Program {
    loop {
        let mut patterns: Vec<Pattern> =
            all.patterns.iter().filter(|_| random.percent(70)).cloned().collect();
        for at in (1..patterns.len()).rev() {
            patterns.swap(at, random.below(at + 1));
        }
        let some = Program { patterns, ..all.clone() };
        if !some.patterns.is_empty() && support::compile(&some.to_string()).is_ok() {
            return some;
        }
    }
}

/// Writes the events, a file for each partition.
fn write_inputs(folder: &Path, events: &[Event]) {
    for place in stream::places(&events.iter().map(|event| (event.place(), ())).collect()) {
        let path = folder.join(format!("{}-{}.jsonl", STREAMS[place.0], place.1));
        let mut file = std::io::BufWriter::new(fs::File::create(&path).expect("a file"));
        for event in events.iter().filter(|event| event.place() == place) {
            writeln!(file, "{}", cases::line(event)).expect("a file can be written");
        }
    }
}

/// The runs of a case.
struct Runs<'a> {
    folder: &'a Path,
    all: &'a Program,
}

impl Runs<'_> {
    /// Runs patterns; gives what was said, as an error where it failed.
    fn run(&self, program: &Program, out: &str, flags: &[&str]) -> Result<String, String> {
        let output = self.command(program, out).args(flags).output().expect("ensue runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    /// Runs patterns under a state directory and stops them after so long. Whether they were stopped before their end.
    fn stop(&self, program: &Program, out: &str, wait: Duration) -> bool {
        let mut command = self.command(program, out);
        let child =
            command.args(["--state", "state", "--checkpoint-every", "200"]).spawn().expect("ensue runs");
        thread::sleep(wait);
        let _ = Command::new("kill").arg(child.id().to_string()).stderr(Stdio::null()).status();
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        said.contains("stopped by a signal at epoch")
    }

    /// How far event time has come in the state, in seconds.
    fn event_time(&self) -> i64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ensue"));
        let listed =
            command.current_dir(self.folder).args(["state", "ls", "state", "--format", "json"]).output();
        let listed: serde_json::Value =
            serde_json::from_slice(&listed.expect("ensue runs").stdout).expect("an answer");
        let time = listed["event_time"].as_str().and_then(ensue::EventTime::parse_rfc3339);
        time.map_or(i64::MIN, |time| time.micros() / 1_000_000)
    }

    /// The command for some patterns.
    fn command(&self, program: &Program, out: &str) -> Command {
        let path = self.folder.join("case.cep");
        fs::write(&path, program.to_string()).expect("a file");
        fs::create_dir_all(self.folder.join(out)).expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ensue"));
        command
            .current_dir(self.folder)
            .args(["run", "case.cep"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut files: Vec<String> = fs::read_dir(self.folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".jsonl"))
            .collect();
        files.sort();
        for name in files {
            let stream = name.split('-').next().expect("a name has a stream");
            let at = STREAMS.iter().position(|known| *known == stream).expect("it was written for one");
            if self.all.reads(at) && program.reads(at) {
                command.arg("--in").arg(format!("{stream}={name}"));
            }
        }
        let records = program.patterns.iter().flat_map(|one| one.timeout.iter().chain([&one.emit]));
        let streams: BTreeSet<&String> = records.map(|record| &record.stream).collect();
        for stream in streams {
            command.arg("--out").arg(format!("{stream}={out}/{stream}"));
        }
        for (at, stream) in STREAMS.iter().enumerate().filter(|(at, _)| program.reads(*at)) {
            command.arg("--out").arg(format!("{stream}.bad={out}/bad-{at}"));
        }
        command
    }
}
