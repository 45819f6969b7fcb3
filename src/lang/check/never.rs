//! Conditions that no event can meet: two bounds on one field that exclude each other, and a value that a decimal
//! cannot have. A step with such a condition is never taken, and nothing behind it is ever reached.
//!
//! Only what can be seen at a glance is looked at: comparisons of a field with constants, joined by `and`.

use super::patterns::PatternChecker;
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{SlotId, Type, Value};
use crate::lang::ast::CompareOp;
use crate::lang::hir::{Conjunct, Expr};

/// The most digits of a decimal.
const SCALE_MAX: u32 = 18;

impl PatternChecker<'_, '_> {
    /// Warns of the first thing that keeps a condition from being true.
    pub(super) fn warn_never(&mut self, step: usize, parts: &[(Span, Conjunct)]) {
        let bounds: Vec<(Span, Bound)> = parts
            .iter()
            .flat_map(|(span, part)| bounds(&part.expr).into_iter().map(|it| (*span, it)))
            .collect();
        for (at, (span, bound)) in bounds.iter().enumerate() {
            if let Some(digits) = self.digits_too_many(bound) {
                return self.report_digits(*span, bound, digits);
            }
            let excludes = |(_, other): &&(Span, Bound)| other.slot == bound.slot && excludes(other, bound);
            if let Some((other, _)) = bounds[..at].iter().find(excludes) {
                return self.report_never(step, *other, *span);
            }
        }
    }

    /// The digits of the field, where it is asked to be equal to a number with more.
    fn digits_too_many(&self, bound: &Bound) -> Option<u8> {
        let Type::Decimal(digits) = self.slots[bound.slot.0 as usize].ty else { return None };
        let Point::Number(number) = bound.point else { return None };
        let unit = 10_i128.pow(SCALE_MAX.saturating_sub(u32::from(digits)));
        (bound.op == CompareOp::Equal && number % unit != 0).then_some(digits)
    }

    fn report_digits(&mut self, span: Span, bound: &Bound, digits: u8) {
        let name = self.slots[bound.slot.0 as usize].name.clone();
        let message = format!("`{}` is never true", self.text(span));
        self.report(
            Diagnostic::warning(Code::NeverTrue, span, message)
                .note(format!("`{name}` is a decimal({digits}): it has {digits} digits after the point"))
                .help(format!("write a number with at most {digits} digits, or use `<` and `>`")),
        );
    }

    fn report_never(&mut self, step: usize, first: Span, second: Span) {
        let name = self.steps[step].name.text.clone();
        let both = match first == second {
            true => self.text(first),
            false => format!("{} and {}", self.text(first), self.text(second)),
        };
        let diagnostic = Diagnostic::warning(Code::NeverTrue, second, format!("`{both}` is never true"))
            .note(format!("no event is taken as `{name}`, so what comes behind it is never reached"))
            .help("correct one of the two, or join them with `or`");
        let is_apart = first != second;
        self.report(if is_apart { diagnostic.also(first, "together with this") } else { diagnostic });
    }
}

/// A comparison of a field with a constant.
struct Bound {
    slot: SlotId,
    op: CompareOp,
    point: Point,
}

/// A constant that can be compared exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    /// In the smallest unit of the finest decimal.
    Number(i128),
    Text(String),
}

fn bounds(expr: &Expr) -> Vec<Bound> {
    let one = |slot: &SlotId, op: CompareOp, value: &Value| {
        point(value).map(|point| Bound { slot: *slot, op, point }).into_iter().collect()
    };
    match expr {
        Expr::Compare(op, left, right) => match (left.as_ref(), right.as_ref()) {
            (Expr::Field(slot), Expr::Const(value)) => one(slot, *op, value),
            (Expr::Const(value), Expr::Field(slot)) => one(slot, turned(*op), value),
            _ => Vec::new(),
        },
        Expr::Between(low, item, high) => match (low.as_ref(), item.as_ref(), high.as_ref()) {
            (Expr::Const(low), Expr::Field(slot), Expr::Const(high)) => {
                let mut both: Vec<Bound> = one(slot, CompareOp::GreaterEqual, low);
                both.extend(one(slot, CompareOp::LessEqual, high));
                both
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The operator with its sides changed.
fn turned(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
        same => same,
    }
}

/// The constant, if it is exact.
fn point(value: &Value) -> Option<Point> {
    let number = |units: i64, scale: u8| {
        let more = SCALE_MAX.checked_sub(u32::from(scale))?;
        Some(Point::Number(i128::from(units) * 10_i128.pow(more)))
    };
    match value {
        Value::Int(number_) => number(*number_, 0),
        Value::Decimal(decimal) => number(decimal.units, decimal.scale),
        Value::String(text) => Some(Point::Text(text.to_string())),
        _ => None,
    }
}

/// Whether no value meets both.
fn excludes(one: &Bound, other: &Bound) -> bool {
    use CompareOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    if std::mem::discriminant(&one.point) != std::mem::discriminant(&other.point) {
        return false;
    }
    let meets = |op: CompareOp, left: &Point, right: &Point| op.meets(left.cmp(right));
    match (one.op, other.op) {
        (Equal, op) => !meets(op, &one.point, &other.point),
        (op, Equal) => !meets(op, &other.point, &one.point),
        (Less, Greater | GreaterEqual) | (LessEqual, Greater) => one.point <= other.point,
        (LessEqual, GreaterEqual) => one.point < other.point,
        (Greater | GreaterEqual, Less) | (Greater, LessEqual) => one.point >= other.point,
        (GreaterEqual, LessEqual) => one.point > other.point,
        (NotEqual, _) | (_, NotEqual) => false,
        (Less | LessEqual, Less | LessEqual) => false,
        (Greater | GreaterEqual, Greater | GreaterEqual) => false,
    }
}
