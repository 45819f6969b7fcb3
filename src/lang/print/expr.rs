//! Expressions, with the parentheses that precedence needs.

use super::{name, quoted};
use crate::lang::ast::{Argument, BinaryOp, CompareOp, Expr, ExprKind, Ident, StringLiteral, TextMatch};
use crate::lang::words::RESERVED;

/// How tightly a kind of expression binds; the grammar's levels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Comparison,
    Coalesce,
    Sum,
    Product,
    Unary,
    Postfix,
    Primary,
}

/// The text of an expression, on one line.
pub fn print_expr(expr: &Expr) -> String {
    let mut out = String::new();
    print(expr, Level::Or, &mut out);
    out
}

/// Prints where at least this level is needed.
fn print(expr: &Expr, needed: Level, out: &mut String) {
    let parens = level(&expr.kind) < needed;
    if parens {
        out.push('(');
    }
    kind(&expr.kind, out);
    if parens {
        out.push(')');
    }
}

fn level(kind: &ExprKind) -> Level {
    match kind {
        // `else` takes all that follows.
        ExprKind::If(..) => Level::Or,
        ExprKind::Binary(op, ..) => binary_level(op.node).0,
        ExprKind::Not(_) => Level::Not,
        ExprKind::Compare(..)
        | ExprKind::InList { .. }
        | ExprKind::InColumn { .. }
        | ExprKind::Between { .. }
        | ExprKind::Text { .. }
        | ExprKind::IsNull { .. } => Level::Comparison,
        ExprKind::Negate(_) => Level::Unary,
        ExprKind::Member(..) | ExprKind::Index(..) => Level::Postfix,
        _ => Level::Primary,
    }
}

/// The level of an operator and of its right side; the left side is of the operator's own.
fn binary_level(op: BinaryOp) -> (Level, Level) {
    match op {
        BinaryOp::Or => (Level::Or, Level::And),
        BinaryOp::And => (Level::And, Level::Not),
        BinaryOp::Coalesce => (Level::Coalesce, Level::Sum),
        BinaryOp::Add | BinaryOp::Subtract => (Level::Sum, Level::Product),
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => (Level::Product, Level::Unary),
    }
}

fn kind(kind: &ExprKind, out: &mut String) {
    match kind {
        ExprKind::Null => out.push_str("null"),
        ExprKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        ExprKind::Number(text) => out.push_str(text),
        ExprKind::String(literal) => out.push_str(&string(literal)),
        ExprKind::Duration(duration) => out.push_str(&duration.to_string()),
        ExprKind::Name(text) => out.push_str(&bare(text)),
        ExprKind::Member(base, member) => {
            print(base, Level::Postfix, out);
            out.push('.');
            out.push_str(&name(member));
        }
        ExprKind::Index(base, index) => {
            print(base, Level::Postfix, out);
            out.push('[');
            print(index, Level::Or, out);
            out.push(']');
        }
        ExprKind::Call(function, arguments) => call(function, arguments, out),
        ExprKind::Not(inner) => {
            out.push_str("not ");
            print(inner, Level::Not, out);
        }
        ExprKind::Negate(inner) => {
            out.push('-');
            print(inner, Level::Unary, out);
        }
        ExprKind::Binary(op, left, right) => {
            let (own, other) = binary_level(op.node);
            print(left, own, out);
            out.push_str(binary_text(op.node));
            print(right, other, out);
        }
        ExprKind::If(condition, then, other) => {
            out.push_str("if ");
            print(condition, Level::Or, out);
            out.push_str(" then ");
            print(then, Level::Or, out);
            out.push_str(" else ");
            print(other, Level::Or, out);
        }
        _ => comparison(kind, out),
    }
}

/// What is on the level of comparisons.
fn comparison(kind: &ExprKind, out: &mut String) {
    let not = |negated: bool| if negated { " not" } else { "" };
    match kind {
        ExprKind::Compare(first, rest) => {
            print(first, Level::Coalesce, out);
            for (op, operand) in rest {
                out.push_str(compare_text(op.node));
                print(operand, Level::Coalesce, out);
            }
        }
        ExprKind::InList { item, list, negated } => {
            print(item, Level::Coalesce, out);
            let list: Vec<String> = list.iter().map(print_expr).collect();
            out.push_str(&format!("{} in ({})", not(*negated), list.join(", ")));
        }
        ExprKind::InColumn { item, column, negated } => {
            print(item, Level::Coalesce, out);
            out.push_str(not(*negated));
            out.push_str(" in ");
            print(column, Level::Postfix, out);
        }
        ExprKind::Between { item, low, high, negated } => {
            print(item, Level::Coalesce, out);
            out.push_str(not(*negated));
            out.push_str(" between ");
            print(low, Level::Coalesce, out);
            out.push_str(" and ");
            print(high, Level::Coalesce, out);
        }
        ExprKind::Text { item, kind, pattern, negated } => {
            print(item, Level::Coalesce, out);
            out.push_str(not(*negated));
            out.push_str(if *kind == TextMatch::Like { " like " } else { " matches " });
            print(pattern, Level::Coalesce, out);
        }
        ExprKind::IsNull { item, negated } => {
            print(item, Level::Coalesce, out);
            out.push_str(if *negated { " is not null" } else { " is null" });
        }
        _ => unreachable!("the other kinds are printed by `kind`"),
    }
}

fn call(function: &Ident, arguments: &[Argument], out: &mut String) {
    let arguments = arguments.iter().map(|argument| match &argument.filter {
        None => print_expr(&argument.value),
        Some(filter) => format!("{} where {}", print_expr(&argument.value), print_expr(filter)),
    });
    out.push_str(&format!("{}({})", bare(&function.text), arguments.collect::<Vec<_>>().join(", ")));
}

/// A name where an expression stands.
fn bare(text: &str) -> String {
    if RESERVED.contains(&text) {
        return format!("`{text}`");
    }
    let span = crate::diag::Span { file: crate::diag::FileId(0), start: 0, end: 0 };
    name(&Ident { text: text.to_owned(), span })
}

/// As it was written; a string that was made and not written has nothing between its quotes yet.
fn string(literal: &StringLiteral) -> String {
    match literal {
        StringLiteral { is_raw: true, raw, .. } => format!("r\"{raw}\""),
        StringLiteral { raw, text, .. } if raw.is_empty() => quoted(text),
        StringLiteral { raw, .. } => format!("\"{raw}\""),
    }
}

fn binary_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => " or ",
        BinaryOp::And => " and ",
        BinaryOp::Coalesce => " ?? ",
        BinaryOp::Add => " + ",
        BinaryOp::Subtract => " - ",
        BinaryOp::Multiply => " * ",
        BinaryOp::Divide => " / ",
        BinaryOp::Remainder => " % ",
    }
}

fn compare_text(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => " == ",
        CompareOp::NotEqual => " != ",
        CompareOp::Less => " < ",
        CompareOp::LessEqual => " <= ",
        CompareOp::Greater => " > ",
        CompareOp::GreaterEqual => " >= ",
    }
}
