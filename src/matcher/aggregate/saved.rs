//! The state of a tally on its way out of the process and back.
//!
//! Of a key are saved the front, each of its first events with the row that it stands in, since the events that made
//! the row are gone; and the events of the back. From these are made anew: the product of the back, by multiplying its
//! events again, how many events there are, the oldest and the newest first event, and when to look whether the key
//! still needs its state.
//!
//! Which of the two stacks an event stands in decides nothing that is told: both stand for the same window. So turning
//! the one over onto the other is no change that has to be saved.

use super::algebra::Values;
use super::state::{CLEARS, Counting, HEAD, NULLS, State, TAKES, TIME};
use super::{Aggregate, KeyTable, SavedKey, Sink};
use crate::codec::{Codec, Coded, Damaged};
use crate::matcher::cells::{CellId, Which};
use crate::matcher::keys::KeyId;
use crate::matcher::saved::tell;
use crate::time::EventTime;

impl Aggregate {
    /// Tells the state of some of the keys that are to be told.
    pub(super) fn save_some(
        &mut self,
        which: Which<'_>,
        now: EventTime,
        keys: &KeyTable,
        sink: &mut Sink<'_>,
    ) {
        tell(&self.cells.take_pending(which), keys, sink, |cell, record| {
            // What time has made worthless is no change.
            self.work_on(cell, |state, counting, scratch| state.evict(counting, now, scratch));
            let state = &mut self.states[cell as usize];
            if !state.is_empty() {
                let saved = state.walk(&self.counting, &mut Codec::saving(&mut record.bytes));
                saved.expect("what is held can be saved");
            }
        });
    }

    /// Forgets the state of some keys that has not changed since it was told.
    pub(super) fn evict_some(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let unchanged = self.cells.unchanged(at_most);
        let evict = |(cell, key): (CellId, KeyId)| {
            let state = std::mem::take(&mut self.states[cell as usize]);
            self.held -= state.events;
            self.bytes -= state.bytes();
            self.expiry.unset(cell);
            self.cells.evict(cell);
            (key, state.newest.plus(self.counting.within))
        };
        unchanged.into_iter().map(evict).collect()
    }

