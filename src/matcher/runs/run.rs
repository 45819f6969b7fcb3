//! A run, and the events it holds.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::event::StepId;
use crate::matcher::{Event, Found, Held, Kind, Order, Taken};
use crate::nfa::{Automaton, PositionId, Way};
use crate::time::EventTime;

/// An event held, linked to the one taken before it. Runs that went the same way share their nodes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<Arc<Node>>,
    pub(super) step: StepId,
    pub(super) event: Arc<Event>,
    /// The way by which it was taken: of which position, `None` at the start, and which.
    pub(super) from: Option<PositionId>,
    pub(super) way: u16,
}

impl Node {
    fn way<'a>(&self, automaton: &'a Automaton) -> &'a Way {
        let ways = match self.from {
            Some(position) => &automaton.position(position).ways,
            None => &automaton.start,
        };
        &ways[usize::from(self.way)]
    }
}

impl Drop for Node {
    /// Without recursion: a loop may have taken a million events.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut node) = parent.and_then(Arc::into_inner) {
            parent = node.parent.take();
        }
    }
}

/// A set of ways of one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WaySet {
    Few(u64),
    Many(Box<[u64]>),
}

impl WaySet {
    /// All of so many ways.
    pub(super) fn all(count: usize) -> WaySet {
        match count {
            0 => WaySet::Few(0),
            1..=64 => WaySet::Few(u64::MAX >> (64 - count)),
            _ => {
                let mut set = WaySet::Many(vec![0; count.div_ceil(64)].into());
                (0..count).for_each(|way| set.insert(way));
                set
            }
        }
    }

    /// Its words: as many for any set of the same ways.
    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        match self {
            WaySet::Few(word) => std::slice::from_mut(word),
            WaySet::Many(words) => words,
        }
    }

    pub(super) fn contains(&self, way: usize) -> bool {
        match self {
            WaySet::Few(word) => word >> way & 1 == 1,
            WaySet::Many(words) => words[way / 64] >> (way % 64) & 1 == 1,
        }
    }

    fn insert(&mut self, way: usize) {
        match self {
            WaySet::Few(word) => *word |= 1 << way,
            WaySet::Many(words) => words[way / 64] |= 1 << (way % 64),
        }
    }

    pub(super) fn remove(&mut self, way: usize) {
        match self {
            WaySet::Few(word) => *word &= !(1 << way),
            WaySet::Many(words) => words[way / 64] &= !(1 << (way % 64)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            WaySet::Few(word) => *word == 0,
            WaySet::Many(words) => words.iter().all(|word| *word == 0),
        }
    }
}

/// A match that waits for absences at its end.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) waits: Vec<(StepId, EventTime)>,
    pub(super) is_next: bool,
}

/// An open run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) node: Arc<Node>,
    pub(super) start: Order,
    pub(super) position: PositionId,
    pub(super) open: WaySet,
    pub(super) pending: Option<Box<Pending>>,
    /// Whether no event has come since the last one taken.
    pub(super) is_fresh: bool,
    /// When the pattern's window closes.
    pub(super) window_end: Option<EventTime>,
    /// The next time at which something about it is decided by time alone.
    pub(super) deadline: Option<EventTime>,
}

impl Run {
    /// A run that holds one event more than `before`.
    pub(super) fn extend(
        before: Option<&Run>,
        target: PositionId,
        way: u16,
        event: &Arc<Event>,
        automaton: &Automaton,
    ) -> Run {
        let position = automaton.position(target);
        let node = Node {
            parent: before.map(|run| Arc::clone(&run.node)),
            step: position.step,
            event: Arc::clone(event),
            from: before.map(|run| run.position),
            way,
        };
        Run {
            node: Arc::new(node),
            start: before.map_or_else(|| event.order(), |run| run.start),
            position: target,
            open: WaySet::all(position.ways.len()),
            pending: None,
            is_fresh: true,
            window_end: before.and_then(|run| run.window_end),
            deadline: None,
        }
    }

    /// Whether it can still come to something.
    pub(super) fn is_alive(&self) -> bool {
        !self.open.is_empty() || self.pending.is_some()
    }

    /// The event taken last.
    pub(super) fn last(&self) -> &Event {
        &self.node.event
    }

    /// The time of the first event of the current iteration of a group.
    pub(super) fn iteration_start(
        &self,
        group: crate::lang::hir::GroupId,
        automaton: &Automaton,
    ) -> Option<EventTime> {
        let mut node = Some(&self.node);
        while let Some(one) = node {
            if one.way(automaton).enters.contains(&group) {
                return Some(one.event.time);
            }
            node = one.parent.as_ref();
        }
        None
    }

    /// What it holds, as a match or timeout.
    pub(super) fn found(&self, kind: Kind, at: EventTime) -> Found {
        let mut events = Vec::new();
        let mut node = Some(&self.node);
        while let Some(one) = node {
            events.push((one.step, Arc::clone(&one.event)));
            node = one.parent.as_ref();
        }
        events.reverse();
        Found { kind, at, completed: at, events }
    }

    /// What it holds, for conditions.
    pub(super) fn held<'a>(&'a self, automaton: &'a Automaton) -> RunEvents<'a> {
        RunEvents { run: self, automaton }
    }
}

/// The events of a run.
pub(super) struct RunEvents<'a> {
    run: &'a Run,
    automaton: &'a Automaton,
}

impl Held for RunEvents<'_> {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {
        let mut node = Some(&self.run.node);
        while let Some(one) = node {
            let enters = &one.way(self.automaton).enters;
            if visit(Taken { step: one.step, event: &*one.event, enters }).is_break() {
                return;
            }
            node = one.parent.as_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_set_is_a_set() {
        for count in [0, 1, 63, 64, 65, 200] {
            let mut set = WaySet::all(count);
            assert!((0..count).all(|way| set.contains(way)));
            assert_eq!(set.is_empty(), count == 0);
            (0..count).for_each(|way| set.remove(way));
            assert!(set.is_empty());
        }
    }
}
