//! Expressions: parentheses, numbers and strings as they were written; operators at the start of a line.

use super::layout::{Doc, blank, line, line_back};
use super::maker::Maker;
use super::source::Node;
use crate::lang::parse::grammar::Rule;

impl Maker<'_> {
    /// An expression that starts at its own column.
    pub(super) fn expr(&self, node: &Node) -> Doc {
        Doc::Align(vec![self.operators(node, [0, 0])])
    }

    /// A condition behind its word, which has room for `and` and `or` below it.
    pub(super) fn condition(&self, node: &Node) -> Doc {
        Doc::Align(vec![self.operators(node, [3, 4])])
    }

    /// Operands of `or` and `and`; `back` is by how much a line with either starts to the left.
    fn operators(&self, node: &Node, back: [usize; 2]) -> Doc {
        match node.rule {
            Rule::expr if node.kids.len() == 1 => self.operators(&node.kids[0], back),
            Rule::expr => self.chain(node, back[0], &|kid| Doc::Align(vec![self.operators(kid, [0, 0])])),
            Rule::conjunction => self.chain(node, back[1], &|kid| self.operand(kid)),
            _ => self.operand(node),
        }
    }

    /// Operands with operators between them, a line for each if they do not fit on one.
    fn chain(&self, node: &Node, back: usize, operand: &dyn Fn(&Node) -> Doc) -> Doc {
        let [first, rest @ ..] = node.kids.as_slice() else { return Doc::Group(Vec::new()) };
        if rest.is_empty() {
            return operand(first);
        }
        let mut docs = vec![operand(first)];
        for pair in rest.chunks(2) {
            docs.extend([line_back(back), self.token(&pair[0]), blank(), operand(&pair[1])]);
        }
        Doc::Group(docs)
    }

    /// What stands between `and` and `or`.
    fn operand(&self, node: &Node) -> Doc {
        match node.rule {
            Rule::expr | Rule::conjunction => self.expr(node),
            Rule::negation => self.spaced(node),
            Rule::comparison => self.comparison(node),
            Rule::coalesce | Rule::sum | Rule::product => {
                Doc::Align(vec![self.chain(node, 0, &|kid| self.operand(kid))])
            }
            Rule::unary | Rule::postfix | Rule::primary | Rule::member => {
                Doc::Nest(0, node.kids.iter().map(|kid| self.operand(kid)).collect())
            }
            Rule::index | Rule::parens => Doc::Nest(0, self.bracketed(node)),
            Rule::conditional => self.conditional(node),
            Rule::call => self.call(node),
            Rule::argument => self.spaced(node),
            Rule::condition => self.condition_of(node),
            _ => self.token(node),
        }
    }

    /// Parts with a blank between.
    fn spaced(&self, node: &Node) -> Doc {
        let mut docs = Vec::new();
        for (at, kid) in node.kids.iter().enumerate() {
            if at > 0 {
                docs.push(blank());
            }
            docs.push(self.operand(kid));
        }
        Doc::Nest(0, docs)
    }

    fn condition_of(&self, node: &Node) -> Doc {
        Doc::Nest(0, vec![self.token(&node.kids[0]), blank(), self.expr(&node.kids[1])])
    }

    fn bracketed(&self, node: &Node) -> Vec<Doc> {
        let inner = |kid: &Node| if kid.rule == Rule::expr { self.expr(kid) } else { self.operand(kid) };
        node.kids.iter().map(inner).collect()
    }

    /// The first value, then a line for each comparison.
    fn comparison(&self, node: &Node) -> Doc {
        let [first, rest @ ..] = node.kids.as_slice() else { return Doc::Group(Vec::new()) };
        if rest.is_empty() {
            return self.operand(first);
        }
        let mut docs = Vec::new();
        for part in rest {
            docs.push(if part.rule == Rule::compare { line() } else { blank() });
            docs.push(match part.rule {
                Rule::compare => self.spaced(part),
                _ => self.phrase(part),
            });
        }
        Doc::Group(vec![self.operand(first), Doc::Nest(4, docs)])
    }

    /// `not in (…)`, `between x and y`, `is not null`.
    fn phrase(&self, node: &Node) -> Doc {
        let mut docs = Vec::new();
        for (at, kid) in node.kids.iter().enumerate() {
            if at > 0 {
                docs.push(blank());
            }
            docs.push(if kid.rule == Rule::list { self.list(&kid.kids) } else { self.operand(kid) });
        }
        Doc::Nest(0, docs)
    }

    /// `( a, b, … )`, as many on a line as fit.
    fn list(&self, kids: &[Node]) -> Doc {
        let [open, items @ .., close] = kids else { return Doc::Group(Vec::new()) };
        let mut filled = Vec::new();
        for item in items {
            match (item.rule, filled.pop()) {
                (Rule::comma, Some(before)) => filled.push(Doc::Nest(0, vec![before, self.token(item)])),
                (_, before) => {
                    filled.extend(before);
                    filled.push(self.operand(item));
                }
            }
        }
        Doc::Nest(0, vec![self.token(open), Doc::Align(vec![Doc::Fill(filled)]), self.token(close)])
    }

    fn call(&self, node: &Node) -> Doc {
        Doc::Nest(0, vec![self.token(&node.kids[0]), self.list(&node.kids[1..])])
    }

    /// `if c then x else y`, a line for each if it does not fit on one.
    fn conditional(&self, node: &Node) -> Doc {
        let mut docs = Vec::new();
        for pair in node.kids.chunks(2) {
            if !docs.is_empty() {
                docs.push(line());
            }
            docs.extend([self.token(&pair[0]), blank(), self.expr(&pair[1])]);
        }
        Doc::Align(vec![Doc::Group(docs)])
    }
}
