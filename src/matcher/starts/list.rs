//! The events of a loop, in order, with what is summed up of them.
//!
//! Sums are kept as sums of everything before: those of any stretch are a difference of two.

use std::cell::Cell;
use std::cmp::Ordering;

use crate::event::{SlotId, Type};
use crate::matcher::capture::{Arena, Handle};

/// A field of the loop's events that is kept count of.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) slot: SlotId,
    /// Where it is captured.
    pub(super) captured: usize,
    pub(super) ty: Type,
    /// Whether different values are counted.
    pub(super) distinct: bool,
}

/// Room for so many events is kept for the next key.
const EVENTS_KEPT: usize = 16;

/// Events of a loop. A stretch of them is given by where it begins and ends.
#[derive(Debug, Default)]
pub(super) struct List {
    handles: Vec<Handle>,
    /// For each event and tracked field what is known of it and those before.
    marks: Vec<Mark>,
    /// How many events were in front of the first and are gone.
    gone: u64,
    /// What was counted last: mostly the next stretch that is asked for is a little further on.
    counted: Cell<Counted>,
}

/// The different values of a field over a stretch, given by places.
#[derive(Clone, Copy, Default, Debug)]
struct Counted {
    field: usize,
    from: u64,
    to: u64,
    count: usize,
}

/// An event's value, and sums up to it and with it.
#[derive(Clone, Copy, Default, Debug)]
struct Mark {
    sum: i128,
    count: u64,
    /// `None` for null.
    word: Option<u64>,
    /// One more than the place of the event before that has the same value; 0 where there is none.
    previous: u64,
    /// The place of the next event that has it; 0 where there is none.
    next: u64,
}

impl List {
    /// A list of these events.
    pub(super) fn of(events: &[Handle], tracked: &[Tracked], arena: &Arena) -> List {
        let mut list = List::default();
        events.iter().for_each(|event| list.push(*event, tracked, arena));
        list
    }

    /// The place behind the last event.
    pub(super) fn end(&self) -> u64 {
        self.gone + self.handles.len() as u64
    }

    /// How many events it has.
    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    /// An event's place as an index.
    pub(super) fn index(&self, place: u64) -> usize {
        (place - self.gone) as usize
    }

    /// Some events.
    pub(super) fn handles(&self, from: usize, to: usize) -> &[Handle] {
        &self.handles[from..to]
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: Handle, tracked: &[Tracked], arena: &Arena) {
        for (at, field) in tracked.iter().enumerate() {
            let last = self.marks.len().checked_sub(tracked.len()).map(|last| self.marks[last]);
            let Mark { mut sum, mut count, .. } = last.unwrap_or_default();
            let word = arena.word(event, field.captured);
            sum += word.map_or(0, |word| i128::from(word as i64));
            count += u64::from(word.is_some());
            let previous = match field.distinct && word.is_some() {
                true => self.previous(event, word, at, tracked, arena),
                false => 0,
            };
            if let Some(before) = previous.checked_sub(1) {
                let before = self.index(before) * tracked.len() + at;
                self.marks[before].next = self.end();
            }
            self.marks.push(Mark { sum, count, word, previous, next: 0 });
        }
        self.handles.push(event);
    }

    fn previous(
        &self,
        event: Handle,
        word: Option<u64>,
        field: usize,
        tracked: &[Tracked],
        arena: &Arena,
    ) -> u64 {
        let same = |at: &usize| {
            self.is_same(*at, field, tracked, word, arena, || arena.value(event, tracked[field].slot))
        };
        // What was freed stands in no start's stretch any more, and is left in front of the list for a while only.
        let mut held = (0..self.handles.len()).rev().take_while(|at| arena.holds(self.handles[*at]));
        held.find(same).map_or(0, |at| self.gone + at as u64 + 1)
    }

    /// Whether the value of an event is this one, that is not null. Texts of different dictionaries are compared as
    /// texts.
    fn is_same(
        &self,
        at: usize,
        field: usize,
        tracked: &[Tracked],
        word: Option<u64>,
        arena: &Arena,
        value: impl Fn() -> crate::event::Value,
    ) -> bool {
        let (Some(left), Some(right)) = (self.mark(at, field, tracked).word, word) else { return false };
        left == right
            || (tracked[field].ty == Type::String
                && left >> 32 != right >> 32
                && arena.value(self.handles[at], tracked[field].slot) == value())
    }

