//! `tally`: one record for all matches that one event completes.
//!
//! Such a record can hold only what is the same in all these matches, which is the key and the event that completes
//! them, and aggregates over them. The clauses that choose among matches, or count them one by one, do not go with it.

use super::aggregates::aggregate_type;
use super::patterns::PatternChecker;
use super::scope::Place;
use super::types::Typed;
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{StepId, Type};
use crate::lang::ast::{Argument, Element, ElementKind, ExprKind, Ident, Mode, Skip};
use crate::lang::hir::{Aggregate, Expr, Tallied};

impl PatternChecker<'_, '_> {
    /// Refuses what does not go with `tally`, and finds the step of the event that completes a match.
    pub(super) fn check_tally(&mut self, body: &[Element]) {
        let Some(tally) = self.item.tallies.first() else { return };
        let place = tally.span;
        let item = self.item;
        if item.mode.node != Mode::All {
            let word = if item.mode.node == Mode::First { "match" } else { "match longest" };
            self.refuse_tally(
                item.mode.span,
                format!("`tally` with `{word}`"),
                place,
                "a tally is of all matches that one event completes, and this mode gives one of them",
                "write `match all`",
            );
        }
        if let Some(second) = item.emits.first().or(item.tallies.get(1)) {
            self.refuse_tally(
                second.span,
                "a second record beside a tally".to_owned(),
                place,
                "a pattern with a tally does not make its matches, and has one record for all of an event",
                "put all fields into the tally, or write a second pattern",
            );
        }
        if let Some(skip) = item.skip.as_ref().filter(|skip| skip.node != Skip::None) {
            self.refuse_tally(
                skip.span,
                "`skip` with a tally".to_owned(),
                place,
                "a skip chooses among matches, and a tally is of all of them",
                "leave `skip` out",
            );
        }
        if let Some(limit) = &item.limit {
            self.refuse_tally(
                limit.span,
                "`limit` with a tally".to_owned(),
                place,
                "`limit` counts matches, and a tally does not make them",
                "leave `limit` out, and limit a pattern that reads the stream of the tally",
            );
        }
        if let Some(timeout) = item.timeout_emits.first() {
            self.refuse_tally(
                timeout.span,
                "`on timeout` with a tally".to_owned(),
                place,
                "a timeout is told of every partial match, and a tally does not make them",
                "tell the timeouts in a pattern of their own",
            );
        }
        self.check_end(body, place);
        self.completing = completing_step(body).and_then(|name| self.step_named(&name.text));
    }

    /// An absence at the end: what completes the match is no event of it.
    fn check_end(&mut self, body: &[Element], place: Span) {
        let Some(Element { kind: ElementKind::Absence(absence), .. }) = body.last() else { return };
        self.refuse_tally(
            absence.not.to(absence.name.span),
            "an absence at the end, with a tally".to_owned(),
            place,
            "a tally is of the matches that one event completes; here time or another event does",
            "end the pattern with a step, or `emit` its matches",
        );
    }

    fn refuse_tally(&mut self, span: Span, message: String, tally: Span, why: &str, help: &str) {
        let diagnostic =
            Diagnostic::error(Code::BadTally, span, message).also(tally, "the tally").note(why).help(help);
        self.report(diagnostic);
    }

    /// An aggregate in a tally.
    pub(super) fn tallied(
        &mut self,
        function: Aggregate,
        name: &Ident,
        arguments: &[Argument],
        span: Span,
    ) -> Typed {
        match (function, arguments) {
            (Aggregate::Count, []) => return Typed::new(self.tallied_as(Tallied::Count), Type::Int),
            (Aggregate::Count, _) => {
                let diagnostic = Diagnostic::error(Code::BadTally, span, "`count` of something, in a tally")
                    .note("a tally counts matches")
                    .help("write `count()` for how many matches the event completes");
                self.report(diagnostic);
            }
            (Aggregate::Stddev | Aggregate::Distinct, _) => {
                let diagnostic =
                    Diagnostic::error(Code::BadTally, span, format!("`{}` in a tally", name.text))
                        .note("this cannot be known without the matches, and a tally does not make them")
                        .help("use `count()`, `sum`, `avg`, `min` or `max`, or `emit` the matches");
                self.report(diagnostic);
            }
            (Aggregate::Sum | Aggregate::Avg | Aggregate::Min | Aggregate::Max, [argument]) => {
                if let ExprKind::Member(object, field) = &argument.value.kind
                    && let ExprKind::Name(step) = &object.kind
                {
                    return self.over_a_step(function, name, (step, object.span), field);
                }
                self.not_over_a_field(name, argument.value.span);
            }
            _ => self.not_over_a_field(name, span),
        }
        Typed::error()
    }

