//! The `ensue` command: parses the arguments, runs the command, turns what came of it into an exit code.
//!
//! 0 is yes, 1 is no (diagnostics, failing tests), 2 is: it could not be done. A reader that closes its pipe has seen
//! enough, which is 0.

use std::process::ExitCode;

use clap::Parser as _;
use ensue::cli::{self, Cli, Verdict};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            if let Some(slip) = cli::one_dash(words).filter(|_| error.use_stderr()) {
                cli::show_error(&slip);
                return ExitCode::from(2);
            }
            // Help and the version come here too; where they cannot be shown, nobody is reading.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match cli::run(cli) {
        Ok(Verdict::Yes) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            cli::show_error(&error);
            ExitCode::from(2)
        }
    }
}
