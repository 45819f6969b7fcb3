//! Where and how the parts of a pattern are written, for those who show it to people.

use super::body::split;
use super::patterns::PatternChecker;
use crate::diag::Span;
use crate::lang::ast::{self, Element, ElementKind, Expr};
use crate::lang::hir::{Clause, Written, WrittenGroup, WrittenStep};

impl PatternChecker<'_, '_> {
    /// The places and texts of a pattern with this body, whose steps were collected.
    pub(super) fn written(&self, body: &[Element]) -> Written {
        let (line, _) = self.program.sources.line_column(self.item.span.file, self.item.span.start);
        Reader { checker: self, line }.written(body)
    }
}

struct Reader<'r, 'c, 'a> {
    checker: &'r PatternChecker<'c, 'a>,
    /// The line that the pattern begins on: from there lines are counted, as files may hold thousands of patterns.
    line: usize,
}

impl Reader<'_, '_, '_> {
    fn written(&self, body: &[Element]) -> Written {
        let item = self.checker.item;
        let filter_of = |span: Span| {
            let clause = item.sources.iter().find(|clause| clause.stream.span == span);
            self.clause(clause.and_then(|clause| clause.filter.as_ref()))
        };
        let mut written = Written {
            path: self.checker.program.sources.path(item.span.file).display().to_string(),
            line: self.line(item.name.span),
            filters: self.checker.sources.iter().map(|source| filter_of(source.span)).collect(),
            within: item.within.as_ref().map(|within| self.line(within.span)),
            having: self.clause(item.having.as_ref()),
            limit: item.limit.as_ref().map(|limit| self.line(limit.span)),
            timeout: item.timeout_emits.first().map(|emit| self.line(emit.span)),
            ..Written::default()
        };
        self.add_written(body, &mut written);
        written
    }

    /// Goes through a body in the order in which its steps and groups are numbered.
    fn add_written(&self, body: &[Element], written: &mut Written) {
        for element in body {
            match &element.kind {
                ElementKind::Step(step) => written.steps.push(self.written_step(step)),
                ElementKind::Absence(absence) => {
                    let conditions = self.lines(absence.condition.as_ref());
                    let line = self.line(absence.name.span);
                    written.steps.push(WrittenStep { line, conditions, until: None });
                }
                ElementKind::Group(group) => {
                    let line = self.line(element.span);
                    let until = self.clause(group.until.as_ref());
                    written.groups.push(WrittenGroup { line, until });
                    self.add_written(&group.body, written);
                }
                ElementKind::Choice(choice) => {
                    let branches = choice.branches.iter().map(|branch| self.written_step(&branch.step));
                    written.steps.extend(branches);
                }
            }
        }
    }

    fn written_step(&self, step: &ast::Step) -> WrittenStep {
        WrittenStep {
            line: self.line(step.name.span),
            conditions: self.lines(step.condition.as_ref()),
            until: self.clause(step.until.as_ref()),
        }
    }

    /// The line of each part of a condition.
    fn lines(&self, condition: Option<&Expr>) -> Vec<usize> {
        let mut parts = Vec::new();
        condition.into_iter().for_each(|condition| split(condition, &mut parts));
        parts.iter().map(|part| self.line(part.span)).collect()
    }

    fn clause(&self, expr: Option<&Expr>) -> Option<Clause> {
        expr.map(|expr| Clause { line: self.line(expr.span), text: self.checker.text(expr.span) })
    }

    fn line(&self, span: Span) -> usize {
        let start = self.checker.item.span.start;
        let before = Span { file: span.file, start, end: span.start.max(start) };
        self.line + self.checker.program.sources.text(before).matches('\n').count()
    }
}
