//! What a run marks of itself for the one that goes on, and what that one takes up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::feed::Report;
use super::part::Part;
use super::plan::RunPlan;
use crate::cli::CliError;
use crate::event::{PartitionId, StreamId};
use crate::io::{BadReason, Identity, Input, Position};
use crate::lang::hir::Program;
use crate::runtime::clock;
use crate::runtime::epochs::{InputMark, Mark, Recovered};
use crate::time::EventTime;

/// What a mark is made of.
pub(super) struct Marking<'a> {
    pub(super) program: &'a Program,
    pub(super) report: &'a Report,
    /// Which events are looked at.
    pub(super) part: Part,
    /// The files written to, and how long each is.
    pub(super) lengths: BTreeMap<String, u64>,
    /// By stream how many records were made.
    pub(super) records: &'a [u64],
}

/// How far an input was read.
pub(super) struct Reading<'a> {
    pub(super) stream: StreamId,
    pub(super) partition: PartitionId,
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
            partition: reading.partition.0,
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
        let skipped = self.report.skipped.iter();
        counts.extend(skipped.map(|(stream, count)| (format!("skipped {}", name(*stream)), *count)));
        counts.extend(self.part.marked());
        let bad = self.report.bad.iter();
        counts
            .extend(bad.map(|((stream, reason), count)| (format!("bad {} {reason}", name(*stream)), *count)));
        let records = (0..).map(StreamId).zip(self.records).filter(|(_, count)| **count > 0);
        counts.extend(records.map(|(stream, count)| (format!("records {}", name(stream)), *count)));
        let units = self.report.engine.units().to_vec();
        let inputs = inputs.map(input).collect();
        let at_ms = clock::now_ms();
        Mark { epoch: 0, is_done, at_ms, units, inputs, outputs: self.lengths, counts }
    }
}

/// What may differ between the inputs of a run and those of the state that it begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Inputs {
    /// Nothing, but for streams that are read no more, or for the first time.
    Same,
    /// There may be others besides, which are read from their start.
    More,
    /// Some may be missing, too.
    Others,
}

/// How far each input was read, where it was; the other inputs are new.
///
/// # Errors
///
/// Where the inputs are not those that were read, or do not hold what was read.
pub(super) fn match_inputs<'m>(
    program: &Program,
    plan: &RunPlan,
    marks: &'m [InputMark],
    may: Inputs,
) -> Result<Vec<Option<&'m InputMark>>, CliError> {
    let stream = |id: &StreamId| program.stream(*id).name.as_str();
    let now: Vec<(&str, String)> =
        plan.partitions.iter().map(|(id, input)| (stream(id), input.name())).collect();
    let read: BTreeSet<&str> = now.iter().map(|(stream, _)| *stream).collect();
    let were_read: BTreeSet<&str> = marks.iter().map(|mark| mark.stream.as_str()).collect();
    // What nobody reads any more is left alone.
    let before: Vec<&InputMark> = marks.iter().filter(|mark| read.contains(mark.stream.as_str())).collect();
    let is_mark =
        |(stream, name): &(&str, String), mark: &InputMark| mark.stream == *stream && mark.name == *name;
    let found: Vec<Option<&InputMark>> =
        now.iter().map(|input| before.iter().find(|mark| is_mark(input, mark)).copied()).collect();
    let is_missing = |mark: &&InputMark| !now.iter().any(|input| is_mark(input, mark));
    let missing: Vec<&InputMark> = before.iter().copied().filter(is_missing).collect();
    let is_right = match may {
        Inputs::Same => {
            let old = now.iter().filter(|(stream, _)| were_read.contains(stream));
            old.map(|(stream, name)| (*stream, name.as_str()))
                .eq(before.iter().map(|mark| (mark.stream.as_str(), mark.name.as_str())))
        }
        Inputs::More => missing.is_empty(),
        Inputs::Others => true,
    };
    if !is_right {
        return Err(other_inputs(&now, &before, may));
    }
    found.iter().flatten().try_for_each(|mark| check_input(mark))?;
    Ok(found)
}

