//! From a program and its bindings to what a run reads and writes. Decides only; nothing is opened here.

use std::path::{Path, PathBuf};

use super::bindings::{Output, is_device, real};
use crate::cli::CliError;
use crate::cli::program::did_you_mean;
use crate::engine::with_inputs;
use crate::event::{PatternId, StreamId};
use crate::io::{Columns, Input};
use crate::lang::hir::{Origin, Program};

/// What a run reads and writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RunPlan {
    /// The patterns that run: those selected, and those whose records they read.
    pub(super) patterns: Vec<PatternId>,
    /// The partitions: streams in file order, then places in the order given.
    pub(super) partitions: Vec<(StreamId, Input)>,
    /// The places written, each once.
    pub(super) sinks: Vec<Output>,
    /// For each stream what of it goes to which of the sinks.
    pub(super) streams: Vec<StreamPlan>,
    /// What was bound and nothing reads or makes.
    pub(super) unused: Vec<String>,
}

/// Where the parts of a stream go: indexes of [`RunPlan::sinks`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct StreamPlan {
    /// Its records, where it is derived.
    pub(super) records: Option<usize>,
    /// Its late events; `None` only counts them.
    pub(super) late: Option<usize>,
    /// Its bad lines, where bound.
    pub(super) bad: Option<usize>,
    /// The file of its bad lines, where not bound.
    pub(super) bad_file: PathBuf,
}

/// What the command line and the configuration ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// Names of patterns; all where empty.
    pub(super) select: Vec<String>,
    /// Names of streams with what each reads.
    pub(super) inputs: Vec<(String, Vec<Input>)>,
    /// Names of streams, or of `STREAM.late` and `STREAM.bad`, with where each goes.
    pub(super) outputs: Vec<(String, Output)>,
    /// Options with a place and no stream, as `--in` and the place.
    pub(super) nameless: Vec<(&'static str, String)>,
}

/// Puts a run together.
pub(super) fn plan(program: &Program, wishes: &Wishes) -> Result<RunPlan, CliError> {
    let patterns = select(program, &wishes.select)?;
    refuse_nameless(program, wishes, &patterns)?;
    let mut plan = RunPlan {
        patterns,
        partitions: Vec::new(),
        sinks: Vec::new(),
        streams: vec![StreamPlan::default(); program.streams.len()],
        unused: Vec::new(),
    };
    bind_inputs(program, wishes, &mut plan)?;
    bind_outputs(program, wishes, &mut plan)?;
    place_bad_files(program, wishes, &mut plan);
    refuse_overwriting_inputs(&plan)?;
    refuse_mixed_columns(program, &plan)?;
    refuse_bad_file(program, &plan)?;
    Ok(plan)
}

/// The patterns named and those they read from, in file order.
pub(in crate::cli) fn select(program: &Program, names: &[String]) -> Result<Vec<PatternId>, CliError> {
    let mut chosen: Vec<PatternId> = Vec::new();
    for name in names {
        chosen.push(program.pattern_named(name).ok_or_else(|| {
            let known = program.patterns.iter().map(|pattern| pattern.name.as_str());
            CliError::asked(format!("there is no pattern `{name}`"), did_you_mean(name, known, "patterns"))
        })?);
    }
    // What is left of older patterns always runs.
    chosen.extend(program.patterns.iter().filter(|pattern| pattern.drains).map(|pattern| pattern.id));
    if names.is_empty() {
        chosen = program.patterns.iter().map(|pattern| pattern.id).collect();
    }
    let chosen = with_inputs(program, &chosen);
    if chosen.is_empty() {
        return Err(CliError::asked("there is no pattern to run", "name files with patterns"));
    }
    Ok(chosen)
}

