//! Kills runs and starts them again: what comes out must not show it.
//!
//! ```text
//! crash [--kills N] [--seed S]
//! ```
//!
//! Each case is a program over a generated file (the workloads, the patterns of the project, random ones), run once unbroken, and then under a state directory, killed (as by
//! `kill -9`) at random instants and started again with the very same command until it ends by itself. Every file that
//! it leaves (records, late events, bad lines) must then be byte for byte that of the unbroken run. The run notes in a
//! file where it is in an epoch, so that it can be said which moments were hit. The last line is
//! `crash: kills=N before=B in=I after=A differ=D`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test that reports")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../../benches/support/workloads.rs"]
#[allow(dead_code, reason = "only some of it is for tests")]
mod workloads;

mod cases;
#[path = "../oracle/conditions.rs"]
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
mod transactions;

use random::Random;

/// How many kills `cargo test` makes.
const DEFAULT_KILLS: u64 = 12;

/// A run that is started so often and does not end has no way forward.
const STARTS_MAX: u64 = 2000;

/// The events of the input: enough for a run to be broken in the middle.
const EVENTS: &str = "60000";

/// How many random programs there are.
const RANDOM_PROGRAMS: usize = 50;

/// A program to be run.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) program: String,
    /// What is read: `STREAM=PATH`.
    pub(crate) inputs: Vec<String>,
    /// The streams that are written.
    pub(crate) outputs: Vec<String>,
}

/// How many kills hit which moment of an epoch.
#[derive(Default)]
struct Hits {
    before: u64,
    within: u64,
    after: u64,
}

fn main() -> ExitCode {
    let (kills, seed) = options();
    let folder = std::env::temp_dir().join(format!("ensue-crash-{}", std::process::id()));
    let random = cases::write(&folder, seed, if kills > DEFAULT_KILLS { RANDOM_PROGRAMS } else { 2 });
    let cases = mixed(prepare(&folder, seed), random);
    let (mut hits, mut differ, mut done) = (Hits::default(), 0, 0);
    let (mut runs, mut without_records) = (0, 0);
    let mut random = Random::of_case(seed, 0);
    for case in cases.iter().cycle() {
        if done >= kills {
            break;
        }
        let expected = unbroken(case, &folder);
        let is_empty = expected.files.iter().all(|(name, bytes)| name.contains('.') || bytes.is_empty());
        without_records += u64::from(is_empty);
        let (killed, is_same) = broken(case, &folder, &expected, &mut random, &mut hits, kills - done);
        done += killed;
        runs += 1;
        differ += u64::from(!is_same);
        let lines = |(name, bytes): &(String, Vec<u8>)| {
            format!("{name}={}", bytes.iter().filter(|byte| **byte == b'\n').count())
        };
        let lines: Vec<String> = expected.files.iter().map(lines).collect();
        let verdict = if is_same { "same" } else { "DIFFERS" };
        println!("crash: {} kills={killed} {} {verdict}", case.name, lines.join(" "));
    }
    assert!(without_records * 3 < runs, "{without_records} of {runs} runs find nothing");
    let Hits { before, within, after } = hits;
    println!("crash: kills={done} before={before} in={within} after={after} differ={differ}");
    if differ > 0 {
        println!("crash: the files are in {}", folder.display());
        return ExitCode::FAILURE;
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
    ExitCode::SUCCESS
}

fn options() -> (u64, u64) {
    let arguments: Vec<String> = std::env::args().collect();
    let of = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse().ok()
    };
    (of("--kills").unwrap_or(DEFAULT_KILLS), of("--seed").unwrap_or(7))
}

/// The one and the other, spread evenly.
fn mixed(some: Vec<Case>, others: Vec<Case>) -> Vec<Case> {
    let place = |count: usize| move |(at, case): (usize, Case)| ((2 * at + 1) * 1000 / count, case);
    let (some_count, others_count) = (some.len(), others.len());
    let mut all: Vec<(usize, Case)> = some.into_iter().enumerate().map(place(some_count)).collect();
    all.extend(others.into_iter().enumerate().map(place(others_count)));
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, case)| case).collect()
}

/// The input, and the programs.
fn prepare(folder: &Path, seed: u64) -> Vec<Case> {
    fs::create_dir_all(folder).expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = ensue()
        .args(["gen", "--events", EVENTS, "--cards", "500", "--disorder", "8s", "--out"])
        .arg(folder.join("tx.jsonl"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("ensue runs").success(), "the input can be generated");
    spoil(&folder.join("tx.jsonl"));
    let mut cases = Vec::new();
    let input = folder.join("workloads.jsonl");
    transactions::write(&input, seed);
    let workloads = [workloads::W1, workloads::W2, workloads::W3, workloads::W4, workloads::W5];
    for (number, pattern) in (1..).zip(workloads) {
        let path = folder.join(format!("w{number}.cep"));
        let stream = workloads::STREAM.replace("event time ts", transactions::DISORDER);
        fs::write(&path, format!("{stream}{pattern}")).expect("a file");
        cases.push(on_transactions(&input, format!("W{number}"), &path, "m"));
    }
    let mut patterns: Vec<PathBuf> = fs::read_dir(root.join("patterns"))
        .expect("the folder of patterns")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cep"))
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("transactions")))
        .collect();
    patterns.sort();
    for path in patterns {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name != "streams" {
            cases.push(on_transactions(&folder.join("tx.jsonl"), name, &path, "alert"));
        }
    }
    cases
}

