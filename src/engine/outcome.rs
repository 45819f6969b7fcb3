//! What was found, in the order in which it is told.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::event::{PatternId, SlotId, StepId, Value};
use crate::matcher::capture::Block;
use crate::matcher::keys::KeyTable;
use crate::matcher::{Event, Fields, Found, FoundEvents, Held, KeyFound, Kind, Order, Taken};
use crate::time::EventTime;

/// A match or timeout, with its pattern and key: what is sorted before it becomes records.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The pattern.
    pub pattern: PatternId,
    /// The key.
    pub keys: Arc<[Value]>,
    /// A match or a timeout.
    pub kind: Kind,
    /// When it became certain. [`EventTime::END`] where only the end of the input ended the wait.
    pub at: EventTime,
    /// When its last condition was met; `at` unless it had to wait for others.
    pub completed: EventTime,
    /// Its events with their steps, in order.
    pub events: Events,
    /// Whether its records were told already, by [`Engine::take_certain`](super::Engine::take_certain).
    pub(super) is_told: bool,
}

impl Outcome {
    /// Of what an executor found; `block` holds the events of what is flat.
    pub(super) fn of(found: KeyFound, keys: &KeyTable, block: Option<&Arc<Block>>) -> Outcome {
        let KeyFound { pattern, key, kind, at, completed, events } = found;
        let keys = Arc::clone(keys.values(key));
        let events = match events {
            FoundEvents::Shared(events) => Events::Shared(events),
            FoundEvents::Flat(first, count) => {
                let block = Arc::clone(block.expect("what is flat stands in a block"));
                Events::Flat { block, first, count }
            }
            FoundEvents::Tallied(tallied) => {
                let block = Arc::clone(block.expect("the event of a tally stands in a block"));
                let event = Events::Flat { block, first: tallied.event, count: 1 };
                event.last_with(tallied.values)
            }
        };
        Outcome { pattern, keys, kind, at, completed, events, is_told: false }
    }

    /// Of what the oracle found.
    pub(super) fn of_found(pattern: PatternId, keys: Arc<[Value]>, found: Found) -> Outcome {
        let Found { kind, at, completed, events } = found;
        Outcome { pattern, keys, kind, at, completed, events: Events::Shared(events), is_told: false }
    }

    /// Output order: time, pattern in file order, the places of the events, matches before timeouts, steps.
    pub fn cmp_output(&self, other: &Outcome) -> Ordering {
        self.at
            .cmp(&other.at)
            .then_with(|| self.pattern.cmp(&other.pattern))
            .then_with(|| self.orders().cmp(other.orders()))
            .then_with(|| self.kind.cmp(&other.kind))
            .then_with(|| self.events.iter().map(EventRef::step).cmp(other.events.iter().map(EventRef::step)))
    }

    fn orders(&self) -> impl Iterator<Item = Order> + '_ {
        self.events.iter().map(EventRef::order)
    }

    /// Its events, for expressions.
    pub(super) fn held(&self) -> OutcomeEvents<'_> {
        OutcomeEvents {
            events: self.events.iter().collect(),
            tallied: match &self.events {
                Events::Tallied(tallied) => &tallied.values,
                _ => &[],
            },
        }
    }
}

/// The events of a match.
#[derive(Clone, Debug)]
pub enum Events {
    /// As objects.
    Shared(Vec<(StepId, Arc<Event>)>),
    /// Some events of a block.
    Flat {
        /// The block.
        block: Arc<Block>,
        /// The first of them.
        first: u32,
        /// How many.
        count: u32,
    },
    /// Of all matches that one event completes that event, and what they come to.
    Tallied(Box<TalliedEvents>),
}

/// What the matches come to that one event completes.
#[derive(Clone, Debug)]
pub struct TalliedEvents {
    /// The event; this is never tallied itself.
    pub(super) completing: Events,
    /// The aggregates of the pattern's tally.
    pub(super) values: Box<[Value]>,
}

impl Events {
    /// How many there are, at least 1.
    pub fn len(&self) -> usize {
        match self {
            Events::Shared(events) => events.len(),
            Events::Flat { count, .. } => *count as usize,
            Events::Tallied(tallied) => tallied.completing.len(),
        }
    }

    /// The last event alone, with the aggregates over all matches that it completes.
    pub(super) fn last_with(self, values: Box<[Value]>) -> Events {
        let completing = match self {
            Events::Shared(mut events) => Events::Shared(events.drain(..).next_back().into_iter().collect()),
            Events::Flat { block, first, count } => {
                Events::Flat { block, first: first + count - 1, count: 1 }
            }
            Events::Tallied(tallied) => tallied.completing,
        };
        Events::Tallied(Box::new(TalliedEvents { completing, values }))
    }

    /// Whether there is none: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EventRef<'_>> + '_ {
        (0..self.len()).map(|at| self.at(at))
    }

    fn at(&self, at: usize) -> EventRef<'_> {
        match self {
            Events::Shared(events) => EventRef::Shared(events[at].0, &events[at].1),
            Events::Flat { block, first, .. } => EventRef::Flat(block, first + at as u32),
            Events::Tallied(tallied) => tallied.completing.at(at),
        }
    }
}

impl PartialEq for Events {
    fn eq(&self, other: &Events) -> bool {
        let places = |events: &Events| events.iter().map(|one| (one.step(), one.order())).collect::<Vec<_>>();
        places(self) == places(other)
    }
}

/// An event of a match.
#[derive(Clone, Copy, Debug)]
pub enum EventRef<'a> {
    /// An object.
    Shared(StepId, &'a Event),
    /// An event of a block.
    Flat(&'a Block, u32),
}

impl EventRef<'_> {
    /// Its step.
    pub fn step(self) -> StepId {
        match self {
            EventRef::Shared(step, _) => step,
            EventRef::Flat(block, event) => block.step(event),
        }
    }

    /// Its place in the total order.
    pub fn order(self) -> Order {
        match self {
            EventRef::Shared(_, event) => event.order(),
            EventRef::Flat(block, event) => block.order(event),
        }
    }

    /// The id of the record that it is, on a derived stream.
    pub fn origin(self) -> Option<u128> {
        match self {
            EventRef::Shared(_, event) => event.origin,
            EventRef::Flat(block, event) => block.origin(event),
        }
    }
}

impl Fields for EventRef<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        match self {
            EventRef::Shared(_, event) => event.slot(slot),
            EventRef::Flat(block, event) => block.value(*event, slot),
        }
    }
}

/// The events of a match, for expressions.
pub(super) struct OutcomeEvents<'a> {
    events: Vec<EventRef<'a>>,
    tallied: &'a [Value],
}

impl Held for OutcomeEvents<'_> {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {
        for event in self.events.iter().rev() {
            if visit(Taken { step: event.step(), event, enters: &[] }).is_break() {
                return;
            }
        }
    }

    fn tallied(&self, aggregate: usize) -> Value {
        self.tallied.get(aggregate).cloned().unwrap_or(Value::Null)
    }
}
