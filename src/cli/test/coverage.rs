//! `ensue test --coverage`: what of the patterns no test reaches, and where that is written.

use serde::Serialize;

use super::super::style;
use crate::event::{PatternId, StepId};
use crate::lang::hir::{Clause, Node, Pattern, Program, Repeat};
use crate::matcher::watch::Point;
use crate::script::Coverage;

/// Lines longer than this are broken before what they quote.
const WIDTH_MAX: usize = 80;

/// What the tests reach of a pattern.
pub(super) struct Report<'a> {
    pattern: &'a Pattern,
    /// How many tests ran it.
    tests: usize,
    pub(super) covered: usize,
    pub(super) points: usize,
    missed: Vec<Missed>,
}

/// Something that no test reaches.
#[derive(Serialize)]
struct Missed {
    /// `path:line`.
    place: String,
    kind: &'static str,
    /// What never happens.
    message: String,
    /// The condition in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(skip)]
    line: usize,
    /// Whether it goes without saying where all that is missed is listed.
    #[serde(skip)]
    is_implied: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(program: &'a Program, coverage: &Coverage, id: PatternId) -> Report<'a> {
        let pattern = program.pattern(id);
        let points: Vec<(Point, bool)> = coverage.points(id).collect();
        let is_missed = |point: Point| points.contains(&(point, false));
        let mut missed: Vec<Missed> = points
            .iter()
            .filter(|(_, seen)| !seen)
            .map(|(point, _)| missed(program, pattern, *point, is_implied(*point, &is_missed)))
            .collect();
        missed.sort_by_key(|missed| missed.line);
        let covered = points.len() - missed.len();
        Report { pattern, tests: coverage.tests(id), covered, points: points.len(), missed }
    }

    /// For people: a line, and one for each thing that is missed.
    pub(super) fn text(&self) -> String {
        let name = &self.pattern.name;
        let figures = figures(self.covered, self.points);
        if self.tests == 0 {
            let Pattern { written, .. } = self.pattern;
            let place = format!("{}:{}", written.path, written.line);
            return format!("{name}: {figures}\n  {place}: no test runs it\n");
        }
        let mut text = format!("{name}: {figures}\n");
        for missed in self.missed.iter().filter(|missed| !missed.is_implied) {
            let line = format!("  {}: {}", missed.place, missed.message);
            text.push_str(&line);
            if let Some(condition) = &missed.condition {
                let is_long = line.chars().count() + 2 + condition.chars().count() > WIDTH_MAX;
                text.push_str(if is_long { ":\n      " } else { ": " });
                text.push_str(condition);
            }
            text.push('\n');
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let line = Line {
            pattern: &self.pattern.name,
            tests: self.tests,
            covered: self.covered,
            points: self.points,
            missed: &self.missed,
        };
        serde_json::to_string(&line).expect("these members are JSON")
    }
}

#[derive(Serialize)]
struct Line<'a> {
    pattern: &'a str,
    tests: usize,
    covered: usize,
    points: usize,
    missed: &'a [Missed],
}

/// `covered 12 of 14`.
pub(super) fn figures(covered: usize, points: usize) -> String {
    let colour = if covered == points { "32" } else { "33" };
    style::painted(&format!("covered {covered} of {points}"), colour, style::stdout_has_colour())
}

/// Whether a point cannot be seen because of another one that is listed.
fn is_implied(point: Point, is_missed: &dyn Fn(Point) -> bool) -> bool {
    match point {
        // What nothing was ever asked about is told once, by its step.
        Point::Met(step, part) => {
            let is_unasked = is_missed(Point::Refuses(step, part));
            is_unasked && (is_missed(Point::Taken(step)) || is_missed(Point::Broken(step)))
        }
        Point::Refuses(step, part) => is_missed(Point::Met(step, part)),
        Point::Fewest(_) | Point::More(_) | Point::FewestRounds(_) | Point::MoreRounds(_) => {
            is_missed(Point::Match)
        }
        _ => false,
    }
}

fn missed(program: &Program, pattern: &Pattern, point: Point, is_implied: bool) -> Missed {
    let (line, kind, message, condition) = told(program, pattern, point);
    let place = format!("{}:{line}", pattern.written.path);
    Missed { place, kind, message, condition, line, is_implied }
}

/// The line of a point, what kind it is for programs, what never happens, and the condition in question.
fn told(program: &Program, pattern: &Pattern, point: Point) -> (usize, &'static str, String, Option<String>) {
    let written = &pattern.written;
    let name = |id: StepId| &pattern.step(id).name;
    let step = |id: StepId| &written.steps[id.index()];
    let repeat = |id: StepId| step_repeat(&pattern.body, id).unwrap_or(Repeat::ONCE);
    let group = |at: usize| &written.groups[at];
    let rounds = |at: usize| group_repeat(&pattern.body, &mut at.clone()).unwrap_or(Repeat::ONCE);
    let stream = |at: usize| &program.stream(pattern.sources[at].stream).name;
    let at_clause = |clause: &Option<Clause>, kind, message| {
        let clause = clause.clone().unwrap_or(Clause { line: written.line, text: String::new() });
        (clause.line, kind, message, Some(clause.text))
    };
    let plain =
        |line: Option<usize>, kind, message: String| (line.unwrap_or(written.line), kind, message, None);
    match point {
        Point::FilterMet(at) => {
            let message = format!("no event of {} gets in", stream(at));
            at_clause(&written.filters[at], "filter_met", message)
        }
        Point::FilterRefuses(at) => {
            let message = format!("no event of {} is kept out", stream(at));
            at_clause(&written.filters[at], "filter_refuses", message)
        }
        Point::Taken(id) => {
            plain(Some(step(id).line), "step_taken", format!("no event is taken as `{}`", name(id)))
        }
        Point::Met(id, part) => (
            step(id).conditions[part],
            "condition_met",
            format!("never true for `{}`", name(id)),
            Some(pattern.step(id).conditions[part].text.clone()),
        ),
        Point::Refuses(id, part) => (
            step(id).conditions[part],
            "condition_refuses",
            format!("nothing is kept from `{}` by this alone", name(id)),
            Some(pattern.step(id).conditions[part].text.clone()),
        ),
        Point::Fewest(id) => {
            let message = match repeat(id).min {
                0 => format!("no match goes without `{}`", name(id)),
                min => format!("no match has only {min} of `{}`", name(id)),
            };
            plain(Some(step(id).line), "step_fewest", message)
        }
        Point::More(id) => {
            let message = format!("no match has more than {} of `{}`", repeat(id).min.max(1), name(id));
            plain(Some(step(id).line), "step_more", message)
        }
        Point::FewestRounds(at) => {
            let message = match rounds(at).min {
                0 => "no match goes without this group".to_owned(),
                min => format!("no match has only {min} of this group"),
            };
            plain(Some(group(at).line), "group_fewest", message)
        }
        Point::MoreRounds(at) => {
            let message = format!("no match has more than {} of this group", rounds(at).min.max(1));
            plain(Some(group(at).line), "group_more", message)
        }
        Point::Until(id) => at_clause(&step(id).until, "until", format!("`until` never ends `{}`", name(id))),
        Point::GroupUntil(at) => {
            at_clause(&group(at).until, "group_until", "`until` never ends this group".to_owned())
        }
        Point::Broken(id) => {
            let message = format!("no event that is `{}` ends a match under way", name(id));
            plain(Some(step(id).line), "absence_broken", message)
        }
        Point::Gap(id) => {
            let message = format!("no event comes too late for the `gap` of `{}`", name(id));
            plain(Some(step(id).line), "gap", message)
        }
        Point::GroupWindow(at) => {
            let message = "no event comes too late for the `within` of this group".to_owned();
            plain(Some(group(at).line), "group_within", message)
        }
        Point::Window => plain(written.within, "within", "no event comes too late for `within`".to_owned()),
        Point::HavingMet => at_clause(&written.having, "having_met", "`having` is never true".to_owned()),
        Point::HavingRefuses => {
            at_clause(&written.having, "having_refuses", "`having` holds nothing back".to_owned())
        }
        Point::Match => plain(None, "match", "no match comes out".to_owned()),
        Point::Timeout => plain(written.timeout, "timeout", "no timeout comes out".to_owned()),
        Point::Limited => plain(written.limit, "limit", "`limit` holds nothing back".to_owned()),
    }
}

/// How often a step is taken.
fn step_repeat(body: &[Node], id: StepId) -> Option<Repeat> {
    body.iter().find_map(|node| match node {
        Node::Step(node) => (node.step == id).then_some(node.repeat),
        Node::Group(node) => step_repeat(&node.body, id),
        Node::Absence(_) | Node::Choice(_) => None,
    })
}

/// How often a group is taken, by its number in the order written.
fn group_repeat(body: &[Node], left: &mut usize) -> Option<Repeat> {
    body.iter().find_map(|node| match node {
        Node::Group(node) if *left == 0 => Some(node.repeat),
        Node::Group(node) => {
            *left -= 1;
            group_repeat(&node.body, left)
        }
        _ => None,
    })
}
