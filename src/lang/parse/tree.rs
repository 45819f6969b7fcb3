//! From pairs to nodes: what every builder needs.

use pest::iterators::Pair;

use super::grammar::Rule;
use super::words;
use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::lang::ast::{Doc, Ident, Spanned};

/// A pair of the grammar.
pub(super) type Node<'i> = Pair<'i, Rule>;

/// Builds the tree of one item. The builders are methods in the files beside this one.
pub(super) struct Tree {
    file: FileId,
    /// Where the parsed text starts in its file.
    base: usize,
    /// Mistakes that leave the tree readable.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The children of a node that carry meaning, in order: no keywords, marks and comments.
pub(super) struct Children<'i> {
    rest: std::iter::Peekable<std::vec::IntoIter<Node<'i>>>,
}

/// The children of a node.
pub(super) fn children(node: Node<'_>) -> Children<'_> {
    let rest: Vec<Node<'_>> = node.into_inner().filter(|child| !words::is_token(child.as_rule())).collect();
    Children { rest: rest.into_iter().peekable() }
}

impl<'i> Children<'i> {
    /// The next child, where it is of this rule.
    pub(super) fn accept(&mut self, rule: Rule) -> Option<Node<'i>> {
        self.rest.next_if(|node| node.as_rule() == rule)
    }

    /// The next child, which the grammar promises.
    pub(super) fn expect(&mut self, rule: Rule) -> Node<'i> {
        self.accept(rule).expect("the grammar has this child here")
    }
}

impl<'i> Iterator for Children<'i> {
    type Item = Node<'i>;

    fn next(&mut self) -> Option<Node<'i>> {
        self.rest.next()
    }
}

/// The only child that carries meaning.
pub(super) fn only_child(node: Node<'_>) -> Node<'_> {
    children(node).next().expect("the grammar has one child here")
}

/// Where a node's last token ends: pest lets a node run on over the blanks before an optional part that is not there.
fn end_of(node: &Node<'_>) -> usize {
    let mut end = node.as_span().end();
    let mut last = node.clone();
    while let Some(child) = last.clone().into_inner().rev().find(|child| child.as_rule() != Rule::COMMENT) {
        end = child.as_span().end();
        last = child;
    }
    end
}

impl Tree {
    /// A builder for text that starts at this byte of the file.
    pub(super) fn new(file: FileId, base: usize) -> Tree {
        Tree { file, base, diagnostics: Vec::new() }
    }

    /// A range of the parsed text as a range of the file.
    pub(super) fn span_at(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: (self.base + start) as u32, end: (self.base + end) as u32 }
    }

    /// The place of a node, from its first token to its last.
    pub(super) fn span(&self, node: &Node<'_>) -> Span {
        self.span_at(node.as_span().start(), end_of(node))
    }

    /// A name, without its backquotes.
    pub(super) fn ident(&self, node: &Node<'_>) -> Ident {
        Ident { text: node.as_str().trim_matches('`').to_owned(), span: self.span(node) }
    }

    /// The doc comments in front of something.
    pub(super) fn docs(&self, node: Node<'_>) -> Doc {
        let lines: Vec<&str> = children(node).map(|line| line.as_str()[3..].trim_end()).collect();
        let strip = |line: &&'_ str| line.strip_prefix(' ').unwrap_or(line).to_owned();
        (!lines.is_empty()).then(|| lines.iter().map(strip).collect::<Vec<_>>().join("\n"))
    }

    /// Puts a clause into its place, or says that it is there already.
    pub(super) fn once<T>(&mut self, slot: &mut Option<Spanned<T>>, clause: &str, value: Spanned<T>) {
        match slot {
            None => *slot = Some(value),
            Some(first) => self.twice(clause, first.span, value.span),
        }
    }

    /// Says that a clause stands twice.
    pub(super) fn twice(&mut self, clause: &str, first: Span, second: Span) {
        self.diagnostics.push(
            Diagnostic::error(Code::BadClause, second, format!("{clause} stands twice"))
                .label("the second")
                .also(first, "the first")
                .help("keep one of them"),
        );
    }
}
