//! The runs of a key on their way out of the process and back.
//!
//! Runs share their events, and whole stretches of what they hold. So an event is saved where it is met first, and named
//! by its number from then on; and of the nodes of a run only those are saved that no run before it has, behind the number
//! of the last that one has. What comes back is shared as it was.
//!
//! Saved are what a run holds, which ways are open to it and what it waits for; the earlier events that absences before
//! the first step look back at; matches that wait, timeouts that may come to something, which starts have matched, the end
//! of the last episode, and what `limit` remembers. Steps, windows, deadlines and how many runs a start has are worked out
//! from that.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::key::{KeyRuns, deadline};
use super::run::{Node, Pending, Run, WaySet};
use super::select::{Selection, Start, needs_starts};
use crate::codec::{Codec, Coded, Damaged};
use crate::event::{PartitionId, SourcePosition, StepId, StreamId, Value};
use crate::lang::hir::Mode;
use crate::matcher::rank::Waiting;
use crate::matcher::{Event, Found, Kind, Order, Plan};
use crate::nfa::PositionId;
use crate::time::EventTime;

/// Walks the state of one key.
type RunsCodec<'a, 'p> = Codec<'a, Around<'p>>;

/// What is known while a key is walked.
struct Around<'p> {
    plan: &'p Plan,
    met: Met,
}

/// The events and nodes that were met so far: their numbers, or by their numbers.
enum Met {
    Save(FxHashMap<*const Event, usize>, FxHashMap<*const Node, usize>),
    Load(Vec<Arc<Event>>, Vec<Tip>),
}

/// A node that came back, as what a run holds that stands at it.
#[derive(Clone)]
struct Tip {
    node: Arc<Node>,
    position: PositionId,
    start: Order,
}

impl KeyRuns {
    /// Saves what is held for a key.
    pub(super) fn save(&mut self, plan: &Plan, out: &mut Vec<u8>) {
        let met = Met::Save(FxHashMap::default(), FxHashMap::default());
        let mut codec = Codec::saving(out).with(Around { plan, met });
        self.code(&mut codec).expect("what is held can be saved");
    }

    /// Loads what was saved.
    ///
    /// # Errors
    ///
    /// [`Damaged`].
    pub(super) fn load(plan: &Plan, bytes: &[u8]) -> Result<KeyRuns, Damaged> {
        let mut key = KeyRuns::default();
        let mut codec = Codec::loading(bytes).with(Around { plan, met: Met::Load(Vec::new(), Vec::new()) });
        key.code(&mut codec)?;
        codec.end()?;
        ensure(!key.is_idle(plan), "what a key holds")?;
        key.deadline = key.runs.iter().filter_map(|run| run.deadline).min();
        Ok(key)
    }

    fn code(&mut self, codec: &mut RunsCodec<'_, '_>) -> Coded {
        let plan = codec.around.plan;
        for at in 0..codec.length(self.runs.len())? {
            let saved = self.runs.get(at).map(|run| (&run.node, run.position));
            if let Some(tip) = codec.tip(saved)? {
                self.runs.push(Run::restored(tip, plan));
            }
            codec.run(&mut self.runs[at])?;
        }
        if !plan.automaton.leading.is_empty() {
            for at in 0..codec.length(self.history.len())? {
                let event = codec.event(self.history.get(at))?;
                self.history.extend(codec.is_loading().then_some(event));
            }
            ensure(self.history.iter().is_sorted_by_key(|event| event.order()), "an earlier event")?;
        }
        if codec.is_loading() && needs_starts(plan) {
            self.runs.iter().for_each(|run| self.selection.run_began(plan, run.start));
        }
        self.selection.code(codec)
    }
}

impl Run {
    /// A run to which everything is open.
    fn restored(tip: Tip, plan: &Plan) -> Run {
        let Tip { node, position, start } = tip;
        Run {
            open: WaySet::all(plan.automaton.position(position).ways.len()),
            window_end: plan.pattern.within.map(|within| start.time.plus(within)),
            node,
            start,
            position,
            pending: None,
            is_fresh: true,
            deadline: None,
        }
    }

    /// Refuses what cannot be open, or be waited for.
    fn check(&mut self, plan: &Plan) -> Coded {
        let position = plan.automaton.position(self.position);
        let mut all = WaySet::all(position.ways.len());
        let mut words = self.open.words_mut().iter().zip(all.words_mut());
        ensure(words.all(|(open, all)| *open & !*all == 0), "which ways are open")?;
        ensure(self.is_alive(), "which ways are open")?;
        let Some(pending) = &self.pending else { return Ok(()) };
        let end = position.end.as_ref().ok_or(Damaged::Odd("what is waited for"))?;
        let is_wait = |step: StepId| end.waits.iter().any(|wait| wait.step == step);
        let can_be = pending.waits.iter().all(|(step, _)| is_wait(*step))
            && (!pending.is_next || !end.next.is_empty())
            && (!pending.waits.is_empty() || pending.is_next);
        ensure(can_be, "what is waited for")
    }
}

