//! Derived streams: which there are, in which order they can be known, and what fields they have.

use super::emit::PendingEmit;
use super::streams::{DerivedScope, StreamScope, plain_field};
use super::types::{Ty, widened};
use super::{Checker, Items};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{PatternId, StreamId, Type};
use crate::lang::ast::{Ident, PatternItem};
use crate::lang::hir;

/// In which order patterns can be checked.
pub(super) struct Derived {
    /// For each pattern, in file order.
    pub(super) pattern_levels: Vec<u32>,
}

impl Derived {
    pub(super) fn level_max(&self) -> u32 {
        self.pattern_levels.iter().copied().max().unwrap_or(0)
    }
}

/// A stream that some pattern emits, while levels are worked out.
struct Output {
    name: Ident,
    patterns: Vec<usize>,
    level: Option<u32>,
    in_cycle: bool,
}

/// Every emit of a pattern, the timeouts' last.
fn outputs_of(item: &PatternItem) -> impl Iterator<Item = &Ident> {
    item.emits.iter().chain(&item.tallies).chain(&item.timeout_emits).map(|emit| &emit.stream)
}

impl Checker<'_> {
    /// Adds the derived streams behind the declared ones, inputs before what is made of them.
    pub(super) fn declare_derived(&mut self, items: &Items<'_>) -> Derived {
        let mut outputs = self.outputs(items);
        let mut pattern_levels = vec![None; items.patterns.len()];
        while !advance(items, &mut outputs, &mut pattern_levels) {
            let cycle = find_cycle(items, &outputs, &pattern_levels);
            self.report_cycle(items, &outputs, &cycle);
            for (_, output) in cycle {
                outputs[output].in_cycle = true;
                outputs[output].level = Some(0);
            }
        }
        let mut order: Vec<usize> = (0..outputs.len()).collect();
        order.sort_by_key(|output| outputs[*output].level);
        for at in order {
            let output = &outputs[at];
            let patterns = output.patterns.iter().map(|pattern| PatternId(*pattern as u32)).collect();
            let derived = DerivedScope { patterns, level: output.level.unwrap_or(0) };
            let name = &output.name;
            let complete = !output.in_cycle && !self.unread.may_declare(&name.text);
            let stream = StreamScope::derived(&name.text, name.span, derived, complete);
            self.streams.push(stream);
        }
        Derived { pattern_levels: pattern_levels.into_iter().map(|level| level.unwrap_or(0)).collect() }
    }

    fn outputs(&mut self, items: &Items<'_>) -> Vec<Output> {
        let mut outputs: Vec<Output> = Vec::new();
        for (at, pattern) in items.patterns.iter().enumerate() {
            for name in outputs_of(pattern) {
                if self.stream_named(&name.text).is_some() {
                    continue; // refused where the emit is checked
                }
                match outputs.iter_mut().find(|output| output.name.text == name.text) {
                    Some(output) if output.patterns.last() == Some(&at) => {}
                    Some(output) => output.patterns.push(at),
                    None => outputs.push(Output {
                        name: name.clone(),
                        patterns: vec![at],
                        level: None,
                        in_cycle: false,
                    }),
                }
            }
        }
        outputs
    }

    fn report_cycle(&mut self, items: &Items<'_>, outputs: &[Output], cycle: &[(usize, usize)]) {
        let Some((first, _)) = cycle.first() else { return };
        let read_of = |pattern: usize, output: usize| -> Option<Span> {
            let name = &outputs[output].name.text;
            let mut sources = items.patterns[pattern].sources.iter();
            sources.find(|source| source.stream.text == *name).map(|source| source.stream.span)
        };
        let place = |(pattern, output): (usize, usize)| {
            read_of(pattern, output).unwrap_or(items.patterns[pattern].name.span)
        };
        let name = &items.patterns[*first].name.text;
        let message = match cycle.len() {
            1 => format!("pattern `{name}` reads the stream that it emits"),
            _ => format!("pattern `{name}` reads a stream that is made of what it emits"),
        };
        let mut diagnostic = Diagnostic::error(Code::StreamCycle, place(cycle[0]), message)
            .note("a record is an event of its stream at the time of its match, so a cycle would have no end")
            .help("emit to a stream of another name");
        for step in &cycle[1..] {
            let pattern = &items.patterns[step.0].name.text;
            let output = &outputs[step.1].name.text;
            diagnostic = diagnostic.also(place(*step), format!("pattern `{pattern}` reads `{output}`"));
        }
        self.report(diagnostic);
    }

    /// Gives the derived streams of a level their fields: the union of what is emitted.
    pub(super) fn complete_schemas(
        &mut self,
        level: u32,
        checked: &[Option<(hir::Pattern, Vec<PendingEmit>)>],
    ) {
        for at in 0..self.streams.len() {
            if self.streams[at].derived.as_ref().is_some_and(|derived| derived.level == level) {
                let emits = checked.iter().flatten().flat_map(|(_, emits)| emits);
                let emits: Vec<&PendingEmit> =
                    emits.filter(|emit| emit.stream == Some(StreamId(at as u32))).collect();
                self.complete_schema(at, &emits);
            }
        }
    }

    fn complete_schema(&mut self, stream: usize, emits: &[&PendingEmit]) {
        let mut fields: Vec<(&Ident, Ty)> = Vec::new();
        for (name, ty) in emits.iter().flat_map(|emit| &emit.entries).map(|entry| (&entry.0, entry.1.ty)) {
            let Some(known) = fields.iter_mut().find(|field| field.0.text == name.text) else {
                fields.push((name, ty));
                continue;
            };
            match joined(known.1, ty) {
                Some(ty) => known.1 = ty,
                None => {
                    let diagnostic = two_types(&self.streams[stream].name, *known, (name, ty));
                    known.1 = Ty::Error;
                    self.report(diagnostic);
                }
            }
        }
        for (name, ty) in fields {
            match ty {
                Ty::Known(ty) => self.streams[stream].fields.push(plain_field(&name.text, ty, true)),
                Ty::Error => self.streams[stream].complete = false,
                Ty::Null => {
                    self.streams[stream].complete = false;
                    let message = format!("field `{}` is always null, so it has no type", name.text);
                    self.report(
                        Diagnostic::error(Code::EmitType, name.span, message)
                            .help("leave it out, or emit a value: a field that is not emitted is null"),
                    );
                }
            }
        }
    }
}

