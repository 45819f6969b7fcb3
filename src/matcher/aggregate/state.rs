//! The matches under way of one key, counted and not kept.
//!
//! Two stacks of events make a queue: new ones go onto the *back*, and when the *front* is empty all of the back is
//! turned over onto it. Of the back the product of all its events is known, and of each first event in the front
//! the row in which it stands when all later events of the front have come. So what the whole window comes to is one
//! row times one product, and an event costs the same however many are in it, if turning over is shared out among them.

use super::algebra::{Algebra, Values};
use crate::time::{Duration, EventTime};

/// The words of an event in the back before its values.
pub(super) const TIME: usize = 0;
pub(super) const TAKES: usize = 1;
pub(super) const CLEARS: usize = 2;
pub(super) const NULLS: usize = 3;
pub(super) const HEAD: usize = 4;

/// What is the same for all keys.
#[derive(Debug)]
pub(super) struct Counting {
    pub(super) algebra: Algebra,
    /// Events of a match. A run stands at a place by how many it has; it never stands at the last place, the match.
    pub(super) places: usize,
    pub(super) within: Duration,
}

impl Counting {
    /// The words of a row: an amount for each place.
    fn row(&self) -> usize {
        self.places * self.algebra.width
    }

    /// The words of a first event in the front: its time, and its row from the place with one event on.
    pub(super) fn front_stride(&self) -> usize {
        1 + self.row() - self.algebra.width
    }

    /// The words of an event in the back.
    pub(super) fn stride(&self) -> usize {
        HEAD + self.algebra.fields.len()
    }
}

/// What an event does to the runs of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect<'a> {
    pub(super) time: EventTime,
    /// From which places it takes runs one place further, a bit each.
    pub(super) takes: u64,
    /// At which places no run stays, a bit each. At the place before all events one always stays.
    pub(super) clears: u64,
    pub(super) values: Values<'a>,
}

/// What one key holds.
#[derive(Debug, Default)]
pub(super) struct State {
    /// First events, the oldest last: the time of each, and its row, from the place with one event on.
    pub(super) front: Vec<u64>,
    /// Events since the front was filled, the oldest first.
    pub(super) back: Vec<u64>,
    /// The product of the back: a row for each place that a run of the front can stand at, or the first row alone.
    product: Vec<u64>,
    /// How many events are in both.
    pub(super) events: u64,
    /// The oldest first event in the back.
    oldest: Option<EventTime>,
    /// The newest first event of all.
    pub(super) newest: EventTime,
}

