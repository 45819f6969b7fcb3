//! Everything a run writes: records, late events, bad lines.

use std::io;

use super::bindings::Output;
use super::plan::RunPlan;
use crate::cli::CliError;
use crate::engine::{LateEvent, Record};
use crate::event::StreamId;
use crate::io::{BadLine, DeadLetters, Sink, push_bad_line, push_event, push_record};
use crate::lang::hir::Program;

/// The open outputs of a run.
pub(super) struct Outputs<'a> {
    program: &'a Program,
    plan: &'a RunPlan,
    sinks: Vec<Sink>,
    /// One for each stream.
    dead_letters: Vec<DeadLetters>,
    /// Lines on their way.
    buffer: Vec<u8>,
    /// For each stream how many records were made, bound or not.
    pub(super) records: Vec<u64>,
}

impl<'a> Outputs<'a> {
    /// Makes or empties the files. A dead-letter file that is not bound is made when it is needed.
    pub(super) fn open(program: &'a Program, plan: &'a RunPlan) -> Result<Outputs<'a>, CliError> {
        let mut sinks = Vec::new();
        for output in &plan.sinks {
            sinks.push(match output {
                Output::Stdout => Sink::stdout(),
                Output::File(path) => {
                    Sink::create(path).map_err(|source| unwritable(&name(output), source))?
                }
            });
        }
        let letters = |stream: &super::plan::StreamPlan| DeadLetters::new(stream.bad_file.clone());
        Ok(Outputs {
            program,
            plan,
            sinks,
            dead_letters: plan.streams.iter().map(letters).collect(),
            buffer: Vec::new(),
            records: vec![0; program.streams.len()],
        })
    }

    /// Writes records, each where its stream is bound.
    pub(super) fn write_records(&mut self, records: &[Record]) -> Result<(), CliError> {
        for record in records {
            self.records[record.stream.index()] += 1;
            if let Some(sink) = self.plan.streams[record.stream.index()].records {
                self.buffer.clear();
                push_record(&mut self.buffer, self.program, record);
                self.buffer.push(b'\n');
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
                let fields = &self.program.stream(stream).fields;
                push_event(&mut self.buffer, fields, |field| event.batch.value(event.row, field));
                self.buffer.push(b'\n');
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
