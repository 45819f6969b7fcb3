//! The command line: what `ensue` understands, and what each command does with it.
//!
//! Every command gives a [`Verdict`] or a [`CliError`]; only `main` knows exit codes. Answers go to standard output,
//! everything about the work itself (diagnostics of patterns that are to be run, the summary, errors) to standard
//! error. Nothing is printed with a macro that panics when a pipe is closed.

mod backtest;
mod check;
mod completions;
mod dashes;
mod diff;
mod error;
mod explain;
mod fmt;
pub mod r#gen;
mod infer;
mod man;
mod new;
mod page;
mod program;
mod rules;
mod run;
mod savepoint;
pub mod score;
mod state;
mod style;
mod test;

use std::io::{self, Write};

use clap::{Parser, Subcommand, ValueEnum};

pub use dashes::one_dash;
pub use error::{CliError, show_error};

/// Finds patterns in streams of events.
///
/// A pattern is written in a .cep file, with its tests beside it; ensue checks it, tests it, and runs it over files
/// of JSON lines or columns.
#[derive(Parser, Debug)]
#[command(
    name = "ensue",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    after_help = "Examples:
  ensue new card-fraud
  ensue infer tx.csv > streams.cep
  ensue check patterns/
  ensue fmt patterns/
  ensue test patterns/
  ensue gen --events 1000000 --out tx.jsonl
  ensue run patterns/ --in transactions=tx.jsonl --out alert=alerts.jsonl
  ensue backtest patterns/ --in transactions=tx.jsonl --label-file labels.jsonl

Exit codes: 0 yes; 1 no (mistakes in patterns, failing tests); 2 it could not
be done."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Check(check::CheckArgs),
    Fmt(fmt::FmtArgs),
    Test(test::TestArgs),
    New(new::NewArgs),
    Infer(infer::InferArgs),
    Run(Box<run::RunArgs>),
    Backtest(Box<backtest::BacktestArgs>),
    Savepoint(savepoint::SavepointArgs),
    State(state::StateArgs),
    Explain(explain::ExplainArgs),
    Gen(r#gen::GenArgs),
    Score(score::ScoreArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What a command answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All is well.
    Yes,
    /// The patterns have mistakes, or a test fails.
    No,
}

/// Runs a command.
///
/// # Errors
///
/// What kept it from being done.
pub fn run(cli: Cli) -> Result<Verdict, CliError> {
    match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Test(args) => test::run(&args),
        Command::New(args) => new::run(&args),
        Command::Infer(args) => infer::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Savepoint(args) => savepoint::run(&args),
        Command::State(args) => state::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Gen(args) => generate(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Score(args) => {
            print(&score::run(&args)?.to_string())?;
            Ok(Verdict::Yes)
        }
    }
}

fn generate(args: &r#gen::GenArgs) -> Result<Verdict, CliError> {
    if args.out.is_some() && args.out == args.labels {
        return Err(CliError::asked(
            "events and labels go to one file",
            "name two: --out PATH --labels PATH",
        ));
    }
    let made = r#gen::run(args, &mut io::stdout().lock())?;
    let r#gen::GenSummary { events, frauds, near_misses } = made;
    note(&format!("{events} events, {frauds} frauds and {near_misses} near misses planted"));
    Ok(Verdict::Yes)
}

/// What is said of copies where the program was built without them.
#[cfg(not(feature = "remote"))]
fn without_remote() -> CliError {
    CliError::asked(
        "this program was built without copies in other places",
        "build it with the feature `remote`: cargo build --release --features remote",
    )
}

/// Writes an answer to standard output.
fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|source| CliError::Write { path: "stdout".to_owned(), source })
}

/// Says something about the work on standard error; where nobody can read it, nothing is lost.
fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    style::clear_line_of(&mut stderr);
    let _ = writeln!(stderr, "{}", text.trim_end());
}
