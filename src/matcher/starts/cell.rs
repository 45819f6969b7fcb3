//! The starts of one key, and what an event or a deadline does to them.

use std::collections::VecDeque;

use super::list::List;
use super::run::{Run, Surroundings};
use super::shape::{Absent, Repeated, Shape, Spot};
use crate::event::StepId;
use crate::lang::hir::{GroupId, Keep, KeepPolicy, Skip, Word};
use crate::matcher::capture::{Arena, Handle, is_before};
use crate::matcher::chunk::Row;
use crate::matcher::predicates::SourcePredicates;
use crate::matcher::{Cut, Kind};
use crate::time::{Duration, EventTime};

/// Everything of one key.
#[derive(Debug)]
pub(super) struct Cell {
    /// In order of first event.
    pub(super) starts: VecDeque<Start>,
    /// The events of the loop, where all starts have the same.
    pub(super) list: List,
    /// Earlier events that must not come before a first event, each with the absences that it fits, a bit each.
    pub(super) history: VecDeque<(EventTime, Handle, u64)>,
    /// Whether some start is over and still there; never between events.
    pub(super) has_over: bool,
    /// Nothing is due before this.
    pub(super) deadline: EventTime,
    /// The last event of the last match or timeout, while a start before it is alive.
    pub(super) episode_end: Option<Handle>,
}

impl Default for Cell {
    fn default() -> Cell {
        let (starts, list, history) = (VecDeque::new(), List::default(), VecDeque::new());
        Cell { starts, list, history, has_over: false, deadline: EventTime::END, episode_end: None }
    }
}

/// A first event, and all runs that begin with it.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) began: EventTime,
    /// The events of the fixed positions.
    pub(super) fixed: Fixed,
    /// Where its loop begins in the list of the key, once it has all events before the loop.
    pub(super) from: u64,
    /// Its loop, where every start has its own.
    pub(super) own: List,
    /// How many events its loop has, since `until` has ended it.
    pub(super) frozen: Option<usize>,
    /// When the wait at the end is over.
    pub(super) until: Option<EventTime>,
    pub(super) is_over: bool,
}

/// A few events, in place where they are very few.
#[derive(Debug)]
pub(super) struct Fixed {
    few: [Handle; FIXED_IN_PLACE],
    len: u32,
    many: Vec<Handle>,
}

const FIXED_IN_PLACE: usize = 5;

/// Room for so many starts is kept for the next key.
const STARTS_KEPT: usize = 8;

impl Fixed {
    pub(super) fn new() -> Fixed {
        Fixed { few: [0; FIXED_IN_PLACE], len: 0, many: Vec::new() }
    }

    pub(super) fn push(&mut self, event: Handle) {
        let len = self.len as usize;
        match self.few.get_mut(len) {
            Some(place) => *place = event,
            None => {
                if self.many.is_empty() {
                    self.many.extend_from_slice(&self.few);
                }
                self.many.push(event);
            }
        }
        self.len += 1;
    }

    fn as_mut_slice(&mut self) -> &mut [Handle] {
        if self.many.is_empty() { &mut self.few[..self.len as usize] } else { &mut self.many }
    }

    pub(super) fn as_slice(&self) -> &[Handle] {
        if self.many.is_empty() { &self.few[..self.len as usize] } else { &self.many }
    }
}

/// An event, with what is known of it.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) around: Surroundings<'a>,
    pub(super) row: &'a Row<'a>,
    pub(super) asked: &'a SourcePredicates,
    pub(super) event: Handle,
    /// The positions that it fits, as far as that can be said without a run.
    pub(super) takes: u64,
    /// Whether it ends loops.
    pub(super) is_until: bool,
    /// The absences before the first step that it fits, a bit each.
    pub(super) precedes: u64,
}

/// What became of an event, or of time.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) found: Vec<Settlement>,
    /// The events of what was found, one after another.
    pub(super) events: Vec<(Handle, StepId)>,
    /// Until when those wait that have come to the end now.
    pub(super) pending_until: Option<EventTime>,
    /// Whether a first event has come.
    pub(super) has_begun: bool,
    /// Starts that `keep` has dropped.
    pub(super) dropped: u64,
}