/// Refuses a place without a stream, and says which streams it could be of.
fn refuse_nameless(program: &Program, wishes: &Wishes, patterns: &[PatternId]) -> Result<(), CliError> {
    let Some((option, place)) = wishes.nameless.first() else { return Ok(()) };
    let ids = (0..program.streams.len()).map(|at| StreamId(at as u32));
    let is_source = |id: &StreamId| matches!(program.stream(*id).origin, Origin::Source { .. });
    let fits = |id: &StreamId| match *option {
        "--in" => is_source(id) && is_read(program, patterns, *id),
        _ => !is_source(id) && is_made(program, patterns, *id),
    };
    let names: Vec<&str> = ids.filter(fits).map(|id| program.stream(id).name.as_str()).collect();
    let help = match names.as_slice() {
        [] => format!("write {option} STREAM={place}"),
        [name] => format!("write {option} {name}={place}"),
        names => format!("write {option} {}={place}, or another of: {}", names[0], names.join(", ")),
    };
    Err(CliError::asked(format!("`{option} {place}` does not say of which stream"), help))
}

/// Whether a running pattern reads this stream.
fn is_read(program: &Program, patterns: &[PatternId], stream: StreamId) -> bool {
    patterns.iter().any(|id| program.pattern(*id).source_of(stream).is_some())
}

/// Whether a running pattern emits to this stream.
fn is_made(program: &Program, patterns: &[PatternId], stream: StreamId) -> bool {
    patterns
        .iter()
        .map(|id| program.pattern(*id))
        .any(|pattern| pattern.emits.iter().chain(&pattern.timeout_emits).any(|emit| emit.stream == stream))
}

fn bind_inputs(program: &Program, wishes: &Wishes, plan: &mut RunPlan) -> Result<(), CliError> {
    for (name, _) in &wishes.inputs {
        let id = stream_named(program, name)?;
        if matches!(program.stream(id).origin, Origin::Derived { .. }) {
            let message = format!("stream `{name}` is made by patterns, and cannot be read");
            return Err(CliError::asked(message, "bind the streams that these patterns read"));
        }
        if !is_read(program, &plan.patterns, id) {
            plan.unused.push(format!("no running pattern reads stream `{name}`: its input is left alone"));
        }
    }
    let mut unbound = Vec::new();
    for (at, stream) in program.streams.iter().enumerate() {
        let id = StreamId(at as u32);
        if matches!(stream.origin, Origin::Derived { .. }) || !is_read(program, &plan.patterns, id) {
            continue;
        }
        let before = plan.partitions.len();
        for (_, inputs) in wishes.inputs.iter().filter(|(name, _)| *name == stream.name) {
            plan.partitions.extend(inputs.iter().map(|input| (id, input.clone())));
        }
        if plan.partitions.len() == before {
            unbound.push(stream.name.as_str());
        }
    }
    if !unbound.is_empty() {
        let noun = if unbound.len() == 1 { "stream" } else { "streams" };
        let verb = if unbound.len() == 1 { "has" } else { "have" };
        let names: Vec<String> = unbound.iter().map(|name| format!("`{name}`")).collect();
        let flags: Vec<String> = unbound.iter().map(|name| format!("--in {name}=PATH")).collect();
        let message = format!("{noun} {} {verb} no input", names.join(", "));
        let mut help = vec![format!("add {}", flags.join(" "))];
        let them = if unbound.len() == 1 { "it" } else { "them" };
        let others = without(program, &plan.patterns, &unbound);
        if !others.is_empty() {
            help.push(format!("or run only what does not read {them}: --select {}", others.join(",")));
        }
        return Err(CliError::Asked { message, help });
    }
    refuse_twice(plan)
}

/// The patterns that need none of these streams, also not through the records that they read.
fn without<'a>(program: &'a Program, patterns: &[PatternId], streams: &[&str]) -> Vec<&'a str> {
    let needs = |id: &PatternId| {
        with_inputs(program, &[*id])
            .iter()
            .flat_map(|id| &program.pattern(*id).sources)
            .any(|source| streams.contains(&program.stream(source.stream).name.as_str()))
    };
    patterns.iter().filter(|id| !needs(id)).map(|id| program.pattern(*id).name.as_str()).collect()
}

