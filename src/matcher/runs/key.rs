//! The runs of one key.

use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::LocalFits;
use super::run::{Pending, Run};
use super::select::{HeldBack, Selection};
use crate::event::{StepId, Value};
use crate::lang::hir::{Greed, GroupId, Word};
use crate::matcher::{
    Arrival, Bound, Bounds, Cut, Event, Faults, Fields, Found, Held, Kind, Nothing, Order, Plan, Scope,
    is_true,
};
use crate::nfa::{LoopId, PositionId, Way};
use crate::time::{Duration, EventTime};

/// What is the same for all runs of a key.
pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) bounds: &'a Bounds,
    pub(super) keys: &'a [Value],
    pub(super) faults: &'a Faults,
}

impl Context<'_> {
    fn is_true(
        &self,
        expr: &crate::lang::hir::Expr,
        candidate: Option<&dyn Fields>,
        held: &dyn Held,
        entering: &[GroupId],
    ) -> bool {
        let Context { plan, keys, faults, .. } = self;
        is_true(expr, &Scope { pattern: &plan.pattern, candidate, held, entering, keys, faults })
    }
}

/// An event under way: looked at as it arrived, made only once a run takes it.
struct Offer<'a> {
    arrival: &'a dyn Arrival,
    local: &'a LocalFits,
    made: OnceCell<Arc<Event>>,
}

impl Offer<'_> {
    fn event(&self) -> &Arc<Event> {
        self.made.get_or_init(|| Arc::new(self.arrival.to_event()))
    }
}

/// The state of one key under one pattern.
#[derive(Debug, Default)]
pub(super) struct KeyRuns {
    pub(super) runs: Vec<Run>,
    /// Earlier events that an absence before the first step may look back at.
    pub(super) history: VecDeque<Arc<Event>>,
    pub(super) selection: Selection,
    /// The earliest deadline of the runs.
    pub(super) deadline: Option<EventTime>,
}

impl KeyRuns {
    pub(super) fn run_count(&self) -> u64 {
        self.runs.len() as u64
    }

    /// Bytes, about: runs with a node and an event each.
    pub(super) fn bytes(&self) -> u64 {
        const RUN_BYTES: usize = size_of::<Run>() + 200;
        (size_of::<KeyRuns>() + self.runs.len() * RUN_BYTES + self.history.len() * 120) as u64
    }

