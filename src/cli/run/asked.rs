//! What is asked for by every command that runs patterns over files: which patterns, over what, and where to.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::bindings::{self, Binding};
use super::part::{Part, parse_time};
use super::plan::Wishes;
use crate::cli::CliError;
use crate::config::RunConfig;
use crate::io::InputFormat;
use crate::limits;
use crate::time::EventTime;

#[derive(Args, Debug)]
pub(in crate::cli) struct Asked {
    /// Pattern files, or directories with pattern files
    #[arg(value_name = "FILES")]
    pub(super) files: Vec<PathBuf>,

    /// What an input stream is read from; several for one stream are its partitions, in this order
    #[arg(long = "in", value_name = "STREAM=PATH", value_parser = Binding::parse)]
    pub(super) inputs: Vec<Binding>,

    /// How the inputs are written; what their first bytes show, unless said
    #[arg(long, value_name = "FORMAT", value_enum)]
    format_in: Option<FormatIn>,

    /// Read the inputs of a stream one after the other, in the order given: each goes on where the one before it has come
    /// to in event time. Without it they are read side by side, in event time
    #[arg(long)]
    pub(super) sequential: bool,

    /// Where an output stream goes
    #[arg(long = "out", value_name = "STREAM=PATH", value_parser = Binding::parse)]
    pub(super) outputs: Vec<Binding>,

    /// Patterns and bindings from a file; ./ensue.toml where neither a file nor FILES are given
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// Only these patterns, and those whose records they read
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(super) select: Vec<String>,

    /// Only events from this time on: a date, an RFC 3339 time, or milliseconds
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Part")]
    since: Option<EventTime>,

    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Part")]
    until: Option<EventTime>,

    /// Over how many threads keys are spread; `auto` is one for each core. Records do not depend on it
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_threads)]
    pub(super) threads: u32,
}

/// How inputs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum FormatIn {
    /// A JSON object on every line
    Json,
    /// Columns that the first line names, with `,` `;` a tab or `|` between them
    Csv,
}

impl Asked {
    /// The pattern files, and what is read and written.
    pub(super) fn resolve(&self) -> Result<(Vec<PathBuf>, Wishes), CliError> {
        let config = self.read_config()?;
        let files = if self.files.is_empty() { config.pattern_paths() } else { self.files.clone() };
        if files.is_empty() {
            let help = "name files or directories, or list them in ensue.toml: patterns = [\"patterns/\"]";
            return Err(CliError::asked("there are no patterns to run", help));
        }
        Ok((files, self.wishes(&config)?))
    }

    /// The stretch of event time that is looked at.
    pub(super) fn part(&self) -> Result<Part, CliError> {
        let part = Part { since: self.since, until: self.until, limit: None };
        part.check()?;
        Ok(part)
    }

    /// How the inputs are written, where that is said.
    pub(super) fn format(&self) -> Option<InputFormat> {
        self.format_in.map(|format| match format {
            FormatIn::Json => InputFormat::Json,
            FormatIn::Csv => InputFormat::Csv,
        })
    }

    /// The configuration that is named; without one, and without pattern files, that of the working directory.
    fn read_config(&self) -> Result<RunConfig, CliError> {
        let here = Path::new("ensue.toml");
        Ok(match &self.config {
            Some(path) => RunConfig::read(path)?,
            None if self.files.is_empty() && here.exists() => RunConfig::read(here)?,
            None => RunConfig::default(),
        })
    }

    /// What the command line asks for, and the configuration where the command line says nothing of a stream.
    fn wishes(&self, config: &RunConfig) -> Result<Wishes, CliError> {
        let here = PathBuf::new();
        let mut wishes = Wishes { select: self.select.clone(), ..Wishes::default() };
        let nameless = |bindings: &[Binding], option| -> Vec<(&'static str, String)> {
            let places = bindings.iter().filter(|binding| binding.stream.is_empty());
            places.map(|binding| (option, binding.place.clone())).collect()
        };
        wishes.nameless = nameless(&self.inputs, "--in");
        wishes.nameless.extend(nameless(&self.outputs, "--out"));
        for binding in self.inputs.iter().filter(|binding| !binding.stream.is_empty()) {
            wishes.inputs.push((binding.stream.clone(), bindings::inputs(&binding.place, &here)?));
        }
        for binding in self.outputs.iter().filter(|binding| !binding.stream.is_empty()) {
            wishes.outputs.push((binding.stream.clone(), bindings::output(&binding.place, &here)?));
        }
        for (stream, places) in &config.inputs {
            if !self.inputs.iter().any(|binding| binding.stream == *stream) {
                for place in places.list() {
                    wishes.inputs.push((stream.clone(), bindings::inputs(place, &config.base)?));
                }
            }
        }
        for (stream, place) in &config.outputs {
            if !self.outputs.iter().any(|binding| binding.stream == *stream) {
                wishes.outputs.push((stream.clone(), bindings::output(place, &config.base)?));
            }
        }
        Ok(wishes)
    }
}

/// A number of threads, or `auto`.
fn parse_threads(text: &str) -> Result<u32, String> {
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    match text {
        "auto" => Ok(cores().min(limits::THREADS_MAX)),
        _ => match text.parse() {
            Ok(threads) if (1..=limits::THREADS_MAX).contains(&threads) => Ok(threads),
            _ => Err(format!("write a number from 1 to {}, or `auto`", limits::THREADS_MAX)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_counted() {
        assert_eq!(parse_threads("4"), Ok(4));
        assert!(parse_threads("auto").is_ok_and(|threads| threads > 0));
        for text in ["", "0", "-1", "x", "257"] {
            assert!(parse_threads(text).is_err(), "{text}");
        }
    }
}
