//! A run that somebody looks on, in process: the same plan, inputs and evaluation as `ensue run`, without state.
//!
//! ```text
//! Asked --prepare--> Ready --run--> events and records to an Onlooker, files where they are bound
//! ```

use std::path::Path;
use std::sync::Arc;

use super::bindings::{Output, is_device, real};
use super::feed::{Feed, Options};
use super::outputs::{Outputs, name};
use super::part::Part;
use super::plan::{self, RunPlan};
use super::resume::Inputs;
use super::{Asked, share_of_memory, stop_on_signals};
use crate::cli::program::load_to_run;
use crate::cli::{CliError, note, style};
use crate::engine::Record;
use crate::event::{Batch, PatternId, StreamId};
use crate::lang::hir::Program;
use crate::matcher::Bounds;
use crate::time::EventTime;

/// Who is shown what a run reads and finds.
pub(in crate::cli) trait Onlooker {
    /// Events as they were read, also those that turn out to be late.
    fn read(&mut self, batch: &Batch);

    /// Records, in the order of the output.
    fn found(&mut self, records: &[Record]);
}

/// What can run: what it reads and writes is known, and nothing is opened.
pub(in crate::cli) struct Ready<'a> {
    pub(in crate::cli) program: Arc<Program>,
    plan: RunPlan,
    part: Part,
    asked: &'a Asked,
}

/// What is to be said of a run that was looked on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::cli) struct Seen {
    /// Events read, late ones included.
    pub(in crate::cli) events: u64,
    /// Events that were passed over, as they lie outside of the stretch of time that is looked at.
    pub(in crate::cli) skipped: u64,
    /// Late events by the name of their stream.
    pub(in crate::cli) late: Vec<(String, u64)>,
    /// Bad lines by the name of their stream, with where they are.
    pub(in crate::cli) bad: Vec<(String, u64, String)>,
    /// Whether a signal has stopped it before its end.
    pub(in crate::cli) is_stopped: bool,
    /// Why patterns may have found nothing.
    pub(in crate::cli) silent: Vec<String>,
}

impl Asked {
    /// Loads and plans. `None` if the patterns have mistakes, which were shown then.
    pub(in crate::cli) fn prepare(&self) -> Result<Option<Ready<'_>>, CliError> {
        let part = self.part()?;
        let (files, mut wishes) = self.resolve()?;
        // What the configuration binds belongs to `ensue run`; the command line stands first.
        wishes.outputs.truncate(self.outputs.len());
        let Some(program) = load_to_run(&files)? else { return Ok(None) };
        let mut plan = plan::plan(&program, &wishes)?;
        for line in &plan.unused {
            note(&format!("{} {line}", style::help("note:")));
        }
        if self.outputs.is_empty() {
            // The answer is what goes to standard output.
            plan.sinks.clear();
            plan.streams.iter_mut().for_each(|stream| stream.records = None);
        }
        Ok(Some(Ready { program, plan, part, asked: self }))
    }
}

impl Ready<'_> {
    /// The patterns that run.
    pub(in crate::cli) fn patterns(&self) -> &[PatternId] {
        &self.plan.patterns
    }

    /// The streams that are read, each once.
    pub(in crate::cli) fn streams(&self) -> Vec<StreamId> {
        let mut streams: Vec<StreamId> = self.plan.partitions.iter().map(|(stream, _)| *stream).collect();
        streams.dedup();
        streams
    }

    /// What of a span of event time, ends included, is looked at.
    pub(in crate::cli) fn within(&self, first: EventTime, last: EventTime) -> Option<(EventTime, EventTime)> {
        self.part.within(first, last)
    }

    /// Refuses a file to be written that the run reads, or writes itself.
    pub(in crate::cli) fn refuse_overwriting(&self, path: &Path) -> Result<(), CliError> {
        plan::refuse_overwriting(&self.plan, path)?;
        let is_written = |output: &Output| matches!(output, Output::File(file) if real(file) == real(path));
        match self.plan.sinks.iter().find(|output| is_written(output)) {
            Some(output) if !is_device(path) => {
                Err(CliError::asked(format!("records go to {}, too", name(output)), "name a file for each"))
            }
            _ => Ok(()),
        }
    }

    /// Runs to the end of all inputs. `looked_at` are fields that the onlooker reads of the events.
    pub(in crate::cli) fn run(
        &self,
        looked_at: Vec<(StreamId, usize)>,
        onlooker: &mut dyn Onlooker,
    ) -> Result<Seen, CliError> {
        let Ready { program, plan, part, asked } = self;
        let options = Options {
            is_strict: false,
            drains: true,
            executor: None,
            threads: asked.threads,
            is_unordered: false,
            bounds: Bounds { state_bytes_max: share_of_memory(), ..Bounds::default() },
            groups: Vec::new(),
            inputs: Inputs::Same,
            is_durable: false,
            cold_keys: None,
            format: asked.format(),
            is_sequential: asked.sequential,
            follows: false,
            looked_at,
            part: *part,
            explains_bad: false,
            is_quiet: false,
            stop: stop_on_signals()?,
        };
        let feed = Feed::open(program, plan, &options, None)?;
        let mut outputs = Outputs::open(program, plan, None)?;
        outputs.show_to(onlooker);
        let report = feed.run(&options, &mut outputs, None)?;
        let stream_name = |stream: &StreamId| program.stream(*stream).name.clone();
        let late = report.late.iter().map(|(stream, count)| (stream_name(stream), *count));
        let mut bad: Vec<(String, u64, String)> = Vec::new();
        for ((stream, _), count) in &report.bad {
            match bad.last_mut().filter(|(of, ..)| *of == stream_name(stream)) {
                Some((_, sum, _)) => *sum += count,
                None => bad.push((stream_name(stream), *count, outputs.bad_place(*stream))),
            }
        }
        Ok(Seen {
            events: report.events,
            skipped: report.skipped.values().sum(),
            late: late.collect(),
            bad,
            is_stopped: report.is_stopped,
            silent: report.silent(program),
        })
    }
}
