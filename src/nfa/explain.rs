//! The automaton as text, for people.

use std::fmt::Write as _;

use super::{Automaton, Position, Way};
use crate::lang::hir::{Greed, Mode, Pattern, Program, Skip, Word};

/// Explains a pattern: its streams and key, its steps with where each condition is checked, its positions with the
/// ways between them, what ends a match, and what bounds its state.
pub fn explain(program: &Program, pattern: &Pattern, automaton: &Automaton) -> String {
    let mut out = String::new();
    head(&mut out, program, pattern);
    steps(&mut out, program, pattern);
    positions(&mut out, pattern, automaton);
    tail(&mut out, pattern);
    out
}

/// Writing to a string cannot fail.
macro_rules! line {
    ($out:expr, $($arguments:tt)*) => {{
        let _ = writeln!($out, $($arguments)*);
    }};
}

fn head(out: &mut String, program: &Program, pattern: &Pattern) {
    line!(out, "pattern {}", pattern.name);
    if let Some(doc) = &pattern.doc {
        doc.lines().for_each(|text| line!(out, "  {text}"));
    }
    let streams: Vec<&str> =
        pattern.sources.iter().map(|source| program.stream(source.stream).name.as_str()).collect();
    let keys: Vec<&str> = pattern.keys.iter().map(|key| key.name.as_str()).collect();
    let by = if keys.is_empty() { "one global key".to_owned() } else { format!("by {}", keys.join(", ")) };
    line!(out, "  reads     {} {by}", streams.join(", "));
    let filtered = pattern.sources.iter().filter(|source| source.filter.is_some()).count();
    if filtered > 0 {
        line!(out, "            `where` of {filtered} source(s) is checked before the key is looked up");
    }
    let mode = match pattern.mode {
        Mode::First => "match: one per episode, as soon as it is certain",
        Mode::Longest => "match longest: the fullest of the earliest start, once it cannot grow",
        Mode::All => "match all: every match",
    };
    line!(out, "  gives     {mode}; {}", skip_text(pattern));
}

fn skip_text(pattern: &Pattern) -> String {
    match pattern.skip {
        Skip::None => "skip none".to_owned(),
        Skip::ToNext => "skip to next".to_owned(),
        Skip::PastLast => "skip past last".to_owned(),
        Skip::ToFirst(step) => format!("skip to first {}", pattern.step(step).name),
        Skip::ToLast(step) => format!("skip to last {}", pattern.step(step).name),
    }
}

fn steps(out: &mut String, program: &Program, pattern: &Pattern) {
    line!(out, "\nsteps");
    let width = pattern.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for step in &pattern.steps {
        let not = if step.absent { "not " } else { "" };
        let of = if step.sources.len() < pattern.sources.len() {
            let names =
                step.sources.iter().map(|at| program.stream(pattern.sources[*at].stream).name.as_str());
            format!(" of {}", names.collect::<Vec<_>>().join(", "))
        } else {
            String::new()
        };
        let condition =
            if step.text.is_empty() { "any event".to_owned() } else { format!("where {}", step.text) };
        line!(out, "  {not}{:width$}{of}  {condition}", step.name);
        let local = step.conditions.iter().filter(|part| part.local).count();
        let held = step.conditions.len() - local;
        if local > 0 {
            line!(out, "  {:width$}    {local} part(s) checked once per event", "");
        }
        if held > 0 {
            line!(out, "  {:width$}    {held} part(s) checked per open run: they read earlier events", "");
        }
    }
}

fn positions(out: &mut String, pattern: &Pattern, automaton: &Automaton) {
    line!(out, "\nautomaton: {} positions", automaton.positions.len());
    for absence in &automaton.leading {
        let name = &pattern.step(absence.step).name;
        line!(out, "  before the first event: no {name} in the {} before it", absence.wait);
    }
    line!(out, "  start");
    automaton.start.iter().for_each(|way| way_line(out, pattern, automaton, way, true));
    for (number, position) in automaton.positions.iter().enumerate() {
        line!(out, "  #{number} has taken {}", pattern.step(position.step).name);
        position.ways.iter().for_each(|way| way_line(out, pattern, automaton, way, false));
        absence_lines(out, pattern, position);
        end_line(out, pattern, position);
    }
}

fn way_line(out: &mut String, pattern: &Pattern, automaton: &Automaton, way: &Way, is_start: bool) {
    let word = match way.word {
        _ if is_start => "any event",
        Word::Next => "next",
        Word::Then => "then",
        Word::ThenAny => "then any",
    };
    let targets = way
        .targets
        .iter()
        .map(|target| format!("{} #{}", pattern.step(automaton.position(*target).step).name, target.index()));
    let mut notes = String::new();
    if way.repeats {
        notes.push_str(", again");
    }
    if let Some(gap) = way.gap.filter(|_| !is_start) {
        let _ = write!(notes, ", less than {gap} after the event before");
    }
    if let Some(one) = way.takes.map(|id| automaton.loop_(id)) {
        notes.push_str(if one.until.is_some() { ", not past its until" } else { "" });
        notes.push_str(if one.greed == Greed::Lazy { ", unless a way out fits" } else { "" });
    }
    if way.leaves.iter().any(|id| automaton.loop_(*id).greed == Greed::Greedy) {
        notes.push_str(", closed by an event that fits the greedy loop");
    }
    line!(out, "     {word} -> {}{notes}", targets.collect::<Vec<_>>().join(" or "));
}

fn absence_lines(out: &mut String, pattern: &Pattern, position: &Position) {
    for step in &position.absences {
        line!(out, "     ended by {}", pattern.step(*step).name);
    }
    for step in &position.next_absences {
        line!(out, "     ended by {}, if it is the next event", pattern.step(*step).name);
    }
}

fn end_line(out: &mut String, pattern: &Pattern, position: &Position) {
    let Some(end) = &position.end else { return };
    if end.is_immediate() {
        line!(out, "     match");
    }
    for wait in &end.waits {
        let name = &pattern.step(wait.step).name;
        match wait.wait {
            Some(wait) => line!(out, "     match {wait} later, unless {name} comes"),
            None => line!(out, "     match when the window closes, unless {name} comes"),
        }
    }
    for step in &end.next {
        line!(out, "     match with the next event, unless it is {}", pattern.step(*step).name);
    }
}

fn tail(out: &mut String, pattern: &Pattern) {
    line!(out, "\nbounds");
    match pattern.within {
        Some(within) => line!(out, "  a run lives less than {within} (within)"),
        None => line!(out, "  no window: a run lives until it matches, or an absence or `next` ends it"),
    }
    if let Some(keep) = pattern.keep {
        line!(out, "  at most {} open starts per key (keep)", keep.count);
    }
    if let Some(limit) = pattern.limit {
        line!(out, "  at most {} match(es) per key in {} (limit)", limit.count, limit.per);
    }
    if pattern.having.is_some() {
        line!(out, "  `having` is checked when a run reaches the end; until it holds the run goes on");
    }
}
