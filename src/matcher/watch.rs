//! What of a pattern some events reach: who runs the [oracle](super::oracle) may have it noted.
//!
//! A pattern is a list of [`Point`]s, each something that a rule's author decided and that events can show: a step is
//! taken, a part of a condition lets an event in or keeps it out, a window closes. The oracle tells a [`Watch`] what
//! happens as it happens, so what is noted is what the definition does, and no second reading of it. What each point
//! means exactly is in `docs/testing.md`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::{Found, Kind, Order, Plan};
use crate::event::StepId;
use crate::lang::hir::{GroupId, Node, Pattern, Repeat};
use crate::nfa::Way;

/// Something about a pattern that events can show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Point {
    /// A source's `where` lets an event in. The index is that of the source.
    FilterMet(usize),
    /// A source's `where` keeps an event out.
    FilterRefuses(usize),
    /// A run takes an event of a step.
    Taken(StepId),
    /// A part of a step's condition is true.
    Met(StepId, usize),
    /// A part of a step's condition is not true, and all other parts are: it alone keeps the event out.
    Refuses(StepId, usize),
    /// A match holds as few events of a step as it may.
    Fewest(StepId),
    /// A match holds more of a step than it must, and more than one.
    More(StepId),
    /// A match has as few rounds of a group as it may. Groups are counted in the order written.
    FewestRounds(usize),
    /// A match has more rounds of a group than it must, and more than one.
    MoreRounds(usize),
    /// An `until` ends the loop of a step.
    Until(StepId),
    /// An `until` ends the rounds of a group.
    GroupUntil(usize),
    /// An event ends a run because it is of this absence.
    Broken(StepId),
    /// A `gap` ends a wait for a step before the input ends.
    Gap(StepId),
    /// The window of a group ends a wait before the input ends.
    GroupWindow(usize),
    /// The window ends a run before the input ends.
    Window,
    /// `having` is true of what would be a match, or a record of a tally.
    HavingMet,
    /// `having` is not true of it.
    HavingRefuses,
    /// A match, or a record of a tally, comes out.
    Match,
    /// A timeout comes out.
    Timeout,
    /// `limit` keeps a match back.
    Limited,
}

/// What ends a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    Gap,
    Group(GroupId),
    Window,
}

/// An event that a run holds, as far as it matters here.
pub(super) struct HeldStep<'a> {
    pub(super) step: StepId,
    pub(super) order: Order,
    pub(super) enters: &'a [GroupId],
}

/// The events of a match, which tell it from others.
type Events = Vec<(StepId, Order)>;

/// How far events came with a step.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reached {
    /// Whether an event was ever looked at for it: of a step behind others, whether a run stood before it.
    pub is_offered: bool,
    /// The most events of it in one run.
    pub most: usize,
}

/// The points of a pattern, and which of them were seen.
#[derive(Debug)]
pub struct Watch {
    points: BTreeMap<Point, Cell<bool>>,
    /// For each looped or windowed group its number in the order written.
    groups: Vec<usize>,
    /// Whether matches are told together, so that a match alone does not come out.
    is_tallied: bool,
    /// For each step what it was offered, and the most events of it that a run had.
    reached: Vec<Cell<Reached>>,
    /// What complete runs show, by what they hold, until it is known which of them come out.
    complete: RefCell<BTreeMap<Events, Vec<Point>>>,
}

impl Watch {
    /// A watch over a pattern that has seen nothing.
    pub fn of(plan: &Plan) -> Watch {
        let pattern = &plan.pattern;
        let mut points: Vec<Point> = Vec::new();
        for (at, source) in pattern.sources.iter().enumerate() {
            if source.filter.is_some() {
                points.extend([Point::FilterMet(at), Point::FilterRefuses(at)]);
            }
        }
        for (at, step) in pattern.steps.iter().enumerate() {
            let id = StepId(at as u32);
            points.push(if step.absent { Point::Broken(id) } else { Point::Taken(id) });
            let parts = 0..step.conditions.len();
            points.extend(parts.flat_map(|part| [Point::Met(id, part), Point::Refuses(id, part)]));
        }
        let mut groups = vec![0; pattern.groups.len()];
        add_nodes(pattern, &pattern.body, &mut 0, &mut groups, &mut points);
        let ways = || plan.automaton.positions.iter().flat_map(|position| &position.ways);
        let behind = |way: &Way| plan.automaton.position(way.targets[0]).step;
        points.extend(ways().filter(|way| way.gap.is_some()).map(|way| Point::Gap(behind(way))));
        points.extend(pattern.within.filter(|_| ways().next().is_some()).map(|_| Point::Window));
        let tally = pattern.tally.as_ref();
        if pattern.having.is_some() || tally.is_some_and(|tally| tally.having.is_some()) {
            points.extend([Point::HavingMet, Point::HavingRefuses]);
        }
        points.extend(pattern.limit.map(|_| Point::Limited));
        points.push(Point::Match);
        points.extend((!pattern.timeout_emits.is_empty()).then_some(Point::Timeout));
        let points = points.into_iter().map(|point| (point, Cell::new(false))).collect();
        let reached = vec![Cell::default(); pattern.steps.len()];
        Watch { points, groups, is_tallied: tally.is_some(), reached, complete: RefCell::default() }
    }

