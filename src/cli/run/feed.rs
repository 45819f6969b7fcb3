//! The loop of a run: reads partitions side by side, feeds the engine, writes what comes out.
//!
//! Which partition is read next is said by [`Partitions`]. What comes out does not depend on it. Decoding
//! is done on a thread of its own where that helps ([`crate::runtime::Readers`]), and so is the work of the shards where
//! that is asked for ([`crate::runtime::Workers`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration as WallDuration, Instant};

use super::bad::{BadLines, Explainer};
use super::durable::Durable;
use super::outputs::Outputs;
use super::part::{End, Part};
use super::partitions::{Next, Partition, Partitions, State, disorder, idle_after};
use super::plan::RunPlan;
use super::progress::{Facts, Progress};
use super::resume::{self, Inputs};
use super::sample::Sample;
use super::watch::{Moment, Watch};
use crate::cli::{CliError, note, style};
use crate::engine::{ColdKeys, Config, Engine, Group, projection};
use crate::event::{Batch, PartitionId, StreamId};
use crate::io::{Input, InputFormat, InputSource, Position, Reading};
use crate::lang::hir::Program;
use crate::matcher::bounds::shown_key;
use crate::matcher::{Bound, Bounds, Class, Reached};
use crate::runtime::epochs::{Mark, Recovered};
use crate::runtime::{EpochFacts, Readers, Workers};
use crate::shown::grouped;

/// How a run goes.
pub(super) struct Options {
    /// The first bad line ends it.
    pub(super) is_strict: bool,
    /// At the end of the input event time goes on to the end of time.
    pub(super) drains: bool,
    /// The executor class of every pattern.
    pub(super) executor: Option<Class>,
    /// Over how many threads keys are spread. Where it is one, the engine works on the thread that calls it.
    pub(super) threads: u32,
    /// Only the records of each key are to be in order.
    pub(super) is_unordered: bool,
    /// What may be held.
    pub(super) bounds: Bounds,
    /// Patterns that are evaluated as they were before.
    pub(super) groups: Vec<Group>,
    /// What may differ from the inputs of the state that it begins with.
    pub(super) inputs: resume::Inputs,
    /// Whether there are epochs.
    pub(super) is_durable: bool,
    /// Where keys are fetched from that are not in memory.
    pub(super) cold_keys: Option<Arc<dyn ColdKeys>>,
    /// How inputs are written, where that was said.
    pub(super) format: Option<InputFormat>,
    /// Fields that are read beside those of the patterns, for somebody who looks on.
    pub(super) looked_at: Vec<(StreamId, usize)>,
    /// The inputs of a stream are read one after the other.
    pub(super) is_sequential: bool,
    /// Files are read on where they end.
    pub(super) follows: bool,
    /// Which events are looked at.
    pub(super) part: Part,
    /// The first bad line of each reason is shown.
    pub(super) explains_bad: bool,
    /// Nothing is said of how far it is.
    pub(super) is_quiet: bool,
    /// Set once the run is to stop.
    pub(super) stop: Arc<AtomicBool>,
}

/// What happened.
pub(super) struct Report {
    /// The engine, after its last word.
    pub(super) engine: Engine,
    /// Events read, late ones included.
    pub(super) events: u64,
    /// How many of them a run before this one has read.
    pub(super) events_before: u64,
    /// Events by stream that were passed over, as they were not to be looked at.
    pub(super) skipped: BTreeMap<StreamId, u64>,
    /// Late events by stream.
    pub(super) late: BTreeMap<StreamId, u64>,
    /// Bad lines by stream and reason.
    pub(super) bad: BTreeMap<(StreamId, &'static str), u64>,
    /// How long it took.
    pub(super) elapsed: WallDuration,
    /// Whether a signal has stopped it before its end.
    pub(super) is_stopped: bool,
    /// What the first events are like, where somebody may ask.
    pub(super) sample: Option<Sample>,
}

impl Report {
    /// What helps where more than one event in a hundred comes too late.
    pub(super) fn much_late(&self, program: &Program) -> Option<String> {
        let (stream, count) = self.late.iter().max_by_key(|(_, count)| **count)?;
        let name = &program.stream(*stream).name;
        (count * 100 > self.events).then(|| {
            format!(
                "events of stream {name} that came after later ones were left out, {} of {}; `disorder` says how far out \
                 of order they may be: `ensue infer FILE` finds out",
                grouped(*count),
                grouped(self.events),
            )
        })
    }

