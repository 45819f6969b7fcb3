//! The last events of each key, and which runs hold them.

use std::ops::ControlFlow;

use crate::codec::{Codec, Coded, Damaged};
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

/// A ring of events for every cell, all in one array.
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

    /// The ring of a cell.
    #[inline]
    pub(super) fn of(&self, cell: CellId) -> Ring<'_> {
        let start = cell as usize * self.width();
        let words = &self.words[start..start + self.width()];
        Ring { words, events: self.events, stride: self.stride }
    }

    fn width(&self) -> usize {
        HEAD + self.events * self.stride
    }

    /// Makes a cell empty, and room for it.
    pub(super) fn reset(&mut self, cell: CellId) {
        let start = cell as usize * self.width();
        let end = start + self.width();
        if self.words.len() < end {
            self.words.resize(end, 0);
        }
        self.words[start..end].fill(0);
    }

    pub(super) fn set_alive(&mut self, cell: CellId, alive: u64) {
        let start = cell as usize * self.width();
        self.words[start + ALIVE] = alive;
    }

    /// Says which runs are alive after an event, and adds that, if one of them holds it.
    #[inline]
    pub(super) fn put(&mut self, cell: CellId, alive: u64, row: usize, view: &View<'_>) {
        let start = cell as usize * self.width();
        let width = self.width();
        let words = &mut self.words[start..start + width];
        words[ALIVE] = alive;
        if alive == 0 {
            return;
        }
        let place = words[NEWEST] as usize + 1;
        let place = if place == self.events { 0 } else { place };
        words[NEWEST] = place as u64;
        let at = HEAD + place * self.stride;
        view.write(row, &mut words[at..at + self.stride]);
    }

    /// Loads what a cell holds that was just reset.
    pub(super) fn load(&mut self, cell: CellId, writer: &mut Writer, codec: &mut Codec<'_>) -> Coded {
        let start = cell as usize * self.width();
        let mut alive = 0;
        codec.u64(&mut alive)?;
        // Bit 0 is no run.
        let held = alive.checked_ilog2().unwrap_or(0) as usize;
        if alive & 1 == 1 || held == 0 || held > self.events {
            return Err(Damaged::Odd("which runs are open"));
        }
        self.words[start + ALIVE] = alive;
        self.words[start + NEWEST] = held as u64 - 1;
        for place in 0..held {
            let at = start + HEAD + place * self.stride;
            writer.load(&mut self.words[at..at + self.stride], codec)?;
        }
        Ok(())
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

/// The last events of a key. Events are counted backwards: 1 is the newest.
#[derive(Clone, Copy)]
pub(super) struct Ring<'a> {
    words: &'a [u64],
    events: usize,
    stride: usize,
}

impl<'a> Ring<'a> {
    /// The words of an event.
    #[inline]
    pub(super) fn event(self, back: usize) -> &'a [u64] {
        let newest = self.words[NEWEST] as usize;
        let place = newest + if newest < back - 1 { self.events } else { 0 } - (back - 1);
        let at = HEAD + place * self.stride;
        &self.words[at..at + self.stride]
    }

    /// Reads something of what an event reads and writes of a cell, so that it comes into the cache.
    #[inline]
    pub(super) fn touch(self) -> u64 {
        let next = HEAD + (self.words[NEWEST] as usize + 1) * self.stride;
        let after = self.words.get(next + self.stride - 1).copied().unwrap_or(0);
        self.words[ALIVE] ^ self.words[next - 1] ^ after
    }

    /// The runs that are alive: bit *p* is the one that holds the last *p* events.
    #[inline]
    pub(super) fn alive(self) -> u64 {
        self.words[ALIVE]
    }

    /// Those of them that the window has not ended.
    #[inline]
    pub(super) fn alive_within(self, within: Duration, now: EventTime) -> u64 {
        let mut alive = self.alive();
        while alive != 0 {
            let oldest = alive.ilog2();
            if self.time(oldest as usize).plus(within) > now {
                break;
            }
            alive ^= 1 << oldest;
        }
        alive
    }

    /// The first event of each of some runs: the run's bit, and the time.
    pub(super) fn starts(self, runs: u64) -> impl Iterator<Item = (u64, EventTime)> + 'a {
        let alive = (1..u64::BITS as usize).filter(move |back| runs >> back & 1 == 1);
        alive.map(move |back| (1 << back, self.time(back)))
    }

    fn time(self, back: usize) -> EventTime {
        Writer::time(self.event(back))
    }

    /// The time of the newest event.
    pub(super) fn newest(self) -> EventTime {
        self.time(1)
    }

    /// Saves which runs are alive, and as many of the last events as the oldest of them holds, the oldest first.
    pub(super) fn save(self, mut alive: u64, writer: &Writer, codec: &mut Codec<'_>) -> Coded {
        codec.u64(&mut alive)?;
        let held = alive.ilog2() as usize;
        (1..=held).rev().try_for_each(|back| writer.save(self.event(back), codec))
    }

    /// What the run holds that has taken so many events.
    pub(super) fn held(self, count: usize, linear: &'a Linear, writer: &'a Writer) -> RunEvents<'a> {
        let event =
            |back: usize| Captured { writer, words: self.event(back), link: &linear.links[count - back] };
        RunEvents((1..=count).map(event).collect())
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
