//! A pattern as a whole: what it reads, its key, and its clauses.

use super::emit::PendingEmit;
use super::names::{quoted, suggestion};
use super::scope::{GroupScope, Place, StepScope};
use super::{Checker, emit, modes, steps};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{PatternId, SlotId, StreamId, Type, Value};
use crate::lang::ast::{self, Element, Ident, KeyClause, KeyPath, PatternItem, Spanned};
use crate::lang::hir;
use crate::lang::scan::{Scanner, Token};
use crate::time::Duration;

/// A pattern while it is checked.
pub(super) struct PatternChecker<'c, 'a> {
    pub(super) program: &'c mut Checker<'a>,
    pub(super) item: &'c PatternItem,
    /// The streams it reads, in the order of the program's streams.
    pub(super) sources: Vec<SourceScope>,
    /// Whether every stream it names is known, with all fields. Otherwise an unknown name may be the same mistake.
    pub(super) sources_known: bool,
    pub(super) keys: Vec<KeyScope>,
    /// Whether every part of the key is a field. Otherwise a bare name may have been meant as one.
    pub(super) keys_known: bool,
    pub(super) slots: Vec<hir::Slot>,
    pub(super) steps: Vec<StepScope>,
    pub(super) groups: Vec<GroupScope>,
    pub(super) reads: super::scope::Reads,
    /// The step of the event that completes a match, where a tally may read it.
    pub(super) completing: Option<usize>,
    /// The aggregates of the tally.
    pub(super) tallied: Vec<hir::Tallied>,
}

/// A stream that the pattern reads.
pub(super) struct SourceScope {
    /// Its index among the program's streams.
    pub(super) stream: usize,
    pub(super) span: Span,
    pub(super) filter: Option<hir::Expr>,
    pub(super) keys: Vec<usize>,
}

/// A part of the key.
pub(super) struct KeyScope {
    pub(super) name: String,
    /// `None` where it is wrong, which was reported.
    pub(super) ty: Option<Type>,
}

/// Checks a pattern. What it emits is resolved once the streams that it emits to have their fields.
pub(super) fn check_pattern(
    program: &mut Checker<'_>,
    at: usize,
    level: u32,
    item: &PatternItem,
) -> (hir::Pattern, Vec<PendingEmit>) {
    let mut checker = PatternChecker {
        program,
        item,
        sources: Vec::new(),
        sources_known: true,
        keys: Vec::new(),
        keys_known: true,
        slots: Vec::new(),
        steps: Vec::new(),
        groups: Vec::new(),
        reads: super::scope::Reads::default(),
        completing: None,
        tallied: Vec::new(),
    };
    checker.bind_sources();
    checker.bind_keys();
    let elements = steps::normalized(&item.body);
    checker.collect_steps(&elements);
    checker.check_filters();
    let (body, steps) = checker.lower_body(&elements);
    checker.check_absences(&elements);
    let skip = checker.check_mode(&elements);
    checker.check_tally(&elements);
    let place = if item.tallies.is_empty() { Place::Having } else { Place::TallyHaving };
    let having = item.having.as_ref().map(|having| checker.condition(place, having));
    let pending = checker.check_emits();
    checker.into_pattern(at, level, (body, steps), skip, having, pending, &elements)
}