    fn over_a_step(
        &mut self,
        function: Aggregate,
        name: &Ident,
        (step, span): (&str, Span),
        field: &Ident,
    ) -> Typed {
        // Any step may be read by an aggregate: the rules of `having` apply.
        let how = super::scope::How::Over;
        let Some(step) = self.step_to_read(Place::Having, step, span, how) else { return Typed::error() };
        let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
        let Some(ty) = aggregate_type(function, ty) else {
            return self.wrong_aggregate(function, name, ty, span.to(field.span));
        };
        let step = StepId(step as u32);
        Typed::new(self.tallied_as(Tallied::Over(function, step, slot)), ty)
    }

    fn not_over_a_field(&mut self, name: &Ident, span: Span) {
        let function = &name.text;
        let step = self.steps.iter().position(|step| !step.absent);
        let example = step.map_or_else(String::new, |step| {
            format!("{}.{}", self.steps[step].name.text, self.example_number(step))
        });
        let message = format!("`{function}` in a tally covers a field of a step");
        let diagnostic = Diagnostic::error(Code::BadTally, span, message)
            .note("it goes over all matches that one event completes; each adds its events of the step")
            .help(format!("write `{function}({example})`"));
        self.report(diagnostic);
    }

    /// Some field of a step that can be summed, if it has one.
    fn example_number(&self, step: usize) -> String {
        let source = self.steps[step].sources.first();
        let mut fields =
            source.iter().flat_map(|source| &self.program.streams[self.sources[**source].stream].fields);
        let number = fields.find(|field| field.ty.is_numeric());
        number.map_or_else(|| self.example_field(step), |field| field.name.clone())
    }

    /// An aggregate of the tally, each once.
    fn tallied_as(&mut self, aggregate: Tallied) -> Expr {
        let known = self.tallied.iter().position(|known| *known == aggregate);
        Expr::Tallied(known.unwrap_or_else(|| {
            self.tallied.push(aggregate);
            self.tallied.len() - 1
        }))
    }

    /// Why a tally may not read an event of a step, unless it is the one that completes all its matches.
    pub(super) fn refused_in_tally(&self, step: usize, span: Span, is_single: bool) -> Option<Diagnostic> {
        if self.completing == Some(step) && is_single {
            return None;
        }
        let name = &self.steps[step].name.text;
        let field = self.example_number(step);
        let aggregate = format!("write an aggregate over all of them, such as `min({name}.{field})`");
        let help = match self.completing.map(|last| (&self.steps[last], self.example_field(last))) {
            None => aggregate,
            Some((last, field)) if last.many() => {
                format!(
                    "{aggregate}, or read the event that completes them: `last({}).{field}`",
                    last.name.text
                )
            }
            Some((last, field)) => {
                format!("{aggregate}, or read the event that completes them: `{}.{field}`", last.name.text)
            }
        };
        let message = match self.completing == Some(step) {
            true => format!("only the last event of `{name}` is the same in all matches"),
            false => format!("`{name}` is not the same event in all matches"),
        };
        Some(
            Diagnostic::error(Code::BadTally, span, message)
                .also(self.steps[step].name.span, "declared here")
                .note("a tally is one record for all matches that one event completes")
                .help(help),
        )
    }
}

/// The name of the step whose event completes every match, if it is always the same step.
fn completing_step(body: &[Element]) -> Option<&Ident> {
    match &body.last()?.kind {
        ElementKind::Step(step) if step.quantifier.is_none_or(|quantifier| quantifier.node.min > 0) => {
            Some(&step.name)
        }
        ElementKind::Group(group) if group.quantifier.is_none_or(|quantifier| quantifier.node.min > 0) => {
            completing_step(&group.body)
        }
        _ => None,
    }
}
