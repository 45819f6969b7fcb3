//! Syntax tree to checked program.
//!
//! The checker resolves every name, types every expression, and refuses what the engine could not honour. It
//! reports all mistakes of a program at once, and each cause once: where a name is already known to be wrong, what
//! uses it is taken to be right (such an expression has a type that fits anywhere).
//!
//! ```text
//! streams ──> derived ──> patterns, by level ──> derived schemas ──> tests
//!             (levels,     sources, keys, steps,   (union of what
//!              cycles)     body, modes, emit        is emitted)
//! ```
//!
//! A pattern may read what other patterns emit, so the order of work is that of the levels: first the patterns
//! that read only sources, then the schemas of what they emit, then the patterns that read these, and so on.
//!
//! The program that comes back is only meant to run where no diagnostic is an error. What the checker does not
//! know is how patterns are run: bounds of automata aside, it looks at meaning only.

mod absences;
mod aggregates;
mod body;
mod calls;
mod compare;
mod derived;
mod emit;
mod forms;
mod literals;
mod modes;
mod names;
mod never;
mod patterns;
mod reading;
mod scope;
mod slips;
mod steps;
mod streams;
mod tally;
#[cfg(test)]
mod tests;
mod tests_items;
mod types;
mod unread;
mod written;

use rustc_hash::FxHashMap;

use super::ast::{self, Item, LetItem, PatternItem, TableItem, TestItem};
use super::hir;
use crate::diag::{Code, Diagnostic, FileId, Severity, Sources, Span};
use derived::Derived;
use emit::PendingEmit;
use streams::StreamScope;
use unread::Unread;

/// Checks the items of a program's files, and lowers them.
///
/// The program may only run where none of the diagnostics is an error.
pub fn check(sources: &Sources, files: &[(FileId, Vec<Item>)]) -> (hir::Program, Vec<Diagnostic>) {
    let items = Items::sorted(files);
    let mut checker = Checker::new(sources, Unread::of(sources, files));
    checker.refuse_planned(&items);
    checker.declare_streams(&items);
    checker.refuse_equal_patterns(&items);
    let derived = checker.declare_derived(&items);
    let patterns = checker.check_patterns(&items, &derived);
    let tests = checker.check_tests(&items, &patterns);
    checker.warn_unused_streams(&items);
    checker.finish(patterns, tests)
}

/// The items of all files, by kind, in file order.
#[derive(Default)]
struct Items<'a> {
    streams: Vec<&'a ast::StreamItem>,
    tables: Vec<&'a TableItem>,
    lets: Vec<&'a LetItem>,
    patterns: Vec<&'a PatternItem>,
    tests: Vec<&'a TestItem>,
}

impl<'a> Items<'a> {
    fn sorted(files: &'a [(FileId, Vec<Item>)]) -> Items<'a> {
        let mut items = Items::default();
        for item in files.iter().flat_map(|(_, items)| items) {
            match item {
                Item::Stream(item) => items.streams.push(item),
                Item::Table(item) => items.tables.push(item),
                Item::Let(item) => items.lets.push(item),
                Item::Pattern(item) => items.patterns.push(item),
                Item::Test(item) => items.tests.push(item),
                Item::Use(_) => {} // followed by the loader
            }
        }
        items
    }
}

/// What is known of the whole program while it is checked.
struct Checker<'a> {
    sources: &'a Sources,
    diagnostics: Vec<Diagnostic>,
    /// In the order of [`hir::Program::streams`].
    streams: Vec<StreamScope>,
    /// Where each `table` and `let` is declared. What uses one gives no second error.
    planned: FxHashMap<String, Span>,
    unread: Unread,
}