impl PatternChecker<'_, '_> {
    #[expect(clippy::too_many_arguments, reason = "the parts of a pattern, each made once, in one place")]
    fn into_pattern(
        mut self,
        at: usize,
        level: u32,
        (body, steps): (Vec<hir::Node>, Vec<hir::Step>),
        skip: hir::Skip,
        having: Option<hir::Expr>,
        pending: Vec<PendingEmit>,
        elements: &[Element],
    ) -> (hir::Pattern, Vec<PendingEmit>) {
        let item = self.item;
        let meta = self.meta();
        let within = self.positive("within", item.within.as_ref());
        let limit = self.limit();
        let keep = self.keep();
        modes::warn_unbounded(&mut self, elements);
        let (having, tally) = match item.tallies.is_empty() {
            true => (having, None),
            false => {
                let aggregates = std::mem::take(&mut self.tallied);
                (None, Some(hir::Tally { aggregates, having }))
            }
        };
        let pattern = hir::Pattern {
            id: PatternId(at as u32),
            name: item.name.text.clone(),
            doc: item.doc.clone(),
            meta,
            level,
            sources: self.hir_sources(),
            keys: self.hir_keys(),
            slots: std::mem::take(&mut self.slots),
            steps,
            groups: self.groups.iter_mut().filter_map(|group| group.info.take()).collect(),
            body,
            mode: item.mode.node,
            skip,
            within,
            having,
            limit,
            keep,
            emits: Vec::new(),
            tally,
            timeout_emits: Vec::new(),
            drains: false,
            written: self.written(elements),
        };
        (pattern, pending)
    }

    fn hir_sources(&self) -> Vec<hir::Source> {
        let lower = |source: &SourceScope| {
            let fields = &self.program.streams[source.stream].fields;
            let field_of = |slot: &hir::Slot| {
                fields.iter().position(|field| field.name == slot.name && field.ty == slot.ty)
            };
            hir::Source {
                stream: StreamId(source.stream as u32),
                filter: source.filter.clone(),
                fields: self.slots.iter().map(field_of).collect(),
                keys: source.keys.clone(),
            }
        };
        self.sources.iter().map(lower).collect()
    }

    fn hir_keys(&self) -> Vec<hir::KeyPart> {
        let lower = |key: &KeyScope| {
            // A key without a type was reported; the program does not run.
            hir::KeyPart { name: key.name.clone(), ty: key.ty.unwrap_or(Type::String) }
        };
        self.keys.iter().map(lower).collect()
    }

    /// The slot of a field, one for each name and type.
    pub(super) fn slot(&mut self, name: &str, ty: Type) -> SlotId {
        let known = self.slots.iter().position(|slot| slot.name == name && slot.ty == ty);
        let at = known.unwrap_or_else(|| {
            self.slots.push(hir::Slot { name: name.to_owned(), ty, is_event_time: self.is_event_time(name) });
            self.slots.len() - 1
        });
        SlotId(at as u32)
    }

    /// Whether all streams call the event time so.
    fn is_event_time(&self, name: &str) -> bool {
        self.sources.iter().all(|source| {
            let stream = &self.program.streams[source.stream];
            stream.derived.is_none() && stream.fields[stream.time_field()].name == name
        })
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.program.report(diagnostic);
    }

