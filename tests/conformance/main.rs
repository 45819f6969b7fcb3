//! FlinkCEP's answers against this engine's: every case is written as `.cep` text, checked, and run through the
//! oracle and the engine.
//!
//! ```text
//! conformance [--quiet] [--show NAME] [FILE…]
//! ```
//!
//! The last line is `conformance: cases=N skipped=S untagged=U agree=A differ=D tagged=T tagged_agree=B`: what is
//! refused by design is skipped; untagged are the cases where FlinkCEP should agree, tagged those that may run into
//! one of its accidents. Fails where fewer than 98.5 % of the untagged agree, or the engine is not the oracle.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test that reports")]

mod case;
mod condition;
mod report;
mod runner;
#[path = "../support/mod.rs"]
mod support;
mod translate;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::report::{Options, Report};

/// The files that stand beside this one.
const DEFAULT_FILES: [&str; 2] = ["flink-handmade.jsonl", "flink-random.jsonl"];

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut files: Vec<PathBuf> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quiet" => options.quiet = true,
            "--print" => options.print = true,
            "--show" => options.show = arguments.next(),
            // What the standard harness understands: asked what there is, or for tests of another name, it does nothing.
            "--list" => return ExitCode::SUCCESS,
            other if other.starts_with('-') => {}
            file if file.contains(".json") => files.push(file.into()),
            name if "conformance".contains(name) => {}
            _ => return ExitCode::SUCCESS,
        }
    }
    if files.is_empty() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
        files = DEFAULT_FILES.iter().map(|name| folder.join(name)).collect();
    }
    let mut report = Report::new(options);
    for file in &files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::from(2);
            }
        };
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(case) => report.case(&case),
                Err(error) => {
                    eprintln!("{}:{}: {error}", file.display(), at + 1);
                    return ExitCode::from(2);
                }
            }
        }
    }
    report.finish()
}
