//! The tokens of an item and the comments between them, from the pairs of the grammar.

use super::layout::Piece;
use crate::lang::parse::grammar::Rule;
use pest::iterators::Pair;

/// A node of the grammar's tree, without comments and without commas that are written or left out by rule.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What it is.
    pub(super) rule: Rule,
    /// What is in it.
    pub(super) kids: Vec<Node>,
    /// Its number, if it is a token.
    pub(super) token: Option<usize>,
}

impl Node {
    /// Whether it is one of these.
    pub(super) fn is(&self, rules: &[Rule]) -> bool {
        rules.contains(&self.rule)
    }
}

/// An item in tokens.
#[derive(Debug)]
pub(super) struct Source<'t> {
    text: &'t str,
    /// The tree.
    pub(super) root: Node,
    /// The tokens as they are printed; comments are given to them by [`Source::attach`].
    pub(super) pieces: Vec<Piece>,
    /// From which byte to which each token stands.
    places: Vec<(usize, usize)>,
    comments: Vec<(usize, usize)>,
}

impl<'t> Source<'t> {
    /// The tokens of an item that the grammar takes.
    pub(super) fn of(text: &'t str, item: Pair<'t, Rule>) -> Source<'t> {
        let root = Node { rule: Rule::item, kids: Vec::new(), token: None };
        let mut source = Source { text, root, pieces: Vec::new(), places: Vec::new(), comments: Vec::new() };
        source.root = source.node(item);
        source
    }

    fn node(&mut self, pair: Pair<'t, Rule>) -> Node {
        let (rule, start, text) = (pair.as_rule(), pair.as_span().start(), pair.as_str());
        let inner: Vec<Pair<'t, Rule>> = pair.into_inner().collect();
        let is_empty = matches!(rule, Rule::docs | Rule::cell | Rule::EOI);
        if inner.iter().all(|pair| pair.as_rule() == Rule::COMMENT) && !is_empty {
            let token = Some(self.token(rule, start, text));
            self.comments(&inner);
            return Node { rule, kids: Vec::new(), token };
        }
        let mut kids = Vec::new();
        for (at, pair) in inner.iter().enumerate() {
            match pair.as_rule() {
                Rule::COMMENT => self.comments(std::slice::from_ref(pair)),
                Rule::comma if is_left_out(rule, &inner[at + 1..]) => {}
                _ => kids.push(self.node(pair.clone())),
            }
        }
        Node { rule, kids, token: None }
    }

    fn comments(&mut self, pairs: &[Pair<'t, Rule>]) {
        self.comments.extend(pairs.iter().map(|pair| (pair.as_span().start(), pair.as_span().end())));
    }

    fn token(&mut self, rule: Rule, start: usize, text: &str) -> usize {
        let is_doc = rule == Rule::doc;
        let text = text.trim();
        self.places.push((start, start + text.len()));
        self.pieces.push(Piece { text: text.to_owned(), is_doc, ..Piece::default() });
        self.pieces.len() - 1
    }

    /// Whether a new line starts between two bytes.
    pub(super) fn is_new_line(&self, from: usize, to: usize) -> bool {
        self.text[from..to].contains('\n')
    }

    /// Where a token starts.
    pub(super) fn start_of(&self, token: usize) -> usize {
        self.places[token].0
    }

    /// Gives every comment to a token: to the one that it stands behind or above, if a line can break there, and else
    /// to the first token of the line that it stands in.
    pub(super) fn attach(&mut self, starts: &[bool]) {
        self.comments.sort_unstable();
        let mut comments = std::mem::take(&mut self.comments).into_iter().peekable();
        for token in 0..self.pieces.len() {
            let (start, _) = self.places[token];
            let mut end = token.checked_sub(1).map_or(0, |before| self.places[before].1);
            while let Some((from, to)) = comments.next_if(|(from, _)| *from < start) {
                self.attach_one(token, &self.text[from..to], (end, from), starts);
                end = to;
            }
            self.pieces[token].blank = self.is_blank_line(end, start);
        }
        assert!(comments.next().is_none(), "an item ends with a token");
    }

    /// A comment in front of a token; `gap` is what stands between it and what is before it.
    fn attach_one(&mut self, token: usize, comment: &str, gap: (usize, usize), starts: &[bool]) {
        let comment = comment.trim_end().to_owned();
        let blank = self.is_blank_line(gap.0, gap.1);
        let is_behind = token > 0 && !self.is_new_line(gap.0, gap.1);
        // A comma stays where it is: what is behind the value is behind the comma too.
        let is_comma = self.pieces[token].text == "," && starts[token + 1];
        let (last, next) = match (starts[token], is_comma) {
            (true, _) => (token.saturating_sub(1), token),
            (false, true) => (token, token + 1),
            (false, false) => {
                let first = (0..token).rev().find(|before| starts[*before]).unwrap_or(0);
                // The blank line that is above the line is above its comments then.
                let piece = &mut self.pieces[first];
                let blank = piece.leading.is_empty() && std::mem::take(&mut piece.blank);
                return piece.leading.push((blank, comment));
            }
        };
        if is_behind && self.pieces[last].trailing.is_none() {
            self.pieces[last].trailing = Some(comment);
        } else {
            self.pieces[next].leading.push((blank, comment));
        }
    }

    fn is_blank_line(&self, from: usize, to: usize) -> bool {
        self.text[from..to].matches('\n').count() > 1
    }
}

/// Whether a comma is one that the layout decides about: between the fields of a stream, or the last of a list.
fn is_left_out(rule: Rule, rest: &[Pair<'_, Rule>]) -> bool {
    let is_mark = |pair: &&Pair<'_, Rule>| pair.as_rule() != Rule::COMMENT;
    match rule {
        Rule::stream | Rule::table => true,
        Rule::record | Rule::list | Rule::call | Rule::choice => rest
            .iter()
            .find(is_mark)
            .is_some_and(|next| matches!(next.as_rule(), Rule::r_brace | Rule::r_paren)),
        _ => false,
    }
}
