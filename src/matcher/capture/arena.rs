//! Captured events in the order of capture, in segments that are freed whole.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Dictionaries, HEAD, Layout, STEP_AND_NULLS, TIME, value};
use crate::event::{Dictionary, Interner, SlotId, Type, Value};
use crate::lang::hir::Pattern;
use crate::matcher::chunk::Row;
use crate::time::EventTime;

/// Rows of a segment.
const SEGMENT_ROWS: u32 = 4096;

/// The number of a captured event. Numbers grow with the order of events, and wrap round.
pub type Handle = u32;

/// Whether one handle was given before another. Handles that are held at one time lie less than 2³¹ apart.
#[inline]
pub fn is_before(left: Handle, right: Handle) -> bool {
    (right.wrapping_sub(left) as i32) > 0
}

/// The captured events of one pattern.
#[derive(Debug)]
pub struct Arena {
    pub(super) layout: Arc<Layout>,
    /// For each source the field of each slot.
    sources: Vec<Vec<Option<usize>>>,
    segments: VecDeque<Segment>,
    /// A segment to be used again.
    spare: Option<Segment>,
    /// The number of the first event of the first segment.
    first: Handle,
    next: Handle,
    /// The codes of texts that have come back.
    pub(super) interner: Interner,
}

#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) words: Vec<u64>,
    pub(super) dictionaries: Dictionaries,
    newest: EventTime,
}

impl Arena {
    /// An arena that holds nothing.
    pub fn new(pattern: &Pattern, layout: Arc<Layout>) -> Arena {
        let sources = pattern.sources.iter().map(|source| source.fields.clone()).collect();
        Arena {
            layout,
            sources,
            segments: VecDeque::new(),
            spare: None,
            first: 0,
            next: 0,
            interner: Interner::default(),
        }
    }

    /// Captures an event.
    pub fn capture(&mut self, row: &Row<'_>) -> Handle {
        let handle = self.make_room(row.time());
        let segment = self.segments.back_mut().expect("there is one");
        self.layout.write(row, &self.sources[row.source], &mut segment.words, &mut segment.dictionaries);
        handle
    }

    /// Captures an event whose words are known, with the dictionary of its texts.
    pub(super) fn push_words(&mut self, words: &[u64], dictionary: &Arc<Dictionary>) -> Handle {
        let handle = self.make_room(EventTime::from_micros(words[TIME] as i64));
        let segment = self.segments.back_mut().expect("there is one");
        segment.words.extend_from_slice(words);
        segment.dictionaries.add(dictionary);
        handle
    }

    /// Room for an event, and its handle.
    fn make_room(&mut self, time: EventTime) -> Handle {
        if self.next.wrapping_sub(self.first).is_multiple_of(SEGMENT_ROWS) {
            let mut segment = self.spare.take().unwrap_or_default();
            segment.words.clear();
            segment.dictionaries.0.clear();
            if segment.words.capacity() == 0 && self.next.wrapping_sub(self.first) > 0 {
                segment.words.reserve_exact(SEGMENT_ROWS as usize * self.layout.stride());
            }
            self.segments.push_back(segment);
        }
        let segment = self.segments.back_mut().expect("there is one");
        // What comes back is older than what is there.
        segment.newest = if segment.words.is_empty() { time } else { segment.newest.max(time) };
        let handle = self.next;
        self.next = self.next.wrapping_add(1);
        handle
    }

    /// Frees what is older than this, as far as it can be freed.
    pub fn free_before(&mut self, time: EventTime) {
        while self.segments.len() > 1 && self.segments[0].newest < time {
            self.spare = self.segments.pop_front();
            self.first = self.first.wrapping_add(SEGMENT_ROWS);
        }
    }

    /// The number of its first event.
    pub fn first(&self) -> Handle {
        self.first
    }

