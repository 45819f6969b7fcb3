//! The starts of a key on their way out of the process and back.
//!
//! Saved are the events that each start holds, where its loop begins among those that all starts share, and how long the
//! loop was when `until` ended it; the events that absences before the first step look back at, with the
//! absences that they fit; and the end of the last episode, while that matters. Times, sums over the loop, what waits at
//! the end, and when a key is looked at again are worked out from the events.
//!
//! A start that a window has ended may still be there, since nobody has looked at its key since then. If some of its
//! events are freed it is not saved: nothing but its end can come of it.

use std::collections::VecDeque;

use super::cell::{Cell, Fixed, Start};
use super::list::List;
use super::shape::Shape;
use crate::codec::{Coded, Damaged};
use crate::matcher::capture::{Arena, Handle, is_before};
use crate::matcher::saved::{KeyCodec, Record};
use crate::time::EventTime;

/// What is saved of a key.
#[derive(Debug, Default)]
struct SavedCell {
    starts: Vec<SavedStart>,
    /// The events of the loop that starts share, from the first on that one of them holds.
    list: Vec<Handle>,
    /// Earlier events, each with the absences that it fits.
    history: Vec<(Handle, u64)>,
    episode_end: Option<Handle>,
}

/// What is saved of a start.
#[derive(Debug, Default)]
struct SavedStart {
    fixed: Vec<Handle>,
    /// Where its loop begins in the list of the key, as an index.
    from: usize,
    own: Vec<Handle>,
    frozen: Option<usize>,
}

impl Cell {
    /// When the first of its deadlines fires. Where nothing is told of windows, those count once all have closed.
    pub(super) fn wakes_at(&self, shape: &Shape, is_on_time: bool) -> EventTime {
        let began = || self.starts.iter().map(|start| start.began);
        let start = if is_on_time { began().min() } else { began().max() };
        let closes = start.zip(shape.within).map(|(start, within)| start.plus(within));
        let until = self.starts.iter().filter_map(|start| start.until);
        // What is remembered for an absence in front is worth nothing later on.
        let last = self.history.back().filter(|_| self.starts.is_empty()).zip(shape.looks_back());
        let forgotten = last.map(|((time, ..), looks_back)| time.plus(looks_back));
        until.chain(closes).chain(forgotten).min().unwrap_or(EventTime::END)
    }
}

impl Cell {
    /// Saves what it holds: nothing, where that comes to nothing.
    pub(super) fn save(&self, shape: &Shape, arena: &Arena, record: &mut Record) {
        let mut saved = SavedCell::of(self, shape, arena);
        if !saved.starts.is_empty() || !saved.history.is_empty() {
            record.put(arena, |codec| saved.code(shape, codec));
        }
    }

    /// Loads what was saved.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub(super) fn load(shape: &Shape, arena: &Arena, codec: &mut KeyCodec<'_>) -> Result<Cell, Damaged> {
        let mut saved = SavedCell::default();
        saved.code(shape, codec)?;
        saved.check(shape, arena)?;
        let starts: VecDeque<Start> =
            saved.starts.iter().map(|start| start.restored(&saved.list, shape, arena)).collect();
        let history = saved.history.iter().map(|(event, fits)| (arena.time(*event), *event, *fits));
        Ok(Cell {
            deadline: starts.iter().map(|start| start.due(shape)).min().unwrap_or(EventTime::END),
            list: List::of(&saved.list, &shape.tracked, arena),
            history: history.collect(),
            episode_end: saved.episode_end,
            has_over: false,
            starts,
        })
    }
}

impl SavedCell {
    fn of(cell: &Cell, shape: &Shape, arena: &Arena) -> SavedCell {
        let list = &cell.list;
        let first = |start: &Start| start.first(list, shape);
        let held = || cell.starts.iter().filter(|start| arena.holds(first(start)));
        // Those in the loop stand before those that are not so far, and began no later in it.
        let oldest =
            held().next().filter(|start| shape.is_shared && is_in_loop(shape, start.fixed.as_slice()));
        let base = oldest.map_or(list.end(), |start| start.from);
        let starts = held().map(|start| SavedStart {
            fixed: start.fixed.as_slice().to_vec(),
            from: start.from.saturating_sub(base) as usize,
            own: start.own.handles(0, start.own.len()).to_vec(),
            frozen: start.frozen,
        });
        let history = cell.history.iter().map(|(_, event, fits)| (*event, *fits));
        let matters = |end: &Handle| {
            arena.holds(*end) && held().next().is_some_and(|start| !is_before(*end, first(start)))
        };
        SavedCell {
            starts: starts.collect(),
            list: list.handles(list.index(base), list.len()).to_vec(),
            history: history.filter(|(event, _)| arena.holds(*event)).collect(),
            episode_end: cell.episode_end.filter(matters),
        }
    }