    fn mark(&self, at: usize, field: usize, tracked: &[Tracked]) -> &Mark {
        &self.marks[at * tracked.len() + field]
    }

    /// The sum of a field over a stretch, and over how many values.
    pub(super) fn sum(&self, from: usize, to: usize, field: usize, tracked: &[Tracked]) -> (i128, u64) {
        let up_to = |at: usize| match at.checked_sub(1) {
            Some(at) => (self.mark(at, field, tracked).sum, self.mark(at, field, tracked).count),
            None => (0, 0),
        };
        // What is in front of the list and gone stays in the sums.
        let before = match from {
            0 => self.before(field, tracked),
            from => up_to(from),
        };
        if from == to { (0, 0) } else { (up_to(to).0 - before.0, up_to(to).1 - before.1) }
    }

    /// Sums up to the first event, without it.
    fn before(&self, field: usize, tracked: &[Tracked]) -> (i128, u64) {
        if self.handles.is_empty() {
            return (0, 0);
        }
        let first = self.mark(0, field, tracked);
        (
            first.sum - first.word.map_or(0, |word| i128::from(word as i64)),
            first.count - u64::from(first.word.is_some()),
        )
    }

    /// The least or greatest value of a field over a stretch.
    pub(super) fn extreme(
        &self,
        (from, to): (usize, usize),
        field: usize,
        tracked: &[Tracked],
        wanted: Ordering,
    ) -> Option<i64> {
        let words = (from..to).filter_map(|at| self.mark(at, field, tracked).word);
        let better = |best: i64, word: i64| if word.cmp(&best) == wanted { word } else { best };
        words.map(|word| word as i64).reduce(better)
    }

    /// How many different values a field has over a stretch.
    pub(super) fn distinct(&self, from: usize, to: usize, field: usize, tracked: &[Tracked]) -> usize {
        let (start, end) = (self.gone + from as u64, self.gone + to as u64);
        let last = self.counted.get();
        let is_near = last.field == field
            && (self.gone..=start).contains(&last.from)
            && (start + 1..=end).contains(&last.to);
        let (known_to, mut count) = if is_near { (last.to, last.count) } else { (start, 0) };
        if is_near {
            // Values that are not in the stretch any more.
            let is_last = |mark: &Mark| mark.word.is_some() && (mark.next == 0 || mark.next >= last.to);
            let left = self.index(last.from)..from;
            count -= left.filter(|at| is_last(self.mark(*at, field, tracked))).count();
        }
        let is_first = |mark: &Mark| mark.word.is_some() && mark.previous <= start;
        count += (self.index(known_to)..to).filter(|at| is_first(self.mark(*at, field, tracked))).count();
        self.counted.set(Counted { field, from: start, to: end, count });
        count
    }

    /// Whether a word is among those of a field over a stretch. Unknown as in SQL.
    pub(super) fn has(
        &self,
        (from, to): (usize, usize),
        field: usize,
        tracked: &[Tracked],
        arena: &Arena,
        (word, value): (Option<u64>, impl Fn() -> crate::event::Value),
    ) -> Option<bool> {
        if word.is_some() && (from..to).any(|at| self.is_same(at, field, tracked, word, arena, &value)) {
            return Some(true);
        }
        let has_null = (from..to).any(|at| self.mark(at, field, tracked).word.is_none());
        let is_unknown = has_null || (word.is_none() && from < to);
        (!is_unknown).then_some(false)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.handles.clear();
        self.marks.clear();
        self.handles.shrink_to(EVENTS_KEPT);
        self.marks.shrink_to(EVENTS_KEPT);
        self.gone = 0;
        self.counted.take();
    }

    /// Forgets what is in front of a place, if that is worth while.
    pub(super) fn forget_before(&mut self, place: u64, tracked: &[Tracked]) {
        let count = self.index(place.min(self.end()).max(self.gone));
        if count > 0 && count * 2 >= self.handles.len() {
            self.handles.drain(..count);
            self.marks.drain(..count * tracked.len());
            self.gone += count as u64;
        }
    }

    /// Its events, to be renumbered.
    pub(super) fn handles_mut(&mut self) -> &mut [Handle] {
        &mut self.handles
    }

    /// Bytes, about.
    pub(super) fn bytes(&self) -> usize {
        self.handles.capacity() * size_of::<Handle>() + self.marks.capacity() * size_of::<Mark>()
    }
}
