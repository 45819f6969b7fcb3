//! `ensue completions`: what a shell needs to complete commands, options and their values.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, CliError, Verdict, print};

/// Write what a shell needs to complete commands and options
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue completions bash > ~/.local/share/bash-completion/completions/ensue
  ensue completions zsh > ~/.zfunc/_ensue
  ensue completions fish > ~/.config/fish/completions/ensue.fish

For zsh the directory must be in `fpath` before `compinit` is called:
  fpath=(~/.zfunc $fpath); autoload -U compinit; compinit")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<Verdict, CliError> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "ensue", &mut script);
    print(&String::from_utf8(script).expect("names and help texts are UTF-8"))?;
    Ok(Verdict::Yes)
}
