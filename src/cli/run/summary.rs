//! What a run says at its end.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::feed::Report;
use super::outputs::{Outputs, name};
use super::plan::RunPlan;
use crate::cli::program::counted;
use crate::event::{PatternId, StreamId};
use crate::lang::hir::{Origin, Program};
use crate::shown::grouped;

/// What a run says at its end, with everything looked up.
pub(super) struct Summary {
    events: u64,
    /// How many of them a run before this one has read.
    events_before: u64,
    seconds: f64,
    partitions: usize,
    /// Events that were not to be looked at: the stream, and how many.
    skipped: Vec<(String, u64)>,
    /// Late events: the stream, how many, where they are.
    late: Vec<(String, u64, Option<String>)>,
    /// Bad lines: the stream, how many by reason, where they are.
    bad: Vec<(String, BTreeMap<&'static str, u64>, String)>,
    patterns: Vec<PatternLine>,
    /// Output streams: how many records, where they are.
    outputs: Vec<(String, u64, Option<String>)>,
    /// Events that a null in their key kept out of every key.
    null_keys: u64,
    /// Overflows and divisions by zero, which gave null.
    faults: u64,
    state_bytes_peak: u64,
}

/// What came of one pattern.
struct PatternLine {
    name: String,
    matches: u64,
    /// Timeouts, where it emits them.
    timeouts: u64,
    /// Matches that `limit` held back.
    suppressed: u64,
    /// Starts that `keep` dropped.
    dropped: u64,
    /// First events whose partial matches a bound has ended.
    ended: u64,
    /// Events whose matches a bound has cut short.
    cut_short: u64,
}

impl Summary {
    pub(super) fn new(program: &Program, plan: &RunPlan, outputs: &Outputs<'_>, report: &Report) -> Summary {
        let place = |sink: Option<usize>| sink.map(|sink| name(&plan.sinks[sink]));
        let stats = report.engine.stats();
        let name_of = |stream: &StreamId| program.stream(*stream).name.clone();
        let late = report
            .late
            .iter()
            .map(|(stream, count)| (name_of(stream), *count, place(plan.streams[stream.index()].late)));
        let mut bad: BTreeMap<StreamId, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for ((stream, reason), count) in &report.bad {
            bad.entry(*stream).or_default().insert(reason, *count);
        }
        let bad = bad.into_iter().map(|(id, reasons)| (name_of(&id), reasons, outputs.bad_place(id)));
        let pattern = |id: &PatternId| {
            let stats = stats.patterns[id.index()];
            let pattern = program.pattern(*id);
            PatternLine {
                name: pattern.title(),
                matches: stats.matches,
                timeouts: if pattern.timeout_emits.is_empty() { 0 } else { stats.timeouts },
                suppressed: stats.suppressed,
                dropped: stats.dropped,
                ended: stats.ended,
                cut_short: stats.cut_short,
            }
        };
        let is_output = |at: &usize| matches!(program.streams[*at].origin, Origin::Derived { .. });
        let output = |at: usize| {
            (program.streams[at].name.clone(), outputs.records[at], place(plan.streams[at].records))
        };
        Summary {
            events: report.events,
            events_before: report.events_before,
            seconds: report.elapsed.as_secs_f64(),
            partitions: plan.partitions.len(),
            skipped: report.skipped.iter().map(|(stream, count)| (name_of(stream), *count)).collect(),
            late: late.collect(),
            bad: bad.collect(),
            patterns: plan.patterns.iter().map(pattern).collect(),
            outputs: (0..program.streams.len()).filter(is_output).map(output).collect(),
            null_keys: stats.null_keys,
            faults: stats.faults + stats.patterns.iter().map(|pattern| pattern.faults).sum::<u64>(),
            state_bytes_peak: stats.state_bytes_peak,
        }
    }

