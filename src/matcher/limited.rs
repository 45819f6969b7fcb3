//! `limit n per D` around an executor: it finds what it finds, and what is too much is held back.
//!
//! A match that is held back still skips and still ends its episode, so an executor need not know of it. It has to tell
//! the matches of one key in the order in which they count: by time, and within one moment by first event.
//!
//! The record of a key has the times of the matches that were let out lately, and then what the executor itself has told
//! of the key, perhaps nothing. So what is told of either has to be told with the other. Where a match is let out, the
//! executor tells the key as well, if it holds anything for it. Where only time passes nothing need be told: times that
//! no longer count do no harm; but when none counts any more and the executor holds nothing either, the record goes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::cells::Which;
use super::executor::{Chunk, Findings, KeyFound};
use super::keys::{KeyId, KeyTable, encode};
use super::limiter::Limiter;
use super::saved::{SavedKey, Sink};
use super::shown::OpenVisit;
use super::{Bounds, Cut, Dropped, Exceeded, Executor, Plan, Usage};
use crate::codec::{Codec, Coded};
use crate::event::{PatternId, Value};
use crate::lang::hir::Limit;
use crate::time::EventTime;

/// The executor, with the pattern's `limit` around it if it has one.
pub(super) fn limited(plan: &Arc<Plan>, inner: impl Executor + 'static) -> Box<dyn Executor> {
    match plan.pattern.limit {
        None => Box::new(inner),
        Some(limit) => Box::new(Limited {
            inner,
            limit,
            keys: FxHashMap::default(),
            forgets: VecDeque::new(),
            suppressed: 0,
            bytes: Vec::new(),
            changes: None,
        }),
    }
}

struct Limited<E> {
    inner: E,
    limit: Limit,
    /// What was let out of each key lately, by the bytes of the key: nothing else holds a key for so long.
    keys: FxHashMap<Box<[u8]>, Remembered>,
    /// Keys by the time of a match that was let out.
    forgets: VecDeque<(EventTime, Box<[u8]>)>,
    suppressed: u64,
    bytes: Vec<u8>,
    changes: Option<Changes>,
}

/// The keys whose matches were let out, or that were forgotten.
#[derive(Default)]
struct Changes {
    /// Since the last epoch began.
    noted: BTreeMap<Box<[u8]>, Changed>,
    /// Until it began.
    pending: BTreeMap<Box<[u8]>, Changed>,
    /// Whether some keys are still to be told as they were then.
    is_telling: bool,
    /// What was remembered then of keys that have changed since.
    kept: FxHashMap<Box<[u8]>, Limiter>,
}

/// What is remembered of a key.
struct Remembered {
    limiter: Limiter,
    key: Arc<[Value]>,
    /// Whether its record has something that the executor itself has told.
    is_held: bool,
}

/// A key that has changed.
struct Changed {
    key: Arc<[Value]>,
    /// As it was [`Remembered`].
    is_held: bool,
}

impl<E> Limited<E> {
    /// Holds back what is too much of what was found since there were `first`.
    fn hold_back(&mut self, first: usize, keys: &KeyTable, out: &mut Findings) {
        if out.found.len() == first {
            return;
        }
        let found = out.found.split_off(first);
        out.found.extend(found.into_iter().filter(|found| self.allows(found, keys)));
    }

    fn allows(&mut self, found: &KeyFound, keys: &KeyTable) -> bool {
        let key = keys.values(found.key);
        encode(key, &mut self.bytes);
        if !self.keys.contains_key(self.bytes.as_slice()) {
            let new = Remembered { limiter: Limiter::default(), key: Arc::clone(key), is_held: false };
            self.keys.insert(self.bytes.as_slice().into(), new);
        }
        let remembered = self.keys.get_mut(self.bytes.as_slice()).expect("it was added");
        if let Some(changes) = &mut self.changes {
            changes.keep(&self.bytes, remembered);
        }
        let is_allowed = remembered.limiter.allows(Some(self.limit), found.kind, found.at);
        self.suppressed += remembered.limiter.take_suppressed();
        if is_allowed {
            note(&mut self.changes, &self.bytes, remembered);
            self.forgets.push_back((found.at, self.bytes.as_slice().into()));
        }
        is_allowed
    }

