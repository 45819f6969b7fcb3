//! The automaton as a graph: boxes and arrows with words, for whoever draws it.
//!
//! Positions that differ in nothing but their number are one box. An absence is a box too: an event of it leads there,
//! which is the end of the run.

use super::explain::Drawing;
use super::{Automaton, Position, PositionId, Way};
use crate::event::StepId;
use crate::lang::hir::{Greed, Pattern, Program, Word};

/// What a box stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Start,
    Step,
    Absence,
    Match,
}

/// A box.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// What stands in it; the first line is the name.
    pub(super) lines: Vec<String>,
}

/// An arrow.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// What stands at it; nothing where there is nothing to say.
    pub(super) lines: Vec<String>,
    /// Whether it belongs to an absence.
    pub(super) is_dashed: bool,
}

/// Boxes and arrows. The boxes stand in the order in which a run can come to them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

impl Graph {
    /// The graph of a pattern's automaton.
    pub(super) fn of(program: &Program, pattern: &Pattern, automaton: &Automaton) -> Graph {
        let drawing = Drawing::new(pattern, automaton);
        let mut maker = Maker { pattern, automaton, graph: Graph::default(), boxes: Vec::new() };
        let absences = maker.leading();
        let start = maker.add(Kind::Start, vec!["start".to_owned()]);
        for (absence, wait) in absences {
            maker.connect((absence, start), vec![wait], true);
        }
        maker.add_positions(&drawing);
        let end = maker.add(Kind::Match, end_lines(program, pattern));
        for way in &automaton.start {
            maker.add_way(start, way, true);
        }
        for position in drawing.order() {
            maker.leave(*position, end);
        }
        maker.graph
    }
}

fn end_lines(program: &Program, pattern: &Pattern) -> Vec<String> {
    let mut lines = vec!["match".to_owned()];
    for emit in &pattern.emits {
        let line = format!("emit {}", program.stream(emit.stream).name);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

struct Maker<'a> {
    pattern: &'a Pattern,
    automaton: &'a Automaton,
    graph: Graph,
    /// The box of each position; several positions may have one.
    boxes: Vec<usize>,
}

impl Maker<'_> {
    fn add(&mut self, kind: Kind, lines: Vec<String>) -> usize {
        self.graph.nodes.push(Node { kind, lines });
        self.graph.nodes.len() - 1
    }

    /// The absences before the first step, and how long each waits.
    fn leading(&mut self) -> Vec<(usize, String)> {
        let leading = self.automaton.leading.iter();
        let leading: Vec<(StepId, String)> =
            leading.map(|absence| (absence.step, format!("for {} before", absence.wait))).collect();
        leading.into_iter().map(|(step, wait)| (self.absence(step), wait)).collect()
    }

    /// The box of an absence, one for each.
    fn absence(&mut self, step: StepId) -> usize {
        let name = format!("not {}", self.pattern.step(step).name);
        let is_it = |node: &Node| node.kind == Kind::Absence && node.lines[0] == name;
        match self.graph.nodes.iter().position(is_it) {
            Some(at) => at,
            None => self.add(Kind::Absence, vec![name]),
        }
    }

    fn add_positions(&mut self, drawing: &Drawing<'_>) {
        self.boxes = vec![0; self.automaton.positions.len()];
        let order = drawing.order();
        let mut at = 0;
        while at < order.len() {
            let count = drawing.links(at).max(1);
            let name = self.pattern.step(self.automaton.position(order[at]).step).name.clone();
            let lines = match count {
                1 => vec![name, format!("#{}", at + 1)],
                _ => vec![format!("{name} × {count}"), format!("#{} to #{}", at + 1, at + count)],
            };
            let made = self.add(Kind::Step, lines);
            order[at..at + count].iter().for_each(|position| self.boxes[position.index()] = made);
            at += count;
        }
    }

    /// What leads away from a position.
    fn leave(&mut self, id: PositionId, end: usize) {
        let here = self.boxes[id.index()];
        let automaton = self.automaton;
        let position = automaton.position(id);
        for way in &position.ways {
            let is_inside = way.targets.iter().all(|target| self.boxes[target.index()] == here);
            let is_link = is_inside && !way.targets.contains(&id);
            if !is_link {
                self.add_way(here, way, false);
            }
        }
        self.add_end(here, position, end);
        for step in &position.absences {
            self.add_absence(here, *step, Vec::new());
        }
        for step in &position.next_absences {
            self.add_absence(here, *step, vec!["next".to_owned()]);
        }
    }

    fn add_end(&mut self, here: usize, position: &Position, end: usize) {
        let Some(how) = &position.end else { return };
        let name = |step: &StepId| self.pattern.step(*step).name.clone();
        let mut lines = Vec::new();
        for wait in &how.waits {
            let name = name(&wait.step);
            lines.push(match wait.wait {
                Some(wait) => format!("{wait} without {name}"),
                None => format!("window closes without {name}"),
            });
        }
        lines.extend(how.next.iter().map(|step| format!("next event is no {}", name(step))));
        self.connect((here, end), lines, false);
        for wait in &how.waits {
            self.add_absence(here, wait.step, Vec::new());
        }
        for step in &how.next {
            self.add_absence(here, *step, vec!["next".to_owned()]);
        }
    }

    fn add_absence(&mut self, here: usize, step: StepId, lines: Vec<String>) {
        let absence = self.absence(step);
        self.connect((here, absence), lines, true);
    }

    fn add_way(&mut self, from: usize, way: &Way, is_start: bool) {
        let lines = self.way_lines(way, is_start);
        for (at, target) in way.targets.iter().enumerate() {
            let mut lines = lines.clone();
            if at > 0 {
                lines.push("if none before fits".to_owned());
            }
            self.connect((from, self.boxes[target.index()]), lines, false);
        }
    }

    fn way_lines(&self, way: &Way, is_start: bool) -> Vec<String> {
        let word = match way.word {
            _ if is_start => "any",
            Word::Next => "next",
            Word::Then => "then",
            Word::ThenAny => "then any",
        };
        let mut lines = vec![word.to_owned()];
        lines.extend(way.gap.filter(|_| !is_start).map(|gap| format!("gap < {gap}")));
        if let Some(one) = way.takes.map(|id| self.automaton.loop_(id)) {
            lines.extend(one.until.is_some().then(|| "until it ends".to_owned()));
            lines.extend((one.greed == Greed::Lazy).then(|| "lazy".to_owned()));
        }
        let is_greedy = |id: &super::LoopId| self.automaton.loop_(*id).greed == Greed::Greedy;
        if let Some(one) = way.leaves.iter().find(|id| is_greedy(id)) {
            let name = &self.pattern.step(self.automaton.loop_(*one).step).name;
            lines.push(format!("if no more {name}"));
        }
        lines
    }

    /// An arrow; where there is one already, what stands at it is joined.
    fn connect(&mut self, (from, to): (usize, usize), lines: Vec<String>, is_dashed: bool) {
        let known = self.graph.edges.iter_mut().find(|edge| (edge.from, edge.to) == (from, to));
        match known {
            None => self.graph.edges.push(Edge { from, to, lines, is_dashed }),
            Some(edge) if edge.lines == lines => {}
            Some(edge) => {
                let mut lines = lines.into_iter();
                edge.lines.extend(lines.next().map(|first| format!("or {first}")));
                edge.lines.extend(lines);
            }
        }
    }
}
