//! `ensue infer`: the declaration of a stream for files of which nobody has said what is in them.
//!
//! ```text
//! files --look at every row--> columns --guess--> declaration --read every row with it--> disorder, and that it fits
//! ```

mod column;
mod header;
mod names;
mod tally;
mod time;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;

use self::column::{Column, Guess};
use self::names::word_of;
use self::tally::Place;
use self::write::{Declaration, Guessed};
use super::program::{counted, did_you_mean};
use super::{CliError, Verdict, note, print, style};
use crate::event::{PartitionId, StreamId};
use crate::io::{AS_UTF8, BadLine, BadReason, HeaderError, Input, InputSource, OpenError, RawRows, Reading};
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

/// What to do where the first line seems to be something else than the names of columns.
const NO_TITLE: &str =
    "the first line is to name the columns: take a title above it off, such as: tail -n +2 FILE > NEW";

/// What all files have.
#[derive(Default)]
struct Seen {
    columns: Vec<Column>,
    places: HashMap<Vec<String>, usize>,
    rows: u64,
    bad: u64,
    /// The first of them, in words.
    first_bad: Option<String>,
    is_utf8: bool,
    has_columns: bool,
}

/// What the files are like when they are read with a declaration.
#[derive(Default)]
struct Fit {
    disorder: Duration,
    /// Rows that do not fit, and the first of them, in words.
    misfits: u64,
    first: Option<String>,
}

