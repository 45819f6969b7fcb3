//! The last events of each key, and which runs hold them.

use std::ops::ControlFlow;

use crate::event::{SlotId, Value};
use crate::matcher::capture::{View, Writer};
use crate::matcher::cells::{self, CellId};
use crate::matcher::linear::{Linear, Link};
use crate::matcher::{Fields, Held, Taken};
use crate::time::{Duration, EventTime};

/// The words of a cell before its events.
const ALIVE: usize = 0;
const NEWEST: usize = 1;
const HEAD: usize = 2;

/// A ring of events for every cell, all in one array. Events are counted backwards: 1 is the newest.
#[derive(Debug)]
pub(super) struct Rings {
    words: Vec<u64>,
    /// How many events a ring has room for.
    events: usize,
    /// The words of an event.
    stride: usize,
}

impl Rings {
    /// Rings of so many events of so many words.
    pub(super) fn new(events: usize, stride: usize) -> Rings {
        Rings { words: Vec::new(), events, stride }
    }

    fn start(&self, cell: CellId) -> usize {
        cell as usize * (HEAD + self.events * self.stride)
    }

    /// The words of an event.
    #[inline]
    pub(super) fn event(&self, cell: CellId, back: usize) -> &[u64] {
        let start = self.start(cell);
        let newest = self.words[start + NEWEST] as usize;
        let place = newest + if newest < back - 1 { self.events } else { 0 } - (back - 1);
        let at = start + HEAD + place * self.stride;
        &self.words[at..at + self.stride]
    }

    /// Reads something of what an event reads and writes of a cell, so that it comes into the cache.
    #[inline]
    pub(super) fn touch(&self, cell: CellId) -> u64 {
        let start = self.start(cell);
        let newest = start + HEAD + self.words[start + NEWEST] as usize * self.stride;
        let next = newest + self.stride;
        self.words[start]
            ^ self.words[next - 1]
            ^ self.words.get(next + self.stride - 1).copied().unwrap_or(0)
    }

    /// Makes a cell empty, and room for it.
    pub(super) fn reset(&mut self, cell: CellId) {
        let start = self.start(cell);
        let end = start + HEAD + self.events * self.stride;
        if self.words.len() < end {
            self.words.resize(end, 0);
        }
        self.words[start..end].fill(0);
    }

    /// The runs that are alive: bit *p* is the one that holds the last *p* events.
    #[inline]
    pub(super) fn alive(&self, cell: CellId) -> u64 {
        self.words[self.start(cell) + ALIVE]
    }

    /// Those of them that the window has not ended.
    #[inline]
    pub(super) fn alive_within(&self, cell: CellId, within: Duration, now: EventTime) -> u64 {
        let mut alive = self.alive(cell);
        while alive != 0 {
            let oldest = alive.ilog2();
            if self.time(cell, oldest as usize).plus(within) > now {
                break;
            }
            alive ^= 1 << oldest;
        }
        alive
    }

    /// The first event of each of some runs: the run's bit, and the time.
    pub(super) fn starts(&self, cell: CellId, runs: u64) -> impl Iterator<Item = (u64, EventTime)> + '_ {
        let alive = (1..u64::BITS as usize).filter(move |back| runs >> back & 1 == 1);
        alive.map(move |back| (1 << back, self.time(cell, back)))
    }

    pub(super) fn set_alive(&mut self, cell: CellId, alive: u64) {
        let at = self.start(cell) + ALIVE;
        self.words[at] = alive;
    }

    /// Adds an event.
    #[inline]
    pub(super) fn push(&mut self, cell: CellId, row: usize, view: &View<'_>) {
        let start = self.start(cell);
        let place = self.words[start + NEWEST] as usize + 1;
        let place = if place == self.events { 0 } else { place };
        self.words[start + NEWEST] = place as u64;
        let at = start + HEAD + place * self.stride;
        view.write(row, &mut self.words[at..at + self.stride]);
    }

    fn time(&self, cell: CellId, back: usize) -> EventTime {
        Writer::time(self.event(cell, back))
    }

    /// The time of the newest event.
    pub(super) fn newest(&self, cell: CellId) -> EventTime {
        self.time(cell, 1)
    }

    /// What the run holds that has taken so many events.
    pub(super) fn held<'a>(
        &'a self,
        cell: CellId,
        count: usize,
        linear: &'a Linear,
        writer: &'a Writer,
    ) -> RunEvents<'a> {
        let event = |back: usize| Captured {
            writer,
            words: self.event(cell, back),
            link: &linear.links[count - back],
        };
        RunEvents((1..=count).map(event).collect())
    }

    /// Gives back the room of all cells, if it is more than a little. For when no key has a cell.
    pub(super) fn free_room(&mut self) {
        cells::free_room(&mut self.words);
    }

    /// Forgets all cells.
    pub(super) fn clear(&mut self) {
        self.words = Vec::new();
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.words.capacity() * 8) as u64
    }
}

/// The events of a run, the newest first.
#[derive(Default)]
pub(super) struct RunEvents<'a>(Vec<Captured<'a>>);

struct Captured<'a> {
    writer: &'a Writer,
    words: &'a [u64],
    link: &'a Link,
}

impl Fields for Captured<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        self.writer.value(self.words, slot)
    }
}

impl Held for RunEvents<'_> {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {
        for event in &self.0 {
            if visit(Taken { step: event.link.step, event, enters: &event.link.enters }).is_break() {
                return;
            }
        }
    }
}