    pub(super) fn take_found(&mut self) -> impl Iterator<Item = Found> + '_ {
        self.selection.out.drain(..)
    }

    /// Matches suppressed and starts dropped since the last call.
    pub(super) fn take_held_back(&mut self) -> HeldBack {
        self.selection.take_held_back()
    }

    /// When time alone next changes something, the forgetting of history and limits included.
    pub(super) fn next_deadline(&self, plan: &Plan) -> Option<EventTime> {
        let history =
            self.history.back().zip(longest_leading(plan)).map(|(event, wait)| event.time.plus(wait));
        // Where event time has ended there is nothing left to forget for.
        let forgets = [history, self.selection.forgets_at(plan)].into_iter().flatten();
        forgets.filter(|at| *at < EventTime::END).chain(self.deadline).min()
    }

    /// Whether nothing would be lost if the key were forgotten.
    pub(super) fn is_idle(&self, plan: &Plan) -> bool {
        self.runs.is_empty() && self.history.is_empty() && self.selection.is_idle(plan)
    }

    /// Takes an event; deadlines up to its time fire first.
    pub(super) fn event(
        &mut self,
        context: &Context<'_>,
        local: &LocalFits,
        arrival: &dyn Arrival,
    ) -> Result<(), (Bound, u64)> {
        self.advance(context, arrival.time());
        self.selection.next_moment();
        let offer = Offer { arrival, local, made: OnceCell::new() };
        let mut made = Vec::new();
        let mut completed = Vec::new();
        let selection = &mut self.selection;
        self.runs.retain_mut(|run| {
            let is_ended = offer_to_run(context, run, &offer, &mut made, &mut completed);
            let lives = !is_ended && run.is_alive();
            if !lives {
                selection.run_ended(run.start);
            }
            lives
        });
        let mut started = Vec::new();
        if !context.plan.pattern.drains {
            take_ways(context, None, &context.plan.automaton.start, &offer, &Broken::default(), &mut started);
        }
        started.retain(|run| !self.is_preceded(context, run));
        made.append(&mut started);
        for mut run in made {
            self.begin(context, &mut run, &offer, &mut completed);
            if run.is_alive() {
                self.selection.run_began(context.plan, run.start);
                self.runs.push(run);
            }
        }
        self.remember(context, &offer);
        let newest = offer.made.get().map(|event| event.order());
        self.selection.keep(context.plan, &mut self.runs, newest)?;
        self.selection.bound(context.bounds, &mut self.runs)?;
        self.settle(context, arrival.time(), completed, Vec::new());
        Ok(())
    }

    /// Brings a run that the event made to life: window, waits, and whether it is complete at once.
    fn begin(&mut self, context: &Context<'_>, run: &mut Run, offer: &Offer<'_>, completed: &mut Vec<Found>) {
        let now = offer.arrival.time();
        let Plan { pattern, automaton } = context.plan;
        run.window_end = pattern.within.map(|within| run.start.time.plus(within));
        if let Some(end) = &automaton.position(run.position).end {
            if end.is_immediate() {
                if meets_having(context, run) {
                    completed.push(run.found(Kind::Match, now));
                }
            } else {
                let until = |wait: Option<Duration>| match wait {
                    Some(wait) => now.plus(wait),
                    None => run.window_end.expect("the checker asks for a window"),
                };
                let waits = end.waits.iter().map(|wait| (wait.step, until(wait.wait))).collect();
                run.pending = Some(Box::new(Pending { waits, is_next: !end.next.is_empty() }));
            }
        }
        run.deadline = deadline(context.plan, run);
    }

    /// Keeps the event, if an absence before the first step may look back at it.
    fn remember(&mut self, context: &Context<'_>, offer: &Offer<'_>) {
        let Some(longest) = longest_leading(context.plan) else { return };
        self.forget(longest, offer.arrival.time());
        if context.plan.automaton.leading.iter().any(|absence| offer.local.has(absence.step)) {
            self.history.push_back(Arc::clone(offer.event()));
        }
    }

    /// Whether an absence before the first step is broken by an earlier event.
    fn is_preceded(&self, context: &Context<'_>, run: &Run) -> bool {
        context.plan.automaton.leading.iter().any(|absence| {
            self.history.iter().any(|earlier| {
                run.start.time.since(earlier.time) < absence.wait
                    && fits(context, absence.step, &**earlier, earlier.source, run, &[])
            })
        })
    }

    fn forget(&mut self, longest: Duration, now: EventTime) {
        while self.history.front().is_some_and(|event| now.since(event.time) >= longest) {
            self.history.pop_front();
        }
    }

    /// Event time has come so far.
    pub(super) fn advance(&mut self, context: &Context<'_>, to: EventTime) {
        while let Some(at) = self.deadline.filter(|at| *at <= to) {
            self.selection.next_moment();
            self.fire(context, at);
        }
        if let Some(longest) = longest_leading(context.plan) {
            self.forget(longest, to);
        }
        self.selection.forget(context.plan, to);
    }

    /// The input has ended.
    pub(super) fn finish(&mut self, context: &Context<'_>) {
        self.advance(context, EventTime::END);
        self.selection.next_moment();
        let ended = std::mem::take(&mut self.runs);
        ended.iter().for_each(|run| self.selection.run_ended(run.start));
        self.settle(context, EventTime::END, Vec::new(), Vec::new());
    }

    /// The first events of its runs, each once.
    pub(super) fn starts(&self) -> BTreeSet<Order> {
        self.runs.iter().map(|run| run.start).collect()
    }

    /// Ends the runs whose first events a cut drops; what only waited for these comes out.
    pub(super) fn cut(&mut self, context: &Context<'_>, cut: Cut, now: EventTime) {
        self.selection.next_moment();
        self.runs.retain(|run| !cut.drops(run.start.time));
        self.selection.cut(cut);
        self.settle(context, now, Vec::new(), Vec::new());
    }

    fn fire(&mut self, context: &Context<'_>, at: EventTime) {
        let mut completed = Vec::new();
        let mut timeouts = Vec::new();
        let selection = &mut self.selection;
        self.runs.retain_mut(|run| {
            if run.deadline.is_none_or(|deadline| deadline > at) {
                return true;
            }
            let has_held = close(context, run, at, &mut timeouts);
            if has_held && meets_having(context, run) {
                completed.push(run.found(Kind::Match, at));
            }
            run.deadline = deadline(context.plan, run);
            if !run.is_alive() {
                selection.run_ended(run.start);
            }
            run.is_alive()
        });
        self.settle(context, at, completed, timeouts);
    }

    fn settle(&mut self, context: &Context<'_>, at: EventTime, completed: Vec<Found>, timeouts: Vec<Found>) {
        self.selection.settle(context.plan, &mut self.runs, at, completed, timeouts);
        self.deadline = self.runs.iter().filter_map(|run| run.deadline).min();
    }
}

