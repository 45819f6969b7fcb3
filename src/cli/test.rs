//! `ensue test`: runs the `test` blocks of pattern files.

mod coverage;
mod junit;
mod watch;
mod why;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::diff::side_by_side;
use super::program::load_and_tell;
use super::{CliError, Format, Verdict, print, style};
use crate::diag::render_text;
use crate::engine::EngineError;
use crate::event::Value;
use crate::io::push_value;
use crate::lang::hir::{Expected, Origin, Program, Stream, Test};
use crate::script::{Block, Coverage, TestOptions, TestOutcome, run_test};
use crate::time::Duration;
use coverage::{Report, figures};
use junit::{Case, Fault};

/// Run the tests in pattern files
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue test patterns/
  ensue test card.cep --filter card_testing
  ensue test patterns/ --coverage
  ensue test patterns/ --watch
  ensue test patterns/ --junit report.xml
  ensue test patterns/ --format json")]
pub(super) struct TestArgs {
    /// Pattern files, or directories with pattern files
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// Only tests whose pattern or title contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Say what of the patterns no test reaches: steps, parts of conditions, windows, absences
    #[arg(long)]
    coverage: bool,

    /// Run again whenever a file changes, until ctrl-C
    #[arg(long)]
    watch: bool,

    /// Also write the outcome to this file as JUnit XML, for CI systems
    #[arg(long, value_name = "PATH")]
    junit: Option<PathBuf>,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &TestArgs) -> Result<Verdict, CliError> {
    if args.watch { watch::watch(args) } else { once(args) }
}

/// Runs the tests.
fn once(args: &TestArgs) -> Result<Verdict, CliError> {
    let loaded = load_and_tell(&args.files)?;
    if loaded.has_errors() {
        let told = render_text(&loaded.sources, &loaded.diagnostics, false);
        write_junit(args, || junit::refused(&told))?;
        return Ok(Verdict::No);
    }
    let program = Arc::new(loaded.program);
    let tests = chosen(args, &program)?;
    let mut outcomes = Vec::with_capacity(tests.len());
    for test in &tests {
        let outcome = run_test(&program, test, TestOptions::default());
        print(&match args.format {
            Format::Text => shown(&program, test, &outcome),
            Format::Json => format!("{}\n", as_json(&program, test, &outcome)),
        })?;
        outcomes.push((*test, outcome));
    }
    write_junit(args, || junit::report(&cases(&program, &outcomes)))?;
    let failed = outcomes.iter().filter(|(_, outcome)| !is_passed(outcome)).count();
    let passed = tests.len() - failed;
    let reached = if args.coverage { Some(tell_coverage(args, &program, &tests)?) } else { None };
    print(&match args.format {
        Format::Text if program.tests.is_empty() => {
            format!("{}{}", summary(passed, failed), why::hint(&program))
        }
        Format::Text => summary(passed, failed),
        Format::Json => format!("{}\n", summary_json(passed, failed, reached)),
    })?;
    if let (Some((covered, points)), Format::Text) = (reached, args.format) {
        print(&format!("{}\n", figures(covered, points)))?;
    }
    Ok(if failed == 0 { Verdict::Yes } else { Verdict::No })
}

/// The tests that were asked for.
fn chosen<'a>(args: &TestArgs, program: &'a Program) -> Result<Vec<&'a Test>, CliError> {
    let wanted = |test: &&Test| match &args.filter {
        Some(filter) => name(program, test).contains(filter.as_str()),
        None => true,
    };
    let tests: Vec<&Test> = program.tests.iter().filter(wanted).collect();
    if tests.is_empty() && args.filter.is_some() {
        return Err(CliError::asked("no test has that in its pattern or title", "leave out `--filter`"));
    }
    Ok(tests)
}

