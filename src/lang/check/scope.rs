//! What a name means at a place of a pattern.
//!
//! In the condition of a step or a source a bare name is a field of the candidate event, or else a part of the key.
//! In `emit` and `having` there is no candidate, so a field needs its step. A step can be read by what comes after
//! it, with two exceptions: a leading absence may read the step directly after it, and the branches of `each of`
//! and `k of` may read each other.

use super::names::{quoted, suggestion};
use super::patterns::PatternChecker;
use super::types::{Ty, Typed};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{SlotId, StepId, Type};
use crate::lang::ast::Ident;
use crate::lang::hir::{self, Expr, GroupId, Pick};

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The `where` of a source.
    Filter(usize),
    /// The `where` of a step.
    Condition(usize),
    /// The `until` of a step.
    Until(usize),
    /// The `until` of a group.
    GroupUntil(usize),
    /// `having`.
    Having,
    /// A record.
    Emit,
}

/// A step, an absence or a branch.
pub(super) struct StepScope {
    pub(super) name: Ident,
    /// Which of the pattern's sources.
    pub(super) sources: Vec<usize>,
    /// Whether its stream was known.
    pub(super) known: bool,
    /// Whether it has a quantifier with more than one event.
    pub(super) loops: bool,
    pub(super) absent: bool,
    /// The groups around it that loop, as indexes of [`PatternChecker::groups`], the innermost last.
    pub(super) looped_groups: Vec<usize>,
    /// The innermost group around it that loops or has a window.
    pub(super) group: Option<GroupId>,
    /// The choice that it is a branch of, and whether that is `one of`.
    pub(super) choice: Option<(usize, bool)>,
    /// Of a leading absence: the step that it looks back from.
    pub(super) looks_back_from: Option<usize>,
}

impl StepScope {
    /// Whether a match may hold several events of it.
    pub(super) fn many(&self) -> bool {
        self.loops || !self.looped_groups.is_empty()
    }
}

/// A group.
pub(super) struct GroupScope {
    /// Its first step, and the one after its last.
    pub(super) steps: (usize, usize),
    /// The groups around it that loop, the innermost last; not itself.
    pub(super) looped_groups: Vec<usize>,
    /// Its id, where it loops or has a window.
    pub(super) id: Option<GroupId>,
    /// Its entry, where it loops or has a window.
    pub(super) info: Option<hir::GroupInfo>,
}

/// What an expression was seen to read.
#[derive(Clone, Copy, Default)]
pub(super) struct Reads {
    /// An event that the run holds.
    pub(super) held: bool,
    /// The loop's own events, in a way that does not bind while there is none.
    pub(super) own_events: bool,
}

/// How a step is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// `a.f`.
    Bare,
    /// `first(a).f`.
    First,
    /// An aggregate, `count(a)`, `a is null`, `x in a.f`: nothing of no events.
    Over,
    /// `last(a).f`, `a[0].f`, `avg(a.f)`: nothing to say of no events.
    OverSome,
}

/// A field among several streams.
pub(super) enum Found {
    Field(Type),
    /// Only some of the streams have it.
    Partly(Vec<usize>, Vec<usize>),
    /// It has two types.
    Differs((usize, Type), (usize, Type)),
    No,
}

