//! Reading the events of a step: aggregates over all, and picking one of them.
//!
//! An aggregate covers the events taken so far, in all iterations. `first(a).f`, `last(a).f`, `a[0].f` and, in a
//! loop's own condition, `prev(f)` pick one of them.

use super::calls::usage_of;
use super::patterns::PatternChecker;
use super::scope::{Found, How, Place};
use super::types::{Typed, a_type};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{StepId, Type, Value};
use crate::lang::ast::{self, Argument, ExprKind, Ident};
use crate::lang::hir::{Aggregate, Expr, Pick};

impl PatternChecker<'_, '_> {
    /// An aggregate over a field of a step, or the count of its events.
    pub(super) fn aggregate(
        &mut self,
        place: Place,
        function: Aggregate,
        name: &Ident,
        arguments: &[Argument],
        span: Span,
    ) -> Typed {
        let [argument] = arguments else {
            return self.wrong_arguments(span, &name.text, &usage_of(&name.text));
        };
        let how = match function {
            Aggregate::Avg | Aggregate::Min | Aggregate::Max => How::OverSome,
            Aggregate::Count | Aggregate::Sum | Aggregate::Stddev | Aggregate::Distinct => How::Over,
        };
        match &argument.value.kind {
            ExprKind::Name(step) if function == Aggregate::Count && self.is_step(step) => {
                let Some(step) = self.step_to_read(place, step, argument.value.span, how) else {
                    return Typed::error();
                };
                let step = StepId(step as u32);
                Typed::new(Expr::Aggregate { function, step, slot: None }, Type::Int)
            }
            ExprKind::Member(object, field) if matches!(object.kind, ExprKind::Name(_)) => {
                let ExprKind::Name(step) = &object.kind else { return Typed::error() };
                let Some(step) = self.step_to_read(place, step, object.span, how) else {
                    return Typed::error();
                };
                let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
                let Some(ty) = aggregate_type(function, ty) else {
                    return self.wrong_aggregate(function, name, ty, argument.value.span);
                };
                let step = StepId(step as u32);
                Typed::new(Expr::Aggregate { function, step, slot: Some(slot) }, ty)
            }
            _ => self.not_over_a_step(name, &argument.value),
        }
    }

    fn is_step(&self, name: &str) -> bool {
        self.step_named(name).is_some() || !self.is_field(name)
    }

    fn is_field(&self, name: &str) -> bool {
        let all: Vec<usize> = (0..self.sources.len()).collect();
        !matches!(self.field_among(&all, name), Found::No)
    }

