//! Everything a run writes: records, late events, bad lines.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use super::bindings::Output;
use super::observed::Onlooker;
use super::plan::{RunPlan, StreamPlan};
use crate::cli::CliError;
use crate::engine::{LateEvent, Record};
use crate::event::{Batch, StreamId};
use crate::io::{BadLine, Columns, DeadLetters, Resume, Sink, push_bad_line, push_event, push_record};
use crate::lang::hir::{Program, Stream};
use crate::runtime::epochs::Mark;
use crate::runtime::{OutputError, SyncOutputs};

/// The open outputs of a run.
pub(super) struct Outputs<'a> {
    program: &'a Program,
    plan: &'a RunPlan,
    sinks: Vec<Sink>,
    /// For each of them its columns, where it has some.
    columns: Vec<Option<Columns>>,
    /// One for each stream.
    dead_letters: Vec<DeadLetters>,
    /// Lines on their way.
    buffer: Vec<u8>,
    /// For each stream how many records were made, bound or not.
    pub(super) records: Vec<u64>,
    /// Who is shown events and records, where somebody is.
    onlooker: Option<&'a mut dyn Onlooker>,
}

impl<'a> Outputs<'a> {
    /// Makes or empties the files, or goes on where a run before this one has left them. A dead-letter file that is not
    /// bound is made when it is needed.
    pub(super) fn open(
        program: &'a Program,
        plan: &'a RunPlan,
        left: Option<&Mark>,
    ) -> Result<Outputs<'a>, CliError> {
        let length =
            |path: &Path| left.and_then(|left| left.outputs.get(&path.display().to_string()).copied());
        let mut sinks = Vec::new();
        let columns: Vec<_> = (0..plan.sinks.len()).map(|sink| columns_of(program, plan, sink)).collect();
        for (output, columns) in plan.sinks.iter().zip(&columns) {
            sinks.push(match output {
                Output::Stdout => Sink::stdout(),
                Output::File(path) => {
                    let mut header = Vec::new();
                    columns.iter().for_each(|columns| columns.push_header(&mut header, program));
                    open_sink(path, length(path), &header)?
                }
            });
        }
        let mut dead_letters = Vec::new();
        for stream in &plan.streams {
            let path = stream.bad_file.clone();
            dead_letters.push(match length(&path) {
                Some(length) => {
                    DeadLetters::resume(path.clone(), length).map_err(|why| unresumable(&path, why))?
                }
                None => DeadLetters::new(path),
            });
        }
        let count = |stream: &Stream| {
            let count = left.and_then(|left| left.counts.get(&format!("records {}", stream.name)));
            count.copied().unwrap_or_default()
        };
        let records = program.streams.iter().map(count).collect();
        let buffer = Vec::new();
        Ok(Outputs { program, plan, sinks, columns, dead_letters, buffer, records, onlooker: None })
    }

    /// Lets somebody look on.
    pub(super) fn show_to(&mut self, onlooker: &'a mut dyn Onlooker) {
        self.onlooker = Some(onlooker);
    }

    /// Shows events as they were read.
    pub(super) fn show_events(&mut self, batch: &Batch) {
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.read(batch);
        }
    }

    /// Writes everything that is buffered. Gives the lengths of the files, which can be relied on once what comes with them
    /// was done.
    pub(super) fn mark(&mut self) -> Result<(BTreeMap<String, u64>, SyncOutputs), CliError> {
        let mut marked = Vec::new();
        for (output, sink) in self.plan.sinks.iter().zip(&mut self.sinks) {
            let mark = sink.mark().map_err(|source| unwritable(&name(output), source))?;
            marked.extend(mark.map(|(length, unsynced)| (name(output), length, unsynced)));
        }
        for letters in &mut self.dead_letters {
            let path = letters.path().display().to_string();
            let mark = letters.mark().map_err(|source| unwritable(&path, source))?;
            marked.extend(mark.map(|(length, unsynced)| (path, length, unsynced)));
        }
        let lengths = marked.iter().map(|(path, length, _)| (path.clone(), *length)).collect();
        let sync = move || {
            let mut files = marked.into_iter();
            files.try_for_each(|(path, _, file)| file.sync().map_err(|source| OutputError { path, source }))
        };
        Ok((lengths, Box::new(sync)))
    }

    /// Writes records, each where its stream is bound.
    pub(super) fn write_records(&mut self, records: &[Record]) -> Result<(), CliError> {
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.found(records);
        }
        for record in records {
            self.records[record.stream.index()] += 1;
            if let Some(sink) = self.plan.streams[record.stream.index()].records {
                self.buffer.clear();
                match &self.columns[sink] {
                    Some(columns) => columns.push_record(&mut self.buffer, self.program, record),
                    None => {
                        push_record(&mut self.buffer, self.program, record);
                        self.buffer.push(b'\n');
                    }
                }
                self.write_buffer(sink)?;
            }
        }
        Ok(())
    }

    /// Writes late events where they are bound.
    pub(super) fn write_late(&mut self, late: &[LateEvent]) -> Result<(), CliError> {
        for event in late {
            let stream = event.stream;
            if let Some(sink) = self.plan.streams[stream.index()].late {
                self.buffer.clear();
                let value = |field| event.batch.value(event.row, field);
                match &self.columns[sink] {
                    Some(columns) => columns.push_event(&mut self.buffer, self.program, value),
                    None => {
                        push_event(&mut self.buffer, &self.program.stream(stream).fields, value);
                        self.buffer.push(b'\n');
                    }
                }
                self.write_buffer(sink)?;
            }
        }
        Ok(())
    }

    /// Writes a bad line where it is bound, else to the dead-letter file of its stream.
    pub(super) fn write_bad(&mut self, bad: &BadLine) -> Result<(), CliError> {
        let name = &self.program.stream(bad.stream).name;
        match self.plan.streams[bad.stream.index()].bad {
            Some(sink) => {
                self.buffer.clear();
                push_bad_line(&mut self.buffer, name, bad);
                self.write_buffer(sink)
            }
            None => {
                let letters = &mut self.dead_letters[bad.stream.index()];
                letters
                    .write(name, bad)
                    .map_err(|source| unwritable(&letters.path().display().to_string(), source))
            }
        }
    }

    /// Writes everything that is buffered.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        for (output, sink) in self.plan.sinks.iter().zip(&mut self.sinks) {
            sink.flush().map_err(|source| unwritable(&name(output), source))?;
        }
        for letters in &mut self.dead_letters {
            letters.flush().map_err(|source| unwritable(&letters.path().display().to_string(), source))?;
        }
        Ok(())
    }

    /// Where the bad lines of a stream are.
    pub(super) fn bad_place(&self, stream: StreamId) -> String {
        let planned = &self.plan.streams[stream.index()];
        match planned.bad {
            Some(sink) => name(&self.plan.sinks[sink]),
            None => planned.bad_file.display().to_string(),
        }
    }

    fn write_buffer(&mut self, sink: usize) -> Result<(), CliError> {
        self.sinks[sink]
            .write(&self.buffer)
            .map_err(|source| unwritable(&name(&self.plan.sinks[sink]), source))
    }
}