    fn events_per_second(&self) -> u64 {
        if self.seconds > 0.0 { ((self.events - self.events_before) as f64 / self.seconds) as u64 } else { 0 }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!(
            "events   {} from {}{} in {:.2} s: {} events/s",
            grouped(self.events),
            counted(self.partitions, "input"),
            match self.events_before {
                0 => String::new(),
                before if before == self.events => ", all of them before this start,".to_owned(),
                before => format!(", {} of them before this start,", grouped(before)),
            },
            self.seconds,
            grouped(self.events_per_second()),
        )];
        for (stream, count) in &self.skipped {
            lines.push(format!("skipped  {} of {stream}, not between --since and --until", grouped(*count)));
        }
        for (stream, count, place) in &self.late {
            let place = match place {
                Some(place) => format!("in {place}"),
                None => format!("not written: bind --out {stream}.late=PATH to see them"),
            };
            lines.push(format!("late     {} of {stream}, {place}", grouped(*count)));
        }
        for (stream, reasons, place) in &self.bad {
            let all = reasons.values().sum();
            let reasons: Vec<String> =
                reasons.iter().map(|(reason, count)| format!("{reason} {}", grouped(*count))).collect();
            lines.push(format!("bad      {} of {stream} ({}), in {place}", grouped(all), reasons.join(", ")));
        }
        if self.null_keys > 0 {
            lines.push(format!("no key   {}: a part of the key was null", grouped(self.null_keys)));
        }
        if self.faults > 0 {
            lines.push(format!("null     {} overflows or divisions by zero gave null", grouped(self.faults)));
        }
        lines.extend(self.pattern_lines());
        for (stream, count, place) in &self.outputs {
            let place = match place {
                Some(place) => format!("to {place}"),
                None => format!("not written: bind --out {stream}=PATH to see them"),
            };
            let noun = if *count == 1 { "record" } else { "records" };
            lines.push(format!("output   {} {noun} of {stream} {place}", grouped(*count)));
        }
        lines.push(format!("state    {} at its peak", bytes(self.state_bytes_peak)));
        lines.join("\n")
    }

    fn pattern_lines(&self) -> Vec<String> {
        let width = self.patterns.iter().map(|line| line.name.len()).max().unwrap_or(0);
        let part = |count: u64, what: &str| {
            if count == 0 { String::new() } else { format!(", {} {what}", grouped(count)) }
        };
        let line = |line: &PatternLine| {
            format!(
                "pattern  {:<width$}  {} {}{}{}{}{}{}",
                line.name,
                grouped(line.matches),
                if line.matches == 1 { "match" } else { "matches" },
                part(line.timeouts, if line.timeouts == 1 { "timeout" } else { "timeouts" }),
                part(line.suppressed, "suppressed by `limit`"),
                part(line.dropped, "dropped by `keep`"),
                part(line.ended, "open partial matches dropped at a bound"),
                part(line.cut_short, "events with more matches than a bound allows"),
            )
        };
        self.patterns.iter().map(line).collect()
    }

    /// For programs: one line.
    pub(super) fn json(&self) -> String {
        let streams = |entries: &[(String, u64, Option<String>)], count_name: &str| {
            let entry = |(stream, count, place): &(String, u64, Option<String>)| {
                (stream.clone(), json!({ count_name: count, "place": place }))
            };
            Json::Object(entries.iter().map(entry).collect())
        };
        let bad: Map<String, Json> = (self.bad.iter())
            .map(|(stream, reasons, place)| {
                (
                    stream.clone(),
                    json!({ "lines": reasons.values().sum::<u64>(), "reasons": reasons, "place": place }),
                )
            })
            .collect();
        let pattern = |line: &PatternLine| {
            let counts = json!({
                "matches": line.matches,
                "timeouts": line.timeouts,
                "suppressed": line.suppressed,
                "dropped": line.dropped,
                "dropped_at_bound": line.ended,
                "cut_short": line.cut_short,
            });
            (line.name.clone(), counts)
        };
        json!({
            "events": self.events,
            "seconds": self.seconds,
            "events_per_second": self.events_per_second(),
            "skipped": Json::Object(self.skipped.iter().map(|(stream, count)| (stream.clone(), json!(count))).collect()),
            "late": streams(&self.late, "events"),
            "bad": bad,
            "null_keys": self.null_keys,
            "faults": self.faults,
            "patterns": Json::Object(self.patterns.iter().map(pattern).collect()),
            "outputs": streams(&self.outputs, "records"),
            "state_bytes_peak": self.state_bytes_peak,
        })
        .to_string()
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
    }
}
