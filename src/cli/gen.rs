//! `ensue gen`: a deterministic stream of card transactions with labelled fraud in it.
//!
//! The events are those of the stream `transactions` in `patterns/streams.cep`. Cards have homes, their holders
//! sleep, travel and shop; now and then an episode of fraud is planted, or a near miss of one, and its label is
//! written aside, so that `ensue score` can say what the patterns found. The same options and seed give the same
//! bytes, on every machine and in every version.
//!
//! ```text
//! flow (time order, episodes between) -> disorder (arrival order) -> JSON lines, or rows
//!                                  \-> labels
//! ```

mod disorder;
mod episode;
mod event;
mod flow;
mod random;
mod world;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use self::disorder::Disorder;
pub use self::episode::FraudKind;
use self::event::Event;
use self::flow::{Flow, Recipe, Step};
use crate::io::Columns;
use crate::time::Duration;

/// Generate card transactions with labelled fraud.
///
/// Writes JSON lines, or a file with columns, for the stream `transactions` of patterns/streams.cep. The same options
/// and seed always give the same bytes.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  ensue gen --events 1000000 --out tx.jsonl --labels labels.jsonl
  ensue gen --events 1000000 --out tx.csv --labels labels.jsonl
  ensue gen --events 10000 --fraud card_testing,velocity --rate 5 --seed 42
  ensue gen --events 10000 --disorder 0s --rate 0 | head")]
pub struct GenArgs {
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub events: u64,

    /// How many cards
    #[arg(long, value_name = "N", default_value_t = 20_000,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub cards: u32,

    /// Which of the possible streams
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,

    /// How late an event may arrive; `0s` keeps time order
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_disorder)]
    pub disorder: Duration,

    /// Which fraud is planted, by the name of the pattern that finds it
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',',
          default_values_t = [FraudKind::CardTesting, FraudKind::ImpossibleTravel, FraudKind::UnconfirmedPinChange])]
    pub fraud: Vec<FraudKind>,

    /// How many episodes are planted per thousand steps of everyday use, near misses included
    #[arg(long, value_name = "R", default_value_t = 1.0, value_parser = parse_rate)]
    pub rate: f64,

    /// Where the events go; stdout by default. A name that ends with .csv or .tsv gets columns
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,

    /// Where the labels of the planted episodes go, as JSON lines
    #[arg(long, value_name = "PATH")]
    pub labels: Option<PathBuf>,
}

/// What was generated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GenSummary {
    /// Events written.
    pub events: u64,
    /// Episodes of fraud planted.
    pub frauds: u64,
    /// Near misses planted.
    pub near_misses: u64,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub struct GenError {
    /// The file, or `stdout`.
    pub path: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl GenError {
    /// Whether the reader went away, which is its right.
    pub fn is_closed_pipe(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Generates what `args` ask for. `stdout` is used where they name no output.
///
/// Costs about a microsecond an event, and memory for the cards alone.
///
/// # Errors
///
/// If an output cannot be written; [`GenError::is_closed_pipe`] tells the harmless case.
pub fn run(args: &GenArgs, stdout: &mut dyn Write) -> Result<GenSummary, GenError> {
    let mut events = Output::open(args.out.as_deref(), stdout)?;
    let mut nowhere = io::sink();
    let mut labels = Output::open(args.labels.as_deref(), &mut nowhere)?;
    let separator = args.out.as_deref().and_then(Columns::separator_of).map(char::from);
    if let Some(separator) = separator {
        events.put(|out| out.write_all(event::header(separator).as_bytes()))?;
    }
    let mut write = |event: Event| {
        events.put(|out| match separator {
            Some(separator) => event.write_row(out, separator),
            None => event.write(out),
        })
    };
    let mut disorder = Disorder::new(args.disorder.micros().unsigned_abs() / 1000, args.seed);
    let mut summary = GenSummary::default();
    for step in Flow::new(recipe(args)) {
        match step {
            Step::Event(event) => {
                summary.events += 1;
                disorder.push(event, &mut write)?;
            }
            Step::Begins(episode) => {
                let number = summary.frauds + summary.near_misses + 1;
                labels.put(|out| episode.write_label(number, out))?;
                match episode.near_miss {
                    None => summary.frauds += 1,
                    Some(_) => summary.near_misses += 1,
                }
            }
        }
    }
    disorder.finish(&mut write)?;
    events.put(|out| out.flush())?;
    labels.put(|out| out.flush())?;
    Ok(summary)
}

fn recipe(args: &GenArgs) -> Recipe {
    Recipe {
        events: args.events,
        cards: args.cards,
        seed: args.seed,
        fraud: args.fraud.clone(),
        episodes_per_million: (args.rate * 1000.0) as u64,
    }
}

/// Where lines go, with the name to blame when they cannot.
struct Output<'a> {
    path: String,
    writer: BufWriter<Box<dyn Write + 'a>>,
}

impl<'a> Output<'a> {
    fn open(path: Option<&Path>, default: &'a mut dyn Write) -> Result<Output<'a>, GenError> {
        let (path, writer): (String, Box<dyn Write + 'a>) = match path {
            None => ("stdout".to_owned(), Box::new(default)),
            Some(path) => {
                let name = path.display().to_string();
                let file = File::create(path).map_err(|source| GenError { path: name.clone(), source })?;
                (name, Box::new(file))
            }
        };
        Ok(Output { path, writer: BufWriter::with_capacity(1 << 16, writer) })
    }

    fn put(
        &mut self,
        write: impl FnOnce(&mut BufWriter<Box<dyn Write + 'a>>) -> io::Result<()>,
    ) -> Result<(), GenError> {
        write(&mut self.writer).map_err(|source| GenError { path: self.path.clone(), source })
    }
}

fn parse_disorder(text: &str) -> Result<Duration, String> {
    match Duration::parse(text) {
        Some(duration) if duration <= Duration::from_secs(86_400) => Ok(duration),
        Some(_) => Err("at most a day".to_owned()),
        None => Err("write a duration such as 5s or 1m30s".to_owned()),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1000.0).contains(&rate) => Ok(rate),
        _ => Err("write a number from 0 to 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests;