    pub(super) fn wrong_aggregate(
        &mut self,
        function: Aggregate,
        name: &Ident,
        ty: Type,
        span: Span,
    ) -> Typed {
        let message = format!("`{}` of {}", name.text, a_type(ty));
        let help = match function {
            Aggregate::Min | Aggregate::Max => "compare with `==`, or count with `count(…)`",
            _ => "use `count`, `distinct`, `min` or `max`, or a field that is a number",
        };
        self.report(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
        Typed::error()
    }

    /// `avg(amount)`: an aggregate of something that is no field of a step.
    fn not_over_a_step(&mut self, name: &Ident, argument: &ast::Expr) -> Typed {
        let function = &name.text;
        let text = self.text(argument.span);
        let mut diagnostic = Diagnostic::error(
            Code::BadArguments,
            argument.span,
            format!("`{function}` covers the events of a step"),
        );
        let field = match &argument.kind {
            ExprKind::Name(field) => Some(field.as_str()),
            _ => None,
        };
        if let ExprKind::Name(given) = &argument.kind {
            if self.program.is_answered(given) {
                return Typed::error();
            }
            if let Some(step) = self.step_named(given) {
                let example = self.example_field(step);
                diagnostic = diagnostic.help(format!("name a field of it: `{function}({given}.{example})`"));
                self.report(diagnostic);
                return Typed::error();
            }
        }
        let steps: Vec<String> = (self.steps.iter())
            .filter(|step| step.many() && !step.absent)
            .map(|step| format!("`{function}({}.{})`", step.name.text, field.unwrap_or("FIELD")))
            .collect();
        diagnostic = match steps.len() {
            0 => diagnostic.help("no step of this pattern loops; write a step's field: `a.f`"),
            _ if field.is_some() => diagnostic.help(format!("write {}", steps.join(" or "))),
            _ => diagnostic
                .note(format!("`{text}` is computed from one event; an aggregate takes a field of many"))
                .help(format!("write {}", steps.join(" or "))),
        };
        self.report(diagnostic);
        Typed::error()
    }

    /// `first(a)` stands before a field; `first(a.f)` says the same.
    pub(super) fn first_or_last(
        &mut self,
        place: Place,
        name: &Ident,
        arguments: &[Argument],
        span: Span,
    ) -> Typed {
        let [argument] = arguments else {
            return self.wrong_arguments(span, &name.text, &usage_of(&name.text));
        };
        match &argument.value.kind {
            ExprKind::Member(object, field) => {
                if let ExprKind::Name(step) = &object.kind {
                    return self.picked(place, pick_of(&name.text), (step, object.span), field);
                }
                self.not_over_a_step(name, &argument.value)
            }
            ExprKind::Name(step) if self.step_named(step).is_some() => {
                let at = self.step_named(step).expect("just seen");
                let field = self.example_field(at);
                let message = format!("`{}({step})` is an event, not a value", name.text);
                let diagnostic = Diagnostic::error(Code::NotHere, span, message)
                    .help(format!("write a field of it: `{}({step}).{field}`", name.text));
                self.report(diagnostic);
                Typed::error()
            }
            ExprKind::Name(step) if !self.is_field(step) => {
                self.step_to_read(place, step, argument.value.span, How::First);
                Typed::error()
            }
            _ => self.not_over_a_step(name, &argument.value),
        }
    }

    fn picked(&mut self, place: Place, pick: Pick, (step, span): (&str, Span), field: &Ident) -> Typed {
        let how = match pick {
            Pick::First => How::First,
            // Of what completes a match the last event is the only one to be asked for.
            Pick::Last if place.is_of_a_tally() => How::Bare,
            _ => How::OverSome,
        };
        let Some(step) = self.step_to_read(place, step, span, how) else { return Typed::error() };
        let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
        Typed::new(Expr::Held { step: StepId(step as u32), pick, slot }, ty)
    }

    /// `object.field`.
    pub(super) fn member(&mut self, place: Place, object: &ast::Expr, field: &Ident) -> Typed {
        match &object.kind {
            ExprKind::Name(name) => self.bare_member(place, name, object.span, field),
            ExprKind::Call(name, arguments) if matches!(name.text.as_str(), "first" | "last") => {
                match arguments.as_slice() {
                    [Argument { value: ast::Expr { kind: ExprKind::Name(step), span }, filter: None }] => {
                        self.picked(place, pick_of(&name.text), (step, *span), field)
                    }
                    _ => self.wrong_arguments(object.span, &name.text, &usage_of(&name.text)),
                }
            }
            ExprKind::Index(step, index) => self.indexed(place, step, index, field),
            _ => {
                let text = self.text(object.span);
                let diagnostic =
                    Diagnostic::error(Code::NotHere, object.span, format!("`{text}` has no fields"))
                        .help("a field belongs to a step: `a.f`, `first(a).f`, `a[0].f`");
                self.report(diagnostic);
                Typed::error()
            }
        }
    }

    /// `a[0].field`.
    fn indexed(&mut self, place: Place, step: &ast::Expr, index: &ast::Expr, field: &Ident) -> Typed {
        let ExprKind::Name(name) = &step.kind else {
            let diagnostic =
                Diagnostic::error(Code::NotHere, step.span, "only a step has events to choose from")
                    .help("write `a[0].f`");
            self.report(diagnostic);
            return Typed::error();
        };
        if self.program.is_answered(name) {
            return Typed::error();
        }
        let Some(Value::Int(at)) = self.constant(index) else {
            let diagnostic = Diagnostic::error(
                Code::BadArguments,
                index.span,
                "which event is not a whole number",
            )
            .note("events of a loop are counted from 0, and from the end where negative: −1 is the last")
            .help(format!("write `{name}[0].{}`, or `last({name}).{0}`", field.text));
            self.report(diagnostic);
            return Typed::error();
        };
        self.picked(place, Pick::Nth(at), (name, step.span), field)
    }

    /// `a[0]` without a field.
    pub(super) fn bare_index(&mut self, place: Place, object: &ast::Expr, span: Span) -> Typed {
        if let ExprKind::Name(name) = &object.kind {
            if self.program.is_answered(name) {
                return Typed::error();
            }
            let Some(step) = self.step_to_read(place, name, object.span, How::OverSome) else {
                return Typed::error();
            };
            let field = self.example_field(step);
            let text = self.text(span);
            let diagnostic =
                Diagnostic::error(Code::NotHere, span, format!("`{text}` is an event, not a value"))
                    .help(format!("write a field of it: `{text}.{field}`"));
            self.report(diagnostic);
        } else {
            let diagnostic = Diagnostic::error(Code::NotHere, span, "only a step has events to choose from")
                .help("write `a[0].f`");
            self.report(diagnostic);
        }
        Typed::error()
    }

    /// `prev(f)`: of the event that the loop took before.
    pub(super) fn prev(&mut self, place: Place, arguments: &[Argument], span: Span) -> Typed {
        let (own, field) = match (place, arguments) {
            (Place::Condition(step) | Place::Until(step), [argument]) => (step, &argument.value),
            (Place::Condition(_) | Place::Until(_), _) => {
                return self.wrong_arguments(span, "prev", "prev(f)");
            }
            _ => {
                let diagnostic =
                    Diagnostic::error(Code::NotHere, span, "`prev` outside the condition of a step")
                        .note("`prev(f)` is the event before the candidate in the step's own loop")
                        .help("write `last(a).f` for the last event of loop `a`");
                self.report(diagnostic);
                return Typed::error();
            }
        };
        let scope = &self.steps[own];
        let name = scope.name.text.clone();
        let declared = scope.name.span;
        if scope.absent || !scope.many() {
            let mut diagnostic =
                Diagnostic::error(Code::NotALoop, span, format!("`prev` in `{name}`, which does not loop"))
                    .also(declared, "takes at most one event")
                    .note("`prev(f)` is the event before the candidate in the step's own loop");
            let before = self.steps[..own].iter().rev().find(|step| !step.absent);
            diagnostic = match before {
                Some(before) if before.many() => diagnostic.help(format!(
                    "the event before it: `last({}).{}`",
                    before.name.text,
                    self.text(field.span)
                )),
                Some(before) => diagnostic.help(format!(
                    "the event before it: `{}.{}`",
                    before.name.text,
                    self.text(field.span)
                )),
                None => diagnostic.help(format!("give the step a quantifier: `{name}{{2,}}`")),
            };
            self.report(diagnostic);
            return Typed::error();
        }
        let field = match &field.kind {
            ExprKind::Name(text) => Ident { text: text.clone(), span: field.span },
            ExprKind::Member(object, member) if matches!(&object.kind, ExprKind::Name(step) if *step == name) =>
            {
                let help = format!("write `prev({})`", member.text);
                let diagnostic =
                    Diagnostic::error(Code::BadArguments, field.span, "`prev` takes a bare field").help(help);
                self.report(diagnostic);
                return Typed::error();
            }
            _ => return self.wrong_arguments(field.span, "prev", "prev(f)"),
        };
        self.reads.held = true;
        self.reads.own_events = true;
        let Some((slot, ty)) = self.step_field(own, &field) else { return Typed::error() };
        Typed::new(Expr::Held { step: StepId(own as u32), pick: Pick::Last, slot }, ty)
    }
}

fn pick_of(name: &str) -> Pick {
    if name == "first" { Pick::First } else { Pick::Last }
}

/// The type of an aggregate over a field.
pub(super) fn aggregate_type(function: Aggregate, field: Type) -> Option<Type> {
    match function {
        Aggregate::Count | Aggregate::Distinct => Some(Type::Int),
        Aggregate::Sum => field.is_numeric().then_some(field),
        Aggregate::Avg | Aggregate::Stddev => field.is_numeric().then_some(Type::Float),
        Aggregate::Min | Aggregate::Max => (field != Type::Bool).then_some(field),
    }
}