    /// Every point, and whether it was seen.
    pub fn points(&self) -> impl Iterator<Item = (Point, bool)> + '_ {
        self.points.iter().map(|(point, seen)| (*point, seen.get()))
    }

    /// How far events came with a step.
    pub fn reached(&self, step: StepId) -> Reached {
        self.reached[step.index()].get()
    }

    /// A run took an event of a step, of which it now has so many.
    pub(super) fn took(&self, step: StepId, count: usize) {
        self.see(Point::Taken(step));
        let reached = &self.reached[step.index()];
        reached.set(Reached { most: reached.get().most.max(count), ..reached.get() });
    }

    /// Notes a point. What is none of the pattern's is passed over.
    pub fn see(&self, point: Point) {
        if let Some(seen) = self.points.get(&point) {
            seen.set(true);
        }
    }

    /// A source's `where` was asked.
    pub fn filtered(&self, source: usize, is_met: bool) {
        self.see(if is_met { Point::FilterMet(source) } else { Point::FilterRefuses(source) });
    }

    /// Matches were put together to a record of a tally, which comes out if it meets `having`.
    pub fn tallied(&self, has_having: bool, is_met: bool) {
        if has_having {
            self.asked_having(is_met);
        }
        if is_met {
            self.see(Point::Match);
        }
    }

    /// `having` was asked.
    pub fn asked_having(&self, is_met: bool) {
        self.see(if is_met { Point::HavingMet } else { Point::HavingRefuses });
    }

    /// A step was asked about an event: for each part of its condition whether it is true, `None` where it does not
    /// bind.
    pub(super) fn offered(&self, step: StepId, parts: &[Option<bool>]) {
        let reached = &self.reached[step.index()];
        reached.set(Reached { is_offered: true, ..reached.get() });
        let refusing = || parts.iter().enumerate().filter(|(_, part)| **part == Some(false));
        for (at, _) in parts.iter().enumerate().filter(|(_, part)| **part == Some(true)) {
            self.see(Point::Met(step, at));
        }
        if let (Some((alone, _)), 1) = (refusing().next(), refusing().count()) {
            self.see(Point::Refuses(step, alone));
        }
    }

    /// A wait for a step was ended by time.
    pub(super) fn ended(&self, step: StepId, by: Ending) {
        self.see(match by {
            Ending::Gap => Point::Gap(step),
            Ending::Group(id) => Point::GroupWindow(self.groups[id.0 as usize]),
            Ending::Window => Point::Window,
        });
    }

    /// A group's `until` was met.
    pub(super) fn ended_group(&self, id: GroupId) {
        self.see(Point::GroupUntil(self.groups[id.0 as usize]));
    }

    /// A run is complete. Whether it comes out is not known yet.
    pub(super) fn completed(&self, pattern: &Pattern, held: &[HeldStep<'_>]) {
        let mut shown = Vec::new();
        count(&pattern.body, held, &mut 0, &mut shown);
        if !shown.is_empty() {
            let events = held.iter().map(|held| (held.step, held.order)).collect();
            self.complete.borrow_mut().insert(events, shown);
        }
    }

    /// Something comes out.
    pub(super) fn came_out(&self, found: &Found) {
        if found.kind == Kind::Timeout {
            return self.see(Point::Timeout);
        }
        if !self.is_tallied {
            self.see(Point::Match);
        }
        let events: Events = found.events.iter().map(|(step, event)| (*step, event.order())).collect();
        if let Some(shown) = self.complete.borrow().get(&events) {
            shown.iter().for_each(|point| self.see(*point));
        }
    }

    /// A key is done: what was complete and did not come out does not count.
    pub(super) fn forget(&self) {
        self.complete.borrow_mut().clear();
    }
}

