//! `-in x` for `--in x`: what is said of an option with one dash.

use clap::{Command, CommandFactory as _};

use super::{Cli, CliError};

/// The mistake of a command line that was not understood, if an option of several letters has only one dash.
pub fn one_dash(arguments: impl Iterator<Item = String>) -> Option<CliError> {
    let command = Cli::command();
    arguments.skip(1).take_while(|argument| argument != "--").find_map(|argument| {
        let name = argument.strip_prefix('-').filter(|name| !name.starts_with('-'))?;
        let name = name.split('=').next().unwrap_or(name);
        (name.len() > 1 && has_option(&command, name)).then(|| {
            let message = format!("`-{name}` has one dash");
            CliError::asked(message, format!("options are written with two: --{name}"))
        })
    })
}

/// Whether a command, or one below it, has an option of this name.
fn has_option(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(name))
        || command.get_subcommands().any(|below| has_option(below, name))
}
