//! Types of expressions.
//!
//! Numbers mix: an `int` and a decimal give a decimal, anything with a float gives a float. Nothing else converts
//! by itself, except that a text constant compared with a timestamp is read as one.

use super::patterns::PatternChecker;
use super::scope::{How, Place};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{Decimal, StepId, Type, Value};
use crate::lang::ast::{self, BinaryOp, ExprKind, Spanned};
use crate::lang::hir::{Arithmetic, Expr};
use crate::time::Duration;

/// What is known of the type of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ty {
    /// It has this type, or is null.
    Known(Type),
    /// The constant `null`: fits anything.
    Null,
    /// It is wrong, which was reported: fits anything.
    Error,
}

/// A lowered expression and its type.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) ty: Ty,
}

impl Typed {
    pub(super) fn new(expr: Expr, ty: Type) -> Typed {
        Typed { expr, ty: Ty::Known(ty) }
    }

    /// Stands for something that was reported.
    pub(super) fn error() -> Typed {
        Typed { expr: Expr::Const(Value::Null), ty: Ty::Error }
    }

    /// This value as a wider type.
    pub(super) fn converted(self, to: Type) -> Expr {
        match self.ty {
            Ty::Known(from) if from != to => Expr::Convert(to, Box::new(self.expr)),
            Ty::Known(_) | Ty::Null | Ty::Error => self.expr,
        }
    }
}

/// The type that holds values of both; `None` where none does.
pub(super) fn widened(left: Type, right: Type) -> Option<Type> {
    Some(match (left, right) {
        (left, right) if left == right => left,
        (Type::Float, other) | (other, Type::Float) if other.is_numeric() => Type::Float,
        (Type::Int, Type::Decimal(scale)) | (Type::Decimal(scale), Type::Int) => Type::Decimal(scale),
        (Type::Decimal(left), Type::Decimal(right)) => Type::Decimal(left.max(right)),
        _ => return None,
    })
}

/// A type with its article.
pub(super) fn a_type(ty: Type) -> String {
    match ty {
        Type::Int => "an int".to_owned(),
        other => format!("a {other}"),
    }
}

