//! `ensue state ls`: how far a run was, and what it holds.

use clap::Args;
use serde_json::{Value as Json, json};

use super::{Found, Place, ago, columns, open};
use crate::cli::rules::OldProgram;
use crate::cli::{CliError, Format, Verdict, print};
use crate::engine::Engine;
use crate::matcher::Class;
use crate::runtime::epochs::Mark;
use crate::time::EventTime;

/// Say how far a run was, and what its state holds
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state ls state
  ensue state ls monday.savepoint --format json")]
pub(super) struct LsArgs {
    #[command(flatten)]
    place: Place,
}

/// A pattern in the list.
struct Line {
    name: String,
    class: Class,
    drains: bool,
    unit: u32,
    /// Whether others are in its unit.
    is_shared: bool,
    keys: u64,
    bytes: u64,
    open: u64,
    found: u64,
}

pub(super) fn run(args: &LsArgs) -> Result<Verdict, CliError> {
    let place = &args.place.place;
    let found = open(place)?;
    let (old, engine) = found.engine(place)?;
    let event_time = engine.time();
    let lines = lines(&found, &old, engine)?;
    let mark = &found.recovered.mark;
    print(&match args.place.format {
        Format::Text => format!("{}\n{}", place.display(), text((mark, event_time), &lines)),
        Format::Json => format!("{}\n", as_json(&place.display().to_string(), (mark, event_time), &lines)),
    })?;
    Ok(Verdict::Yes)
}

fn lines(found: &Found, old: &OldProgram, mut engine: Engine) -> Result<Vec<Line>, CliError> {
    let open = engine.open()?;
    let mut lines = Vec::new();
    for (unit, group) in found.recovered.mark.units.iter().zip(&old.groups) {
        let own = || found.recovered.keys.iter().filter(|state| state.unit == unit.number);
        let (keys, bytes) = (own().count() as u64, own().map(|state| state.bytes.len() as u64).sum());
        for (shape, id) in unit.patterns.iter().zip(&group.patterns) {
            let open = open.iter().find(|open| open.pattern == *id);
            lines.push(Line {
                name: shape.name.clone(),
                class: unit.class,
                drains: shape.drains,
                unit: unit.number,
                is_shared: unit.patterns.len() > 1,
                keys,
                bytes,
                open: open.map_or(0, |open| open.open),
                found: open.map_or(0, |open| open.found),
            });
        }
    }
    lines.sort_by(|one, other| (&one.name, one.drains).cmp(&(&other.name, other.drains)));
    Ok(lines)
}

/// How far event time has come, where it has begun and not ended.
fn shown_time(time: EventTime) -> Option<String> {
    (EventTime::START < time && time < EventTime::END).then(|| time.to_string())
}

fn text((mark, event_time): (&Mark, EventTime), lines: &[Line]) -> String {
    let events = mark.counts.get("events").copied().unwrap_or_default();
    let end = if mark.is_done { ", at the end of the run" } else { "" };
    let mut text = format!("epoch {}{end}, written {}; {events} events\n", mark.epoch, ago(mark.at_ms));
    text.extend(shown_time(event_time).map(|time| format!("event time {time}\n")));
    let inputs: Vec<Vec<String>> = mark
        .inputs
        .iter()
        .map(|input| {
            let end = if input.is_at_end { "at its end" } else { "" };
            vec![
                format!("{}={}", input.stream, input.name),
                format!("{} lines", input.lines),
                format!("{} bytes", input.bytes),
                end.to_owned(),
            ]
        })
        .collect();
    let outputs: Vec<Vec<String>> =
        mark.outputs.iter().map(|(path, bytes)| vec![path.clone(), format!("{bytes} bytes")]).collect();
    let mut patterns = vec![["pattern", "class", "keys", "open", "bytes", ""].map(str::to_owned).to_vec()];
    for line in lines {
        let mut notes = Vec::new();
        notes.extend(line.drains.then(|| "draining".to_owned()));
        notes.extend(line.is_shared.then(|| format!("keys and bytes of unit {} together", line.unit)));
        notes.extend((line.found > 0).then(|| format!("{} found and not written yet", line.found)));
        let numbers = [line.keys, line.open, line.bytes].map(|number| number.to_string());
        let cells =
            [vec![line.name.clone(), line.class.to_string()], numbers.to_vec(), vec![notes.join(", ")]];
        patterns.push(cells.concat());
    }
    for (title, rows) in [("inputs", &inputs), ("outputs", &outputs), ("patterns", &patterns)] {
        if !rows.is_empty() {
            text.push_str(&format!("{title}\n{}", columns(rows)));
        }
    }
    text
}

fn as_json(place: &str, (mark, event_time): (&Mark, EventTime), lines: &[Line]) -> Json {
    let inputs: Vec<Json> = mark
        .inputs
        .iter()
        .map(|input| {
            json!({
                "stream": input.stream, "partition": input.partition, "name": input.name,
                "lines": input.lines, "bytes": input.bytes, "is_at_end": input.is_at_end,
            })
        })
        .collect();
    let patterns: Vec<Json> = lines
        .iter()
        .map(|line| {
            json!({
                "pattern": line.name, "class": line.class.name(), "draining": line.drains, "unit": line.unit,
                "unit_keys": line.keys, "unit_bytes": line.bytes, "open": line.open, "found": line.found,
            })
        })
        .collect();
    json!({
        "place": place,
        "epoch": mark.epoch,
        "at": mark.at_ms,
        "is_done": mark.is_done,
        "event_time": shown_time(event_time),
        "counts": mark.counts,
        "inputs": inputs,
        "outputs": mark.outputs,
        "patterns": patterns,
    })
}