    /// What was written there, on one line and without comments.
    pub(super) fn text(&self, span: Span) -> String {
        let text = &self.program.sources.file(span.file).text;
        let (start, end) = (span.start as usize, span.end as usize);
        let mut tokens = Scanner::new(text, start, end).peekable();
        let mut written = String::new();
        while let Some((at, token)) = tokens.next() {
            let next = tokens.peek().map_or(end, |(next, _)| *next);
            match token {
                Token::Comment => written.push(' '),
                _ => written.push_str(&text[at..next]),
            }
        }
        written.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(super) fn stream_name(&self, source: usize) -> &str {
        &self.program.streams[self.sources[source].stream].name
    }

    fn bind_sources(&mut self) {
        // A pattern that does not say what it reads was reported.
        self.sources_known = !self.item.sources.is_empty();
        for clause in &self.item.sources {
            let name = &clause.stream;
            let Some(stream) = self.program.stream_named(&name.text) else {
                self.sources_known = false;
                let names = self.program.streams.iter().map(|stream| stream.name.as_str());
                let diagnostic = unknown_stream(name, names, self.program.is_answered(&name.text));
                self.program.diagnostics.extend(diagnostic);
                continue;
            };
            if let Some(first) = self.sources.iter().find(|source| source.stream == stream) {
                let diagnostic = Diagnostic::error(
                    Code::DuplicateName,
                    name.span,
                    format!("`{}` is read twice", name.text),
                )
                .also(first.span, "first here")
                .help("name it once; if it is narrowed, join the conditions with `and` or `or`");
                self.report(diagnostic);
                continue;
            }
            self.program.streams[stream].used = true;
            self.sources_known &= self.program.streams[stream].complete;
            self.sources.push(SourceScope { stream, span: name.span, filter: None, keys: Vec::new() });
        }
        self.sources.sort_by_key(|source| source.stream);
    }

    fn check_filters(&mut self) {
        for clause in &self.item.sources {
            let Some(filter) = &clause.filter else { continue };
            let stream = self.program.stream_named(&clause.stream.text);
            let source = self
                .sources
                .iter()
                .position(|source| Some(source.stream) == stream && source.span == clause.stream.span);
            if let Some(source) = source {
                self.sources[source].filter = Some(self.condition(Place::Filter(source), filter));
            }
        }
    }

    fn bind_keys(&mut self) {
        let mut seen: Vec<&Ident> = Vec::new();
        for clause in &self.item.keys {
            let Some(first) = clause.paths.first() else { continue };
            if let Some(earlier) = seen.iter().find(|name| name.text == first.field.text) {
                let message = format!("the key has two parts `{}`", first.field.text);
                let diagnostic = Diagnostic::error(Code::DuplicateName, first.field.span, message)
                    .also(earlier.span, "first here")
                    .help("name it once");
                self.report(diagnostic);
                continue;
            }
            seen.push(&first.field);
            let fields = self.key_fields(clause);
            self.keys_known &= fields.is_some();
            let ty = fields.as_ref().and_then(|fields| self.key_type(clause, fields));
            for (source, field) in fields.into_iter().flatten().enumerate() {
                self.sources[source].keys.push(field);
            }
            self.keys.push(KeyScope { name: first.field.text.clone(), ty });
        }
    }

    /// For each source the field that is this part of the key.
    fn key_fields(&mut self, clause: &KeyClause) -> Option<Vec<usize>> {
        let mut fields = vec![None; self.sources.len()];
        let mut complete = true;
        for path in &clause.paths {
            complete &= match &path.stream {
                None => self.shared_key(clause, path, &mut fields),
                Some(stream) => self.named_key(stream, path, &mut fields),
            };
        }
        let missing: Vec<String> = (0..self.sources.len())
            .filter(|source| fields[*source].is_none())
            .map(|source| self.stream_name(source).to_owned())
            .collect();
        if complete && !missing.is_empty() && self.sources_known {
            let first = &clause.paths[0];
            let span =
                first.stream.as_ref().map_or(first.field.span, |stream| stream.span).to(first.field.span);
            let missing_names = quoted(missing.iter().map(String::as_str));
            let diagnostic = Diagnostic::error(
                Code::BadKey,
                span,
                format!("this part of the key does not say which field of {missing_names} it is"),
            )
            .note("every event has a key, so each stream needs a field for each part of it")
            .help(format!("write `{} = {}.FIELD`", self.text(span), missing[0]));
            self.report(diagnostic);
        }
        fields.into_iter().collect()
    }

    /// A field that all streams have.
    fn shared_key(&mut self, clause: &KeyClause, path: &KeyPath, fields: &mut [Option<usize>]) -> bool {
        if clause.paths.len() > 1 {
            let help = "write the stream of each: `by logins.user = transactions.owner`";
            let message = format!("`{}` does not say which stream it is of", path.field.text);
            self.report(Diagnostic::error(Code::BadKey, path.field.span, message).help(help));
            return false;
        }
        let name = &path.field.text;
        let mut missing = Vec::new();
        for (source, field) in fields.iter_mut().enumerate() {
            *field = self.program.streams[self.sources[source].stream].field(name);
            if field.is_none() {
                missing.push(source);
            }
        }
        if let (Some(first), true) = (missing.first(), self.sources_known) {
            let diagnostic = self.missing_key(path, *first, fields);
            self.report(diagnostic);
        }
        missing.is_empty()
    }

    fn missing_key(&self, path: &KeyPath, missing: usize, fields: &[Option<usize>]) -> Diagnostic {
        let name = &path.field.text;
        let stream = self.stream_name(missing);
        let message = format!("stream `{stream}` has no field `{name}` to be the key");
        let names = self.program.streams[self.sources[missing].stream].fields.iter();
        let names = names.map(|field| field.name.as_str());
        let help = match fields.iter().position(Option::is_some) {
            None => {
                let column = self.column_help(&[missing], name);
                column.unwrap_or_else(|| suggestion(name, "fields", names))
            }
            Some(has) => format!(
                "if it has another name there, write `by {}.{name} = {stream}.FIELD`; its fields: {}",
                self.stream_name(has),
                quoted(names)
            ),
        };
        Diagnostic::error(Code::BadKey, path.field.span, message).help(help)
    }

    /// A field of a stream that is named.
    fn named_key(&mut self, stream: &Ident, path: &KeyPath, fields: &mut [Option<usize>]) -> bool {
        let source = (0..self.sources.len()).find(|source| self.stream_name(*source) == stream.text);
        let Some(source) = source else {
            if self.sources_known {
                let names: Vec<&str> = (0..self.sources.len()).map(|at| self.stream_name(at)).collect();
                let message = format!("the pattern does not read a stream `{}`", stream.text);
                let help = suggestion(&stream.text, "its streams", names);
                let diagnostic = Diagnostic::error(Code::UnknownStream, stream.span, message).help(help);
                self.report(diagnostic);
            }
            return false;
        };
        if fields[source].is_some() {
            let message = format!("two fields of `{}` for one part of the key", stream.text);
            let diagnostic = Diagnostic::error(Code::BadKey, stream.span.to(path.field.span), message)
                .help("separate the parts of a key with commas");
            self.report(diagnostic);
            return false;
        }
        let scope = &self.program.streams[self.sources[source].stream];
        fields[source] = scope.field(&path.field.text);
        if fields[source].is_none() && scope.complete {
            let message = format!("stream `{}` has no field `{}`", stream.text, path.field.text);
            let names = scope.fields.iter().map(|field| field.name.as_str());
            let column = self.column_help(&[source], &path.field.text);
            let help = column.unwrap_or_else(|| suggestion(&path.field.text, "fields", names));
            let diagnostic = Diagnostic::error(Code::UnknownField, path.field.span, message).help(help);
            self.report(diagnostic);
        }
        fields[source].is_some()
    }

    /// The type that all fields of a part share.
    fn key_type(&mut self, clause: &KeyClause, fields: &[usize]) -> Option<Type> {
        let ty_of =
            |source: usize, field: usize| self.program.streams[self.sources[source].stream].fields[field].ty;
        let types: Vec<Type> =
            fields.iter().enumerate().map(|(source, field)| ty_of(source, *field)).collect();
        let first = *types.first()?;
        let Some(other) = types.iter().position(|ty| *ty != first) else { return Some(first) };
        let message = format!(
            "the key is {first} in `{}` and {} in `{}`",
            self.stream_name(0),
            types[other],
            self.stream_name(other)
        );
        let diagnostic = Diagnostic::error(Code::BadKey, clause.paths[0].field.span, message)
            .note("events of two streams meet where their keys are equal, so these need one type")
            .help("declare the fields with one type");
        self.report(diagnostic);
        None
    }

    fn meta(&mut self) -> Vec<(String, Value)> {
        let mut meta: Vec<(String, Value)> = Vec::new();
        for entry in &self.item.meta {
            if meta.iter().any(|(key, _)| *key == entry.key.text) {
                let message = format!("`{}` stands twice in `meta`", entry.key.text);
                self.report(
                    Diagnostic::error(Code::DuplicateName, entry.key.span, message)
                        .help("remove one of them"),
                );
                continue;
            }
            match self.constant(&entry.value) {
                Some(value) => meta.push((entry.key.text.clone(), value)),
                None => self.report(
                    Diagnostic::error(Code::NotHere, entry.value.span, "`meta` holds constants only")
                        .note("`meta` is the same on every record of the pattern")
                        .help("write text, a number, a duration, `true` or `false`; what depends on the match belongs into `emit`"),
                ),
            }
        }
        meta
    }

    /// A duration that must be more than nothing.
    pub(super) fn positive(&mut self, word: &str, duration: Option<&Spanned<Duration>>) -> Option<Duration> {
        let duration = duration?;
        if duration.node.micros() <= 0 {
            let diagnostic = Diagnostic::error(
                Code::BadClause,
                duration.span,
                format!("`{word}` of {} lets nothing pass", duration.node),
            )
            .note(format!("`{word}` is strict: less than the duration"))
            .help(format!("write a duration above zero: `{word} 10m`"));
            self.report(diagnostic);
        }
        Some(duration.node)
    }

    /// A count that must be at least one.
    fn count(&mut self, word: &str, count: &Spanned<i64>) -> u32 {
        match u32::try_from(count.node) {
            Ok(count @ 1..) => count,
            Ok(_) => {
                let message = format!("`{word} {}` leaves nothing", count.node);
                let diagnostic = Diagnostic::error(Code::BadClause, count.span, message)
                    .help(format!("write `{word} 1`, or more"));
                self.report(diagnostic);
                1
            }
            Err(_) => {
                let (code, message) = match count.node {
                    ..=0 => (Code::BadClause, format!("`{word} {}` is less than nothing", count.node)),
                    _ => (Code::TooLarge, format!("`{word}` is at most {}", u32::MAX)),
                };
                self.report(
                    Diagnostic::error(code, count.span, message).help(format!("write `{word} 1000`, say")),
                );
                1
            }
        }
    }

    fn limit(&mut self) -> Option<hir::Limit> {
        let limit = self.item.limit.as_ref()?;
        let count = self.count("limit", &limit.count);
        let per = self.positive("per", Some(&limit.per))?;
        Some(hir::Limit { count, per })
    }

    fn keep(&mut self) -> Option<hir::Keep> {
        let keep: &ast::Keep = self.item.keep.as_ref()?;
        let count = self.count("keep", &keep.count);
        Some(hir::Keep { count, policy: keep.policy })
    }

    fn check_emits(&mut self) -> Vec<PendingEmit> {
        if self.item.emits.is_empty() && self.item.tallies.is_empty() {
            let fields = self.item.keys.first().and_then(|key| key.paths.first());
            let entry = fields.map_or_else(String::new, |path| format!(" {0}: {0} ", path.field.text));
            let name = &self.item.name;
            let diagnostic = Diagnostic::error(
                Code::EmitRequired,
                name.span,
                format!("pattern `{}` emits nothing", name.text),
            )
            .note("a match that is not emitted is seen by nobody")
            .help(format!("add `emit alert {{{entry}}}`"));
            self.report(diagnostic);
        }
        emit::check_emits(self)
    }
}

/// An error for a stream that does not exist, unless its name was answered elsewhere.
pub(super) fn unknown_stream<'n>(
    name: &Ident,
    names: impl IntoIterator<Item = &'n str>,
    answered: bool,
) -> Option<Diagnostic> {
    let message = format!("there is no stream `{}`", name.text);
    (!answered).then(|| {
        Diagnostic::error(Code::UnknownStream, name.span, message).help(
            match suggestion(&name.text, "streams", names) {
                meant if meant.starts_with("did you mean") => meant,
                known => format!("{known}; declare it, or write `use \"FILE\"` with the file that does"),
            },
        )
    })
}
