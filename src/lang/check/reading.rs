//! Reading a step: from where its events can be seen, and which of them `a.f` means.

use super::names::{quoted, suggestion};
use super::patterns::PatternChecker;
use super::scope::{Found, How, Place};
use super::types::Typed;
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{SlotId, StepId, Type};
use crate::lang::ast::Ident;
use crate::lang::hir::{Expr, Pick};

/// What a bare name is in a condition.
const CANDIDATE: &str = "a bare name is a field of the event that the condition is about";

impl PatternChecker<'_, '_> {
    /// The step of `NAME.field` or `avg(NAME.field)`, if the name is one and may be read here.
    pub(super) fn step_to_read(&mut self, place: Place, name: &str, span: Span, how: How) -> Option<usize> {
        let Some(step) = self.step_named(name) else {
            self.unknown_step(place, name, span, None);
            return None;
        };
        self.may_read(place, step, span, how).then_some(step)
    }

    /// `field` is what was to be read of it, where that is known.
    fn unknown_step(&mut self, place: Place, name: &str, span: Span, field: Option<&str>) {
        if self.program.is_answered(name) {
            return;
        }
        let steps: Vec<&str> =
            self.steps.iter().filter(|step| !step.absent).map(|step| step.name.text.as_str()).collect();
        let is_stream = self.program.stream_named(name).is_some();
        let is_field = self
            .candidate(place)
            .is_some_and(|sources| !matches!(self.field_among(&sources, name), Found::No));
        let diagnostic = if is_stream && !steps.contains(&name) {
            let message = format!("`{name}` is a stream, not a step");
            let diagnostic = Diagnostic::error(Code::UnknownStep, span, message)
                .note("an event is named by the step that took it");
            match self.field_of_candidate(place, field) {
                Some(field) => diagnostic.help(format!("write `{field}`: {CANDIDATE}")),
                None => diagnostic.help(format!("steps: {}", quoted(steps))),
            }
        } else if is_field {
            let message = format!("`{name}` is a field, and has no fields of its own");
            Diagnostic::error(Code::UnknownStep, span, message)
                .help("a member inside JSON is declared as a field: `city string from \"geo.city\"`")
        } else {
            let diagnostic =
                Diagnostic::error(Code::UnknownStep, span, format!("the pattern has no step `{name}`"));
            match self.field_of_candidate(place, field) {
                _ if matches!(name, "prev" | "previous" | "last") && Self::own_step(place).is_some() => {
                    let field = field.unwrap_or("amount");
                    diagnostic.help(format!(
                        "write `prev({field})` in the condition of a loop, or `a.{field}` for step `a`"
                    ))
                }
                Some(field) => {
                    let (bare, step) =
                        (format!("write `{field}`: {CANDIDATE}"), suggestion(name, "steps", steps));
                    let is_near = step.starts_with("did you mean") && name.len() > 2;
                    let (first, second) = if is_near { (step, bare) } else { (bare, step) };
                    diagnostic.help(first).help(second)
                }
                None => diagnostic.help(suggestion(name, "steps", steps)),
            }
        };
        self.report(diagnostic);
    }

