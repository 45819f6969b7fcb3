//! The automaton as text, for people.
//!
//! Positions are numbered in the order in which a run can come to them: the start leads to #1. Inside the automaton
//! they are numbered from the end, as they are built.

use std::fmt::Write as _;

use super::{Automaton, Position, PositionId, Way};
use crate::lang::hir::{Conjunct, Greed, Mode, Pattern, Program, Skip, Step, Word};
use crate::limits::{MATCHES_PER_EVENT_MAX, OPEN_MAX};
use crate::shown::grouped;
use crate::time::Duration;

/// From so many equal positions in a row on, they are shown in one line.
const EQUAL_LINKS_MIN: usize = 3;

/// Explains a pattern: its streams and key, its steps with where each condition is checked, its positions with the
/// ways between them, what ends a match, and what bounds its state.
pub fn explain(program: &Program, pattern: &Pattern, automaton: &Automaton) -> String {
    let mut out = String::new();
    head(&mut out, program, pattern);
    steps(&mut out, program, pattern);
    Drawing::new(pattern, automaton).draw(&mut out);
    bounds(&mut out, pattern);
    out
}

/// What stands around the drawing of an automaton.
pub(super) struct Texts {
    /// What the pattern is.
    pub(super) head: String,
    /// Its conditions and bounds.
    pub(super) below: String,
}

/// What is said of a pattern beside its automaton.
pub(super) fn section_texts(program: &Program, pattern: &Pattern) -> Texts {
    let (mut head_text, mut below) = (String::new(), String::new());
    head(&mut head_text, program, pattern);
    steps(&mut below, program, pattern);
    bounds(&mut below, pattern);
    Texts { head: head_text, below: below.trim_start().to_owned() }
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
    let name = |source: &crate::lang::hir::Source| program.stream(source.stream).name.as_str();
    let streams: Vec<&str> = pattern.sources.iter().map(name).collect();
    let keys: Vec<&str> = pattern.keys.iter().map(|key| key.name.as_str()).collect();
    let by = if keys.is_empty() { "as one global key".to_owned() } else { format!("by {}", keys.join(", ")) };
    line!(out, "  reads  {} {by}", streams.join(", "));
    for (source, clause) in pattern.sources.iter().zip(&pattern.written.filters) {
        if let Some(clause) = clause {
            let text = &clause.text;
            line!(out, "         of {} only where {text}: checked before the key is looked up", name(source));
        }
    }
    let mode = match pattern.mode {
        Mode::First => "one match per episode, as soon as it is certain",
        Mode::Longest => "the longest match of the earliest start, once it cannot grow",
        Mode::All => "every match",
    };
    match &pattern.tally {
        None => line!(out, "  gives  {mode}; {}", skip_text(pattern)),
        Some(_) => line!(out, "  gives  {mode} in a tally: one record for all that an event completes"),
    }
    let mut emitted: Vec<&str> = Vec::new();
    for emit in pattern.emits.iter().chain(&pattern.timeout_emits) {
        let stream = program.stream(emit.stream).name.as_str();
        if !emitted.contains(&stream) {
            emitted.push(stream);
        }
    }
    line!(out, "  emits  {}", emitted.join(", "));
}

fn skip_text(pattern: &Pattern) -> String {
    match pattern.skip {
        Skip::None => "skip none".to_owned(),
        Skip::ToNext => "then skip to next".to_owned(),
        Skip::PastLast => "then skip past last".to_owned(),
        Skip::ToFirst(step) => format!("then skip to first {}", pattern.step(step).name),
        Skip::ToLast(step) => format!("then skip to last {}", pattern.step(step).name),
    }
}