fn two_types(stream: &str, first: (&Ident, Ty), second: (&Ident, Ty)) -> Diagnostic {
    let (Ty::Known(one), Ty::Known(other)) = (first.1, second.1) else {
        unreachable!("only known types do not join");
    };
    let message = format!("field `{}` of `{stream}` is {other} here and {one} elsewhere", second.0.text);
    let help = match (one, other) {
        (Type::String, other) | (other, Type::String) if other != Type::String => {
            "emit it as text everywhere, with `string(…)`, or call one of the two by another name".to_owned()
        }
        _ => format!("call one of the two by another name: `{}_{other}`", second.0.text)
            .replace(['(', ')'], ""),
    };
    Diagnostic::error(Code::EmitType, second.0.span, message)
        .label(format!("{other}"))
        .also(first.0.span, format!("{one}"))
        .note("patterns that emit one stream share its schema")
        .help(help)
}

/// The type that holds both; `None` where none does.
fn joined(left: Ty, right: Ty) -> Option<Ty> {
    Some(match (left, right) {
        (Ty::Error, _) | (_, Ty::Error) => Ty::Error,
        (Ty::Null, other) | (other, Ty::Null) => other,
        (Ty::Known(left), Ty::Known(right)) => Ty::Known(widened(left, right)?),
    })
}

/// Gives a level to whatever has all its inputs; whether everything has one.
fn advance(items: &Items<'_>, outputs: &mut [Output], levels: &mut [Option<u32>]) -> bool {
    loop {
        let mut changed = false;
        for (at, pattern) in items.patterns.iter().enumerate() {
            if levels[at].is_none() {
                levels[at] = pattern_level(pattern, outputs);
                changed |= levels[at].is_some();
            }
        }
        for output in outputs.iter_mut().filter(|output| output.level.is_none()) {
            let of_patterns: Option<Vec<u32>> = output.patterns.iter().map(|at| levels[*at]).collect();
            output.level = of_patterns.and_then(|levels| levels.into_iter().max());
            changed |= output.level.is_some();
        }
        if !changed {
            return levels.iter().all(Option::is_some) && outputs.iter().all(|output| output.level.is_some());
        }
    }
}

fn pattern_level(pattern: &PatternItem, outputs: &[Output]) -> Option<u32> {
    let mut level = 0;
    for source in &pattern.sources {
        if let Some(output) = outputs.iter().find(|output| output.name.text == source.stream.text) {
            level = level.max(output.level? + 1);
        }
    }
    Some(level)
}

/// A cycle among what has no level: patterns, each with the output that it reads.
fn find_cycle(items: &Items<'_>, outputs: &[Output], levels: &[Option<u32>]) -> Vec<(usize, usize)> {
    let unknown_input = |pattern: usize| {
        outputs.iter().position(|output| {
            output.level.is_none()
                && items.patterns[pattern].sources.iter().any(|source| source.stream.text == output.name.text)
        })
    };
    let mut walk: Vec<(usize, usize)> = Vec::new();
    let mut pattern = levels.iter().position(Option::is_none).expect("a pattern without a level");
    loop {
        if let Some(start) = walk.iter().position(|(seen, _)| *seen == pattern) {
            let mut cycle = walk.split_off(start);
            let first = (0..cycle.len()).min_by_key(|at| cycle[*at].0).unwrap_or(0);
            cycle.rotate_left(first);
            return cycle;
        }
        let input = unknown_input(pattern).expect("a pattern without a level reads a stream without one");
        walk.push((pattern, input));
        let makers = outputs[input].patterns.iter();
        pattern = *makers.clone().find(|maker| levels[**maker].is_none()).expect("a maker without a level");
    }
}