impl PatternChecker<'_, '_> {
    /// Types and lowers an expression.
    pub(super) fn expr(&mut self, place: Place, expr: &ast::Expr) -> Typed {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Null => Typed { expr: Expr::Const(Value::Null), ty: Ty::Null },
            ExprKind::Bool(value) => Typed::new(Expr::Const(Value::Bool(*value)), Type::Bool),
            ExprKind::Number(text) => self.number(text, span),
            ExprKind::String(literal) => self.string(place, literal),
            // One that is none was answered by the parser.
            ExprKind::Duration(_) if Duration::parse(&self.text(span)).is_none() => Typed::error(),
            ExprKind::Duration(value) => Typed::new(Expr::Const(Value::Duration(*value)), Type::Duration),
            ExprKind::Name(name) => self.bare_name(place, name, span),
            ExprKind::Member(object, field) => self.member(place, object, field),
            ExprKind::Index(object, _) => self.bare_index(place, object, span),
            ExprKind::Call(name, arguments) => self.call(place, name, arguments, span),
            ExprKind::Not(inner) => {
                let inner = self.condition(place, inner);
                Typed::new(Expr::Not(Box::new(inner)), Type::Bool)
            }
            ExprKind::Negate(inner) => self.negate(place, inner, span),
            ExprKind::Binary(op, left, right) => self.binary(place, *op, left, right, span),
            ExprKind::Compare(first, rest) => self.comparison(place, first, rest),
            ExprKind::InList { item, list, negated } => self.in_list(place, item, list, *negated),
            ExprKind::InColumn { item, column, negated } => self.in_column(place, item, column, *negated),
            ExprKind::Between { item, low, high, negated } => self.between(place, item, low, high, *negated),
            ExprKind::Text { item, kind, pattern, negated } => {
                self.text_match(place, item, *kind, pattern, *negated)
            }
            ExprKind::IsNull { item, negated } => self.is_null(place, item, *negated),
            ExprKind::If(condition, yes, no) => {
                let condition = self.condition(place, condition);
                let (yes, no, ty) = self.same_type(place, yes, no, "the two sides of `if`");
                Typed { expr: Expr::If(Box::new(condition), Box::new(yes), Box::new(no)), ty }
            }
        }
    }

    /// A constant of `meta` or of a rule; `None` where it is none.
    pub(super) fn constant(&mut self, expr: &ast::Expr) -> Option<Value> {
        match &expr.kind {
            ExprKind::Null => Some(Value::Null),
            ExprKind::Bool(value) => Some(Value::Bool(*value)),
            ExprKind::String(literal) => Some(Value::text(&literal.text)),
            ExprKind::Duration(value) => Some(Value::Duration(*value)),
            ExprKind::Number(text) => match self.number(text, expr.span).expr {
                Expr::Const(value) => Some(value),
                _ => None,
            },
            ExprKind::Negate(inner) => match (&inner.kind, self.constant(inner)?) {
                (ExprKind::Number(text), _) => match self.number(&format!("-{text}"), expr.span).expr {
                    Expr::Const(value) => Some(value),
                    _ => None,
                },
                (_, Value::Duration(value)) => Some(Value::Duration(negative(value))),
                _ => None,
            },
            _ => None,
        }
    }

    fn negate(&mut self, place: Place, inner: &ast::Expr, span: Span) -> Typed {
        if let ExprKind::Number(text) = &inner.kind {
            return self.number(&format!("-{text}"), span);
        }
        let typed = self.expr(place, inner);
        if let (Ty::Known(Type::Duration), Expr::Const(Value::Duration(value))) = (typed.ty, &typed.expr) {
            return Typed::new(Expr::Const(Value::Duration(negative(*value))), Type::Duration);
        }
        match typed.ty {
            Ty::Known(ty) if ty.is_numeric() || ty == Type::Duration => {
                Typed::new(Expr::Negate(Box::new(typed.expr)), ty)
            }
            Ty::Known(ty) => {
                let mut diagnostic =
                    Diagnostic::error(Code::TypeMismatch, span, format!("{} has no opposite", a_type(ty)));
                if ty == Type::Bool {
                    diagnostic = diagnostic.help(format!("write `not {}`", self.text(inner.span)));
                }
                self.report(diagnostic);
                Typed::error()
            }
            Ty::Null | Ty::Error => typed,
        }
    }

    fn binary(
        &mut self,
        place: Place,
        op: Spanned<BinaryOp>,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Typed {
        let arithmetic = match op.node {
            BinaryOp::And | BinaryOp::Or => return self.logic(place, op.node, left, right),
            BinaryOp::Coalesce => {
                let (left, right, ty) = self.same_type(place, left, right, "the two sides of `??`");
                return Typed { expr: Expr::Coalesce(Box::new(left), Box::new(right)), ty };
            }
            BinaryOp::Add => Arithmetic::Add,
            BinaryOp::Subtract => Arithmetic::Subtract,
            BinaryOp::Multiply => Arithmetic::Multiply,
            BinaryOp::Divide => Arithmetic::Divide,
            BinaryOp::Remainder => Arithmetic::Remainder,
        };
        let (l, r) = (self.expr(place, left), self.expr(place, right));
        let ty = match (l.ty, r.ty) {
            (Ty::Error, _) | (_, Ty::Error) => return Typed::error(),
            (Ty::Null, _) | (_, Ty::Null) => Ty::Null,
            (Ty::Known(one), Ty::Known(other)) => match result_type(arithmetic, one, other) {
                Some(ty) => Ty::Known(ty),
                None => {
                    self.no_arithmetic(op, (left, one), (right, other), span);
                    return Typed::error();
                }
            },
        };
        Typed { expr: Expr::Arithmetic(arithmetic, Box::new(l.expr), Box::new(r.expr)), ty }
    }

    fn logic(&mut self, place: Place, op: BinaryOp, left: &ast::Expr, right: &ast::Expr) -> Typed {
        let mut parts = Vec::new();
        for side in [left, right] {
            match (op, self.condition(place, side)) {
                (BinaryOp::And, Expr::And(inner)) | (BinaryOp::Or, Expr::Or(inner)) => parts.extend(inner),
                (_, part) => parts.push(part),
            }
        }
        let expr = if op == BinaryOp::And { Expr::And(parts) } else { Expr::Or(parts) };
        Typed::new(expr, Type::Bool)
    }

    fn no_arithmetic(
        &mut self,
        op: Spanned<BinaryOp>,
        (left, one): (&ast::Expr, Type),
        (right, other): (&ast::Expr, Type),
        span: Span,
    ) {
        let sign = self.text(op.span);
        let (left_text, right_text) = (self.text(left.span), self.text(right.span));
        let mut diagnostic = Diagnostic::error(
            Code::TypeMismatch,
            span,
            format!("`{sign}` of {} and {}", a_type(one), a_type(other)),
        )
        .also(left.span, format!("{one}"))
        .also(right.span, format!("{other}"));
        diagnostic = match (one, other) {
            (Type::Decimal(_), Type::Decimal(_)) => diagnostic
                .note(format!("the product has more than {} digits after the point", Decimal::MAX_SCALE))
                .help(format!("multiply as floats: `float({left_text}) {sign} {right_text}`")),
            (Type::String, _) if sign == "+" => {
                diagnostic.help(format!("make it text: `{left_text} + string({right_text})`"))
            }
            (_, Type::String) if sign == "+" => {
                diagnostic.help(format!("make it text: `string({left_text}) + {right_text}`"))
            }
            (Type::Timestamp | Type::Duration, number) if number.is_numeric() => {
                diagnostic.help("write a duration with its unit: `5m`, `30s`")
            }
            (Type::Timestamp, Type::Timestamp) => {
                diagnostic.help(format!("the time between is `{left_text} - {right_text}`"))
            }
            (Type::String, Type::String) => {
                diagnostic.help("read them as numbers first: `float(…)`, `int(…)`")
            }
            _ => diagnostic,
        };
        self.report(diagnostic);
    }

    /// Two values that become one: both sides in the wider type.
    fn same_type(
        &mut self,
        place: Place,
        left: &ast::Expr,
        right: &ast::Expr,
        what: &str,
    ) -> (Expr, Expr, Ty) {
        let (l, r) = (self.expr(place, left), self.expr(place, right));
        match (l.ty, r.ty) {
            (Ty::Known(one), Ty::Known(other)) => match widened(one, other) {
                Some(ty) => (l.converted(ty), r.converted(ty), Ty::Known(ty)),
                None => {
                    let message = format!("{what} are {} and {}", a_type(one), a_type(other));
                    let diagnostic = Diagnostic::error(Code::TypeMismatch, left.span.to(right.span), message)
                        .also(left.span, format!("{one}"))
                        .also(right.span, format!("{other}"))
                        .help("give both one type; `string(…)` makes text of anything");
                    self.report(diagnostic);
                    (l.expr, r.expr, Ty::Error)
                }
            },
            (Ty::Error, _) | (_, Ty::Error) => (l.expr, r.expr, Ty::Error),
            (Ty::Null, ty) | (ty, Ty::Null) => (l.expr, r.expr, ty),
        }
    }

    fn is_null(&mut self, place: Place, item: &ast::Expr, negated: bool) -> Typed {
        if let ExprKind::Name(name) = &item.kind
            && let Some(step) = self.step_named(name)
        {
            let Some(step) = self.may_ask(place, step, item.span) else { return Typed::error() };
            return negated_if(!negated, Expr::IsTaken(StepId(step as u32)));
        }
        let typed = self.expr(place, item);
        if typed.ty == Ty::Error {
            return Typed::error();
        }
        negated_if(negated, Expr::IsNull(Box::new(typed.expr)))
    }

    fn may_ask(&mut self, place: Place, step: usize, span: Span) -> Option<usize> {
        let name = self.steps[step].name.text.clone();
        self.step_to_read(place, &name, span, How::Over)
    }
}