/// The steps, each part of a condition with how often it is checked.
fn steps(out: &mut String, program: &Program, pattern: &Pattern) {
    line!(out, "\nconditions");
    let label = |step: &Step| {
        let not = if step.absent { "not " } else { "" };
        let names = step.sources.iter().map(|at| program.stream(pattern.sources[*at].stream).name.as_str());
        let of = match step.sources.len() < pattern.sources.len() {
            true => format!(": {}", names.collect::<Vec<_>>().join(", ")),
            false => String::new(),
        };
        format!("{not}{}{of}", step.name)
    };
    let labels: Vec<String> = pattern.steps.iter().map(label).collect();
    let width = labels.iter().map(|label| width(label)).max().unwrap_or(0);
    let parts = pattern.steps.iter().flat_map(|step| &step.conditions);
    let text_width = parts.map(|part| self::width(&part.text)).max().unwrap_or(0);
    for (step, label) in pattern.steps.iter().zip(&labels) {
        if step.conditions.is_empty() {
            line!(out, "  {label:width$}  every event fits");
        }
        for (at, part) in step.conditions.iter().enumerate() {
            let label = if at == 0 { label.as_str() } else { "" };
            line!(out, "  {label:width$}  {:text_width$}  {}", part.text, how_often(part));
        }
    }
    let steps = pattern.steps.iter().map(|step| step.name.clone()).zip(&pattern.written.steps);
    let loops = steps.filter_map(|(name, step)| Some((name, step.until.as_ref()?)));
    let groups = pattern.written.groups.iter().filter_map(|group| group.until.as_ref());
    let groups = groups.map(|until| (format!("the group of line {}", until.line), until));
    for (name, until) in loops.chain(groups) {
        line!(out, "  {name} until {}: per open run that could go on with it", until.text);
    }
    if let Some(having) = &pattern.written.having {
        let when = match pattern.tally {
            Some(_) => "once per record of the tally",
            None => "when a run reaches the end; until it holds the run goes on",
        };
        line!(out, "  having {}: {when}", having.text);
    }
}

fn how_often(part: &Conjunct) -> &'static str {
    match (part.local, part.waived_while_empty) {
        (true, _) => "once per event",
        (false, false) => "per open run",
        (false, true) => "per open run, not for the loop's first event",
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The positions of an automaton, in the order in which a run can come to them.
pub(super) struct Drawing<'a> {
    pattern: &'a Pattern,
    automaton: &'a Automaton,
    order: Vec<PositionId>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(pattern: &'a Pattern, automaton: &'a Automaton) -> Drawing<'a> {
        let mut order: Vec<PositionId> = Vec::new();
        let mut is_seen = vec![false; automaton.positions.len()];
        let mut add = |ways: &[Way], order: &mut Vec<PositionId>| {
            for target in ways.iter().flat_map(|way| &way.targets) {
                if !std::mem::replace(&mut is_seen[target.index()], true) {
                    order.push(*target);
                }
            }
        };
        add(&automaton.start, &mut order);
        let mut next = 0;
        while let Some(id) = order.get(next).copied() {
            add(&automaton.position(id).ways, &mut order);
            next += 1;
        }
        Drawing { pattern, automaton, order }
    }

    fn draw(&self, out: &mut String) {
        line!(out, "\nautomaton");
        for absence in &self.automaton.leading {
            let name = &self.pattern.step(absence.step).name;
            line!(out, "  no {name} in the {} before the first event", absence.wait);
        }
        let names = self.order.iter().map(|id| self.step_name(*id));
        let number = self.order.len().to_string().len() + 1;
        let width = number + 1 + names.map(width).max().unwrap_or(0);
        let lines = self.automaton.start.iter().map(|way| self.way(way, true)).collect();
        entry(out, "start", width, lines);
        let mut at = 0;
        while at < self.order.len() {
            let equal = self.links(at);
            let head = |at: usize| {
                let shown = format!("#{}", at + 1);
                format!("{shown:number$} {}", self.step_name(self.order[at]))
            };
            let position = self.automaton.position(self.order[at]);
            if equal > 0 {
                let lines =
                    vec![format!("{}, and so on to #{}", self.way(&position.ways[0], false), at + 1 + equal)];
                entry(out, &head(at), width, lines);
                at += equal;
            } else {
                entry(out, &head(at), width, self.position(position));
                at += 1;
            }
        }
    }

    fn step_name(&self, id: PositionId) -> &str {
        &self.pattern.step(self.automaton.position(id).step).name
    }

    /// The number by which a position is shown.
    fn number(&self, id: PositionId) -> usize {
        self.order.iter().position(|other| *other == id).map_or(0, |at| at + 1)
    }

    /// The positions, by their numbers.
    pub(super) fn order(&self) -> &[PositionId] {
        &self.order
    }

    /// How many equal positions in a row begin here, all but the last: none if they are few.
    pub(super) fn links(&self, at: usize) -> usize {
        let count = (at..self.order.len()).take_while(|at| self.is_link(*at)).count();
        if count >= EQUAL_LINKS_MIN { count } else { 0 }
    }

    /// Whether all that can follow is the next position, of the same step.
    fn is_link(&self, at: usize) -> bool {
        let position = self.automaton.position(self.order[at]);
        let Some(next) = self.order.get(at + 1) else { return false };
        let [way] = position.ways.as_slice() else { return false };
        way.targets == [*next]
            && position.end.is_none()
            && position.absences.is_empty()
            && position.next_absences.is_empty()
            && self.automaton.position(*next).step == position.step
    }

    fn position(&self, position: &Position) -> Vec<String> {
        let mut lines: Vec<String> = position.ways.iter().map(|way| self.way(way, false)).collect();
        let name = |step: &crate::event::StepId| self.pattern.step(*step).name.as_str();
        for step in &position.absences {
            lines.push(format!("ended by {}", name(step)));
        }
        for step in &position.next_absences {
            lines.push(format!("ended by {}, if it is the next event", name(step)));
        }
        let Some(end) = &position.end else { return lines };
        if end.is_immediate() {
            lines.push("match".to_owned());
        }
        for wait in &end.waits {
            let name = name(&wait.step);
            lines.push(match wait.wait {
                Some(wait) => format!("match {wait} later, unless {name} comes"),
                None => format!("match when the window closes, unless {name} comes"),
            });
        }
        for step in &end.next {
            lines.push(format!("match with the next event, unless it is {}", name(step)));
        }
        lines
    }

    fn way(&self, way: &Way, is_start: bool) -> String {
        let word = match way.word {
            _ if is_start => "any ",
            Word::Next => "next ",
            Word::Then => "then ",
            Word::ThenAny => "then any ",
        };
        let target = |id: &PositionId| format!("{} -> #{}", self.step_name(*id), self.number(*id));
        let targets: Vec<String> = way.targets.iter().map(target).collect();
        let mut text = format!("{word}{}", targets.join(", or "));
        if let Some(gap) = way.gap.filter(|_| !is_start) {
            let _ = write!(text, ", less than {gap} after the event before");
        }
        if let Some(one) = way.takes.map(|id| self.automaton.loop_(id)) {
            text.push_str(if one.until.is_some() { ", not past its `until`" } else { "" });
            text.push_str(if one.greed == Greed::Lazy { ", unless a way out fits" } else { "" });
        }
        if way.leaves.iter().any(|id| self.automaton.loop_(*id).greed == Greed::Greedy) {
            text.push_str(", closed by an event that fits the greedy loop");
        }
        text
    }
}

