//! `ensue test`: runs the `test` blocks of pattern files.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::diff::side_by_side;
use super::program::load_to_run;
use super::{CliError, Format, Verdict, print, style};
use crate::engine::EngineError;
use crate::event::Value;
use crate::io::push_value;
use crate::lang::hir::{Expected, Program, Test};
use crate::script::{Block, TestOptions, TestOutcome, run_test};

/// Run the tests in pattern files
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue test patterns/
  ensue test card.cep --filter card_testing
  ensue test patterns/ --format json")]
pub(super) struct TestArgs {
    /// Pattern files, or directories with pattern files
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// Only tests whose pattern or title contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &TestArgs) -> Result<Verdict, CliError> {
    let Some(program) = load_to_run(&args.files)? else { return Ok(Verdict::No) };
    let wanted = |test: &&Test| match &args.filter {
        Some(filter) => name(&program, test).contains(filter.as_str()),
        None => true,
    };
    let tests: Vec<&Test> = program.tests.iter().filter(wanted).collect();
    if tests.is_empty() && args.filter.is_some() {
        return Err(CliError::asked("no test has that in its pattern or title", "leave out `--filter`"));
    }
    let mut failed = 0;
    for test in &tests {
        let outcome = run_test(&program, test, TestOptions::default());
        failed += usize::from(!is_passed(&outcome));
        print(&match args.format {
            Format::Text => shown(&program, test, &outcome),
            Format::Json => format!("{}\n", as_json(&program, test, &outcome)),
        })?;
    }
    let passed = tests.len() - failed;
    print(&match args.format {
        Format::Text => summary(passed, failed),
        Format::Json => format!("{}\n", json!({ "passed": passed, "failed": failed })),
    })?;
    Ok(if failed == 0 { Verdict::Yes } else { Verdict::No })
}

fn is_passed(outcome: &Result<TestOutcome, EngineError>) -> bool {
    outcome.as_ref().is_ok_and(TestOutcome::passed)
}

/// The pattern and the title, as they are written.
fn name(program: &Program, test: &Test) -> String {
    format!("{} {:?}", program.pattern(test.pattern).name, test.title)
}

fn summary(passed: usize, failed: usize) -> String {
    let colour = style::stdout_has_colour();
    let passed = style::painted(&format!("{passed} passed"), "32", colour && passed > 0);
    let failed = style::painted(&format!("{failed} failed"), "1;31", colour && failed > 0);
    format!("{passed}, {failed}\n")
}

/// What is said of a test: nothing, if it passed.
fn shown(program: &Program, test: &Test, outcome: &Result<TestOutcome, EngineError>) -> String {
    if is_passed(outcome) {
        return String::new();
    }
    let word = style::painted("FAIL", "1;31", style::stdout_has_colour());
    let mut text = format!("{word} {} ({})\n", name(program, test), test.place);
    match outcome {
        Err(error) => text.push_str(&format!("  {error}\n")),
        Ok(outcome) => {
            let count = outcome.checkpoints.len();
            for (at, checkpoint) in outcome.checkpoints.iter().enumerate() {
                for block in checkpoint.blocks.iter().filter(|block| !block.passed()) {
                    let place = if count == 1 {
                        String::new()
                    } else {
                        format!(", checkpoint {} of {count}", at + 1)
                    };
                    text.push_str(&format!("  {}{place}\n", headline(program, block)));
                    for line in side_by_side(block, &program.stream(block.stream).fields) {
                        text.push_str(&format!("    {line}\n"));
                    }
                }
            }
        }
    }
    text.push('\n');
    text
}

fn headline(program: &Program, block: &Block) -> String {
    let kind = match block.kind {
        Expected::Match => "",
        Expected::Timeout => "timeout ",
        Expected::Late => "late ",
    };
    let stream = &program.stream(block.stream).name;
    if block.named {
        format!("expect {kind}{stream}")
    } else {
        format!("nothing was expected of {kind}{stream}; an `expect {kind}{stream}` would name it")
    }
}

/// One line of the answer for programs.
#[derive(Serialize)]
struct TestLine<'a> {
    pattern: &'a str,
    title: &'a str,
    place: &'a str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure<'a>>,
}

/// A table that differs.
#[derive(Serialize)]
struct Failure<'a> {
    /// Counted from 1.
    checkpoint: usize,
    kind: &'static str,
    stream: &'a str,
    named: bool,
    columns: Vec<&'a str>,
    expected: Vec<Vec<Box<RawValue>>>,
    found: Vec<Vec<Box<RawValue>>>,
}

fn as_json(program: &Program, test: &Test, outcome: &Result<TestOutcome, EngineError>) -> String {
    let line = TestLine {
        pattern: &program.pattern(test.pattern).name,
        title: &test.title,
        place: &test.place,
        passed: is_passed(outcome),
        error: outcome.as_ref().err().map(EngineError::to_string),
        failures: outcome.as_ref().map_or(Vec::new(), |outcome| failures(program, outcome)),
    };
    serde_json::to_string(&line).expect("these members are JSON")
}

fn failures<'a>(program: &'a Program, outcome: &TestOutcome) -> Vec<Failure<'a>> {
    let mut failures = Vec::new();
    for (at, checkpoint) in outcome.checkpoints.iter().enumerate() {
        for block in checkpoint.blocks.iter().filter(|block| !block.passed()) {
            let stream = program.stream(block.stream);
            failures.push(Failure {
                checkpoint: at + 1,
                kind: match block.kind {
                    Expected::Match => "match",
                    Expected::Timeout => "timeout",
                    Expected::Late => "late",
                },
                stream: &stream.name,
                named: block.named,
                columns: block.columns.iter().map(|field| stream.fields[*field].name.as_str()).collect(),
                expected: rows_json(&block.expected),
                found: rows_json(&block.found),
            });
        }
    }
    failures
}

fn rows_json(rows: &[Vec<Value>]) -> Vec<Vec<Box<RawValue>>> {
    rows.iter().map(|row| row.iter().map(value_json).collect()).collect()
}

/// A value as records print it: a decimal keeps its digits, which a parsed number would lose.
fn value_json(value: &Value) -> Box<RawValue> {
    let mut text = Vec::new();
    push_value(&mut text, value);
    let text = String::from_utf8(text).expect("JSON is UTF-8");
    RawValue::from_string(text).expect("a value is written as JSON")
}
