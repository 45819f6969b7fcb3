//! The record of a key of a family as that of another family: of some of its rules.
//!
//! Where one rule of a family changes, the others keep their state. Their bits move to other places, and runs that none of
//! them is in are left out. Events stay as they are: those that no run names any more are freed with the others.

use std::sync::Arc;

use crate::codec::{Codec, Damaged};
use crate::lang::hir::Pattern;
use crate::matcher::capture::{Arena, Layout, LoadedEvents};

/// Makes of a saved record that of a family with some of its rules: for each of `rules`, the number that it had before.
/// `pattern` is one of the family, and `before` how many rules it had. Nothing comes of a record where no run is left.
///
/// # Errors
///
/// [`Damaged`].
pub fn regrouped(
    bytes: &[u8],
    pattern: &Pattern,
    before: usize,
    rules: &[usize],
) -> Result<Vec<u8>, Damaged> {
    let layout = Layout::of(pattern).ok_or(Damaged::Odd("the fields of a family"))?;
    let mut arena = Arena::new(pattern, Arc::new(layout));
    let mut codec = Codec::loading(bytes);
    arena.load(&mut LoadedEvents::default(), &mut codec)?;
    let events = &bytes[..bytes.len() - codec.rest().len()];
    let mut count = 0;
    codec.usize(&mut count)?;
    if count != before {
        return Err(Damaged::Odd("the number of rules"));
    }
    let mut runs = Vec::new();
    for _ in 0..codec.length(0)? {
        let run = SavedRun::load(before, &mut codec)?;
        runs.extend(run.of_rules(rules));
    }
    codec.end()?;
    let mut out = Vec::new();
    if !runs.is_empty() {
        out.extend_from_slice(events);
        let mut codec = Codec::saving(&mut out);
        codec.usize(&mut rules.len())?;
        codec.length(runs.len())?;
        runs.iter_mut().try_for_each(|run| run.save(&mut codec))?;
    }
    Ok(out)
}

/// A run as it is saved.
struct SavedRun {
    events: Vec<usize>,
    words: Vec<u64>,
}

impl SavedRun {
    fn load(rules: usize, codec: &mut Codec<'_>) -> Result<SavedRun, Damaged> {
        let mut size = 0;
        codec.byte(&mut size)?;
        let mut run = SavedRun { events: vec![0; size.into()], words: vec![0; rules.div_ceil(64)] };
        run.events.iter_mut().try_for_each(|event| codec.usize(event))?;
        run.words.iter_mut().try_for_each(|word| codec.u64(word))?;
        Ok(run)
    }

    /// What is left of it for some rules.
    fn of_rules(self, rules: &[usize]) -> Option<SavedRun> {
        let mut words = vec![0; rules.len().div_ceil(64)];
        for (to, from) in rules.iter().enumerate() {
            let word = self.words.get(from / 64).copied().unwrap_or_default();
            words[to / 64] |= (word >> (from % 64) & 1) << (to % 64);
        }
        words.iter().any(|word| *word != 0).then_some(SavedRun { words, ..self })
    }

    fn save(&mut self, codec: &mut Codec<'_>) -> Result<(), Damaged> {
        let mut size = self.events.len() as u8;
        codec.byte(&mut size)?;
        self.events.iter_mut().try_for_each(|event| codec.usize(event))?;
        self.words.iter_mut().try_for_each(|word| codec.u64(word))
    }
}