/// A match or a timeout.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) kind: Kind,
    pub(super) at: EventTime,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Settled {
    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.events.clear();
        self.pending_until = None;
        self.has_begun = false;
        self.dropped = 0;
    }
}

/// `keep … fail`, and there are more.
pub(super) struct TooMany;

/// What an event does to a start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Stays,
    Dies,
    /// A run of it is complete that has so many events in its loop.
    Completes(usize),
}

/// What begins before this is dropped by a match.
#[derive(Clone, Copy, Debug)]
enum SkipPoint {
    After(Handle),
    At(Handle),
}

impl SkipPoint {
    fn of(skip: Skip, events: &[(Handle, StepId)]) -> Option<SkipPoint> {
        let of_step = |wanted: StepId, is_last: bool| {
            let mut events = events.iter().filter(|(_, step)| *step == wanted);
            let event = if is_last { events.next_back() } else { events.next() };
            event.map(|(event, _)| SkipPoint::At(*event))
        };
        match skip {
            Skip::None => None,
            Skip::ToNext => events.first().map(|(first, _)| SkipPoint::After(*first)),
            Skip::PastLast => events.last().map(|(last, _)| SkipPoint::After(*last)),
            Skip::ToFirst(step) => of_step(step, false),
            Skip::ToLast(step) => of_step(step, true),
        }
    }

    fn drops(self, start: Handle) -> bool {
        match self {
            SkipPoint::After(place) => !is_before(place, start),
            SkipPoint::At(place) => is_before(start, place),
        }
    }
}

impl Start {
    pub(super) fn first(&self, list: &List, shape: &Shape) -> Handle {
        match self.fixed.as_slice().first() {
            Some(first) => *first,
            None if shape.is_shared => list.handles(list.index(self.from), list.index(self.from) + 1)[0],
            None => self.own.handles(0, 1)[0],
        }
    }

    /// When its window or its wait at the end is over.
    pub(super) fn due(&self, shape: &Shape) -> EventTime {
        self.until.unwrap_or_else(|| shape.within.map_or(EventTime::END, |within| self.began.plus(within)))
    }

    /// Whether no window, gap or wait has ended it by `now`. That need not have been noticed yet.
    pub(super) fn is_open(&self, shape: &Shape, arena: &Arena, now: EventTime) -> bool {
        if self.is_over {
            return false;
        }
        if let Some(until) = self.until {
            return until > now;
        }
        let next = shape.prefix.get(self.fixed.len as usize).or(shape.last.as_ref());
        let is_closed = |(place, within): &(usize, Duration)| {
            arena.time(self.fixed.as_slice()[*place]).plus(*within) <= now
        };
        shape.within.is_none_or(|within| self.began.plus(within) > now)
            && !next.is_some_and(|spot| spot.windows.iter().any(is_closed))
    }

    /// Its events in the loop.
    pub(super) fn looped<'a>(&'a self, list: &'a List, shape: &Shape) -> (&'a List, (usize, usize)) {
        let Some(repeated) = &shape.repeated else { return (list, (0, 0)) };
        if self.fixed.as_slice().len() < shape.prefix.len() {
            return (list, (0, 0));
        }
        let most = self.frozen.unwrap_or(usize::MAX).min(repeated.max);
        if !shape.is_shared {
            return (&self.own, (0, self.own.len().min(most)));
        }
        let from = list.index(self.from);
        (list, (from, list.len().min(from.saturating_add(most))))
    }

    /// The run with all its events.
    fn run<'a>(&'a self, around: Surroundings<'a>, list: &'a List) -> Run<'a> {
        let (list, stretch) = self.looped(list, around.shape);
        Run { around, fixed: self.fixed.as_slice(), list, stretch }
    }
}

impl Cell {
    pub(super) fn len(&self) -> u64 {
        self.starts.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.history.is_empty()
    }

