//! Open partial matches as people look at them.

use super::Order;
use crate::event::{PatternId, SlotId, StepId, Value};
use crate::time::EventTime;

/// An open partial match.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenMatch {
    /// The pattern.
    pub pattern: PatternId,
    /// The time of its first event.
    pub began: EventTime,
    /// Its events in order, each with the step that took it. A class that keeps choices has all events that may be chosen
    /// behind the first; one that counts through has none.
    pub events: Vec<OpenEvent>,
    /// When it ends if nothing more comes: its window closes, or its wait is over.
    pub deadline: Option<EventTime>,
}

/// An event that an open partial match holds.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenEvent {
    /// The step.
    pub step: StepId,
    /// Its place in the total order.
    pub order: Order,
    /// The fields that are kept of it.
    pub values: Vec<(SlotId, Value)>,
}

/// Takes open partial matches.
pub type OpenVisit<'a> = dyn FnMut(OpenMatch) + 'a;