    /// How many events it has room taken for.
    pub fn len(&self) -> usize {
        self.next.wrapping_sub(self.first) as usize
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps these events alone, for a pattern that no window frees for. They are given in order and get new numbers, in
    /// that order too; the first of them is returned.
    fn keep_only(&mut self, live: &[Handle]) -> Handle {
        let mut kept: VecDeque<Segment> = VecDeque::new();
        for (at, handle) in live.iter().enumerate() {
            if at.is_multiple_of(SEGMENT_ROWS as usize) {
                kept.push_back(Segment::default());
            }
            let (from, start) = self.at(*handle);
            let row = &from.words[start..start + self.layout.stride()];
            let into = kept.back_mut().expect("there is one");
            let time = EventTime::from_micros(row[TIME] as i64);
            into.newest = if into.words.is_empty() { time } else { into.newest.max(time) };
            into.words.extend_from_slice(row);
            for (word, (_, ty)) in (HEAD..).zip(&self.layout.fields) {
                if *ty == Type::String && row[STEP_AND_NULLS] >> word & 1 == 0 {
                    into.dictionaries.add(from.dictionaries.of((row[word] >> 32) as u32));
                }
            }
        }
        self.segments = kept;
        self.first = self.next;
        self.next = self.first.wrapping_add(live.len() as u32);
        self.first
    }

    /// Keeps the events alone that are held: `each` shows the handle of each of them to what it is given, and takes what
    /// that makes of it. It is called twice. One that was freed before may be among them, and stays so.
    pub fn compact(&mut self, mut each: impl FnMut(&mut dyn FnMut(&mut Handle))) {
        let first = self.first;
        let by_age = |event: &Handle| event.wrapping_sub(first);
        let mut live: Vec<Handle> = Vec::new();
        each(&mut |event| {
            if self.holds(*event) {
                live.push(*event);
            }
        });
        live.sort_unstable_by_key(by_age);
        live.dedup();
        let start = self.keep_only(&live);
        each(&mut |event| {
            if let Ok(at) = live.binary_search_by_key(&by_age(event), by_age) {
                *event = start.wrapping_add(at as u32);
            }
        });
    }

    /// Frees everything: nothing is held any more.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.first = self.next;
    }

    /// Bytes, about.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| (segment.words.capacity() * 8) as u64).sum()
    }

    #[inline]
    pub(super) fn at(&self, handle: Handle) -> (&Segment, usize) {
        let number = handle.wrapping_sub(self.first);
        let segment = &self.segments[(number / SEGMENT_ROWS) as usize];
        (segment, (number % SEGMENT_ROWS) as usize * self.layout.stride())
    }

    /// Whether an event was captured and not freed since.
    #[inline]
    pub fn holds(&self, handle: Handle) -> bool {
        ((handle.wrapping_sub(self.first) / SEGMENT_ROWS) as usize) < self.segments.len()
    }

    /// Reads something of an event that it holds.
    #[inline]
    pub fn touch(&self, handle: Handle) -> u64 {
        let (segment, at) = self.at(handle);
        segment.words[at] ^ segment.words[at + self.layout.stride() - 1]
    }

    /// The time of an event; before all times, if it was freed.
    #[inline]
    pub fn time(&self, handle: Handle) -> EventTime {
        let number = handle.wrapping_sub(self.first);
        let Some(segment) = self.segments.get((number / SEGMENT_ROWS) as usize) else {
            return EventTime::START;
        };
        let at = (number % SEGMENT_ROWS) as usize * self.layout.stride();
        EventTime::from_micros(segment.words[at + TIME] as i64)
    }

    /// A captured field as a word, `None` for null.
    #[inline]
    pub fn word(&self, handle: Handle, word: usize) -> Option<u64> {
        let (segment, at) = self.at(handle);
        (segment.words[at + STEP_AND_NULLS] >> word & 1 == 0).then(|| segment.words[at + word])
    }

    /// The value of a slot; null where it was not captured.
    pub fn value(&self, handle: Handle, slot: SlotId) -> Value {
        let Some(word) = self.layout.word(slot) else { return Value::Null };
        let (segment, _) = self.at(handle);
        let ty = self.layout.type_of(word);
        self.word(handle, word).map_or(Value::Null, |word| value(ty, word, &segment.dictionaries))
    }
}
