//! The oracle: a pattern over the events of one key, every run kept whole and looked at again for each event.
//!
//! It is `docs/semantics.md` §2 and §3 written as code: slow, and meant to be read beside that text. What the engine
//! does faster is compared with it.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::limiter::Limiter;
use super::rank::{self, SkipPoint, Waiting};
use super::watch::{Ending, HeldStep, Point, Watch};
use super::{
    Event, Faults, Fields, Found, Held, KeepExceeded, Kind, Nothing, Order, Plan, Scope, Taken, is_true,
};
use crate::event::{StepId, Value};
use crate::lang::hir::{Conjunct, Greed, GroupId, KeepPolicy, Mode, Skip, Word};
use crate::nfa::{LoopId, PositionId, Way};
use crate::time::EventTime;

/// One pattern and one key.
#[derive(Debug)]
pub struct Oracle<'p> {
    plan: &'p Plan,
    keys: Vec<Value>,
    faults: Faults,
    runs: Vec<Run>,
    /// Every event so far, for absences before the first step.
    history: Vec<Arc<Event>>,
    /// Counts events and deadlines: what happens at one moment happens at once.
    moment: u64,
    /// Matches that wait: `match longest`, and `match all` with a skip.
    waiting: Vec<Waiting>,
    /// Under `match`: the last event of the last match or timeout.
    episode_end: Option<Order>,
    /// Under `match`: starts that gave a match.
    matched: Vec<Order>,
    /// Under `match`: runs that a gap ended, while others of their start live.
    ended: Vec<Found>,
    limiter: Limiter,
    out: Vec<Found>,
    /// Where it is noted what of the pattern the events reach, if anybody asks.
    watch: Option<&'p Watch>,
    /// Whether the input has ended.
    is_ended: bool,
}

/// An event that a run holds.
#[derive(Clone, Debug)]
struct Item {
    step: StepId,
    event: Arc<Event>,
    enters: Vec<GroupId>,
}

#[derive(Clone, Debug)]
struct Run {
    items: Vec<Item>,
    position: PositionId,
    /// Which ways of the position are open.
    open: Vec<bool>,
    pending: Option<Pending>,
    /// Whether no event has come since the last one taken.
    is_fresh: bool,
}

/// A match that waits for absences at its end.
#[derive(Clone, Debug)]
struct Pending {
    /// What must not come, until when.
    waits: Vec<(StepId, EventTime)>,
    /// Whether the next event decides.
    is_next: bool,
}

impl Held for Run {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {
        for Item { step, event, enters } in self.items.iter().rev() {
            if visit(Taken { step: *step, event: &**event, enters }).is_break() {
                return;
            }
        }
    }
}

impl Run {
    fn start(&self) -> Order {
        self.items[0].event.order()
    }

    fn has_open_way(&self) -> bool {
        self.open.contains(&true)
    }

    fn is_alive(&self) -> bool {
        self.has_open_way() || self.pending.is_some()
    }

    fn found(&self, kind: Kind, at: EventTime) -> Found {
        let events = self.items.iter().map(|item| (item.step, Arc::clone(&item.event))).collect();
        Found { kind, at, completed: at, events }
    }
}

impl<'p> Oracle<'p> {
    /// An oracle for one key.
    pub fn new(plan: &'p Plan, keys: Vec<Value>) -> Oracle<'p> {
        Oracle {
            plan,
            keys,
            faults: Faults::default(),
            runs: Vec::new(),
            history: Vec::new(),
            moment: 0,
            waiting: Vec::new(),
            episode_end: None,
            matched: Vec::new(),
            ended: Vec::new(),
            limiter: Limiter::default(),
            out: Vec::new(),
            watch: None,
            is_ended: false,
        }
    }

    /// An oracle that notes what of the pattern the events reach. It gives the same.
    pub fn watched(plan: &'p Plan, keys: Vec<Value>, watch: &'p Watch) -> Oracle<'p> {
        Oracle { watch: Some(watch), ..Oracle::new(plan, keys) }
    }

