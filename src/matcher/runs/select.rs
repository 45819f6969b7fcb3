//! Which matches of a key come out, and which runs they end.

use std::collections::{BTreeMap, BTreeSet};

use super::run::Run;
use crate::lang::hir::{KeepPolicy, Mode, Skip};
use crate::matcher::limiter::Limiter;
use crate::matcher::rank::{self, SkipPoint, Waiting};
use crate::matcher::{Bound, Bounds, Cut, Found, Order, Plan};
use crate::time::EventTime;

/// What is known of the runs with one first event.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// How many live.
    pub(super) live: u32,
    /// Whether one of them gave a match.
    pub(super) has_matched: bool,
    /// Under `match`: the best of those that a window or gap has ended.
    pub(super) timeout: Option<Found>,
}

/// What was held back since somebody last asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldBack {
    /// Matches, by `limit`.
    pub(super) suppressed: u64,
    /// Starts, by `keep`.
    pub(super) dropped: u64,
    /// Starts, by the bound on the runs of a key.
    pub(super) ended: u64,
}

/// The choice among matches, for one key.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// What became certain.
    pub(super) out: Vec<Found>,
    pub(super) moment: u64,
    /// By first event; only of starts with live runs, except while an event or deadline is being worked on.
    pub(super) starts: BTreeMap<Order, Start>,
    pub(super) waiting: Vec<Waiting>,
    /// Under `match`: the last event of the last match or timeout.
    pub(super) episode_end: Option<Order>,
    pub(super) limiter: Limiter,
    /// Starts that `keep` has dropped.
    dropped: u64,
    /// Starts that the bound on runs has ended.
    ended: u64,
}

impl Selection {
    pub(super) fn next_moment(&mut self) {
        self.moment += 1;
    }

    pub(super) fn run_began(&mut self, plan: &Plan, start: Order) {
        if needs_starts(plan) {
            self.starts.entry(start).or_default().live += 1;
        }
    }

    pub(super) fn run_ended(&mut self, start: Order) {
        if let Some(start) = self.starts.get_mut(&start) {
            start.live -= 1;
        }
    }

    pub(super) fn take_held_back(&mut self) -> HeldBack {
        HeldBack {
            suppressed: self.limiter.take_suppressed(),
            dropped: std::mem::take(&mut self.dropped),
            ended: std::mem::take(&mut self.ended),
        }
    }

    pub(super) fn forgets_at(&self, plan: &Plan) -> Option<EventTime> {
        self.limiter.forgets_at(plan.pattern.limit)
    }

    pub(super) fn forget(&mut self, plan: &Plan, now: EventTime) {
        self.limiter.forget(plan.pattern.limit, now);
    }

    pub(super) fn is_idle(&self, plan: &Plan) -> bool {
        self.waiting.is_empty() && self.forgets_at(plan).is_none()
    }

    /// `keep`: bounds the distinct first events of live runs.
    pub(super) fn keep(
        &mut self,
        plan: &Plan,
        runs: &mut Vec<Run>,
        newest: Option<Order>,
    ) -> Result<(), (Bound, u64)> {
        let Some(keep) = plan.pattern.keep else { return Ok(()) };
        self.starts.retain(|_, start| start.live > 0 || start.timeout.is_some() || start.has_matched);
        loop {
            let live = self.starts.iter().filter(|(_, start)| start.live > 0);
            if live.clone().count() <= keep.count as usize {
                return Ok(());
            }
            let victim = match keep.policy {
                KeepPolicy::DropOldest => live.map(|(order, _)| *order).next(),
                KeepPolicy::DropNewest => newest,
                KeepPolicy::Fail => return Err((Bound::Keep, u64::from(keep.count))),
            };
            let victim = victim.expect("more starts than none");
            self.starts.remove(&victim);
            runs.retain(|run| run.start != victim);
            self.dropped += 1;
        }
    }

    /// The bound on the runs of a key: ends all of the oldest or newest starts until they are few enough.
    pub(super) fn bound(&mut self, bounds: &Bounds, runs: &mut Vec<Run>) -> Result<(), (Bound, u64)> {
        let mut excess = (runs.len() as u64).saturating_sub(bounds.runs_per_key_max);
        if excess == 0 {
            return Ok(());
        }
        let mut counts: BTreeMap<Order, u64> = BTreeMap::new();
        runs.iter().for_each(|run| *counts.entry(run.start).or_default() += 1);
        let mut gone: BTreeSet<Order> = BTreeSet::new();
        while excess > 0 {
            let next = match bounds.policy {
                KeepPolicy::DropOldest => counts.pop_first(),
                KeepPolicy::DropNewest => counts.pop_last(),
                KeepPolicy::Fail => return Err((Bound::RunsPerKey, bounds.runs_per_key_max)),
            };
            let (start, count) = next.expect("every run has a start");
            excess = excess.saturating_sub(count);
            gone.insert(start);
        }
        self.ended += gone.len() as u64;
        self.starts.retain(|start, _| !gone.contains(start));
        runs.retain(|run| !gone.contains(&run.start));
        Ok(())
    }

    /// Forgets the starts that a cut drops. What is complete is a match, also if its start is dropped.
    pub(super) fn cut(&mut self, cut: Cut) {
        self.starts.retain(|start, _| !cut.drops(start.time));
    }

