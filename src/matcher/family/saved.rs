//! The runs of a key on their way out of the process and back, for all rules of a family together.
//!
//! The record of a key has its events, each once, and then:
//!
//! ```text
//! how many rules the family has
//! how many runs, and of each:  how many events it has taken, these, and a word for every 64 rules with a bit for each
//!                              that is in this place with these events
//! ```
//!
//! Bits are in the order of [`Family::rules`](super::Family::rules). When a run began follows from its first event. Runs
//! whose window has closed, which are kept until somebody looks at the key, are left out.

use super::{Mask, POSITIONS_MAX, Run, Shared, intersection, is_any};
use crate::codec::{Coded, Damaged};
use crate::matcher::capture::Arena;
use crate::matcher::saved::KeyCodec;
use crate::time::EventTime;

/// What there is to know of a family.
#[derive(Clone, Copy)]
pub(super) struct About<const WORDS: usize> {
    rules: usize,
    all: Mask<WORDS>,
    positions: usize,
}

impl<const WORDS: usize> Shared<WORDS> {
    /// What there is to know of the family.
    pub(super) fn about(&self) -> About<WORDS> {
        let (rules, positions) = (self.rules.len(), self.positions.len());
        About { rules, all: self.positions[0].all, positions }
    }
}

impl<const WORDS: usize> Run<WORDS> {
    /// A run that is to be loaded.
    fn unknown() -> Run<WORDS> {
        Run { rules: [0; WORDS], began: EventTime::START, events: [0; POSITIONS_MAX], size: 0 }
    }

    fn walk(&mut self, about: About<WORDS>, arena: &Arena, codec: &mut KeyCodec<'_>) -> Coded {
        codec.byte(&mut self.size)?;
        if !(1..about.positions).contains(&usize::from(self.size)) {
            return Err(Damaged::Odd("how many events a run has"));
        }
        codec.run(&mut self.events[..usize::from(self.size)])?;
        let words = about.rules.div_ceil(64);
        self.rules[..words].iter_mut().try_for_each(|word| codec.u64(word))?;
        if self.rules != intersection(&self.rules, &about.all) || !is_any(&self.rules) {
            return Err(Damaged::Odd("the rules of a run"));
        }
        self.began = arena.time(self.events[0]);
        Ok(())
    }
}

/// Walks the runs of a key; those that began later than `began_before` are open.
pub(super) fn walk<const WORDS: usize>(
    runs: &mut Vec<Run<WORDS>>,
    (about, began_before): (About<WORDS>, EventTime),
    arena: &Arena,
    codec: &mut KeyCodec<'_>,
) -> Coded {
    let mut rules = about.rules;
    codec.usize(&mut rules)?;
    if rules != about.rules {
        return Err(Damaged::Odd("the number of rules"));
    }
    let count = codec.length(runs.iter().filter(|run| run.began > began_before).count())?;
    if !codec.is_loading() {
        let mut open = runs.iter_mut().filter(|run| run.began > began_before);
        return open.try_for_each(|run| run.walk(about, arena, codec));
    }
    if count == 0 {
        return Err(Damaged::Odd("how many runs"));
    }
    for _ in 0..count {
        let mut run = Run::unknown();
        run.walk(about, arena, codec)?;
        runs.push(run);
    }
    Ok(())
}
