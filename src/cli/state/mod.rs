//! `ensue state`: what a state directory or a savepoint holds, for people and programs.
//!
//! Nothing is changed, but by `prune --yes`; `fetch` makes a new directory. A directory may be looked at while a run has it open: what is seen is its last
//! epoch.

mod copies;
mod diff;
mod fetch;
mod ls;
mod prune;
mod show;
mod verify;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::rules::OldProgram;
use super::{CliError, Format, Verdict};
use crate::engine::{Engine, UnitShape};
use crate::runtime::clock;
use crate::runtime::epochs::{self, Recovered};
use crate::state::{MemoryStore, RocksStore, SavepointError, Store, read_savepoint};
use crate::time::{Duration, EventTime};

/// Look at the state of runs
#[derive(Args, Debug)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Subcommand, Debug)]
enum StateCommand {
    Ls(ls::LsArgs),
    Show(show::ShowArgs),
    Verify(verify::VerifyArgs),
    Diff(diff::DiffArgs),
    Prune(prune::PruneArgs),
    Copies(copies::CopiesArgs),
    Fetch(fetch::FetchArgs),
}

/// What is looked at, and how the answer is written.
#[derive(Args, Debug)]
struct Place {
    /// A state directory, also one that a run has open, or a savepoint
    #[arg(value_name = "DIR|FILE")]
    place: PathBuf,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &StateArgs) -> Result<Verdict, CliError> {
    match &args.command {
        StateCommand::Ls(args) => ls::run(args),
        StateCommand::Show(args) => show::run(args),
        StateCommand::Verify(args) => verify::run(args),
        StateCommand::Diff(args) => diff::run(args),
        StateCommand::Prune(args) => prune::run(args),
        StateCommand::Copies(args) => copies::run(args),
        StateCommand::Fetch(args) => fetch::run(args),
    }
}

/// A state that was opened to be looked at.
pub(super) struct Found {
    /// Its records.
    pub(super) store: Box<dyn Store>,
    /// Its last epoch.
    pub(super) recovered: Recovered,
}

impl Found {
    /// Its patterns as they were written, and an engine with all that it holds.
    fn engine(&self, place: &Path) -> Result<(OldProgram, Engine), CliError> {
        let place = place.display().to_string();
        let old = OldProgram::of(&self.recovered, &place)?;
        let engine = old.engine((&self.recovered.rest, self.recovered.keys.clone()), &place)?;
        Ok((old, engine))
    }
}

/// Opens a state directory, also one that a run has open, or a savepoint. It is not changed in any way.
///
/// # Errors
///
/// Where it is none, or damaged, or has no epoch.
pub(super) fn open(place: &Path) -> Result<Found, CliError> {
    let store = open_store(place)?;
    match epochs::recover(&*store)? {
        Some(recovered) => Ok(Found { store, recovered }),
        None => {
            let message = format!("there is no epoch in {} yet", place.display());
            Err(CliError::asked(message, "wait until the run there has come to one (see --checkpoint-every)"))
        }
    }
}

fn open_store(place: &Path) -> Result<Box<dyn Store>, CliError> {
    Ok(match place.is_file() {
        true => Box::new(open_savepoint(place)?),
        false => Box::new(RocksStore::open_beside(place)?),
    })
}

/// Reads a savepoint.
///
/// # Errors
///
/// Where it is none, or damaged, or cannot be read.
pub(super) fn open_savepoint(path: &Path) -> Result<MemoryStore, CliError> {
    let failed = |source| SavepointError::Io { doing: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    Ok(read_savepoint(path, &mut BufReader::with_capacity(1 << 20, file))?)
}

/// How long ago something was, and when.
pub(super) fn ago(at_ms: u64) -> String {
    let since = Duration::from_secs((clock::now_ms().saturating_sub(at_ms) / 1000) as i64);
    format!("{since} ago ({})", EventTime::from_millis(at_ms as i64))
}

/// What a unit is called: the names of its patterns.
fn name_of(unit: &UnitShape) -> String {
    let names: Vec<&str> = unit.patterns.iter().map(|pattern| pattern.name.as_str()).collect();
    let drains = unit.patterns.iter().any(|pattern| pattern.drains);
    let name = match names.as_slice() {
        [first, _, .., last] if names.len() > 3 => format!("{first} … {last} ({} rules)", names.len()),
        names => names.join(", "),
    };
    if drains { format!("{name} (draining)") } else { name }
}

/// Lines of columns, the first as wide as its widest, numbers at the right.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let is_number = |cell: &str| cell.starts_with(|first: char| first.is_ascii_digit());
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let fill = " ".repeat(width - cell.chars().count());
            let gap = if at == 0 { "" } else { "  " };
            line.push_str(gap);
            if at > 0 && is_number(cell) {
                line.push_str(&format!("{fill}{cell}"));
            } else {
                line.push_str(&format!("{cell}{fill}"));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
