//! Patterns without a fork: one position after another.
//!
//! Most rules that people write are a chain: this, then that, then that, perhaps with something that must not come in
//! between or at the end. Their automaton has one way out of every position, so a run is at most one per first event,
//! and the specialised executors can do with far less than an object per run.

use std::sync::Arc;

use super::predicates::mirrored;
use super::{Plan, Refused};
use crate::event::{SlotId, StepId, Type};
use crate::lang::hir::{CompareOp, Expr, Greed, GroupId, Mode, Pick, Word};
use crate::nfa::{LoopId, Position, Wait, Way};
use crate::time::Duration;

/// The most positions of a chain: a bit of a word for each, and one for the end.
pub(super) const POSITIONS_MAX: usize = 63;

/// A chain of positions.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) links: Vec<Link>,
    /// What must not come after the last event.
    pub(super) wait: Option<Wait>,
}

/// A position of a chain, and the way to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) step: StepId,
    /// How it is reached from the position before; of the first it says nothing.
    pub(super) word: Word,
    /// What ends a run that waits for it.
    pub(super) absences: Vec<StepId>,
    /// Whether its step has conditions that read what the run holds, and of these only some: a loop's own events are
    /// not looked at by the first of them.
    pub(super) held_conditions: Vec<usize>,
    /// The groups of which its event begins an iteration.
    pub(super) enters: Vec<GroupId>,
    /// Its event comes less than so long after that of a link before: `gap`, and windows of groups.
    pub(super) windows: Vec<(usize, Duration)>,
}

impl Linear {
    /// The chain that a pattern is, without `gap` and windows of groups.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub(super) fn of(plan: &Arc<Plan>) -> Result<Linear, Refused> {
        if !plan.automaton.leading.is_empty() {
            return refused("an absence before the first step looks back");
        }
        let linear = Linear::with_windows(plan)?;
        if linear.links.iter().all(|link| link.windows.is_empty()) {
            Ok(linear)
        } else {
            refused("`gap`, or the window of a group, ends runs one by one")
        }
    }

    /// The chain that a pattern is, whatever comes before it.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub(super) fn with_windows(plan: &Arc<Plan>) -> Result<Linear, Refused> {
        let automaton = &plan.automaton;
        if plan.pattern.groups.iter().any(|group| group.until.is_some()) {
            return refused("`until` of a group");
        }
        let mut links: Vec<Link> = Vec::new();
        let mut ways = &automaton.start;
        let mut from: Option<&Position> = None;
        loop {
            let way = match (ways.as_slice(), from.and_then(|position| position.end.as_ref())) {
                ([way], None) => way,
                ([], Some(end)) if end.next.is_empty() && end.waits.len() <= 1 => {
                    let wait = end.waits.first().copied();
                    return Ok(Linear { links, wait });
                }
                ([], Some(_)) => return refused("more than one absence at the end, or a `next not`"),
                _ => return refused("several events can come next at one place"),
            };
            if links.len() == POSITIONS_MAX {
                return refused("it has more than 63 positions");
            }
            let [target] = way.targets.as_slice() else { return refused("a choice of branches") };
            check_way(plan, way)?;
            let position = automaton.position(*target);
            if from.is_some_and(|from| !from.next_absences.is_empty()) {
                return refused("`next not`");
            }
            links.push(link(plan, position, way, from, &links));
            from = Some(position);
            ways = &position.ways;
        }
    }
}

impl Linear {
    /// The distinct steps, each with the links that take its events, a bit for each.
    pub(super) fn steps(&self) -> Vec<(StepId, u64)> {
        let mut steps: Vec<(StepId, u64)> = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            match steps.iter_mut().find(|(step, _)| *step == link.step) {
                Some((_, links)) => *links |= 1 << index,
                None => steps.push((link.step, 1 << index)),
            }
        }
        steps
    }

    /// The link that took the event which a condition of link `at` picks. `None` where none did, or where it depends on
    /// the iteration of a group.
    pub(super) fn picked(&self, plan: &Plan, at: usize, step: StepId, pick: Pick) -> Option<usize> {
        let taken = self.links[..at].iter().enumerate().filter(|(_, link)| link.step == step);
        let mut taken = taken.map(|(index, _)| index);
        match pick {
            Pick::Here if is_in_a_loop(plan, step) => None,
            Pick::Here | Pick::Last => taken.next_back(),
            Pick::First => taken.next(),
            Pick::Nth(index) if index < 0 => taken.nth_back(usize::try_from(index.unsigned_abs() - 1).ok()?),
            Pick::Nth(index) => taken.nth(usize::try_from(index).ok()?),
        }
    }
}

/// Whether the words that two fields are captured as can be compared, and if so, whether they are texts. Otherwise they
/// are whole numbers of one type.
pub(super) fn words_are_texts(plan: &Plan, left: SlotId, right: SlotId) -> Option<bool> {
    let ty = |slot: SlotId| plan.pattern.slots[slot.index()].ty;
    match (ty(left), ty(right)) {
        (Type::String, Type::String) => Some(true),
        (Type::Int | Type::Decimal(_) | Type::Timestamp | Type::Duration, right) if ty(left) == right => {
            Some(false)
        }
        _ => None,
    }
}

