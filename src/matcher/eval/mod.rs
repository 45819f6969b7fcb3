//! Evaluates expressions: three-valued logic, exact numbers, and what a run holds.

mod functions;
mod numbers;

pub(super) use numbers::{fault, mean_of, sum_of};

use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use crate::event::{SlotId, StepId, Type, Value};
use crate::lang::hir::{Aggregate, Expr, GroupId, Pattern, Pick};

/// The fields of a candidate event.
pub trait Fields {
    /// The value of a slot of the pattern.
    fn slot(&self, slot: SlotId) -> Value;
}

/// An event that a run holds.
#[derive(Clone, Copy)]
pub struct Taken<'a> {
    /// For this step.
    pub step: StepId,
    /// The event.
    pub event: &'a dyn Fields,
    /// The groups of which it began an iteration.
    pub enters: &'a [GroupId],
}

/// The events that a run holds.
pub trait Held {
    /// Shows them, the newest first, until the visitor breaks.
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>);

    /// An aggregate of the pattern's tally; null where nothing was counted.
    fn tallied(&self, _aggregate: usize) -> Value {
        Value::Null
    }
}

/// A run that holds nothing.
pub struct Nothing;

impl Held for Nothing {
    fn walk<'a>(&'a self, _visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {}
}

/// Counts arithmetic that had no result: overflow, division by zero.
#[derive(Debug, Default)]
pub struct Faults(Cell<u64>);

impl Faults {
    /// One more.
    pub fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.get()
    }
}

/// What an expression is evaluated in.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The pattern.
    pub pattern: &'a Pattern,
    /// The candidate; `None` in `emit` and `having`.
    pub candidate: Option<&'a dyn Fields>,
    /// What the run holds.
    pub held: &'a dyn Held,
    /// The groups of which the candidate would begin an iteration.
    pub entering: &'a [GroupId],
    /// The key.
    pub keys: &'a [Value],
    /// Where faults are counted.
    pub faults: &'a Faults,
}

/// Whether a condition holds: unknown does not.
pub fn is_true(expr: &Expr, scope: &Scope<'_>) -> bool {
    evaluate(expr, scope) == Value::Bool(true)
}

/// The value of an expression.
///
/// Costs one walk over what the run holds for each reference to an earlier step.
pub fn evaluate(expr: &Expr, scope: &Scope<'_>) -> Value {
    match expr {
        Expr::Const(value) => value.clone(),
        Expr::Field(slot) => scope.candidate.map_or(Value::Null, |candidate| candidate.slot(*slot)),
        Expr::Key(part) => scope.keys[*part].clone(),
        Expr::Held { step, pick, slot } => held(*step, *pick, *slot, scope),
        Expr::IsTaken(step) => Value::Bool(is_taken(*step, scope)),
        Expr::Aggregate { function, step, slot } => aggregate(*function, *step, *slot, scope),
        Expr::Tallied(aggregate) => scope.held.tallied(*aggregate),
        Expr::IsAmong { item, step, slot } => is_among(&evaluate(item, scope), *step, *slot, scope),
        Expr::Not(inner) => truth(truth_of(&evaluate(inner, scope)).map(|value| !value)),
        Expr::And(parts) => junction(parts, false, scope),
        Expr::Or(parts) => junction(parts, true, scope),
        Expr::Compare(op, left, right) => {
            let (left, right) = (evaluate(left, scope), evaluate(right, scope));
            truth(compare(&left, &right).map(|ordering| op.meets(ordering)))
        }
        Expr::Between(low, item, high) => between(evaluate(item, scope), low, high, scope),
        Expr::In(item, list) => is_in(&evaluate(item, scope), list, scope),
        Expr::Matches(item, regex) => match evaluate(item, scope) {
            Value::String(text) => Value::Bool(regex.is_match(&text)),
            _ => Value::Null,
        },
        Expr::IsNull(inner) => Value::Bool(evaluate(inner, scope).is_null()),
        Expr::Coalesce(first, second) => match evaluate(first, scope) {
            Value::Null => evaluate(second, scope),
            value => value,
        },
        Expr::Negate(inner) => numbers::negate(evaluate(inner, scope), scope.faults),
        Expr::Arithmetic(op, left, right) => {
            numbers::arithmetic(*op, evaluate(left, scope), evaluate(right, scope), scope.faults)
        }
        Expr::If(condition, yes, no) => evaluate(if is_true(condition, scope) { yes } else { no }, scope),
        Expr::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|argument| evaluate(argument, scope)).collect();
            functions::call(*function, &arguments, scope.faults)
        }
        Expr::Interpolate(parts) => {
            let text: String = parts.iter().map(|part| evaluate(part, scope).to_string()).collect();
            Value::text(&text)
        }
        Expr::Convert(ty, inner) => numbers::convert(*ty, evaluate(inner, scope), scope.faults),
    }
}

