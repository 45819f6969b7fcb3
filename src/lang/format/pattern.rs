//! Patterns: a step on a line, names and conditions in columns.

use super::layout::{Doc, blank, hard, hard_closing, hard_first, line, line_or, text};
use super::maker::Maker;
use super::source::Node;
use crate::lang::parse::grammar::Rule;

/// What follows the name of a step directly.
const HEAD: [Rule; 6] =
    [Rule::negated, Rule::name, Rule::quantifier, Rule::contiguity, Rule::greed, Rule::of_stream];

/// A wider head does not push the conditions of other steps to the right.
const HEAD_WIDTH_MAX: usize = 32;

impl Maker<'_> {
    pub(super) fn pattern(&self, node: &Node) -> Vec<Doc> {
        let (head, body) = node.kids.split_at(3);
        let body = &body[..body.len() - 1];
        let mut docs = self.words(&head[..2]);
        docs.extend([blank(), self.token(&head[2])]);
        let steps: Vec<&Node> =
            body.iter().filter(|part| part.is(&[Rule::first_line, Rule::element])).collect();
        let columns = self.columns(&steps);
        let mut inner = Vec::new();
        for (at, part) in body.iter().enumerate() {
            inner.push(if at == 0 { hard_first() } else { hard() });
            inner.extend(match part.rule {
                Rule::first_line | Rule::element => self.element(part, columns),
                _ => self.clause(part),
            });
        }
        docs.push(Doc::Nest(4, inner));
        docs.extend(self.closing(body.is_empty(), node));
        docs
    }

    /// Everything of a pattern but its steps.
    fn clause(&self, node: &Node) -> Vec<Doc> {
        match node.rule {
            Rule::meta | Rule::emit | Rule::tally => {
                let (record, words) = node.kids.split_last().expect("a record is last");
                self.words(words).into_iter().chain([blank(), self.record(record)]).collect()
            }
            Rule::timeout_emit => {
                let (emit, words) = node.kids.split_last().expect("a record is last");
                self.words(words).into_iter().chain([blank()]).chain(self.clause(emit)).collect()
            }
            Rule::sources => vec![self.sources(node)],
            Rule::having => vec![self.token(&node.kids[0]), blank(), self.condition(&node.kids[1])],
            _ => self.words(&node.kids),
        }
    }

    /// `on a where …, b by c = d`.
    fn sources(&self, node: &Node) -> Doc {
        let mut docs = Vec::new();
        for (at, part) in node.kids.iter().enumerate() {
            match part.rule {
                Rule::source => {
                    docs.push(if at == 1 { blank() } else { line() });
                    docs.push(self.token(&part.kids[0]));
                    docs.extend(
                        part.kids.get(1).into_iter().flat_map(|filter| [blank(), self.tail_part(filter)]),
                    );
                }
                Rule::keys => docs.extend([line()].into_iter().chain(self.words(&part.kids))),
                _ => docs.push(self.token(part)),
            }
        }
        Doc::Group(vec![Doc::Nest(4, docs)])
    }

    /// How wide the words and the heads of some steps are.
    fn columns(&self, steps: &[&Node]) -> (usize, usize) {
        let (mut words, mut heads) = (0, 0);
        for step in steps {
            let (_, word, kind) = self.element_parts(step);
            words = words.max(self.width(&word));
            let head = self.width(&self.head(kind));
            if self.has_tail(kind) && head <= HEAD_WIDTH_MAX {
                heads = heads.max(head);
            }
        }
        (words, heads)
    }

    /// Documentation, words, and what they govern.
    fn element_parts<'n>(&self, node: &'n Node) -> (Vec<Doc>, Vec<Doc>, &'n Node) {
        let (docs, parts) = self.documented(node);
        let (kind, words) = parts.split_last().expect("an element has something");
        (docs, self.words(words), kind)
    }

    /// A step on its line. In a group that stands on one line there are no columns.
    fn element(&self, node: &Node, columns: (usize, usize)) -> Vec<Doc> {
        let (mut docs, word, kind) = self.element_parts(node);
        if columns.0 > 0 {
            let blanks = columns.0 - self.width(&word);
            let has_word = usize::from(!word.is_empty());
            docs.extend(word);
            docs.push(Doc::IfBroken(" ".repeat(blanks + 1), [" ", ""][1 - has_word]));
        }
        docs.extend(self.kind(kind, columns.1));
        docs
    }

    /// What stands behind `match`, `then` or `next`.
    fn kind(&self, node: &Node, heads: usize) -> Vec<Doc> {
        match node.rule {
            Rule::group => self.group(node),
            Rule::choice => self.choice(node),
            _ => self.step(node, heads),
        }
    }

    fn step(&self, node: &Node, heads: usize) -> Vec<Doc> {
        let mut docs = self.head(node);
        if self.has_tail(node) {
            let blanks = heads.saturating_sub(self.width(&docs));
            docs.push(Doc::IfBroken(" ".repeat(blanks + 2), " "));
            docs.push(self.tail(node));
        }
        docs
    }

    fn has_tail(&self, node: &Node) -> bool {
        node.is(&[Rule::step, Rule::absence]) && node.kids.iter().any(|part| !part.is(&HEAD))
    }

    /// Name, quantifier, modifiers, stream.
    fn head(&self, node: &Node) -> Vec<Doc> {
        let mut docs = Vec::new();
        for part in node.kids.iter().filter(|part| part.is(&HEAD)) {
            if !docs.is_empty() && !part.is(&[Rule::quantifier, Rule::of_stream]) {
                docs.push(blank());
            }
            docs.extend(match part.rule {
                Rule::quantifier => self.glued(part),
                _ => self.words(std::slice::from_ref(part)),
            });
        }
        docs
    }

    /// Tokens without blanks.
    fn glued(&self, node: &Node) -> Vec<Doc> {
        let mut tokens = Vec::new();
        super::maker::tokens_of(node, &mut tokens);
        tokens.into_iter().map(Doc::Token).collect()
    }

    /// Condition and times: on one line, or a line for each.
    fn tail(&self, node: &Node) -> Doc {
        let mut docs = Vec::new();
        for part in node.kids.iter().filter(|part| !part.is(&HEAD)) {
            if !docs.is_empty() {
                docs.push(line_or("  "));
            }
            docs.push(self.tail_part(part));
        }
        Doc::Align(vec![Doc::Group(docs)])
    }

    /// `where …`, `until …`, `gap 5s`, `for 5s`.
    fn tail_part(&self, node: &Node) -> Doc {
        match node.kids.as_slice() {
            [word, value] if value.rule == Rule::expr => {
                Doc::Nest(0, vec![self.token(word), blank(), self.condition(value)])
            }
            parts => Doc::Nest(0, self.words(parts)),
        }
    }

    /// `( … ){2}`: on one line if it fits there and was written there.
    fn group(&self, node: &Node) -> Vec<Doc> {
        let close = node.kids.iter().position(|part| part.rule == Rule::r_paren).expect("a group is closed");
        let (open, body) = (&node.kids[0], &node.kids[1..close]);
        let steps: Vec<&Node> =
            body.iter().filter(|part| part.is(&[Rule::group_first, Rule::element])).collect();
        let columns = self.columns(&steps);
        let is_broken = self.is_line_between(open, &node.kids[close]);
        let mut inner = Vec::new();
        for (at, part) in body.iter().enumerate() {
            inner.push(match (is_broken, at) {
                (false, 0) => line_or(""),
                (false, _) => line(),
                (true, 0) => hard_first(),
                (true, _) => hard(),
            });
            inner.extend(match part.rule {
                Rule::within => self.words(&part.kids),
                _ => self.element(part, columns),
            });
        }
        self.closed(open, inner, is_broken, &node.kids[close..])
    }

    /// `one of (…)`.
    fn choice(&self, node: &Node) -> Vec<Doc> {
        let close = node.kids.iter().position(|part| part.rule == Rule::r_paren).expect("a choice is closed");
        let (open, body) = (&node.kids[1], &node.kids[2..close]);
        let steps: Vec<&Node> = body.iter().filter_map(|branch| branch.kids.last()).collect();
        let heads = steps.iter().filter(|step| self.has_tail(step)).map(|step| self.width(&self.head(step)));
        let heads = heads.max().unwrap_or(0);
        let is_broken = self.is_line_between(open, &node.kids[close]);
        let mut inner = Vec::new();
        for (at, part) in body.iter().enumerate() {
            if part.rule == Rule::comma {
                inner.push(self.token(part));
                continue;
            }
            inner.push(match (is_broken, at) {
                (false, 0) => line_or(""),
                (false, _) => line(),
                (true, 0) => hard_first(),
                (true, _) => hard(),
            });
            let (docs, _) = self.documented(part);
            inner.extend(docs);
            inner.extend(self.step(part.kids.last().expect("a branch has a step"), heads));
        }
        inner.push(Doc::IfBroken(",".to_owned(), ""));
        let mut docs = self.words(&node.kids[..1]);
        docs.push(blank());
        docs.extend(self.closed(open, inner, is_broken, &node.kids[close..]));
        docs
    }

    /// A bracket, what is in it, the bracket that closes it, and what follows that.
    fn closed(&self, open: &Node, inner: Vec<Doc>, is_broken: bool, rest: &[Node]) -> Vec<Doc> {
        let close_line = if is_broken { hard_closing() } else { super::layout::line_closing_up() };
        let mut docs =
            vec![Doc::Group(vec![self.token(open), Doc::Nest(4, inner), close_line, self.token(&rest[0])])];
        for part in &rest[1..] {
            match part.rule {
                Rule::quantifier => docs.extend(self.glued(part)),
                Rule::until => docs.extend([text(" "), self.tail_part(part)]),
                _ => docs.extend([blank()].into_iter().chain(self.words(std::slice::from_ref(part)))),
            }
        }
        docs
    }
}