    /// Why patterns may have found nothing, as far as the first events show it.
    pub(super) fn silent(&self, program: &Program) -> Vec<String> {
        let events = self.events - self.events_before;
        self.sample.as_ref().map_or(Vec::new(), |sample| sample.told(program, &self.engine.stats(), events))
    }
}

/// A run under way.
pub(super) struct Feed {
    program: Arc<Program>,
    partitions: Partitions,
    /// By the same numbers.
    readers: Readers,
    report: Report,
    progress: Progress,
    explainer: Option<Explainer>,
    started: Instant,
    /// Whether somebody may wait for every record: what is read comes as it is made.
    is_live: bool,
    flushed_at: Instant,
    /// Who is told how the run goes, where somebody is.
    watch: Option<Watch>,
}

impl Feed {
    /// How long what is made may wait until it is written: a run that is broken off leaves nearly all that it found.
    const FLUSH_EVERY: WallDuration = WallDuration::from_millis(500);

    /// Opens the inputs, where a run before this one has left them if there was one. Nothing is written before that:
    /// where an input is missing, no output is emptied for it.
    pub(super) fn open(
        program: &Arc<Program>,
        plan: &RunPlan,
        options: &Options,
        recovered: Option<Recovered>,
    ) -> Result<Feed, CliError> {
        let config = Config {
            patterns: Some(plan.patterns.clone()),
            executor: options.executor,
            shards: options.threads,
            unordered: options.is_unordered,
            bounds: options.bounds,
            groups: options.groups.clone(),
        };
        let mut engine = Engine::new(Arc::clone(program), &config)?;
        if options.threads > 1 {
            engine.staff(Workers::start).map_err(|source| CliError::Threads { source })?;
        }
        if options.is_durable {
            engine.track();
        }
        if let Some(cold_keys) = &options.cold_keys {
            engine.fetch_from(Arc::clone(cold_keys));
        }
        let mut report = Report {
            engine,
            events: 0,
            events_before: 0,
            skipped: BTreeMap::new(),
            late: BTreeMap::new(),
            bad: BTreeMap::new(),
            elapsed: WallDuration::ZERO,
            is_stopped: false,
            sample: (!options.is_quiet).then(|| Sample::new(program, plan)),
        };
        let left = match recovered {
            Some(recovered) => {
                options.part.check_mark(&recovered.mark.counts)?;
                resume::restore(program, &mut report, recovered)?
            }
            None => Mark::default(),
        };
        let marks = resume::match_inputs(program, plan, &left.inputs, options.inputs)?;
        if options.inputs != Inputs::Same && !left.is_done {
            resume::refuse_drained(&report)?;
        }
        resume::close_missing(program, &mut report, &left.inputs, &marks);
        let mut partitions = Partitions::new(options.is_sequential);
        let mut sources = Vec::new();
        for ((stream, input), mark) in plan.partitions.iter().zip(marks) {
            let id = resume::partition(&mut report, (*stream, mark), options.inputs);
            let keeps_all = plan.streams[stream.index()].late.is_some();
            let mut types = projection(program, &plan.patterns, *stream, keeps_all);
            let declared = program.stream(*stream);
            for (_, field) in options.looked_at.iter().filter(|(of, _)| of == stream) {
                types[*field] = Some(declared.fields[*field].ty);
            }
            let reading = Reading {
                stream: *stream,
                partition: id,
                types,
                format: options.format,
                follows: options.follows,
            };
            let (source, position, is_open) = match (mark, resume::file_of(input)) {
                (Some(mark), Some(path)) => {
                    let (position, is_open) = resume::position(mark, options.inputs);
                    (InputSource::resume(path, position, declared, reading), position, is_open)
                }
                _ => (InputSource::open(input, declared, reading), Position::default(), true),
            };
            let source = source.map_err(|error| CliError::unopened(input.name(), error))?;
            if options.is_durable && !source.can_be_read_again() {
                return Err(resume::cannot_be_read_again(&input.name()));
            }
            let state = if is_open { State::Open } else { State::Ended };
            let partition = Partition {
                name: input.name(),
                stream: *stream,
                id,
                state,
                position,
                idle_after: if source.may_wait() { idle_after(declared) } else { None },
                meter: source.meter(),
            };
            let is_old = mark.is_some() && options.inputs == Inputs::Same;
            partitions.add(partition, is_old, &mut report.engine)?;
            sources.push(source);
        }
        let readers = Readers::new(sources).map_err(|source| CliError::Threads { source })?;
        let is_live = options.follows || plan.partitions.iter().any(|(_, input)| *input == Input::Stdin);
        let started = Instant::now();
        Ok(Feed {
            program: Arc::clone(program),
            partitions,
            readers,
            report,
            progress: Progress::new(!options.is_quiet && Progress::is_wanted(plan), started),
            explainer: options.explains_bad.then(Explainer::default),
            started,
            is_live,
            flushed_at: started,
            watch: None,
        })
    }