/// A place that is read twice would count every event twice; standard input can be read only once.
fn refuse_twice(plan: &RunPlan) -> Result<(), CliError> {
    for (at, (stream, input)) in plan.partitions.iter().enumerate() {
        for (_, earlier) in &plan.partitions[..at] {
            if input == &Input::Stdin && earlier == &Input::Stdin {
                return Err(CliError::asked("standard input is bound twice", "it serves one stream"));
            }
        }
        let same = |other: &(StreamId, Input)| match (&other.1, input) {
            (Input::File(other), Input::File(input)) => !is_device(input) && real(other) == real(input),
            _ => false,
        };
        if plan.partitions[..at].iter().any(|other| other.0 == *stream && same(other)) {
            let message = format!("{} is bound twice to one stream", input.name());
            return Err(CliError::asked(message, "bind each file once: every event would count twice"));
        }
    }
    Ok(())
}

/// What of a stream an output name means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Records,
    Late,
    Bad,
}

fn part_of<'a>(program: &Program, name: &'a str) -> (&'a str, Part) {
    if program.stream_named(name).is_some() {
        return (name, Part::Records);
    }
    match name.rsplit_once('.') {
        Some((stream, "late")) => (stream, Part::Late),
        Some((stream, "bad")) => (stream, Part::Bad),
        _ => (name, Part::Records),
    }
}

fn bind_outputs(program: &Program, wishes: &Wishes, plan: &mut RunPlan) -> Result<(), CliError> {
    for (name, output) in &wishes.outputs {
        let (stream, part) = part_of(program, name);
        let id = stream_named(program, stream)?;
        let is_source = matches!(program.stream(id).origin, Origin::Source { .. });
        if is_source == (part == Part::Records) {
            return Err(wrong_part(stream, is_source));
        }
        if is_source && !is_read(program, &plan.patterns, id)
            || !is_source && !is_made(program, &plan.patterns, id)
        {
            plan.unused
                .push(format!("nothing will come out at `{name}`: no running pattern has to do with it"));
        }
        let sink = sink_for(plan, output);
        let stream = &mut plan.streams[id.index()];
        let slot = match part {
            Part::Records => &mut stream.records,
            Part::Late => &mut stream.late,
            Part::Bad => &mut stream.bad,
        };
        if slot.is_some_and(|before| before != sink) {
            return Err(CliError::asked(format!("`{name}` is bound to two places"), "bind each output once"));
        }
        *slot = Some(sink);
    }
    if plan.streams.iter().all(|stream| stream.records.is_none()) {
        let sink = sink_for(plan, &Output::Stdout);
        for (at, stream) in program.streams.iter().enumerate() {
            if matches!(stream.origin, Origin::Derived { .. }) {
                plan.streams[at].records = Some(sink);
            }
        }
    }
    Ok(())
}

fn wrong_part(stream: &str, is_source: bool) -> CliError {
    if is_source {
        let message = format!("stream `{stream}` is an input");
        CliError::asked(message, format!("bind its late events or bad lines: {stream}.late, {stream}.bad"))
    } else {
        let message =
            format!("stream `{stream}` is made by patterns: it has no late events and no bad lines");
        CliError::asked(message, format!("bind its records: --out {stream}=PATH"))
    }
}

fn sink_for(plan: &mut RunPlan, output: &Output) -> usize {
    let is_same = |sink: &Output| match (sink, output) {
        (Output::File(sink), Output::File(output)) => real(sink) == real(output),
        _ => sink == output,
    };
    plan.sinks.iter().position(is_same).unwrap_or_else(|| {
        plan.sinks.push(output.clone());
        plan.sinks.len() - 1
    })
}

