//! `limit n per D` around an executor: it finds what it finds, and what is too much is held back.
//!
//! A match that is held back still skips and still ends its episode, so an executor need not know of it. It has to tell
//! the matches of one key in the order in which they count: by time, and within one moment by first event.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::executor::{Chunk, Findings, KeyFound};
use super::keys::{KeyId, KeyTable, encode};
use super::limiter::Limiter;
use super::{Bounds, Cut, Dropped, Exceeded, Executor, Plan, Usage};
use crate::event::PatternId;
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
        }),
    }
}

struct Limited<E> {
    inner: E,
    limit: Limit,
    /// What was let out of each key lately, by the bytes of the key: nothing else holds a key for so long.
    keys: FxHashMap<Box<[u8]>, Limiter>,
    /// Keys by the time of a match that was let out.
    forgets: VecDeque<(EventTime, Box<[u8]>)>,
    suppressed: u64,
    bytes: Vec<u8>,
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
        encode(keys.values(found.key), &mut self.bytes);
        if !self.keys.contains_key(self.bytes.as_slice()) {
            self.keys.insert(self.bytes.as_slice().into(), Limiter::default());
        }
        let limiter = self.keys.get_mut(self.bytes.as_slice()).expect("it was added");
        let is_allowed = limiter.allows(Some(self.limit), found.kind, found.at);
        self.suppressed += limiter.take_suppressed();
        if is_allowed {
            self.forgets.push_back((found.at, self.bytes.as_slice().into()));
        }
        is_allowed
    }

    fn forget(&mut self, now: EventTime) {
        while let Some((at, key)) = self.forgets.front() {
            if now.since(*at) < self.limit.per {
                return;
            }
            if let Some(limiter) = self.keys.get_mut(key) {
                limiter.forget(Some(self.limit), now);
                if limiter.forgets_at(Some(self.limit)).is_none() {
                    self.keys.remove(key);
                }
            }
            self.forgets.pop_front();
        }
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
        self.keys.clear();
        self.forgets.clear();
    }

    fn keys(&self) -> &[KeyId] {
        self.inner.keys()
    }

    fn usage(&self) -> Usage {
        let usage = self.inner.usage();
        let remembered = self.keys.len() * (size_of::<Limiter>() + self.bytes.capacity());
        let forgets = self.forgets.len() * (size_of::<(EventTime, Box<[u8]>)>() + self.bytes.capacity());
        Usage {
            bytes: usage.bytes + (remembered + forgets) as u64,
            suppressed: usage.suppressed + self.suppressed,
            ..usage
        }
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
