//! The state of an engine for another program: what is taken over where rules have changed.
//!
//! The state of keys names nothing of the program but its unit, so it is taken as it is. What is *rest* names streams and
//! patterns by numbers that depend on the program, and holds events with the fields that were read then: it is put into an
//! engine for the old program and taken over from there, name by name. Events that wait and lack a field that is read now
//! are read again by who knows where they came from.

use std::sync::Arc;

use super::crew::Work;
use super::outcome::{Events, TalliedEvents};
use super::{Engine, EngineError, Outcome, projection};
use crate::codec::Codec;
use crate::event::{PatternId, StepId, StreamId};
use crate::lang::hir::{Field, Origin};
use crate::matcher::Event;
use crate::stream::CarriedStream;
use crate::time::Duration;

pub use crate::stream::{Reread, Unread};

/// What is not taken over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeftBehind {
    /// What was found of patterns that are not here, and is not told yet.
    pub outcomes: u64,
}

/// What is open of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenState {
    /// The pattern.
    pub pattern: PatternId,
    /// Partial matches, by their first events.
    pub open: u64,
    /// Matches and timeouts that are found and not told yet.
    pub found: u64,
}

impl Engine {
    /// Takes over everything but the state of keys from an engine for another program, before the first event. `pattern`
    /// says which pattern of this program one of the other is, if any; streams are the same where their names are.
    ///
    /// # Errors
    ///
    /// What reading again gives.
    pub fn carry<E>(
        &mut self,
        other: &Engine,
        pattern: &dyn Fn(PatternId) -> Option<PatternId>,
        reread: &mut Reread<'_, E>,
    ) -> Result<LeftBehind, E> {
        let streams: Vec<Option<CarriedStream>> =
            (0..other.program.streams.len() as u32).map(|id| self.carried(other, StreamId(id))).collect();
        let of = |id: StreamId| streams[id.index()].clone();
        let prepare = |batch| crate::matcher::chunk::Prepared::new(batch, &self.predicates);
        self.sequencer.carry(&other.sequencer, &of, &prepare, reread)?;
        let to = |id: StreamId| streams[id.index()].as_ref().map(|stream| stream.to);
        let numbers = other.numbers.iter();
        self.numbers =
            numbers.filter_map(|((stream, level), n)| Some(((to(*stream)?, *level), *n))).collect();
        let mut left = LeftBehind::default();
        for outcome in other.held.iter().flat_map(|hold| hold.all()).chain(&other.told) {
            match pattern(outcome.pattern).and_then(|id| renamed(outcome, id, &to)) {
                Some(outcome) => self.hold_again(outcome),
                None => left.outcomes += u64::from(!outcome.is_told),
            }
        }
        self.seen.iter_mut().zip(&other.seen).for_each(|(seen, other)| *seen = *other);
        self.now = other.now;
        let reached = other.known_reached.iter();
        self.known_reached = reached.filter_map(|(id, bound)| Some((pattern(*id)?, *bound))).collect();
        let counts = std::mem::take(&mut self.stats.patterns);
        self.stats = other.stats();
        let old = std::mem::replace(&mut self.stats.patterns, counts);
        for (id, mut counts) in (0..).map(PatternId).zip(old) {
            (counts.runs, counts.keys) = (0, 0);
            if let Some(id) = pattern(id) {
                self.stats.patterns[id.index()] = counts;
            }
        }
        Ok(left)
    }

    /// What is open now of each pattern that runs: its partial matches by their first events, and what is found but may
    /// still be preceded.
    ///
    /// # Errors
    ///
    /// A bound that was reached.
    pub fn open(&mut self) -> Result<Vec<OpenState>, EngineError> {
        self.settle()?;
        let mut all: Vec<OpenState> =
            self.patterns.iter().map(|pattern| OpenState { pattern: *pattern, open: 0, found: 0 }).collect();
        for level in 0..self.levels {
            let answers = self.exchange(Work::Count { level, now: self.now });
            for (pattern, count) in answers.iter().flat_map(|answer| &answer.counts) {
                all.iter_mut().filter(|one| one.pattern == *pattern).for_each(|one| one.open += count);
            }
        }
        let held = self.held.iter().flat_map(|hold| hold.all()).chain(&self.told);
        for outcome in held.filter(|outcome| !outcome.is_told) {
            all.iter_mut().filter(|one| one.pattern == outcome.pattern).for_each(|one| one.found += 1);
        }
        Ok(all)
    }

    /// Everything but the state of keys, as [`restore`](Engine::restore) takes it.
    pub fn rest(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.save_rest(&mut Codec::saving(&mut rest)).expect("what is held can be saved");
        rest
    }

    /// What a stream of another program is here: one of the same name, of the same kind.
    fn carried(&self, other: &Engine, from: StreamId) -> Option<CarriedStream> {
        let old = other.program.stream(from);
        let to = self.program.stream_named(&old.name)?;
        let new = self.program.stream(to);
        let is_read = || self.patterns.iter().any(|id| self.program.pattern(*id).source_of(to).is_some());
        let disorder = match (&old.origin, &new.origin) {
            // One that nobody reads any more would hold the watermark back.
            (Origin::Source { .. }, Origin::Source { disorder, .. }) if is_read() => *disorder,
            (Origin::Derived { .. }, Origin::Derived { .. }) => Duration::ZERO,
            _ => return None,
        };
        let is_same = |one: &Field, two: &Field| {
            one.name == two.name && one.ty == two.ty && one.path == two.path && one.form == two.form
        };
        let field = |new: &Field| old.fields.iter().position(|old| is_same(old, new));
        Some(CarriedStream {
            to,
            disorder,
            types: projection(&self.program, &self.patterns, to, false),
            fields: new.fields.iter().map(field).collect(),
        })
    }

    /// Holds what another engine has held.
    fn hold_again(&mut self, outcome: Outcome) {
        let level = self.program.pattern(outcome.pattern).level as usize;
        self.held[level].put_one_back(outcome);
    }
}

/// An outcome as another program names it; nothing where one of its events is of a stream that is not there.
fn renamed(
    outcome: &Outcome,
    pattern: PatternId,
    stream: &dyn Fn(StreamId) -> Option<StreamId>,
) -> Option<Outcome> {
    let one = |(step, event): &(StepId, Arc<Event>)| {
        let mut event = Event::clone(event);
        event.position.stream = stream(event.position.stream)?;
        Some((*step, Arc::new(event)))
    };
    let all = |events: &Events| match events {
        Events::Shared(events) => events.iter().map(one).collect::<Option<Vec<_>>>().map(Events::Shared),
        // What was loaded stands by itself.
        Events::Flat { .. } | Events::Tallied(_) => None,
    };
    let events = match &outcome.events {
        Events::Tallied(tallied) => Events::Tallied(Box::new(TalliedEvents {
            completing: all(&tallied.completing)?,
            values: tallied.values.clone(),
        })),
        events => all(events)?,
    };
    Some(Outcome { pattern, events, ..outcome.clone() })
}