    fn forget(&mut self, now: EventTime) {
        while let Some((at, key)) = self.forgets.front() {
            if now.since(*at) < self.limit.per {
                return;
            }
            if let Some(remembered) = self.keys.get_mut(key) {
                remembered.limiter.forget(Some(self.limit), now);
                if remembered.limiter.is_empty() {
                    note(&mut self.changes, key, remembered);
                    self.keys.remove(key);
                }
            }
            self.forgets.pop_front();
        }
    }
}

impl Changes {
    /// What is remembered of a key is about to change.
    fn keep(&mut self, bytes: &[u8], remembered: &Remembered) {
        if self.is_telling && !self.kept.contains_key(bytes) {
            self.kept.insert(bytes.into(), remembered.limiter.clone());
        }
    }
}

/// The record of a key of which the executor holds this; nothing where there is nothing to remember either.
fn record(limiter: Option<&mut Limiter>, of_inner: &[u8], limit: Limit) -> Vec<u8> {
    let (mut out, mut none) = (Vec::new(), Limiter::default());
    let limiter = limiter.unwrap_or(&mut none);
    if !of_inner.is_empty() || !limiter.is_empty() {
        limiter.walk(limit, &mut Codec::saving(&mut out)).expect("what is held can be saved");
        out.extend_from_slice(of_inner);
    }
    out
}

/// Notes that what is remembered of a key has changed.
fn note(changes: &mut Option<Changes>, bytes: &[u8], remembered: &Remembered) {
    if let Some(changes) = changes
        && !changes.noted.contains_key(bytes)
    {
        let Remembered { key, is_held, .. } = remembered;
        changes.noted.insert(bytes.into(), Changed { key: Arc::clone(key), is_held: *is_held });
    }
}

impl<E: Executor> Executor for Limited<E> {
    fn set_bounds(&mut self, bounds: &Bounds) {
        self.inner.set_bounds(bounds);
    }

    fn events(&mut self, chunk: &Chunk<'_>, keys: &KeyTable, out: &mut Findings) -> Result<(), Exceeded> {
        let first = out.found.len();
        let done = self.inner.events(chunk, keys, out);
        self.hold_back(first, keys, out);
        done
    }

    fn advance(&mut self, to: EventTime, keys: &KeyTable, out: &mut Findings) {
        let first = out.found.len();
        self.inner.advance(to, keys, out);
        self.hold_back(first, keys, out);
        self.forget(to);
    }

    fn finish(&mut self, keys: &KeyTable, out: &mut Findings) {
        let first = out.found.len();
        self.inner.finish(keys, out);
        self.hold_back(first, keys, out);
        self.keys.iter().for_each(|(key, remembered)| note(&mut self.changes, key, remembered));
        self.keys.clear();
        self.forgets.clear();
    }

    fn keys(&self) -> &[KeyId] {
        self.inner.keys()
    }

    fn track(&mut self) {
        self.inner.track();
        self.changes.get_or_insert_default();
    }

    fn released(&self) -> Vec<KeyId> {
        self.inner.released()
    }

    fn begin_epoch(&mut self) {
        self.inner.begin_epoch();
        if let Some(Changes { noted, pending, is_telling, .. }) = &mut self.changes {
            *pending = std::mem::take(noted);
            *is_telling = true;
        }
    }

