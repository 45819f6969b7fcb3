//! What conditions read of a run, worked out without walking over its events.
//!
//! A condition that reads held events is rewritten once: `avg(small.amount)` becomes a field of the candidate that does
//! not exist, and when it is asked for its value, that is taken from sums that are kept as events come. What has no
//! such short cut stays as it was written, and is evaluated by a walk over the events of the run.

use super::list::Tracked;
use crate::event::{SlotId, StepId, Type};
use crate::lang::hir::{Aggregate, CompareOp, Expr, Pattern, Pick};
use crate::matcher::Plan;
use crate::matcher::capture::Layout;
use crate::matcher::linear::{Comparison, words_are_texts};

/// A condition on a run, perhaps with a candidate.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) expr: Expr,
    /// Whether it still reads held events by a walk over them.
    pub(super) walks: bool,
    /// What it is, if it compares two fields.
    pub(super) quick: Option<Quick>,
}

/// A comparison of a field of the candidate with one of an event that is held, by their words.
#[derive(Debug)]
pub(super) struct Quick {
    pub(super) op: CompareOp,
    pub(super) candidate: SlotId,
    pub(super) place: Place,
    pub(super) held: SlotId,
    /// Where that is captured.
    pub(super) captured: usize,
    pub(super) is_text: bool,
}

/// One event of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// That of a position before the loop, or behind it.
    Fixed(usize),
    /// The n-th of the loop.
    FromFirst(usize),
    /// The n-th of the loop from its end.
    FromLast(usize),
}

/// What a field that does not exist stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Read {
    /// How many events the loop has.
    Count,
    /// An aggregate over one of the fields that are kept count of.
    Of(Aggregate, usize),
    /// A field of one event.
    Field(Place, SlotId),
    /// Whether a field of the candidate is among those that are kept count of.
    Among(SlotId, usize),
}

/// Rewrites the conditions of one pattern.
pub(super) struct Rewriter<'a> {
    pub(super) plan: &'a Plan,
    pub(super) layout: &'a Layout,
    /// The loop, if there is one.
    pub(super) repeated: Option<StepId>,
    /// The steps of the positions before the loop, and behind it.
    pub(super) fixed: &'a [StepId],
    pub(super) reads: Vec<Read>,
    pub(super) tracked: Vec<Tracked>,
}

