//! Takes conditions apart.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::kernel::NumberTest;
use super::{PredicateId, RowTest, StreamPredicates, Test};
use crate::event::{Decimal, SlotId, Type, Value};
use crate::lang::hir::{CompareOp, Expr};
use crate::matcher::Plan;

/// Takes the conditions of one pattern on one of its sources apart.
pub(super) struct Lower<'a> {
    pub(super) into: &'a mut StreamPredicates,
    pub(super) plan: &'a Arc<Plan>,
    pub(super) source: usize,
}

impl Lower<'_> {
    /// The part that asks whether a condition is true.
    pub(super) fn condition(&mut self, expr: &Expr) -> PredicateId {
        self.lower(expr, true)
    }

    /// The part that asks whether all of some conditions are true.
    pub(super) fn all<'e>(&mut self, parts: impl Iterator<Item = &'e Expr>) -> PredicateId {
        let parts = parts.map(|part| self.lower(part, true)).collect();
        self.join(parts, true)
    }

    /// Asks whether `expr` is `wanted`.
    fn lower(&mut self, expr: &Expr, wanted: bool) -> PredicateId {
        match expr {
            Expr::Const(Value::Bool(value)) if *value == wanted => self.part(Test::Always),
            Expr::Const(_) => self.part(Test::Never),
            Expr::Not(inner) => self.lower(inner, !wanted),
            Expr::And(parts) | Expr::Or(parts) => {
                let is_and = matches!(expr, Expr::And(_));
                let parts = parts.iter().map(|part| self.lower(part, wanted)).collect();
                self.join(parts, is_and == wanted)
            }
            Expr::Between(low, item, high) => {
                let above = Expr::Compare(CompareOp::GreaterEqual, item.clone(), low.clone());
                let below = Expr::Compare(CompareOp::LessEqual, item.clone(), high.clone());
                let parts = [above, below].iter().map(|part| self.lower(part, wanted)).collect();
                self.join(parts, wanted)
            }
            Expr::In(item, list) if !self.is_of_one_text(expr) => {
                let equal = |one: &Expr| Expr::Compare(CompareOp::Equal, item.clone(), Box::new(one.clone()));
                let parts = list.iter().map(|one| self.lower(&equal(one), wanted)).collect();
                self.join(parts, !wanted)
            }
            _ => {
                let test = self.atom(expr, wanted).unwrap_or_else(|| self.general(expr, wanted));
                self.part(test)
            }
        }
    }

    /// A test of columns, where there is one that is exact.
    fn atom(&self, expr: &Expr, wanted: bool) -> Option<Test> {
        match expr {
            Expr::Field(slot) => match self.field(*slot) {
                Some(field) => Some(Test::Bool(field, wanted)),
                None => Some(Test::Never),
            },
            Expr::IsNull(inner) => {
                let Expr::Field(slot) = **inner else { return None };
                Some(match (self.field(slot), wanted) {
                    (None, true) => Test::Always,
                    (None, false) => Test::Never,
                    (Some(field), true) => Test::IsNull(field),
                    (Some(field), false) => Test::IsNotNull(field),
                })
            }
            Expr::Compare(op, left, right) => {
                let op = if wanted { *op } else { negated(*op) };
                match (&**left, &**right) {
                    (Expr::Field(slot), Expr::Const(value)) => self.compare(*slot, op, value),
                    (Expr::Const(value), Expr::Field(slot)) => self.compare(*slot, mirrored(op), value),
                    (Expr::Field(left), Expr::Field(right)) => self.compare_fields(*left, op, *right),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn field(&self, slot: SlotId) -> Option<usize> {
        self.plan.pattern.sources[self.source].fields[slot.index()]
    }

    fn type_of(&self, slot: SlotId) -> Type {
        self.plan.pattern.slots[slot.index()].ty
    }

    fn compare(&self, slot: SlotId, op: CompareOp, value: &Value) -> Option<Test> {
        let Some(field) = self.field(slot) else { return Some(Test::Never) };
        let whole = |with: i64| Some(Test::Number(field, NumberTest::Whole(op, with)));
        match (self.type_of(slot), value) {
            (Type::Float, Value::Float(with)) => Some(Test::Number(field, NumberTest::Float(op, *with))),
            (ty, value) => whole(in_units(value, ty)?),
        }
    }

    fn compare_fields(&self, left: SlotId, op: CompareOp, right: SlotId) -> Option<Test> {
        let (Some(left_field), Some(right_field)) = (self.field(left), self.field(right)) else {
            return Some(Test::Never);
        };
        let ty = self.type_of(left);
        let is_whole = matches!(ty, Type::Int | Type::Decimal(_) | Type::Timestamp | Type::Duration);
        (is_whole && ty == self.type_of(right)).then_some(Test::TwoNumbers(left_field, op, right_field))
    }

    /// A test by evaluation: once per text, if it reads nothing but one text field, else once per row.
    fn general(&self, expr: &Expr, wanted: bool) -> Test {
        let expr = if wanted { expr.clone() } else { Expr::Not(Box::new(expr.clone())) };
        let text_field = self.text_field(&expr);
        let faults = AtomicU64::new(0);
        let test = Box::new(RowTest { plan: Arc::clone(self.plan), source: self.source, expr, faults });
        match text_field {
            Some(field) => Test::Text(field, test, Box::default()),
            None => Test::Row(test),
        }
    }

    fn is_of_one_text(&self, expr: &Expr) -> bool {
        self.text_field(expr).is_some()
    }

    /// The only field that the expression reads, if that is text.
    fn text_field(&self, expr: &Expr) -> Option<usize> {
        let mut reads = Reads::default();
        reads.visit(expr);
        let mut slots = reads.slots.iter();
        let (Some(slot), None, false) = (slots.next(), slots.next(), reads.more) else { return None };
        self.field(*slot).filter(|_| self.type_of(*slot) == Type::String)
    }

    /// The part that asks for all of some parts, or for any of them.
    pub(super) fn join(&mut self, mut parts: Vec<PredicateId>, all: bool) -> PredicateId {
        let (neutral, decisive) = if all { (Test::Always, Test::Never) } else { (Test::Never, Test::Always) };
        let decisive = self.part(decisive);
        let neutral = self.part(neutral);
        if parts.contains(&decisive) {
            return decisive;
        }
        parts.retain(|part| *part != neutral);
        parts.sort_unstable();
        parts.dedup();
        match parts.as_slice() {
            [] => neutral,
            [one] => *one,
            _ => self.part(if all { Test::All(parts) } else { Test::Any(parts) }),
        }
    }

    /// The id of a part; equal parts are one.
    fn part(&mut self, test: Test) -> PredicateId {
        let text = match &test {
            Test::Text(field, test, _) => format!("text {field} {:?}", test.expr),
            Test::Row(test) => format!("row {} {:p} {:?}", test.source, Arc::as_ptr(&test.plan), test.expr),
            test => format!("{test:?}"),
        };
        if let Some(id) = self.into.by_text.get(&text) {
            return *id;
        }
        let id = PredicateId(self.into.tests.len() as u32);
        self.into.tests.push(test);
        self.into.by_text.insert(text, id);
        id
    }
}

/// A constant in the unit of a column that is kept as whole numbers, if it is a whole number of them.
pub(in crate::matcher) fn in_units(value: &Value, ty: Type) -> Option<i64> {
    let (Decimal { units, scale: from }, scale) = match (value, ty) {
        (Value::Timestamp(time), Type::Timestamp) => return Some(time.micros()),
        (Value::Duration(duration), Type::Duration) => return Some(duration.micros()),
        (Value::Int(value), Type::Int) => return Some(*value),
        (Value::Int(value), Type::Decimal(scale)) => (Decimal { units: *value, scale: 0 }, scale),
        (Value::Decimal(value), Type::Decimal(scale)) => (*value, scale),
        (Value::Decimal(value), Type::Int) => (*value, 0),
        _ => return None,
    };
    match scale.checked_sub(from) {
        Some(more) => units.checked_mul(10_i64.checked_pow(u32::from(more))?),
        None => {
            let less = 10_i64.checked_pow(u32::from(from - scale))?;
            (units % less == 0).then_some(units / less)
        }
    }
}

fn negated(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Equal => CompareOp::NotEqual,
        CompareOp::NotEqual => CompareOp::Equal,
        CompareOp::Less => CompareOp::GreaterEqual,
        CompareOp::LessEqual => CompareOp::Greater,
        CompareOp::Greater => CompareOp::LessEqual,
        CompareOp::GreaterEqual => CompareOp::Less,
    }
}

/// The operator with its sides exchanged.
pub(in crate::matcher) fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Equal | CompareOp::NotEqual => op,
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
    }
}

/// What an expression reads of the candidate.
#[derive(Default)]
struct Reads {
    slots: BTreeSet<SlotId>,
    /// Whether it reads anything else: the key, or what is held.
    more: bool,
}

impl Reads {
    fn visit(&mut self, expr: &Expr) {
        match expr {
            Expr::Field(slot) => {
                self.slots.insert(*slot);
            }
            Expr::Key(_)
            | Expr::Held { .. }
            | Expr::IsTaken(_)
            | Expr::Aggregate { .. }
            | Expr::Tallied(_)
            | Expr::IsAmong { .. } => self.more = true,
            _ => {}
        }
        expr.for_each_part(&mut |part| self.visit(part));
    }
}
