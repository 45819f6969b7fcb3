//! What costs something for each open start, in words for `ensue explain`.

use super::reads::reads_held;
use super::shape::loop_of;
use crate::event::StepId;
use crate::lang::hir::{Conjunct, Expr, Node, Pattern};
use crate::matcher::Plan;

/// What an event of a pattern is asked for each open start, and what would make it cheaper.
pub(in crate::matcher) fn advice(plan: &Plan) -> Vec<String> {
    let pattern = &plan.pattern;
    let repeated = loop_of(plan).and_then(|at| match &pattern.body[at] {
        Node::Step(step) => Some(step.step),
        _ => None,
    });
    let mut advice = Vec::new();
    for (at, step) in pattern.steps.iter().enumerate().filter(|(_, step)| !step.absent) {
        for part in step.conditions.iter().filter(|part| !part.local && reads_held(&part.expr)) {
            advice.push(of_condition(pattern, StepId(at as u32), part, repeated));
        }
    }
    advice
}

fn of_condition(pattern: &Pattern, step: StepId, part: &Conjunct, repeated: Option<StepId>) -> String {
    let (text, name) = (&part.text, &pattern.step(step).name);
    if repeated == Some(step) {
        return format!(
            "`{text}` gives each start a `{name}` of its own: an event of it costs something for each open start; \
             a condition on the event alone would have them share one"
        );
    }
    let mut steps = vec![step];
    steps_read(&part.expr, &mut steps);
    let before = repeated.filter(|repeated| steps.contains(repeated));
    match before {
        Some(before) => format!(
            "`{text}` is asked for each open start and length of `{}`, when an event meets the rest of `{name}`: \
             the less often that is, the better",
            pattern.step(before).name
        ),
        None => format!(
            "`{text}` compares {} steps, so it is asked of each open start that waits for `{name}`, when an event \
             meets the rest of it",
            ["no", "its own", "two", "three", "four"].get(steps.len()).copied().unwrap_or("many")
        ),
    }
}

/// Adds the steps whose events an expression reads.
fn steps_read(expr: &Expr, into: &mut Vec<StepId>) {
    let read = match expr {
        Expr::Held { step, .. }
        | Expr::IsTaken(step)
        | Expr::Aggregate { step, .. }
        | Expr::IsAmong { step, .. } => Some(*step),
        _ => None,
    };
    into.extend(read.filter(|step| !into.contains(step)));
    expr.for_each_part(&mut |part| steps_read(part, into));
}