    /// Takes the state of some keys.
    pub(super) fn load_saved(&mut self, saved: &[SavedKey<'_>]) -> Coded {
        for SavedKey { key, bytes, .. } in saved {
            let (mut state, mut codec) = (State::default(), Codec::loading(bytes));
            state.walk(&self.counting, &mut codec)?;
            codec.end()?;
            state.derive(&self.counting);
            if state.is_empty() {
                return Err(Damaged::Odd("the number of first events"));
            }
            self.held += state.events;
            self.bytes += state.bytes();
            let cell = self.cells.take_up(*key);
            self.expiry.set(cell, state.newest.plus(self.counting.within));
            if self.states.len() <= cell as usize {
                self.states.resize_with(cell as usize + 1, State::default);
            }
            self.states[cell as usize] = state;
        }
        Ok(())
    }
}

impl State {
    /// Both stacks.
    fn walk(&mut self, counting: &Counting, codec: &mut Codec<'_>) -> Coded {
        let (row, stride) = (counting.front_stride(), counting.stride());
        walk_rows(&mut self.front, row, codec, |words, codec| {
            signed(&mut words[TIME], codec)?;
            let mut amounts = words[1..].chunks_exact_mut(counting.algebra.width);
            amounts.try_for_each(|amount| counting.algebra.walk(amount, codec))
        })?;
        walk_rows(&mut self.back, stride, codec, |words, codec| walk_event(words, counting, codec))?;
        // The front has its oldest event last.
        let front = self.front.chunks_exact(row).map(|words| words[TIME] as i64);
        let back = self.back.chunks_exact(stride).map(|words| words[TIME] as i64);
        if front.rev().chain(back).is_sorted() { Ok(()) } else { Err(Damaged::Odd("the order of events")) }
    }
}

/// Rows of so many words.
fn walk_rows(
    rows: &mut Vec<u64>,
    stride: usize,
    codec: &mut Codec<'_>,
    mut each: impl FnMut(&mut [u64], &mut Codec<'_>) -> Coded,
) -> Coded {
    for at in 0..codec.length(rows.len() / stride)? {
        let (start, end) = (at * stride, (at + 1) * stride);
        if rows.len() < end {
            rows.resize(end, 0);
        }
        each(&mut rows[start..end], codec)?;
    }
    Ok(())
}

/// An event of the back: what it does, and what is covered of it.
fn walk_event(words: &mut [u64], counting: &Counting, codec: &mut Codec<'_>) -> Coded {
    signed(&mut words[TIME], codec)?;
    codec.u64(&mut words[TAKES])?;
    codec.u64(&mut words[CLEARS])?;
    codec.u64(&mut words[NULLS])?;
    let (takes, clears, nulls) = (words[TAKES], words[CLEARS], words[NULLS]);
    // No run is taken on from the last place, none is cleared from before all events, and nothing is kept that does
    // nothing.
    let is_odd = takes >> (counting.places - 1) != 0 || clears >> counting.places != 0 || clears & 1 == 1;
    if is_odd || takes | clears == 0 {
        return Err(Damaged::Odd("what an event does"));
    }
    if nulls.checked_shr(counting.algebra.fields.len() as u32).unwrap_or(0) != 0 {
        return Err(Damaged::Odd("which fields are null"));
    }
    let values = words[HEAD..].iter_mut().enumerate().filter(|(field, _)| !Values::is_null(nulls, *field));
    values.map(|(_, word)| word).try_for_each(|word| signed(word, codec))
}

fn signed(word: &mut u64, codec: &mut Codec<'_>) -> Coded {
    let mut value = *word as i64;
    codec.i64(&mut value)?;
    *word = value as u64;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::aggregate::algebra::Algebra;
    use crate::matcher::aggregate::state::Effect;
    use crate::time::Duration;

    fn counting() -> Counting {
        let algebra = Algebra::of_sum_least_and_greatest();
        Counting { algebra, places: 3, within: Duration::from_micros(20) }
    }

    /// A state in the middle of a window, with events in both stacks.
    fn state(counting: &Counting) -> State {
        let (mut state, mut scratch) = (State::default(), Vec::new());
        for now in 0..55_u64 {
            let time = EventTime::from_micros(now as i64 * 2 - 30);
            state.evict(counting, time, &mut scratch);
            let takes = (1 << (now % 2)) | if now % 5 == 0 { 3 } else { 0 };
            let clears = u64::from(now % 7 == 0) << 1;
            let words = [(now * 7919 % 200).wrapping_sub(100)];
            let values = Values { nulls: u64::from(now % 11 == 0), words: &words };
            state.push(counting, Effect { time, takes, clears, values });
        }
        state
    }

    fn saved(state: &mut State, counting: &Counting) -> Vec<u8> {
        let mut bytes = Vec::new();
        state.walk(counting, &mut Codec::saving(&mut bytes)).expect("what is held can be saved");
        bytes
    }

    fn loaded(bytes: &[u8], counting: &Counting) -> Result<State, Damaged> {
        let (mut state, mut codec) = (State::default(), Codec::loading(bytes));
        state.walk(counting, &mut codec)?;
        codec.end()?;
        state.derive(counting);
        Ok(state)
    }

    #[test]
    fn what_comes_back_goes_on_as_what_was_saved() {
        let counting = counting();
        let mut old = state(&counting);
        let bytes = saved(&mut old, &counting);
        let mut new = loaded(&bytes, &counting).expect("it was saved");
        assert_eq!(saved(&mut new, &counting), bytes);
        let mut scratch = Vec::new();
        for step in 0..60_u64 {
            let time = EventTime::from_micros(80 + step as i64);
            let amounts = [&mut old, &mut new].map(|state| {
                state.evict(&counting, time, &mut scratch);
                let values = Values { nulls: 0, words: &[step] };
                let takes = u64::from(step < 25 && step % 3 == 0) | step & 2;
                state.push(&counting, Effect { time, takes, clears: 0, values });
                let at = |place: usize| {
                    let mut amount = vec![0; counting.algebra.width];
                    let is_reached = state.is_reached(&counting, place);
                    is_reached.then(|| state.at(&counting, place, &mut amount));
                    (is_reached, amount)
                };
                (at(1), at(2), state.events, state.newest, state.is_empty())
            });
            assert_eq!(amounts[0], amounts[1], "step {step}");
        }
        assert!(new.is_empty());
    }

    #[test]
    fn what_was_cut_or_changed_is_refused_or_works_as_something_else() {
        let counting = counting();
        let bytes = saved(&mut state(&counting), &counting);
        for end in 0..bytes.len() {
            assert!(loaded(&bytes[..end], &counting).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            for flip in [1, 2, 0x40, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                let Ok(mut state) = loaded(&bytes, &counting) else { continue };
                let mut amount = vec![0; counting.algebra.width];
                for time in [0, 70, 80, 90, 200].map(EventTime::from_micros) {
                    state.evict(&counting, time, &mut Vec::new());
                    let values = Values { nulls: 0, words: &[1] };
                    state.push(&counting, Effect { time, takes: 3, clears: 2, values });
                    (1..3).for_each(|place| state.at(&counting, place, &mut amount));
                }
            }
        }
    }
}