/// Whether a repetition may be more than it must.
fn varies(repeat: Repeat) -> bool {
    repeat.max != Some(repeat.min)
}

/// Adds the points of a body's repetitions and their ends. `number` counts groups.
fn add_nodes(
    pattern: &Pattern,
    body: &[Node],
    number: &mut usize,
    groups: &mut [usize],
    points: &mut Vec<Point>,
) {
    for node in body {
        match node {
            Node::Absence(_) | Node::Choice(_) => {}
            Node::Step(node) => {
                if varies(node.repeat) {
                    points.push(Point::Fewest(node.step));
                    // Of an optional step that is that it is taken.
                    points.extend(node.repeat.loops().then_some(Point::More(node.step)));
                }
                points.extend(node.until.as_ref().map(|_| Point::Until(node.step)));
            }
            Node::Group(node) => {
                let at = *number;
                *number += 1;
                if varies(node.repeat) {
                    points.push(Point::FewestRounds(at));
                    points.extend(node.repeat.loops().then_some(Point::MoreRounds(at)));
                }
                if let Some(id) = node.group {
                    groups[id.0 as usize] = at;
                    let info = &pattern.groups[id.0 as usize];
                    points.extend(info.until.as_ref().map(|_| Point::GroupUntil(at)));
                    points.extend(info.within.map(|_| Point::GroupWindow(at)));
                }
                add_nodes(pattern, &node.body, number, groups, points);
            }
        }
    }
}

/// What a complete run, or one round of a group, shows of how often something was taken.
fn count(body: &[Node], held: &[HeldStep<'_>], number: &mut usize, shown: &mut Vec<Point>) {
    for node in body {
        match node {
            Node::Step(node) if varies(node.repeat) => {
                let count = held.iter().filter(|held| held.step == node.step).count();
                let (is_fewest, is_more) = judged(node.repeat, count);
                shown.extend(is_fewest.then_some(Point::Fewest(node.step)));
                shown.extend(is_more.then_some(Point::More(node.step)));
            }
            Node::Step(_) | Node::Absence(_) | Node::Choice(_) => {}
            Node::Group(node) => {
                let at = *number;
                *number += 1;
                let rounds = rounds(&node.body, node.group, held);
                if varies(node.repeat) {
                    let (is_fewest, is_more) = judged(node.repeat, rounds.len());
                    shown.extend(is_fewest.then_some(Point::FewestRounds(at)));
                    shown.extend(is_more.then_some(Point::MoreRounds(at)));
                }
                let inside = *number;
                *number += groups_in(&node.body);
                for round in rounds {
                    count(&node.body, round, &mut inside.clone(), shown);
                }
            }
        }
    }
}

/// Whether a count is as few as may be, and whether it is more than must be: of what may be left out, more than one.
fn judged(repeat: Repeat, count: usize) -> (bool, bool) {
    let min = repeat.min as usize;
    (count <= min, count > min.max(1))
}

/// The rounds of a group: slices of what is held.
fn rounds<'h, 'a>(
    body: &[Node],
    group: Option<GroupId>,
    held: &'h [HeldStep<'a>],
) -> Vec<&'h [HeldStep<'a>]> {
    let mut steps = Vec::new();
    steps_of(body, &mut steps);
    let is_inside = |held: &HeldStep<'_>| steps.contains(&held.step);
    let Some(first) = held.iter().position(is_inside) else { return Vec::new() };
    let end = held.iter().rposition(is_inside).map_or(first, |last| last + 1);
    let inside = &held[first..end];
    let Some(group) = group else { return vec![inside] };
    let mut starts: Vec<usize> = (0..inside.len()).filter(|at| inside[*at].enters.contains(&group)).collect();
    starts.push(inside.len());
    starts.windows(2).map(|pair| &inside[pair[0]..pair[1]]).collect()
}

fn steps_of(body: &[Node], steps: &mut Vec<StepId>) {
    for node in body {
        match node {
            Node::Step(node) => steps.push(node.step),
            Node::Absence(_) => {}
            Node::Choice(node) => steps.extend(&node.branches),
            Node::Group(node) => steps_of(&node.body, steps),
        }
    }
}

fn groups_in(body: &[Node]) -> usize {
    let inside = |node: &Node| match node {
        Node::Group(node) => 1 + groups_in(&node.body),
        _ => 0,
    };
    body.iter().map(inside).sum()
}
