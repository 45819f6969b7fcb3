//! The state of an executor on its way out of the process and back, key by key.
//!
//! What a key holds is walked through a [`Codec`]. Where it holds events of an arena, the record of the key begins with
//! these, each once, and what is walked names them by their place: 1 is the first, and 0 an event that the arena has
//! freed, which nothing looks at any more. Everything else that an executor has (deadlines, queues of keys, counts, what
//! a dictionary gives codes to) is made anew from that.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::capture::{Arena, Handle, LoadedEvents, is_before};
use super::cells::CellId;
use super::keys::{KeyId, KeyTable};
use crate::codec::{Codec, Coded, Damaged};
use crate::event::Value;
use crate::time::EventTime;

/// Takes the state of a key as bytes: none, where nothing is held for it.
pub type Sink<'a> = dyn FnMut(&Arc<[Value]>, &[u8]) + 'a;

/// The state of a key that comes back.
#[derive(Clone, Copy, Debug)]
pub struct SavedKey<'a> {
    /// Its number.
    pub key: KeyId,
    /// Its values.
    pub values: &'a Arc<[Value]>,
    /// What was saved of it; never nothing.
    pub bytes: &'a [u8],
}

/// Walks the state of one key whose events stand in an arena.
pub(super) type KeyCodec<'a> = Codec<'a, Handles<'a>>;

/// How the events of a key are named.
#[derive(Debug)]
pub(super) enum Handles<'a> {
    /// The handles that were met so far.
    Save(&'a Arena, &'a mut Places),
    /// The handles by their places, and what is gone.
    Load(&'a [Handle], Handle),
}

/// The handles that were met, each once, and the place of each in that order: 1 is the first.
#[derive(Debug, Default)]
pub(super) struct Places {
    handles: Vec<Handle>,
    places: FxHashMap<Handle, usize>,
}

impl Places {
    fn of(&mut self, handle: Handle) -> usize {
        let next = self.handles.len() + 1;
        let place = *self.places.entry(handle).or_insert(next);
        if place == next {
            self.handles.push(handle);
        }
        place
    }

    fn clear(&mut self) {
        self.handles.clear();
        self.places.clear();
    }
}

impl KeyCodec<'_> {
    /// An event of the arena.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub(super) fn handle(&mut self, handle: &mut Handle) -> Coded {
        let mut place = match &mut self.around {
            Handles::Save(arena, places) if arena.holds(*handle) => places.of(*handle),
            Handles::Save(..) | Handles::Load(..) => 0,
        };
        self.usize(&mut place)?;
        if let Handles::Load(handles, gone) = &self.around {
            *handle = match place.checked_sub(1) {
                None => *gone,
                Some(at) => *handles.get(at).ok_or(Damaged::Odd("the place of an event"))?,
            };
        }
        Ok(())
    }

    /// An event that the arena holds.
    ///
    /// # Errors
    ///
    /// [`Damaged`], also where it is one that the arena has freed.
    pub(super) fn held_handle(&mut self, handle: &mut Handle) -> Coded {
        self.handle(handle)?;
        match &self.around {
            Handles::Load(_, gone) if handle == gone => Err(Damaged::Odd("the place of an event")),
            Handles::Save(..) | Handles::Load(..) => Ok(()),
        }
    }

    /// Events of a run, which the arena holds: in order.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub(super) fn run<'h>(&mut self, events: impl IntoIterator<Item = &'h mut Handle>) -> Coded {
        let mut last = None;
        for event in events {
            self.held_handle(event)?;
            if self.is_loading() && last.is_some_and(|last| !is_before(last, *event)) {
                return Err(Damaged::Odd("the order of events"));
            }
            last = Some(*event);
        }
        Ok(())
    }

    /// An event of the arena, if there is one.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub(super) fn some_handle(&mut self, handle: &mut Option<Handle>) -> Coded {
        self.option(handle, || 0, |handle, codec| codec.handle(handle))
    }
}

/// The keys at the front of a queue by time whose time comes up to `to`.
pub(super) fn due(queue: &VecDeque<(EventTime, KeyId)>, to: EventTime) -> impl Iterator<Item = KeyId> + '_ {
    queue.iter().take_while(move |(at, _)| *at <= to).map(|(_, key)| *key)
}

/// Adds deadlines to a queue by time.
pub(super) fn add_deadlines(
    queue: &mut VecDeque<(EventTime, KeyId)>,
    deadlines: impl IntoIterator<Item = (EventTime, KeyId)>,
) {
    let before = queue.len();
    queue.extend(deadlines);
    if queue.len() > before {
        // What was in order is merged, not sorted anew.
        queue.make_contiguous().sort_by_key(|(at, _)| *at);
    }
}

/// What so many keys hold is read at one time: asked for one after another, it comes into the cache together.
pub(super) const TOUCHED_AT_ONCE: usize = 32;

/// The record of a key while it is written. Its memory is kept from key to key.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// What is told of the key.
    pub(super) bytes: Vec<u8>,
    body: Vec<u8>,
    places: Places,
    row: Vec<u64>,
}

impl Record {
    /// The events that `walk` names, then what it walks.
    pub(super) fn put(&mut self, arena: &Arena, walk: impl FnOnce(&mut KeyCodec<'_>) -> Coded) {
        let Record { bytes, body, places, row } = self;
        body.clear();
        places.clear();
        let mut codec = Codec::saving(body).with(Handles::Save(arena, places));
        walk(&mut codec).expect("what is held can be saved");
        // Asked for one after another, they come at the same time.
        std::hint::black_box(places.handles.iter().fold(0, |sum, handle| sum ^ arena.touch(*handle)));
        let mut codec = Codec::saving(bytes);
        let saved = codec
            .usize(&mut places.handles.len())
            .and_then(|()| places.handles.iter().try_for_each(|handle| arena.save(*handle, row, &mut codec)));
        saved.expect("what is held can be saved");
        bytes.extend_from_slice(body);
    }
}

/// Tells of some keys what `save` writes of their cells: nothing of one that has none.
pub(super) fn tell(
    some: &[(KeyId, Option<CellId>)],
    keys: &KeyTable,
    sink: &mut Sink<'_>,
    mut save: impl FnMut(CellId, &mut Record),
) {
    let mut record = Record::default();
    for some in some.chunks(TOUCHED_AT_ONCE) {
        keys.touch(some.iter().map(|(key, _)| *key));
        for (key, cell) in some {
            record.bytes.clear();
            if let Some(cell) = cell {
                save(*cell, &mut record);
            }
            sink(keys.values(*key), &record.bytes);
        }
    }
}

/// The records of some keys that come back: the events of each are captured, and `walk` walks the rest. Events behind
/// `now` cannot have been saved.
pub(super) fn load_keys(
    arena: &mut Arena,
    saved: &[SavedKey<'_>],
    now: EventTime,
    mut walk: impl FnMut(&SavedKey<'_>, &Arena, &mut KeyCodec<'_>) -> Coded,
) -> Coded {
    let mut events = LoadedEvents::default();
    for key in saved {
        let mut codec = Codec::loading(key.bytes);
        arena.load(&mut events, &mut codec)?;
        if events.newest().is_some_and(|newest| newest > now) {
            return Err(Damaged::Odd("the time of an event"));
        }
        let handles = arena.restore(&mut events);
        let mut codec = codec.with(Handles::Load(handles, arena.gone()));
        walk(key, arena, &mut codec)?;
        codec.end()?;
    }
    Ok(())
}