    fn code(&mut self, shape: &Shape, codec: &mut KeyCodec<'_>) -> Coded {
        if shape.is_shared {
            events(&mut self.list, codec)?;
        }
        codec.list(&mut self.starts, SavedStart::default, |start, codec| start.code(shape, codec))?;
        if !shape.leading.is_empty() {
            codec.list(
                &mut self.history,
                || (0, 0),
                |(event, fits), codec| {
                    codec.handle(event)?;
                    codec.u64(fits)
                },
            )?;
        }
        if shape.tells_timeouts {
            codec.some_handle(&mut self.episode_end)?;
        }
        Ok(())
    }

    /// Refuses what cannot have been held. What passes is as safe to work with as what came of events.
    fn check(&self, shape: &Shape, arena: &Arena) -> Coded {
        let history: Vec<Handle> = self.history.iter().map(|(event, _)| *event).collect();
        let is_something = !self.starts.is_empty() || !history.is_empty();
        ensure(is_something && is_ordered(&history, arena), "an earlier event")?;
        ensure(is_ordered(&self.list, arena), "an event of a loop")?;
        ensure(self.episode_end.is_none_or(|end| arena.holds(end)), "the end of an episode")?;
        self.starts.iter().try_for_each(|start| start.check(&self.list, shape, arena))?;
        let firsts: Vec<Handle> = self.starts.iter().map(|start| start.first(&self.list)).collect();
        ensure(is_ordered(&firsts, arena), "the order of first events")?;
        let place =
            |start: &SavedStart| if is_in_loop(shape, &start.fixed) { start.from } else { usize::MAX };
        let begins = self.starts.first().map_or(usize::MAX, place);
        let is_nested = self.starts.is_sorted_by_key(place) && (begins == 0 || self.list.is_empty());
        ensure(!shape.is_shared || is_nested, "the place of a loop")
    }
}

impl SavedStart {
    fn code(&mut self, shape: &Shape, codec: &mut KeyCodec<'_>) -> Coded {
        events(&mut self.fixed, codec)?;
        if let Some(repeated) = &shape.repeated {
            if !shape.is_shared {
                events(&mut self.own, codec)?;
            } else if is_in_loop(shape, &self.fixed) {
                codec.usize(&mut self.from)?;
            }
            if repeated.until.is_some() {
                codec.option(&mut self.frozen, || 0, |count, codec| codec.usize(count))?;
            }
        }
        Ok(())
    }

    fn check(&self, list: &[Handle], shape: &Shape, arena: &Arena) -> Coded {
        let taken = self.fixed.len();
        let most = shape.prefix.len();
        let begins_with_loop = most == 0 && shape.repeated.is_some();
        // One that has its last event too is over, but for a wait.
        let is_place = taken <= most || (shape.wait.is_some() && taken == most + 1);
        ensure(is_place && (taken > 0 || begins_with_loop), "the place of a start")?;
        let own = self.fixed.iter().chain(&self.own).copied().collect::<Vec<_>>();
        ensure(is_ordered(&own, arena), "an event of a start")?;
        let looped = if shape.is_shared { list.len().checked_sub(self.from) } else { Some(self.own.len()) };
        let looped = looped.ok_or(Damaged::Odd("the place of a loop"))?;
        ensure(looped > 0 || !begins_with_loop, "the place of a loop")?;
        ensure(self.own.is_empty() || is_in_loop(shape, &self.fixed), "the loop of a start")?;
        ensure(self.frozen.is_none_or(|count| count <= looped), "the length of a loop")
    }

    /// Its first event, once it is known to be there.
    fn first(&self, list: &[Handle]) -> Handle {
        *self.fixed.first().or(self.own.first()).unwrap_or_else(|| &list[self.from])
    }

    fn restored(&self, list: &[Handle], shape: &Shape, arena: &Arena) -> Start {
        let mut fixed = Fixed::new();
        self.fixed.iter().for_each(|event| fixed.push(*event));
        let began = arena.time(self.first(list));
        let last = self.fixed.get(shape.prefix.len());
        Start {
            began,
            fixed,
            from: self.from as u64,
            own: List::of(&self.own, &shape.tracked, arena),
            frozen: self.frozen,
            until: last.and_then(|last| shape.wait_ends(began, arena.time(*last))),
            is_over: false,
        }
    }
}

/// Whether a start with these events at its fixed positions is in the loop, or the loop comes next.
fn is_in_loop(shape: &Shape, fixed: &[Handle]) -> bool {
    shape.repeated.is_some() && fixed.len() >= shape.prefix.len()
}

fn events(events: &mut Vec<Handle>, codec: &mut KeyCodec<'_>) -> Coded {
    codec.list(events, || 0, |event, codec| codec.handle(event))
}

/// Whether all of some events are there, one after another.
fn is_ordered(events: &[Handle], arena: &Arena) -> bool {
    events.iter().all(|event| arena.holds(*event))
        && events.is_sorted_by(|left, right| is_before(*left, *right))
}

fn ensure(is_so: bool, what: &'static str) -> Coded {
    if is_so { Ok(()) } else { Err(Damaged::Odd(what)) }
}
