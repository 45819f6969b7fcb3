//! `ensue new`: a small project that runs at once.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, Verdict, print};

/// Make a project that runs at once: stream, rule, test, data
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue new card-fraud
  cd card-fraud && ensue test rules/ && ensue run")]
pub(super) struct NewArgs {
    /// The directory to make; one that is there must be empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// The files of a project.
const FILES: [(&str, &str); 5] = [
    ("README.md", include_str!("new/README.md")),
    ("ensue.toml", include_str!("new/ensue.toml")),
    ("rules/streams.cep", include_str!("new/streams.cep")),
    ("rules/card_testing.cep", include_str!("new/card_testing.cep")),
    ("data/transactions.csv", include_str!("new/transactions.csv")),
];

pub(super) fn run(args: &NewArgs) -> Result<Verdict, CliError> {
    let directory = &args.directory;
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| CliError::Write { path, source }
    };
    if directory.is_dir() {
        let mut entries = fs::read_dir(directory).map_err(failed(directory))?;
        if entries.next().is_some() {
            let message = format!("{} is not empty, and nothing in it is to be lost", directory.display());
            return Err(CliError::asked(message, "name a directory that is not there yet"));
        }
    }
    for (name, text) in FILES {
        let path = directory.join(name);
        let folder = path.parent().unwrap_or(directory);
        fs::create_dir_all(folder).map_err(failed(folder))?;
        fs::write(&path, text).map_err(failed(&path))?;
    }
    let shown = directory.display();
    print(&format!(
        "made {shown}: a stream, a rule with its tests, and data\n\n  cd {shown}\n  ensue test rules/\n  ensue run\n"
    ))?;
    Ok(Verdict::Yes)
}