impl PatternChecker<'_, '_> {
    pub(super) fn step_named(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name.text == name)
    }

    fn own_step(place: Place) -> Option<usize> {
        match place {
            Place::Condition(step) | Place::Until(step) => Some(step),
            Place::Filter(_) | Place::GroupUntil(_) | Place::Having | Place::Emit => None,
        }
    }

    /// The sources that the candidate may be of; `None` where there is no candidate.
    fn candidate(&self, place: Place) -> Option<Vec<usize>> {
        match place {
            Place::Filter(source) => Some(vec![source]),
            Place::Condition(step) | Place::Until(step) => Some(self.steps[step].sources.clone()),
            Place::GroupUntil(group) => {
                let (first, end) = self.groups[group].steps;
                let steps = &self.steps[first..end];
                let mut sources: Vec<usize> = steps.iter().flat_map(|step| step.sources.clone()).collect();
                sources.sort_unstable();
                sources.dedup();
                Some(sources)
            }
            Place::Having | Place::Emit => None,
        }
    }

    /// A field that streams share.
    pub(super) fn field_among(&self, sources: &[usize], name: &str) -> Found {
        let ty_of = |source: &usize| {
            let fields = &self.program.streams[self.sources[*source].stream].fields;
            fields.iter().find(|field| field.name == name).map(|field| field.ty)
        };
        let (with, without): (Vec<usize>, Vec<usize>) =
            sources.iter().partition(|source| ty_of(source).is_some());
        let Some(first) = with.first() else { return Found::No };
        if !without.is_empty() {
            return Found::Partly(with, without);
        }
        let first = (*first, ty_of(first).expect("it has the field"));
        for source in with {
            let ty = ty_of(&source).expect("it has the field");
            if ty != first.1 {
                return Found::Differs(first, (source, ty));
            }
        }
        Found::Field(first.1)
    }

    /// The type of a field that some streams of the pattern have, if all that have it agree.
    fn some_type(&self, name: &str) -> Option<Type> {
        let everywhere: Vec<usize> = (0..self.sources.len()).collect();
        match self.field_among(&everywhere, name) {
            Found::Field(ty) => Some(ty),
            Found::Partly(with, _) => match self.field_among(&with, name) {
                Found::Field(ty) => Some(ty),
                Found::Partly(..) | Found::Differs(..) | Found::No => None,
            },
            Found::Differs(..) | Found::No => None,
        }
    }

    /// A bare name.
    pub(super) fn bare_name(&mut self, place: Place, name: &str, span: Span) -> Typed {
        if let Some(sources) = self.candidate(place) {
            match self.field_among(&sources, name) {
                Found::Field(ty) => return Typed::new(Expr::Field(self.slot(name, ty)), ty),
                // `until` looks at every event of the pattern; where one lacks the field, it is null.
                _ if matches!(place, Place::Until(_) | Place::GroupUntil(_))
                    && self.some_type(name).is_some() =>
                {
                    let ty = self.some_type(name).expect("just seen");
                    return Typed::new(Expr::Field(self.slot(name, ty)), ty);
                }
                // A stream that is narrower may have it as a part of the key.
                Found::Partly(..) if self.key_named(name).is_some() => {}
                Found::No => {}
                found => return self.ambiguous(name, span, found, Self::own_step(place)),
            }
        }
        if let (Some(key), false) = (self.key_named(name), matches!(place, Place::Filter(_))) {
            let ty = self.keys[key].ty.map_or(Ty::Error, Ty::Known);
            return Typed { expr: Expr::Key(key), ty };
        }
        if self.program.planned.contains_key(name) {
            return Typed::error();
        }
        if let Some(step) = self.step_named(name) {
            return self.step_as_value(step, name, span);
        }
        self.unknown_name(place, name, span)
    }

    fn key_named(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name)
    }

    fn ambiguous(&mut self, name: &str, span: Span, found: Found, step: Option<usize>) -> Typed {
        let (message, label) = match &found {
            Found::Partly(with, without) => (
                format!(
                    "`{name}` is a field of `{}`, but not of `{}`",
                    self.stream_name(with[0]),
                    self.stream_name(without[0])
                ),
                "an event of either stream can come here",
            ),
            Found::Differs(one, other) => (
                format!(
                    "`{name}` is {} in `{}` and {} in `{}`",
                    one.1,
                    self.stream_name(one.0),
                    other.1,
                    self.stream_name(other.0)
                ),
                "an event of either stream can come here",
            ),
            Found::Field(_) | Found::No => return Typed::error(),
        };
        let meant = match found {
            Found::Partly(with, _) => with[0],
            Found::Differs(one, _) => one.0,
            Found::Field(_) | Found::No => 0,
        };
        let mut diagnostic = Diagnostic::error(Code::AmbiguousField, span, message)
            .label(label)
            .note("a step without a stream takes events of every stream of the pattern, with the fields that all share");
        if let Some(step) = step.map(|step| &self.steps[step]) {
            let help = format!("say the stream: `{}: {}`", step.name.text, self.stream_name(meant));
            diagnostic = diagnostic.help(help);
        }
        self.report_field(diagnostic);
        Typed::error()
    }

    /// Reports an unknown field, unless the streams are not known well enough to say so.
    fn report_field(&mut self, diagnostic: Diagnostic) {
        if self.sources_known {
            self.report(diagnostic);
        }
    }

    fn step_as_value(&mut self, step: usize, name: &str, span: Span) -> Typed {
        let many = self.steps[step].many();
        let message = format!("`{name}` is a step, not a value");
        let field = self.example_field(step);
        let help = match (self.steps[step].absent, many) {
            (true, _) => "an absence has no event; leave it out".to_owned(),
            (_, true) => format!("write `count({name})`, or a field: `last({name}).{field}`"),
            (_, false) => format!("write a field: `{name}.{field}`; or ask `{name} is not null`"),
        };
        self.report(Diagnostic::error(Code::NotHere, span, message).help(help));
        Typed::error()
    }

    /// Some field of a step, for messages.
    pub(super) fn example_field(&self, step: usize) -> String {
        let source = self.steps[step].sources.first();
        let fields = source.map(|source| &self.program.streams[self.sources[*source].stream].fields);
        fields
            .and_then(|fields| fields.first())
            .map_or_else(|| "field".to_owned(), |field| field.name.clone())
    }

    fn unknown_name(&mut self, place: Place, name: &str, span: Span) -> Typed {
        let everywhere: Vec<usize> = (0..self.sources.len()).collect();
        let found = !matches!(self.field_among(&everywhere, name), Found::No);
        if found && matches!(place, Place::Having | Place::Emit) {
            return self.field_without_step(name, span);
        }
        let diagnostic =
            match self.candidate(place) {
                Some(sources) => {
                    let streams = quoted(sources.iter().map(|source| self.stream_name(*source)));
                    let message = match sources.len() {
                        1 => format!("stream {streams} has no field `{name}`"),
                        _ => format!("none of {streams} has a field `{name}`"),
                    };
                    let mut diagnostic = Diagnostic::error(Code::UnknownField, span, message)
                        .help(suggestion(name, "fields", self.names_at(place).iter().map(String::as_str)));
                    if let (true, Place::Filter(_)) = (found, place) {
                        diagnostic =
                            diagnostic.note("the condition of a source reads only fields of that stream");
                    } else if found {
                        diagnostic = diagnostic.note(
                            "another stream of the pattern has it, but this step does not take its events",
                        );
                    }
                    diagnostic
                }
                None => Diagnostic::error(Code::UnknownName, span, format!("there is no `{name}` here"))
                    .note("here a bare name is a part of the key")
                    .help(suggestion(name, "names", self.names_at(place).iter().map(String::as_str))),
            };
        self.report_field(diagnostic);
        Typed::error()
    }

    /// The names that could have been meant.
    fn names_at(&self, place: Place) -> Vec<String> {
        let mut names = Vec::new();
        for source in self.candidate(place).unwrap_or_default() {
            let fields = &self.program.streams[self.sources[source].stream].fields;
            names.extend(fields.iter().map(|field| field.name.clone()));
        }
        if !matches!(place, Place::Filter(_)) {
            names.extend(self.keys.iter().map(|key| key.name.clone()));
        }
        if matches!(place, Place::Having | Place::Emit) {
            let steps = self.steps.iter().filter(|step| !step.absent);
            names.extend(steps.map(|step| step.name.text.clone()));
        }
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        names
    }

    fn field_without_step(&mut self, name: &str, span: Span) -> Typed {
        let mut ways = Vec::new();
        for step in self.steps.iter().filter(|step| !step.absent) {
            if !matches!(self.field_among(&step.sources, name), Found::No) {
                ways.push(match step.many() {
                    true => format!("`last({}).{name}`", step.name.text),
                    false => format!("`{}.{name}`", step.name.text),
                });
            }
        }
        let help = match ways.len() {
            0 => "name a step that has it".to_owned(),
            _ => format!("write {}", ways.join(" or ")),
        };
        let message = format!("`{name}` does not say of which event");
        let diagnostic = Diagnostic::error(Code::BareFieldInEmit, span, message)
            .note("a match holds several events; only a part of the key is the same in all of them")
            .help(help);
        self.report(diagnostic);
        Typed::error()
    }

    /// The step of `NAME.field` or `avg(NAME.field)`, if the name is one and may be read here.
    pub(super) fn step_to_read(&mut self, place: Place, name: &str, span: Span, how: How) -> Option<usize> {
        let Some(step) = self.step_named(name) else {
            self.unknown_step(place, name, span);
            return None;
        };
        self.may_read(place, step, span, how).then_some(step)
    }

    fn unknown_step(&mut self, place: Place, name: &str, span: Span) {
        if self.program.planned.contains_key(name) {
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
            Diagnostic::error(Code::UnknownStep, span, message)
                .note("an event is named by the step that took it")
                .help(format!("steps: {}", quoted(steps)))
        } else if is_field {
            let message = format!("`{name}` is a field, and has no fields of its own");
            Diagnostic::error(Code::UnknownStep, span, message)
                .help("a member inside JSON is declared as a field: `city string from \"geo.city\"`")
        } else {
            Diagnostic::error(Code::UnknownStep, span, format!("the pattern has no step `{name}`"))
                .help(suggestion(name, "steps", steps))
        };
        self.report(diagnostic);
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
                    .note("a match says that no such event came"),
            )
        } else if matches!(place, Place::Filter(_)) {
            Some(
                Diagnostic::error(Code::NotHere, span, "the condition of a source cannot read a step")
                    .note("a source is narrowed before any step looks at it")
                    .help("move this into the `where` of a step"),
            )
        } else if let Some(own) = Self::own_step(place) {
            self.refused_in_step(own, step, span, how)
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
    fn one_event(&self, place: Place, step: usize) -> bool {
        let target = &self.steps[step];
        let around: &[usize] = match place {
            Place::Condition(step) | Place::Until(step) => &self.steps[step].looped_groups,
            Place::GroupUntil(group) => &self.groups[group].looped_groups,
            Place::Filter(_) | Place::Having | Place::Emit => &[],
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
                    let diagnostic = Diagnostic::error(Code::UnknownField, field.span, message)
                        .note(format!("its events are of {streams}"))
                        .help(suggestion(&field.text, "fields", names));
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

fn later(span: Span, name: &str, declared: Span) -> Diagnostic {
    Diagnostic::error(Code::LaterStep, span, format!("`{name}` comes later, so it has no event yet"))
        .also(declared, "declared here")
        .note("a condition is decided when its event comes, by what the run holds then")
        .help(format!("move this into the condition of `{name}`, or of a step after it"))
}