/// A head, and what belongs to it in lines of its own.
fn entry(out: &mut String, head: &str, width: usize, lines: Vec<String>) {
    for (at, text) in lines.iter().enumerate() {
        let head = if at == 0 { head } else { "" };
        line!(out, "  {head:width$}  {text}");
    }
}

fn bounds(out: &mut String, pattern: &Pattern) {
    line!(out, "\nbounds");
    match pattern.within {
        Some(within) => line!(out, "  a run, a match under way, lives less than {within} (`within`)"),
        None => line!(out, "  no window: a run lives until it matches, or an absence or `next` ends it"),
    }
    if let Some(keep) = pattern.keep {
        line!(out, "  open starts per key: at most {} (`keep`)", keep.count);
    }
    if let Some(limit) = pattern.limit {
        line!(out, "  matches per key in {}: at most {} (`limit`)", limit.per, limit.count);
    }
    for (group, steps) in windows(pattern) {
        line!(out, "  the group of {steps} lives less than {group} (its `within`)");
    }
    if pattern.body.len() > 1 || pattern.steps.iter().any(|step| step.many) {
        let (open, matches) = (grouped(OPEN_MAX), grouped(MATCHES_PER_EVENT_MAX));
        line!(out, "  open first events over all keys: at most {open} (`run --max-open`)");
        line!(out, "  matches of one event and key: at most {matches} (`run --max-matches`)");
    }
}

/// The windows of groups, each with the names of the steps inside.
fn windows(pattern: &Pattern) -> Vec<(Duration, String)> {
    let inside = |step: &Step, at: usize| {
        let mut group = step.group;
        while let Some(id) = group.filter(|id| id.0 as usize != at) {
            group = pattern.groups[id.0 as usize].parent;
        }
        group.is_some()
    };
    let groups = pattern.groups.iter().enumerate();
    groups
        .filter_map(|(at, group)| {
            let steps = pattern.steps.iter().filter(|step| inside(step, at));
            let names: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
            Some((group.within?, names.join(", ")))
        })
        .collect()
}
