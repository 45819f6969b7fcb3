//! `ensue state`: what becomes of the state of runs, beside the runs.

mod copies;
mod fetch;

use clap::{Args, Subcommand};

use super::{CliError, Verdict};

/// Get at the state of runs
#[derive(Args, Debug)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Subcommand, Debug)]
enum StateCommand {
    Copies(copies::CopiesArgs),
    Fetch(fetch::FetchArgs),
}

pub(super) fn run(args: &StateArgs) -> Result<Verdict, CliError> {
    match &args.command {
        StateCommand::Copies(args) => copies::run(args),
        StateCommand::Fetch(args) => fetch::run(args),
    }
}