fn truth_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        _ => None,
    }
}

fn truth(value: Option<bool>) -> Value {
    value.map_or(Value::Null, Value::Bool)
}

/// Kleene's and (`decisive` false) or or (`decisive` true): one decisive part decides, unknown parts linger.
fn junction(parts: &[Expr], decisive: bool, scope: &Scope<'_>) -> Value {
    let mut result = Some(!decisive);
    for part in parts {
        match truth_of(&evaluate(part, scope)) {
            Some(value) if value == decisive => return Value::Bool(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    truth(result)
}

/// Compares two values of types that go together; `None` if either is null.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        _ => numbers::compare(left, right),
    }
}

fn between(item: Value, low: &Expr, high: &Expr, scope: &Scope<'_>) -> Value {
    let above = compare(&item, &evaluate(low, scope)).map(Ordering::is_ge);
    let below = compare(&item, &evaluate(high, scope)).map(Ordering::is_le);
    truth(match (above, below) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    })
}

fn is_in(item: &Value, list: &[Expr], scope: &Scope<'_>) -> Value {
    let mut unknown = false;
    for one in list {
        match compare(item, &evaluate(one, scope)) {
            Some(Ordering::Equal) => return Value::Bool(true),
            Some(_) => {}
            None => unknown = true,
        }
    }
    truth(if unknown { None } else { Some(false) })
}

fn is_among(item: &Value, step: StepId, slot: SlotId, scope: &Scope<'_>) -> Value {
    let mut found = Some(false);
    each(step, scope, &mut |event| match compare(item, &event.slot(slot)) {
        Some(Ordering::Equal) => {
            found = Some(true);
            ControlFlow::Break(())
        }
        Some(_) => ControlFlow::Continue(()),
        None => {
            found = None;
            ControlFlow::Continue(())
        }
    });
    truth(found)
}

/// Visits the events of a step, the newest first.
fn each<'a>(step: StepId, scope: &Scope<'a>, visit: &mut dyn FnMut(&'a dyn Fields) -> ControlFlow<()>) {
    scope
        .held
        .walk(&mut |taken| if taken.step == step { visit(taken.event) } else { ControlFlow::Continue(()) });
}

fn held(step: StepId, pick: Pick, slot: SlotId, scope: &Scope<'_>) -> Value {
    let event = match pick {
        Pick::Here => here(step, scope),
        Pick::Last => nth_newest(step, 0, scope),
        Pick::First => oldest(step, scope),
        Pick::Nth(index) if index < 0 => nth_newest(step, index.unsigned_abs() - 1, scope),
        Pick::Nth(index) => {
            let count = count(step, scope);
            let from_end = count.checked_sub(index as u64 + 1);
            from_end.and_then(|index| nth_newest(step, index, scope))
        }
    };
    event.map_or(Value::Null, |event| event.slot(slot))
}

