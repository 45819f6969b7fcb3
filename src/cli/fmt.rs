//! `ensue fmt`: pattern files in their one shape.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::program::find_files;
use super::{CliError, Verdict, note, print, style};
use crate::diag::render_text;
use crate::lang::format::format_text;

/// What stands for standard input.
const STDIN: &str = "-";

/// Write pattern files in their one shape: steps, fields and tables in columns, every comment kept
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue fmt patterns/
  ensue fmt --check patterns/
  ensue fmt - < card.cep")]
pub(super) struct FmtArgs {
    /// Pattern files, or directories with pattern files; `-` reads one from standard input and writes it to standard
    /// output
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// Change nothing, but say which files would change; exit code 1 if there are any
    #[arg(long)]
    check: bool,
}

/// What formatting a file would do.
enum Outcome {
    /// It has its shape.
    Same,
    /// It would be this.
    Changed(String),
    /// It cannot be read, which was said.
    Broken,
}

pub(super) fn run(args: &FmtArgs) -> Result<Verdict, CliError> {
    if args.files.iter().any(|path| path == Path::new(STDIN)) {
        return standard_input(args);
    }
    let mut verdict = Verdict::Yes;
    for path in find_files(&args.files)? {
        let name = path.display().to_string();
        let text =
            fs::read_to_string(&path).map_err(|source| CliError::Read { path: name.clone(), source })?;
        match outcome(&name, &text) {
            Outcome::Same => {}
            Outcome::Broken => verdict = Verdict::No,
            Outcome::Changed(_) if args.check => {
                verdict = Verdict::No;
                print(&format!("would change: {name}\n"))?;
            }
            Outcome::Changed(text) => {
                replace(&path, &text).map_err(|source| CliError::Write { path: name.clone(), source })?;
                print(&format!("formatted: {name}\n"))?;
            }
        }
    }
    Ok(verdict)
}

fn standard_input(args: &FmtArgs) -> Result<Verdict, CliError> {
    if args.files.len() > 1 {
        return Err(CliError::asked("`-` stands beside files", "name files, or `-` alone"));
    }
    let mut text = String::new();
    let unreadable = |source| CliError::Read { path: "stdin".to_owned(), source };
    io::stdin().lock().read_to_string(&mut text).map_err(unreadable)?;
    match (outcome("stdin", &text), args.check) {
        (Outcome::Broken, _) => Ok(Verdict::No),
        (Outcome::Same, true) => Ok(Verdict::Yes),
        (Outcome::Changed(_), true) => {
            print("would change: stdin\n")?;
            Ok(Verdict::No)
        }
        (Outcome::Same, false) => print(&text).map(|()| Verdict::Yes),
        (Outcome::Changed(text), false) => print(&text).map(|()| Verdict::Yes),
    }
}

fn outcome(name: &str, text: &str) -> Outcome {
    match format_text(name, text) {
        Ok(formatted) if formatted == text => Outcome::Same,
        Ok(formatted) => Outcome::Changed(formatted),
        Err((sources, diagnostics)) => {
            note(&render_text(&sources, &diagnostics, style::stderr_has_colour()));
            Outcome::Broken
        }
    }
}

/// Puts a text into the place of a file, whole or not at all: it is written beside it and renamed.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let permissions = fs::metadata(&path)?.permissions();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".formatting");
    let beside = path.with_file_name(name);
    let written = fs::write(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, permissions))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What is left of it is of no use; that it may stay is no second error.
        let _ = fs::remove_file(&beside);
    }
    written
}
