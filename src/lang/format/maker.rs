//! From the tree of an item to a document: items, streams, and what everything else needs.

use super::layout::{
    Doc, Piece, blank, flat_width, hard, hard_close_up, hard_closing, hard_first, line, line_closing,
    line_or, text, width_of,
};
use super::source::{Node, Source};
use crate::lang::parse::grammar::Rule;

/// Makes documents. What is in the files beside this one are its methods too.
pub(super) struct Maker<'s> {
    pub(super) source: &'s Source<'s>,
}

impl Maker<'_> {
    /// The document of a whole item.
    pub(super) fn item(&self) -> Vec<Doc> {
        let mut docs = Vec::new();
        for kid in &self.source.root.kids {
            match kid.rule {
                Rule::docs => docs.extend(self.docs(kid)),
                Rule::stream | Rule::table => docs.extend(self.stream(kid)),
                Rule::rolling => docs.push(self.rolling(kid)),
                Rule::pattern => docs.extend(self.pattern(kid)),
                Rule::test => docs.extend(self.test(kid)),
                Rule::use_file => docs.extend(self.words(&kid.kids)),
                _ => {}
            }
        }
        docs
    }

    /// Doc comments, each on its line.
    pub(super) fn docs(&self, node: &Node) -> Vec<Doc> {
        node.kids.iter().flat_map(|kid| [self.token(kid), hard_close_up()]).collect()
    }

    /// The documentation of a part of something, and the rest of it.
    pub(super) fn documented<'n>(&self, node: &'n Node) -> (Vec<Doc>, &'n [Node]) {
        match node.kids.split_first() {
            Some((docs, rest)) if docs.rule == Rule::docs => (self.docs(docs), rest),
            _ => (Vec::new(), &node.kids),
        }
    }

    pub(super) fn token(&self, node: &Node) -> Doc {
        Doc::Token(node.token.expect("a token"))
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.source.pieces
    }

    /// The tokens of some nodes in a row that does not break, with a blank between two that are not one word.
    pub(super) fn words(&self, nodes: &[Node]) -> Vec<Doc> {
        let mut tokens = Vec::new();
        nodes.iter().for_each(|node| tokens_of(node, &mut tokens));
        let mut docs = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            if at > 0 && self.is_apart(tokens[at - 1], *token) {
                docs.push(blank());
            }
            docs.push(Doc::Token(*token));
        }
        docs
    }

    fn is_apart(&self, before: usize, token: usize) -> bool {
        let (before, token) = (self.pieces()[before].text.as_str(), self.pieces()[token].text.as_str());
        !matches!(before, "(" | "." | "{") && !matches!(token, ")" | "." | "," | "(" | "?" | ":" | "}" | "{")
    }

    pub(super) fn width(&self, docs: &[Doc]) -> usize {
        flat_width(docs, self.pieces())
    }

    /// Whether a new line starts between two tokens.
    pub(super) fn is_line_between(&self, first: &Node, last: &Node) -> bool {
        let [first, last] = [first, last].map(|node| self.source.start_of(node.token.expect("a token")));
        self.source.is_new_line(first, last)
    }

    /// `stream NAME {`, its fields in columns, `}`.
    fn stream(&self, node: &Node) -> Vec<Doc> {
        let [head @ .., _] = node.kids.as_slice() else { return Vec::new() };
        let (head, body) = head.split_at(3);
        let mut docs = self.words(&head[..2]);
        docs.extend([blank(), self.token(&head[2])]);
        let fields: Vec<[Vec<Doc>; 3]> = body
            .iter()
            .filter(|part| part.is(&[Rule::field, Rule::table_field]))
            .map(|field| self.field(field))
            .collect();
        let widest = |column: usize, of: &dyn Fn(&&[Vec<Doc>; 3]) -> bool| {
            fields.iter().filter(of).map(|field| self.width(&field[column])).max().unwrap_or(0)
        };
        let names = widest(0, &|_| true);
        let types = widest(1, &|field| !field[2].is_empty());
        let mut fields = fields.iter();
        let mut inner = Vec::new();
        for (at, part) in body.iter().enumerate() {
            inner.push(if at == 0 { hard_first() } else { hard() });
            if part.rule == Rule::event_time {
                inner.extend(self.words(&part.kids));
                continue;
            }
            let [name, ty, tail] = fields.next().expect("a field for each");
            inner.extend(self.documented(part).0);
            inner.extend(self.padded(name, names + 2));
            inner.extend(if tail.is_empty() { ty.clone() } else { self.padded(ty, types + 2) });
            inner.extend(tail.iter().cloned());
        }
        docs.push(Doc::Nest(4, inner));
        docs.extend(self.closing(body.is_empty(), node));
        docs
    }

    /// The end of a block that may be empty.
    pub(super) fn closing(&self, is_empty: bool, node: &Node) -> [Doc; 2] {
        let brace = self.token(node.kids.last().expect("a block ends with its brace"));
        [if is_empty { super::layout::hard_closing_empty() } else { hard_closing() }, brace]
    }

    /// Name, type, and what follows.
    fn field(&self, node: &Node) -> [Vec<Doc>; 3] {
        let (_, parts) = self.documented(node);
        let tail =
            parts.iter().position(|part| part.is(&[Rule::from, Rule::key_flag])).unwrap_or(parts.len());
        [self.words(&parts[..1]), self.words(&parts[1..tail]), self.words(&parts[tail..])]
    }

    /// Blanks up to a width.
    pub(super) fn padded(&self, docs: &[Doc], width: usize) -> Vec<Doc> {
        let blanks = width.saturating_sub(self.width(docs));
        docs.iter().cloned().chain([text(" ".repeat(blanks))]).collect()
    }

    /// `let NAME = EXPR over 24h by a, b`.
    fn rolling(&self, node: &Node) -> Doc {
        let mut docs = Vec::new();
        for (at, part) in node.kids.iter().enumerate() {
            match part.rule {
                Rule::kw_over | Rule::kw_by => docs.push(line()),
                Rule::comma => {}
                _ if at > 0 => docs.push(blank()),
                _ => {}
            }
            docs.extend(if part.rule == Rule::expr {
                vec![self.expr(part)]
            } else {
                self.words(std::slice::from_ref(part))
            });
        }
        Doc::Group(vec![Doc::Nest(4, docs)])
    }

    /// `{ key: value, … }`: on one line if it fits there and was begun there.
    pub(super) fn record(&self, node: &Node) -> Doc {
        let [open, entries @ .., close] = node.kids.as_slice() else { return Doc::Group(Vec::new()) };
        let mut tokens = Vec::new();
        entries.iter().for_each(|entry| tokens_of(entry, &mut tokens));
        let first = tokens.first().map(|first| self.source.start_of(*first));
        let opened = self.source.start_of(open.token.expect("a brace"));
        let is_broken = first.is_some_and(|first| self.source.is_new_line(opened, first));
        let first = || if is_broken { hard_first() } else { line() };
        let next = || if is_broken { hard() } else { line() };
        let key_width = |entry: &Node| {
            let (_, parts) = self.documented(entry);
            self.width(&self.words(&parts[..1]))
        };
        let keys = entries.iter().filter(|entry| entry.rule == Rule::entry).map(key_width).max().unwrap_or(0);
        let mut inner = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if entry.rule == Rule::comma {
                inner.push(self.token(entry));
                continue;
            }
            inner.push(if at == 0 { first() } else { next() });
            let (docs, parts) = self.documented(entry);
            inner.extend(docs);
            inner.extend(self.words(&parts[..2]));
            inner.push(Doc::IfBroken(" ".repeat(keys - key_width(entry) + 1), " "));
            inner.push(Doc::Align(vec![self.expr(&parts[2])]));
        }
        let close_line = match (entries.is_empty(), is_broken) {
            (true, _) => line_or(""),
            (false, true) => hard_closing(),
            (false, false) => line_closing(),
        };
        let comma = Doc::IfBroken(if entries.is_empty() { "" } else { "," }.to_owned(), "");
        Doc::Group(vec![self.token(open), Doc::Nest(4, inner), comma, close_line, self.token(close)])
    }
}

/// The tokens of a node, in order.
pub(super) fn tokens_of(node: &Node, tokens: &mut Vec<usize>) {
    tokens.extend(node.token);
    node.kids.iter().for_each(|kid| tokens_of(kid, tokens));
}

/// How wide a text is; for the columns of tables.
pub(super) fn columns_of(text: &str) -> usize {
    width_of(text)
}