/// The columns of an output, if its name says that it has some.
fn columns_of(program: &Program, plan: &RunPlan, sink: usize) -> Option<Columns> {
    let Output::File(path) = &plan.sinks[sink] else { return None };
    let separator = Columns::separator_of(path)?;
    let is_bound = |stream: &StreamPlan| stream.records == Some(sink) || stream.late == Some(sink);
    let stream = plan.streams.iter().position(is_bound)?;
    Some(Columns::new(program, StreamId(stream as u32), separator))
}

/// Makes a file with its first line, or cuts one back that a run before this one has left.
fn open_sink(path: &Path, length: Option<u64>, header: &[u8]) -> Result<Sink, CliError> {
    let unwritable = |source| unwritable(&path.display().to_string(), source);
    let Some(length) = length else {
        let mut sink = Sink::create(path).map_err(unwritable)?;
        sink.write(header).map_err(unwritable)?;
        return Ok(sink);
    };
    let mut found = Vec::new();
    let file = std::fs::File::open(path).map_err(|source| unresumable(path, Resume::Io(source)))?;
    file.take(header.len() as u64).read_to_end(&mut found).map_err(unwritable)?;
    if found != header && length >= header.len() as u64 {
        return Err(CliError::asked(
            format!("{} has other columns than its records have now", path.display()),
            "name another file with --out, or move this one away",
        ));
    }
    Sink::resume(path, length).map_err(|why| unresumable(path, why))
}

/// Refuses files that have something in them, where a run begins with the state of another: what it writes is neither
/// the whole nor what belongs behind that.
pub(super) fn refuse_existing(plan: &RunPlan) -> Result<(), CliError> {
    let files = plan.sinks.iter().filter_map(|output| match output {
        Output::File(path) => Some(path),
        Output::Stdout => None,
    });
    let bad = plan.streams.iter().filter(|stream| stream.bad.is_none()).map(|stream| &stream.bad_file);
    for path in files.chain(bad) {
        if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0) {
            return Err(CliError::asked(
                format!("{} is not empty, and a run with --from begins new outputs", path.display()),
                "name another file with --out, or move this one away: it ends where the savepoint was written",
            ));
        }
    }
    Ok(())
}

fn unresumable(path: &Path, why: Resume) -> CliError {
    match why {
        Resume::Io(source) => unwritable(&path.display().to_string(), source),
        why => CliError::asked(
            format!("{} cannot be gone on with: {why}", path.display()),
            "put the file back as the run has left it, or begin anew with another --state",
        ),
    }
}

fn unwritable(path: &str, source: io::Error) -> CliError {
    CliError::Write { path: path.to_owned(), source }
}

/// An output as it is named in messages.
pub(super) fn name(output: &Output) -> String {
    match output {
        Output::File(path) => path.display().to_string(),
        Output::Stdout => "stdout".to_owned(),
    }
}