    /// The field, if the candidate event has it.
    fn field_of_candidate<'f>(&self, place: Place, field: Option<&'f str>) -> Option<&'f str> {
        let sources = self.candidate(place)?;
        field.filter(|field| !matches!(self.field_among(&sources, field), Found::No))
    }

    /// Whether the step may be read here; reports it where not.
    fn may_read(&mut self, place: Place, step: usize, span: Span, how: How) -> bool {
        let target = &self.steps[step];
        let name = target.name.text.clone();
        let declared = target.name.span;
        if Self::own_step(place) == Some(step) {
            return self.may_read_own(step, span, how);
        }
        let refused = if target.absent {
            Some(
                Diagnostic::error(Code::NotHere, span, format!("`{name}` is an absence, so it has no event"))
                    .also(declared, "declared here")
                    .note("a match says that no such event came")
                    .help("read a step that takes an event"),
            )
        } else if matches!(place, Place::Filter(_)) {
            Some(
                Diagnostic::error(Code::NotHere, span, "the condition of a source cannot read a step")
                    .note("a source is narrowed before any step looks at it")
                    .help("move this into the `where` of a step"),
            )
        } else if let Some(own) = Self::own_step(place) {
            self.refused_in_step(own, step, span, how)
        } else if place.is_of_a_tally() {
            self.refused_in_tally(step, span, how == How::Bare)
        } else if let Place::GroupUntil(group) = place {
            (step >= self.groups[group].steps.1).then(|| later(span, &name, declared))
        } else {
            None
        };
        let allowed = refused.is_none();
        self.program.diagnostics.extend(refused);
        self.reads.held |= allowed;
        allowed
    }

    /// Why the condition of step `own` may not read another step.
    fn refused_in_step(&self, own: usize, step: usize, span: Span, how: How) -> Option<Diagnostic> {
        let target = &self.steps[step];
        let name = &target.name.text;
        if let (Some((own_choice, one_of)), Some((choice, _))) = (self.steps[own].choice, target.choice)
            && own_choice == choice
        {
            return one_of.then(|| {
                Diagnostic::error(
                    Code::NotHere,
                    span,
                    format!("`{name}` is another branch of the same `one of`"),
                )
                .also(target.name.span, "declared here")
                .note("`one of` takes a single branch, so the others have no event")
                .help("use `each of` if both must come")
            });
        }
        if step < own {
            return None;
        }
        if self.steps[own].looks_back_from == Some(step) {
            let readable = matches!(how, How::Bare | How::First);
            return (!readable).then(|| {
                Diagnostic::error(Code::LaterStep, span, format!("`{name}` has only its first event here"))
                    .also(target.name.span, "declared here")
                    .help(format!("write `first({name}).FIELD`, or `{name}.FIELD` where it takes one event"))
            });
        }
        Some(later(span, name, target.name.span))
    }

    /// Whether a step's own condition may read its own events.
    fn may_read_own(&mut self, step: usize, span: Span, how: How) -> bool {
        let scope = &self.steps[step];
        let name = scope.name.text.clone();
        if scope.many() && !scope.absent {
            self.reads.held = true;
            self.reads.own_events |= matches!(how, How::First | How::OverSome);
            return true;
        }
        if how == How::Bare {
            return true; // answered by the caller, who knows the field
        }
        let diagnostic =
            Diagnostic::error(Code::NotALoop, span, format!("`{name}` takes no event before this one"))
                .label("its own condition")
                .also(scope.name.span, "declared here, without a quantifier")
                .note("in its own condition a step's events are those that its loop has taken so far")
                .help(format!(
                    "give it a quantifier, such as `{name}{{2,}}`, or read the candidate by its bare field"
                ));
        self.report(diagnostic);
        false
    }

    /// `a.f`: of the only event of a step, or that of this iteration.
    pub(super) fn bare_member(&mut self, place: Place, name: &str, name_span: Span, field: &Ident) -> Typed {
        let span = name_span.to(field.span);
        if self.step_named(name).is_none() {
            self.unknown_step(place, name, name_span, Some(&field.text));
            return Typed::error();
        }
        let Some(step) = self.step_to_read(place, name, name_span, How::Bare) else { return Typed::error() };
        let own = Self::own_step(place) == Some(step);
        if own && !self.steps[step].many() {
            let message = format!("`{name}` has no event yet: this is its own condition");
            let diagnostic = Diagnostic::error(Code::NotHere, span, message)
                .note("in the condition of a step a bare name is a field of the candidate event")
                .help(format!("write `{}`", field.text));
            self.report(diagnostic);
            return Typed::error();
        }
        let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
        if own || !self.one_event(place, step) {
            self.bare_loop_field(own, step, field, ty, span);
            return Typed::error();
        }
        Typed::new(Expr::Held { step: StepId(step as u32), pick: Pick::Here, slot }, ty)
    }

    /// Whether `a.f` can only mean one event here: `a` does not loop, but for groups that this place is inside of.
    pub(super) fn one_event(&self, place: Place, step: usize) -> bool {
        let target = &self.steps[step];
        let around: &[usize] = match place {
            Place::Condition(step) | Place::Until(step) => &self.steps[step].looped_groups,
            Place::GroupUntil(group) => &self.groups[group].looped_groups,
            _ => &[],
        };
        !target.loops && target.looped_groups.last().is_none_or(|group| around.contains(group))
    }

    fn bare_loop_field(&mut self, own: bool, step: usize, field: &Ident, ty: Type, span: Span) {
        let scope = &self.steps[step];
        let name = &scope.name.text;
        let f = &field.text;
        let why = match scope.loops {
            true => "declared here; it may take several events",
            false => "declared here; the group around it may take several",
        };
        let mut help = match own {
            true => format!(
                "write `{f}` for the candidate, `prev({f})` for the event before, or `first({name}).{f}`"
            ),
            false => format!("write `first({name}).{f}` or `last({name}).{f}`"),
        };
        if ty.is_numeric() {
            help += &format!(", or over all of them `avg({name}.{f})`, `sum`, `min`, `max`");
        } else {
            help += &format!(", or over all of them `distinct({name}.{f})`, `min`, `max`");
        }
        let message = format!("`{name}.{f}` does not say of which event of the loop");
        let diagnostic =
            Diagnostic::error(Code::BareLoopField, span, message).also(scope.name.span, why).help(help);
        self.report(diagnostic);
    }

    /// A field that all streams of a step share.
    pub(super) fn step_field(&mut self, step: usize, field: &Ident) -> Option<(SlotId, Type)> {
        let sources = self.steps[step].sources.clone();
        match self.field_among(&sources, &field.text) {
            Found::Field(ty) => Some((self.slot(&field.text, ty), ty)),
            Found::No => {
                if self.steps[step].known {
                    let streams = quoted(sources.iter().map(|source| self.stream_name(*source)));
                    let name = &self.steps[step].name.text;
                    let message = format!("step `{name}` has no field `{}`", field.text);
                    let names: Vec<&str> = (sources.iter())
                        .flat_map(|source| &self.program.streams[self.sources[*source].stream].fields)
                        .map(|field| field.name.as_str())
                        .collect();
                    let help = aggregate_help(name, &field.text);
                    let help = help.or_else(|| self.column_help(&sources, &field.text));
                    let diagnostic = Diagnostic::error(Code::UnknownField, field.span, message)
                        .note(format!("its events are of {streams}"))
                        .help(help.unwrap_or_else(|| suggestion(&field.text, "fields", names)));
                    self.report_field(diagnostic);
                }
                None
            }
            found => {
                self.ambiguous(&field.text, field.span, found, Some(step));
                None
            }
        }
    }
}

/// `a.count`, as programs write what is a function here.
fn aggregate_help(step: &str, field: &str) -> Option<String> {
    Some(match field {
        "count" | "size" | "length" => format!("how many events it has is `count({step})`"),
        "first" | "last" => format!("write `{field}({step}).FIELD`"),
        "sum" | "avg" | "min" | "max" | "distinct" => format!("write `{field}({step}.FIELD)`"),
        _ => return None,
    })
}

fn later(span: Span, name: &str, declared: Span) -> Diagnostic {
    Diagnostic::error(Code::LaterStep, span, format!("`{name}` comes later, so it has no event yet"))
        .also(declared, "declared here")
        .note("a condition is decided when its event comes, by what the run holds then")
        .help(format!("move this into the condition of `{name}`, or of a step after it"))
}