impl State {
    /// Whether no first event is in the window.
    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.oldest.is_none()
    }

    /// Bytes that it holds outside of itself.
    pub(super) fn bytes(&self) -> u64 {
        ((self.front.capacity() + self.back.capacity() + self.product.capacity()) * 8) as u64
    }

    /// Lets go of what the window has ended.
    pub(super) fn evict(&mut self, counting: &Counting, now: EventTime, scratch: &mut Vec<u64>) {
        let is_over = |time: EventTime| time.plus(counting.within) <= now;
        let stride = counting.front_stride();
        while let Some(at) = self.front.len().checked_sub(stride) {
            if !is_over(EventTime::from_micros(self.front[at] as i64)) {
                return;
            }
            self.front.truncate(at);
            self.events -= 1;
        }
        if self.oldest.is_some_and(is_over) {
            self.turn_over(counting, now, scratch);
        }
        if self.is_empty() {
            self.back.clear();
            self.product.clear();
            self.events = 0;
        }
    }

    /// Makes the back the front, from its newest event to the oldest in the window.
    fn turn_over(&mut self, counting: &Counting, now: EventTime, product: &mut Vec<u64>) {
        let (row, width) = (counting.row(), counting.algebra.width);
        set_identity(product, counting, counting.places);
        self.events = 0;
        for words in self.back.chunks_exact(counting.stride()).rev() {
            let effect = effect_of(words);
            if effect.takes & 1 == 1 && effect.time.plus(counting.within) <= now {
                break;
            }
            // A run at a place is taken on to the row of the next, which is still that of the later events.
            let mut places = effect.takes | effect.clears;
            while places != 0 {
                let place = places.trailing_zeros() as usize;
                places &= places - 1;
                let (here, next) = product.split_at_mut((place + 1) * row);
                let here = &mut here[place * row..];
                if effect.clears >> place & 1 == 1 {
                    here.fill(0);
                }
                if effect.takes >> place & 1 == 1 {
                    let amounts = here.chunks_exact_mut(width).zip(next.chunks_exact(width));
                    amounts.skip(place + 1).for_each(|(to, from)| {
                        counting.algebra.add_longer(to, from, place, effect.values);
                    });
                }
            }
            if effect.takes & 1 == 1 {
                self.front.push(words[TIME]);
                self.front.extend_from_slice(&product[width..row]);
                self.events += 1;
            }
        }
        self.oldest = None;
        self.back.clear();
        shrink(&mut self.front);
        shrink(&mut self.back);
        let rows = self.product_rows(counting);
        set_identity(&mut self.product, counting, rows);
    }

    /// How many rows of the product count: runs of the front can stand at any place.
    fn product_rows(&self, counting: &Counting) -> usize {
        if self.front.is_empty() { 1 } else { counting.places }
    }

    /// Makes anew from the two stacks what follows from them.
    pub(super) fn derive(&mut self, counting: &Counting) {
        let rows = self.product_rows(counting);
        set_identity(&mut self.product, counting, rows);
        for words in self.back.chunks_exact(counting.stride()) {
            for row in self.product.chunks_exact_mut(counting.row()) {
                multiply(row, counting, effect_of(words));
            }
        }
        let effects = self.back.chunks_exact(counting.stride()).map(effect_of);
        let begins: Vec<EventTime> =
            effects.filter(|effect| effect.takes & 1 == 1).map(|effect| effect.time).collect();
        self.oldest = begins.first().copied();
        // The front has its newest first.
        let of_front = self.front.first().map(|time| EventTime::from_micros(*time as i64));
        self.newest = begins.last().copied().or(of_front).unwrap_or_default();
        let events = self.front.len() / counting.front_stride() + self.back.len() / counting.stride();
        self.events = events as u64;
    }

    /// Whether a run stands at a place.
    pub(super) fn is_reached(&self, counting: &Counting, place: usize) -> bool {
        let (row, width) = (counting.row(), counting.algebra.width);
        if self.product.is_empty() {
            return false;
        }
        self.product[place * width] != 0
            || (1..=place).any(|from| {
                self.of_front(counting, from).is_some_and(|amount| amount[0] != 0)
                    && self.product[from * row + place * width] != 0
            })
    }

    /// Writes what all runs at a place come to over `amount`.
    pub(super) fn at(&self, counting: &Counting, place: usize, amount: &mut [u64]) {
        let (row, width) = (counting.row(), counting.algebra.width);
        let begin = place * width;
        amount.copy_from_slice(&self.product[begin..begin + width]);
        for from in 1..=place {
            let Some(before) = self.of_front(counting, from) else { return };
            let at = from * row + begin;
            counting.algebra.add_product(amount, before, &self.product[at..at + width]);
        }
    }

    /// What the runs of the front come to that stand at a place when the back begins.
    fn of_front(&self, counting: &Counting, place: usize) -> Option<&[u64]> {
        let width = counting.algebra.width;
        let begin = self.front.len().checked_sub(counting.row() - width)? + (place - 1) * width;
        Some(&self.front[begin..begin + width])
    }

    /// Takes an event. It is kept only if it does something to some run, or begins one.
    pub(super) fn push(&mut self, counting: &Counting, effect: Effect<'_>) {
        let mut idle = (effect.takes | effect.clears) & !1;
        let mut reached = 1;
        while idle != 0 {
            let place = idle.trailing_zeros() as usize;
            idle &= idle - 1;
            reached |= u64::from(self.is_reached(counting, place)) << place;
        }
        let (takes, clears) = (effect.takes & reached, effect.clears & reached);
        if takes | clears == 0 {
            return;
        }
        if takes & 1 == 1 {
            self.oldest.get_or_insert(effect.time);
            self.newest = effect.time;
        }
        if self.product.is_empty() {
            set_identity(&mut self.product, counting, 1);
        }
        self.back.extend_from_slice(&[effect.time.micros() as u64, takes, clears, effect.values.nulls]);
        self.back.extend_from_slice(effect.values.words);
        self.events += 1;
        let rows = self.product_rows(counting);
        for row in self.product.chunks_exact_mut(counting.row()).take(rows) {
            multiply(row, counting, Effect { takes, clears, ..effect });
        }
    }
}

/// A row after an event, places from the last to the first: none takes what has just come to it.
fn multiply(row: &mut [u64], counting: &Counting, effect: Effect<'_>) {
    let width = counting.algebra.width;
    let mut places = effect.takes | effect.clears;
    while places != 0 {
        let place = places.ilog2() as usize;
        places ^= 1 << place;
        let (here, next) = row.split_at_mut((place + 1) * width);
        let here = &mut here[place * width..];
        if effect.takes >> place & 1 == 1 {
            counting.algebra.add_longer(&mut next[..width], here, place, effect.values);
        }
        if effect.clears >> place & 1 == 1 {
            here.fill(0);
        }
    }
}

fn effect_of(words: &[u64]) -> Effect<'_> {
    Effect {
        time: EventTime::from_micros(words[TIME] as i64),
        takes: words[TAKES],
        clears: words[CLEARS],
        values: Values { nulls: words[NULLS], words: &words[HEAD..] },
    }
}

/// The first rows of the matrix that changes nothing.
fn set_identity(product: &mut Vec<u64>, counting: &Counting, rows: usize) {
    let (row, width) = (counting.row(), counting.algebra.width);
    product.clear();
    product.resize(rows * row, 0);
    for place in 0..rows {
        let at = place * row + place * width;
        counting.algebra.set_one(&mut product[at..at + width]);
    }
}

fn shrink(words: &mut Vec<u64>) {
    if words.capacity() > 4 * words.len() + 64 {
        words.shrink_to(2 * words.len());
    }
}