impl<'a> Checker<'a> {
    fn new(sources: &'a Sources, unread: Unread) -> Checker<'a> {
        let (diagnostics, streams, planned) = (Vec::new(), Vec::new(), FxHashMap::default());
        Checker { sources, diagnostics, streams, planned, unread }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn stream_named(&self, name: &str) -> Option<usize> {
        self.streams.iter().position(|stream| stream.name == name)
    }

    /// Whether the name is that of an item which was reported as a whole, so that using it is no second mistake.
    fn is_answered(&self, name: &str) -> bool {
        self.planned.contains_key(name) || self.unread.may_declare(name)
    }

    /// Tables and rolling features parse, and are answered once each.
    fn refuse_planned(&mut self, items: &Items<'_>) {
        for table in &items.tables {
            self.planned.insert(table.name.text.clone(), table.name.span);
            self.report(
                Diagnostic::error(Code::NotYet, table.name.span, "tables are not there yet")
                    .note("`table` is planned; this version cannot look values up")
                    .help("write the values where they are used: `merchant in (\"m1\", \"m2\")`"),
            );
        }
        for item in &items.lets {
            self.planned.insert(item.name.text.clone(), item.name.span);
            self.report(
                Diagnostic::error(Code::NotYet, item.name.span, "`let` is not there yet")
                    .note("rolling features (`let … over …`) are planned; this version cannot compute them")
                    .help("count or sum over a loop instead: `match tx{6} within 2m`, with `sum(tx.amount)`"),
            );
        }
    }

    fn refuse_equal_patterns(&mut self, items: &Items<'_>) {
        for (at, pattern) in items.patterns.iter().enumerate() {
            let name = &pattern.name;
            let first = items.patterns[..at].iter().find(|earlier| earlier.name.text == name.text);
            if let Some(first) = first {
                self.report(
                    Diagnostic::error(
                        Code::DuplicateName,
                        name.span,
                        format!("two patterns are called `{}`", name.text),
                    )
                    .also(first.name.span, "first here")
                    .note("the name of its pattern stands on every record")
                    .help("rename one of them"),
                );
            }
        }
    }

    /// Checks the patterns level by level, and gives each derived stream its schema once all that emit it are known.
    fn check_patterns(&mut self, items: &Items<'_>, derived: &Derived) -> Vec<hir::Pattern> {
        let mut checked: Vec<Option<(hir::Pattern, Vec<PendingEmit>)>> = Vec::new();
        checked.resize_with(items.patterns.len(), || None);
        for level in 0..=derived.level_max() {
            for (at, item) in items.patterns.iter().enumerate() {
                if derived.pattern_levels[at] == level {
                    checked[at] = Some(patterns::check_pattern(self, at, level, item));
                }
            }
            self.complete_schemas(level, &checked);
        }
        let mut patterns = Vec::new();
        for (mut pattern, pending) in checked.into_iter().flatten() {
            emit::resolve(&mut pattern, pending, &self.streams);
            patterns.push(pattern);
        }
        patterns
    }

    /// A stream that no pattern reads is most likely a mistake: in a file with patterns, that is, for a file of
    /// declarations alone is there to be used by others. Where anything is wrong, what is missing may be its reader.
    fn warn_unused_streams(&mut self, items: &Items<'_>) {
        let sources = self.sources;
        let is_broken = self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let written = sources.files().iter().flat_map(|file| file.text.lines());
        let is_partial = written.filter(|line| line.starts_with("pattern ")).count() > items.patterns.len();
        if is_broken || is_partial {
            return;
        }
        let has_patterns = |span: Span| items.patterns.iter().any(|pattern| pattern.span.file == span.file);
        let unused: Vec<Diagnostic> = (self.streams.iter())
            .filter(|stream| !stream.used && stream.derived.is_none())
            .filter_map(|stream| Some((stream, stream.span.filter(|span| has_patterns(*span))?)))
            .map(|(stream, span)| {
                let message = format!("no pattern reads stream `{}`", stream.name);
                Diagnostic::warning(Code::UnusedItem, span, message)
                    .help(format!("remove it, or read it with `on {}`", stream.name))
            })
            .collect();
        self.diagnostics.extend(unused);
    }

    fn finish(
        mut self,
        patterns: Vec<hir::Pattern>,
        tests: Vec<hir::Test>,
    ) -> (hir::Program, Vec<Diagnostic>) {
        self.diagnostics.sort_by_key(|diagnostic| {
            (diagnostic.primary.span.file, diagnostic.primary.span.start, diagnostic.code)
        });
        self.diagnostics.dedup();
        let streams = self.streams.into_iter().map(StreamScope::into_hir).collect();
        (hir::Program { streams, patterns, tests }, self.diagnostics)
    }
}