    fn save(&mut self, which: Which<'_>, now: EventTime, keys: &KeyTable, sink: &mut Sink<'_>) -> bool {
        // Where the executor holds nothing, time is not told.
        self.forget(now);
        let Limited { inner, keys: remembered, changes, bytes: place, limit, .. } = self;
        let Some(Changes { noted, pending, is_telling, kept }) = changes else { return false };
        let mut tell = |key: &Arc<[Value]>, place: &[u8], of_inner: &[u8]| {
            let remembered = remembered.get_mut(place);
            let mut limiter = None;
            if let Some(remembered) = remembered {
                remembered.is_held = !of_inner.is_empty();
                limiter = Some(&mut remembered.limiter);
            }
            sink(key, &record(kept.get_mut(place).or(limiter), of_inner, *limit));
        };
        let is_inner_telling = inner.save(which, now, keys, &mut |key, of_inner| {
            encode(key, place);
            pending.remove(place.as_slice());
            if let Some(changed) = noted.get_mut(place.as_slice()) {
                changed.is_held = !of_inner.is_empty();
            }
            tell(key, place, of_inner);
        });
        if let Which::AtMost(count) = which
            && !is_inner_telling
        {
            // What the executor has told before of a key that it holds still holds, and with it the record.
            let told = std::iter::from_fn(|| pending.pop_first()).filter(|(_, changed)| !changed.is_held);
            told.take(count).for_each(|(place, changed)| tell(&changed.key, &place, &[]));
            *is_telling = !pending.is_empty();
            if !*is_telling {
                *kept = FxHashMap::default();
            }
        }
        *is_telling
    }

    fn due(&mut self, to: EventTime, keys: &mut Vec<KeyId>) {
        self.inner.due(to, keys);
    }

    fn load(&mut self, saved: &[SavedKey<'_>], now: EventTime) -> Coded {
        let mut of_inner = Vec::with_capacity(saved.len());
        for SavedKey { key, values, bytes } in saved {
            let mut codec = Codec::loading(bytes);
            let mut limiter = Limiter::default();
            limiter.walk(self.limit, &mut codec)?;
            let bytes = codec.rest();
            if !bytes.is_empty() {
                of_inner.push(SavedKey { key: *key, values, bytes });
            }
            encode(values, &mut self.bytes);
            // What is remembered is not forgotten where the executor forgets what it holds.
            let is_known = self.keys.contains_key(self.bytes.as_slice());
            if let Some(last) = limiter.last().filter(|_| !is_known) {
                let place: Box<[u8]> = self.bytes.as_slice().into();
                self.forgets.push_back((last, place.clone()));
                let key = Arc::clone(values);
                self.keys.insert(place, Remembered { limiter, key, is_held: !bytes.is_empty() });
            }
        }
        self.forgets.make_contiguous().sort();
        self.inner.load(&of_inner, now)
    }

    fn evict(&mut self, at_most: usize) -> Vec<(KeyId, EventTime)> {
        self.inner.evict(at_most)
    }

    fn usage(&self) -> Usage {
        let usage = self.inner.usage();
        let remembered = self.keys.len() * (size_of::<Remembered>() + self.bytes.capacity());
        let forgets = self.forgets.len() * (size_of::<(EventTime, Box<[u8]>)>() + self.bytes.capacity());
        Usage {
            bytes: usage.bytes + (remembered + forgets) as u64,
            suppressed: usage.suppressed + self.suppressed,
            ..usage
        }
    }

    fn each_open(&self, key: KeyId, now: EventTime, visit: &mut OpenVisit<'_>) {
        self.inner.each_open(key, now, visit);
    }

    fn each_start(&self, now: EventTime, visit: &mut dyn FnMut(PatternId, EventTime)) {
        self.inner.each_start(now, visit);
    }

    fn drop_starts(
        &mut self,
        pattern: PatternId,
        cut: Cut,
        now: EventTime,
        keys: &KeyTable,
        out: &mut Findings,
    ) -> Dropped {
        let first = out.found.len();
        let dropped = self.inner.drop_starts(pattern, cut, now, keys, out);
        self.hold_back(first, keys, out);
        dropped
    }
}
