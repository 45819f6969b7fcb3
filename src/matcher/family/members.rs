//! Which patterns are a family.

use std::sync::Arc;

use super::{POSITIONS_MAX, RULES_MAX};
use crate::event::{PatternId, SlotId, StepId};
use crate::lang::hir::{CompareOp, Expr, Mode, Pattern, Skip, Word};
use crate::matcher::Plan;
use crate::matcher::capture::Layout;
use crate::matcher::linear::{Linear, check_clauses};
use crate::matcher::predicates::{in_units, mirrored};

/// Fewer patterns than this are better off alone.
pub const RULES_MIN: usize = 3;

/// Patterns that differ only in the numbers they compare with, and in what they emit.
#[derive(Debug)]
pub struct Family {
    /// The patterns.
    pub rules: Vec<PatternId>,
    /// A pattern that every event fits which fits one of them.
    pub loosest: Arc<Plan>,
    /// The step of each position.
    pub(super) steps: Vec<StepId>,
    /// What is asked of the events of each position.
    pub(super) positions: Vec<Vec<Test>>,
}

/// A comparison of a field with a number.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Test {
    pub(super) slot: SlotId,
    pub(super) op: CompareOp,
    /// By rule, in units of the field.
    pub(super) thresholds: Vec<i64>,
}

/// A pattern that may be of a family: its shape as text, and its numbers in the order of the shape.
struct Member {
    shape: String,
    steps: Vec<StepId>,
    tests: Vec<Vec<Test>>,
}

/// A pattern, and what it is in a family.
type Entry = (Arc<Plan>, Member);

/// The families of at least `least` among some patterns, and the patterns that are in none.
pub fn families(plans: &[Arc<Plan>], least: usize) -> (Vec<Family>, Vec<Arc<Plan>>) {
    let mut groups: Vec<(String, Vec<Entry>)> = Vec::new();
    let mut alone = Vec::new();
    for plan in plans {
        let Some(member) = member(plan) else {
            alone.push(Arc::clone(plan));
            continue;
        };
        let is_open =
            |(shape, members): &&mut (String, Vec<_>)| *shape == member.shape && members.len() < RULES_MAX;
        match groups.iter_mut().find(is_open) {
            Some((_, members)) => members.push((Arc::clone(plan), member)),
            None => groups.push((member.shape.clone(), vec![(Arc::clone(plan), member)])),
        }
    }
    let mut families = Vec::new();
    for (_, members) in groups {
        if members.len() < least {
            alone.extend(members.into_iter().map(|(plan, _)| plan));
        } else {
            families.push(family(&members));
        }
    }
    alone.sort_by_key(|plan| plan.pattern.id);
    (families, alone)
}

/// What a pattern is in a family, if it can be in one.
fn member(plan: &Arc<Plan>) -> Option<Member> {
    let pattern = &plan.pattern;
    check_clauses(plan).ok()?;
    if plan.pattern.limit.is_some() {
        return None;
    }
    let linear = Linear::of(plan).ok()?;
    let is_plain = |position: usize| {
        let link = &linear.links[position];
        (position == 0 || link.word == Word::Then)
            && link.absences.is_empty()
            && link.held_conditions.is_empty()
    };
    let is_chain = (2..=POSITIONS_MAX).contains(&linear.links.len())
        && linear.wait.is_none()
        && (0..linear.links.len()).all(is_plain);
    let is_open = pattern.mode == Mode::All
        && pattern.skip == Skip::None
        && pattern.timeout_emits.is_empty()
        && pattern.tally.is_none();
    if !is_chain || !is_open || pattern.within.is_none() || pattern.steps.iter().any(|step| step.absent) {
        return None;
    }
    Layout::of(pattern)?;
    let steps: Vec<StepId> = linear.links.iter().map(|link| link.step).collect();
    let tests: Option<Vec<Vec<Test>>> = steps.iter().map(|step| tests(pattern, *step)).collect();
    let tests = tests.filter(|tests| tests.iter().all(|tests| !tests.is_empty()))?;
    // Rules that ask for different values have few events in common, and are better off apart.
    let shared = |test: &Test| match test.op {
        CompareOp::Equal | CompareOp::NotEqual => Some(test.thresholds[0]),
        _ => None,
    };
    let asked = |test: &Test| (test.slot, test.op, shared(test));
    let asked = tests.iter().map(|tests| tests.iter().map(asked).collect::<Vec<_>>());
    let taken: Vec<_> = pattern.steps.iter().map(|step| &step.sources).collect();
    let shape = format!(
        "{:?} {:?} {:?} {:?} {taken:?} {steps:?} {:?} {:?} {}",
        pattern.sources,
        pattern.keys,
        pattern.slots,
        pattern.within,
        asked.collect::<Vec<_>>(),
        Layout::of(pattern),
        pattern.drains,
    );
    Some(Member { shape, steps, tests })
}

/// The comparisons with numbers that a step consists of; `None` if there is anything else.
fn tests(pattern: &Pattern, step: StepId) -> Option<Vec<Test>> {
    let mut tests = Vec::new();
    for part in &pattern.step(step).conditions {
        let Expr::Compare(op, left, right) = &part.expr else { return None };
        let (slot, op, value) = match (&**left, &**right) {
            (Expr::Field(slot), Expr::Const(value)) => (*slot, *op, value),
            (Expr::Const(value), Expr::Field(slot)) => (*slot, mirrored(*op), value),
            _ => return None,
        };
        let threshold = in_units(value, pattern.slots[slot.index()].ty)?;
        tests.push(Test { slot, op, thresholds: vec![threshold] });
    }
    Some(tests)
}

fn family(members: &[Entry]) -> Family {
    let (first, member) = &members[0];
    let mut positions = member.tests.clone();
    for (_, other) in &members[1..] {
        for (tests, others) in positions.iter_mut().zip(&other.tests) {
            for (test, other) in tests.iter_mut().zip(others) {
                test.thresholds.extend(&other.thresholds);
            }
        }
    }
    Family {
        rules: members.iter().map(|(plan, _)| plan.pattern.id).collect(),
        loosest: loosest(first, &member.steps, members),
        steps: member.steps.clone(),
        positions,
    }
}

/// The first member with, at each step, the condition that is the easiest to meet.
fn loosest(first: &Plan, steps: &[StepId], members: &[Entry]) -> Arc<Plan> {
    let mut pattern = first.pattern.clone();
    for (position, step) in steps.iter().enumerate() {
        let at = step.index();
        for index in 0..pattern.steps[at].conditions.len() {
            let test = |member: &Member| member.tests[position][index].clone();
            let op = test(&members[0].1).op;
            let threshold = |(_, member): &&Entry| test(member).thresholds[0];
            let (plan, _) = match op {
                CompareOp::Less | CompareOp::LessEqual => members.iter().max_by_key(threshold),
                CompareOp::Greater | CompareOp::GreaterEqual => members.iter().min_by_key(threshold),
                CompareOp::Equal | CompareOp::NotEqual => members.first(),
            }
            .expect("a family has members");
            pattern.steps[at].conditions[index].expr = plan.pattern.steps[at].conditions[index].expr.clone();
        }
    }
    Arc::new(Plan { pattern, automaton: first.automaton.clone() })
}
