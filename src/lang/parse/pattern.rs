//! Patterns: sources, keys, and the clauses around the steps.

use super::grammar::Rule;
use super::tree::{Node, Tree, children, only_child};
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::ast::{
    Doc, Emit, Entry, Keep, KeepPolicy, KeyClause, KeyPath, Limit, Mode, PatternItem, Skip, SourceClause,
    Spanned,
};

impl Tree {
    /// A pattern.
    pub(super) fn pattern(&mut self, node: Node<'_>, doc: Doc, span: Span) -> PatternItem {
        let mut nodes = children(node);
        let name = self.ident(&nodes.expect(Rule::name));
        let mut pattern = PatternItem {
            doc,
            span,
            name,
            meta: Vec::new(),
            sources: Vec::new(),
            keys: Vec::new(),
            mode: Spanned { node: Mode::First, span },
            body: Vec::new(),
            within: None,
            having: None,
            skip: None,
            limit: None,
            keep: None,
            emits: Vec::new(),
            tallies: Vec::new(),
            timeout_emits: Vec::new(),
        };
        self.head(&mut pattern, &mut nodes);
        for part in nodes {
            match part.as_rule() {
                Rule::first_line => self.first_line(&mut pattern, part),
                Rule::element => pattern.body.push(self.element(part)),
                _ => self.clause(&mut pattern, part),
            }
        }
        if pattern.sources.is_empty() {
            let place = pattern.name.span;
            self.diagnostics.push(
                Diagnostic::error(Code::Syntax, place, "the pattern does not say which streams it reads")
                    .help("write `on STREAM by KEY` before `match`"),
            );
        }
        pattern
    }

    /// `meta` and `on`, each once.
    fn head<'i>(&mut self, pattern: &mut PatternItem, nodes: &mut super::tree::Children<'i>) {
        let (mut meta, mut sources): (Option<Span>, Option<Span>) = (None, None);
        loop {
            if let Some(part) = nodes.accept(Rule::meta) {
                let span = self.span(&part);
                match meta.replace(span) {
                    None => pattern.meta = self.record(only_child(part)),
                    Some(first) => self.twice("`meta`", first, span),
                }
            } else if let Some(part) = nodes.accept(Rule::sources) {
                let span = self.span(&part);
                match sources.replace(span) {
                    None => self.sources(pattern, part),
                    Some(first) => self.twice("`on`", first, span),
                }
            } else {
                return;
            }
        }
    }

    fn sources(&mut self, pattern: &mut PatternItem, node: Node<'_>) {
        for part in children(node) {
            if part.as_rule() == Rule::keys {
                pattern.keys = children(part).map(|key| self.key(key)).collect();
                continue;
            }
            let mut nodes = children(part);
            let stream = self.ident(&nodes.expect(Rule::name));
            let filter = nodes.accept(Rule::condition).map(|filter| self.expr(only_child(filter), 0));
            pattern.sources.push(SourceClause { stream, filter });
        }
    }

    fn key(&mut self, node: Node<'_>) -> KeyClause {
        let paths = children(node).map(|path| {
            let mut names = children(path).map(|name| self.ident(&name));
            let first = names.next().expect("a name");
            match names.next() {
                Some(field) => KeyPath { stream: Some(first), field },
                None => KeyPath { stream: None, field: first },
            }
        });
        KeyClause { paths: paths.collect() }
    }

    /// One of the clauses after the steps; they come in any order.
    fn clause(&mut self, pattern: &mut PatternItem, node: Node<'_>) {
        let span = self.span(&node);
        match node.as_rule() {
            Rule::within => {
                let value = self.duration_in(node);
                self.once(&mut pattern.within, "`within`", value);
            }
            Rule::having => {
                let having = self.expr(only_child(node), 0);
                match &pattern.having {
                    None => pattern.having = Some(having),
                    Some(first) => self.twice("`having`", first.span, having.span),
                }
            }
            Rule::skip => {
                let node = self.skip(only_child(node));
                self.once(&mut pattern.skip, "`skip`", Spanned { node, span });
            }
            Rule::limit => {
                let mut nodes = children(node);
                let count = self.integer(&nodes.expect(Rule::integer));
                let per = self.duration(&nodes.expect(Rule::duration));
                match &pattern.limit {
                    None => pattern.limit = Some(Limit { span, count, per }),
                    Some(first) => self.twice("`limit`", first.span, span),
                }
            }
            Rule::keep => {
                let mut nodes = children(node);
                let count = self.integer(&nodes.expect(Rule::integer));
                let policy = keep_policy(&nodes.next().expect("a policy"));
                match &pattern.keep {
                    None => pattern.keep = Some(Keep { span, count, policy }),
                    Some(first) => self.twice("`keep`", first.span, span),
                }
            }
            Rule::emit => {
                let emit = self.emit(node, span);
                pattern.emits.push(emit);
            }
            Rule::tally => {
                let tally = self.emit(node, span);
                pattern.tallies.push(tally);
            }
            _ => {
                let emit = self.emit(only_child(node), span);
                pattern.timeout_emits.push(emit);
            }
        }
    }

    fn skip(&mut self, node: Node<'_>) -> Skip {
        match node.as_rule() {
            Rule::skip_none => Skip::None,
            Rule::skip_next => Skip::ToNext,
            Rule::skip_past => Skip::PastLast,
            Rule::skip_first => Skip::ToFirst(self.ident(&only_child(node))),
            _ => Skip::ToLast(self.ident(&only_child(node))),
        }
    }

    fn emit(&mut self, node: Node<'_>, span: Span) -> Emit {
        let mut nodes = children(node);
        let stream = self.ident(&nodes.expect(Rule::name));
        let entries = self.record(nodes.expect(Rule::record));
        Emit { span, stream, entries }
    }

    /// `{ key: value, … }`.
    fn record(&mut self, node: Node<'_>) -> Vec<Entry> {
        let entries = children(node).map(|entry| {
            let mut nodes = children(entry);
            let doc = self.docs(nodes.expect(Rule::docs));
            let key = self.ident(&nodes.expect(Rule::name));
            Entry { doc, key, value: self.expr(nodes.expect(Rule::expr), 0) }
        });
        entries.collect()
    }
}

fn keep_policy(node: &Node<'_>) -> KeepPolicy {
    match node.as_rule() {
        Rule::drop_oldest => KeepPolicy::DropOldest,
        Rule::drop_newest => KeepPolicy::DropNewest,
        _ => KeepPolicy::Fail,
    }
}
