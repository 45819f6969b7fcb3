//! Expressions.
//!
//! The grammar has a rule for each level of precedence; a level with one operand leaves no node. Chains of one
//! operator lean to the left, so a long chain makes a deep tree: the depth is counted on the way down and bounded,
//! since everything that reads the tree recurses.

use super::grammar::Rule;
use super::tree::{Children, Node, Tree, children, only_child};
use crate::diag::{Code, Diagnostic};
use crate::lang::ast::{Argument, BinaryOp, CompareOp, Expr, ExprKind, Spanned, TextMatch};
use crate::limits;

impl Tree {
    /// An expression, from a node of any level.
    pub(super) fn expr(&mut self, node: Node<'_>, depth: usize) -> Expr {
        let span = self.span(&node);
        if depth > limits::EXPRESSION_DEPTH_MAX {
            self.too_deep(&node);
            return Expr { kind: ExprKind::Null, span };
        }
        let kind = match node.as_rule() {
            Rule::expr | Rule::conjunction | Rule::coalesce | Rule::sum | Rule::product => {
                return self.chain(node, depth);
            }
            Rule::negation | Rule::unary => return self.prefixed(node, depth),
            Rule::comparison => return self.comparison(node, depth),
            Rule::postfix => return self.postfix(node, depth),
            Rule::primary => return self.expr(only_child(node), depth),
            Rule::parens => return Expr { span, ..self.expr(only_child(node), depth) },
            Rule::conditional => self.conditional(node, depth),
            Rule::call => self.call(node, depth),
            Rule::null => ExprKind::Null,
            Rule::boolean => ExprKind::Bool(node.as_str() == "true"),
            Rule::number => ExprKind::Number(node.as_str().replace('_', "")),
            Rule::duration => ExprKind::Duration(self.duration(&node).node),
            Rule::string | Rule::raw_string => ExprKind::String(self.string(&node)),
            Rule::bare_name => ExprKind::Name(self.ident(&node).text),
            rule => unreachable!("{rule:?} is no expression"),
        };
        Expr { kind, span }
    }

    /// `a or b or c`, and the other levels of two-sided operators.
    fn chain(&mut self, node: Node<'_>, depth: usize) -> Expr {
        let nodes: Vec<Node<'_>> = children(node).collect();
        let depth = depth + nodes.len() / 2;
        let mut nodes = nodes.into_iter();
        let mut left = self.expr(nodes.next().expect("a first operand"), depth);
        while let (Some(op), Some(right)) = (nodes.next(), nodes.next()) {
            let op = Spanned { node: binary_op(op.as_str()), span: self.span(&op) };
            let right = self.expr(right, depth);
            let span = left.span.to(right.span);
            left = Expr { kind: ExprKind::Binary(op, Box::new(left), Box::new(right)), span };
        }
        left
    }

    /// `not not x`, `--x`.
    fn prefixed(&mut self, node: Node<'_>, depth: usize) -> Expr {
        let mut nodes: Vec<Node<'_>> = children(node).collect();
        let operand = nodes.pop().expect("an operand");
        let mut expr = self.expr(operand, depth + nodes.len());
        for prefix in nodes.into_iter().rev() {
            let span = self.span(&prefix).to(expr.span);
            let inner = Box::new(expr);
            let kind = match prefix.as_rule() {
                Rule::minus => ExprKind::Negate(inner),
                _ => ExprKind::Not(inner),
            };
            expr = Expr { kind, span };
        }
        expr
    }

    /// An operand and what is asked about it.
    fn comparison(&mut self, node: Node<'_>, depth: usize) -> Expr {
        let whole = self.span(&node);
        let mut nodes = children(node);
        let first = nodes.expect(Rule::coalesce);
        let Some(tail) = nodes.next() else {
            return self.expr(first, depth);
        };
        let item = Box::new(self.expr(first, depth + 1));
        let kind = match tail.as_rule() {
            Rule::compare => {
                let rest =
                    std::iter::once(tail).chain(nodes).map(|part| self.compared(part, depth)).collect();
                ExprKind::Compare(item, rest)
            }
            Rule::membership => self.membership(item, tail, depth),
            Rule::between => {
                let (negated, mut nodes) = negation(tail);
                let low = Box::new(self.expr(nodes.expect(Rule::coalesce), depth + 1));
                let high = Box::new(self.expr(nodes.expect(Rule::coalesce), depth + 1));
                ExprKind::Between { item, low, high, negated }
            }
            Rule::text_match => {
                let (negated, mut nodes) = negation(tail);
                let kind = match nodes.next().expect("an operator").as_rule() {
                    Rule::op_like => TextMatch::Like,
                    _ => TextMatch::Matches,
                };
                let pattern = Box::new(self.expr(nodes.expect(Rule::coalesce), depth + 1));
                ExprKind::Text { item, kind, pattern, negated }
            }
            _ => ExprKind::IsNull { item, negated: negation(tail).0 },
        };
        Expr { kind, span: whole }
    }

