//! `ensue man`: pages for `man`, one for each command, from what the command line says of itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::program::counted;
use super::{Cli, CliError, Verdict, note, print};

/// Write pages for man
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue man | man -l -
  ensue man ~/.local/share/man/man1 && man ensue-run")]
pub(super) struct ManArgs {
    /// Where the pages of all commands go; without it that of `ensue` goes to
    /// standard output
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs) -> Result<Verdict, CliError> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = &args.directory else {
        print(&page(&command))?;
        return Ok(Verdict::Yes);
    };
    let unwritable = |path: &Path, source| CliError::Write { path: path.display().to_string(), source };
    fs::create_dir_all(directory).map_err(|source| unwritable(directory, source))?;
    let pages = pages(&command);
    for (name, text) in &pages {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|source| unwritable(&path, source))?;
    }
    note(&format!("{} in {}", counted(pages.len(), "page"), directory.display()));
    Ok(Verdict::Yes)
}

/// The pages of a command and those below it, by the names of their files.
fn pages(command: &Command) -> Vec<(String, String)> {
    let mut all = vec![(Man::new(command.clone()).get_filename(), page(command))];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        all.extend(pages(below));
    }
    all
}

/// The page of a command.
fn page(command: &Command) -> String {
    let version = format!("ensue {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(version).manual("Ensue");
    let mut page = Vec::new();
    render(&man, command, &mut page).expect("memory can be written");
    String::from_utf8(page).expect("names and help texts are UTF-8")
}

/// The parts of a page. What stands below the options, examples mostly, keeps its lines, which `Man` would fill.
fn render(man: &Man, command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    if let Some(notes) = command.get_after_help() {
        let mut roff = Roff::default();
        roff.control("SH", ["NOTES"]).control("nf", []);
        for line in notes.to_string().lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []).to_writer(page)?;
    }
    Ok(())
}