/// Bad lines go beside the first output that is a file; without one, to the working directory.
fn place_bad_files(program: &Program, wishes: &Wishes, plan: &mut RunPlan) {
    let first = wishes.outputs.iter().find_map(|(_, output)| match output {
        Output::File(path) if !is_device(path) => path.parent(),
        _ => None,
    });
    let folder = first.unwrap_or(Path::new("")).to_owned();
    for (stream, planned) in program.streams.iter().zip(&mut plan.streams) {
        planned.bad_file = folder.join(format!("{}.bad.jsonl", stream.name));
    }
}

/// An output that is also an input would be emptied before it is read.
fn refuse_overwriting_inputs(plan: &RunPlan) -> Result<(), CliError> {
    let file = |sink: &Output| match sink {
        Output::File(path) => Some(path.clone()),
        Output::Stdout => None,
    };
    plan.sinks.iter().filter_map(file).try_for_each(|output| refuse_overwriting(plan, &output))
}

/// Refuses to write a file that is read.
pub(super) fn refuse_overwriting(plan: &RunPlan, output: &Path) -> Result<(), CliError> {
    match is_input(plan, output) {
        true => {
            let message = format!("{} is an input and an output", output.display());
            Err(CliError::asked(message, "write to another file"))
        }
        false => Ok(()),
    }
}

/// A file with columns has those of one stream; bad lines have none.
fn refuse_mixed_columns(program: &Program, plan: &RunPlan) -> Result<(), CliError> {
    for (sink, output) in plan.sinks.iter().enumerate() {
        let Output::File(path) = output else { continue };
        if Columns::separator_of(path).is_none() {
            continue;
        }
        let is_it = |part: Option<usize>| part == Some(sink);
        if plan.streams.iter().any(|stream| is_it(stream.bad)) {
            let message = format!("bad lines have no columns, and {} would have some", path.display());
            return Err(CliError::asked(message, "name a file for JSON lines: --out STREAM.bad=PATH.jsonl"));
        }
        let parts = plan.streams.iter().zip(&program.streams);
        let bound = parts.filter(|(stream, _)| is_it(stream.records) || is_it(stream.late));
        let names: Vec<&str> = bound.map(|(_, stream)| stream.name.as_str()).collect();
        if names.len() > 1 {
            let names = names.join("` and `");
            let message =
                format!("`{names}` have different columns, and {} has one first line", path.display());
            return Err(CliError::asked(message, "name a file for each, or one for JSON lines"));
        }
    }
    Ok(())
}

/// The file that bad lines go to unasked must not be one that holds something else.
fn refuse_bad_file(program: &Program, plan: &RunPlan) -> Result<(), CliError> {
    for (stream, planned) in program.streams.iter().zip(&plan.streams) {
        let is_read = plan.partitions.iter().any(|(id, _)| program.stream(*id).name == stream.name);
        if !is_read || planned.bad.is_some() {
            continue;
        }
        let file = real(&planned.bad_file);
        let is_output = |sink: &Output| matches!(sink, Output::File(path) if real(path) == file);
        let what = match () {
            () if is_input(plan, &file) => "an input",
            () if plan.sinks.iter().any(is_output) => "another output",
            () => continue,
        };
        let message = format!(
            "bad lines of `{}` would go to {}, which is {what}",
            stream.name,
            planned.bad_file.display()
        );
        return Err(CliError::asked(message, format!("name another file: --out {}.bad=PATH", stream.name)));
    }
    Ok(())
}

/// Whether a file is read. A device may be read and written.
fn is_input(plan: &RunPlan, path: &Path) -> bool {
    let file = real(path);
    let same = |input: &Input| matches!(input, Input::File(input) if real(input) == file);
    !is_device(path) && plan.partitions.iter().any(|(_, input)| same(input))
}

fn stream_named(program: &Program, name: &str) -> Result<StreamId, CliError> {
    program.stream_named(name).ok_or_else(|| {
        let known = program.streams.iter().map(|stream| stream.name.as_str());
        CliError::asked(format!("there is no stream `{name}`"), did_you_mean(name, known, "streams"))
    })
}

#[cfg(test)]
mod tests;