impl Selection {
    fn code(&mut self, codec: &mut RunsCodec<'_, '_>) -> Coded {
        let pattern = &codec.around.plan.pattern;
        let waiting = || Waiting { moment: 0, found: nothing(Kind::Match) };
        codec.list(&mut self.waiting, waiting, |waiting, codec| {
            codec.u64(&mut waiting.moment)?;
            ensure(waiting.moment < u64::MAX >> 1, "a moment")?;
            codec.found(&mut waiting.found)
        })?;
        if codec.is_loading() {
            self.moment = self.waiting.iter().map(|waiting| waiting.moment).max().unwrap_or(0);
        }
        code_starts(&mut self.starts, codec)?;
        if pattern.mode != Mode::All {
            let start = || Order { time: EventTime::START, position: position(StreamId(0)) };
            codec.option(&mut self.episode_end, start, |end, codec| {
                codec.time(&mut end.time)?;
                codec.u32(&mut end.position.stream.0)?;
                codec.position(&mut end.position)
            })?;
        }
        pattern.limit.map_or(Ok(()), |limit| self.limiter.walk(limit, codec))
    }
}

/// What is known of starts, beside their runs; they are those of the runs.
fn code_starts(starts: &mut BTreeMap<Order, Start>, codec: &mut RunsCodec<'_, '_>) -> Coded {
    starts.values_mut().try_for_each(|start| {
        codec.flag(&mut start.has_matched)?;
        codec.option(&mut start.timeout, || nothing(Kind::Timeout), |found, codec| codec.found(found))
    })
}

/// What was found, before its events are loaded.
fn nothing(kind: Kind) -> Found {
    Found { kind, at: EventTime::START, completed: EventTime::START, events: Vec::new() }
}

/// A place in a stream, before it is loaded.
fn position(stream: StreamId) -> SourcePosition {
    SourcePosition { stream, partition: PartitionId(0), record: 0 }
}

fn ensure(is_so: bool, what: &'static str) -> Coded {
    if is_so { Ok(()) } else { Err(Damaged::Odd(what)) }
}

impl RunsCodec<'_, '_> {
    /// A run that stands where it stands.
    fn run(&mut self, run: &mut Run) -> Coded {
        self.flag(&mut run.is_fresh)?;
        run.open.words_mut().iter_mut().try_for_each(|word| self.u64(word))?;
        let pending = || Box::new(Pending { waits: Vec::new(), is_next: false });
        self.option(&mut run.pending, pending, |pending, codec| {
            codec.flag(&mut pending.is_next)?;
            let wait = || (StepId(0), EventTime::START);
            codec.list(&mut pending.waits, wait, |(step, until), codec| {
                codec.u32(&mut step.0)?;
                codec.time(until)
            })
        })?;
        if self.is_loading() {
            run.check(self.around.plan)?;
            run.deadline = deadline(self.around.plan, run);
        }
        Ok(())
    }

    /// What a run holds: the number of the last node that was met, and those behind it. Given where it is saved, made
    /// where it is loaded.
    fn tip(&mut self, saved: Option<(&Arc<Node>, PositionId)>) -> Result<Option<Tip>, Damaged> {
        let mut new = Vec::new();
        let mut known = 0;
        let mut at = saved;
        while let Some((node, position)) = at {
            if let Met::Save(_, nodes) = &self.around.met
                && let Some(number) = nodes.get(&Arc::as_ptr(node))
            {
                known = number + 1;
                break;
            }
            new.push((node, position));
            at = node.parent.as_ref().zip(node.from);
        }
        self.usize(&mut known)?;
        let count = self.length(new.len())?;
        let mut tip = match (&self.around.met, known.checked_sub(1)) {
            (Met::Load(_, nodes), Some(known)) => {
                Some(nodes.get(known).cloned().ok_or(Damaged::Odd("the number of a node"))?)
            }
            _ => None,
        };
        for at in (0..count).rev() {
            tip = self.node(tip, new.get(at).copied())?;
        }
        ensure(tip.is_some() == self.is_loading(), "what a run holds")?;
        Ok(tip)
    }

    /// A node behind another.
    fn node(
        &mut self,
        before: Option<Tip>,
        saved: Option<(&Arc<Node>, PositionId)>,
    ) -> Result<Option<Tip>, Damaged> {
        let event = self.event(saved.map(|(node, _)| &node.event))?;
        let (mut way, mut position) =
            saved.map_or((0, 0), |(node, position)| (u32::from(node.way), position.0));
        self.u32(&mut way)?;
        self.u32(&mut position)?;
        let plan = self.around.plan;
        match &mut self.around.met {
            Met::Save(_, nodes) => {
                nodes.extend(saved.map(|(node, _)| (Arc::as_ptr(node), nodes.len())));
                Ok(None)
            }
            Met::Load(_, nodes) => {
                let tip = Tip::behind(before, event, (way, PositionId(position)), plan)?;
                nodes.push(tip.clone());
                Ok(Some(tip))
            }
        }
    }