    /// What became certain since the last call: in order of time, and within one moment in order of events.
    pub fn take_found(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.out)
    }

    /// Offers the next event. Deadlines up to its time fire first.
    ///
    /// # Errors
    ///
    /// [`KeepExceeded`], if the pattern says `keep … fail`.
    pub fn event(&mut self, event: &Arc<Event>) -> Result<(), KeepExceeded> {
        self.advance(event.time);
        self.moment += 1;
        let mut completed = Vec::new();
        let mut survivors = Vec::new();
        for mut run in std::mem::take(&mut self.runs) {
            let (successors, is_ended) = self.offer(&mut run, event, &mut completed);
            if !is_ended && run.is_alive() {
                survivors.push(run);
            }
            survivors.extend(successors);
        }
        survivors.extend(self.starts(event));
        for run in &survivors {
            // Only what this event made can be complete with it.
            let position = self.plan.automaton.position(run.position);
            if let Some(watch) = self.watch.filter(|_| run.is_fresh) {
                let count = run.items.iter().filter(|item| item.step == position.step).count();
                watch.took(position.step, count);
            }
            let end = position.end.as_ref();
            if run.is_fresh && end.is_some_and(|end| end.is_immediate()) && self.meets_having(run) {
                completed.push(self.complete(run, event.time));
            }
        }
        survivors.retain(Run::is_alive);
        self.runs = survivors;
        self.history.push(Arc::clone(event));
        self.keep(event.order())?;
        self.settle(event.time, completed, Vec::new());
        Ok(())
    }

    /// Event time has come so far: deadlines up to and at this time fire.
    pub fn advance(&mut self, to: EventTime) {
        while let Some(at) =
            self.runs.iter().filter_map(|run| self.deadline(run)).min().filter(|at| *at <= to)
        {
            self.moment += 1;
            self.fire(at);
        }
    }

    /// The input has ended: deadlines fire, runs end, nothing waits any longer.
    pub fn finish(&mut self) {
        self.is_ended = true;
        self.advance(EventTime::END);
        self.moment += 1;
        self.runs.clear();
        self.settle(EventTime::END, Vec::new(), Vec::new());
        if let Some(watch) = self.watch {
            watch.forget();
        }
    }

    // --- an event at a run -------------------------------------------------------------------------------------

    /// Offers an event to a run: the runs it makes, and whether an absence ends this one.
    fn offer(&self, run: &mut Run, event: &Arc<Event>, completed: &mut Vec<Found>) -> (Vec<Run>, bool) {
        let position = self.plan.automaton.position(run.position);
        let waits = run.pending.iter().flat_map(|pending| &pending.waits).map(|(step, _)| step);
        let broken: Vec<StepId> = position
            .absences
            .iter()
            .chain(waits)
            .copied()
            .filter(|step| self.fits(*step, event, run, &[]))
            .collect();
        let next = position.next_absences.iter().chain(position.end.iter().flat_map(|end| &end.next));
        // What a greedy loop takes has not left the loop: `next not` behind it looks at the event after that.
        let stays =
            position.loop_.is_some_and(|id| self.is_left_by_greedy(&[id], &position.ways, Some(run), event));
        let is_next_broken =
            run.is_fresh && !stays && next.clone().any(|step| self.fits(*step, event, run, &[]));
        let is_ended = is_next_broken || !broken.is_empty();
        if let Some(watch) = self.watch.filter(|_| is_ended) {
            let next = next.filter(|step| is_next_broken && self.fits(**step, event, run, &[]));
            broken.iter().chain(next).for_each(|step| watch.see(Point::Broken(*step)));
        }
        let leaves = position.end.as_ref().map_or(&[][..], |end| &end.leaves);
        if run.pending.is_some() && self.is_left_by_greedy(leaves, &position.ways, Some(run), event) {
            run.pending = None;
        }
        let is_decided = run.is_fresh && run.pending.as_ref().is_some_and(|pending| pending.is_next);
        if is_decided && !is_ended {
            let pending = run.pending.as_mut().expect("it is pending");
            pending.is_next = false;
            if pending.waits.is_empty() {
                run.pending = None;
                if self.meets_having(run) {
                    completed.push(self.complete(run, event.time));
                }
            }
        }
        let position = run.position;
        let ways = &self.plan.automaton.position(position).ways;
        let open = run.open.clone();
        let (mut successors, open) = self.take_ways(ways, &open, Some(run), event);
        // Whatever goes past an absence may take an event that fits it; a loop before it may not.
        successors.retain(|(way, _)| !is_next_broken && broken.iter().all(|step| way.past.contains(step)));
        run.open = open;
        run.is_fresh = false;
        (successors.into_iter().map(|(_, run)| run).collect(), is_ended)
    }

    /// The runs that an event starts.
    fn starts(&self, event: &Arc<Event>) -> Vec<Run> {
        if self.plan.pattern.drains {
            return Vec::new();
        }
        let ways = &self.plan.automaton.start;
        let (runs, _) = self.take_ways(ways, &vec![true; ways.len()], None, event);
        let mut runs: Vec<Run> = runs.into_iter().map(|(_, run)| run).collect();
        runs.retain(|run| !self.has_leading(run, event));
        runs
    }

    /// Takes every open way that the event fits. Gives the new runs, and which ways stay open.
    fn take_ways<'w>(
        &self,
        ways: &'w [Way],
        open: &[bool],
        run: Option<&Run>,
        event: &Arc<Event>,
    ) -> (Vec<(&'w Way, Run)>, Vec<bool>) {
        let mut open = open.to_vec();
        for (way, open) in ways.iter().zip(&mut open) {
            *open &= !self.is_closed_by_loop(way, ways, run, event);
        }
        let fitting: Vec<Option<PositionId>> = ways
            .iter()
            .zip(&open)
            .map(|(way, open)| if *open { self.fitting_target(way, run, event) } else { None })
            .collect();
        let mut runs = Vec::new();
        for (index, way) in ways.iter().enumerate() {
            if !open[index] {
                continue;
            }
            let taken = fitting[index].filter(|_| !self.is_left_by_lazy(way, ways, &fitting));
            match taken {
                // The first event that fits ends the wait, also one that the loop does not take.
                Some(target) if self.is_refused_by_until(way, target, run, event) => {
                    open[index] = way.word == Word::ThenAny;
                }
                Some(target) => {
                    runs.push((way, self.extend(run, target, way, event)));
                    open[index] = way.word == Word::ThenAny;
                }
                None => open[index] = way.word != Word::Next,
            }
        }
        (runs, open)
    }

    /// Whether the event closes a way, taken or not: `until` ends a loop, `greedy` the ways out of it.
    fn is_closed_by_loop(&self, way: &Way, ways: &[Way], run: Option<&Run>, event: &Arc<Event>) -> bool {
        let until_ends = |id: LoopId| self.meets_until(id, run, event);
        if way.repeats && way.takes.is_some_and(until_ends) {
            return true;
        }
        if self.groups_begun(way, run).any(|group| self.meets_group_until(group, run, event)) {
            return true;
        }
        self.is_left_by_greedy(&way.leaves, ways, run, event)
    }

    /// `greedy`: an event that fits the loop closes what goes out of it.
    fn is_left_by_greedy(&self, leaves: &[LoopId], ways: &[Way], run: Option<&Run>, event: &Event) -> bool {
        leaves.iter().any(|id| {
            let one = self.plan.automaton.loop_(*id);
            one.greed == Greed::Greedy
                && !self.meets_until(*id, run, event)
                && match run {
                    Some(run) => self.fits(one.step, event, run, &entering_of(*id, ways)),
                    None => self.fits_first(one.step, event, &entering_of(*id, ways)),
                }
        })
    }

    /// `lazy`: the loop does not take an event that fits a way out of it.
    fn is_left_by_lazy(&self, way: &Way, ways: &[Way], fitting: &[Option<PositionId>]) -> bool {
        way.takes.is_some_and(|id| {
            self.plan.automaton.loop_(id).greed == Greed::Lazy
                && ways.iter().zip(fitting).any(|(out, fits)| fits.is_some() && out.leaves.contains(&id))
        })
    }

    /// The first target of a way that the event fits.
    fn fitting_target(&self, way: &Way, run: Option<&Run>, event: &Arc<Event>) -> Option<PositionId> {
        let target = way.targets.iter().copied().find(|target| {
            let step = self.plan.automaton.position(*target).step;
            match run {
                Some(run) => self.fits(step, event, run, &way.enters),
                None => self.fits_first(step, event, &way.enters),
            }
        })?;
        Some(target)
    }

    /// Whether `until` keeps a loop from taking an event that fits it.
    fn is_refused_by_until(&self, way: &Way, target: PositionId, run: Option<&Run>, event: &Event) -> bool {
        let step = self.plan.automaton.position(target).step;
        way.takes.is_some_and(|id| self.meets_until(id, run, event))
            || self.groups_around(step).any(|group| self.meets_group_until(group, run, event))
    }

    fn extend(&self, run: Option<&Run>, target: PositionId, way: &Way, event: &Arc<Event>) -> Run {
        let position = self.plan.automaton.position(target);
        let mut items = run.map_or_else(Vec::new, |run| run.items.clone());
        items.push(Item { step: position.step, event: Arc::clone(event), enters: way.enters.clone() });
        let first = items[0].event.time;
        let pending = position.end.as_ref().filter(|end| !end.is_immediate()).map(|end| Pending {
            waits: end
                .waits
                .iter()
                .map(|wait| {
                    let until = match wait.wait {
                        Some(wait) => event.time.plus(wait),
                        None => first.plus(self.plan.pattern.within.expect("an absence has an end")),
                    };
                    (wait.step, until)
                })
                .collect(),
            is_next: !end.next.is_empty(),
        });
        Run { items, position: target, open: vec![true; position.ways.len()], pending, is_fresh: true }
    }

    // --- conditions --------------------------------------------------------------------------------------------

    fn scope<'a>(
        &'a self,
        candidate: Option<&'a dyn Fields>,
        held: &'a dyn Held,
        entering: &'a [GroupId],
    ) -> Scope<'a> {
        Scope {
            pattern: &self.plan.pattern,
            candidate,
            held,
            entering,
            keys: &self.keys,
            faults: &self.faults,
        }
    }

    /// Whether an event fits a step, with what a run holds.
    fn fits(&self, step: StepId, event: &Event, run: &Run, entering: &[GroupId]) -> bool {
        let is_empty = !run.items.iter().any(|item| item.step == step);
        self.fits_with(step, event, run, is_empty, entering)
    }

    fn fits_first(&self, step: StepId, event: &Event, entering: &[GroupId]) -> bool {
        self.fits_with(step, event, &Nothing, true, entering)
    }

    fn fits_with(
        &self,
        id: StepId,
        event: &Event,
        held: &dyn Held,
        is_empty: bool,
        entering: &[GroupId],
    ) -> bool {
        let step = self.plan.pattern.step(id);
        let scope = self.scope(Some(event), held, entering);
        if let Some(watch) = self.watch.filter(|_| step.sources.contains(&event.source)) {
            let binds = |part: &&Conjunct| !(part.waived_while_empty && is_empty);
            let asked = |part| Some(part).filter(binds).map(|part| is_true(&part.expr, &scope));
            watch.offered(id, &step.conditions.iter().map(asked).collect::<Vec<_>>());
        }
        step.sources.contains(&event.source)
            && step
                .conditions
                .iter()
                .all(|part| (part.waived_while_empty && is_empty) || is_true(&part.expr, &scope))
    }

    fn meets_until(&self, id: LoopId, run: Option<&Run>, event: &Event) -> bool {
        let one = self.plan.automaton.loop_(id);
        let held: &dyn Held = run.map_or(&Nothing, |run| run);
        let is_met =
            one.until.as_ref().is_some_and(|until| is_true(until, &self.scope(Some(event), held, &[])));
        if let Some(watch) = self.watch.filter(|_| is_met) {
            watch.see(Point::Until(one.step));
        }
        is_met
    }

    fn meets_group_until(&self, group: GroupId, run: Option<&Run>, event: &Event) -> bool {
        let until = self.plan.pattern.groups[group.0 as usize].until.as_ref();
        let held: &dyn Held = run.map_or(&Nothing, |run| run);
        let is_met = until.is_some_and(|until| is_true(until, &self.scope(Some(event), held, &[])));
        if let Some(watch) = self.watch.filter(|_| is_met) {
            watch.ended_group(group);
        }
        is_met
    }

    /// The looped or windowed groups around a step, the innermost first.
    fn groups_around(&self, step: StepId) -> impl Iterator<Item = GroupId> + '_ {
        let groups = &self.plan.pattern.groups;
        std::iter::successors(self.plan.pattern.step(step).group, |group| groups[group.0 as usize].parent)
    }

    /// The groups that both ends of a way lie in.
    fn groups_begun<'a>(&'a self, way: &'a Way, run: Option<&Run>) -> impl Iterator<Item = GroupId> + 'a {
        let here: Vec<GroupId> = match run {
            Some(run) => self.groups_around(self.plan.automaton.position(run.position).step).collect(),
            None => Vec::new(),
        };
        let there = self.plan.automaton.position(way.targets[0]).step;
        self.groups_around(there).filter(move |group| here.contains(group))
    }

    fn meets_having(&self, run: &Run) -> bool {
        let Some(having) = &self.plan.pattern.having else { return true };
        let is_met = is_true(having, &self.scope(None, run, &[]));
        if let Some(watch) = self.watch {
            watch.asked_having(is_met);
        }
        is_met
    }

    /// A match of a run that is complete.
    fn complete<'r>(&self, run: &'r Run, at: EventTime) -> Found {
        if let Some(watch) = self.watch {
            let held = |item: &'r Item| HeldStep {
                step: item.step,
                order: item.event.order(),
                enters: &item.enters,
            };
            watch.completed(&self.plan.pattern, &run.items.iter().map(held).collect::<Vec<_>>());
        }
        run.found(Kind::Match, at)
    }

    /// Whether an absence before the first step is broken.
    fn has_leading(&self, run: &Run, event: &Event) -> bool {
        let broken = self.plan.automaton.leading.iter().find(|absence| {
            self.history.iter().any(|earlier| {
                event.time.since(earlier.time) < absence.wait && self.fits(absence.step, earlier, run, &[])
            })
        });
        if let (Some(watch), Some(absence)) = (self.watch, broken) {
            watch.see(Point::Broken(absence.step));
        }
        broken.is_some()
    }

    // --- deadlines ---------------------------------------------------------------------------------------------

    fn window_end(&self, run: &Run) -> Option<EventTime> {
        self.plan.pattern.within.map(|within| run.items[0].event.time.plus(within))
    }

    /// When a way of a run closes by itself.
    fn way_deadline(&self, run: &Run, way: &Way) -> Option<EventTime> {
        self.way_endings(run, way).map(|(at, _)| at).min()
    }

    /// What closes a way of a run by time, and when.
    fn way_endings(&self, run: &Run, way: &Way) -> impl Iterator<Item = (EventTime, Ending)> {
        let last = run.items.last().expect("a run holds an event");
        let gap = way.gap.map(|gap| (last.event.time.plus(gap), Ending::Gap));
        let there = self.plan.automaton.position(way.targets[0]).step;
        let groups =
            self.groups_around(there).filter(|group| !way.enters.contains(group)).filter_map(|group| {
                let within = self.plan.pattern.groups[group.0 as usize].within?;
                let entered = run.items.iter().rev().find(|item| item.enters.contains(&group))?;
                Some((entered.event.time.plus(within), Ending::Group(group)))
            });
        let window = self.window_end(run).map(|end| (end, Ending::Window));
        gap.into_iter().chain(groups).chain(window)
    }

    /// The next time at which something about a run is decided by time alone.
    fn deadline(&self, run: &Run) -> Option<EventTime> {
        let ways = &self.plan.automaton.position(run.position).ways;
        let open = ways.iter().zip(&run.open).filter(|(_, open)| **open);
        let by_way = open.filter_map(|(way, _)| self.way_deadline(run, way)).min();
        let by_wait = run.pending.iter().flat_map(|pending| &pending.waits).map(|(_, until)| *until).min();
        let is_next_only = run.pending.as_ref().is_some_and(|pending| pending.waits.is_empty());
        let by_window = self.window_end(run).filter(|_| is_next_only);
        [by_way, by_wait, by_window].into_iter().flatten().min()
    }

    fn fire(&mut self, at: EventTime) {
        let mut completed = Vec::new();
        let mut timeouts = Vec::new();
        let mut survivors = Vec::new();
        for mut run in std::mem::take(&mut self.runs) {
            let waited = self.close(&mut run, at, &mut timeouts);
            if waited && self.meets_having(&run) {
                completed.push(self.complete(&run, at));
            }
            if run.is_alive() {
                survivors.push(run);
            }
        }
        self.runs = survivors;
        self.settle(at, completed, timeouts);
    }

    /// Closes what a deadline closes. Says whether the last absence that the run waited for has held.
    fn close(&self, run: &mut Run, at: EventTime, timeouts: &mut Vec<Found>) -> bool {
        let had_open_way = run.has_open_way();
        let mut had_undecided = false;
        let is_window = self.window_end(run).is_some_and(|end| end <= at);
        for (index, way) in self.plan.automaton.position(run.position).ways.iter().enumerate() {
            if self.way_deadline(run, way).is_some_and(|deadline| deadline <= at) {
                self.note_endings(run, index, way, at);
                run.open[index] = false;
            }
        }
        let mut has_held = false;
        if let Some(pending) = &mut run.pending {
            let waited = !pending.waits.is_empty();
            pending.waits.retain(|(_, until)| *until > at);
            has_held = waited && pending.waits.is_empty();
            had_undecided = !waited && is_window;
            if has_held || had_undecided {
                run.pending = None;
            }
        }
        let by_window = is_window && (had_open_way || had_undecided);
        let by_gap = had_open_way && !run.has_open_way() && run.pending.is_none() && !has_held;
        if by_window || by_gap {
            timeouts.push(run.found(Kind::Timeout, at));
        }
        has_held
    }

    /// Notes what ends a wait that was still going on, while there is input.
    fn note_endings(&self, run: &Run, index: usize, way: &Way, at: EventTime) {
        let Some(watch) = self.watch.filter(|_| run.open[index] && !self.is_ended) else { return };
        let step = self.plan.automaton.position(way.targets[0]).step;
        let due = self.way_endings(run, way).filter(|(deadline, _)| *deadline <= at);
        due.for_each(|(_, ending)| watch.ended(step, ending));
    }

    // --- which matches come out --------------------------------------------------------------------------------

    /// `keep`: bounds the distinct first events of live runs.
    fn keep(&mut self, newest: Order) -> Result<(), KeepExceeded> {
        let Some(keep) = self.plan.pattern.keep else { return Ok(()) };
        loop {
            let mut starts: Vec<Order> = self.runs.iter().map(Run::start).collect();
            starts.sort_unstable();
            starts.dedup();
            if starts.len() <= keep.count as usize {
                return Ok(());
            }
            match keep.policy {
                KeepPolicy::DropOldest => self.runs.retain(|run| run.start() != starts[0]),
                KeepPolicy::DropNewest => self.runs.retain(|run| run.start() != newest),
                KeepPolicy::Fail => {
                    let pattern = self.plan.pattern.name.clone();
                    return Err(KeepExceeded { pattern, allowed: keep.count });
                }
            }
        }
    }

    /// Chooses among what completed or timed out at one moment.
    fn settle(&mut self, at: EventTime, mut completed: Vec<Found>, timeouts: Vec<Found>) {
        completed.sort_by(Found::cmp_events);
        completed.dedup();
        let before = self.out.len();
        let moment = self.moment;
        for found in &completed {
            self.matched.push(rank::first(found));
        }
        match (self.plan.pattern.mode, self.plan.pattern.skip) {
            (Mode::All, Skip::None) => self.out.append(&mut completed),
            (Mode::All, _) => {
                self.waiting.extend(completed.into_iter().map(|found| Waiting { moment, found }));
                self.release_in_order(at);
            }
            (Mode::First, _) => self.take_best(completed),
            (Mode::Longest, _) => {
                self.waiting.extend(completed.into_iter().map(|found| Waiting { moment, found }));
                self.release_longest(at);
            }
        }
        match self.plan.pattern.mode {
            Mode::All => self.out.extend(timeouts),
            Mode::First | Mode::Longest => self.close_starts(at, timeouts),
        }
        let mut found = self.out.split_off(before);
        found.sort_by(Found::cmp_events);
        found.dedup();
        found.retain(|found| {
            let is_allowed = self.limiter.allows(self.plan.pattern.limit, found.kind, found.at);
            match self.watch {
                Some(watch) if is_allowed => watch.came_out(found),
                Some(watch) => watch.see(Point::Limited),
                None => {}
            }
            is_allowed
        });
        self.out.append(&mut found);
    }

    fn drop_before(&mut self, point: SkipPoint) {
        self.runs.retain(|run| !point.drops(run.start()));
        self.waiting.retain(|waiting| !point.drops(rank::first(&waiting.found)));
    }

    fn is_earlier_alive(&self, start: Order) -> bool {
        self.runs.iter().any(|run| run.start() < start)
    }

    /// `match all … skip`.
    fn release_in_order(&mut self, at: EventTime) {
        loop {
            self.waiting.sort_by(rank::by_start_and_completion);
            let Some(first) = self.waiting.first() else { return };
            if self.is_earlier_alive(rank::first(&first.found)) {
                return;
            }
            let found = self.waiting.remove(0).found;
            if let Some(point) = SkipPoint::of(self.plan.pattern.skip, &found) {
                self.drop_before(point);
            }
            self.out.push(Found { at, ..found });
        }
    }

    /// `match`.
    fn take_best(&mut self, mut candidates: Vec<Found>) {
        loop {
            candidates.sort_by(rank::by_start);
            if candidates.is_empty() {
                return;
            }
            let found = candidates.remove(0);
            if let Some(point) = SkipPoint::of(self.plan.pattern.skip, &found) {
                self.drop_before(point);
                candidates.retain(|other| !point.drops(rank::first(other)));
            }
            self.episode_end = self.episode_end.max(Some(rank::last(&found)));
            self.out.push(found);
        }
    }

    /// `match longest`.
    fn release_longest(&mut self, at: EventTime) {
        loop {
            self.waiting.sort_by(rank::by_start_and_fullness);
            let Some(first) = self.waiting.first() else { return };
            let start = rank::first(&first.found);
            if self.runs.iter().any(|run| run.start() <= start) {
                return;
            }
            let found = self.waiting.remove(0).found;
            self.drop_before(SkipPoint::After(rank::last(&found)));
            self.episode_end = self.episode_end.max(Some(rank::last(&found)));
            self.out.push(Found { at, ..found });
        }
    }

    /// Timeouts of `match` and `match longest`: one for a start whose last live run a window or a gap has ended.
    fn close_starts(&mut self, at: EventTime, timeouts: Vec<Found>) {
        let mut starts: Vec<Order> = timeouts.iter().map(rank::first).collect();
        starts.sort_unstable();
        starts.dedup();
        self.ended.extend(timeouts);
        for start in starts {
            if self.runs.iter().any(|run| run.start() == start) {
                continue;
            }
            let (mut runs, others) = std::mem::take(&mut self.ended)
                .into_iter()
                .partition::<Vec<_>, _>(|found| rank::first(found) == start);
            self.ended = others;
            let is_free = self.episode_end.is_none_or(|end| start > end) && !self.matched.contains(&start);
            runs.sort_by(rank::by_length);
            if is_free && !runs.is_empty() {
                let found = runs.remove(0);
                self.episode_end = Some(rank::last(&found));
                self.out.push(Found { at, ..found });
            }
        }
    }
}

/// The groups that a loop's own way enters, so that its condition is read as the loop would read it.
fn entering_of(id: LoopId, ways: &[Way]) -> Vec<GroupId> {
    ways.iter().find(|way| way.takes == Some(id)).map_or_else(Vec::new, |way| way.enters.clone())
}
