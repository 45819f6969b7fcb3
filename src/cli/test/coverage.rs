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
type Told = (usize, &'static str, String, Option<String>);

fn told(program: &Program, pattern: &Pattern, point: Point) -> Told {
    let written = &pattern.written;
    let stream = |at: usize| &program.stream(pattern.sources[at].stream).name;
    let plain = |line: Option<usize>, kind, message: &str| {
        (line.unwrap_or(written.line), kind, message.to_owned(), None)
    };
    match point {
        Point::FilterMet(at) => {
            clause(pattern, &written.filters[at], "filter_met", format!("no event of {} gets in", stream(at)))
        }
        Point::FilterRefuses(at) => {
            let message = format!("no event of {} is kept out", stream(at));
            clause(pattern, &written.filters[at], "filter_refuses", message)
        }
        Point::Taken(id)
        | Point::Met(id, _)
        | Point::Refuses(id, _)
        | Point::Fewest(id)
        | Point::More(id)
        | Point::Until(id)
        | Point::Broken(id)
        | Point::Gap(id) => told_of_step(pattern, id, point),
        Point::FewestRounds(at) | Point::MoreRounds(at) | Point::GroupUntil(at) | Point::GroupWindow(at) => {
            told_of_group(pattern, at, point)
        }
        Point::Window => plain(written.within, "within", "no event comes too late for `within`"),
        Point::HavingMet => {
            clause(pattern, &written.having, "having_met", "`having` is never true".to_owned())
        }
        Point::HavingRefuses => {
            clause(pattern, &written.having, "having_refuses", "`having` holds nothing back".to_owned())
        }
        Point::Match => plain(None, "match", "no match comes out"),
        Point::Timeout => plain(written.timeout, "timeout", "no timeout comes out"),
        Point::Limited => plain(written.limit, "limit", "`limit` holds nothing back"),
    }
}

fn told_of_step(pattern: &Pattern, id: StepId, point: Point) -> Told {
    let written = &pattern.written.steps[id.index()];
    let name = &pattern.step(id).name;
    let min = pattern.repeat(id).map_or(1, |repeat| repeat.min);
    let (kind, message) = match point {
        Point::Met(_, part) | Point::Refuses(_, part) => {
            let (kind, message) = match point {
                Point::Met(..) => ("condition_met", format!("never true for `{name}`")),
                _ => ("condition_refuses", format!("nothing is kept from `{name}` by this alone")),
            };
            let text = pattern.step(id).conditions[part].text.clone();
            return (written.conditions[part], kind, message, Some(text));
        }
        Point::Until(_) => {
            return clause(pattern, &written.until, "until", format!("`until` never ends `{name}`"));
        }
        Point::Fewest(_) if min == 0 => ("step_fewest", format!("no match goes without `{name}`")),
        Point::Fewest(_) => ("step_fewest", format!("no match has only {min} of `{name}`")),
        Point::More(_) => ("step_more", format!("no match has more than {} of `{name}`", min.max(1))),
        Point::Broken(_) => ("absence_broken", format!("no event that is `{name}` ends a match under way")),
        Point::Gap(_) => ("gap", format!("no event comes too late for the `gap` of `{name}`")),
        _ => ("step_taken", format!("no event is taken as `{name}`")),
    };
    (written.line, kind, message, None)
}

fn told_of_group(pattern: &Pattern, at: usize, point: Point) -> Told {
    let written = &pattern.written.groups[at];
    let min = group_repeat(&pattern.body, &mut at.clone()).map_or(1, |repeat| repeat.min);
    let (kind, message) = match point {
        Point::GroupUntil(_) => {
            let message = "`until` never ends this group".to_owned();
            return clause(pattern, &written.until, "group_until", message);
        }
        Point::FewestRounds(_) if min == 0 => ("group_fewest", "no match goes without this group".to_owned()),
        Point::FewestRounds(_) => ("group_fewest", format!("no match has only {min} of this group")),
        Point::MoreRounds(_) => {
            ("group_more", format!("no match has more than {} of this group", min.max(1)))
        }
        _ => ("group_within", "no event comes too late for the `within` of this group".to_owned()),
    };
    (written.line, kind, message, None)
}

fn clause(pattern: &Pattern, clause: &Option<Clause>, kind: &'static str, message: String) -> Told {
    let line = clause.as_ref().map_or(pattern.written.line, |clause| clause.line);
    (line, kind, message, clause.as_ref().map(|clause| clause.text.clone()))
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
