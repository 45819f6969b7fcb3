//! The engine against the oracle: random patterns over random streams.
//!
//! ```text
//! oracle [--cases N] [--seed S] [--case K] [--print] [--refused]
//! oracle --broken N [--seed S] [--case K]
//! oracle --format N [--seed S] [--case K]
//! ```
//!
//! Each case runs through the oracle once and through the engine in many ways: arrival shuffled within the disorder,
//! several batch sizes, keys split over several shards, and with every executor class that takes its patterns. All must
//! give the same records. A case that does not is
//! shrunk and printed as a `.cep` file with a test. The last line is `oracle: cases=N differ=D`.
//!
//! With `--broken` the cases are runs that are broken off at every write to their store ([`broken`]); with `--format`
//! their programs are formatted, as they are and with comments everywhere ([`format`](mod@format)).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test that reports")]

mod broken;
mod check;
mod conditions;
mod format;
#[path = "../support/formatting.rs"]
mod formatting;
mod generate;
mod model;
mod random;
mod report;
mod shrink;
mod stream;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;

use ensue::matcher::Class;

use crate::broken::Broken;
use crate::check::{Case, Verdict};
use crate::random::Random;

/// How many cases `cargo test` runs.
const DEFAULT_CASES: u64 = 2000;

/// How many of them it breaks off.
const DEFAULT_BROKEN: u64 = 100;

/// How many programs it formats.
const DEFAULT_FORMATTED: u64 = 300;

/// After how many cases it says how far it is.
const PROGRESS_CASES: u64 = 10_000;

/// How many failing cases are printed.
const SHOWN_MAX: u64 = 5;

/// How often a program that the checker refuses is made anew.
const TRIES_MAX: usize = 50;

struct Options {
    cases: u64,
    seed: u64,
    /// Only this case.
    only: Option<u64>,
    /// Print every case as a `.cep` file.
    print: bool,
    /// So many cases are broken off at every write.
    broken: u64,
    /// So many programs are formatted.
    formatted: u64,
    /// Count what the checker refuses, and show one of each.
    refused: bool,
}

fn main() -> ExitCode {
    let Some(options) = options() else { return ExitCode::SUCCESS };
    println!("oracle: seed={}", options.seed);
    if options.broken > 0 && !break_off(&options) {
        return ExitCode::FAILURE;
    }
    if options.formatted > 0
        && !format::check(options.seed, options.only.map_or(0..options.formatted, |only| only..only + 1))
    {
        return ExitCode::FAILURE;
    }
    let mut differing = 0;
    let mut with_records = 0;
    let mut hits: BTreeMap<Class, (u64, u64)> = BTreeMap::new();
    let mut refused: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let numbers = options.only.map_or(0..options.cases, |only| only..only + 1);
    let cases = numbers.end - numbers.start;
    for number in numbers {
        if number > 0 && number.is_multiple_of(PROGRESS_CASES) && options.only.is_none() {
            println!("oracle: {number} cases, differ={differing}");
        }
        let mut random = Random::of_case(options.seed, number);
        let Some(case) = next_case(&mut random, &mut refused) else { continue };
        if options.print {
            println!("// case {number}\n{}", report::case_file(&case));
        }
        match check::check(&case, number) {
            Verdict::Same { records, classes } => {
                with_records += u64::from(records > 0);
                for class in classes {
                    let hits = hits.entry(class).or_default();
                    *hits = (hits.0 + 1, hits.1 + u64::from(records > 0));
                }
            }
            Verdict::Refused => unreachable!("refused programs are made anew"),
            Verdict::Differs(_) => {
                differing += 1;
                if differing <= SHOWN_MAX {
                    show_smallest(number, &case);
                }
            }
        }
    }
    let refusals: usize = refused.values().map(|(count, _)| count).sum();
    if options.refused {
        for (reason, (count, program)) in &refused {
            println!("refused {count:6}  {reason}\n{program}");
        }
    }
    println!("oracle: {with_records} cases gave records; {refusals} programs were refused and made anew");
    for class in Class::ALL {
        let (cases, with_records) = hits.get(&class).copied().unwrap_or_default();
        println!("oracle: class={class} cases={cases} with_records={with_records}");
    }
    println!("oracle: cases={cases} differ={differing}");
    if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A program that the checker takes, and events.
fn next_case(random: &mut Random, refused: &mut BTreeMap<String, (usize, String)>) -> Option<Case> {
    for _ in 0..TRIES_MAX {
        let program = generate::program(random);
        let text = program.to_string();
        match support::compile(&text) {
            Ok(compiled) => {
                let events = stream::events(random, &program);
                let mut case = Case { program, events };
                check::bound(&compiled, &mut case);
                return Some(case);
            }
            Err((code, message)) => {
                let entry = refused.entry(format!("{code}: {}", code.title())).or_default();
                *entry = (entry.0 + 1, format!("{message}\n{text}"));
            }
        }
    }
    None
}

/// Breaks runs off at every write. Whether all come to the same end.
fn break_off(options: &Options) -> bool {
    let mut sum = Broken::default();
    let mut differing = 0;
    for number in options.only.map_or(0..options.broken, |only| only..only + 1) {
        let mut random = Random::of_case(options.seed, number);
        let Some(case) = next_case(&mut random, &mut BTreeMap::new()) else { continue };
        let broken = broken::check(&case, number);
        sum.runs += broken.runs;
        sum.by_commit += broken.by_commit;
        sum.by_output += broken.by_output;
        sum.by_kill += broken.by_kill;
        differing += u64::from(broken.differs);
        if broken.differs && differing <= SHOWN_MAX {
            println!("// case {number} broken off\n{}", report::case_file(&case));
        }
    }
    let Broken { runs, by_commit, by_output, by_kill, .. } = sum;
    println!(
        "oracle: broken={} runs={runs} by_commit={by_commit} by_output={by_output} by_kill={by_kill} differ={differing}",
        options.broken
    );
    differing == 0
}

fn show_smallest(number: u64, case: &Case) {
    let fails = |case: &Case| matches!(check::check(case, number), Verdict::Differs(_));
    let smallest = shrink::shrink(case, &fails);
    if let Verdict::Differs(difference) = check::check(&smallest, number) {
        report::print(number, &smallest, &difference);
    }
}

/// `None` where the standard harness would have nothing to run: it is asked what there is, or for another test.
fn options() -> Option<Options> {
    let mut options = Options {
        cases: DEFAULT_CASES,
        seed: 1,
        only: None,
        print: false,
        refused: false,
        broken: DEFAULT_BROKEN,
        formatted: DEFAULT_FORMATTED,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--cases" => options.cases = number().unwrap_or(options.cases),
            "--seed" => options.seed = number().unwrap_or(options.seed),
            "--case" => options.only = number(),
            "--broken" => {
                options.broken = number().unwrap_or(options.broken);
                (options.cases, options.formatted) = (0, 0);
            }
            "--format" => {
                options.formatted = number().unwrap_or(options.formatted);
                (options.cases, options.broken) = (0, 0);
            }
            "--print" => options.print = true,
            "--refused" => options.refused = true,
            "--list" => return None,
            other if other.starts_with('-') || "oracle".contains(other) => {}
            _ => return None,
        }
    }
    Some(options)
}