fn on_transactions(input: &Path, name: String, program: &Path, records: &str) -> Case {
    Case {
        name,
        program: program.display().to_string(),
        inputs: vec![format!("transactions={}", input.display())],
        outputs: [records, "transactions.late", "transactions.bad"].map(str::to_owned).into(),
    }
}

/// Makes some lines bad, in places that are the same every time.
fn spoil(path: &Path) {
    let text = fs::read_to_string(path).expect("the input");
    let spoiled = text.lines().enumerate().map(|(at, line)| match at % 997 {
        500 => format!("{}\n", &line[..line.len() / 2]),
        _ => format!("{line}\n"),
    });
    fs::write(path, spoiled.collect::<String>()).expect("the input can be written");
}

fn ensue() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ensue"))
}

/// The command for a case whose files go to `out`.
fn command(case: &Case, out: &Path) -> Command {
    let mut command = ensue();
    command.arg("run").arg(&case.program).stdout(Stdio::null()).stderr(Stdio::piped());
    case.inputs.iter().for_each(|input| {
        command.arg("--in").arg(input);
    });
    for stream in &case.outputs {
        command.arg("--out").arg(format!("{stream}={}", out.join(stream).display()));
    }
    command
}

/// The files that an unbroken run leaves.
fn unbroken(case: &Case, folder: &Path) -> Files {
    let out = folder.join("unbroken");
    fs::create_dir_all(&out).expect("a folder");
    let mut command = command(case, &out);
    let began = Instant::now();
    let output = command.output().expect("ensue runs");
    assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    Files { took: began.elapsed(), ..Files::of(case, &out) }
}

/// What a run leaves.
struct Files {
    took: Duration,
    files: Vec<(String, Vec<u8>)>,
}

impl Files {
    fn of(case: &Case, folder: &Path) -> Files {
        let read = |name: &String| (name.clone(), fs::read(folder.join(name)).unwrap_or_default());
        Files { took: Duration::ZERO, files: case.outputs.iter().map(read).collect() }
    }
}

/// Kills and starts again until it ends. Gives how often it was killed, and whether the files are the same.
fn broken(
    case: &Case,
    folder: &Path,
    expected: &Files,
    random: &mut Random,
    hits: &mut Hits,
    kills_max: u64,
) -> (u64, bool) {
    let (out, state) = (folder.join("broken"), folder.join("state"));
    for path in [&out, &state] {
        if path.exists() {
            fs::remove_dir_all(path).expect("a folder can be removed");
        }
    }
    fs::create_dir_all(&out).expect("a folder");
    let phases = folder.join("phases");
    let mut killed = 0;
    // Sometimes there is room for a part of the state only.
    let memory = random.percent(20);
    for _ in 0..STARTS_MAX {
        let mut command = command(case, &out);
        command.arg("--state").arg(&state).args(["--checkpoint-every", "2000"]).env("ENSUE_PHASES", &phases);
        if memory {
            command.args(["--memory", "64K"]);
        }
        let _ = fs::remove_file(&phases);
        let mut child = command.spawn().expect("ensue runs");
        if killed < kills_max {
            let moment = Moment::any(random, expected.took);
            if !ends_before(&mut child, &moment, &phases) {
                child.kill().expect("it can be killed");
                child.wait().expect("it has ended");
                killed += 1;
                match fs::read(&phases).ok().and_then(|phases| phases.last().copied()) {
                    Some(b'b') => hits.before += 1,
                    Some(b'c') => hits.within += 1,
                    _ => hits.after += 1,
                }
                continue;
            }
        }
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
        return (killed, Files::of(case, &out).files == expected.files);
    }
    panic!("{}: it does not come to its end", case.name);
}

/// When a run is killed.
enum Moment {
    /// After so long.
    After(Duration),
    /// As soon as it has noted so many phases and the last is this one.
    In(u8, usize),
}

impl Moment {
    fn any(random: &mut Random, took: Duration) -> Moment {
        match random.below(4) {
            0 => Moment::In(b'b', random.below(30)),
            1 => Moment::In(b'c', random.below(30)),
            _ => {
                Moment::After(Duration::from_micros(random.below(took.as_micros().max(2000) as usize) as u64))
            }
        }
    }

    fn has_come(&self, began: Instant, phases: &Path) -> bool {
        match self {
            Moment::After(wait) => began.elapsed() >= *wait,
            Moment::In(phase, count) => fs::read(phases)
                .is_ok_and(|phases| phases.len() > *count && phases.last().is_some_and(|last| last == phase)),
        }
    }
}

/// Waits for a moment; whether the run has ended before it.
fn ends_before(child: &mut Child, moment: &Moment, phases: &Path) -> bool {
    let began = Instant::now();
    while !moment.has_come(began, phases) {
        if child.try_wait().expect("a child").is_some() {
            return true;
        }
        thread::yield_now();
    }
    false
}