/// The event of a step in the current iteration of the innermost looped group around it.
fn here<'a>(step: StepId, scope: &Scope<'a>) -> Option<&'a dyn Fields> {
    let group = looped_group(step, scope.pattern);
    if group.is_some_and(|group| scope.entering.contains(&group)) {
        return None;
    }
    let mut found = None;
    scope.held.walk(&mut |taken| {
        if taken.step == step {
            found = Some(taken.event);
            return ControlFlow::Break(());
        }
        match group {
            Some(group) if taken.enters.contains(&group) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    found
}

fn looped_group(step: StepId, pattern: &Pattern) -> Option<GroupId> {
    let mut group = pattern.step(step).group;
    while let Some(id) = group {
        let info = &pattern.groups[id.0 as usize];
        if info.looped {
            return Some(id);
        }
        group = info.parent;
    }
    None
}

fn nth_newest<'a>(step: StepId, mut index: u64, scope: &Scope<'a>) -> Option<&'a dyn Fields> {
    let mut found = None;
    each(step, scope, &mut |event| {
        if index == 0 {
            found = Some(event);
            return ControlFlow::Break(());
        }
        index -= 1;
        ControlFlow::Continue(())
    });
    found
}

fn oldest<'a>(step: StepId, scope: &Scope<'a>) -> Option<&'a dyn Fields> {
    let mut found = None;
    each(step, scope, &mut |event| {
        found = Some(event);
        ControlFlow::Continue(())
    });
    found
}

fn count(step: StepId, scope: &Scope<'_>) -> u64 {
    let mut count = 0;
    each(step, scope, &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    count
}

fn is_taken(step: StepId, scope: &Scope<'_>) -> bool {
    // Inside a looped group the question is about this iteration; outside of any loop this is every event.
    if pick_is_here(step, scope) { here(step, scope).is_some() } else { nth_newest(step, 0, scope).is_some() }
}

/// Whether the run stands in the innermost looped group around a step, or is about to enter it.
fn pick_is_here(step: StepId, scope: &Scope<'_>) -> bool {
    let Some(group) = looped_group(step, scope.pattern) else { return false };
    let inside = |mut at: Option<GroupId>| {
        while let Some(id) = at {
            if id == group {
                return true;
            }
            at = scope.pattern.groups[id.0 as usize].parent;
        }
        false
    };
    let mut newest = None;
    scope.held.walk(&mut |taken| {
        newest = Some(taken.step);
        ControlFlow::Break(())
    });
    scope.candidate.is_some() && newest.is_some_and(|step| inside(scope.pattern.step(step).group))
}

fn aggregate(function: Aggregate, step: StepId, slot: Option<SlotId>, scope: &Scope<'_>) -> Value {
    let Some(slot) = slot else { return Value::Int(count(step, scope) as i64) };
    let mut values = Vec::new();
    each(step, scope, &mut |event| {
        let value = event.slot(slot);
        if !value.is_null() {
            values.push(value);
        }
        ControlFlow::Continue(())
    });
    // Oldest first, so that sums of floats do not depend on how the events are stored.
    values.reverse();
    let ty = scope.pattern.slots[slot.index()].ty;
    fold_values(function, &values, ty, scope.faults)
}

/// An aggregate of some values of one type, none of them null.
pub fn fold_values(function: Aggregate, values: &[Value], ty: Type, faults: &Faults) -> Value {
    match function {
        Aggregate::Count => Value::Int(values.len() as i64),
        Aggregate::Sum => numbers::sum(values, ty, faults),
        Aggregate::Avg => numbers::avg(values),
        Aggregate::Stddev => numbers::stddev(values),
        Aggregate::Min => extreme(values, Ordering::Less),
        Aggregate::Max => extreme(values, Ordering::Greater),
        Aggregate::Distinct => {
            let mut sorted: Vec<&Value> = values.iter().collect();
            let by_value = |left: &&Value, right: &&Value| compare(left, right).unwrap_or(Ordering::Equal);
            sorted.sort_unstable_by(by_value);
            sorted.dedup_by(|left, right| by_value(&&**left, &&**right).is_eq());
            Value::Int(sorted.len() as i64)
        }
    }
}

/// The first of the least or greatest of some values; null if one is null or there is none.
pub(super) fn extreme(values: &[Value], wanted: Ordering) -> Value {
    let mut values = values.iter();
    let Some(mut best) = values.next() else { return Value::Null };
    for value in values {
        match compare(value, best) {
            Some(ordering) if ordering == wanted => best = value,
            Some(_) => {}
            None => return Value::Null,
        }
    }
    best.clone()
}

#[cfg(test)]
mod tests;
