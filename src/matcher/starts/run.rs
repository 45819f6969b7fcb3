//! A run as conditions see it: the events of its fixed positions, and a stretch of a loop's.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::list::List;
use super::reads::{Condition, Place, Quick, Read};
use super::shape::Shape;
use crate::event::{Decimal, SlotId, StepId, Type, Value};
use crate::lang::hir::{Aggregate, CompareOp, GroupId, Pattern};
use crate::matcher::capture::{Arena, Handle, cell_of};
use crate::matcher::chunk::Row;
use crate::matcher::eval::{mean_of, sum_of};
use crate::matcher::{Faults, Fields, Held, Nothing, Scope, Taken, is_true};
use crate::time::{Duration, EventTime};

/// What does not change while an event is worked on.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) shape: &'a Shape,
    pub(super) arena: &'a Arena,
    pub(super) keys: &'a [Value],
    pub(super) faults: &'a Faults,
}

/// A run.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) around: Surroundings<'a>,
    /// The events of fixed positions.
    pub(super) fixed: &'a [Handle],
    pub(super) list: &'a List,
    /// The stretch of the list that it holds.
    pub(super) stretch: (usize, usize),
}

impl Run<'_> {
    /// Whether all of some conditions are true, of a candidate or of the run alone.
    pub(super) fn meets(&self, conditions: &[Condition], row: Option<&Row<'_>>, enters: &[GroupId]) -> bool {
        conditions.iter().all(|condition| match (&condition.quick, row) {
            (Some(quick), Some(row)) => self.meets_quick(quick, row),
            _ => self.meets_one(condition, row.map_or(Event::None, Event::Row), enters),
        })
    }

    /// Whether all of some conditions are true of an event that came before it.
    pub(super) fn is_preceded_by(&self, earlier: Handle, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| self.meets_one(condition, Event::Captured(earlier), &[]))
    }

    fn meets_one(&self, condition: &Condition, row: Event<'_>, enters: &[GroupId]) -> bool {
        let Surroundings { pattern, keys, faults, .. } = self.around;
        let candidate = Candidate { run: *self, event: row };
        let walked;
        let held: &dyn Held = match condition.walks {
            true => {
                walked = self.walked();
                &walked
            }
            false => &Nothing,
        };
        // Without a row nothing asks for its fields, but for those that do not exist; inside of looped groups, where there
        // are none of these, it matters that there is no candidate.
        let has_candidate = !matches!(row, Event::None) || pattern.groups.is_empty();
        let candidate = has_candidate.then_some(&candidate as &dyn Fields);
        is_true(&condition.expr, &Scope { pattern, candidate, held, entering: enters, keys, faults })
    }

    fn meets_quick(&self, quick: &Quick, row: &Row<'_>) -> bool {
        let Surroundings { pattern, arena, .. } = self.around;
        let Some(field) = pattern.sources[row.source].fields[quick.candidate.index()] else { return false };
        let Some(event) = self.event(quick.place) else { return false };
        let held = arena.word(event, quick.captured);
        let (Some(left), Some(right)) = (cell_of(row.batch, row.row, field), held) else { return false };
        if !quick.is_text {
            return quick.op.meets((left as i64).cmp(&(right as i64)));
        }
        let is_equal = left == right
            || (left >> 32 != right >> 32
                && row.batch.value(row.row, field) == arena.value(event, quick.held));
        is_equal == (quick.op == CompareOp::Equal)
    }

    fn event(&self, place: Place) -> Option<Handle> {
        let (from, to) = self.stretch;
        let looped = self.list.handles(from, to);
        match place {
            Place::Fixed(at) => self.fixed.get(at).copied(),
            Place::FromFirst(at) => looped.get(at).copied(),
            Place::FromLast(at) => looped.len().checked_sub(at + 1).map(|at| looped[at]),
        }
    }

    /// The value of a field that does not exist.
    fn read(&self, read: Read, row: Option<&Row<'_>>) -> Value {
        let Surroundings { shape, arena, faults, pattern, .. } = self.around;
        let (from, to) = self.stretch;
        match read {
            Read::Count => Value::Int((to - from) as i64),
            Read::Field(place, slot) => {
                self.event(place).map_or(Value::Null, |event| arena.value(event, slot))
            }
            Read::Among(slot, field) => {
                let Some(row) = row else { return Value::Null };
                let column = pattern.sources[row.source].fields[slot.index()];
                let word = column.and_then(|column| cell_of(row.batch, row.row, column));
                let value = || column.map_or(Value::Null, |column| row.batch.value(row.row, column));
                let found = self.list.has(self.stretch, field, &shape.tracked, arena, (word, value));
                found.map_or(Value::Null, Value::Bool)
            }
            Read::Of(function, field) => {
                let tracked = &shape.tracked;
                let ty = tracked[field].ty;
                let sum = || self.list.sum(from, to, field, tracked);
                let extreme = |wanted| self.list.extreme(self.stretch, field, tracked, wanted);
                match function {
                    Aggregate::Count => Value::Int(sum().1 as i64),
                    Aggregate::Sum => sum_of(sum().0, ty, faults),
                    Aggregate::Avg => mean_of(sum(), ty),
                    Aggregate::Min => extreme(Ordering::Less).map_or(Value::Null, |word| whole(ty, word)),
                    Aggregate::Max => extreme(Ordering::Greater).map_or(Value::Null, |word| whole(ty, word)),
                    Aggregate::Distinct => Value::Int(self.list.distinct(from, to, field, tracked) as i64),
                    Aggregate::Stddev => Value::Null,
                }
            }
        }
    }

    /// Its events, one by one.
    fn walked(&self) -> Walked<'_> {
        let Surroundings { shape, arena, .. } = self.around;
        let fixed = self.fixed.iter().enumerate().map(|(at, event)| {
            let spot = shape.prefix.get(at).or(shape.last.as_ref());
            (shape.fixed[at], *event, spot.map_or(&[][..], |spot| spot.enters.as_slice()))
        });
        let (from, to) = self.stretch;
        let step = shape.repeated.as_ref().map_or(StepId(0), |repeated| repeated.first.step);
        let looped = self.list.handles(from, to).iter().map(|event| (step, *event, &[][..]));
        let captured = |(step, event, enters)| Captured { arena, event, step, enters };
        let mut events: Vec<Captured<'_>> = fixed.chain(looped).map(captured).collect();
        events.reverse();
        Walked(events)
    }
}