pub(super) fn negated_if(negated: bool, expr: Expr) -> Typed {
    Typed::new(if negated { Expr::Not(Box::new(expr)) } else { expr }, Type::Bool)
}

fn negative(value: Duration) -> Duration {
    Duration::from_micros(value.micros().saturating_neg())
}

/// The type of `left op right`; `None` where there is none.
fn result_type(op: Arithmetic, left: Type, right: Type) -> Option<Type> {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    use Type::{Decimal as Exact, Duration as Span, Float, String, Timestamp};
    Some(match (op, left, right) {
        (Add, String, String) => String,
        (Add, Timestamp, Span) | (Add, Span, Timestamp) | (Subtract, Timestamp, Span) => Timestamp,
        (Subtract, Timestamp, Timestamp) => Span,
        (Add | Subtract, Span, Span) => Span,
        (Divide, Span, Span) => Float,
        (Multiply | Divide, Span, number) if number.is_numeric() => Span,
        (Multiply, number, Span) if number.is_numeric() => Span,
        (Divide, one, other) if one.is_numeric() && other.is_numeric() => Float,
        (Multiply, Exact(one), Exact(other)) if one + other > Decimal::MAX_SCALE => return None,
        (Multiply, Exact(one), Exact(other)) => Exact(one + other),
        (Add | Subtract | Multiply | Remainder, one, other) if one.is_numeric() && other.is_numeric() => {
            widened(one, other)?
        }
        _ => return None,
    })
}
