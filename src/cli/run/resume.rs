//! What a run marks of itself for the one that goes on, and what that one takes up.

use std::collections::BTreeMap;
use std::path::Path;

use super::feed::Report;
use super::plan::RunPlan;
use crate::cli::CliError;
use crate::event::StreamId;
use crate::io::{BadReason, Identity, Input, Position};
use crate::lang::hir::Program;
use crate::runtime::epochs::{InputMark, Mark, Recovered};

/// What a mark is made of.
pub(super) struct Marking<'a> {
    pub(super) program: &'a Program,
    pub(super) report: &'a Report,
    /// The files written to, and how long each is.
    pub(super) lengths: BTreeMap<String, u64>,
    /// By stream how many records were made.
    pub(super) records: &'a [u64],
}

/// How far an input was read.
pub(super) struct Reading<'a> {
    pub(super) stream: StreamId,
    pub(super) name: &'a str,
    pub(super) position: Position,
    pub(super) is_open: bool,
    pub(super) identity: Identity,
}

impl Marking<'_> {
    /// The mark.
    pub(super) fn mark<'a>(self, inputs: impl Iterator<Item = Reading<'a>>, is_done: bool) -> Mark {
        let name = |stream: StreamId| self.program.stream(stream).name.clone();
        let input = |reading: Reading<'a>| InputMark {
            stream: name(reading.stream),
            name: reading.name.to_owned(),
            bytes: reading.position.bytes,
            lines: reading.position.lines,
            is_at_end: !reading.is_open,
            identity: reading.identity.as_bytes().to_vec(),
        };
        let mut counts = BTreeMap::from([("events".to_owned(), self.report.events)]);
        counts.extend(
            self.report.late.iter().map(|(stream, count)| (format!("late {}", name(*stream)), *count)),
        );
        let bad = self.report.bad.iter();
        counts
            .extend(bad.map(|((stream, reason), count)| (format!("bad {} {reason}", name(*stream)), *count)));
        let records = (0..).map(StreamId).zip(self.records).filter(|(_, count)| **count > 0);
        counts.extend(records.map(|(stream, count)| (format!("records {}", name(stream)), *count)));
        let units = self.report.engine.units().iter().map(ToString::to_string).collect();
        Mark { epoch: 0, is_done, units, inputs: inputs.map(input).collect(), outputs: self.lengths, counts }
    }
}

/// Whether the inputs are those that were read, and hold what was read.
pub(super) fn check_inputs(program: &Program, plan: &RunPlan, marks: &[InputMark]) -> Result<(), CliError> {
    let named =
        |(stream, input): &(StreamId, Input)| format!("{}={}", program.stream(*stream).name, input.name());
    let now: Vec<String> = plan.partitions.iter().map(named).collect();
    let before: Vec<String> = marks.iter().map(|mark| format!("{}={}", mark.stream, mark.name)).collect();
    if now != before {
        let message = format!(
            "the inputs are {}, and the state is of a run over {}",
            now.join(", "),
            before.join(", ")
        );
        return Err(CliError::asked(
            message,
            "give the same --in as before, in the same order, or another --state",
        ));
    }
    for mark in marks {
        let read = |source| CliError::Read { path: mark.name.clone(), source };
        let identity = Identity::from_bytes(mark.identity.clone());
        if let Err(mismatch) = identity.check(Path::new(&mark.name), mark.bytes).map_err(read)? {
            let message = format!("{} is not the file that was read before: {mismatch}", mark.name);
            let help = "put the file back as it was, or begin anew with another --state";
            return Err(CliError::asked(message, help));
        }
    }
    Ok(())
}

/// An input under `--state` that is no file.
pub(super) fn cannot_be_read_again(name: &str) -> CliError {
    CliError::asked(
        format!("{name} cannot be read again after a crash, so a run with --state cannot read it"),
        "bind a file, or run without --state",
    )
}

/// Puts the engine and the counts where they were.
pub(super) fn restore(program: &Program, report: &mut Report, recovered: Recovered) -> Result<(), CliError> {
    let Recovered { mark, rest, keys } = recovered;
    let units: Vec<String> = report.engine.units().iter().map(ToString::to_string).collect();
    if units != mark.units {
        let changed = units.iter().find(|unit| !mark.units.contains(unit)).or(mark.units.first());
        let changed = changed.and_then(|unit| unit.split(':').next()).unwrap_or("a pattern").to_owned();
        let message = format!("the patterns are not those of the state: `{changed}` has changed, or is new");
        return Err(CliError::asked(
            message,
            "run the patterns as they were, or begin anew with another --state",
        ));
    }
    report.engine.restore(&rest, keys).map_err(|damaged| {
        let message = format!("the state is damaged: {damaged}");
        CliError::asked(message, "restore the directory from a copy, or begin anew with another --state")
    })?;
    report.events = mark.counts.get("events").copied().unwrap_or_default();
    report.events_before = report.events;
    for (stream, at) in program.streams.iter().zip((0..).map(StreamId)) {
        let late = mark.counts.get(&format!("late {}", stream.name));
        report.late.extend(late.map(|count| (at, *count)));
        for reason in BadReason::LABELS {
            let bad = mark.counts.get(&format!("bad {} {reason}", stream.name));
            report.bad.extend(bad.map(|count| ((at, reason), *count)));
        }
    }
    Ok(())
}
