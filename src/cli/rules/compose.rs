//! A program with what is left of patterns that were changed or taken away: they begin nothing, and finish what is open.

use std::sync::Arc;

use crate::event::{PatternId, StreamId};
use crate::lang::hir::{Emit, Field, Origin, Pattern, Program, Source, Stream};

/// A pattern of another program.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Old {
    /// The program.
    pub(in crate::cli) program: Arc<Program>,
    /// The pattern.
    pub(in crate::cli) pattern: PatternId,
}

impl Old {
    /// The pattern.
    pub(in crate::cli) fn pattern(&self) -> &Pattern {
        self.program.pattern(self.pattern)
    }
}

/// Adds a pattern of another program, that it may finish what is open.
///
/// # Errors
///
/// Why it cannot, as the end of a sentence: what it reads or emits is not there any more.
pub(in crate::cli) fn add_drained(program: &mut Program, old: &Old) -> Result<PatternId, String> {
    let id = PatternId(program.patterns.len() as u32);
    let translation = Translation { from: &old.program, to: program };
    let mut pattern = old.pattern().clone();
    pattern.id = id;
    pattern.drains = true;
    for source in &mut pattern.sources {
        translation.source(source)?;
    }
    let level = pattern.sources.iter().map(|source| level_behind(program, source.stream)).max().unwrap_or(0);
    if level != pattern.level {
        return Err("the records that it reads are made in another order".to_owned());
    }
    for emit in pattern.emits.iter_mut().chain(&mut pattern.timeout_emits) {
        translation.emit(emit)?;
        if level_behind(program, emit.stream) <= level {
            return Err("the records that it makes are made in another order".to_owned());
        }
    }
    program.patterns.push(pattern);
    Ok(id)
}

/// A stream that both programs read and that is ordered by another field now, with that and the one before: what waits in
/// the state is in an order that means nothing any more.
pub(super) fn other_order(old: &Program, new: &Program, running: &[PatternId]) -> Option<[String; 3]> {
    let read =
        running.iter().flat_map(|id| &new.pattern(*id).sources).map(|source| new.stream(source.stream));
    let time = |stream: &Stream| match stream.origin {
        Origin::Source { time_field, .. } => Some(stream.fields[time_field].clone()),
        Origin::Derived { .. } => None,
    };
    let changed = |stream: &Stream| {
        let before = time(old.stream(old.stream_named(&stream.name)?))?;
        let now = time(stream)?;
        let is_same = (&before.name, &before.path, before.ty, &before.form)
            == (&now.name, &now.path, now.ty, &now.form);
        (!is_same).then(|| [stream.name.clone(), now.name, before.name])
    };
    read.filter_map(changed).next()
}

/// The least level of a pattern that reads a stream.
fn level_behind(program: &Program, stream: StreamId) -> u32 {
    match program.stream(stream).origin {
        Origin::Source { .. } => 0,
        Origin::Derived { level, .. } => level + 1,
    }
}

/// From the numbers of one program to those of another.
struct Translation<'a> {
    from: &'a Program,
    to: &'a Program,
}

impl Translation<'_> {
    fn source(&self, source: &mut Source) -> Result<(), String> {
        let (old, to) = (source.stream, self.stream(source.stream, "reads")?);
        for field in source.fields.iter_mut().flatten() {
            *field = self.field(old, to, *field)?;
        }
        for field in &mut source.keys {
            *field = self.field(old, to, *field)?;
        }
        if let Origin::Source { time_field, .. } = self.from.stream(old).origin {
            let now = self.field(old, to, time_field)?;
            if !matches!(self.to.stream(to).origin, Origin::Source { time_field, .. } if time_field == now) {
                return Err(format!("stream `{}` has another event time", self.to.stream(to).name));
            }
        }
        source.stream = to;
        Ok(())
    }

    fn emit(&self, emit: &mut Emit) -> Result<(), String> {
        let (old, to) = (emit.stream, self.stream(emit.stream, "emits")?);
        for (field, _) in &mut emit.fields {
            *field = self.field(old, to, *field)?;
        }
        emit.stream = to;
        Ok(())
    }

    fn stream(&self, old: StreamId, verb: &str) -> Result<StreamId, String> {
        let old = self.from.stream(old);
        let is_source = |origin: &Origin| matches!(origin, Origin::Source { .. });
        let to = self.to.stream_named(&old.name);
        let same = |to: &StreamId| is_source(&self.to.stream(*to).origin) == is_source(&old.origin);
        to.filter(same)
            .ok_or_else(|| format!("stream `{}`, which it {verb}, is not there any more", old.name))
    }

    fn field(&self, old: StreamId, to: StreamId, field: usize) -> Result<usize, String> {
        let old = &self.from.stream(old).fields[field];
        let stream = self.to.stream(to);
        let same = |new: &Field| new.name == old.name && new.ty == old.ty;
        stream.fields.iter().position(same).ok_or_else(|| {
            format!(
                "field `{}` of stream `{}` is not there any more, or of another type",
                old.name, stream.name
            )
        })
    }
}