    /// The inputs, in the order in which they were given.
    pub(super) fn inputs(&self) -> Vec<(StreamId, PartitionId)> {
        self.partitions.all().iter().map(|partition| (partition.stream, partition.id)).collect()
    }

    /// Tells a watch how the run goes.
    pub(super) fn tell(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// What happened where a run before this one has come to the end.
    pub(super) fn nothing_to_do(self) -> Report {
        self.report
    }

    /// Runs to the end of all inputs.
    pub(super) fn run(
        mut self,
        options: &Options,
        outputs: &mut Outputs<'_>,
        durable: Option<&mut Durable>,
    ) -> Result<Report, CliError> {
        // Where it fails, what was found up to there is written as it is on one thread.
        let finished = self.read_all(options, outputs, durable).or_else(|error| {
            self.report.engine.settle()?;
            self.write(outputs)?;
            Err(error)
        });
        self.progress.clear();
        // What was written before a failure stays, whole lines only.
        let flushed = outputs.flush();
        finished.and(flushed)?;
        self.report.elapsed = self.started.elapsed();
        Ok(self.report)
    }

    fn read_all(
        &mut self,
        options: &Options,
        outputs: &mut Outputs<'_>,
        mut durable: Option<&mut Durable>,
    ) -> Result<(), CliError> {
        if let Some(durable) = &mut durable {
            durable.begin_at(self.report.events);
            durable.make_room(&mut self.report.engine)?;
        }
        self.told(outputs, Watch::begin);
        loop {
            let next = self.partitions.next(&mut self.report.engine, &mut self.readers, Watch::EVERY);
            if next == Next::End {
                break;
            }
            // A signal is seen also where nothing comes.
            if options.stop.load(Ordering::Relaxed) {
                self.report.is_stopped = true;
                break;
            }
            if let Next::Read(at) = next {
                self.take(at, options, outputs)?;
            }
            self.report.engine.advance()?;
            if self.is_live {
                self.report.engine.settle()?;
            }
            self.write(outputs)?;
            if self.is_live || self.flushed_at.elapsed() >= Feed::FLUSH_EVERY {
                outputs.flush()?;
                self.flushed_at = Instant::now();
            }
            if let Some(durable) = durable.as_deref_mut() {
                let epoch = durable.go_on(&mut self.report.engine)?;
                self.tell_epoch(epoch);
                if durable.is_due(&self.report.engine, self.report.events) {
                    self.begin_epoch(options, outputs, durable, false)?;
                }
            }
            if self.watch.as_ref().is_some_and(Watch::is_due) {
                self.told(outputs, Watch::publish);
            }
            self.show_progress(options.part);
        }
        self.told(outputs, |watch, _| watch.end());
        if let Some(durable) = durable.as_deref_mut() {
            let epoch = durable.finish(&mut self.report.engine)?;
            self.tell_epoch(epoch);
        }
        if !self.report.is_stopped {
            self.report.engine.finish(options.drains)?;
        }
        self.report.engine.settle()?;
        self.write(outputs)?;
        if let Some(durable) = durable {
            self.begin_epoch(options, outputs, durable, !self.report.is_stopped)?;
            let epoch = durable.finish(&mut self.report.engine)?;
            self.tell_epoch(epoch);
        }
        self.told(outputs, Watch::publish);
        Ok(())
    }

    /// Begins an epoch of everything as it is now.
    fn begin_epoch(
        &mut self,
        options: &Options,
        outputs: &mut Outputs<'_>,
        durable: &mut Durable,
        is_done: bool,
    ) -> Result<(), CliError> {
        let since = Instant::now();
        self.report.engine.settle()?;
        self.write(outputs)?;
        let (lengths, sync) = outputs.mark()?;
        let marking = resume::Marking {
            program: &self.program,
            report: &self.report,
            part: options.part,
            lengths,
            records: &outputs.records,
        };
        let mut inputs = Vec::new();
        for (at, partition) in self.partitions.all().iter().enumerate() {
            let identity = self.readers.identity(at, partition.position.bytes);
            let identity =
                identity.map_err(|source| CliError::Read { path: partition.name.clone(), source })?;
            inputs.push(resume::Reading {
                stream: partition.stream,
                partition: partition.id,
                name: &partition.name,
                position: partition.position,
                is_open: partition.state != State::Ended,
                identity: identity.expect("only files are read under a state directory"),
            });
        }
        let mark = marking.mark(inputs.into_iter(), is_done);
        durable.begin(&mut self.report.engine, (mark, sync), since)
    }

    /// Tells the watch, where there is one, how the run is now.
    fn told(&mut self, outputs: &Outputs<'_>, tell: impl FnOnce(&mut Watch, &Moment<'_>)) {
        if let Some(watch) = &mut self.watch {
            let Report { engine, late, bad, .. } = &self.report;
            let open = self.partitions.all().iter();
            let open = open.map(|partition| partition.state == State::Open).collect();
            let pieces = self.readers.pieces_ahead();
            tell(watch, &Moment { engine, late, bad, records: &outputs.records, open, pieces });
        }
    }

