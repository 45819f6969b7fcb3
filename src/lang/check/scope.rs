//! What a name means at a place of a pattern.
//!
//! In the condition of a step or a source a bare name is a field of the candidate event, or else a part of the key.
//! In `emit` and `having` there is no candidate, so a field needs its step. A step can be read by what comes after
//! it, with two exceptions: a leading absence may read the step directly after it, and the branches of `each of`
//! and `k of` may read each other.

use super::calls;
use super::names::{quoted, suggestion};
use super::patterns::PatternChecker;
use super::types::{Ty, Typed};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::Type;
use crate::lang::ast::Ident;
use crate::lang::hir::{self, Expr, GroupId};

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
    /// A record of a tally.
    Tally,
    /// `having` beside a tally.
    TallyHaving,
}

impl Place {
    /// Whether it is about all matches that one event completes.
    pub(super) fn is_of_a_tally(self) -> bool {
        matches!(self, Place::Tally | Place::TallyHaving)
    }

    /// Whether it is about a whole match: there is no candidate.
    pub(super) fn is_of_a_match(self) -> bool {
        matches!(self, Place::Having | Place::Emit) || self.is_of_a_tally()
    }
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

    pub(super) fn own_step(place: Place) -> Option<usize> {
        match place {
            Place::Condition(step) | Place::Until(step) => Some(step),
            _ => None,
        }
    }

    /// The sources that the candidate may be of; `None` where there is no candidate.
    pub(super) fn candidate(&self, place: Place) -> Option<Vec<usize>> {
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
            Place::Having | Place::Emit | Place::Tally | Place::TallyHaving => None,
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
        if self.program.is_answered(name) {
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

    pub(super) fn ambiguous(&mut self, name: &str, span: Span, found: Found, step: Option<usize>) -> Typed {
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
    pub(super) fn report_field(&mut self, diagnostic: Diagnostic) {
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
        if found && place.is_of_a_match() {
            return self.field_without_step(name, span);
        }
        let diagnostic = match self.candidate(place) {
            Some(sources) => {
                let streams = quoted(sources.iter().map(|source| self.stream_name(*source)));
                let message = match sources.len() {
                    1 => format!("stream {streams} has no field `{name}`"),
                    _ => format!("none of {streams} has a field `{name}`"),
                };
                let column = self.column_help(&sources, name);
                let is_near = column.is_some();
                let known = column.unwrap_or_else(|| {
                    suggestion(name, "fields", self.names_at(place).iter().map(String::as_str))
                });
                let is_near = is_near || known.starts_with("did you mean");
                let written = &self.program.sources.file(span.file).text[..span.start as usize];
                if written.trim_end().ends_with("--") {
                    let diagnostic = Diagnostic::error(Code::UnknownField, span, message)
                        .note("`--` was read as two minus signs")
                        .help("a comment starts with `//` and ends with its line");
                    self.report_field(diagnostic);
                    return Typed::error();
                }
                let mut diagnostic = Diagnostic::error(Code::UnknownField, span, message).help(known);
                if !is_near && !found {
                    diagnostic = diagnostic.help(format!("a text stands in quotes: `\"{name}\"`"));
                }
                if let (true, Place::Filter(_)) = (found, place) {
                    diagnostic =
                        diagnostic.note("the condition of a source reads only fields of that stream");
                } else if found {
                    diagnostic = diagnostic
                        .note("another stream of the pattern has it, but this step does not take its events");
                }
                diagnostic
            }
            None if calls::is_function(name) => {
                Diagnostic::error(Code::UnknownName, span, format!("there is no `{name}` here"))
                    .note("a function has this name")
                    .help(format!("write `{name}(…)` to call it"))
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
            // A part of the key that is wrong is no field, and was answered.
            let keys = self.keys.iter().filter(|key| key.ty.is_some());
            names.extend(keys.map(|key| key.name.clone()));
        }
        if place.is_of_a_match() {
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
        if self.keys_known {
            self.report(diagnostic);
        }
        Typed::error()
    }
}