    /// Chooses among what completed or timed out at one moment, and ends the runs that this skips.
    pub(super) fn settle(
        &mut self,
        plan: &Plan,
        runs: &mut Vec<Run>,
        at: EventTime,
        mut completed: Vec<Found>,
        timeouts: Vec<Found>,
    ) {
        completed.sort_by(Found::cmp_events);
        completed.dedup();
        let before = self.out.len();
        let pattern = &plan.pattern;
        match (pattern.mode, pattern.skip) {
            (Mode::All, Skip::None) => self.out.append(&mut completed),
            (Mode::All, _) => {
                self.wait(completed);
                self.release_in_order(plan, runs, at);
            }
            (Mode::First, _) => self.take_best(plan, runs, completed),
            (Mode::Longest, _) => {
                self.wait(completed);
                self.release_longest(runs, at);
            }
        }
        match pattern.mode {
            Mode::All => self.out.extend(timeouts),
            Mode::First | Mode::Longest => self.close_starts(at, timeouts),
        }
        self.starts.retain(|_, start| start.live > 0);
        let mut found = self.out.split_off(before);
        found.sort_by(Found::cmp_events);
        found.dedup();
        found.retain(|found| self.limiter.allows(pattern.limit, found.kind, found.at));
        self.out.append(&mut found);
    }

    /// Puts matches among those that wait.
    fn wait(&mut self, completed: Vec<Found>) {
        for found in completed {
            self.mark_matched(rank::first(&found));
            self.waiting.push(Waiting { moment: self.moment, found });
        }
    }

    fn mark_matched(&mut self, start: Order) {
        if let Some(start) = self.starts.get_mut(&start) {
            start.has_matched = true;
        }
    }

    fn earliest_alive(&self) -> Option<Order> {
        self.starts.iter().find(|(_, start)| start.live > 0).map(|(order, _)| *order)
    }

    fn drop_before(&mut self, point: SkipPoint, runs: &mut Vec<Run>) {
        runs.retain(|run| !point.drops(run.start));
        self.starts.retain(|order, _| !point.drops(*order));
        self.waiting.retain(|waiting| !point.drops(rank::first(&waiting.found)));
    }

    /// `match all … skip`: in order of first event, once no earlier start is alive.
    fn release_in_order(&mut self, plan: &Plan, runs: &mut Vec<Run>, at: EventTime) {
        while let Some(index) = best(&self.waiting, rank::by_start_and_completion) {
            let start = rank::first(&self.waiting[index].found);
            if self.earliest_alive().is_some_and(|alive| alive < start) {
                return;
            }
            let found = self.waiting.swap_remove(index).found;
            if let Some(point) = SkipPoint::of(plan.pattern.skip, &found) {
                self.drop_before(point, runs);
            }
            self.out.push(Found { at, ..found });
        }
    }

    /// `match`: the best of those complete now, then what starts after it, and so on.
    fn take_best(&mut self, plan: &Plan, runs: &mut Vec<Run>, mut candidates: Vec<Found>) {
        for found in &candidates {
            self.mark_matched(rank::first(found));
        }
        candidates.sort_by(rank::by_start);
        let mut skip_point: Option<SkipPoint> = None;
        for found in candidates {
            if skip_point.is_some_and(|point| point.drops(rank::first(&found))) {
                continue;
            }
            if let Some(point) = SkipPoint::of(plan.pattern.skip, &found) {
                self.drop_before(point, runs);
                skip_point = Some(point);
            }
            self.episode_end = self.episode_end.max(Some(rank::last(&found)));
            self.out.push(found);
        }
    }

    /// `match longest`: the fullest of the earliest start, once neither it nor an earlier one is alive.
    fn release_longest(&mut self, runs: &mut Vec<Run>, at: EventTime) {
        while let Some(index) = best(&self.waiting, rank::by_start_and_fullness) {
            let start = rank::first(&self.waiting[index].found);
            if self.earliest_alive().is_some_and(|alive| alive <= start) {
                return;
            }
            let found = self.waiting.swap_remove(index).found;
            self.drop_before(SkipPoint::After(rank::last(&found)), runs);
            self.episode_end = self.episode_end.max(Some(rank::last(&found)));
            self.out.push(Found { at, ..found });
        }
    }

    /// One timeout for a start whose last live run a window or a gap has ended now.
    fn close_starts(&mut self, at: EventTime, timeouts: Vec<Found>) {
        let mut ended: Vec<Order> = Vec::new();
        for found in timeouts {
            let first = rank::first(&found);
            // A start that a match has dropped gives no timeout.
            let Some(start) = self.starts.get_mut(&first) else { continue };
            ended.push(first);
            let is_better = start.timeout.as_ref().is_none_or(|best| rank::by_length(&found, best).is_lt());
            if is_better {
                start.timeout = Some(found);
            }
        }
        ended.sort_unstable();
        ended.dedup();
        for first in ended {
            let start = self.starts.get_mut(&first).expect("it was there");
            if start.live > 0 || start.has_matched || self.episode_end.is_some_and(|end| first <= end) {
                continue;
            }
            let found = start.timeout.take().expect("it has just ended");
            self.episode_end = Some(rank::last(&found));
            self.out.push(Found { at, ..found });
        }
    }
}

/// Whether the pattern asks which starts are alive.
pub(super) fn needs_starts(plan: &Plan) -> bool {
    let pattern = &plan.pattern;
    pattern.mode != Mode::All || pattern.skip != Skip::None || pattern.keep.is_some()
}

/// The index of the best of some waiting matches.
fn best(waiting: &[Waiting], order: fn(&Waiting, &Waiting) -> std::cmp::Ordering) -> Option<usize> {
    (0..waiting.len()).min_by(|left, right| order(&waiting[*left], &waiting[*right]))
}