/// Says what some tests do not reach, of the patterns that they run; without a filter, of all. How much they do, and of
/// how much.
fn tell_coverage(args: &TestArgs, program: &Program, tests: &[&Test]) -> Result<(usize, usize), CliError> {
    let mut coverage = Coverage::new(program).map_err(EngineError::from)?;
    tests.iter().for_each(|test| coverage.add(program, test));
    let is_told = |id| args.filter.is_none() || coverage.tests(id) > 0;
    let patterns = program.patterns.iter().map(|pattern| pattern.id).filter(|id| is_told(*id));
    let reports: Vec<Report<'_>> = patterns.map(|id| Report::new(program, &coverage, id)).collect();
    for report in &reports {
        print(&match args.format {
            Format::Text => report.text(),
            Format::Json => format!("{}\n", report.json()),
        })?;
    }
    let covered = reports.iter().map(|report| report.covered).sum();
    let points = reports.iter().map(|report| report.points).sum();
    print(match args.format {
        Format::Text => "\n",
        Format::Json => "",
    })?;
    Ok((covered, points))
}

fn write_junit(args: &TestArgs, report: impl FnOnce() -> String) -> Result<(), CliError> {
    let Some(path) = &args.junit else { return Ok(()) };
    fs::write(path, report()).map_err(|source| CliError::Write { path: path.display().to_string(), source })
}

fn cases<'a>(
    program: &'a Program,
    outcomes: &[(&'a Test, Result<TestOutcome, EngineError>)],
) -> Vec<Case<'a>> {
    let fault = |outcome: &Result<TestOutcome, EngineError>| match outcome {
        Err(error) => Some(Fault::Error(error.to_string())),
        Ok(outcome) if outcome.passed() => None,
        Ok(outcome) => {
            let failures = differences(program, outcome);
            Some(Fault::Failure(failures.0, failures.1))
        }
    };
    let case = |(test, outcome): &(&'a Test, _)| Case {
        pattern: &program.pattern(test.pattern).name,
        title: &test.title,
        place: &test.place,
        fault: fault(outcome),
    };
    outcomes.iter().map(case).collect()
}

fn is_passed(outcome: &Result<TestOutcome, EngineError>) -> bool {
    outcome.as_ref().is_ok_and(TestOutcome::passed)
}

/// The pattern and the title, as they are written.
fn name(program: &Program, test: &Test) -> String {
    format!("{} {:?}", program.pattern(test.pattern).name, test.title)
}

fn summary_json(passed: usize, failed: usize, reached: Option<(usize, usize)>) -> String {
    match reached {
        None => json!({ "passed": passed, "failed": failed }).to_string(),
        Some((covered, points)) => {
            json!({ "passed": passed, "failed": failed, "covered": covered, "points": points }).to_string()
        }
    }
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
            text.push_str(&differences(program, outcome).1);
            text.push_str(&why::not(program, test, outcome));
        }
    }
    text.push('\n');
    text
}

/// The tables that are not as expected: what the first is, and all of them whole.
fn differences(program: &Program, outcome: &TestOutcome) -> (String, String) {
    let (mut first, mut text) = (None, String::new());
    let count = outcome.checkpoints.len();
    for (at, checkpoint) in outcome.checkpoints.iter().enumerate() {
        for block in checkpoint.blocks.iter().filter(|block| !block.passed()) {
            let place =
                if count == 1 { String::new() } else { format!(", checkpoint {} of {count}", at + 1) };
            let headline = format!("{}{place}", headline(program, block));
            text.push_str(&format!("  {headline}\n"));
            for line in side_by_side(block, &program.stream(block.stream).fields) {
                text.push_str(&format!("    {line}\n"));
            }
            if let (Expected::Late, false) = (block.kind, block.named) {
                text.push_str(&format!("    {}\n", out_of_order(program.stream(block.stream))));
            }
            first.get_or_insert(headline);
        }
    }
    (first.unwrap_or_default(), text)
}

/// Why a row of a `given` is late: most often the rows are not in order.
fn out_of_order(stream: &Stream) -> String {
    let by = match stream.origin {
        Origin::Source { disorder, .. } if disorder > Duration::ZERO => {
            format!(" by more than {disorder}, the disorder of `{}`", stream.name)
        }
        _ => String::new(),
    };
    format!("late: the row is earlier than one above it{by}; put the rows in the order of their time")
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
