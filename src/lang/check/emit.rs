//! What a pattern emits.
//!
//! A record is typed with its pattern, and put into the fields of its stream once every pattern that emits the
//! stream is known.

use super::names::quoted;
use super::patterns::PatternChecker;
use super::scope::Place;
use super::streams::StreamScope;
use super::types::Typed;
use crate::diag::{Code, Diagnostic};
use crate::event::StreamId;
use crate::lang::ast::{Emit, Ident};
use crate::lang::hir;

/// The names that every record has without being told.
const GIVEN: [(&str, &str); 5] = [
    ("at", "the event time of the match"),
    ("pattern", "the pattern's name"),
    ("id", "the match id"),
    ("meta", "the pattern's `meta`"),
    ("timeout", "whether it is a timeout"),
];

/// A record whose stream has no fields yet.
pub(super) struct PendingEmit {
    /// `None` where it is no output, which was reported.
    pub(super) stream: Option<StreamId>,
    pub(super) timeout: bool,
    pub(super) entries: Vec<(Ident, Typed)>,
}

pub(super) fn check_emits(checker: &mut PatternChecker<'_, '_>) -> Vec<PendingEmit> {
    let item = checker.item;
    let mut pending = Vec::new();
    for (emits, place, timeout) in [
        (&item.emits, Place::Emit, false),
        (&item.tallies, Place::Tally, false),
        (&item.timeout_emits, Place::Emit, true),
    ] {
        for (at, emit) in emits.iter().enumerate() {
            if let Some(first) = emits[..at].iter().find(|earlier| earlier.stream.text == emit.stream.text) {
                let name = &emit.stream.text;
                let diagnostic = Diagnostic::error(
                    Code::BadClause,
                    emit.stream.span,
                    format!("`{name}` is emitted twice"),
                )
                .also(first.stream.span, "first here")
                .note("a match is one record on a stream")
                .help("join the fields, or emit to a stream of another name");
                checker.report(diagnostic);
            }
            let stream = output(checker, emit);
            let entries = entries(checker, place, emit);
            pending.push(PendingEmit { stream, timeout, entries });
        }
    }
    pending
}

/// The stream of an emit.
fn output(checker: &mut PatternChecker<'_, '_>, emit: &Emit) -> Option<StreamId> {
    let name = &emit.stream;
    let (at, declared) = match checker.program.stream_named(&name.text) {
        Some(at) if checker.program.streams[at].derived.is_some() => {
            (Some(at), checker.program.planned.get(&name.text).copied())
        }
        Some(at) => (None, checker.program.streams[at].span),
        None => (None, None),
    };
    if let Some(declared) = declared {
        let diagnostic = Diagnostic::error(
            Code::DuplicateName,
            name.span,
            format!("`{}` is declared as an input", name.text),
        )
        .also(declared, "declared here")
        .note("what a pattern emits is a stream of its own, with the fields that are emitted")
        .help(format!("emit to another name: `{}_alert`", name.text));
        checker.report(diagnostic);
    }
    at.map(|at| StreamId(at as u32))
}

fn entries(checker: &mut PatternChecker<'_, '_>, place: Place, emit: &Emit) -> Vec<(Ident, Typed)> {
    let mut entries: Vec<(Ident, Typed)> = Vec::new();
    for entry in &emit.entries {
        let key = &entry.key;
        if let Some((name, what)) = GIVEN.iter().find(|(name, _)| *name == key.text) {
            let diagnostic = Diagnostic::error(
                Code::ReservedName,
                key.span,
                format!("`{name}` is on every record already"),
            )
            .note(format!(
                "`{name}` is {what}; also given: {}",
                quoted(GIVEN.iter().map(|(name, _)| *name).filter(|other| other != name))
            ))
            .help(match *name {
                "at" => "leave it out, or call the time of some event by another name: `first_at`".to_owned(),
                _ => "leave it out, or choose another name".to_owned(),
            });
            checker.report(diagnostic);
            continue;
        }
        if let Some((first, _)) = entries.iter().find(|(first, _)| first.text == key.text) {
            let message = format!("field `{}` stands twice in the record", key.text);
            let diagnostic = Diagnostic::error(Code::DuplicateName, key.span, message)
                .also(first.span, "first here")
                .help("remove one of them");
            checker.report(diagnostic);
            continue;
        }
        let typed = checker.expr(place, &entry.value);
        entries.push((key.clone(), typed));
    }
    entries
}

/// Puts the records of a pattern into the fields of their streams.
pub(super) fn resolve(pattern: &mut hir::Pattern, pending: Vec<PendingEmit>, streams: &[StreamScope]) {
    for emit in pending {
        let Some(stream) = emit.stream else { continue };
        let scope = &streams[stream.index()];
        let field = |(name, typed): (Ident, Typed)| {
            // A field that the schema lacks was reported.
            let at = scope.field(&name.text)?;
            Some((at, typed.converted(scope.fields[at].ty)))
        };
        let fields = emit.entries.into_iter().filter_map(field).collect();
        let lowered = hir::Emit { stream, fields };
        match emit.timeout {
            true => pattern.timeout_emits.push(lowered),
            false => pattern.emits.push(lowered),
        }
    }
}