    /// How many starts, and earlier events.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.starts.len(), self.history.len())
    }

    /// The time of the oldest event that it is there for.
    pub(super) fn oldest(&self) -> Option<EventTime> {
        let start = self.starts.front().map(|start| start.began);
        start.into_iter().chain(self.history.front().map(|(time, ..)| *time)).min()
    }

    /// Makes an empty cell fit for another key.
    pub(super) fn reset(&mut self) {
        self.starts.shrink_to(STARTS_KEPT);
        self.history.shrink_to(STARTS_KEPT);
        self.list.clear();
        (self.deadline, self.episode_end) = (EventTime::END, None);
    }

    /// Bytes, about.
    pub(super) fn bytes(&self) -> usize {
        let own = |start: &Start| start.own.bytes() + start.fixed.many.capacity() * size_of::<Handle>();
        let starts = self.starts.capacity() * size_of::<Start>() + self.starts.iter().map(own).sum::<usize>();
        let history = self.history.capacity() * size_of::<(EventTime, Handle, u64)>();
        size_of::<Cell>() + starts + self.list.bytes() + history
    }

    /// Visits every event that it holds.
    pub(super) fn each_handle(&mut self, visit: &mut dyn FnMut(&mut Handle)) {
        for start in &mut self.starts {
            start.fixed.as_mut_slice().iter_mut().for_each(&mut *visit);
            start.own.handles_mut().iter_mut().for_each(&mut *visit);
        }
        self.list.handles_mut().iter_mut().for_each(&mut *visit);
        self.history.iter_mut().for_each(|(_, event, _)| visit(event));
        self.episode_end.iter_mut().for_each(visit);
    }

    /// An event. Deadlines up to its time have fired.
    pub(super) fn event(&mut self, at: &At<'_>, settled: &mut Settled) -> Result<(), TooMany> {
        let shape = at.around.shape;
        let loop_fits = at.takes & shape.loop_bit() != 0;
        let is_listed = shape.is_shared && loop_fits && !at.is_until;
        let next_from = self.list.end() + u64::from(is_listed);
        let mut completed: Vec<(usize, usize)> = Vec::new();
        self.offer(at, next_from, &mut completed, settled);
        let place = self.list.end();
        if is_listed {
            self.list.push(at.event, &shape.tracked, at.around.arena);
        }
        self.begin(at, place, &mut completed, settled);
        if shape.last.is_none() && loop_fits && !at.is_until {
            self.complete_loops(at, &mut completed);
        }
        self.deadline = settled.pending_until.map_or(self.deadline, |until| self.deadline.min(until));
        let kept = self.keep(shape.keep, settled);
        self.settle(at.around, completed, Some((at.event, at.row.time())), at.row.time(), settled);
        self.sweep(shape);
        if at.precedes != 0 {
            self.history.push_back((at.row.time(), at.event, at.precedes));
        }
        kept
    }

    /// Whether an absence before the first step is broken by an earlier event.
    fn is_preceded(&self, at: &At<'_>) -> bool {
        let run = Run { around: at.around, fixed: &[at.event], list: &self.list, stretch: (0, 0) };
        at.around.shape.leading.iter().enumerate().any(|(index, (absent, wait))| {
            self.history.iter().any(|(time, earlier, fits)| {
                fits >> index & 1 == 1
                    && at.row.time().since(*time) < *wait
                    && run.is_preceded_by(*earlier, &absent.conditions)
            })
        })
    }

    /// Forgets the events that are too old to come before anything.
    pub(super) fn forget(&mut self, shape: &Shape, now: EventTime) {
        let Some(looks_back) = shape.looks_back() else { return };
        while self.history.front().is_some_and(|(time, ..)| now.since(*time) >= looks_back) {
            self.history.pop_front();
        }
    }

    // --- an event at the starts --------------------------------------------------------------------------------

    /// Offers the event to the starts that it can do something to.
    fn offer(
        &mut self,
        at: &At<'_>,
        next_from: u64,
        completed: &mut Vec<(usize, usize)>,
        settled: &mut Settled,
    ) {
        let shape = at.around.shape;
        // Where the loop is shared, what only it takes it takes for all; those before it are the newest.
        let only_before_loop = shape.is_shared && !self.concerns_loops(at);
        let first = match only_before_loop {
            true => self.starts.partition_point(|start| start.fixed.len as usize >= shape.prefix.len()),
            false => 0,
        };
        let is_only_match = shape.by_episode && shape.skip == Skip::PastLast && shape.keep.is_none();
        let oldest_decides = shape.oldest_decides && at.takes & shape.last_bit() != 0;
        for index in first..self.starts.len() {
            let start = &mut self.starts[index];
            match offer_to(at, &self.list, start, next_from, settled) {
                Fate::Stays if oldest_decides => return,
                Fate::Stays => {}
                Fate::Dies => (start.is_over, self.has_over) = (true, true),
                Fate::Completes(count) => {
                    (start.is_over, self.has_over) = (true, true);
                    completed.push((index, count));
                    // All others are dropped by this match.
                    if is_only_match {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the event can do anything to a start in the loop but be its next event.
    fn concerns_loops(&self, at: &At<'_>) -> bool {
        let shape = at.around.shape;
        let Some(repeated) = &shape.repeated else { return true };
        let breaks = |absent: &Absent| at.row.fits(at.asked.steps[absent.step.index()]);
        at.takes & shape.last_bit() != 0
            || at.is_until
            || repeated.is_greedy
            || repeated.after.iter().chain(&repeated.first.absences).any(breaks)
    }

    /// Begins a start, if the event can.
    fn begin(&mut self, at: &At<'_>, place: u64, completed: &mut Vec<(usize, usize)>, settled: &mut Settled) {
        let shape = at.around.shape;
        if at.around.pattern.drains
            || at.takes & 1 == 0
            || (shape.prefix.is_empty() && shape.repeated.is_some() && at.is_until)
        {
            return;
        }
        let began = at.row.time();
        let mut start = Start {
            began,
            fixed: Fixed::new(),
            from: place,
            own: List::default(),
            frozen: None,
            until: None,
            is_over: false,
        };
        let spot = shape.prefix.first().or(shape.repeated.as_ref().map(|repeated| &repeated.first));
        let spot = spot.or(shape.last.as_ref()).expect("no pattern is empty");
        let nothing = Run { around: at.around, fixed: &[], list: &start.own, stretch: (0, 0) };
        if !nothing.meets(&spot.conditions, Some(at.row), &spot.enters) || self.is_preceded(at) {
            return;
        }
        match (shape.prefix.is_empty(), shape.repeated.is_some()) {
            (false, _) => {
                start.fixed.push(at.event);
                start.from = self.list.end();
            }
            (true, true) if shape.is_shared => {}
            (true, true) => start.own.push(at.event, &shape.tracked, at.around.arena),
            (true, false) => match reach_end(at, &mut start, &self.list, settled) {
                Fate::Stays => {}
                Fate::Dies => return,
                Fate::Completes(count) => {
                    (start.is_over, self.has_over) = (true, true);
                    completed.push((self.starts.len(), count));
                }
            },
        }
        settled.has_begun = true;
        self.deadline = self.deadline.min(start.due(shape));
        self.starts.push_back(start);
    }

    /// Where the loop is last, every event of it can complete a run of each start.
    fn complete_loops(&mut self, at: &At<'_>, completed: &mut Vec<(usize, usize)>) {
        let shape = at.around.shape;
        let Some(Repeated { min, max, .. }) = shape.repeated else { return };
        for index in 0..self.starts.len() {
            let start = &self.starts[index];
            if start.is_over || (start.fixed.len as usize) < shape.prefix.len() {
                continue;
            }
            let run = start.run(at.around, &self.list);
            let (from, to) = run.stretch;
            let has_taken = to > from && run.list.handles(to - 1, to)[0] == at.event;
            if !has_taken {
                continue;
            }
            let count = to - from;
            let is_complete = count >= min && run.meets(shape.having.as_slice(), None, &[]);
            if is_complete {
                completed.push((index, count));
                (self.starts[index].is_over, self.has_over) = (true, true);
                if shape.skip == Skip::PastLast {
                    return;
                }
            } else if count == max {
                (self.starts[index].is_over, self.has_over) = (true, true);
            } else if shape.oldest_decides {
                return;
            }
        }
    }

    /// `keep`: bounds the starts that are alive.
    fn keep(&mut self, keep: Option<Keep>, settled: &mut Settled) -> Result<(), TooMany> {
        let Some(keep) = keep.filter(|keep| self.starts.len() > keep.count as usize) else { return Ok(()) };
        let is_alive = |at: &usize| !self.starts[*at].is_over;
        let mut alive: VecDeque<usize> = (0..self.starts.len()).filter(is_alive).collect();
        while alive.len() > keep.count as usize {
            let victim = match keep.policy {
                KeepPolicy::DropOldest => alive.pop_front(),
                KeepPolicy::DropNewest => alive.pop_back(),
                KeepPolicy::Fail => return Err(TooMany),
            };
            self.starts[victim.expect("more than none")].is_over = true;
            self.has_over = true;
            settled.dropped += 1;
        }
        Ok(())
    }

    // --- which matches come out --------------------------------------------------------------------------------

    /// Lets matches out, the earliest start first, and drops what they skip.
    fn settle(
        &mut self,
        around: Surroundings<'_>,
        completed: Vec<(usize, usize)>,
        last: Option<(Handle, EventTime)>,
        at: EventTime,
        settled: &mut Settled,
    ) {
        let shape = around.shape;
        let mut point: Option<SkipPoint> = None;
        for (index, count) in completed {
            let start = &self.starts[index];
            let begins = start.first(&self.list, shape);
            if point.is_some_and(|point| point.drops(begins)) {
                continue;
            }
            let first = settled.events.len();
            let run = start.run(around, &self.list);
            let (from, _) = run.stretch;
            let run = Run { stretch: (from, from + count), ..run };
            push_events(&run, last.map(|(event, _)| event), &mut settled.events);
            let events = &settled.events[first..];
            if shape.by_episode {
                point = SkipPoint::of(shape.skip, events).or(point);
                self.end_episode(shape, events[events.len() - 1].0);
            }
            settled.found.push(Settlement {
                kind: Kind::Match,
                at,
                first,
                count: settled.events.len() - first,
            });
        }
        if let Some(point) = point {
            self.has_over = true;
            for start in &mut self.starts {
                start.is_over |= point.drops(start.first(&self.list, shape));
            }
        }
    }

    fn end_episode(&mut self, shape: &Shape, event: Handle) {
        if shape.tells_timeouts && self.episode_end.is_none_or(|end| is_before(end, event)) {
            self.episode_end = Some(event);
        }
    }

    // --- bounds --------------------------------------------------------------------------------------------------

    /// The times of the first events of what is open at `now`.
    pub(super) fn open<'a>(
        &'a self,
        shape: &'a Shape,
        arena: &'a Arena,
        now: EventTime,
    ) -> impl Iterator<Item = EventTime> + 'a {
        self.starts.iter().filter(move |start| start.is_open(shape, arena, now)).map(|start| start.began)
    }

    /// Ends the starts that a cut drops. Says how many were open, and the oldest of them.
    pub(super) fn cut(&mut self, shape: &Shape, arena: &Arena, cut: Cut, now: EventTime) -> (u64, EventTime) {
        let (mut count, mut oldest) = (0, EventTime::END);
        for start in self.starts.iter_mut().filter(|start| cut.drops(start.began)) {
            if start.is_open(shape, arena, now) {
                (count, oldest) = (count + 1, oldest.min(start.began));
            }
            (start.is_over, self.has_over) = (true, true);
        }
        self.sweep(shape);
        (count, oldest)
    }

    /// Takes out what is over.
    fn sweep(&mut self, shape: &Shape) {
        if std::mem::take(&mut self.has_over) {
            self.starts.retain(|start| !start.is_over);
        }
        if !shape.is_shared {
            return;
        }
        let from = match self.starts.front() {
            Some(front) if front.fixed.len as usize >= shape.prefix.len() => front.from,
            _ => self.list.end(),
        };
        self.list.forget_before(from, &shape.tracked);
    }

    // --- deadlines ---------------------------------------------------------------------------------------------

    /// Fires the deadlines up to `to`.
    #[inline]
    pub(super) fn fire(&mut self, around: Surroundings<'_>, to: EventTime, settled: &mut Settled) {
        if self.deadline > to {
            return;
        }
        let shape = around.shape;
        let due = |start: &Start| start.due(shape);
        if shape.wait.is_none() && !shape.tells_timeouts {
            while self.starts.front().is_some_and(|front| due(front) <= to) {
                self.starts.pop_front();
            }
            self.deadline = self.starts.front().map_or(EventTime::END, due);
            self.sweep(shape);
            return;
        }
        loop {
            self.deadline = self.starts.iter().map(due).min().unwrap_or(EventTime::END);
            if self.deadline > to || self.starts.is_empty() {
                break;
            }
            self.fire_at(around, self.deadline, due, settled);
        }
    }

    fn fire_at(
        &mut self,
        around: Surroundings<'_>,
        now: EventTime,
        due: impl Fn(&Start) -> EventTime,
        settled: &mut Settled,
    ) {
        let shape = around.shape;
        let mut completed = Vec::new();
        let mut timeouts = Vec::new();
        self.has_over = true;
        for (index, start) in self.starts.iter_mut().enumerate().filter(|(_, start)| due(start) <= now) {
            start.is_over = true;
            if start.until.is_none() {
                timeouts.push(index);
            } else if start.run(around, &self.list).meets(shape.having.as_slice(), None, &[]) {
                completed.push((index, 0));
            }
        }
        self.settle(around, completed, None, now, settled);
        if shape.tells_timeouts {
            timeouts.into_iter().for_each(|index| self.time_out(around, index, now, settled));
        }
        self.sweep(shape);
        let Some(front) = self.starts.front() else { return };
        let begins = front.first(&self.list, shape);
        self.episode_end = self.episode_end.filter(|end| !is_before(*end, begins));
    }

    fn time_out(&mut self, around: Surroundings<'_>, index: usize, now: EventTime, settled: &mut Settled) {
        let start = &self.starts[index];
        let begins = start.first(&self.list, around.shape);
        if around.shape.by_episode && self.episode_end.is_some_and(|end| !is_before(end, begins)) {
            return;
        }
        let first = settled.events.len();
        push_events(&start.run(around, &self.list), None, &mut settled.events);
        let count = settled.events.len() - first;
        let last = settled.events[first + count - 1].0;
        settled.found.push(Settlement { kind: Kind::Timeout, at: now, first, count });
        if around.shape.by_episode {
            self.episode_end = Some(last);
        }
    }
}

/// The events of a run with their steps, in order; `last` behind them, if its last position has taken that.
fn push_events(run: &Run<'_>, last: Option<Handle>, out: &mut Vec<(Handle, StepId)>) {
    let shape = run.around.shape;
    out.extend(run.fixed.iter().zip(&shape.fixed).map(|(event, step)| (*event, *step)));
    let Some(repeated) = &shape.repeated else { return };
    let (from, to) = run.stretch;
    out.extend(run.list.handles(from, to).iter().map(|event| (*event, repeated.first.step)));
    if let (Some(last), Some(spot)) = (last, &shape.last) {
        out.push((last, spot.step));
    }
}

// --- an event at one start ---------------------------------------------------------------------------------------

fn offer_to(at: &At<'_>, list: &List, start: &mut Start, next_from: u64, settled: &mut Settled) -> Fate {
    let shape = at.around.shape;
    if start.until.is_some() {
        let (wait, conditions) = shape.wait.as_ref().expect("it waits");
        let fits = at.row.fits(at.asked.steps[wait.step.index()]);
        let is_broken = fits && start.run(at.around, list).meets(conditions, Some(at.row), &[]);
        return if is_broken { Fate::Dies } else { Fate::Stays };
    }
    let taken = start.fixed.len as usize;
    let next = shape.prefix.get(taken).or(shape.last.as_ref());
    if next.is_some_and(|spot| is_too_late(at, start, spot)) {
        return Fate::Dies;
    }
    match (shape.prefix.get(taken), &shape.repeated) {
        (Some(spot), _) => {
            let run = start.run(at.around, list);
            if at.takes >> taken & 1 == 0 || !run.meets(&spot.conditions, Some(at.row), &spot.enters) {
                return missed(at, spot, &run);
            }
            start.fixed.push(at.event);
            start.from = next_from;
            Fate::Stays
        }
        (None, Some(repeated)) => offer_loop(at, list, start, repeated),
        (None, None) => {
            let spot = shape.last.as_ref().expect("a chain has a last position");
            let run = start.run(at.around, list);
            let fits = at.takes & shape.last_bit() != 0;
            if !fits || !run.meets(&spot.conditions, Some(at.row), &spot.enters) {
                return missed(at, spot, &run);
            }
            reach_end(at, start, list, settled)
        }
    }
}

/// Whether `gap` or the window of a group has ended the only run of a chain before the event.
fn is_too_late(at: &At<'_>, start: &Start, spot: &Spot) -> bool {
    let is_over = |(place, within): &(usize, Duration)| {
        at.around.arena.time(start.fixed.as_slice()[*place]).plus(*within) <= at.row.time()
    };
    spot.windows.iter().any(is_over)
}

/// An event that the position did not take that a run waits for.
fn missed(at: &At<'_>, spot: &Spot, run: &Run<'_>) -> Fate {
    let is_over = spot.word == Word::Next || breaks(at, &spot.absences, run);
    if is_over { Fate::Dies } else { Fate::Stays }
}

/// Whether the event is one that must not come.
fn breaks(at: &At<'_>, absences: &[Absent], run: &Run<'_>) -> bool {
    absences.iter().any(|absent| {
        at.row.fits(at.asked.steps[absent.step.index()]) && run.meets(&absent.conditions, Some(at.row), &[])
    })
}

/// The last position of a chain takes the event.
fn reach_end(at: &At<'_>, start: &mut Start, list: &List, settled: &mut Settled) -> Fate {
    let shape = at.around.shape;
    start.fixed.push(at.event);
    if let Some((wait, _)) = &shape.wait {
        start.until = shape.wait_ends(start.began, at.row.time());
        settled.pending_until = start.until.filter(|_| wait.wait.is_some());
        return Fate::Stays;
    }
    let meets = start.run(at.around, list).meets(shape.having.as_slice(), None, &[]);
    if meets { Fate::Completes(0) } else { Fate::Dies }
}

/// A start whose loop has begun, or comes next.
fn offer_loop(at: &At<'_>, list: &List, start: &mut Start, repeated: &Repeated) -> Fate {
    let shape = at.around.shape;
    let no_groups: &[GroupId] = &[];
    let run = start.run(at.around, list);
    let count = run.stretch.1 - run.stretch.0;
    let conditions = if count == 0 { &repeated.first.conditions } else { &repeated.conditions };
    let fits = at.takes & shape.loop_bit() != 0 && run.meets(conditions, Some(at.row), no_groups);
    let can_leave = count >= repeated.min;
    let is_held = repeated.is_greedy && fits && !at.is_until;
    if let Some(spot) = &shape.last
        && can_leave
        && !is_held
        && at.takes & shape.last_bit() != 0
    {
        let (from, to) = run.stretch;
        let least = if repeated.is_greedy { count } else { repeated.min };
        let leaves = |count: &usize| {
            let run = Run { stretch: (from, from + count), ..run };
            run.meets(&spot.conditions, Some(at.row), no_groups)
        };
        debug_assert_eq!(from + count, to);
        if let Some(count) = (least..=count).rev().find(leaves) {
            return Fate::Completes(count);
        }
    }
    if can_leave && breaks(at, &repeated.after, &run) {
        return Fate::Dies;
    }
    let is_broken = count == 0 && breaks(at, &repeated.first.absences, &run);
    if at.is_until && (count > 0 || fits) {
        if !can_leave || shape.last.is_none() {
            return Fate::Dies;
        }
        start.frozen.get_or_insert(count);
        return Fate::Stays;
    }
    if !fits {
        return if is_broken { Fate::Dies } else { Fate::Stays };
    }
    if start.frozen.is_some() || count == repeated.max {
        return if repeated.is_greedy { Fate::Dies } else { Fate::Stays };
    }
    if !shape.is_shared {
        start.own.push(at.event, &shape.tracked, at.around.arena);
    }
    Fate::Stays
}