impl Rewriter<'_> {
    fn pattern(&self) -> &Pattern {
        &self.plan.pattern
    }

    /// A condition of a run that has taken `taken` of the fixed positions.
    pub(super) fn condition(&mut self, expr: &Expr, taken: usize) -> Condition {
        // Inside a looped group a step means that of the iteration under way.
        if !self.pattern().groups.is_empty() {
            return Condition { expr: expr.clone(), walks: true, quick: None };
        }
        let quick = self.quick(expr, taken);
        let expr = self.rewritten(expr, taken);
        Condition { walks: reads_held(&expr), expr, quick }
    }

    fn quick(&self, expr: &Expr, taken: usize) -> Option<Quick> {
        let Comparison { op, candidate, step, pick, held } = Comparison::of(expr)?;
        let is_text = words_are_texts(self.plan, candidate, held)?;
        if is_text && !matches!(op, CompareOp::Equal | CompareOp::NotEqual) {
            return None;
        }
        let (place, captured) = (self.place(step, pick, taken)?, self.layout.word(held)?);
        Some(Quick { op, candidate, place, held, captured, is_text })
    }

    fn rewritten(&mut self, expr: &Expr, taken: usize) -> Expr {
        if let Some(read) = self.read(expr, taken) {
            let at = self.reads.iter().position(|known| *known == read).unwrap_or_else(|| {
                self.reads.push(read);
                self.reads.len() - 1
            });
            return Expr::Field(SlotId((self.pattern().slots.len() + at) as u32));
        }
        let mut of = |part: &Expr| self.rewritten(part, taken);
        let boxed = |part: Expr| Box::new(part);
        match expr {
            Expr::Not(inner) => Expr::Not(boxed(of(inner))),
            Expr::And(parts) => Expr::And(parts.iter().map(of).collect()),
            Expr::Or(parts) => Expr::Or(parts.iter().map(of).collect()),
            Expr::Compare(op, left, right) => Expr::Compare(*op, boxed(of(left)), boxed(of(right))),
            Expr::Between(low, item, high) => Expr::Between(boxed(of(low)), boxed(of(item)), boxed(of(high))),
            Expr::In(item, list) => Expr::In(boxed(of(item)), list.iter().map(of).collect()),
            Expr::IsNull(inner) => Expr::IsNull(boxed(of(inner))),
            Expr::Coalesce(first, second) => Expr::Coalesce(boxed(of(first)), boxed(of(second))),
            Expr::Negate(inner) => Expr::Negate(boxed(of(inner))),
            Expr::Arithmetic(op, left, right) => Expr::Arithmetic(*op, boxed(of(left)), boxed(of(right))),
            Expr::If(condition, yes, no) => Expr::If(boxed(of(condition)), boxed(of(yes)), boxed(of(no))),
            Expr::Call(function, arguments) => Expr::Call(*function, arguments.iter().map(of).collect()),
            Expr::Convert(ty, inner) => Expr::Convert(*ty, boxed(of(inner))),
            other => other.clone(),
        }
    }

    fn read(&mut self, expr: &Expr, taken: usize) -> Option<Read> {
        match expr {
            Expr::Held { step, pick, slot } => Some(Read::Field(self.place(*step, *pick, taken)?, *slot)),
            Expr::Aggregate { step, slot: None, .. } if Some(*step) == self.repeated => Some(Read::Count),
            Expr::Aggregate { function, step, slot: Some(slot) } if Some(*step) == self.repeated => {
                is_tracked(*function, self.pattern().slots[slot.index()].ty)
                    .then(|| self.track(*slot, *function == Aggregate::Distinct))?
                    .map(|tracked| Read::Of(*function, tracked))
            }
            Expr::IsAmong { item, step, slot } if Some(*step) == self.repeated => {
                let Expr::Field(candidate) = **item else { return None };
                words_are_texts(self.plan, candidate, *slot)?;
                self.track(*slot, false).map(|tracked| Read::Among(candidate, tracked))
            }
            _ => None,
        }
    }

    fn track(&mut self, slot: SlotId, distinct: bool) -> Option<usize> {
        let at = match self.tracked.iter().position(|known| known.slot == slot) {
            Some(at) => at,
            None => {
                let (captured, ty) = (self.layout.word(slot)?, self.pattern().slots[slot.index()].ty);
                self.tracked.push(Tracked { slot, captured, ty, distinct });
                self.tracked.len() - 1
            }
        };
        self.tracked[at].distinct |= distinct;
        Some(at)
    }

    /// Which event of a run is meant, if that can be said without looking.
    fn place(&self, step: StepId, pick: Pick, taken: usize) -> Option<Place> {
        if Some(step) == self.repeated {
            return Some(match pick {
                Pick::Here | Pick::Last => Place::FromLast(0),
                Pick::First => Place::FromFirst(0),
                Pick::Nth(index) if index < 0 => {
                    Place::FromLast(usize::try_from(index.unsigned_abs() - 1).ok()?)
                }
                Pick::Nth(index) => Place::FromFirst(usize::try_from(index).ok()?),
            });
        }
        let mut held = (0..taken.min(self.fixed.len())).filter(|at| self.fixed[*at] == step);
        let at = match pick {
            Pick::Here | Pick::Last => held.next_back(),
            Pick::First => held.next(),
            Pick::Nth(index) if index < 0 => held.nth_back(usize::try_from(index.unsigned_abs() - 1).ok()?),
            Pick::Nth(index) => held.nth(usize::try_from(index).ok()?),
        };
        at.map(Place::Fixed)
    }
}

/// Whether an aggregate over values of a type can be kept as events come, exactly.
fn is_tracked(function: Aggregate, ty: Type) -> bool {
    let is_whole = matches!(ty, Type::Int | Type::Decimal(_));
    match function {
        Aggregate::Count => true,
        Aggregate::Sum | Aggregate::Avg => is_whole,
        Aggregate::Min | Aggregate::Max => is_whole || matches!(ty, Type::Timestamp | Type::Duration),
        Aggregate::Distinct => is_whole || matches!(ty, Type::Timestamp | Type::Duration | Type::String),
        Aggregate::Stddev => false,
    }
}

/// Whether an expression reads events that a run holds.
pub(super) fn reads_held(expr: &Expr) -> bool {
    let mut reads =
        matches!(expr, Expr::Held { .. } | Expr::IsTaken(_) | Expr::Aggregate { .. } | Expr::IsAmong { .. });
    expr.for_each_part(&mut |part| reads |= reads_held(part));
    reads
}

/// Whether a condition that is true of a run is true of it with more events in the loop too, as far as that can be seen:
/// `distinct(fail.user) >= 8`.
pub(super) fn grows(expr: &Expr, repeated: StepId) -> bool {
    let side = |expr: &Expr| match expr {
        Expr::Aggregate { function, step, .. } if *step == repeated => match function {
            Aggregate::Count | Aggregate::Distinct | Aggregate::Max => Some(true),
            Aggregate::Min => Some(false),
            _ => None,
        },
        _ => None,
    };
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(|part| grows(part, repeated)),
        Expr::Compare(op, left, right) => {
            let (rises, op, other) = match (side(left), side(right)) {
                (Some(rises), None) => (rises, *op, right),
                (None, Some(rises)) => (rises, crate::matcher::predicates::mirrored(*op), left),
                _ => return !reads_held(expr),
            };
            let is_lower_bound = matches!(op, CompareOp::Greater | CompareOp::GreaterEqual);
            let is_upper_bound = matches!(op, CompareOp::Less | CompareOp::LessEqual);
            !reads_held(other) && if rises { is_lower_bound } else { is_upper_bound }
        }
        other => !reads_held(other),
    }
}