pub(super) fn run(args: &InferArgs) -> Result<Verdict, CliError> {
    let mut seen = Seen { is_utf8: true, ..Seen::default() };
    for path in &args.files {
        seen.look_at(path, args).map_err(|source| unread(path, source))?;
    }
    if seen.rows == 0 {
        return Err(seen.without_rows(args));
    }
    let stream = args.name.clone().unwrap_or_else(|| stream_name(&args.files[0]));
    let mut guesses: Vec<Guessed<'_>> =
        seen.columns.iter().map(|column| (column, column.guess(seen.rows, seen.has_columns))).collect();
    let time = time_of(&mut guesses, seen.rows, args).map_err(|error| seen.perhaps_a_title(error))?;
    let mut notes: Vec<String> = clock_beside(&guesses, time).into_iter().collect();
    let source = format!("{} of {}.", counted(seen.rows as usize, "row"), names(&args.files));
    let (rows, has_columns) = (seen.rows, seen.has_columns);
    let declaration = Declaration { stream: &stream, source, rows, columns: guesses, time, has_columns };
    let program = crate::lang::compile("inferred.cep", &declaration.text("0s", &[])).map_err(|_| {
        CliError::asked(
            format!("no declaration could be made of {}", names(&args.files)),
            "name the stream with --name, by letters, digits and `_`",
        )
    })?;
    let Fit { disorder, misfits, first } = read_with(&program, args)?;
    if seen.bad > 0 || misfits > 0 {
        let rows = counted(seen.bad.max(misfits) as usize, "row");
        let first = first.or(seen.first_bad).map_or(String::new(), |first| format!("; the first is {first}"));
        notes.push(format!("{rows} cannot be read, and will be told as bad lines{first}."));
    }
    if !seen.is_utf8 {
        notes.push(format!("The file is not UTF-8: {AS_UTF8}"));
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
    fn look_at(&mut self, path: &Path, args: &InferArgs) -> std::io::Result<()> {
        let mut rows = RawRows::open(path)?;
        let has_columns = rows.columns().is_some();
        self.has_columns |= has_columns;
        if let Some((why, remedy)) = rows.columns().and_then(header::doubt) {
            note(&format!("{} {}: {why}", style::help("warning:"), path.display()));
            note(&format!("{} {remedy}", style::help("help:")));
        }
        for name in rows.columns().unwrap_or_default().to_vec() {
            self.place(vec![name]);
        }
        let shown = (args.files.len() > 1).then_some(path);
        for _ in 0..args.rows.unwrap_or(u64::MAX) {
            let Some(row) = rows.next_row()? else { break };
            let place = Place { path: shown, line: rows.line() };
            let Some(row) = row else {
                self.see_bad(rows.bad(), place);
                continue;
            };
            self.rows += 1;
            for (path, value) in row {
                let column = self.place(path);
                self.columns[column].see(&value, has_columns, place);
            }
        }
        Ok(())
    }

    fn see_bad(&mut self, why: Option<&BadReason>, place: Place<'_>) {
        self.bad += 1;
        self.is_utf8 &= !matches!(why, Some(BadReason::NotUtf8 { .. }));
        if self.first_bad.is_none() {
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            self.first_bad = Some(format!("{place}{why}"));
        }
    }

    /// Adds to an error that the first line may be a title: it has one column, or most rows have others.
    fn perhaps_a_title(&self, mut error: CliError) -> CliError {
        let is_one = self.columns.len() == 1 || self.bad > self.rows;
        if let CliError::Asked { help, .. } = &mut error
            && self.has_columns
            && is_one
        {
            help.push(NO_TITLE.to_owned());
        }
        error
    }

    /// That no row could be looked at.
    fn without_rows(&self, args: &InferArgs) -> CliError {
        let path = args.files[0].display();
        match &self.first_bad {
            None => CliError::asked(
                format!("{path} has no rows to look at"),
                "name a file with rows under a line of column names, or JSON lines",
            ),
            Some(first) => CliError::asked(
                format!("no row of {path} can be read; the first is {first}"),
                match (self.is_utf8, self.has_columns) {
                    (false, _) => AS_UTF8,
                    (_, true) => NO_TITLE,
                    _ => "a row of JSON lines is an object on a line of its own",
                },
            ),
        }
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

/// The column of the event time: one that has a time in all rows, or in most where it is asked for.
fn time_of(guesses: &mut [Guessed<'_>], rows: u64, args: &InferArgs) -> Result<usize, CliError> {
    let likely = |at: &usize, guesses: &[Guessed<'_>]| guesses[*at].1.as_ref().map_or(0, |guess| guess.time);
    let names: Vec<String> = guesses.iter().map(|(column, _)| column.shown()).collect();
    let all = || format!("the columns are `{}`", names.join("`, `"));
    let Some(name) = &args.time else {
        let best = (0..guesses.len()).rev().max_by_key(|at| likely(at, guesses));
        let best = best.filter(|at| likely(at, guesses) > 0);
        return best.ok_or_else(|| without_time(guesses, &all()));
    };
    let Some(at) = names.iter().position(|column| column == name) else {
        let help = did_you_mean(name, names.iter().map(String::as_str), "columns");
        return Err(CliError::asked(format!("there is no column `{name}`"), help));
    };
    if likely(&at, guesses) > 0 {
        return Ok(at);
    }
    let (column, guess) = &mut guesses[at];
    if let Ok(guess) = guess
        && let Some((ty, with)) = guess.nearly.take()
    {
        let note = format!("a time {with}; such rows become bad lines");
        *guess = Guess { ty, nullable: false, notes: vec![note], time: 1, nearly: None };
        return Ok(at);
    }
    let why = match column.values < rows {
        true => format!("it is missing in {} of {rows} rows", rows - column.values),
        false => "it is no time in most rows".to_owned(),
    };
    Err(CliError::asked(format!("column `{name}` cannot be the event time: {why}"), all()))
}

/// That no column has a time in all rows, with those that nearly do.
fn without_time(guesses: &[Guessed<'_>], all: &str) -> CliError {
    let nearly = guesses.iter().find_map(|(column, guess)| {
        let (_, with) = guess.as_ref().ok()?.nearly.as_ref()?;
        Some((column.shown(), with))
    });
    match nearly {
        Some((name, with)) => CliError::asked(
            format!("no column is a time in all rows: `{name}` is one {with}"),
            format!(
                "--time '{name}' takes it, and the other rows become bad lines; or take them out of the file"
            ),
        ),
        None => CliError::asked(
            "no column could be the event time: none is a time in all rows",
            format!("every event needs a time; {all}"),
        ),
    }
}

/// That there is a time of day beside an event time that has none.
fn clock_beside(guesses: &[Guessed<'_>], time: usize) -> Option<String> {
    let (date, guess) = &guesses[time];
    let ty = &guess.as_ref().ok()?.ty;
    let is_date = ty.contains("%d") && !ty.contains("%H") && !ty.contains("%I");
    let (clock, _) = guesses.iter().find(|(column, _)| is_date && column.is_time_of_day())?;
    let (date, clock) = (date.shown(), clock.shown());
    Some(format!(
        "`{clock}` is a time of day, and is lost: all events of a `{date}` are at its midnight. Join both in one column to have it."
    ))
}

/// That a file cannot be read, with what to do where its first line is not one of columns.
fn unread(path: &Path, source: std::io::Error) -> CliError {
    let path = path.display().to_string();
    let header = source.get_ref().and_then(|why| why.downcast_ref::<HeaderError>()).cloned();
    match header {
        Some(why) => CliError::unopened(path, OpenError::Header(why)),
        None => CliError::Read { path, source },
    }
}

/// Reads the files with a declaration.
fn read_with(program: &Program, args: &InferArgs) -> Result<Fit, CliError> {
    let declared = &program.streams[0];
    let mut fit = Fit::default();
    let mut bad = |bad: BadLine| {
        fit.misfits += 1;
        let place = Place { path: (args.files.len() > 1).then_some(Path::new(&bad.path)), line: bad.line };
        fit.first.get_or_insert_with(|| format!("{place}: {}", bad.reason));
    };
    let mut disorder = Duration::ZERO;
    for path in &args.files {
        let types = declared.fields.iter().map(|field| Some(field.ty)).collect();
        let reading =
            Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
        let name = path.display().to_string();
        let mut source = InputSource::open(&Input::File(path.clone()), declared, reading)
            .map_err(|error| CliError::unopened(name.clone(), error))?;
        let (mut newest, mut rows) = (None, 0);
        while rows < args.rows.unwrap_or(u64::MAX) {
            let batch = source.read_batch(limits::BATCH_EVENTS_MAX, &mut bad);
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
    // A batch may go over the rows that were asked for.
    Ok(if args.rows.is_some() { Fit { disorder, ..Fit::default() } } else { Fit { disorder, ..fit } })
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
    let word = word_of(stem);
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_word { word } else { format!("events_{word}").trim_end_matches('_').to_owned() }
}