fn other_inputs(now: &[(&str, String)], before: &[&InputMark], may: Inputs) -> CliError {
    let now: Vec<String> = now.iter().map(|(stream, name)| format!("{stream}={name}")).collect();
    let before: Vec<String> = before.iter().map(|mark| format!("{}={}", mark.stream, mark.name)).collect();
    let message =
        format!("the inputs are {}, and the state is of a run over {}", now.join(", "), before.join(", "));
    let help = match may {
        Inputs::Same => "give the same --in as before, in the same order, or another --state",
        Inputs::More | Inputs::Others => {
            "give what was read, too, or --missing-inputs to go on without it: it is taken as ended"
        }
    };
    CliError::asked(message, help)
}

/// Whether an input holds what was read of it.
fn check_input(mark: &InputMark) -> Result<(), CliError> {
    let read = |source| CliError::Read { path: mark.name.clone(), source };
    let identity = Identity::from_bytes(mark.identity.clone());
    match identity.check(Path::new(&mark.name), mark.bytes).map_err(read)? {
        Ok(()) => Ok(()),
        Err(mismatch) => {
            let message = format!("{} is not the file that was read before: {mismatch}", mark.name);
            let help = "put the file back as it was, or begin anew with another --state";
            Err(CliError::asked(message, help))
        }
    }
}

/// An input under `--state` that is no file.
pub(super) fn cannot_be_read_again(name: &str) -> CliError {
    CliError::asked(
        format!("{name} cannot be read again after a crash, so a run with --state cannot read it"),
        "bind a file, or run without --state",
    )
}

/// Where event time has come to its end, nothing can follow.
pub(super) fn refuse_drained(report: &Report) -> Result<(), CliError> {
    if report.engine.time() < EventTime::END {
        return Ok(());
    }
    let message =
        "the run of the savepoint has come to its end, with all its deadlines: nothing can follow it";
    let help = "end runs that are to be gone on from with --no-drain, or write the savepoint before they end";
    Err(CliError::asked(message, help))
}

/// The partition of an input: the one that it was, or a new one.
pub(super) fn partition(
    report: &mut Report,
    (stream, mark): (StreamId, Option<&InputMark>),
    may: Inputs,
) -> PartitionId {
    let Some(mark) = mark else { return report.engine.add_partition(stream) };
    let id = PartitionId(mark.partition);
    if may != Inputs::Same && mark.is_at_end {
        report.engine.open_partition_again(stream, id);
    }
    id
}

/// Ends the partitions whose inputs are missing.
pub(super) fn close_missing(
    program: &Program,
    report: &mut Report,
    marks: &[InputMark],
    found: &[Option<&InputMark>],
) {
    for mark in marks.iter().filter(|mark| !found.contains(&Some(mark))) {
        if let Some(stream) = program.stream_named(&mark.stream) {
            report.engine.close_partition(stream, PartitionId(mark.partition));
        }
    }
}

/// Where an input is read on, and whether there is more of it as far as is known.
pub(super) fn position(mark: &InputMark, may: Inputs) -> (Position, bool) {
    let position = Position { bytes: mark.bytes, lines: mark.lines };
    (position, may != Inputs::Same || !mark.is_at_end)
}

/// Puts the engine and the counts where they were.
pub(super) fn restore(
    program: &Program,
    report: &mut Report,
    recovered: Recovered,
) -> Result<Mark, CliError> {
    let Recovered { mark, rest, keys, .. } = recovered;
    if report.engine.units() != mark.units {
        let message = "the patterns are not those of the state";
        let help = "run the patterns as they were, or begin anew with another --state";
        return Err(CliError::asked(message, help));
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
        let skipped = mark.counts.get(&format!("skipped {}", stream.name));
        report.skipped.extend(skipped.map(|count| (at, *count)));
        for reason in BadReason::LABELS {
            let bad = mark.counts.get(&format!("bad {} {reason}", stream.name));
            report.bad.extend(bad.map(|count| ((at, reason), *count)));
        }
    }
    Ok(mark)
}

/// The file that an input is.
pub(super) fn file_of(input: &Input) -> Option<&Path> {
    match input {
        Input::File(path) => Some(path),
        Input::Stdin => None,
    }
}
