//! The state of an enumerable pattern on its way out of the process and back.
//!
//! Of a key are saved its events, and for each link but the last which of them stand in its queue, in order. From these
//! are made anew: by which values the last event is joined with the first ones (the hashes, and with them the table of
//! queues), how many events there are, and when to look whether the key still needs its state.
//!
//! Queues are pruned before they are saved, since an event past the window may be freed already. A key without a first
//! event is saved as one of which nothing is held: what comes later has nothing to come after.

use super::join::Join;
use super::state::{Item, Queue, State};
use super::{Enumerable, KeyTable, SavedKey, Sink};
use crate::codec::{Coded, Damaged};
use crate::matcher::capture::{Arena, Handle, is_before};
use crate::matcher::cells::{CellId, Which};
use crate::matcher::keys::KeyId;
use crate::matcher::saved::{KeyCodec, load_keys, tell};
use crate::time::EventTime;

impl Enumerable {
    /// Tells the state of some of the keys that are to be told.
    pub(super) fn save_some(
        &mut self,
        which: Which<'_>,
        now: EventTime,
        keys: &KeyTable,
        sink: &mut Sink<'_>,
    ) {
        tell(&self.cells.take_pending(which), keys, sink, |cell, record| {
            let state = &mut self.states[cell as usize];
            self.held -= state.prune(self.within, now);
            if state.first_len > 0 {
                let mut links = state.links(&self.arena);
                record.put(&self.arena, |codec| walk(&mut links, codec));
            }
        });
    }

    /// Forgets the state of some keys that has not changed since it was told.
    pub(super) fn evict_some(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        let unchanged = self.cells.unchanged(at_most);
        let evict = |(cell, key): (CellId, KeyId)| {
            let state = &mut self.states[cell as usize];
            let newest = state.newest;
            self.held -= state.close();
            self.expiry.unset(cell);
            self.cells.evict(cell);
            (key, newest.plus(self.within))
        };
        let evicted: Vec<(KeyId, EventTime)> = unchanged.into_iter().map(evict).collect();
        if !evicted.is_empty() {
            let states = &mut self.states;
            self.arena.compact(|visit| states.iter_mut().for_each(|state| state.each_handle(visit)));
        }
        evicted
    }

    /// Takes the state of some keys.
    pub(super) fn load_saved(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded {
        let links = self.linear.links.len();
        load_keys(&mut self.arena, saved, now, |key, arena, codec| {
            let mut queues = vec![Vec::new(); links - 1];
            walk(&mut queues, codec)?;
            let state = State::of_links(queues, arena, &self.join)?;
            self.held += state.len();
            let cell = self.cells.take_up(key.key);
            self.expiry.set(cell, state.newest.plus(self.within));
            if self.states.len() <= cell as usize {
                self.states.resize_with(cell as usize + 1, State::default);
            }
            self.states[cell as usize] = state;
            Ok(())
        })?;
        Ok(())
    }
}

/// The events in the queue of each link but the last.
fn walk(links: &mut [Vec<Handle>], codec: &mut KeyCodec<'_>) -> Coded {
    links.iter_mut().try_for_each(|link| codec.list(link, || 0, |event, codec| codec.handle(event)))
}

impl State {
    /// The events of each link but the last, in order.
    fn links(&self, arena: &Arena) -> Vec<Vec<Handle>> {
        let handles = |queue: &Queue| queue.iter().map(|item| item.handle).collect::<Vec<Handle>>();
        let mut first: Vec<Handle> = self.first.values().flat_map(handles).collect();
        // Handles wrap round, so they are numbered from the first that can be held.
        first.sort_unstable_by_key(|handle| handle.wrapping_sub(arena.first()));
        std::iter::once(first).chain(self.middle.iter().map(handles)).collect()
    }

    /// The state of a key with these events.
    fn of_links(mut links: Vec<Vec<Handle>>, arena: &Arena, join: &Join) -> Result<State, Damaged> {
        let is_ordered = |link: &Vec<Handle>| {
            link.iter().all(|event| arena.holds(*event)) && link.is_sorted_by(|a, b| is_before(*a, *b))
        };
        if links[0].is_empty() || !links.iter().all(is_ordered) {
            return Err(Damaged::Odd("the order of the events of a step"));
        }
        let newest = links.iter().filter_map(|link| link.last()).map(|event| arena.time(*event)).max();
        let item = |handle: Handle| Item { time: arena.time(handle), handle };
        let middle = links.split_off(1).into_iter().map(|link| link.into_iter().map(item).collect());
        let mut state = State {
            first_len: links[0].len() as u64,
            middle: middle.collect(),
            newest: newest.unwrap_or(EventTime::START),
            ..State::default()
        };
        for event in links.swap_remove(0) {
            let values = join.of_held(arena, event).ok_or(Damaged::Odd("a value that is compared"))?;
            state.first.entry(values).or_default().push_back(item(event));
        }
        Ok(state)
    }
}
