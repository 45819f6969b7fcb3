//! Which events an executor has to see.
//!
//! A pattern that holds nothing for a key can only be moved by an event with which a match begins. So an executor with
//! few open keys, among many events, is shown the events of these keys, those with which a match can begin, and the
//! later ones of their keys: found by key, not by looking at all. A thousand rules of which each concerns few events then
//! cost what these events cost. An executor with many open keys is shown everything, which is cheaper for each event.

use std::ops::Range;

use crate::matcher::chunk::{Lens, Rows};
use crate::matcher::keys::{FOREIGN_KEY, KeyId, NULL_KEY};
use crate::matcher::predicates::BeginRows;

/// What an executor is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Selected {
    /// It need not be asked.
    Nothing,
    /// All events.
    Everything,
    /// What [`Selector::selected`] gives.
    Rows,
}

/// An executor is shown everything, if more than one in so many events concerns it.
const EVENTS_PER_SELECTED: usize = 8;

/// No event.
const NONE: u32 = u32::MAX;

/// Finds the events that concern an executor. An event is known by its place among those under way.
#[derive(Debug, Default)]
pub(super) struct Selector {
    /// By key its first event, once somebody asks; by event the next one of its key.
    first: Vec<u32>,
    next: Vec<u32>,
    /// How many events there are, and whether they are linked.
    events: usize,
    is_linked: bool,
    /// The events selected; the keys they are of; the rows they stand in; which of these are of which span.
    places: Vec<u32>,
    keys: Vec<KeyId>,
    rows: Vec<u32>,
    spans: Vec<(usize, Range<usize>)>,
}

impl Selector {
    /// There are other events now.
    pub(super) fn begin(&mut self, events: usize) {
        self.events = events;
        self.is_linked = false;
    }

    /// Selects what concerns an executor that holds something for `open` keys.
    pub(super) fn select(
        &mut self,
        rows: &[Rows<'_>],
        ids: &[KeyId],
        lens: &Lens,
        open: &[KeyId],
    ) -> Selected {
        let most = self.events / EVENTS_PER_SELECTED;
        if open.len() > most {
            return if self.events == 0 { Selected::Nothing } else { Selected::Everything };
        }
        self.places.clear();
        if !self.add_begins(rows, lens, most - open.len()) {
            return Selected::Everything;
        }
        self.link(ids);
        // A match that begins concerns all that comes for its key: it is as open as the others.
        self.keys.clear();
        self.keys.extend(self.places.drain(..).map(|place| ids[place as usize]));
        self.keys.extend_from_slice(open);
        self.keys.retain(|key| is_key(*key));
        self.keys.sort_unstable();
        self.keys.dedup();
        for key in &self.keys {
            let mut place = self.first_of(*key, ids);
            while place != NONE {
                self.places.push(place);
                place = self.next[place as usize];
            }
            // Few keys may be most of what there is.
            if self.places.len() > most {
                return Selected::Everything;
            }
        }
        self.places.sort_unstable();
        if self.places.is_empty() { Selected::Nothing } else { Selected::Rows }
    }

    /// What was selected.
    pub(super) fn selected<'a>(&'a mut self, all: &[Rows<'a>]) -> Vec<Rows<'a>> {
        self.rows.clear();
        self.spans.clear();
        let mut places = self.places.iter().copied().peekable();
        let mut start = 0;
        for (at, rows) in all.iter().enumerate() {
            let end = start + (rows.end - rows.start);
            let first = self.rows.len();
            while let Some(place) = places.next_if(|place| *place < end) {
                self.rows.push(rows.start + place - start);
            }
            if self.rows.len() > first {
                self.spans.push((at, first..self.rows.len()));
            }
            if places.peek().is_none() {
                break;
            }
            start = end;
        }
        let only = |range: &Range<usize>| Some(&self.rows[range.clone()]);
        self.spans.iter().map(|(at, range)| Rows { only: only(range), ..all[*at] }).collect()
    }

    /// Adds the events with which a match can begin. Gives up where they are more than `most`.
    fn add_begins(&mut self, rows: &[Rows<'_>], lens: &Lens, most: usize) -> bool {
        let mut start = 0;
        for rows in rows {
            let batch = rows.prepared.batch();
            if let Some(source) = lens.sources[batch.stream().index()] {
                let begins = rows.prepared.answers().begins(lens.predicates[source as usize].begins);
                let place = |row: u32| start + (row - rows.start);
                match begins {
                    BeginRows::List(list) => {
                        let from = list.partition_point(|row| *row < rows.start);
                        let to = list.partition_point(|row| *row < rows.end);
                        self.places.extend(list[from..to].iter().map(|row| place(*row)));
                    }
                    BeginRows::Bits(bits) => {
                        if bits.count(rows.start as usize..rows.end as usize) > most {
                            return false;
                        }
                        let rows = bits.rows(rows.start as usize..rows.end as usize);
                        self.places.extend(rows.map(|row| place(row as u32)));
                    }
                }
                if self.places.len() > most {
                    return false;
                }
            }
            start += rows.end - rows.start;
        }
        true
    }

    /// Links the events of each key.
    fn link(&mut self, ids: &[KeyId]) {
        if self.is_linked {
            return;
        }
        self.is_linked = true;
        self.next.clear();
        self.next.resize(ids.len(), NONE);
        for (place, key) in ids.iter().enumerate().rev().filter(|(_, key)| is_key(**key)) {
            if self.first.len() <= *key as usize {
                self.first.resize(*key as usize + 1, NONE);
            }
            // One that stands before this is left of earlier events: from the last to the first, it is not linked yet.
            let next = self.first_of(*key, ids);
            self.next[place] = if next as usize > place { next } else { NONE };
            self.first[*key as usize] = place as u32;
        }
    }

    /// The first event of a key, as far as events are linked. What is left of earlier events does not stand where
    /// an event of the key stands now, or was overwritten.
    fn first_of(&self, key: KeyId, ids: &[KeyId]) -> u32 {
        let first = self.first.get(key as usize).copied().unwrap_or(NONE);
        if ids.get(first as usize) == Some(&key) { first } else { NONE }
    }
}

fn is_key(id: KeyId) -> bool {
    id != NULL_KEY && id != FOREIGN_KEY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_a_key_are_linked_whatever_was_linked_before() {
        let mut selector = Selector::default();
        let mut events = |ids: &[KeyId], key: KeyId| {
            selector.begin(ids.len());
            selector.link(ids);
            let next = |place: &u32| Some(selector.next[*place as usize]).filter(|next| *next != NONE);
            let first = Some(selector.first_of(key, ids)).filter(|first| *first != NONE);
            std::iter::successors(first, next).collect::<Vec<u32>>()
        };
        assert_eq!(events(&[5, 7, NULL_KEY, 5], 5), [0, 3]);
        assert_eq!(events(&[7, FOREIGN_KEY, 7, 5, 7, 5, 7], 5), [3, 5]);
        assert_eq!(events(&[5, 7, 1, 5, 7, 5, 2], 7), [1, 4]);
        assert_eq!(events(&[1, 2], 7), [0_u32; 0]);
        assert_eq!(events(&[], 7), [0_u32; 0]);
        assert_eq!(events(&[9, 7], 7), [1]);
    }
}