    fn compared(&mut self, node: Node<'_>, depth: usize) -> (Spanned<CompareOp>, Expr) {
        let mut nodes = children(node);
        let op = nodes.expect(Rule::compare_op);
        let op = Spanned { node: compare_op(op.as_str()), span: self.span(&op) };
        (op, self.expr(nodes.expect(Rule::coalesce), depth + 1))
    }

    /// `in (…)` or `in column`.
    fn membership(&mut self, item: Box<Expr>, node: Node<'_>, depth: usize) -> ExprKind {
        let (negated, mut nodes) = negation(node);
        let set = nodes.next().expect("a list or a column");
        if set.as_rule() == Rule::list {
            let list = children(set).map(|value| self.expr(value, depth + 1)).collect();
            return ExprKind::InList { item, list, negated };
        }
        ExprKind::InColumn { item, column: Box::new(self.expr(set, depth + 1)), negated }
    }

    /// `a.b`, `a[0]`.
    fn postfix(&mut self, node: Node<'_>, depth: usize) -> Expr {
        let nodes: Vec<Node<'_>> = children(node).collect();
        let depth = depth + nodes.len() - 1;
        let mut nodes = nodes.into_iter();
        let mut expr = self.expr(nodes.next().expect("a primary"), depth);
        for part in nodes {
            let span = expr.span.to(self.span(&part));
            let inner = Box::new(expr);
            let kind = match part.as_rule() {
                Rule::member => ExprKind::Member(inner, self.ident(&only_child(part))),
                _ => ExprKind::Index(inner, Box::new(self.expr(only_child(part), depth + 1))),
            };
            expr = Expr { kind, span };
        }
        expr
    }

    fn conditional(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let mut parts = children(node).map(|part| Box::new(self.expr(part, depth + 1)));
        let mut part = || parts.next().expect("`if` has three parts");
        ExprKind::If(part(), part(), part())
    }

    fn call(&mut self, node: Node<'_>, depth: usize) -> ExprKind {
        let mut nodes = children(node);
        let name = self.ident(&nodes.expect(Rule::bare_name));
        let arguments = nodes.map(|argument| {
            let mut parts = children(argument);
            let value = self.expr(parts.expect(Rule::expr), depth + 1);
            let filter = parts.accept(Rule::condition).map(|filter| self.expr(only_child(filter), depth + 1));
            Argument { value, filter }
        });
        ExprKind::Call(name, arguments.collect())
    }

    fn too_deep(&mut self, node: &Node<'_>) {
        if self.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::TooLarge) {
            return;
        }
        let diagnostic = Diagnostic::error(Code::TooLarge, self.span(node), "the expression is too long")
            .note(format!("an expression is at most {} operators deep", limits::EXPRESSION_DEPTH_MAX))
            .help("split it; many `==` joined by `or` are one `in (…)`");
        self.diagnostics.push(diagnostic);
    }
}

/// Whether the node starts with `not`, and what follows.
fn negation(node: Node<'_>) -> (bool, Children<'_>) {
    let mut nodes = children(node);
    let negated = nodes.accept(Rule::negated).is_some();
    (negated, nodes)
}

fn binary_op(text: &str) -> BinaryOp {
    match text {
        "or" => BinaryOp::Or,
        "and" => BinaryOp::And,
        "??" => BinaryOp::Coalesce,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        _ => BinaryOp::Remainder,
    }
}

fn compare_op(text: &str) -> CompareOp {
    match text {
        "==" => CompareOp::Equal,
        "!=" => CompareOp::NotEqual,
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessEqual,
        ">" => CompareOp::Greater,
        _ => CompareOp::GreaterEqual,
    }
}
