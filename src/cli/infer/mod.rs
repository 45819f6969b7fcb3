//! `ensue infer`: the declaration of a stream for files of which nobody has said what is in them.
//!
//! ```text
//! files --look at every row--> columns --guess--> declaration --read every row with it--> disorder, and that it fits
//! ```

mod column;
mod time;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;

use self::column::Column;
use self::write::{Declaration, Guessed};
use super::program::counted;
use super::{CliError, Verdict, print};
use crate::event::{PartitionId, StreamId};
use crate::io::{Input, InputSource, RawRows, Reading};
use crate::lang::hir::Program;
use crate::limits;
use crate::time::Duration;

/// Write the stream declaration for a file
///
/// Looks at every row of JSON lines or files with columns, also compressed, and writes a declaration that reads all of
/// them: types, what may be missing, the event time and how far it is out of order. Comments say why, and what could be a
/// key. It is a first guess to be looked at, not the last word.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue infer tx.csv > streams.cep
  ensue infer --name transactions day-1.csv.gz day-2.csv.gz
  ensue infer tx.jsonl --rows 100000")]
pub(super) struct InferArgs {
    /// Files of one stream
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// What the stream is called; as the first file unless said
    #[arg(long, value_name = "STREAM")]
    name: Option<String>,

    /// The column that is the event time; the likeliest unless said
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,

    /// Look only at the first so many rows of each file: what comes behind them may not fit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
}

/// What all files have.
#[derive(Default)]
struct Seen {
    columns: Vec<Column>,
    places: HashMap<Vec<String>, usize>,
    rows: u64,
    bad: u64,
    has_columns: bool,
}

pub(super) fn run(args: &InferArgs) -> Result<Verdict, CliError> {
    let mut seen = Seen::default();
    for path in &args.files {
        seen.look_at(path, args.rows.unwrap_or(u64::MAX))
            .map_err(|source| CliError::Read { path: path.display().to_string(), source })?;
    }
    if seen.rows == 0 {
        let message = format!("{} has no rows to look at", args.files[0].display());
        return Err(CliError::asked(
            message,
            "name a file with rows under a line of column names, or JSON lines",
        ));
    }
    let stream = args.name.clone().unwrap_or_else(|| stream_name(&args.files[0]));
    let guesses: Vec<Guessed<'_>> =
        seen.columns.iter().map(|column| (column, column.guess(seen.rows, seen.has_columns))).collect();
    let time = time_of(&guesses, args)?;
    let source = format!("{} of {}.", counted(seen.rows as usize, "row"), names(&args.files));
    let (rows, has_columns) = (seen.rows, seen.has_columns);
    let declaration = Declaration { stream: &stream, source, rows, columns: guesses, time, has_columns };
    let program = crate::lang::compile("inferred.cep", &declaration.text("0s", &[])).map_err(|_| {
        CliError::asked(
            format!("no declaration could be made of {}", names(&args.files)),
            "name the stream with --name, by letters, digits and `_`",
        )
    })?;
    let (disorder, misfits) = read_with(&program, args)?;
    let mut notes = Vec::new();
    if seen.bad > 0 || misfits > 0 {
        notes.push(format!(
            "{} cannot be read, and will be told as bad lines.",
            counted(seen.bad.max(misfits) as usize, "row")
        ));
    }
    if let Some(rows) = args.rows {
        notes.push(format!("Only the first {rows} rows of each file were looked at."));
    }
    notes.push(match disorder {
        Duration::ZERO => "All rows are in order of time.".to_owned(),
        disorder => format!("Rows come up to {disorder} after later ones."),
    });
    if disorder > Duration::from_secs(3600) {
        notes.push(
            "So much is waited for, and held in memory: sort the file by time, if that is not meant."
                .to_owned(),
        );
    }
    print(&declaration.text(&rounded(disorder).to_string(), &notes))?;
    Ok(Verdict::Yes)
}

impl Seen {
    fn look_at(&mut self, path: &Path, rows_max: u64) -> std::io::Result<()> {
        let mut rows = RawRows::open(path)?;
        let has_columns = rows.columns().is_some();
        self.has_columns |= has_columns;
        for name in rows.columns().unwrap_or_default().to_vec() {
            self.place(vec![name]);
        }
        for _ in 0..rows_max {
            let Some(row) = rows.next_row()? else { break };
            let Some(row) = row else {
                self.bad += 1;
                continue;
            };
            self.rows += 1;
            for (path, value) in row {
                let place = self.place(path);
                self.columns[place].see(&value, has_columns);
            }
        }
        Ok(())
    }

    fn place(&mut self, path: Vec<String>) -> usize {
        if let Some(place) = self.places.get(&path) {
            return *place;
        }
        self.places.insert(path.clone(), self.columns.len());
        self.columns.push(Column::new(path));
        self.columns.len() - 1
    }
}

/// The column of the event time.
fn time_of(guesses: &[Guessed<'_>], args: &InferArgs) -> Result<usize, CliError> {
    let likely = |at: &usize| guesses[*at].1.as_ref().map_or(0, |guess| guess.time);
    let names: Vec<String> =
        guesses.iter().map(|(column, _)| format!("`{}`", column.path.join("."))).collect();
    if let Some(name) = &args.time {
        let found = guesses.iter().position(|(column, _)| column.path.join(".") == *name);
        return found.filter(|at| likely(at) > 0).ok_or_else(|| {
            CliError::asked(
                format!("column `{name}` cannot be the event time: it is missing somewhere, or no time"),
                format!("the columns are {}", names.join(", ")),
            )
        });
    }
    let best = (0..guesses.len()).rev().max_by_key(likely).filter(|at| likely(at) > 0);
    best.ok_or_else(|| {
        CliError::asked(
            "no column could be the event time: none is a time in all rows",
            format!("every event needs a time; the columns are {}", names.join(", ")),
        )
    })
}

/// Reads the files with a declaration: how far rows are out of order, and how many do not fit.
fn read_with(program: &Program, args: &InferArgs) -> Result<(Duration, u64), CliError> {
    let declared = &program.streams[0];
    let (mut disorder, mut misfits) = (Duration::ZERO, 0);
    for path in &args.files {
        let types = declared.fields.iter().map(|field| Some(field.ty)).collect();
        let reading =
            Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
        let name = path.display().to_string();
        let mut source = InputSource::open(&Input::File(path.clone()), declared, reading)
            .map_err(|error| CliError::unopened(name.clone(), error))?;
        let (mut newest, mut rows) = (None, 0);
        while rows < args.rows.unwrap_or(u64::MAX) {
            let batch = source.read_batch(limits::BATCH_EVENTS_MAX, &mut |_| misfits += 1);
            let batch = batch.map_err(|source| CliError::Read { path: name.clone(), source })?;
            let Some(batch) = batch else { break };
            for time in batch.times() {
                let newest = newest.get_or_insert(*time);
                disorder = disorder.max(newest.since(*time));
                *newest = (*newest).max(*time);
            }
            rows += batch.len() as u64;
        }
    }
    Ok((disorder, if args.rows.is_some() { 0 } else { misfits }))
}

/// A span that is at least as long, in whole seconds.
fn rounded(span: Duration) -> Duration {
    Duration::from_secs((span.micros() + 999_999) / 1_000_000)
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A name for the stream of a file: that of the file up to its first dot.
fn stream_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    let word: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let word = word.trim_matches('_');
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_word { word.to_owned() } else { format!("events_{word}").trim_end_matches('_').to_owned() }
}
