//! What the engine does with events that are let through: tasks out, answers in, level by level.

use std::sync::Arc;

use super::crew::{Answer, Hands, Task, Work};
use super::{Engine, EngineError, Outcome, UnderWay};
use crate::matcher::Kind;
use crate::matcher::chunk::Prepared;
use crate::stream::Ordered;
use crate::time::EventTime;

/// What shards have found, by shard.
pub(super) type Found = Vec<Vec<Outcome>>;

impl Engine {
    /// Works on events in total order, then on deadlines up to `to`. Outcomes before `pass` become records.
    pub(super) fn work(
        &mut self,
        events: Ordered<Prepared>,
        to: EventTime,
        pass: EventTime,
        is_end: bool,
    ) -> Result<(), EngineError> {
        let count = events.len() as u64;
        let mut events = Arc::new(events);
        self.now = to;
        if self.levels == 1 && !self.may_hold_too_much(count) {
            self.seen[0] += count;
            self.hand_out(
                Task(Work::Events { level: 0, events, to, is_end }),
                UnderWay { pass, events: count },
            )?;
            return if pass == EventTime::END { self.settle() } else { Ok(()) };
        }
        self.settle()?;
        let mut told = Vec::new();
        for level in 0..self.levels {
            let found = self.work_on_level(level, &events, to, is_end)?;
            let through = self.held[level as usize].pass(found, pass);
            if level + 1 < self.levels {
                let derived = self.derive(level, &through);
                if !derived.is_empty() {
                    events = Arc::new(Ordered::clone(&events).merge(derived));
                }
            }
            told.extend(through);
        }
        told.retain(|outcome| !outcome.is_told);
        if self.levels > 1 {
            told.sort_by(Outcome::cmp_output);
        }
        self.told.append(&mut told);
        self.check_state()?;
        self.make_room()
    }

    /// Has a task of the only level done. Elsewhere it may still be under way when this returns, but not many are.
    fn hand_out(&mut self, task: Task, what: UnderWay) -> Result<(), EngineError> {
        match &mut self.hands {
            Hands::Here(shards) => {
                let mut answers: Vec<Answer> = shards.iter_mut().map(|shard| shard.work(&task)).collect();
                self.take_saved_of(&mut answers);
                self.take_told(answers, what.pass)?;
                self.make_room()
            }
            Hands::Away(crew) => {
                let ahead = crew.tasks_ahead();
                crew.hand_out(task);
                self.under_way.push_back(what);
                self.collect(ahead)
            }
        }
    }

    /// Takes answers until so few tasks are under way.
    pub(super) fn collect(&mut self, mut ahead: usize) -> Result<(), EngineError> {
        while self.under_way.len() > ahead
            && let Hands::Away(crew) = &mut self.hands
        {
            let mut answers = crew.collect();
            self.take_saved_of(&mut answers);
            let UnderWay { pass, .. } = self.under_way.pop_front().expect("a task is under way");
            if let Err(error) = self.take_told(answers, pass) {
                // What comes of the tasks behind it is nothing.
                self.under_way.clear();
                return Err(error);
            }
            if self.needs_room() {
                ahead = 0;
            }
        }
        if self.under_way.is_empty() { self.make_room() } else { Ok(()) }
    }

    /// Takes the answers to a task of the only level.
    fn take_told(&mut self, answers: Vec<Answer>, pass: EventTime) -> Result<(), EngineError> {
        let found = self.absorb(answers)?;
        let mut told = self.held[0].pass(found, pass);
        told.retain(|outcome| !outcome.is_told);
        if self.told.is_empty() {
            self.told = told;
        } else {
            self.told.append(&mut told);
        }
        self.check_state()
    }

    /// Has all shards do a task, and waits for it.
    pub(super) fn exchange(&mut self, task: Work) -> Vec<Answer> {
        debug_assert!(self.under_way.is_empty(), "answers come in the order of tasks");
        let task = Task(task);
        let mut answers: Vec<Answer> = match &mut self.hands {
            Hands::Here(shards) => shards.iter_mut().map(|shard| shard.work(&task)).collect(),
            Hands::Away(crew) => {
                crew.hand_out(task);
                crew.collect()
            }
        };
        self.take_saved_of(&mut answers);
        answers
    }

    /// Takes what shards say of their keys: those that they have told of an epoch, and what the others take.
    fn take_saved_of(&mut self, answers: &mut [Answer]) {
        self.is_telling = answers.iter().any(|answer| answer.is_telling);
        for (shard, answer) in answers.iter_mut().enumerate() {
            self.saved.append(std::mem::take(&mut answer.saved));
            self.hot_bytes[shard] = answer.hot_bytes;
            self.lost = self.lost.take().or_else(|| answer.lost.take());
        }
    }

    /// Puts the answers of all shards together: what was counted, and what was found.
    pub(super) fn absorb(&mut self, answers: Vec<Answer>) -> Result<Found, EngineError> {
        if let Some(why) = self.lost.take() {
            return Err(EngineError::Lost { why });
        }
        self.stats.null_keys = answers.iter().map(|answer| answer.null_keys).sum();
        let mut found = Vec::with_capacity(answers.len());
        let mut failures = Vec::new();
        let mut reached = Vec::new();
        for (shard, answer) in answers.into_iter().enumerate() {
            self.usage[shard] = answer.usage;
            self.key_usage[shard] = answer.key_usage;
            failures.extend(answer.failure);
            reached.extend(answer.reached);
            for (pattern, events) in answer.cut_short {
                self.stats.patterns[pattern.index()].cut_short += events;
            }
            found.push(answer.outcomes);
        }
        self.add_up();
        self.note_reached(reached);
        if let Some(failure) = failures.into_iter().reduce(|first, other| other.first(Some(first))) {
            return Err(failure.error.into());
        }
        for outcome in found.iter().flatten() {
            let counts = &mut self.stats.patterns[outcome.pattern.index()];
            match outcome.kind {
                Kind::Match => counts.matches += 1,
                Kind::Timeout => counts.timeouts += 1,
            }
        }
        Ok(found)
    }
}
