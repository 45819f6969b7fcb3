//! Why a match did not come: how far the events of a test came with each step of its pattern, and what stopped them.
//!
//! The test runs once more through the definition, as for `--coverage`, and what it says of this one test is told in the
//! order of the steps.

use crate::event::StepId;
use crate::lang::hir::{Expected, Origin, Pattern, Program, Test};
use crate::matcher::watch::{Point, Reached};
use crate::script::{Block, Coverage, TestOutcome};

/// What is said below the tables of a test that expected a record and did not get it; else nothing.
pub(super) fn not(program: &Program, test: &Test, outcome: &TestOutcome) -> String {
    let lacks = |block: &Block| block.kind == Expected::Match && block.found.len() < block.expected.len();
    if !outcome.checkpoints.iter().flat_map(|checkpoint| &checkpoint.blocks).any(lacks) {
        return String::new();
    }
    // A pattern that is too large was refused before.
    let Ok(mut coverage) = Coverage::new(program) else { return String::new() };
    coverage.add(program, test);
    let pattern = program.pattern(test.pattern);
    let points: Vec<(Point, bool)> = coverage.points(test.pattern).collect();
    let seen = |point: Point| points.contains(&(point, true));
    let reached = |step: StepId| coverage.reached(test.pattern, step);
    let lines = Account { pattern, seen: &seen, reached: &reached }.lines();
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("  how far the events of this test came\n{lines}")
}

/// What a test did with a pattern.
struct Account<'a> {
    pattern: &'a Pattern,
    seen: &'a dyn Fn(Point) -> bool,
    reached: &'a dyn Fn(StepId) -> Reached,
}

impl Account<'_> {
    /// A line for each step, then one for each thing that ended what was under way.
    fn lines(&self) -> Vec<String> {
        let width = self.pattern.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (at, step) in self.pattern.steps.iter().enumerate().filter(|(_, step)| !step.absent) {
            let fate = self.fate(StepId(at as u32));
            lines.push(format!("{:width$}  {fate}", step.name));
        }
        lines.extend(self.ends());
        lines
    }

    /// What came of a step.
    fn fate(&self, id: StepId) -> String {
        let Reached { is_offered, most } = (self.reached)(id);
        let min = self.pattern.repeat(id).map_or(1, |repeat| repeat.min as usize);
        if most > 0 && most < min {
            return format!("taken {} at most, and {min} must be{}", times(most), self.refusing(id));
        }
        match (most, is_offered) {
            (0, false) => "never waited for: no match under way came so far".to_owned(),
            (0, true) => format!("never taken{}", self.refusing(id)),
            (1, _) => "taken".to_owned(),
            (most, _) => format!("taken, up to {}", times(most)),
        }
    }

    /// Which parts of a step's condition kept events from it.
    fn refusing(&self, id: StepId) -> String {
        let parts = self.pattern.step(id).conditions.iter().enumerate();
        let mut never = Vec::new();
        let mut alone = Vec::new();
        for (at, part) in parts {
            if !(self.seen)(Point::Met(id, at)) {
                never.push(format!("`{}`", part.text));
            } else if (self.seen)(Point::Refuses(id, at)) {
                alone.push(format!("`{}`", part.text));
            }
        }
        match (never.as_slice(), alone.as_slice()) {
            ([], []) => String::new(),
            ([], alone) => format!(": kept out by {} alone", alone.join(" or ")),
            (never, _) => format!(": while it was waited for, never true was {}", never.join(", nor ")),
        }
    }

    /// What ended matches under way, or held them back.
    fn ends(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut tell = |point: Point, text: String| lines.extend((self.seen)(point).then_some(text));
        if let Some(within) = self.pattern.within {
            tell(
                Point::Window,
                format!("`within {within}` ended a match under way: the next event came too late"),
            );
        }
        for (at, step) in self.pattern.steps.iter().enumerate() {
            let (id, name) = (StepId(at as u32), &step.name);
            tell(Point::Gap(id), format!("the `gap` of `{name}` ended a match under way"));
            tell(Point::Until(id), format!("`until` ended the loop of `{name}`"));
            tell(Point::Broken(id), format!("an event that is `{name}` ended a match under way"));
        }
        for at in 0..self.pattern.sources.len() {
            tell(Point::FilterRefuses(at), "the `where` behind `on` kept an event out".to_owned());
        }
        tell(Point::HavingRefuses, "`having` was not true of what was complete".to_owned());
        tell(Point::Limited, "`limit` held a match back".to_owned());
        if !self.pattern.keys.is_empty() {
            let keys: Vec<&str> = self.pattern.keys.iter().map(|key| key.name.as_str()).collect();
            lines.push(format!(
                "each {} is for itself: events of another one do not count",
                keys.join(" and ")
            ));
        }
        lines
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// How a test is written, where files have none: of the first pattern, with the columns of a stream that it reads.
pub(super) fn hint(program: &Program) -> String {
    let Some(pattern) = program.patterns.first() else {
        return "there is no pattern in these files, and so no test\n".to_owned();
    };
    let stream = program.stream(pattern.sources[0].stream);
    let time = match stream.origin {
        Origin::Source { time_field, .. } => stream.fields[time_field].name.as_str(),
        Origin::Derived { .. } => "at",
    };
    let others = stream.fields.iter().map(|field| field.name.as_str()).filter(|name| *name != time).take(3);
    let columns: Vec<&str> = std::iter::once(time).chain(others).collect();
    let cells = columns.iter().enumerate().map(|(at, _)| if at == 0 { "12:00:00" } else { "…" });
    let widths: Vec<usize> = columns
        .iter()
        .zip(cells.clone())
        .map(|(column, cell)| column.len().max(cell.chars().count()))
        .collect();
    let row = |cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("            | {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    format!(
        "there are no tests in these files; one is written so, beside its pattern:\n\n    test {} \"what it shows\" {{\n        \
         given {}\n{}{}        expect nothing\n    }}\n",
        pattern.name,
        stream.name,
        row(columns.clone()),
        row(cells.collect()),
    )
}