/// How far back an absence before the first step looks at most.
fn longest_leading(plan: &Plan) -> Option<Duration> {
    plan.automaton.leading.iter().map(|absence| absence.wait).max()
}

fn meets_having(context: &Context<'_>, run: &Run) -> bool {
    let held = run.held(&context.plan.automaton);
    context.plan.pattern.having.as_ref().is_none_or(|having| context.is_true(having, None, &held, &[]))
}

/// Whether a candidate fits a step with what a run holds; `local` parts are checked too.
fn fits(
    context: &Context<'_>,
    step: StepId,
    candidate: &dyn Fields,
    source: usize,
    run: &Run,
    entering: &[GroupId],
) -> bool {
    let held = run.held(&context.plan.automaton);
    let definition = context.plan.pattern.step(step);
    definition.sources.contains(&source)
        && definition.conditions.iter().all(|part| {
            (part.waived_while_empty && !holds(&held, step))
                || context.is_true(&part.expr, Some(candidate), &held, entering)
        })
}

fn holds(held: &dyn Held, step: StepId) -> bool {
    let mut found = false;
    held.walk(&mut |taken| {
        found |= taken.step == step;
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// One event at one run, or at the start of all runs.
struct At<'a, 'o> {
    context: &'a Context<'a>,
    run: Option<&'a Run>,
    ways: &'a [Way],
    offer: &'a Offer<'o>,
}

impl At<'_, '_> {
    /// Whether the event fits a step; what can be said without a run was said before.
    fn fits(&self, step: StepId, entering: &[GroupId]) -> bool {
        if !self.offer.local.has(step) {
            return false;
        }
        let conditions = &self.context.plan.pattern.step(step).conditions;
        if conditions.iter().all(|part| part.local) {
            return true;
        }
        self.with_held(|held| {
            conditions.iter().filter(|part| !part.local).all(|part| {
                (part.waived_while_empty && !holds(held, step))
                    || self.context.is_true(&part.expr, Some(self.fields()), held, entering)
            })
        })
    }

    fn fields(&self) -> &dyn Fields {
        self.offer.arrival
    }

    fn with_held<T>(&self, work: impl FnOnce(&dyn Held) -> T) -> T {
        match self.run {
            Some(run) => work(&run.held(&self.context.plan.automaton)),
            None => work(&Nothing),
        }
    }

    fn until_ends(&self, id: LoopId) -> bool {
        let until = self.context.plan.automaton.loop_(id).until.as_ref();
        until.is_some_and(|until| {
            self.with_held(|held| self.context.is_true(until, Some(self.fields()), held, &[]))
        })
    }

    fn group_until_ends(&self, group: GroupId) -> bool {
        let until = self.context.plan.pattern.groups[group.0 as usize].until.as_ref();
        until.is_some_and(|until| {
            self.with_held(|held| self.context.is_true(until, Some(self.fields()), held, &[]))
        })
    }

    /// Whether the event closes a way without taking it: `until` ends a loop that has begun, `greedy` the ways out.
    fn closes(&self, way: &Way) -> bool {
        if way.repeats && way.takes.is_some_and(|id| self.until_ends(id)) {
            return true;
        }
        if let Some(run) = self.run {
            let plan = self.context.plan;
            let here = plan.automaton.position(run.position).step;
            let there = plan.automaton.position(way.targets[0]).step;
            let mut begun = groups_around(plan, there).filter(|group| is_inside(plan, here, *group));
            if begun.any(|group| self.group_until_ends(group)) {
                return true;
            }
        }
        self.is_left_by_greedy(&way.leaves)
    }

    /// Whether the event fits a greedy loop among these, and so closes what goes out of it.
    fn is_left_by_greedy(&self, leaves: &[LoopId]) -> bool {
        leaves.iter().any(|id| {
            let one = self.context.plan.automaton.loop_(*id);
            one.greed == Greed::Greedy && !self.until_ends(*id) && self.fits(one.step, self.entering(*id))
        })
    }

    /// The groups that a loop's own way enters.
    fn entering(&self, id: LoopId) -> &[GroupId] {
        self.ways.iter().find(|way| way.takes == Some(id)).map_or(&[], |way| &way.enters)
    }

    /// The target of a way that the event fits.
    fn target(&self, way: &Way) -> Option<PositionId> {
        let plan = self.context.plan;
        let step_of = |target: PositionId| plan.automaton.position(target).step;
        way.targets.iter().copied().find(|target| self.fits(step_of(*target), &way.enters))
    }

    /// Whether `until` keeps a loop from taking an event that fits it.
    fn is_refused_by_until(&self, way: &Way, target: PositionId) -> bool {
        let plan = self.context.plan;
        way.takes.is_some_and(|id| self.until_ends(id))
            || groups_around(plan, plan.automaton.position(target).step)
                .any(|group| self.group_until_ends(group))
    }
}

/// The looped or windowed groups around a step, the innermost first.
fn groups_around(plan: &Plan, step: StepId) -> impl Iterator<Item = GroupId> + '_ {
    let groups = &plan.pattern.groups;
    std::iter::successors(plan.pattern.step(step).group, |group| groups[group.0 as usize].parent)
}

fn is_inside(plan: &Plan, step: StepId, group: GroupId) -> bool {
    groups_around(plan, step).any(|around| around == group)
}

/// Offers an event to a run. Says whether an absence ends it.
fn offer_to_run(
    context: &Context<'_>,
    run: &mut Run,
    offer: &Offer<'_>,
    made: &mut Vec<Run>,
    completed: &mut Vec<Found>,
) -> bool {
    let broken = broken_absences(context, run, offer);
    let is_ended = !broken.is_nothing();
    let was_fresh = std::mem::replace(&mut run.is_fresh, false);
    if run.pending.is_some() && is_end_left(context, run, offer) {
        run.pending = None;
        run.deadline = deadline(context.plan, run);
    }
    if was_fresh && !is_ended && run.pending.as_ref().is_some_and(|pending| pending.is_next) {
        let pending = run.pending.as_mut().expect("it is pending");
        pending.is_next = false;
        if pending.waits.is_empty() {
            run.pending = None;
            if meets_having(context, run) {
                completed.push(run.found(Kind::Match, offer.arrival.time()));
            }
        }
        run.deadline = deadline(context.plan, run);
    }
    let ways = &context.plan.automaton.position(run.position).ways;
    let before = run.open.clone();
    let open = take_ways(context, Some(run), ways, offer, &broken, made);
    if open != before {
        run.open = open;
        run.deadline = deadline(context.plan, run);
    }
    is_ended
}

/// Whether the event fits a greedy loop that the end of the match would go out of.
fn is_end_left(context: &Context<'_>, run: &Run, offer: &Offer<'_>) -> bool {
    let position = context.plan.automaton.position(run.position);
    let at = At { context, run: Some(run), ways: &position.ways, offer };
    position.end.as_ref().is_some_and(|end| at.is_left_by_greedy(&end.leaves))
}

/// The absences that an event breaks. It ends the run; only a way past all of them may still take the event.
#[derive(Default)]
struct Broken {
    steps: Vec<StepId>,
    is_next: bool,
}

impl Broken {
    fn is_nothing(&self) -> bool {
        !self.is_next && self.steps.is_empty()
    }

    fn allows(&self, way: &Way) -> bool {
        !self.is_next && self.steps.iter().all(|step| way.past.contains(step))
    }
}

fn broken_absences(context: &Context<'_>, run: &Run, offer: &Offer<'_>) -> Broken {
    let position = context.plan.automaton.position(run.position);
    let at = At { context, run: Some(run), ways: &position.ways, offer };
    let fits = |step: &StepId| at.fits(*step, &[]);
    // What a greedy loop takes has not left the loop: `next not` behind it looks at the event after that.
    let stays = || position.loop_.is_some_and(|id| at.is_left_by_greedy(&[id]));
    let is_next = run.is_fresh
        && (position.next_absences.iter().any(fits)
            || position.end.iter().flat_map(|end| &end.next).any(fits))
        && !stays();
    let waits = run.pending.iter().flat_map(|pending| &pending.waits).map(|(step, _)| step);
    let steps = position.absences.iter().chain(waits).copied().filter(|step| fits(step)).collect();
    Broken { steps, is_next }
}

/// Takes every open way that the event fits; gives the ways that stay open.
fn take_ways(
    context: &Context<'_>,
    run: Option<&Run>,
    ways: &[Way],
    offer: &Offer<'_>,
    broken: &Broken,
    made: &mut Vec<Run>,
) -> super::run::WaySet {
    let at = At { context, run, ways, offer };
    let mut open = run.map_or_else(|| super::run::WaySet::all(ways.len()), |run| run.open.clone());
    let mut fitting: Vec<(usize, PositionId)> = Vec::new();
    for (index, way) in ways.iter().enumerate() {
        if !open.contains(index) {
            continue;
        }
        if at.closes(way) {
            open.remove(index);
        } else if let Some(target) = at.target(way) {
            fitting.push((index, target));
        } else if way.word == Word::Next {
            open.remove(index);
        }
    }
    for (index, target) in &fitting {
        let way = &ways[*index];
        let is_left = way.takes.is_some_and(|id| {
            context.plan.automaton.loop_(id).greed == Greed::Lazy
                && fitting.iter().any(|(out, _)| ways[*out].leaves.contains(&id))
        });
        if is_left {
            if way.word == Word::Next {
                open.remove(*index);
            }
            continue;
        }
        if way.word != Word::ThenAny {
            open.remove(*index);
        }
        // The first event that fits ends the wait, also one that `until` keeps the loop from taking.
        if !broken.allows(way) || at.is_refused_by_until(way, *target) {
            continue;
        }
        let way_index = u16::try_from(*index).expect("a position has fewer ways than there are positions");
        made.push(Run::extend(run, *target, way_index, offer.event(), &context.plan.automaton));
    }
    open
}

// --- deadlines -----------------------------------------------------------------------------------------------------

/// When a way of a run closes by itself.
fn way_deadline(plan: &Plan, run: &Run, way: &Way) -> Option<EventTime> {
    let gap = way.gap.map(|gap| run.last().time.plus(gap));
    let there = plan.automaton.position(way.targets[0]).step;
    let windowed = groups_around(plan, there).filter(|group| !way.enters.contains(group));
    let group = windowed.filter_map(|group| {
        let within = plan.pattern.groups[group.0 as usize].within?;
        Some(run.iteration_start(group, &plan.automaton)?.plus(within))
    });
    group.chain(gap).chain(run.window_end).min()
}

/// The next time at which something about a run is decided by time alone.
pub(super) fn deadline(plan: &Plan, run: &Run) -> Option<EventTime> {
    let ways = &plan.automaton.position(run.position).ways;
    let open = ways.iter().enumerate().filter(|(index, _)| run.open.contains(*index));
    let by_way = open.filter_map(|(_, way)| way_deadline(plan, run, way)).min();
    let pending = run.pending.as_deref();
    let by_wait = pending.and_then(|pending| pending.waits.iter().map(|(_, until)| *until).min());
    let by_window = run.window_end.filter(|_| pending.is_some_and(|pending| pending.waits.is_empty()));
    [by_way, by_wait, by_window].into_iter().flatten().min()
}

/// Closes what a deadline closes. Says whether the last absence that the run waited for has held.
fn close(context: &Context<'_>, run: &mut Run, at: EventTime, timeouts: &mut Vec<Found>) -> bool {
    let had_open_way = !run.open.is_empty();
    let is_window = run.window_end.is_some_and(|end| end <= at);
    for (index, way) in context.plan.automaton.position(run.position).ways.iter().enumerate() {
        if run.open.contains(index)
            && way_deadline(context.plan, run, way).is_some_and(|deadline| deadline <= at)
        {
            run.open.remove(index);
        }
    }
    let mut has_held = false;
    let mut was_undecided = false;
    if let Some(pending) = &mut run.pending {
        let waited = !pending.waits.is_empty();
        pending.waits.retain(|(_, until)| *until > at);
        has_held = waited && pending.waits.is_empty();
        was_undecided = !waited && is_window;
    }
    if has_held || was_undecided {
        run.pending = None;
    }
    let by_window = is_window && (had_open_way || was_undecided);
    let by_gap = had_open_way && run.open.is_empty() && run.pending.is_none() && !has_held;
    if by_window || by_gap {
        timeouts.push(run.found(Kind::Timeout, at));
    }
    has_held
}