    /// An event: its number, and what it is where it is met first. Given where it is saved, made where it is loaded.
    fn event(&mut self, saved: Option<&Arc<Event>>) -> Result<Arc<Event>, Damaged> {
        let next = match &self.around.met {
            Met::Save(events, _) => events.len(),
            Met::Load(events, _) => events.len(),
        };
        let mut number = match (&self.around.met, saved) {
            (Met::Save(events, _), Some(event)) => events.get(&Arc::as_ptr(event)).copied().unwrap_or(next),
            _ => next,
        };
        self.usize(&mut number)?;
        if number < next {
            return Ok(match (&self.around.met, saved) {
                (Met::Load(events, _), _) => Arc::clone(&events[number]),
                (_, Some(event)) => Arc::clone(event),
                (Met::Save(..), None) => unreachable!("what is saved is there"),
            });
        }
        ensure(number == next, "the number of an event")?;
        let event = self.new_event(saved)?;
        match &mut self.around.met {
            Met::Save(events, _) => events.extend([(Arc::as_ptr(&event), next)]),
            Met::Load(events, _) => events.push(Arc::clone(&event)),
        }
        Ok(event)
    }

    /// What an event is.
    fn new_event(&mut self, saved: Option<&Arc<Event>>) -> Result<Arc<Event>, Damaged> {
        let pattern = &self.around.plan.pattern;
        let mut source = saved.map_or(0, |event| event.source);
        self.usize(&mut source)?;
        let stream = pattern.sources.get(source).ok_or(Damaged::Odd("the source of an event"))?.stream;
        let mut event = saved.map_or_else(
            || Event {
                time: EventTime::START,
                position: position(stream),
                origin: None,
                source,
                values: vec![Value::Null; pattern.slots.len()].into(),
            },
            |event| Event::clone(event),
        );
        self.time(&mut event.time)?;
        self.position(&mut event.position)?;
        self.option(&mut event.origin, || 0, |origin, codec| codec.u128(origin))?;
        for (value, slot) in event.values.iter_mut().zip(&pattern.slots) {
            self.value(value)?;
            ensure(value.ty().is_none_or(|ty| ty == slot.ty), "the type of a field")?;
        }
        Ok(saved.cloned().unwrap_or_else(|| Arc::new(event)))
    }

    /// A place in a stream that is known.
    fn position(&mut self, position: &mut SourcePosition) -> Coded {
        self.u32(&mut position.partition.0)?;
        self.u64(&mut position.record)
    }

    /// What was found and is not out yet.
    fn found(&mut self, found: &mut Found) -> Coded {
        self.time(&mut found.completed)?;
        for at in 0..self.length(found.events.len())? {
            let saved = found.events.get(at);
            let mut step = saved.map_or(StepId(0), |(step, _)| *step);
            self.u32(&mut step.0)?;
            let event = self.event(saved.map(|(_, event)| event))?;
            found.events.extend(self.is_loading().then_some((step, event)));
        }
        if self.is_loading() {
            // When it comes out is said then.
            found.at = found.completed;
        }
        let steps = self.around.plan.pattern.steps.len();
        let is_ordered = found.events.is_sorted_by(|(_, left), (_, right)| left.order() < right.order());
        let can_be = !found.events.is_empty() && found.events.iter().all(|(step, _)| step.index() < steps);
        ensure(can_be && is_ordered, "what was found")
    }
}

impl Tip {
    /// What a run holds that has taken an event more.
    fn behind(
        before: Option<Tip>,
        event: Arc<Event>,
        (way, position): (u32, PositionId),
        plan: &Plan,
    ) -> Result<Tip, Damaged> {
        let automaton = &plan.automaton;
        let from = before.as_ref().map(|before| before.position);
        let ways = from.map_or(&automaton.start, |from| &automaton.position(from).ways);
        let targets = ways.get(way as usize).map_or(&[][..], |way| &way.targets);
        ensure(targets.contains(&position), "the way of an event")?;
        let is_later = before.as_ref().is_none_or(|before| before.node.event.order() < event.order());
        ensure(is_later, "the order of events")?;
        let start = before.as_ref().map_or_else(|| event.order(), |before| before.start);
        let node = Node {
            parent: before.map(|before| before.node),
            step: automaton.position(position).step,
            event,
            from,
            way: u16::try_from(way).map_err(|_| Damaged::Odd("the way of an event"))?,
        };
        Ok(Tip { node: Arc::new(node), position, start })
    }
}