/// A comparison of a field of the candidate with one of an event that is held.
pub(super) struct Comparison {
    pub(super) op: CompareOp,
    pub(super) candidate: SlotId,
    pub(super) step: StepId,
    pub(super) pick: Pick,
    pub(super) held: SlotId,
}

impl Comparison {
    /// A condition as a comparison with an event that is held, if it is one.
    pub(super) fn of(expr: &Expr) -> Option<Comparison> {
        let Expr::Compare(op, left, right) = expr else { return None };
        match (&**left, &**right) {
            (Expr::Field(slot), Expr::Held { step, pick, slot: held }) => {
                Some(Comparison { op: *op, candidate: *slot, step: *step, pick: *pick, held: *held })
            }
            (Expr::Held { step, pick, slot: held }, Expr::Field(slot)) => Some(Comparison {
                op: mirrored(*op),
                candidate: *slot,
                step: *step,
                pick: *pick,
                held: *held,
            }),
            _ => None,
        }
    }
}

/// Whether a looped group is around a step.
fn is_in_a_loop(plan: &Plan, step: StepId) -> bool {
    let groups = &plan.pattern.groups;
    let around = |group: &GroupId| groups[group.0 as usize].parent;
    std::iter::successors(plan.pattern.step(step).group, around).any(|group| groups[group.0 as usize].looped)
}

fn check_way(plan: &Plan, way: &Way) -> Result<(), Refused> {
    let is_even = |id: &LoopId| {
        let one = plan.automaton.loop_(*id);
        one.until.is_none() && one.greed == Greed::Even
    };
    if !way.takes.iter().chain(&way.leaves).all(is_even) {
        return refused("`until`, `greedy` or `lazy`");
    }
    Ok(())
}

/// What bounds the time of a link by the time of those before.
fn windows(plan: &Plan, position: &Position, way: &Way, before: &[Link]) -> Vec<(usize, Duration)> {
    let Some(last) = before.len().checked_sub(1) else { return Vec::new() };
    let groups = &plan.pattern.groups;
    let around = |group: &GroupId| groups[group.0 as usize].parent;
    let around = std::iter::successors(plan.pattern.step(position.step).group, around);
    let of_group = |group: GroupId| {
        let within = groups[group.0 as usize].within?;
        Some((before.iter().rposition(|link| link.enters.contains(&group))?, within))
    };
    let begun = around.filter(|group| !way.enters.contains(group));
    begun.filter_map(of_group).chain(way.gap.map(|gap| (last, gap))).collect()
}

fn link(plan: &Plan, position: &Position, way: &Way, from: Option<&Position>, before: &[Link]) -> Link {
    let is_repeated = before.iter().any(|link| link.step == position.step);
    let conditions = plan.pattern.step(position.step).conditions.iter().enumerate();
    let binds = conditions.filter(|(_, part)| !part.local && (is_repeated || !part.waived_while_empty));
    Link {
        step: position.step,
        word: way.word,
        absences: from.map_or_else(Vec::new, |from| from.absences.clone()),
        held_conditions: binds.map(|(index, _)| index).collect(),
        enters: way.enters.clone(),
        windows: windows(plan, position, way, before),
    }
}

/// What every executor for chains asks of a pattern beside its shape.
///
/// # Errors
///
/// What it has that is not supported.
pub(super) fn check_clauses(plan: &Plan) -> Result<(), Refused> {
    let pattern = &plan.pattern;
    if pattern.having.is_some() {
        return refused("`having` is asked of every run");
    }
    if pattern.keep.is_some() {
        return refused("`keep` counts the starts of a key");
    }
    if pattern.mode == Mode::Longest {
        return refused("`match longest` compares runs");
    }
    Ok(())
}

/// Whether the conditions of every absence read the candidate alone.
pub(super) fn absences_are_local(plan: &Plan, steps: impl IntoIterator<Item = StepId>) -> bool {
    steps.into_iter().all(|step| plan.pattern.step(step).conditions.iter().all(|part| part.local))
}

/// How long a run lives at most, where the pattern says so.
pub(super) fn lifetime(plan: &Plan, linear: &Linear) -> Option<Duration> {
    match (plan.pattern.within, linear.wait.and_then(|wait| wait.wait)) {
        (Some(within), Some(wait)) => Some(Duration::from_micros(within.micros() + wait.micros())),
        (Some(within), None) => Some(within),
        (None, Some(wait)) if linear.links.len() == 1 => Some(wait),
        (None, None) if linear.links.len() == 1 => Some(Duration::ZERO),
        (None, _) => None,
    }
}

pub(super) fn refused<T>(reason: &str) -> Result<T, Refused> {
    Err(Refused(reason.to_owned()))
}