fn whole(ty: Type, word: i64) -> Value {
    match ty {
        Type::Decimal(scale) => Value::Decimal(Decimal { units: word, scale }),
        Type::Timestamp => Value::Timestamp(EventTime::from_micros(word)),
        Type::Duration => Value::Duration(Duration::from_micros(word)),
        _ => Value::Int(word),
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
enum Event<'a> {
    None,
    Row(&'a Row<'a>),
    Captured(Handle),
}

/// The candidate, with the fields that do not exist.
struct Candidate<'a> {
    run: Run<'a>,
    event: Event<'a>,
}

impl Fields for Candidate<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        let Surroundings { pattern, shape, .. } = self.run.around;
        match (slot.index().checked_sub(pattern.slots.len()), self.event) {
            (Some(read), Event::Row(row)) => self.run.read(shape.reads[read], Some(row)),
            (Some(read), _) => self.run.read(shape.reads[read], None),
            (None, Event::Row(row)) => row.fields(pattern).slot(slot),
            (None, Event::Captured(event)) => self.run.around.arena.value(event, slot),
            (None, Event::None) => Value::Null,
        }
    }
}

/// The events of a run, the newest first.
struct Walked<'a>(Vec<Captured<'a>>);

struct Captured<'a> {
    arena: &'a Arena,
    event: Handle,
    step: StepId,
    enters: &'a [GroupId],
}

impl Fields for Captured<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        self.arena.value(self.event, slot)
    }
}

impl Held for Walked<'_> {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(Taken<'a>) -> ControlFlow<()>) {
        for event in &self.0 {
            if visit(Taken { step: event.step, event, enters: event.enters }).is_break() {
                return;
            }
        }
    }
}