    /// Tells it of an epoch that is on the disk.
    fn tell_epoch(&self, epoch: Option<EpochFacts>) {
        if let (Some(watch), Some(epoch)) = (&self.watch, epoch) {
            watch.epoch(&epoch);
        }
    }

    /// Takes the next events of a partition, or its end.
    fn take(&mut self, at: usize, options: &Options, outputs: &mut Outputs<'_>) -> Result<(), CliError> {
        let (batch, end) = self.read(at, options, outputs)?;
        match batch {
            None => self.partitions.end(at, &mut self.report.engine),
            // It may be that nothing in it was to be looked at.
            Some(batch) if batch.is_empty() => {}
            Some(batch) => {
                self.report.events += batch.len() as u64;
                if let Some(sample) = self.report.sample.as_mut().filter(|sample| sample.wants_more()) {
                    sample.take(&batch);
                }
                if let Some(watch) = &mut self.watch {
                    watch.took(batch.stream(), batch.len());
                }
                outputs.show_events(&batch);
                self.report.engine.push(batch);
            }
        }
        match end {
            None => {}
            Some(End::Partition(_)) => self.partitions.end(at, &mut self.report.engine),
            Some(End::Run(_)) => self.partitions.end_all(&mut self.report.engine),
        }
        Ok(())
    }

    /// The next batch of a partition, as far as it is looked at; its bad lines are told.
    fn read(
        &mut self,
        at: usize,
        options: &Options,
        outputs: &mut Outputs<'_>,
    ) -> Result<(Option<Batch>, Option<End>), CliError> {
        let Report { bad, skipped, events, events_before, .. } = &mut self.report;
        let part = options.part;
        let explainer = self.explainer.as_mut();
        let mut lines = BadLines::new(bad, outputs, explainer, options.is_strict, !part.is_all());
        let (batch, position) = self
            .readers
            .read_batch(at, &mut |bad| lines.take(bad))
            .map_err(|source| CliError::Read { path: self.partitions.at(at).name.clone(), source })?;
        self.partitions.at(at).position = position;
        let (batch, end) = match batch {
            Some(batch) if !part.is_all() => {
                let stream = batch.stream();
                let cut = part.cut(batch, disorder(self.program.stream(stream)), *events - *events_before);
                if cut.skipped > 0 {
                    *skipped.entry(stream).or_default() += cut.skipped;
                }
                (Some(cut.batch), cut.end)
            }
            batch => (batch, None),
        };
        lines.finish(end.map(End::line))?;
        Ok((batch, end))
    }

    /// Shows how the run is, where somebody sees it.
    fn show_progress(&mut self, part: Part) {
        let (report, partitions) = (&self.report, &self.partitions);
        let of_events = |limit| (report.events - report.events_before) as f64 / limit as f64;
        self.progress.show(|| Facts {
            events: report.events,
            watermark: report.engine.watermark(),
            matches: report.engine.stats().patterns.iter().map(|pattern| pattern.matches).sum(),
            share: partitions.share_read().into_iter().chain(part.limit.map(of_events)).reduce(f64::max),
        });
    }

    /// Writes what the engine has made.
    fn write(&mut self, outputs: &mut Outputs<'_>) -> Result<(), CliError> {
        for reached in self.report.engine.take_reached() {
            note(&format!("{} {}", style::help("note:"), told(&self.program, &reached)));
        }
        let records = self.report.engine.take_records();
        if let Some(watch) = &self.watch {
            watch.wrote(&records, &self.report.engine);
        }
        outputs.write_records(&records)?;
        let late = self.report.engine.take_late();
        for event in &late {
            *self.report.late.entry(event.stream).or_default() += 1;
        }
        outputs.write_late(&late)
    }
}

/// What is said of a bound when a pattern reaches it for the first time.
fn told(program: &Program, reached: &Reached) -> String {
    let name = &program.pattern(reached.pattern).name;
    let key = shown_key(&reached.keys);
    let excess = reached.bound.excess(reached.allowed);
    let what = match reached.bound {
        Bound::MatchesPerEvent => "the others are cut off",
        _ => "some are dropped",
    };
    let of = if reached.bound == Bound::State { "the run" } else { "it" };
    format!(
        "pattern `{name}` is bounded: {of} has {excess} (such as key {key}), and {what}; this is told once"
    )
}
